"""The mean brightness of every pixel by a fixed grid of rays, on a GPU: one thread a pixel."""

import functools
from typing import NamedTuple

import numpy as np
import torch
from numba import cuda

from ..core.numerics import real, row_function
from ..cpu import light
from . import ray
from .kernels import THREADS, blocks_for, kernel, to_device


class Grid(NamedTuple):
    """Where the rays are: x of column c, and y of row c alike, at axis[c * rays + s] [arcsec]."""

    size: int  # fine pixels on a side
    rays: int  # along a side of one
    scale: float  # of a fine pixel [arcsec]
    axis: torch.Tensor  # (size * rays,), of the type of the image
    exact: torch.Tensor  # (size * rays,), `axis` in float64


def make_grid(size, scale, rays, dtype, device):
    """A `Grid` of fine pixels of `scale` [arcsec]."""
    middle = (np.arange(size) + 0.5 - 0.5 * size) * scale
    offset = scale * ((np.arange(rays) + 0.5) / rays - 0.5)
    exact = to_device((middle[:, None] + offset).ravel(), device)
    return Grid(size, rays, scale, exact.to(dtype), exact)


def shoot(profiles, grid, constants, exact, exact_cusps, n_layers, stream):
    """Surface brightness of all layers, (n, L, size^2) each: the lensed source, and what is not lensed.

    Args:
        profiles: `cuda_tables.Profiles`. constants, exact: `cuda_tables.Constants` in the type of the image and in
            float64.
        exact_cusps: whether rays in Sersic cusps are traced once more in float64, see `simulate.cpu.light`.

    Returns: source, light, and beta (n, 2, size^2): where the last ray of each pixel arrives [arcsec].
    """
    n, n_pixels = constants.deflectors.lens.numbers.shape[0], grid.size * grid.size
    out = torch.zeros(2, n, n_layers, n_pixels, dtype=grid.axis.dtype, device=grid.axis.device)
    beta = torch.zeros(n, 2, n_pixels, dtype=grid.axis.dtype, device=grid.axis.device)
    run = _make(profiles, exact_cusps and light.SERSIC in profiles.lights)
    run(stream, (blocks_for(n_pixels), n), grid, constants, exact, n_layers, (out[0], out[1], beta))
    return out[0], out[1], beta


@functools.cache
def _make(profiles, exact_cusps):
    source_position = ray.make_source_position(profiles.deflectors, profiles.halos)
    brightness = ray.make_brightness(profiles.lights)

    @row_function
    def exact_brightness(exact, i, layer, k, x, y):
        deflectors = exact.deflectors
        lens, first, last = ray.system_lens(deflectors.lens, i), deflectors.halo_first[i], deflectors.halo_first[i + 1]
        beta_x, beta_y = source_position(lens, ray.lens_slice(deflectors.halos, first, last), deflectors.maps, x, y)
        return ray.sersic_brightness(ray.layer_light(exact.sources, layer), k, beta_x, beta_y)

    @kernel
    def shoot_fixed(grid, constants, exact, n_layers, out):
        source = out[0]
        unlensed = out[1]
        beta = out[2]
        i, p = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
        if p >= grid.size * grid.size:
            return
        row, column, n = p // grid.size, p % grid.size, grid.rays
        deflectors = constants.deflectors
        first, last = deflectors.halo_first[i], deflectors.halo_first[i + 1]
        lens, halos = ray.system_lens(deflectors.lens, i), ray.lens_slice(deflectors.halos, first, last)
        for s in range(n):
            for t in range(n):
                at_x, at_y = column * n + t, row * n + s
                x, y = grid.axis[at_x], grid.axis[at_y]
                beta_x, beta_y = source_position(lens, halos, deflectors.maps, x, y)
                for v in range(n_layers):
                    galaxy, total = ray.layer_light(constants.sources, i * n_layers + v), source[i, v, p]
                    for k in range(galaxy.profiles.size):
                        if exact_cusps and ray.in_cusp(galaxy, k, beta_x, beta_y):
                            x64, y64 = grid.exact[at_x], grid.exact[at_y]
                            total += real(x, exact_brightness(exact, i, i * n_layers + v, k, x64, y64))
                            continue
                        total += brightness(galaxy, constants.stamps, k, beta_x, beta_y)
                    source[i, v, p] = total
                    galaxy, total = ray.layer_light(constants.lights, i * n_layers + v), unlensed[i, v, p]
                    for k in range(galaxy.profiles.size):
                        total += brightness(galaxy, constants.stamps, k, x, y)
                    unlensed[i, v, p] = total
                beta[i, 0, p], beta[i, 1, p] = beta_x, beta_y
        share = real(beta[i, 0, p], 1.0 / (n * n))
        for v in range(n_layers):
            source[i, v, p] *= share
            unlensed[i, v, p] *= share

    return shoot_fixed
