"""Reading galaxies in GalSim's RealGalaxyCatalog layout: real ones, made-up ones and broken files."""

import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from lenstream.errors import DataError
from lenstream.simulate.catalogues import clean, read_cosmos

DATA = Path(os.environ.get("LENSTREAM_DATA", Path(__file__).parents[2] / "../shared/data")) / "cosmos_23.5"
CATALOGUE = DATA / "real_galaxy_catalog_23.5.fits"
real = pytest.mark.skipif(not CATALOGUE.is_file(), reason=f"the real galaxies are not at {DATA}")


def galaxy(rng, side=80, at=(42.0, 37.5), scale=4.0, flux=30.0):
    """An exponential disc in the noise of a COSMOS stamp."""
    rows, columns = np.indices((side, side))
    disc = np.exp(-np.hypot(np.hypot(rows - at[0], 1.5 * (columns - at[1])), 1.0) / scale)
    return flux * disc / disc.sum() + rng.normal(0.0, 0.0025, disc.shape)


def write(folder, images, **columns):
    """A catalogue of `images` in `folder`; `columns` replace its columns, None leaves one out."""
    fits.HDUList([fits.PrimaryHDU(images[0]), *map(fits.ImageHDU, images[1:])]).writeto(folder / "images.fits")
    n = len(images)
    table = {
        "IDENT": np.arange(100, 100 + n),
        "MAG": np.full(n, 22.5),
        "PIXEL_SCALE": np.full(n, 0.03),
        "GAL_FILENAME": np.full(n, "images.fits"),
        "GAL_HDU": np.arange(n),
    } | columns
    kept = {name: np.asarray(column) for name, column in table.items() if column is not None}
    kinds = {"U": "30A", "i": "K", "f": "D"}
    columns = [fits.Column(name, kinds[column.dtype.kind], array=column) for name, column in kept.items()]
    fits.BinTableHDU.from_columns(columns).writeto(folder / "catalogue.fits")
    return folder / "catalogue.fits"


def check_promises(stamps, n, size):
    images = stamps.images
    assert images.shape == (n, size, size) and images.dtype == np.float32 and images.flags.c_contiguous
    assert np.isfinite(images).all() and images.min() >= 0.0
    assert np.abs(images.sum((1, 2), dtype=float) - 1.0).max() < 1e-5
    assert not images[:, [0, -1]].any() and not images[:, :, [0, -1]].any()
    place = np.arange(size) - 0.5 * (size - 1)
    assert np.abs(images.sum(1) @ place).max() < 0.1 and np.abs(images.sum(2) @ place).max() < 0.1
    assert len(stamps.R_half) == len(stamps.pixel_scale) == len(stamps.magnitude) == len(stamps.names) == n


@real
def test_real_galaxies():
    stamps = read_cosmos(CATALOGUE)
    size = stamps.images.shape[1]
    assert size <= 256
    check_promises(stamps, 10, size)
    assert stamps.names[0] == "141190" and len(set(stamps.names)) == 10
    assert stamps.pixel_scale == pytest.approx(np.full(10, 0.03))
    assert stamps.magnitude.min() == pytest.approx(21.041) and stamps.magnitude.max() == pytest.approx(23.284)
    assert stamps.images[:, 1:3].max() < 0.005 * stamps.images.max((1, 2)).min()
    # Close to SExtractor's half-light radii, in the second catalogue that belongs to the sample.
    published = fits.getdata(DATA / "real_galaxy_catalog_23.5_fits.fits", 1)["flux_radius"]
    assert (np.abs(stamps.R_half / published - 1.0) < 0.3).all()
    assert np.median(np.abs(stamps.R_half / published - 1.0)) < 0.1


@real
def test_cleaning_keeps_the_light_of_real_galaxies():
    table = fits.getdata(CATALOGUE, 1)
    with fits.open(DATA / "real_galaxy_images_23.5_n1.fits") as hdus:
        lights = [
            clean(hdu.data.astype(float), mean).sum() for hdu, mean in zip(hdus, table["NOISE_MEAN"], strict=True)
        ]
    missing = 25.94 - 2.5 * np.log10(lights) - table["MAG"]
    assert np.abs(missing).max() < 0.5 and np.median(np.abs(missing)) < 0.1  # two are fainter than the sky's noise


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


