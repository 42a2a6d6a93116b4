"""COOLEST's files: what is written is read, and what is wrong is said in a sentence."""

import json

import numpy as np
import pytest
from astropy.io import fits

from lenstream.errors import DataError
from lenstream.files.coolest_files import read_coolest, read_grid, write_coolest
from lenstream.files.fits_writing import card

GRID = {"fits_file": {"path": "image"}, "num_pix_x": 3, "num_pix_y": 3}


def template():
    return {"lensing_entities": [], "instrument": {}, "observation": {"pixels": GRID}}


def test_a_template_and_its_images(tmp_path):
    image = np.arange(9.0).reshape(3, 3)
    paths = write_coolest(tmp_path / "a.json", template(), {"image": image}, [card("CRVAL1", 10.5)])
    assert [path.name for path in paths] == ["a_image.fits", "a.json"]
    read = read_coolest(tmp_path / "a.json")
    assert read["observation"]["pixels"]["fits_file"] == {"path": "a_image.fits"}
    np.testing.assert_array_equal(read_grid(paths[-1], read["observation"]["pixels"], "here"), image)
    assert fits.getheader(paths[0])["CRVAL1"] == 10.5
    assert read_grid(paths[-1], {"fits_file": {"path": None}}, "here") is None


def test_a_mask_keeps_its_numbers(tmp_path):
    write_coolest(tmp_path / "a.json", template(), {"image": np.eye(3, dtype=bool)})
    np.testing.assert_array_equal(fits.getdata(tmp_path / "a_image.fits"), np.eye(3))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[1]", "is no COOLEST template: it has no lensing_entities and no observation and no instrument"),
        ('{"observation": {}, "instrument": {}}', "it has no lensing_entities"),
        ('{"py/object": "coolest"}', r"holds Python objects \(jsonpickle\), not read: give the plain template, a.json"),
    ],
)
def test_what_is_no_template(tmp_path, text, said):
    (tmp_path / "a_pyAPI.json").write_text(text)
    with pytest.raises(DataError, match=said):
        read_coolest(tmp_path / "a_pyAPI.json")


def test_a_name_nearby_is_told(tmp_path):
    (tmp_path / "lens_1.json").write_text(json.dumps(template()))
    with pytest.raises(DataError, match=r'does not exist. Did you mean "lens_1.json"\?'):
        read_coolest(tmp_path / "lens1.json")


def test_images_that_are_not_there_or_are_others(tmp_path):
    write_coolest(tmp_path / "a.json", template(), {"image": np.ones((4, 4))})
    grid = read_coolest(tmp_path / "a.json")["observation"]["pixels"]
    with pytest.raises(DataError, match=r"a_image.fits has \(4, 4\) pixels, but the template says \[3\]"):
        read_grid(tmp_path / "a.json", grid, "observation")
    (tmp_path / "a_image.fits").unlink()
    with pytest.raises(DataError, match=r"observation: the file a_image.fits is not beside it"):
        read_grid(tmp_path / "a.json", grid, "observation")
