"""Galaxies in folders of FITS images, .npz archives and GalSim's catalogues: what is read, and broken files."""

import logging

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.configs.components import INTERPOL
from lenstream.errors import DataError
from lenstream.files.galaxy_layouts import catalogue_in, entries
from lenstream.simulate.galaxies.catalogues import read, read_cosmos

from ..simulate.galaxies import cosmos


def galaxy(rng, side=64, at=(31.5, 31.5), scale=3.0, flux=60.0, noise=0.003):
    rows, columns = np.indices((side, side))
    disc = np.exp(-np.hypot(np.hypot(rows - at[0], 1.4 * (columns - at[1])), 1.0) / scale)
    return flux * disc / disc.sum() + 0.02 + rng.normal(0.0, noise, disc.shape)


def read_all(path, **keys):
    return read(INTERPOL(profile="INTERPOL", catalogue=str(path), **keys), 0)


def centroid(image):
    place = np.arange(image.shape[-1]) - 0.5 * (image.shape[-1] - 1)
    return np.array([image.sum(0) @ place, image.sum(1) @ place]) / image.sum()


def test_a_folder_of_fits_images(tmp_path):
    rng = np.random.default_rng(1)
    scale = 0.05 / 3600.0
    headers = {
        "a": {"PIXSCALE": 0.04, "MAG": 22.5, "REDSHIFT": 0.8},
        "b": {"CD1_1": -scale, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": scale, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"},
        "c": {"CDELT1": -scale, "CDELT2": scale, "MAG": 23, "Z": 1.2},
        "d": {"CD1_1": 0.6 * scale, "CD1_2": 0.8 * scale, "CD2_1": -0.8 * scale, "CD2_2": 0.6 * scale},
        "e": {"MAG": "bright"},
    }
    for name, keys in headers.items():
        fits.PrimaryHDU(galaxy(rng).astype(np.float32), fits.Header(keys)).writeto(tmp_path / f"{name}.fits")
    extension = fits.ImageHDU(galaxy(rng, at=(33.0, 30.0)), fits.Header({"PIXSCALE": 0.1}))
    fits.HDUList([fits.PrimaryHDU(header=fits.Header({"MAG": 21.0})), extension]).writeto(tmp_path / "f.fits.gz")
    (tmp_path / "notes.txt").write_text("not an image")
    stamps = read_all(tmp_path)
    assert stamps.names == ("a", "b", "c", "d", "e", "f")
    np.testing.assert_allclose(stamps.pixel_scale, [0.04, 0.05, 0.05, 0.05, np.nan, 0.1], rtol=1e-6)
    np.testing.assert_allclose(stamps.magnitude[:, 0], [22.5, np.nan, 23.0, np.nan, np.nan, 21.0])
    np.testing.assert_allclose(stamps.redshift, [0.8, np.nan, 1.2, np.nan, np.nan, np.nan])
    assert stamps.images.shape[1] == 1 and stamps.images.shape[-1] % 2 == 0
    for image in stamps.images[:, 0].astype(float):
        assert np.abs(centroid(image)).max() < 0.1 and image.sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(stamps.R_half, stamps.R_half[0], rtol=0.05)


def test_bands_stay_registered_and_keep_their_colours(tmp_path):
    """A red bulge beside blue arms: the offset between the bands is that of the file."""
    rng = np.random.default_rng(2)
    red, blue = galaxy(rng, at=(30.0, 32.0)), galaxy(rng, at=(32.0, 32.0), flux=30.0)
    fits.PrimaryHDU(np.array([red, blue]), fits.Header({"MAG": 21.0})).writeto(tmp_path / "one.fits")
    header = fits.Header({"MAG1": 21.0, "MAG2": 24.0})
    fits.PrimaryHDU(np.array([red, blue]), header).writeto(tmp_path / "two.fits")
    stamps = read_all(tmp_path)
    assert stamps.images.shape[:2] == (2, 2) and stamps.magnitude.shape == (2, 2)
    np.testing.assert_allclose(stamps.images.sum((2, 3)), 1.0, atol=1e-5)
    # By its light the second band is fainter by 2.5 log10 2, unless the file knows better.
    np.testing.assert_allclose(stamps.magnitude, [[21.0, 21.0 + 2.5 * np.log10(2.0)], [21.0, 24.0]], atol=0.05)
    apart = centroid(stamps.images[0, 1].astype(float)) - centroid(stamps.images[0, 0].astype(float))
    np.testing.assert_allclose(apart, [0.0, 2.0], atol=0.15)
    both = 2.0 * stamps.images[0, 0].astype(float) + stamps.images[0, 1]
    assert np.abs(centroid(both)).max() < 0.1


