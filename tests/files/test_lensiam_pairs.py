"""LenSiam's pairs: two views, in the order of the cube, and the labels of the header."""

import numpy as np
import pytest
from astropy.io import fits

from lenstream.errors import DataError
from lenstream.files.dataset_layouts import identify

from .layouts import SIZE, image, lensiam, save_fits


@pytest.mark.parametrize("last", [True, False])
def test_two_views_and_labels(tmp_path, last):
    found = identify(lensiam(tmp_path, 4, last))
    assert found.kind == "LenSiam pairs"
    assert (len(found), found.views, found.bands, found.height, found.width) == (4, 2, ("",), SIZE, SIZE)
    np.testing.assert_allclose(found.labels["theta_E"], [1.0, 1.1, 1.2, 1.3])
    np.testing.assert_allclose(found.labels["center_x"], -0.01)
    assert set(found.labels) == {"theta_E", "e1", "gamma", "center_x"}
    views = found.read(3)
    assert views.dtype == np.float32
    np.testing.assert_array_equal(views, np.stack([image(6), image(7)])[:, None])


def test_not_square(tmp_path):
    save_fits(tmp_path / "a.fits", image(0, 12, 20, 2), THETA_E=1.0)
    found = identify(tmp_path)
    assert (found.height, found.width) == (12, 20)
    np.testing.assert_array_equal(found.read(0)[1, 0], image(0, 12, 20, 2)[..., 1])


def test_counts_become_rates_and_bad_pixels_nan(tmp_path):
    cube = image(0, 2, SIZE, SIZE)
    cube[1, 3, 4] = -1e30
    save_fits(tmp_path / "a.fits", cube, E1=0.1, BUNIT="electron", EXPTIME=100.0)
    views = identify(tmp_path).read(0)
    assert np.argwhere(np.isnan(views)).tolist() == [[1, 0, 3, 4]]
    np.testing.assert_allclose(views[0, 0], cube[0] / 100, rtol=1e-6)


def test_a_label_that_one_file_lacks_is_nan(tmp_path):
    lensiam(tmp_path, 2)
    with fits.open(tmp_path / "pair_1.fits", mode="update") as hdus:
        del hdus[0].header["E1"]
    np.testing.assert_array_equal(identify(tmp_path).labels["e1"], [0.0, np.nan])


def test_splits_are_folders(tmp_path):
    lensiam(tmp_path / "train", 3)
    lensiam(tmp_path / "test", 1)
    found = identify(tmp_path)
    assert {name: numbers.tolist() for name, numbers in found.splits.items()} == {"test": [0], "train": [1, 2, 3]}


def test_long_keys(tmp_path):
    save_fits(tmp_path / "a.fits", image(0, 2, SIZE, SIZE), **{"THETA_E": 1.0, "HIERARCH source_R_sersic": 0.3})
    labels = {name.lower(): values for name, values in identify(tmp_path).labels.items()}
    assert labels["source_r_sersic"] == [0.3]


def test_a_cube_of_two_bands_is_no_pair(tmp_path):
    save_fits(tmp_path / "a.fits", image(0, 2, SIZE, SIZE))
    save_fits(tmp_path / "b.fits", image(0, 2, SIZE, SIZE), THETA_E=1.0, BAND0="g", BAND1="r")
    found = identify(tmp_path)
    assert (found.kind, found.views, len(found.bands)) == ("folder of images", 1, 2)


def test_a_file_that_is_no_pair_among_pairs_is_named(tmp_path):
    save_fits(lensiam(tmp_path) / "z.fits", image(0), THETA_E=1.0)
    with pytest.raises(DataError, match=r"z\.fits: cannot be read as a pair of LenSiam \(it holds no cube"):
        identify(tmp_path)


def test_pairs_of_two_shapes(tmp_path):
    save_fits(lensiam(tmp_path) / "z.fits", image(0, 2, 20, 20), THETA_E=1.0)
    with pytest.raises(DataError, match=r"pairs of one shape .* z\.fits has \(20, 20\)"):
        identify(tmp_path)


def test_a_rim_that_was_filled_up_is_lost(tmp_path):
    cube = np.stack([image(0), image(1)])
    cube[1, :3] = 0
    save_fits(tmp_path / "a.fits", cube, THETA_E=1.0)
    lost = np.isnan(identify(tmp_path).read(0))
    assert lost[1, 0, :3].all() and lost.sum() == 3 * SIZE
