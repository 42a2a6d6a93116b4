"""Suffixes of data files, and the data files of a folder: found by suffix, in order, hidden ones left out."""

import pytest

from lenstream.errors import DataError
from lenstream.files.suffixes import FITS, IMAGES, data_files, has_suffix, stem


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.fits", "a"),
        ("a.FIT.GZ", "a"),
        ("J0946+1006.v2.fits.gz", "J0946+1006.v2"),
        ("a.npz", "a"),
        ("a.ecsv", "a"),
        ("folder/a.txt", "a.txt"),
        ("a", "a"),
    ],
)
def test_names_without_suffix(name, expected):
    assert stem(name) == expected


def test_every_list_knows_every_spelling_of_fits():
    for name in ("a.fits", "a.fit", "a.fits.gz", "a.fit.gz", "A.FITS"):
        assert has_suffix(name, FITS) and has_suffix(name, IMAGES)
    assert not has_suffix("a.fits.txt", FITS) and not has_suffix("a.npy", FITS)


def test_data_files_come_by_name_without_hidden_ones(tmp_path):
    for name in ("c.fits", "a.fit.gz", ".b.fits", "._c.fits", "notes.txt", "d.npy"):
        (tmp_path / name).touch()
    (tmp_path / "b.fits").mkdir()  # for the reader to refuse, not to be overlooked
    assert [path.name for path in data_files(tmp_path, FITS, "images")] == ["a.fit.gz", "b.fits", "c.fits"]


def test_a_folder_without_data_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    for path, words in (
        (tmp_path / "none", "There is no folder .*none: expected a folder with FITS images"),
        (tmp_path / "file", "file is not a folder: expected a folder with FITS images"),
        (tmp_path, r"holds no file that ends in \.fits, \.fit, \.fits\.gz, \.fit\.gz, .*: expected FITS images"),
    ):
        with pytest.raises(DataError, match=words):
            data_files(path, FITS, "FITS images")
