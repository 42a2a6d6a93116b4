"""The Einstein radii of one elliptical power law under shear and a mass sheet, in closed form.

About its centre such a deflector looks the same at every radius. In a direction phi its convergence is K r^-t with t =
gamma - 1 and K = (3 - gamma) / 2 (theta_E^2 (1 - f^2) / (1 + f^2 - 2 (e1 cos 2phi + e2 sin 2phi)))^(t/2), f^2 = e1^2 +
e2^2; its complex deflection is A r^(1-t), and its complex shear G r^-t with G = (1 - t) A exp(i phi) - K exp(2i phi),
as dA/dr = K exp(i phi) + G exp(-i phi) (Tessore & Metcalf 2015, arXiv:1507.01819). So one ray in each direction says
what happens at all radii. `einstein_radius` searches for the same in any deflectors.
"""

import numpy as np
from scipy.special import hyp2f1

from .einstein_radius import mean_square
from .render import tracer
from .systems.draw import present

GAMMA = {"SIS": 2.0, "SIE": 2.0, "EPL": None}  # the slopes of the profiles that are power laws; None: a parameter
AROUND = ("SHEAR", "CONVERGENCE")  # what may be there, too
N_ANGLES = 64  # on half a circle, as the other half is the same: good to 1e-6 for an axis ratio of 0.2


def power_laws(scene, systems):
    """Which systems have one power law and no other deflectors but shear and mass sheets, bool (n,).

    The radii below are of such systems without subhalos, which are not looked for here.
    """
    there = _there(scene, systems)
    others = [there[k] for k, c in enumerate(scene.config.lens_mass) if c.profile not in (*GAMMA, *AROUND)]
    return (sum(there[k] for k in _power_laws_of(scene)) == 1) & ~np.any(others, axis=0)


def mean_kappa_radius(scene, systems):
    """The Einstein radius by mean convergence of `power_laws`, as by `einstein_radius` [arcsec]; float64 (n,).

    The mean convergence within r is (theta_E / r)^t (1 - f^2)^(t/2) 2F1(t/2, t/2; 1; f^2), and that of sheets.
    """
    theta_E, gamma, e1, e2 = _parameters(scene, systems)
    t, f2 = gamma - 1.0, e1**2 + e2**2
    left = 1.0 - _total(scene, systems, "kappa")  # for the power law to do
    mean = (1.0 - f2) ** (0.5 * t) * hyp2f1(0.5 * t, 0.5 * t, 1.0, f2)
    return np.where(left > 0, theta_E * (mean / np.where(left > 0, left, 1.0)) ** (1.0 / t), 0.0)


def critical_curve_radius(scene, systems):
    """The Einstein radius by area of `power_laws`, as by `einstein_radius` [arcsec]; float64 (n,).

    On the curve 1 - kappa - K u = |gamma + G u| with u = r^-t, which is a quadratic equation: of its solutions the one
    with the smaller u > 0 is the tangential curve, which closes where the left side is the larger at u = 0.
    """
    theta_E, gamma, e1, e2 = (v[:, None] for v in _parameters(scene, systems))
    left = 1.0 - _total(scene, systems, "kappa")[:, None]
    shear = (_total(scene, systems, "gamma1") + 1j * _total(scene, systems, "gamma2"))[:, None]
    angle = np.pi * (np.arange(N_ANGLES) + 0.5) / N_ANGLES
    t, f2, wave = gamma - 1.0, e1**2 + e2**2, e1 * np.cos(2 * angle) + e2 * np.sin(2 * angle)
    convergence = 0.5 * (2.0 - t) * (theta_E**2 * (1.0 - f2) / (1.0 + f2 - 2.0 * wave)) ** (0.5 * t)
    own = (1.0 - t) * _deflection(scene, systems, angle) * np.exp(1j * angle) - convergence * np.exp(2j * angle)
    closed = (left > np.abs(shear)) & (theta_E > 0)
    squared = left**2 - np.abs(shear) ** 2
    half = convergence * left + (own * shear.conj()).real
    root = np.sqrt(np.maximum(half**2 - (convergence**2 - np.abs(own) ** 2) * squared, 0.0))
    radius2 = np.where(closed, (half + root) / np.where(closed, squared, 1.0), 1.0) ** (2.0 / t)
    area = mean_square(radius2, angle, np.ones(len(radius2), bool))
    return np.where(closed[:, 0], np.sqrt(area), 0.0)


def _deflection(scene, systems, angle):
    """A: the complex deflection by the power laws alone at a radius of 1 arcsec, (n, angles)."""
    x, y = (_of_power_law(scene, systems, name)[:, None] for name in ("center_x", "center_y"))
    alpha_x, alpha_y = tracer(scene, systems, without=AROUND)(x + np.cos(angle), y + np.sin(angle))
    return alpha_x + 1j * alpha_y


def _parameters(scene, systems):
    """theta_E, gamma, e1, e2 of the power law in each system, float64 (n,) each."""
    return (_of_power_law(scene, systems, name) for name in ("theta_E", "gamma", "e1", "e2"))


def _of_power_law(scene, systems, name):
    """A parameter of the one power law in each system, float64 (n,)."""
    numbers, there = _power_laws_of(scene), _there(scene, systems)
    drawn = [{"gamma": GAMMA[scene.config.lens_mass[k].profile]} | systems.lens_mass[k] for k in numbers]
    return np.select([there[k] for k in numbers], [values.get(name, 0.0) for values in drawn], 0.0)


def _power_laws_of(scene):
    """The numbers of the deflectors that are power laws, a list."""
    return [k for k, component in enumerate(scene.config.lens_mass) if component.profile in GAMMA]


def _there(scene, systems):
    """In which systems each deflector occurs, bool (n,) each."""
    return [present(scene, component, systems.class_number) for component in scene.config.lens_mass]


def _total(scene, systems, name):
    """A parameter of the sheets and shears of each system, added up, float64 (n,)."""
    total = np.zeros(len(systems.indices))
    for component, values, there in zip(scene.config.lens_mass, systems.lens_mass, _there(scene, systems), strict=True):
        if component.profile in AROUND:
            total += np.where(there, values.get(name, 0.0), 0.0)
    return total
