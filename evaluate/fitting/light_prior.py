"""The prior of a lens whose light was measured and subtracted: what the population's light tells of its mass.

In a population whose mass follows its light, ellipticity and centre of the light say much of the mass. The light's own
parameters then need no fit; how wrong its subtracted model is takes their place.
"""

from dataclasses import replace

import numpy as np

from .free_parameters import X, Y
from .light_remains import STRENGTH

MEASURED = ("lens_light_e1", "lens_light_e2", "lens_light_center_x", "lens_light_center_y")
ERRORS = (0.03, 0.03, 0.02, 0.02)  # of a `light_shape.LightShape`: isophotes twist, and moments have some noise
FURTHEST = 3.5  # standard deviations of ln(strength) of what is left
FLAT = 1e-9  # share of a variance below which a direction does not vary


def without_light(free, shape=None, remains=False):
    """`FreeParameters` without those of the lens's light, given what was measured of it.

    Args: free: with light. shape: `light_shape.LightShape` of the light; None: nothing is known of it. remains: whether
        the strength of what a subtraction left is one of the parameters.
    """
    names = free.names()
    kept = [p for p in range(len(names)) if not free.of_light.start <= p < free.of_light.stop]
    mean, covariance = free.mean.copy(), free.directions @ free.directions.T
    told = [names.index(name) for name in MEASURED if name in names]
    if shape is not None and told:
        seen = np.array([value for name, value in zip(MEASURED, shape, strict=True) if name in names])
        errors = np.array([error for name, error in zip(MEASURED, ERRORS, strict=True) if name in names])
        gain = covariance[:, told] @ np.linalg.inv(covariance[np.ix_(told, told)] + np.diag(errors**2))
        mean = mean + gain @ (seen - mean[told])
        covariance = covariance - gain @ covariance[told]
    mean, covariance = mean[kept], covariance[np.ix_(kept, kept)]
    low, high = free.low[kept], free.high[kept]
    if remains:
        at = len(free.places)
        mean, low, high = (
            np.insert(values, at, STRENGTH[0] + far * STRENGTH[1])
            for values, far in ((mean, 0.0), (low, -FURTHEST), (high, FURTHEST))
        )
        covariance = np.insert(np.insert(covariance, at, 0.0, axis=0), at, 0.0, axis=1)
        covariance[at, at] = STRENGTH[1] ** 2
    spread = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(spread, spread))
    vary = values > FLAT
    return replace(
        free,
        mean=np.clip(mean, low, high),
        directions=spread[:, None] * vectors[:, vary] * np.sqrt(values[vary]),
        low=low,
        high=high,
        spread=spread,
        light=(),
        light_constants=(),
        light_profiles=(),
        remains=remains,
    )


def centred_on(free, x, y):
    """`FreeParameters` with the lens, and the source behind it, about another place than the middle [arcsec]."""
    moved, by = {"center_x": x, "center_y": y, "ra_0": x, "dec_0": y}, np.zeros(len(free.mean))
    for p, (_, name) in enumerate(free.places):
        by[p] = moved.get(name, 0.0)
    by[[X, Y]] = x, y
    constants = tuple({name: value + moved.get(name, 0.0) for name, value in own.items()} for own in free.constants)
    return replace(free, constants=constants, mean=free.mean + by, low=free.low + by, high=free.high + by)
