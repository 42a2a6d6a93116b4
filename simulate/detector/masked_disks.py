"""Disks whose pixels are lost, as around neighbours of a lens that somebody has masked."""

import numpy as np
from scipy import special

from ..core.distributions import quantile
from ..core.philox import NOISE, Draw, uniforms

USE = 0x80000003  # of the counters, see `noise`
MOST = 20  # disks in an image


def lose_disks(images, disks, pixel_scale, streams, seed, indices):
    """Set the pixels of disks to NaN, in place.

    Args:
        images: float (n, L, ny, nx). disks: a `configs.observation.Disks`. pixel_scale: arcsec.
        streams: of each layer that has disks, the number of its random stream. seed: below 2**32.
        indices: integers (n,).
    """
    ny, nx = images.shape[2:]
    y, x = ((np.arange(size) - 0.5 * (size - 1)) * pixel_scale for size in (ny, nx))
    for layer, stream in streams.items():
        u = uniforms(Draw(seed, NOISE + int(stream), indices, USE), np.arange(1 + 3 * MOST))
        numbers = (u[:, :1] > special.pdtr(np.arange(MOST), disks.number)).sum(axis=1)
        across, up, size = u[:, 1:].reshape(-1, 3, MOST).transpose(1, 0, 2)
        radius = quantile(disks.radius, size) if not isinstance(disks.radius, int | float) else 0 * size + disks.radius
        to_x, to_y = (across - 0.5) * nx * pixel_scale, (up - 0.5) * ny * pixel_scale
        there = (np.arange(MOST) < numbers[:, None]) & (np.hypot(to_x, to_y) - radius >= disks.nearest)
        for i, k in np.argwhere(there):
            lost = (x - to_x[i, k]) ** 2 + (y[:, None] - to_y[i, k]) ** 2 < radius[i, k] ** 2
            images[i, layer][lost] = np.nan
