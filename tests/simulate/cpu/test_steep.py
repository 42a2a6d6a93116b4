"""Which pixels get more rays: against the rules written in plain numpy, for images of any size."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.simulate import refinement
from lenstream.simulate.core import compiled
from lenstream.simulate.cpu import light, steep

flag = compiled.cached(steep.flag)
NO_PSF = (1.0, 0.0)  # see `refinement.seen`
TOLERANCE = 1e-3


def galaxy(x, y):
    """One Sersic component with its centre at (x, y); only that matters here."""
    constants = np.zeros((1, light.N_PARAMETERS))
    constants[0, :2] = x, y
    return light.Light(np.array([light.SERSIC]), constants, np.zeros(1, np.int64))


def neighbours(image):
    """The pixels left, right, below and above of each; an edge pixel is its own neighbour."""
    p = np.pad(image, 1, mode="edge")
    return p[1:-1, :-2], p[1:-1, 2:], p[:-2, 1:-1], p[2:, 1:-1]


def expected(image, beta, x, y):
    left, right, below, above = neighbours(image)
    peak = np.minimum(image, np.maximum.reduce([left, right, below, above])).max()
    across, up = left - 2 * image + right, below - 2 * image + above
    curved = abs(across) + abs(up)
    steepest = np.maximum(curved, 0.5 * np.maximum.reduce(neighbours(curved)))
    flagged = steepest > refinement.UNSEEN * 24 * TOLERANCE * peak
    near = [abs(at - centre) for at, centre in zip(beta, (x, y), strict=True)]
    reach = [abs(r - le) + abs(a - b) for le, r, b, a in map(neighbours, beta)]
    flagged |= (near[0] <= reach[0]) & (near[1] <= reach[1])
    return flagged, np.where(flagged, 0.0, np.maximum(image + (across + up) / 24, 0.0))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 24), st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_the_flagged_pixels_are_those_of_plain_numpy(size, seed, roughness):
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((size, size))
    smooth = 1 + 1e-3 * np.sin(0.3 * rows + 0.2 * columns)
    image = smooth + roughness * rng.random((size, size)) * (rng.random((size, size)) < 0.1)
    beta = np.stack([columns + 0.2 * rng.random((size, size)), rows + 0.2 * rng.random((size, size))])
    x, y = rng.uniform(-1, size + 1, 2)
    flagged, corrected = expected(image, beta, x, y)
    out = image.ravel().copy()
    found, highest, factor, raw = flag(out, galaxy(x, y), beta.reshape(2, -1), TOLERANCE, NO_PSF, 1.0)
    assert factor == 1.0
    np.testing.assert_array_equal(raw, image)
    np.testing.assert_array_equal(found.reshape(size, size), flagged)
    np.testing.assert_allclose(out.reshape(size, size), corrected, rtol=1e-12)
    assert highest == max(out.max(), 0.0)


def test_a_smooth_image_needs_no_more_rays_but_at_a_centre():
    size = 16
    rows, columns = np.indices((size, size)).astype(float)
    out = (1 + 1e-3 * columns).ravel()
    found, _, _, _ = flag(out, galaxy(5.0, 9.0), np.stack([columns, rows]).reshape(2, -1), TOLERANCE, NO_PSF, 1.0)
    there = np.zeros((size, size), bool)
    there[7:12, 3:8] = True  # the pixel with the centre, and two on each side: a pixel's reach
    np.testing.assert_array_equal(found.reshape(size, size).astype(bool), there)


def test_pixels_at_the_border_have_a_limit_of_their_own():
    size = 12
    rows, columns = np.indices((size, size)).astype(float)
    image = 1 + 3e-3 * columns  # at the border, a slope counts as a curvature
    beta, far = np.stack([columns, rows]).reshape(2, -1), galaxy(500.0, 500.0)
    usual, strict = (flag(image.ravel().copy(), far, beta, TOLERANCE, NO_PSF, b)[0] for b in (1.0, refinement.BORDER))
    there = np.zeros((size, size), bool)
    there[:, [0, -1]] = True
    assert not usual.any()
    np.testing.assert_array_equal(strict.reshape(size, size).astype(bool), there)
