"""Images that are there twice are found by their pixels, whatever their files are."""

import numpy as np
from astropy.io import fits

from lenstream.configs.training import Folder
from lenstream.evaluate.tasks.same_pixels import fingerprints, shared
from lenstream.ssl.set_images import SetImages


def images(folder, n=70):
    folder.mkdir()
    for k in range(n):
        np.save(folder / f"{k:03}.npy", np.random.default_rng(k).normal(size=(16, 16)).astype(np.float32))
    return folder


def of(folder, size=None):
    return fingerprints(SetImages(Folder(path=str(folder), size=size)))


def test_other_images_differ_and_the_same_ones_do_not(tmp_path):
    one, other = images(tmp_path / "one"), images(tmp_path / "other")
    assert len(set(of(one))) == 70 and of(one) == of(other)
    changed = np.load(one / "005.npy")
    changed[3, 3] = np.nextafter(changed[3, 3], 9)
    np.save(one / "005.npy", changed)
    assert [k for k, (a, b) in enumerate(zip(of(one), of(other), strict=True)) if a != b] == [5]


def test_a_file_of_another_format_is_the_same_image(tmp_path):
    one = images(tmp_path / "one", 3)
    (tmp_path / "other").mkdir()
    fits.PrimaryHDU(np.load(one / "002.npy")).writeto(tmp_path / "other" / "x.fits")
    assert shared(of(one), of(tmp_path / "other")) == [(2, 0)]


def test_what_is_cut_away_does_not_count(tmp_path):
    one, other = images(tmp_path / "one", 2), images(tmp_path / "other", 2)
    np.save(other / "000.npy", np.pad(np.load(other / "000.npy")[4:12, 4:12], 4))
    assert shared(of(one), of(other)) == [(1, 1)]
    assert shared(of(one, 8), of(other, 8)) == [(0, 0), (1, 1)]


def test_no_difference_but_the_sign_of_nothing(tmp_path):
    (tmp_path / "one").mkdir()
    for k, zero in enumerate((0.0, -0.0)):
        np.save(tmp_path / "one" / f"{k}.npy", np.array([[zero, 1], [2, 3]] * 8, np.float32).repeat(8, axis=1))
    assert len(set(of(tmp_path / "one"))) == 1

    class Held:  # of which none is changed as it is read
        def __len__(self):
            return 2

        def read_all(self, places):
            return np.array([0.0, -0.0], np.float32)[places]

    assert len(set(fingerprints(Held()))) == 1


def test_of_equal_images_the_first_is_named():
    assert shared([b"x", b"y", b"x"], [b"z", b"x"]) == [(0, 1)]