def test_unusable_files_are_left_out_with_one_warning(tmp_path, caplog):
    rng = np.random.default_rng(3)
    good = galaxy(rng)
    fits.PrimaryHDU(good).writeto(tmp_path / "good.fits")
    fits.PrimaryHDU(rng.normal(size=(64, 64))).writeto(tmp_path / "empty.fits")
    fits.PrimaryHDU(np.full((64, 64), np.nan)).writeto(tmp_path / "nan.fits")
    fits.PrimaryHDU(np.ones((5, 5))).writeto(tmp_path / "tiny.fits")
    fits.PrimaryHDU(np.array([good, good])).writeto(tmp_path / "colour.fits")
    fits.PrimaryHDU().writeto(tmp_path / "bare.fits")
    fits.PrimaryHDU(good, fits.Header({"CDELT1": 1e-5, "CDELT2": 2e-5})).writeto(tmp_path / "oblong.fits")
    (tmp_path / "text.fits").write_text("not FITS\n" * 1000)
    (tmp_path / "cut.fits").write_bytes((tmp_path / "good.fits").read_bytes()[:20000])
    with caplog.at_level(logging.WARNING, "lenstream"):
        stamps = read_all(tmp_path)
    assert stamps.names == ("good",)
    assert len(caplog.records) == 1 and "8 of 9" in caplog.text
    for name in (
        "empty: no galaxy",
        "nan: no finite",
        "tiny: its 5 x 5",
        "colour: 2 bands where",
        "bare: it holds no image",
        "oblong: its pixels are not square",
    ):
        assert name in caplog.text
    assert "text: it is not FITS" in caplog.text and "cut: it was cut short" in caplog.text


def test_folders_without_galaxies(tmp_path):
    with pytest.raises(DataError, match=r"holds no file that ends in \.fits, .*expected FITS images of galaxies"):
        read_all(tmp_path)
    (tmp_path / "text.fits").write_text("not FITS\n" * 1000)
    with pytest.raises(DataError, match=r"No FITS file in .* text\.fits: it is not FITS or was cut short"):
        read_all(tmp_path)
    with pytest.raises(DataError, match=r"There is no galaxy catalogue .* folder of FITS images or an \.npz"):
        read_all(tmp_path / "absent.npz")


def test_an_archive(tmp_path):
    rng = np.random.default_rng(4)
    images = np.array([galaxy(rng), galaxy(rng, scale=2.0), galaxy(rng)], np.float32)
    known = {"pixel_scale": [0.03, 0.06, -1.0], "magnitude": [22.0, 23.0, np.nan], "redshift": [0.5, np.inf, 1.5]}
    np.savez(tmp_path / "three.npz", images=images, names=["x", "y", "z"], labels=np.arange(3), **known)
    stamps = read_all(tmp_path / "three.npz")
    assert stamps.names == ("x", "y", "z")
    np.testing.assert_array_equal(stamps.pixel_scale, [0.03, 0.06, np.nan])
    np.testing.assert_array_equal(stamps.magnitude[:, 0], [22.0, 23.0, np.nan])
    np.testing.assert_array_equal(stamps.redshift, [0.5, np.nan, 1.5])
    assert stamps.R_half[1] < stamps.R_half[0]
    np.savez_compressed(tmp_path / "plain.npz", images=(1000 * images).astype(np.uint16))
    plain = read_all(tmp_path / "plain.npz", n_galaxies=2)
    assert (
        plain.names == ("plain-0", "plain-2") and np.isnan(plain.pixel_scale).all() and np.isnan(plain.redshift).all()
    )


def test_an_archive_with_bands(tmp_path):
    rng = np.random.default_rng(5)
    images = np.array([[galaxy(rng), galaxy(rng, flux=120.0), galaxy(rng, flux=30.0)] for _ in range(3)])
    np.savez(tmp_path / "a.npz", images=images, magnitude=[22.0, 23.0, 24.0])  # as many as bands: still one a galaxy
    stamps = read_all(tmp_path / "a.npz")
    expected = np.array([[22.0], [23.0], [24.0]]) - 2.5 * np.log10([1.0, 2.0, 0.5])
    np.testing.assert_allclose(stamps.magnitude, expected, atol=0.06)
    magnitude = np.arange(9.0).reshape(3, 3) + 20.0
    np.savez(tmp_path / "b.npz", images=images, magnitude=magnitude)
    np.testing.assert_array_equal(read_all(tmp_path / "b.npz").magnitude, magnitude)


