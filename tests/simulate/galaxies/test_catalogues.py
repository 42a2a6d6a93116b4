"""Galaxies from any catalogue: which are read, what their stamps promise, and how they look at another redshift."""

import logging
import shutil

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from astropy.io import fits

from lenstream.configs.components import INTERPOL
from lenstream.errors import DataError
from lenstream.simulate.galaxies.catalogues import read, read_cosmos
from lenstream.simulate.galaxies.procedural import procedural

from .cosmos import CATALOGUE, DATA, galaxy, real, write


def check_promises(stamps, n, size):
    assert stamps.images.shape == (n, 1, size, size)
    images = stamps.images[:, 0]
    assert images.dtype == np.float32 and images.flags.c_contiguous
    assert np.isfinite(images).all() and images.min() >= 0.0
    assert np.abs(images.sum((1, 2), dtype=float) - 1.0).max() < 1e-5
    assert not images[:, [0, -1]].any() and not images[:, :, [0, -1]].any()
    place = np.arange(size) - 0.5 * (size - 1)
    assert np.abs(images.sum(1) @ place).max() < 0.1 and np.abs(images.sum(2) @ place).max() < 0.1
    assert len(stamps.R_half) == len(stamps.pixel_scale) == len(stamps.redshift) == len(stamps.names) == n
    assert stamps.magnitude.shape == (n, 1)


@real
def test_real_galaxies():
    stamps = read_cosmos(CATALOGUE)
    size = stamps.images.shape[-1]
    assert size <= 256 and size % 2 == 0
    check_promises(stamps, 10, size)
    assert stamps.names[0] == "141190" and len(set(stamps.names)) == 10
    assert stamps.pixel_scale == pytest.approx(np.full(10, 0.03))
    assert stamps.magnitude.min() == pytest.approx(21.041) and stamps.magnitude.max() == pytest.approx(23.284)
    assert stamps.images[:, :, 1:3].max() < 0.005 * stamps.images.max((1, 2, 3)).min()
    # Close to SExtractor's half-light radii, in the second catalogue that belongs to the sample.
    published = fits.getdata(DATA / "real_galaxy_catalog_23.5_fits.fits", 1)["flux_radius"]
    assert (np.abs(stamps.R_half / published - 1.0) < 0.3).all()
    assert np.median(np.abs(stamps.R_half / published - 1.0)) < 0.1


@real
def test_small_stamps_hold_large_galaxies_binned():
    large, small = read_cosmos(CATALOGUE), read_cosmos(CATALOGUE, size=64)
    check_promises(small, 10, 64)
    binning = small.pixel_scale / large.pixel_scale
    assert binning.max() > 1.5 and np.allclose(binning, np.round(binning))
    assert small.R_half * small.pixel_scale == pytest.approx(large.R_half * large.pixel_scale, rel=0.05)


@real
def test_a_limit_spreads_through_the_catalogue():
    assert read_cosmos(CATALOGUE, limit=2).names == ("141190", "29162")
    assert read_cosmos(CATALOGUE.parent, limit=2).names == ("141190", "29162")


@real
def test_images_cut_short_leave_the_galaxies_before(tmp_path, caplog):
    shutil.copy(CATALOGUE, tmp_path / CATALOGUE.name)
    images = DATA / "real_galaxy_images_23.5_n1.fits"
    (tmp_path / images.name).write_bytes(images.read_bytes()[:350_000])
    with caplog.at_level(logging.WARNING, "lenstream"):
        stamps = read_cosmos(tmp_path / CATALOGUE.name)
    assert 2 <= len(stamps.names) < 10 and stamps.names[:2] == ("141190", "143346")
    assert len(caplog.records) == 1
    lost = 10 - len(stamps.names)
    assert f"{lost} of 10 galaxies of" in caplog.text and f"{lost} galaxies, e.g. 166341" in caplog.text


