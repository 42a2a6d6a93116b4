"""Elliptical Sersic light (SERSIC_ELLIPSE): the surface brightness at a position.

I = amp exp(-b_n ((R / R_sersic)^(1/n) - 1)), with lenstronomy's product-average radius R = sqrt(q x^2 + y^2 / q), its
b_n = 1.9992 n - 0.3271, its floor of 1e-4 arcsec under R and its cut at 1000 R_sersic. `amp` is in counts/s/arcsec^2.

That b_n makes R_sersic the half-light radius to 0.15 % from n = 1.5 on; half of the light lies within 1.004 R_sersic
at n = 1, 1.015 at 0.5 and 1.045 at 0.3. The cut takes 3e-5 of the light at n = 8. The floor takes less than 1e-3 of it
from R_sersic = 0.05 arcsec on (1.3e-3 at n = 8); of a source of 0.001 arcsec it takes 3 % at n = 4 and 9 % at n = 8, so
that such a one is fainter than its magnitude says.
"""

import math

import numpy as np

from .declaration import CENTRE, ELLIPTICITY, MAGNITUDE, LightProfile, ProfileParameter
from .scalar import LOG2_E, exp2, log2, per_ray, per_system, real

SMOOTHING = 1e-4
MAX_R_FRAC = 1000.0


def b_n(n_sersic):
    """lenstronomy's approximation to the Sersic b_n (array or float, dimensionless)."""
    return np.maximum(1.9992 * np.asarray(n_sersic, dtype=float) - 0.3271, 1e-5)


def total_flux(R_sersic, n_sersic):
    """Flux [counts/s] of a profile with amp = 1, integrated to infinity (lenstronomy's `SersicUtil.total_flux`)."""
    from scipy.special import gammaln  # takes a while, and settings need it not

    n, b = np.asarray(n_sersic, dtype=float), b_n(n_sersic)
    return np.asarray(R_sersic) ** 2 * 2 * np.pi * n * np.exp(b + gammaln(2 * n) - 2 * n * np.log(b))


@per_system
def constants(row, out):
    """Fill `out` with what every ray needs, from `row` = (amp, R_sersic, n_sersic, e1, e2, center_x, center_y)."""
    e1, e2 = row[3], row[4]
    bn = max(1.9992 * row[2] - 0.3271, 1e-5)
    radius = max(row[1], SMOOTHING)
    norm = radius * math.sqrt(max(abs(1.0 - e1 * e1 - e2 * e2), 1e-6))
    out[0], out[1] = row[5], row[6]
    out[2], out[3], out[4] = (1.0 - e1) / norm, -e2 / norm, (1.0 + e1) / norm
    out[5] = (SMOOTHING / radius) ** 2
    out[6] = 0.5 / row[2]
    out[7] = -bn * LOG2_E
    out[8] = row[0]


@per_ray
def radius2(x, y, p):
    """(R / R_sersic)^2 at one position, with lenstronomy's floor; `p` from `constants`."""
    dx, dy = x - p[0], y - p[1]
    u, v = p[2] * dx + p[3] * dy, p[3] * dx + p[4] * dy
    return max(u * u + v * v, p[5])


@per_ray
def log2_root(r2, p):
    """log2 of (R / R_sersic)^(1/n), from (R / R_sersic)^2."""
    return min(p[6] * log2(r2), real(r2, 126.0))


@per_ray
def light(root, r2, p):
    """Surface brightness [counts/s/arcsec^2] from (R / R_sersic)^(1/n) and (R / R_sersic)^2."""
    value = p[8] * exp2(p[7] * (root - real(root, 1.0)))
    return value if r2 <= real(r2, MAX_R_FRAC**2) else real(r2, 0.0)


@per_ray
def brightness(x, y, p):
    """Surface brightness [counts/s/arcsec^2] at one position; `p` from `constants`."""
    r2 = radius2(x, y, p)
    return light(exp2(log2_root(r2, p)), r2, p)


R_SERSIC = ProfileParameter(
    "R_sersic",
    "half-light radius, product average (1.5 % less than it at n_sersic 0.5, 0.4 % at 1)",
    "arcsec",
    r"R_{\mathrm{sersic}}",
    low=1e-3,
    high=100,
)
N_SERSIC = ProfileParameter("n_sersic", "Sersic index", "-", r"n_{\mathrm{sersic}}", 1.0, low=0.3, high=8)
PROFILE = LightProfile(
    name="SERSIC_ELLIPSE",
    meaning="elliptical Sersic light",
    parameters=(MAGNITUDE, R_SERSIC, N_SERSIC, *ELLIPTICITY, *CENTRE),
    constants=constants,
    brightness=brightness,
    rays="sersic",
    columns=("amp", "R_sersic", "n_sersic", "e1", "e2", "center_x", "center_y"),
)