IMAGES = np.ones((2, 16, 16))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"image": IMAGES}, "lacks the array images: .* there is image"),
        ({"images": np.ones((16, 16))}, r"images has shape \(16, 16\)"),
        ({"images": np.full((2, 16, 16), "x")}, "expected numbers"),
        ({"images": np.ones((0, 16, 16))}, r"images has shape \(0, 16, 16\)"),
        ({"images": IMAGES, "redshift": [1.0, 2.0, 3.0]}, r"redshift has shape \(3,\).* each of the 2 images"),
        ({"images": IMAGES, "pixel_scale": ["a", "b"]}, "pixel_scale has shape"),
        ({"images": IMAGES, "magnitude": np.ones((2, 3))}, r"magnitude has shape \(2, 3\).* and 1 bands"),
        ({"images": IMAGES, "names": ["a"]}, "names has shape"),
    ],
)
def test_archives_that_make_no_sense(tmp_path, arrays, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(DataError, match=message) as caught:
        read_all(tmp_path / "bad.npz")
    assert "bad.npz" in str(caught.value) and "\n" not in str(caught.value)


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    np.savez(tmp_path / "trap.npz", images=np.array([Trap()], dtype=object))
    with pytest.raises(DataError, match=r"trap\.npz: cannot be read as npz \(it holds Python objects"):
        read_all(tmp_path / "trap.npz")
    assert not (tmp_path / "sprung").exists()


@settings(deadline=None, max_examples=30)
@given(st.floats(0.0, 0.999))
def test_an_archive_cut_short(tmp_path_factory, kept):
    folder = tmp_path_factory.mktemp("cut")
    np.savez(folder / "whole.npz", images=np.random.default_rng(0).random((4, 16, 16)))
    content = (folder / "whole.npz").read_bytes()
    (folder / "cut.npz").write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError, match=r"cannot be read as npz"):
        entries(folder / "cut.npz")


def test_images_of_every_layout_keep_their_orientation(tmp_path):
    """Neither upside down, nor mirrored, nor transposed: an image of random numbers comes as it is in its file."""
    image = np.random.default_rng(6).normal(size=(12, 15))
    (tmp_path / "folder").mkdir()
    fits.writeto(tmp_path / "folder" / "a.fits", image)
    np.savez(tmp_path / "a.npz", images=image[None])
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image)]).writeto(tmp_path / "images.fits")
    columns = {"IDENT": ["7"], "MAG": [22.0], "PIXEL_SCALE": [0.03], "GAL_FILENAME": ["images.fits"], "GAL_HDU": [1]}
    Table(columns).write(tmp_path / "catalogue.fits")
    for name in ("folder", "a.npz", "catalogue.fits"):
        ((number, found),) = entries(tmp_path / name).images(np.array([0]))
        assert number == 0
        np.testing.assert_array_equal(found, image[None], err_msg=name)


def test_absurd_pixels_are_missing(tmp_path):
    image = np.ones((12, 12))
    image[3, 4], image[5, 6] = -1e30, np.inf
    fits.writeto(tmp_path / "a.fits", image)
    np.savez(tmp_path / "a.npz", images=image[None])
    for path in (tmp_path, tmp_path / "a.npz"):
        ((_, found),) = entries(path).images(np.array([0]))
        assert np.argwhere(np.isnan(found[0])).tolist() == [[3, 4], [5, 6]]


def catalogue(folder, name="real_galaxy_catalog.fits"):
    """GalSim's files of two galaxies."""
    rng = np.random.default_rng(4)
    images = [fits.ImageHDU(galaxy(rng).astype(np.float32)) for _ in range(2)]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(folder / "images_n1.fits", overwrite=True)
    columns = {"IDENT": [7, 9], "MAG": [21.0, 22.0], "PIXEL_SCALE": [0.03, 0.03], "GAL_HDU": [1, 2]}
    Table(columns | {"GAL_FILENAME": ["images_n1.fits"] * 2}).write(folder / name)
    Table({"IDENT": [7, 9], "ZPHOT": [0.5, 0.7]}).write(folder / name.replace(".fits", "_fits.fits"))


def test_a_folder_with_galsims_files_is_its_catalogue(tmp_path):
    catalogue(tmp_path)
    listed = entries(tmp_path)
    assert listed.names.tolist() == ["7", "9"]
    np.testing.assert_allclose(listed.redshift, [0.5, 0.7])
    assert [image.shape for _, image in listed.images([0, 1])] == [(1, 64, 64)] * 2
    catalogue(tmp_path, "other.fits")
    with pytest.raises(DataError, match=r"holds the galaxy catalogues other\.fits, real_galaxy_catalog\.fits"):
        entries(tmp_path)


