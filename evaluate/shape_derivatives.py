"""How images change with the shape of their galaxies: lensed, blurred images of principal components.

An image is linear in the coefficients of the components, so no differences are needed: each component is drawn in
place of the galaxy, with its flux, size and place. All are layers of one image for the renderer, which traces the rays
once for all of them.
"""

import numpy as np

from ..simulate.galaxies.stamps import TRAIN
from ..simulate.packing import pack
from ..simulate.profiles import registry
from ..simulate.render import render_packed
from ..simulate.systems.draw import present
from .galaxy_shapes import COMPONENTS, galaxy_shapes
from .image_derivatives import steady

RAYS = 3  # along a pixel's side, where the config has adaptive rays


def shapes_of(scene, n_components):
    """The components of every kind of galaxy image whose shape varies, as a dict of `GalaxyComponents` by place.

    Places are (group, number), of the source and of the lens light. The components are the first of those that fits
    know, so that both share them.
    """
    if not n_components:
        return {}
    varying = [where for where, pools in scene.pools.items() if len(pools[TRAIN]) > 1]
    return {where: galaxy_shapes(scene, where, max(n_components, COMPONENTS)).first(n_components) for where in varying}


def shape_derivatives(scene, systems, shapes, threads):
    """Derivatives of images by the coefficients of all components, float32 (n, k, pixels), per standard deviation.

    scene: with one pixel grid; pixels of all its bands. shapes: from `shapes_of`; k counts through them in order.
    """
    fixed, rays = steady(scene, RAYS)
    packed = pack(fixed, systems, np.float32, rays)
    parts = [_of_component(scene, systems, packed, where, own, threads) for where, own in shapes.items()]
    return np.concatenate(parts, axis=1)


def _of_component(scene, systems, packed, where, shapes, threads):
    """The derivatives by the components of one galaxy image. packed: `KernelArguments` of the systems."""
    group, number = where
    values = getattr(systems, group)[number]
    there = present(scene, getattr(scene.config, group)[number], systems.class_number)
    n, n_bands, k, own_bands = len(systems.indices), len(scene.bands), *shapes.basis.shape[:2]
    rows = np.zeros((n, k, n_bands, 1, registry.N_PARAMETERS))
    scale = values["R_half"] / shapes.R_half  # (n, 1), as there is one view
    columns = {
        "amp": (values["amp"] * (values["scale"] / scale)[..., None] ** 2)[:, :, :, None],  # the same flux
        "center_x": values["center_x"][:, :, None, None],
        "center_y": values["center_y"][:, :, None, None],
        "scale": scale[:, :, None, None],
        "stamp": np.arange(k)[:, None, None] * own_bands + (np.array(scene.band_numbers) % own_bands)[:, None],
        "parity": 1.0,
    }
    for name, column in columns.items():
        rows[..., registry.LIGHT_PARAMETERS["INTERPOL"].index(name)] = column
    rows = rows.reshape(n, k * n_bands, 1, -1)
    profiles = np.full((n, k * n_bands, 1), registry.ABSENT)
    profiles[there] = registry.LIGHT_NUMBERS["INTERPOL"]
    rows[~there] = 0.0
    dark = profiles[:, :, :0].copy(), rows[:, :, :0].copy()
    (sources, lights) = ((profiles, rows), dark) if group == "source" else (dark, (profiles, rows))
    tables = packed.tables._replace(
        source_profiles=sources[0], sources=sources[1], light_profiles=lights[0], lights=lights[1]
    )
    blur = packed.blur._replace(
        **{name: _tiled(getattr(packed.blur, name), k) for name in ("sigma", "kernel", "which", "core")}
    )
    stamps = shapes.basis * np.sqrt(shapes.variances)[:, None, None, None]
    stamps = np.ascontiguousarray(stamps.reshape(-1, *stamps.shape[2:]), np.float32)
    packed = packed._replace(tables=tables, blur=blur, stamps=stamps, variance=_tiled(packed.variance, k))
    return render_packed(packed, threads).reshape(n, k, -1)


def _tiled(layers, times):
    """What each layer (n, L, ...) has, for L * times layers."""
    return np.ascontiguousarray(np.tile(layers, (1, times, *[1] * (layers.ndim - 2))))
