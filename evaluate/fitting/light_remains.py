"""What the subtraction of a lens's light may have left in an image: patterns of unknown strength and sign.

A model of a galaxy is wrong by a share of its light, most in the centre, where it is steep and the PSF counts. The
patterns are the subtracted light times a ring, as bright all around or with up to four waves; their amounts have normal
priors and are solved with those of the source's components. How wrong the model of this galaxy is, is one more
parameter of the fit: some galaxies are smooth, others have discs, dust or a nucleus that no model knew of.
"""

from typing import NamedTuple

import numpy as np

RINGS = (0.0, 0.1, 0.2, 0.35, 0.55, 0.85, 1.3, 2.0)  # radii where the rings are brightest [arcsec]
WAVES = 4  # around a ring, at most
SHARE, WITHIN = 0.03, 0.1  # of the light in the centre, and the radius where it is half of that [arcsec]
STRENGTH = (0.0, 1.0)  # mean and standard deviation of ln(strength), of which 0 stands for `SHARE`


class Remains(NamedTuple):
    """Patterns that may be left of subtracted light."""

    images: np.ndarray  # float64 (pixels, j) [counts/s], of a strength of 1
    variances: np.ndarray  # float64 (j,)


def light_remains(light, pixel_scale, centre=(0.0, 0.0)):
    """The `Remains` of a model of a lens's light that was subtracted.

    Args: light: the model, (n, n) [counts/s]. pixel_scale: [arcsec]. centre: of the galaxy, from the middle of the
        image [arcsec].
    """
    axis = [(np.arange(light.shape[0]) + 0.5 - 0.5 * light.shape[0]) * pixel_scale - middle for middle in centre]
    radius, angle = np.hypot(axis[0], axis[1][:, None]), np.arctan2(axis[1][:, None], axis[0])
    images = []
    for ring, share in enumerate(_rings(radius)):
        own = light * share * SHARE / (1.0 + radius / WITHIN)
        images.append(own)
        for waves in range(1, WAVES + 1 if ring else 1):  # around a point there are none
            images += [own * np.cos(waves * angle), own * np.sin(waves * angle)]
    images = np.stack([image.ravel() for image in images], axis=1)
    return Remains(images, np.ones(images.shape[1]))


def _rings(radius):
    """How much of each ring is at some radii: straight from one ring's to the next, the last goes on, (rings, n, n)."""
    return [np.interp(radius, RINGS, np.eye(len(RINGS))[k]) for k in range(len(RINGS))]
