"""Pictures and numbers of one system whose parameters are set by hand: image, source plane, curves, errors.

All of a `Shown` of `explore_state`; each is rendered, traced or measured as for any other system.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...simulate import arcs, labels, lens_equation
from ...simulate.critical_curves import critical_curves
from ...simulate.render import render_all, tracer
from ...simulate.systems.draw import in_bands
from .explore_state import n_halos
from .image_error import error_maps

MOST_HALOS_IN_CURVES = 2000  # beyond, the curves are those of the smooth lens
MOVING, RESTING = (56, 90), (224, 360)  # radii and angles of the grid on which curves are looked for
SOURCE_PIXELS = 64  # of the picture of the source plane, on a side


class Number(NamedTuple):
    """What follows from the parameters of a system."""

    name: str  # of a label, or in words
    value: float


def image(frame, band):
    """The image of a `Shown` in a band, float32 (H, W) [counts/s/pixel], row 0 at the bottom; NaN where it is lost."""
    grid, systems, b = _grid_with(frame, band)
    rendered = render_all(grid, replace(systems, indices=np.array([frame.state.noise_index], np.uint64)))
    seen = rendered.images[0, 0, b]
    return seen if rendered.mask is None else np.where(rendered.mask[0, 0, b], np.nan, seen)


def half_width(scene, band):
    """Half the field of a band [arcsec]."""
    return 0.5 * scene.num_pix[band] * scene.bands[band].pixel_scale


def _grid_with(frame, band):
    """The scene and system on the pixel grid that has a band, and the number of the band in it."""
    grid = next(grid for grid in frame.scene.grids if band in grid.bands)
    return grid, in_bands(frame.systems, grid), list(grid.bands).index(band)


def source_plane(frame, band, half):
    """The source as it is without a lens, in a square of +-`half` [arcsec]: float32 (SOURCE_PIXELS, SOURCE_PIXELS)."""
    grid, systems, b = _grid_with(frame, band)
    scale = 2.0 * half / SOURCE_PIXELS
    image_keys = grid.config.image.model_copy(update={"num_pix": SOURCE_PIXELS, "pixel_scale": scale, "rays": 2})
    config = grid.config.model_copy(update={"image": image_keys, "lens_mass": [], "substructure": [], "lens_light": []})
    bands = {
        name: replace(t, pixel_scale=scale, psf_kind="none", within_pixels=False, supersampling=1)
        for name, t in grid.bands.items()
    }
    bare = replace(grid, config=config, bands=bands, num_pix=dict.fromkeys(bands, SOURCE_PIXELS), maps=())
    alone = replace(systems, lens_mass=(), halos=(), lens_light=())
    return render_all(bare, alone, noise=False).images[0, 0, b]


def curves(frame, at_rest):
    """The critical curves and caustics of a `Shown`, a list of `critical_curves.Curve`; finer ones at rest.

    While something moves they are those of the smooth lens; so they are if there are too many subhalos.
    """
    systems, scene = frame.systems, frame.scene
    if not at_rest or n_halos(systems) > MOST_HALOS_IN_CURVES:
        systems = replace(systems, halos=())
        scene = replace(scene, config=scene.config.model_copy(update={"substructure": []}))
    x, y = (float(a[0]) for a in arcs.centre(scene, systems))
    radius = np.sqrt(2.0) * max(half_width(scene, band) for band in scene.bands) + np.hypot(x, y)
    return critical_curves(tracer(scene, systems), x, y, radius, *(RESTING if at_rest else MOVING))


def numbers(frame):
    """What follows from the parameters, a list of `Number`: labels by their names, and the number of images."""
    scene, systems = frame.scene, frame.systems
    measured = render_all(scene, systems, noise=False, arcs=True).arcs
    derived = labels.derived_labels(scene, systems, measured)
    names = ["theta_E_mean_kappa", "theta_E_critical_area", "magnification", "arc_snr"]
    names += [n for n in derived if n.startswith("arc_snr_")]
    names += [n for n in ("n_halos", "halo_mass") if n_halos(systems) and np.isfinite(derived[n]).all()]
    out = [Number(name, float(np.ravel(derived[name])[0])) for name in names]
    place = [frame.state.values.get(f"source.0.{name}") for name in arcs.CENTRE]
    if None not in place and arcs.is_lens(scene, systems)[0]:
        half = max(half_width(scene, band) for band in scene.bands)
        x, y = (np.array([value]) for value in place)
        out.append(Number("images", float(lens_equation.image_positions(tracer(scene, systems), x, y, half).count[0])))
    return [number for number in out if np.isfinite(number.value)]


def errors(frame, band):
    """How far a band's noise-free image is off, of its peak: float32 (H, W) by the rays, and by the PSF or None."""
    grid, systems, b = _grid_with(frame, band)
    return tuple(None if maps is None else maps[0, 0, b] for maps in error_maps(grid, systems))


def stretched(image, stretch):
    """Pixels as brightness from 0 to 1, float32, "linear", "asinh" or "log"; NaN where they are lost.

    The noise is that of the outermost pixels; a log shows what is above it, an asinh is linear within it.
    """
    seen = image[np.isfinite(image)]
    peak = max(float(seen.max(initial=0.0)), 1e-30)
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    edge = edge[np.isfinite(edge)]
    noise = 1.4826 * float(np.median(np.abs(edge))) if edge.size else 0.0
    if stretch == "linear":
        low = min(-2.0 * noise, 0.0)
        out = (image - low) / max(peak - low, 1e-30)
    elif stretch == "log":
        floor = min(max(noise, 1e-3 * peak), 0.5 * peak)
        out = np.log(np.maximum(image, floor) / floor) / np.log(peak / floor)
    else:
        soft = max(2.0 * noise, 0.02 * peak)
        low, high = np.arcsinh(-noise / soft), np.arcsinh(peak / soft)
        out = (np.arcsinh(image / soft) - low) / (high - low)
    return np.clip(out, 0.0, 1.0).astype(np.float32)


def source_half(frame, band, lines):
    """Half the side [arcsec] of the middle of the source plane that holds the caustics and the source."""
    half, values = half_width(frame.scene, band), frame.state.values
    reach = [np.abs(a).max(initial=0.0) for line in lines for a in (line.source_x, line.source_y)]
    for path, size in values.items():
        if path.startswith("source.") and path.endswith((".R_sersic", ".R_half")):
            centre = [abs(values.get(f"{path.rpartition('.')[0]}.{name}", 0.0)) for name in arcs.CENTRE]
            reach.append(max(centre) + 3.0 * size)
    return float(min(max(1.1 * max(reach, default=half), 0.05 * half), half))
