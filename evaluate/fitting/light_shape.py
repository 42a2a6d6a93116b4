"""The shape of a galaxy's light: ellipticity and centre by moments under an elliptical Gaussian of the same shape."""

from typing import NamedTuple

import numpy as np

RADIUS = 0.8  # of the Gaussian, about where arcs are [arcsec]
ROUNDS, ENOUGH = 60, 1e-5
ROUNDEST = 0.9  # |e| at most


class LightShape(NamedTuple):
    """Shape of a galaxy's light, with x to the right and y upwards."""

    e1: float
    e2: float
    center_x: float  # from the middle of the image [arcsec]
    center_y: float


def light_shape(light, pixel_scale):
    """The `LightShape` of an image of a galaxy's light, (n, n): axis ratio and angle of the isophotes about `RADIUS`.

    Adaptive moments (Bernstein & Jarvis 2002, AJ 123, 583), for a light that falls as a power of the radius: the light
    under a Gaussian has its shape where both have the same.
    """
    axis = (np.arange(light.shape[0]) + 0.5 - 0.5 * light.shape[0]) * pixel_scale
    x, y = np.meshgrid(axis, axis)
    light = np.maximum(light, 0.0)
    shape = np.zeros(4)
    for _ in range(ROUNDS):
        dx, dy = x - shape[2], y - shape[3]
        weight = light * np.exp(-0.5 * squared_radius(dx, dy, *shape[:2]) / RADIUS**2)
        total = weight.sum()
        if not total > 0:
            return LightShape(0.0, 0.0, 0.0, 0.0)
        of_x, of_y = (weight * dx).sum() / total, (weight * dy).sum() / total
        xx, yy, xy = ((weight * a * b).sum() / total for a, b in ((dx, dx), (dy, dy), (dx, dy)))
        major, minor = (0.5 * (xx + yy) + sign * np.hypot(0.5 * (xx - yy), xy) for sign in (1.0, -1.0))
        q, angle = np.sqrt(max(minor, 1e-9) / major), np.arctan2(2.0 * xy, xx - yy)
        modulus = min((1.0 - q) / (1.0 + q), ROUNDEST)
        new = np.array([modulus * np.cos(angle), modulus * np.sin(angle), shape[2] + of_x, shape[3] + of_y])
        done = np.abs(new - shape).max() < ENOUGH
        shape[:2] = 0.5 * (shape[:2] + new[:2])
        shape[2:] = new[2:]
        if done:
            break
    return LightShape(*map(float, shape))


def squared_radius(x, y, e1, e2):
    """The square of the elliptical radius on the intermediate axis, as lenstronomy's profiles have it."""
    modulus = np.hypot(e1, e2)
    q, angle = (1.0 - modulus) / (1.0 + modulus), 0.5 * np.arctan2(e2, e1)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return q * along**2 + across**2 / q