def test_images_and_bad_pixels_are_found_by_name(tmp_path):
    image, bad = galaxy(np.random.default_rng(5)), np.zeros((64, 64), np.int32)
    bad[3] = 1
    planes = {"ERR": np.full((64, 64), 0.1), "DQ": bad, "SCI": image}
    hdus = [fits.ImageHDU(plane, name=name) for name, plane in planes.items()]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "a.fits")
    fits.writeto(tmp_path / "b_sci.fits", image)
    fits.writeto(tmp_path / "b_rms.fits", np.full((64, 64), 0.1))
    listed = entries(tmp_path)
    assert listed.names.tolist() == ["a", "b"]
    (_, first), (_, second) = listed.images([0, 1])
    np.testing.assert_array_equal(first[0], np.where(bad, np.nan, image))
    np.testing.assert_array_equal(second[0], image)


# GalSim's RealGalaxyCatalog


@cosmos.real
@pytest.mark.parametrize("kept", [0, 1000, 4000, 9000])
def test_a_catalogue_cut_short(tmp_path, kept):
    path = tmp_path / cosmos.CATALOGUE.name
    path.write_bytes(cosmos.CATALOGUE.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"cut short|holds no table") as caught:
        read_cosmos(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@cosmos.real
def test_the_wrong_one_of_the_two_catalogues():
    with pytest.raises(DataError, match="lacks MAG, PIXEL_SCALE, GAL_FILENAME, GAL_HDU: expected the columns IDENT"):
        read_cosmos(cosmos.DATA / "real_galaxy_catalog_23.5_fits.fits")


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(DataError, match="lacks MAG, GAL_HDU: expected"):
        read_cosmos(cosmos.write(tmp_path, [np.zeros((80, 80))], MAG=None, GAL_HDU=None))


def test_a_column_of_words(tmp_path):
    with pytest.raises(DataError, match="expected numbers in MAG"):
        read_cosmos(cosmos.write(tmp_path, [np.zeros((80, 80))], MAG=["bright"]))


def test_missing_folder_folder_and_not_fits(tmp_path):
    with pytest.raises(DataError, match="There is no galaxy catalogue"):
        read_cosmos(tmp_path / "absent" / "catalogue.fits")
    with pytest.raises(DataError, match="There is no galaxy catalogue"):
        read_cosmos(tmp_path)
    (tmp_path / "text.fits").write_text("not FITS\n" * 1000)
    with pytest.raises(DataError, match="not FITS or was cut short"):
        read_cosmos(tmp_path / "text.fits")
    fits.PrimaryHDU(np.zeros((9, 9))).writeto(tmp_path / "image.fits")
    with pytest.raises(DataError, match="holds no table"):
        read_cosmos(tmp_path / "image.fits")


def test_redshifts_of_the_second_catalogue_go_by_name(tmp_path):
    rng = np.random.default_rng(6)
    path = cosmos.write(tmp_path, [cosmos.galaxy(rng), cosmos.galaxy(rng), cosmos.galaxy(rng)])
    columns = [fits.Column("IDENT", "K", array=[102, 100]), fits.Column("zphot", "D", array=[0.7, -1.0])]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "catalogue_fits.fits")
    np.testing.assert_array_equal(read_cosmos(path).redshift, [np.nan, np.nan, 0.7])


def test_redshifts_of_the_catalogue_itself_come_first(tmp_path):
    path = cosmos.write(tmp_path, [cosmos.galaxy(np.random.default_rng(6))], REDSHIFT=[0.4])
    assert read_cosmos(path).redshift == pytest.approx([0.4])


def test_the_folder_around_the_folder_of_a_catalogue_counts_too(tmp_path):
    """As GalSim's training samples are unpacked: one folder, with the files in another."""
    inner = tmp_path / "COSMOS_23.5_training_sample"
    inner.mkdir()
    path = inner / "real_galaxy_catalog_23.5.fits"
    columns = {"IDENT": [1], "MAG": [22.0], "PIXEL_SCALE": [0.03], "GAL_FILENAME": ["images.fits"], "GAL_HDU": [0]}
    Table(columns).write(path)
    assert catalogue_in(tmp_path) == path
    assert entries(tmp_path).names.tolist() == ["1"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.fits").write_bytes(b"")
    assert catalogue_in(tmp_path) is None