def test_a_made_up_catalogue_and_its_light(tmp_path):
    rng = np.random.default_rng(1)
    stamps = read_cosmos(write(tmp_path, [galaxy(rng), galaxy(rng, scale=3.0)]), size=81)
    check_promises(stamps, 2, 81)
    assert stamps.R_half[0] > 1.15 * stamps.R_half[1]
    rows, columns = np.indices((81, 81)) - 40.0
    truth = np.exp(-np.hypot(np.hypot(rows, 1.5 * columns), 1.0) / 4.0)
    assert np.abs(stamps.images[0, 0] - truth / truth.sum()).sum() < 0.15


def test_unusable_galaxies_are_left_out_with_one_warning(tmp_path, caplog):
    rng = np.random.default_rng(4)
    good, empty = galaxy(rng), rng.normal(0.0, 0.0025, (80, 80))
    path = write(
        tmp_path,
        [good, np.full((80, 80), np.nan), empty, np.zeros((80, 80)), np.ones((4, 4)), good, good, good, good],
        GAL_HDU=[0, 1, 2, 3, 4, 5, 99, 7, 8],
        MAG=[22.0, 22.1, 22.2, 22.3, 22.4, np.nan, 22.6, 22.7, 22.8],
        GAL_FILENAME=["images.fits"] * 7 + ["absent.fits", "images.fits"],
    )
    with caplog.at_level(logging.WARNING, "lenstream"):
        stamps = read_cosmos(path)
    assert stamps.names == ("100", "108") and stamps.magnitude[:, 0] == pytest.approx([22.0, 22.8])
    assert len(caplog.records) == 1
    for name in ("101", "102", "103", "104", "105", "106", "107: no file absent.fits"):
        assert name in caplog.text


def test_no_usable_galaxy(tmp_path):
    with pytest.raises(DataError, match=r"No galaxy of .* is usable: 100"):
        read_cosmos(write(tmp_path, [np.full((80, 80), np.nan)]))


def test_too_small_a_size(tmp_path):
    with pytest.raises(DataError, match="10 or more"):
        read_cosmos(tmp_path / "catalogue.fits", size=4)


# The one door


def component(catalogue, **keys):
    return INTERPOL(profile="INTERPOL", catalogue=str(catalogue), **keys)


def write_archive(folder, rng=None, **arrays):
    """Twelve galaxies in an archive, of magnitudes 21, 21.25, ... and half-light radii of about .2 to .6 arcsec."""
    rng = rng or np.random.default_rng(5)
    images = np.array([galaxy(rng, at=(39.5, 39.5), scale=s, flux=60.0) for s in np.linspace(2.0, 6.0, 12)])
    known = {"pixel_scale": np.float64(0.06), "magnitude": 21.0 + 0.25 * np.arange(12)}
    known["redshift"] = np.linspace(0.2, 1.3, 12)
    np.savez(folder / "galaxies.npz", **{"images": images} | known | arrays)
    return folder / "galaxies.npz"


def test_the_door_makes_up_galaxies():
    stamps = read(component("procedural", n_galaxies=3), 4)
    np.testing.assert_array_equal(stamps.images, procedural(4, 3).images)
    rings = read(component("procedural", n_galaxies=3, kinds=["ring", "merger"]), 4)
    np.testing.assert_array_equal(rings.images, procedural(4, 3, morphologies=("ring", "merger")).images)


@real
def test_the_door_reads_cosmos_with_its_redshifts():
    stamps, direct = read(component(CATALOGUE), 0), read_cosmos(CATALOGUE)
    np.testing.assert_array_equal(stamps.images, direct.images)
    published = fits.getdata(DATA / "real_galaxy_catalog_23.5_fits.fits", 1)
    assert stamps.names == tuple(str(name) for name in published["IDENT"])
    np.testing.assert_allclose(stamps.redshift, published["zphot"])
    assert read(component(CATALOGUE, n_galaxies=2), 0).names == ("141190", "29162")


