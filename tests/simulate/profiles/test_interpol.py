"""INTERPOL (a galaxy image as light) against lenstronomy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.LightModel.light_model import LightModel

from lenstream.simulate.profiles import interpol

position = st.floats(-0.3, 0.3)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.02, 0.3), st.floats(-4, 4), position, position, st.integers(4, 9))
def test_is_lenstronomys(profiles, scale, phi, cx, cy, size):
    inner = np.random.default_rng(size).random((size, size))
    kwargs = {"image": inner, "amp": 1.5, "center_x": cx, "center_y": cy, "phi_G": phi, "scale": scale}
    model = LightModel(["INTERPOL"])
    for x, y in (profiles.grid, profiles.rays(cx, cy)):
        theirs = model.surface_brightness(x, y, [kwargs])
        ours = profiles.light(interpol, (1.5, cx, cy, phi, scale, 0, 1), x, y, stamp=np.pad(inner, 1))
        np.testing.assert_allclose(ours, theirs, atol=1e-10)
        ours = profiles.light(interpol, (1.5, cx, cy, phi, scale, 0, 1), x, y, stamp=np.pad(inner, 1), dtype=np.float32)
        # the rounding of a position, 2e-7 arcsec, times the steepest slope of this noise, two pixels' contrast a pixel
        np.testing.assert_allclose(ours, theirs, atol=1.5e-6 / scale + 1e-6)


def test_pixel_centres_have_the_pixels_values(profiles):
    inner = np.arange(1.0, 26.0).reshape(5, 5)
    y, x = (0.1 * (a.ravel() - 2.0) for a in np.indices((5, 5)))
    flux = profiles.light(interpol, (2.0, 0.3, -0.2, 0.0, 0.1, 0, 1), x + 0.3, y - 0.2, stamp=np.pad(inner, 1))
    np.testing.assert_allclose(flux, 2.0 * inner.ravel(), rtol=1e-12)


def test_a_parity_of_minus_one_mirrors_left_to_right(profiles):
    inner = np.arange(1.0, 26.0).reshape(5, 5)
    y, x = (0.1 * (a.ravel() - 2.0) for a in np.indices((5, 5)))
    flux = profiles.light(interpol, (2.0, 0.0, 0.0, 0.0, 0.1, 0, -1), x, y, stamp=np.pad(inner, 1))
    np.testing.assert_allclose(flux, 2.0 * inner[:, ::-1].ravel(), rtol=1e-12)


def test_is_dark_outside(profiles):
    far = np.array([-1e6, -3.0, 3.0, 1e6])
    stamp = np.pad(np.ones((5, 5)), 1)
    for dtype in (np.float32, np.float64):
        assert not profiles.light(interpol, (2.0, 0.0, 0.0, 0.3, 0.1, 0, 1), far, 0 * far, stamp, dtype).any()
        assert not profiles.light(interpol, (2.0, 0.0, 0.0, 0.3, 0.1, 0, 1), 0 * far, far, stamp, dtype).any()
