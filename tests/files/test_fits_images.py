"""Images in FITS files to train on: which part is the image, which pixels are bad, and what is not used."""

import numpy as np
import pytest
from astropy.io import fits

from lenstream.errors import DataError
from lenstream.files import bad_pixels, fits_images

IMAGE = np.arange(1.0, 101.0).reshape(10, 10)


def write(path, *extensions, **keys):
    """A file with extensions, pairs of a name and an array; keys: of its first header."""
    primary = fits.PrimaryHDU(header=fits.Header(keys))
    fits.HDUList([primary, *(fits.ImageHDU(array, name=name) for name, array in extensions)]).writeto(path)
    return path


def test_bad_pixels_by_mask_weight_and_noise_are_nan(tmp_path):
    mask, weight, noise = np.zeros((10, 10), np.int16), np.ones((10, 10)), np.full((10, 10), 0.1)
    mask[0, 1], weight[2, 3], noise[4, 5] = 1, 0.0, np.inf
    path = write(tmp_path / "a.fits", ("SCI", IMAGE), ("MASK", mask), ("WHT", weight), ("ERR", noise))
    place, shape, used = fits_images.look(path)
    assert shape == (10, 10) and not place.stacked
    assert used == "image SCI; bad pixels MASK where not 0, WHT where 0, ERR where it is no noise"
    image = fits_images.read(path, place, (...,))
    assert np.argwhere(np.isnan(image)).tolist() == [[0, 1], [2, 3], [4, 5]]
    np.testing.assert_array_equal(image[np.isfinite(image)], IMAGE[np.isfinite(image)])


def test_an_extension_a_band_is_a_stack_with_a_mask_each_in_counts_per_second(tmp_path):
    masks = np.zeros((2, 10, 10), np.int16)
    masks[0, 1, 1] = masks[1, 2, 2] = 1
    bands = [("SCI_G", IMAGE), ("SCI_R", 2 * IMAGE), ("MASK_G", masks[0]), ("MASK_R", masks[1])]
    path = write(tmp_path / "a.fits", *bands, BUNIT="electrons", EXPTIME=100.0)
    place, shape, _ = fits_images.look(path)
    assert shape == (2, 10, 10) and place.stacked
    image = fits_images.read(path, place, (...,))
    assert np.argwhere(np.isnan(image)).tolist() == [[0, 1, 1], [1, 2, 2]]
    assert image[0, 5, 5] == IMAGE[5, 5] / 100 and image[1, 5, 5] == 2 * IMAGE[5, 5] / 100


def test_a_part_of_a_stack_is_read_with_its_part_of_the_mask(tmp_path):
    stack, mask = np.stack([IMAGE + 1000 * k for k in range(20)]), np.zeros((20, 10, 10), np.int16)
    mask[7, 3, 4] = 1
    path = write(tmp_path / "a.fits", ("IMAGE", stack), ("MASK", mask))
    place, shape, _ = fits_images.look(path)
    assert shape == (20, 10, 10) and [rule for _, rule in place.planes[0].bad] == [bad_pixels.ANY]
    image = fits_images.read(path, place, (7, ...))
    assert np.argwhere(np.isnan(image)).tolist() == [[3, 4]] and image[0, 0] == 7001.0


def test_what_is_not_used_is_listed_also_where_its_name_is_in_that_of_another(tmp_path):
    zeros = np.zeros((10, 10), np.int16)
    parts = [("SCI", IMAGE), ("VAR", IMAGE), ("VAR_MASK", zeros), ("CTX", zeros)]
    *_, used = fits_images.look(write(tmp_path / "a.fits", *parts))
    assert used == "image SCI; bad pixels VAR_MASK where not 0; not used: VAR, CTX"


def test_a_file_without_an_image_is_named(tmp_path):
    with pytest.raises(DataError, match=r"a\.fits: it holds no image of a lens"):
        fits_images.look(write(tmp_path / "a.fits", ("MASK", np.zeros((10, 10), np.int16))))
