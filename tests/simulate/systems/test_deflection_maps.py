"""Deflection maps from files: every format gives one map, and what is no map gets a sentence."""

import numpy as np
import pytest
from astropy.io import fits

from lenstream.errors import DataError
from lenstream.simulate.systems.deflection_maps import make_map, read_map

RNG = np.random.default_rng(4)


def same(a, b):
    for name in ("f_x", "f_y", "coefficients"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (a.pixel_scale, a.center_x, a.center_y, a.side) == (b.pixel_scale, b.center_x, b.center_y, b.side)


def test_reads_npz_and_fits(tmp_path):
    f_x, f_y = RNG.normal(size=(2, 6, 9))
    field = make_map(f_x, f_y, 0.05, 0.1, -0.2)
    np.savez(tmp_path / "map.npz", f_x=f_x, f_y=f_y, pixel_scale=0.05, center_x=0.1, center_y=-0.2)
    same(read_map(tmp_path / "map.npz"), field)
    first = fits.ImageHDU(f_x, name="F_X")
    first.header.update({"PIXSCALE": 0.05, "CENTER_X": 0.1, "CENTER_Y": -0.2})
    fits.HDUList([fits.PrimaryHDU(), first, fits.ImageHDU(f_y, name="F_Y")]).writeto(tmp_path / "map.fits")
    same(read_map(str(tmp_path / "map.fits")), field)
    primary = fits.PrimaryHDU()
    primary.header["PIXSCALE"] = 0.05
    images = [fits.ImageHDU(f.astype(np.float32), name=name) for f, name in ((f_x, "F_X"), (f_y, "F_Y"))]
    fits.HDUList([primary, *images]).writeto(tmp_path / "plain.fits")
    plain = read_map(tmp_path / "plain.fits")
    assert (plain.pixel_scale, plain.center_x, plain.center_y) == (0.05, 0.0, 0.0)
    np.testing.assert_allclose(plain.f_x, f_x, rtol=1e-6)


GOOD = {"f_x": np.ones((5, 6)), "f_y": np.ones((5, 6)), "pixel_scale": 0.1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"f_y": None, "fy": np.ones((5, 6))}, "lacks f_y.*f_x"),
        ({"pixel_scale": None, "pixelscale": 0.1}, 'lacks pixel_scale.*Did you mean "pixelscale"'),
        ({"f_y": np.ones((6, 5))}, r"\(5, 6\).*\(6, 5\)"),
        ({"f_x": np.ones(30)}, r"f_x has the shape \(30,\)"),
        ({"f_x": np.ones((3, 6)), "f_y": np.ones((3, 6))}, "at least 4 pixels"),
        ({"f_x": np.full((5, 6), np.nan)}, "30 pixels that are not finite"),
        ({"f_y": np.full((5, 6), -1e30)}, "f_y has 30 pixels that are not finite, or 1e\\+20 and more"),
        ({"f_x": np.full((5, 6), "a")}, "expected an image of numbers"),
        ({"pixel_scale": 0.0}, "pixel_scale is 0: expected a positive"),
        ({"pixel_scale": np.ones(2)}, "pixel_scale is not a number"),
        ({"center_x": np.inf}, "center_x is inf: expected a finite"),
    ],
)
def test_says_what_is_wrong_with_a_map(tmp_path, change, message):
    path = tmp_path / "map.npz"
    np.savez(path, **{k: v for k, v in (GOOD | change).items() if v is not None})
    with pytest.raises(DataError, match=message) as error:
        read_map(path)
    assert str(path) in str(error.value)


def test_says_what_is_wrong_with_a_file(tmp_path):
    with pytest.raises(DataError, match="There is no deflection map"):
        read_map(tmp_path / "absent.npz")
    np.savez(tmp_path / "pickled.npz", f_x=np.array([{}, {}], dtype=object), f_y=1, pixel_scale=1)
    for name, content in (("broken.npz", b"PK\x03\x04"), ("broken.fits", b"SIMPLE"), ("text.txt", b"1 2 3")):
        (tmp_path / name).write_bytes(content)
    for name, message in (
        ("pickled.npz", "cannot be read as npz"),
        ("broken.npz", "cannot be read as npz"),
        ("broken.fits", "cannot be read as FITS"),
        ("text.txt", "neither .npz nor"),
    ):
        with pytest.raises(DataError, match=message):
            read_map(tmp_path / name)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((5, 5)), name="F_X")]).writeto(tmp_path / "half.fits")
    with pytest.raises(DataError, match="lacks f_y"):
        read_map(tmp_path / "half.fits")