@pytest.mark.parametrize("absurd", [-99.0, 99.0, 1e30, -1e30, 999.0])
def test_a_galaxy_of_an_impossible_magnitude_is_left_out(tmp_path, absurd, caplog):
    magnitude = 21.0 + 0.25 * np.arange(12)
    magnitude[[2, 7]] = absurd
    path = write_archive(tmp_path, magnitude=magnitude)
    with caplog.at_level(logging.WARNING, "lenstream"):
        stamps = read(component(path), 0)
    assert len(stamps.names) == 10 and np.abs(stamps.magnitude).max() < 25
    assert "2 of 12 galaxies" in caplog.text and "its magnitude is" in caplog.text and len(caplog.records) == 1
    assert len(read(component(path, magnitude=22.0), 0).names) == 12  # the catalogue's are then not used
    with pytest.raises(
        DataError, match=r"No galaxy of .* is usable: its magnitude is .* 12 galaxies, e\.g\. galaxies-0"
    ):
        read(component(write_archive(tmp_path, magnitude=np.full(12, absurd))), 0)


@pytest.mark.parametrize(
    ("arrays", "keys", "said"),
    [
        ({"redshift": np.r_[-1.0, -99.0, np.linspace(0.2, 1.3, 10)]}, {"at_redshift": True}, "2 galaxies"),
        ({"redshift": np.r_[99.0, np.linspace(0.2, 1.3, 11)]}, {"at_redshift": True}, "its redshift is 99"),
        ({"pixel_scale": np.r_[0.0, 1e30, np.full(10, 0.06)]}, {"size_cut": [0.1, 9]}, "its pixel scale is 1e+30"),
        (
            {"magnitude": np.r_[np.nan, np.full(11, 22.0)]},
            {"magnitude_cut": [20, 25]},
            "no magnitude, which magnitude_cut",
        ),
    ],
)
def test_galaxies_without_what_is_needed_are_counted(tmp_path, arrays, keys, said, caplog):
    path, cosmology = write_archive(tmp_path, **arrays), FlatLambdaCDM(H0=70, Om0=0.3)
    with caplog.at_level(logging.WARNING, "lenstream"):
        stamps = read(component(path, **keys), 0, 1.5, cosmology)
    lost = 12 - len(stamps.names)
    assert lost in (1, 2) and f"{lost} of 12 galaxies" in caplog.text and said in caplog.text
    assert np.isfinite(stamps.magnitude).all() and np.isfinite(stamps.pixel_scale).all()


def test_cuts_in_magnitude_and_size(tmp_path):
    path = write_archive(tmp_path)
    everything = read(component(path), 0)
    sizes = everything.R_half * everything.pixel_scale
    assert len(sizes) == 12 and sizes[0] < 0.3 < 0.45 < sizes[-1]
    bright = read(component(path, magnitude_cut=[21.5, 22.5]), 0)
    assert bright.names == everything.names[2:7] and bright.magnitude.min() == 21.5
    large = read(component(path, size_cut=[0.3, 0.45]), 0)
    assert set(large.names) == {name for name, R in zip(everything.names, sizes, strict=True) if 0.3 <= R <= 0.45}
    few = read(component(path, magnitude_cut=[21.5, 22.5], n_galaxies=3), 0)
    assert few.names == tuple(everything.names[k] for k in (2, 4, 6))


@pytest.mark.parametrize("z_source", [0.3, 1.0, 2.5])
def test_at_another_redshift_surface_brightness_dims_as_tolman_has_it(tmp_path, z_source):
    path = write_archive(tmp_path)
    cosmology = FlatLambdaCDM(H0=70, Om0=0.3)
    near, far = read(component(path), 0), read(component(path, at_redshift=True), 0, z_source, cosmology)

    def brightness(stamps):
        return stamps.magnitude[:, 0] + 2.5 * np.log10(2.0 * np.pi * (stamps.R_half * stamps.pixel_scale) ** 2)

    dimming = 10.0 * np.log10((1.0 + z_source) / (1.0 + near.redshift))  # 1 / (1 + z)^4, for constant nu L_nu
    np.testing.assert_allclose(brightness(far) - brightness(near), dimming, atol=1e-6)
    kpc = near.R_half * near.pixel_scale * cosmology.kpc_proper_per_arcmin(near.redshift).value
    np.testing.assert_allclose(
        far.R_half * far.pixel_scale * cosmology.kpc_proper_per_arcmin(z_source).value, kpc, rtol=1e-9
    )
    assert (far.redshift == z_source).all()
    np.testing.assert_array_equal(far.images, near.images)