@real
@pytest.mark.parametrize("kept", [0, 1000, 4000, 9000])
def test_a_catalogue_cut_short(tmp_path, kept):
    path = tmp_path / CATALOGUE.name
    path.write_bytes(CATALOGUE.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"cut short|holds no table") as caught:
        read_cosmos(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@real
def test_images_cut_short_leave_the_galaxies_before(tmp_path, caplog):
    shutil.copy(CATALOGUE, tmp_path / CATALOGUE.name)
    images = DATA / "real_galaxy_images_23.5_n1.fits"
    (tmp_path / images.name).write_bytes(images.read_bytes()[:350_000])
    with caplog.at_level(logging.WARNING, "lenstream"):
        stamps = read_cosmos(tmp_path / CATALOGUE.name)
    assert 2 <= len(stamps.names) < 10 and stamps.names[:2] == ("141190", "143346")
    assert len(caplog.records) == 1 and "29162" in caplog.text


@real
def test_the_wrong_one_of_the_two_catalogues():
    with pytest.raises(DataError, match="lacks MAG, PIXEL_SCALE, GAL_FILENAME, GAL_HDU: expected the columns IDENT"):
        read_cosmos(DATA / "real_galaxy_catalog_23.5_fits.fits")


def test_a_made_up_catalogue_and_its_light(tmp_path):
    rng = np.random.default_rng(1)
    stamps = read_cosmos(write(tmp_path, [galaxy(rng), galaxy(rng, scale=3.0)]), size=81)
    check_promises(stamps, 2, 81)
    assert stamps.R_half[0] > 1.15 * stamps.R_half[1]
    rows, columns = np.indices((81, 81)) - 40.0
    truth = np.exp(-np.hypot(np.hypot(rows, 1.5 * columns), 1.0) / 4.0)
    assert np.abs(stamps.images[0] - truth / truth.sum()).sum() < 0.15


def test_a_constant_sky_changes_nothing():
    image = galaxy(np.random.default_rng(2))
    assert np.allclose(clean(image + 7.0), clean(image), atol=1e-9)


def test_a_neighbour_and_bad_pixels_are_left_out(tmp_path):
    rng = np.random.default_rng(3)
    alone = galaxy(rng)
    crowded = alone + galaxy(rng, at=(12.0, 66.0), scale=2.0, flux=40.0)
    crowded[50:53, 30:33] = np.nan
    crowded[5, 5] = np.inf
    found = clean(crowded)
    assert np.isfinite(found).all() and not found[5:20, 60:75].any()
    assert found.sum() == pytest.approx(clean(alone).sum(), rel=0.1)
    assert np.abs(found - clean(alone)).sum() < 0.2 * found.sum()


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
    assert stamps.names == ("100", "108") and stamps.magnitude == pytest.approx([22.0, 22.8])
    assert len(caplog.records) == 1
    for name in ("101", "102", "103", "104", "105", "106", "107 (no file absent.fits)"):
        assert name in caplog.text


def test_no_usable_galaxy(tmp_path):
    with pytest.raises(DataError, match=r"No galaxy of .* is usable: 100"):
        read_cosmos(write(tmp_path, [np.full((80, 80), np.nan)]))


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(DataError, match="lacks MAG, GAL_HDU: expected"):
        read_cosmos(write(tmp_path, [np.zeros((80, 80))], MAG=None, GAL_HDU=None))


def test_a_column_of_words(tmp_path):
    with pytest.raises(DataError, match="expected numbers in MAG"):
        read_cosmos(write(tmp_path, [np.zeros((80, 80))], MAG=["bright"]))


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


def test_too_small_a_size(tmp_path):
    with pytest.raises(DataError, match="9 or more"):
        read_cosmos(tmp_path / "catalogue.fits", size=4)
