"""Which share of a CPU core's peak speed rendering W1 reaches: operations counted, peak measured.

An operation is a float32 addition, multiplication or division; a fused multiply-add is two. Comparisons, conversions,
integer arithmetic and memory are free, and so are the constants that are worked out once per system.
"""

import time

import numpy as np
from numba import njit
from workloads import first_systems

from lenstream.simulate.bridge import to_lenstronomy
from lenstream.simulate.profiles import epl

# Operations for one ray, counted in the scalar functions of simulate/profiles and simulate/core/numerics.
LOG2, EXP2 = 19, 16
PER_RAY = {
    "position": 2 + 6,
    "SHEAR": 8 + 2,
    "EPL: elliptical coordinates": 2 + 6 + 3 + 1 + 3,
    "EPL: radial power": LOG2 + 2,
    "EPL: deflection": 3 + EXP2 + 2 + 4 + 6 + 2,
    "SERSIC_ELLIPSE: radius": 2 + 6 + 3,
    "SERSIC_ELLIPSE: brightness": LOG2 + 1 + EXP2 + 2 + EXP2 + 1 + 1,
    "mean over the pixel": 2,
}
PER_TERM = 3  # Clenshaw: a + (r b - c), one fused multiply-add and one addition


def mean_terms(scene, n=1024):
    """The mean number of terms of the main lens's series, over the first n systems."""
    systems, scratch, total = first_systems(scene, n), np.empty(epl.MAX_TERMS), 0
    for i in range(n):
        main = to_lenstronomy(scene, systems, i)["kwargs_lens"][0]
        total += epl.series(np.array([main[name] for name in epl.PROFILE.columns]), epl.SINGLE, scratch)
    return total / n


def operations(num_pix, rays, terms, psf_radius):
    """Operations in an image of W1: float.

    Args: rays along a pixel's side; terms: of the EPL series; psf_radius: of the separable Gaussian [pixels], which
        takes in each direction one multiplication and for each pair of taps an addition and a fused multiply-add.
    """
    per_ray = sum(PER_RAY.values()) + PER_TERM * terms
    return num_pix**2 * (rays**2 * per_ray + 1 + 2 * (1 + 3 * psf_radius))


@njit(fastmath={"contract"})
def _multiply_add(x, m, c, repetitions):
    """Chains of eight dependent fused multiply-adds on each number; the processor overlaps those of many numbers."""
    for _ in range(repetitions):
        for i in range(x.size):
            v = x[i]
            v = v * m + c
            v = v * m + c
            v = v * m + c
            v = v * m + c
            v = v * m + c
            v = v * m + c
            v = v * m + c
            v = v * m + c
            x[i] = v


def measured_peak(tries=20):
    """float32 operations a second that this core reaches with fused multiply-adds: the best of some tries."""
    x, m, c, repetitions = np.ones(1024, np.float32), np.float32(0.999), np.float32(1e-3), 8000
    _multiply_add(x, m, c, 1)
    best = 0.0
    for _ in range(tries):
        begun = time.perf_counter()
        _multiply_add(x, m, c, repetitions)
        best = max(best, 2.0 * 8 * x.size * repetitions / (time.perf_counter() - begun))
    return best
