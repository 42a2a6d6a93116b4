"""Rules around the shared functions in the GPU's kernels, on a CPU: pixels to refine, and correlated noise."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.simulate import refinement
from lenstream.simulate.core import compiled
from lenstream.simulate.cpu import light, steep
from lenstream.simulate.detector import noise
from lenstream.simulate.gpu import cuda_adaptive, cuda_noise, fixed

flag, correlate = compiled.cached(steep.flag), compiled.cached(noise._correlate)
is_steep, may_hold = compiled.cached(cuda_adaptive._is_steep), compiled.cached(cuda_adaptive._may_hold)
may_hold_unlensed = compiled.cached(cuda_adaptive._may_hold_unlensed)
correlated = compiled.cached(cuda_noise._correlated)
TOLERANCE = 1e-3


def galaxy(x, y):
    constants = np.zeros((1, light.N_PARAMETERS))
    constants[0, :2] = x, y
    return light.Light(np.array([light.SERSIC]), constants, np.zeros(1, np.int64))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.booleans())
def test_the_same_pixels_need_more_rays_on_both(size, seed, lensed):
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((size, size)).astype(float)
    image = 1 + 1e-3 * np.sin(0.3 * rows) + rng.random((size, size)) * (rng.random((size, size)) < 0.1)
    grid = fixed.make_grid(size, 1.0, 1, torch.float64, torch.device("cpu"))
    axis = grid.axis.numpy()
    beta = np.stack([axis[columns.astype(int)], axis[rows.astype(int)]])
    if lensed:
        beta += 0.2 * rng.random((2, size, size))
    x, y = rng.uniform(-1, 1, 2) * size
    expected, _, _, _ = flag(image.ravel().copy(), galaxy(x, y), beta.reshape(2, -1), TOLERANCE, (1.0, 0.0), 1.0)
    flat, beta_x, beta_y = image.ravel(), beta[0].ravel(), beta[1].ravel()
    pixels = [(i, j) for i in range(size) for j in range(size)]
    crosses = [cuda_adaptive._cross.py_func(flat, i, j, size) for i, j in pixels]
    limit = refinement.curvature_limit.py_func(max(refinement.capped.py_func(*c) for c in crosses), TOLERANCE)
    there = fixed.Grid(size, 1, 1.0, axis, axis)
    for p, (i, j) in enumerate(pixels):
        found = is_steep(flat, i, j, size, limit)
        if lensed:
            found |= may_hold(beta_x, i, j, size, x) and may_hold(beta_y, i, j, size, y)
        else:
            found |= may_hold_unlensed(there, j, x) and may_hold_unlensed(there, i, y)
        assert found == bool(expected[p])


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0.01, 0.7))
def test_noise_is_correlated_alike_on_both(size, seed, a):
    white = np.random.default_rng(seed).normal(size=(size + 2, size + 2)).astype(np.float32)
    flat, a = white.ravel().copy(), np.float32(a)
    found = [correlated(flat, p, size, a) for p in range(size * size)]
    correlate(white, a, np.empty(size + 2, np.float32))
    np.testing.assert_allclose(found, white.ravel()[: size * size], rtol=0, atol=2e-6)
