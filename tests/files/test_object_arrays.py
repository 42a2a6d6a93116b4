"""DeepLense's axions: image and mass without unpickling, and nothing read of the image before it is wanted."""

import numpy as np
import pytest

from lenstream.files import image_files
from lenstream.files.object_arrays import Mass, read
from lenstream.files.unreadable import Unreadable

from .layouts import axion, image


def test_image_and_mass(tmp_path):
    held = read(axion(tmp_path / "a.npy", 3, 2e-23))
    np.testing.assert_array_equal(held.image, image(3).astype(float))
    assert held.mass == 2e-23


@pytest.mark.parametrize("mass", [np.float32(0.5), np.array(0.5), np.array([0.5]), 0.5])
def test_kinds_of_numbers(tmp_path, mass):
    assert read(axion(tmp_path / "a.npy", 0, mass)).mass == 0.5


def test_without_a_mass(tmp_path):
    held = np.empty(1, dtype=object)
    held[0] = image(0)
    np.save(tmp_path / "a.npy", held, allow_pickle=True)
    assert np.isnan(read(tmp_path / "a.npy").mass)


def test_training_reads_them_as_images(tmp_path):
    source = image_files.look(axion(tmp_path / "a.npy", 3, 2e-23))
    assert source.place == Mass(2e-23)
    assert source.used == "the image of DeepLense's [image, mass]"
    made = image_files.read(source, 0)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made[0], image(3))


@pytest.mark.parametrize("mass", ["heavy", None, np.zeros(2), [1.0]])
def test_a_mass_that_is_no_number(tmp_path, mass):
    with pytest.raises(Unreadable, match="what lies beside the image is no number"):
        read(axion(tmp_path / "a.npy", 0, mass))


def test_more_than_image_and_mass_is_another_file(tmp_path):
    held = np.empty(3, dtype=object)
    held[:] = [image(0), 1e-23, 2e-23]
    np.save(tmp_path / "a.npy", held, allow_pickle=True)
    with pytest.raises(Unreadable, match=r"only DeepLense's \[image, mass\] is read"):
        read(tmp_path / "a.npy")
