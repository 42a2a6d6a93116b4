"""Thumbnails of real lenses: the right way up, sharp, one a lens."""

import numpy as np
import pytest
from PIL import Image

from lenstream.evaluate.real.cutouts import Cutout
from lenstream.evaluate.real.lens_thumbnails import bright_of, draw_thumbnails, thumbnail


def cutout(bands=0, name="a", side=48):
    shape = (bands, side, side) if bands else (side, side)
    image = np.zeros(shape, np.float32)
    image[..., 3, 40] = 50.0  # below, to the right
    return Cutout(name, image, np.ones(shape, np.float32), 0.0, True, 0.1)


@pytest.mark.parametrize("bands", [0, 3])
def test_the_lowest_row_is_at_the_bottom(bands):
    pixels = thumbnail(cutout(bands))
    assert pixels.shape == (144, 144, 3) and pixels.dtype == np.uint8
    row, column = np.unravel_index(pixels.sum(-1).argmax(), pixels.shape[:2])
    assert (row // 3, column // 3) == (44, 40)
    assert (pixels[row : row + 3, column : column + 3] == pixels[row, column]).all()


def test_brightness_is_that_of_the_noise_and_of_the_mean_of_bands():
    image, twice = cutout(), cutout()
    twice.image[...] *= 2
    twice.noise[...] *= 2
    np.testing.assert_array_equal(thumbnail(image), thumbnail(twice))
    np.testing.assert_allclose(bright_of(cutout(3)).max(), np.arcsinh(25.0))


def test_each_lens_has_a_file_of_its_own(tmp_path):
    draw_thumbnails([cutout(name="a/b"), cutout(name="a_b"), cutout(name="large", side=200)], tmp_path / "small")
    assert sorted(path.name for path in (tmp_path / "small").iterdir()) == ["a_b.png", "a_b_2.png", "large.png"]
    with Image.open(tmp_path / "small" / "large.png") as found:
        assert found.size == (200, 200)