def test_a_galaxy_without_redshift_is_not_brought_anywhere(tmp_path):
    z = np.linspace(0.2, 1.3, 12)
    z[3], z[5] = np.nan, 0.0
    path = write_archive(tmp_path, redshift=z)
    stamps = read(component(path, at_redshift=True), 0, 2.0, FlatLambdaCDM(H0=70, Om0=0.3))
    assert len(stamps.names) == 10 and "galaxies-3" not in stamps.names and "galaxies-5" not in stamps.names


@pytest.mark.parametrize(
    ("keys", "left_out", "message"),
    [
        ({"at_redshift": True}, "redshift", "gives no redshift, which at_redshift needs"),
        ({"magnitude_cut": [20, 22]}, "magnitude", "gives no magnitude, which magnitude_cut needs"),
        ({"size_cut": [0.1, 1]}, "pixel_scale", "gives no pixel scale, which size_cut needs"),
        ({"magnitude_cut": [10, 12]}, None, "No galaxy of .* expected magnitudes of 10 to 12"),
        ({"size_cut": [5, 9]}, None, r"No galaxy read from .* R_half of 5 to 9 arcsec .*: they have 0\."),
    ],
)
def test_what_a_catalogue_does_not_give(tmp_path, keys, left_out, message):
    path = write_archive(tmp_path, **({left_out: np.full(12, np.nan)} if left_out else {}))
    with pytest.raises(DataError, match=message) as caught:
        read(component(path, **keys), 0, 2.0, FlatLambdaCDM(H0=70, Om0=0.3))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_redshift_without_a_cosmology(tmp_path):
    with pytest.raises(DataError, match="expected a source redshift and a cosmology"):
        read(component(write_archive(tmp_path), at_redshift=True), 0)


def test_without_sky_removal_the_image_is_what_it_is(tmp_path):
    rows, columns = np.indices((41, 41)) - 20.0
    image = np.exp(-np.hypot(rows, 1.3 * columns) / 3.0) * (np.hypot(rows, columns) < 18)
    image[20, 20] = np.nan
    np.savez(tmp_path / "clean.npz", images=image[None])
    stamps = read(component(tmp_path / "clean.npz", sky_removal=False), 0)
    check_promises(stamps, 1, stamps.images.shape[-1])
    assert stamps.images.shape[-1] % 2 == 0
    # The middle moves by half a pixel to an even side, so compare what does not depend on it: the second moments.
    image[20, 20] = 0.0
    place = np.arange(stamps.images.shape[-1]) - 0.5 * (stamps.images.shape[-1] - 1)
    moments = [image.sum(1) @ rows[:, 0] ** 2 / image.sum(), image.sum(0) @ rows[:, 0] ** 2 / image.sum()]
    found = [stamps.images[0, 0].sum(1) @ place**2, stamps.images[0, 0].sum(0) @ place**2]
    assert found == pytest.approx(moments, rel=0.02)


@pytest.mark.parametrize("sky_removal", [True, False])
def test_what_is_up_and_right_in_a_catalogue_is_up_and_right_in_a_stamp(tmp_path, sky_removal):
    """A galaxy with a tail upwards and a longer one to the right: rows go up, columns to the right."""
    y, x = np.meshgrid(*2 * [np.arange(80) - 39.5], indexing="ij")
    tails = np.exp(-0.5 * ((x - 8) ** 2 + y**2) / 9) + 0.5 * np.exp(-0.5 * (x**2 + (y - 12) ** 2) / 9)
    image = 60 * np.exp(-0.5 * (x**2 + y**2) / 16) + 30 * tails + np.random.default_rng(0).normal(0, 0.05, x.shape)
    np.savez(tmp_path / "galaxies.npz", images=image[None], pixel_scale=0.06, magnitude=22.0)
    (stamp,) = read(component(tmp_path / "galaxies.npz", sky_removal=sky_removal), 1).images[:, 0]
    v, u = (np.arange(n) - (n - 1) / 2 for n in stamp.shape)

    def skewness(weights, place):  # of the light along an axis: positive where the tail is
        mean = (weights * place).sum() / weights.sum()
        return (weights * (place - mean) ** 3).sum()

    assert skewness(stamp.sum(0), u) > 0 and skewness(stamp.sum(1), v) > 0
