"""From the parameters of systems to their images, without and with noise, on as many threads as asked."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from ..errors import ArgumentError
from .core.arguments import of_type, whole_number
from .cpu import halos, kernel, pixels
from .detector import defects
from .detector import noise as detector
from .packing import layers_of, noise_levels, pack, pack_fitted_light, pack_maps, pack_tables
from .profiles import registry
from .systems.draw import Systems, by_grid, check_drawn
from .systems.scene import Scene
from .systems.subtraction import unfitted_light

MOST_RAYS = 128  # along a pixel's side
SMALLEST_PART = 16  # systems; the work before the first one of a part takes as long as one of them


@dataclass(frozen=True)
class Rendered:
    """Images of n systems with v views in b bands; of bands with several pixel grids, a tuple with one array a grid."""

    # (n, v, b, num_pix, num_pix) [counts/s/pixel], row 0 at the bottom (lowest y); b of the grid, if there are several
    images: np.ndarray | tuple[np.ndarray, ...]
    # bool, the same shapes, True where a pixel is lost; None if none can be
    mask: np.ndarray | tuple[np.ndarray, ...] | None
    arcs: np.ndarray | None  # float64 (n, v, b, 2): the source's flux in the frame [counts/s], its (S/N)^2; all bands


def render(
    scene: Scene,
    systems: Systems,
    noise: bool | None = None,
    dtype: DTypeLike = np.float32,
    threads: int = 1,
    rays: int | str | None = None,
    exact_halos: bool = False,
) -> np.ndarray | tuple[np.ndarray, ...]:
    """Images of systems.

    Args:
        scene: from `systems.scene.make_scene`. systems: from `selection.draw`.
        noise: add noise; None takes what the config says. dtype: float32, or float64 (for parity and derivatives).
        threads: systems are shared between that many threads; the result does not depend on it.
        rays: along a pixel's side, or "adaptive"; None takes what the config says.
        exact_halos: trace every subhalo ray by ray; float64 always does.

    Returns: `dtype` array (n, v, num_pix, num_pix) [counts/s/pixel], row 0 at the bottom (lowest y); with
        `simulate.bands` (n, v, b, num_pix, num_pix). If these lie on several pixel grids, a tuple with one such array
        for each of `scene.grids`, with the bands of that one.
    Raises: ArgumentError for threads, rays or a dtype that cannot be, and for systems of other bands than the scene's.
    """
    images = render_all(scene, systems, noise, dtype, threads, rays, exact_halos).images
    return images if scene.config.bands or isinstance(images, tuple) else images[:, :, 0]


def render_all(
    scene: Scene,
    systems: Systems,
    noise: bool | None = None,
    dtype: DTypeLike = np.float32,
    threads: int = 1,
    rays: int | str | None = None,
    exact_halos: bool = False,
    arcs: bool = False,
) -> Rendered:
    """Images of systems with their masks as `Rendered`; arguments are those of `render`.

    arcs: also measure flux and signal to noise of the lensed source.
    """
    check_drawn(scene, systems)
    threads = whole_number("threads", threads, 1)
    of_type("noise", noise, bool | np.bool_ | None, "True, False, or None for what the config says")
    of_type("exact_halos", exact_halos, bool | np.bool_, "True or False")
    _check_dtype_and_rays(dtype, rays)
    options = noise, dtype, threads, rays, exact_halos, arcs
    return join(scene, [_render_grid(grid, own, *options) for grid, own in by_grid(scene, systems)])


def render_packed(arguments, threads=1):
    """Images without noise of systems whose `KernelArguments` are at hand, for layers that no scene has.

    Returns: (n, layers, num_pix, num_pix) [counts/s/pixel], of the type of `arguments.stamps`.
    """
    n, n_layers = arguments.tables.source_profiles.shape[:2]
    out = np.empty((n, n_layers, *2 * [arguments.frame.num_pix]), arguments.stamps.dtype)
    smallest = -(-SMALLEST_PART // n_layers)
    _in_parts(lambda start, stop: _render_part(arguments, start, stop, out, np.zeros((0, 0, 0))), n, threads, smallest)
    return out


def join(scene, parts):
    """What was rendered of each of `scene.grids`, `parts`, as one `Rendered`; images may also be tensors."""
    if len(parts) == 1:
        return parts[0]
    mask, arcs = None, None
    if any(part.mask is not None for part in parts):
        mask = tuple(np.zeros(p.images.shape, bool) if p.mask is None else p.mask for p in parts)
    if parts[0].arcs is not None:
        bands = [name for grid in scene.grids for name in grid.bands]
        arcs = np.concatenate([part.arcs for part in parts], axis=2)[:, :, [bands.index(name) for name in scene.bands]]
    return Rendered(tuple(part.images for part in parts), mask, arcs)


def _render_grid(scene, systems, noise, dtype, threads, rays, exact_halos, arcs):
    """`Rendered` of systems in bands that share a pixel grid; arguments are those of `render_all`."""
    n, n_views, n_bands = len(systems.indices), systems.views.n, len(scene.bands)
    size, n_layers = scene.config.image.num_pix, n_views * n_bands
    noisy = scene.config.observation.noise if noise is None else noise
    if n == 0:
        return _nothing(scene, (0, n_views, n_bands, size, size), dtype, noisy, arcs)
    out = np.empty((n, n_layers, size, size), dtype=dtype)
    arc_values = np.zeros((n, n_layers, 2)) if arcs else np.zeros((0, 0, 0))
    arguments = pack(scene, systems, dtype, rays, exact_halos)
    levels = noise_levels(scene, systems) if noisy else None
    subtracts = bool(scene.config.observation.subtract_lens_light)
    fit = pack_fitted_light(scene, systems, arguments) if subtracts else None

    def part(start, stop):
        _render_part(arguments, start, stop, out, arc_values)
        lost = _observe(scene, systems, levels, out, start, stop) if noisy else None
        if fit is not None:
            own = _light_of_fit(scene, systems, fit, start, stop, dtype)
            np.subtract(out[start:stop], own, out=out[start:stop], where=True if lost is None else ~lost)
        return lost

    mask = _in_parts(part, n, threads)
    shape = (n, n_views, n_bands, size, size)
    return Rendered(
        images=out.reshape(shape),
        mask=None if mask[0] is None else np.concatenate(mask).reshape(shape),
        arcs=arc_values.reshape(n, n_views, n_bands, 2) if arcs else None,
    )


def subtracted_light(scene, systems):
    """What is subtracted from the images of systems in bands that share a pixel grid, as they are rendered in float32.

    Returns: float32 (n, v, b, num_pix, num_pix) [counts/s/pixel]; None where nothing is.
    """
    if not scene.config.observation.subtract_lens_light:
        return None
    n, shape = len(systems.indices), (systems.views.n, len(scene.bands), *2 * [scene.config.image.num_pix])
    fit = pack_fitted_light(scene, systems, pack(scene, systems, np.float32))
    return _light_of_fit(scene, systems, fit, 0, n, np.float32).reshape(n, *shape)


def _light_of_fit(scene, systems, fit, start, stop, dtype):
    """Images of the fitted light of systems `start` to `stop`, (stop - start, layers, num_pix, num_pix)."""
    size, n_bands = scene.config.image.num_pix, len(scene.bands)
    out = np.empty((len(systems.indices), systems.views.n * n_bands, size, size), dtype)
    _render_part(fit, start, stop, out, np.zeros((0, 0, 0)))
    part = out[start:stop]
    if (wrong := unfitted_light(scene, systems, start, stop)) is not None:
        part *= np.repeat(1.0 + wrong, n_bands, axis=1).astype(dtype)
    return part


def _nothing(scene, shape, dtype, noisy, arcs):
    """`Rendered` of no systems, as an empty selection of a table gives; shape: of the images, (0, v, b, ny, nx)."""
    loses = noisy and any(instrument.loses_pixels for instrument in scene.bands.values())
    mask = np.zeros(shape, bool) if loses and scene.config.observation.defect is None else None
    return Rendered(np.zeros(shape, dtype), mask, np.zeros((*shape[:3], 2)) if arcs else None)


def _check_dtype_and_rays(dtype, rays):
    try:
        known = np.dtype(dtype) in (np.float32, np.float64)
    except TypeError:
        known = False
    if not known:
        raise ArgumentError(f"dtype: expected float32 or float64, got {dtype!r:.60}")
    if rays is not None and rays != "adaptive":
        whole_number("rays (or adaptive)", rays, 1, MOST_RAYS)


def _in_parts(part, n, threads, smallest=SMALLEST_PART):
    """What part(start, stop) gives for the parts of n systems, which threads share."""
    edges = _parts(n, threads, smallest)
    if len(edges) == 2:
        return [part(0, n)]
    with ThreadPoolExecutor(threads) as pool:  # plain threads: numba's own layers abort when two callers meet
        return list(pool.map(part, edges[:-1], edges[1:]))


def _parts(n, threads, smallest=SMALLEST_PART):
    """Where the parts begin and end in which n systems are handed out to threads: ever smaller ones.

    So the last part of a core that is slower, or busy elsewhere, holds the others up only for a moment.
    """
    edges = [0]
    while edges[-1] < n:
        left = n - edges[-1]
        edges.append(n if threads == 1 else edges[-1] + min(left, max(smallest, left // (2 * threads))))
    return edges if n > 0 else [0, 0]


def _render_part(arguments, start, stop, out, arcs):
    """Noise-free images of systems `start` to `stop` into out (n, L, num_pix, num_pix), and arcs (n, L, 2)."""
    frame, tables = arguments.frame, arguments.tables
    side, most = frame.num_pix * frame.supersampling, _most_halos(tables)
    tiles = halos.grid_of_tiles(side, frame.pixel_scale / frame.supersampling, arguments.tiled, most, out.dtype)
    kernel.render(arguments, tiles, _workspace(tables, out.dtype), start, stop, out, arcs)


def _workspace(tables, dtype):
    n_components = max(tables.source_profiles.shape[2], tables.light_profiles.shape[2])
    return pixels.workspace(n_components, max(tables.deflector_profiles.shape[1], _most_halos(tables)), dtype)


def _most_halos(tables):
    """The largest number of subhalos in a system."""
    return int(np.diff(tables.halo_first).max(initial=0))


def _observe(scene, systems, levels, images, start, stop):
    """Noise, sky and lost pixels of systems `start` to `stop`, in place; returns their mask or None.

    levels: from `noise_levels`, of all systems.
    """
    instruments, indices = list(scene.bands.values()), systems.indices[start:stop]
    bands, streams = layers_of(scene, systems)
    background, exposure, _ = (level[start:stop] for level in levels)
    defect = scene.config.observation.defect
    if defect is not None:
        part = images[start:stop]
        part[:] = defects.apply(defect, part, exposure, background, scene.seed, streams, indices, len(instruments))
        return None
    return detector.observe(images[start:stop], instruments, bands, streams, scene.seed, indices, exposure)


def tracer(scene, systems, without=()):
    """`trace(x, y) -> alpha_x, alpha_y` of systems, float64 (n, m) [arcsec], through every deflector and subhalo.

    without: names of profiles of deflectors that are left out.
    """
    tables, maps = pack_tables(scene, systems), pack_maps(scene, np.float64)
    left_out = [component.profile in without for component in scene.config.lens_mass]
    tables.deflector_profiles[:, left_out] = registry.ABSENT
    work = _workspace(tables, np.float64)

    def trace(x, y):
        x, y = (np.ascontiguousarray(a, dtype=float) for a in (x, y))
        alpha_x, alpha_y = np.empty_like(x), np.empty_like(x)
        kernel.trace(tables, maps, x, y, work, alpha_x, alpha_y)
        return alpha_x, alpha_y

    return trace
