"""From parameters to pixels: fills the kernel's tables and runs it, on as many threads as asked."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from .cpu import deflection, halos, kernel, pixels
from .detector import defects, psf
from .detector import noise as detector
from .detector.instrument import background_at
from .profiles import registry
from .systems.scene import parts, present, psf_sigma

SMALLEST_PART = 16  # systems; the work before the first one of a part takes as long as one of them


@dataclass(frozen=True)
class Rendered:
    """Images of n systems with v views in b bands."""

    images: np.ndarray  # (n, v, b, num_pix, num_pix) [counts/s/pixel], row 0 at the bottom (lowest y)
    mask: np.ndarray | None  # bool, the same shape, True where a pixel is lost; None if none can be
    arcs: np.ndarray | None  # float64 (n, v, b, 2): the source's flux in the frame [counts/s], its (S/N)^2


def render(scene, systems, noise=None, dtype=np.float32, threads=1, rays=None, exact_halos=False):
    """Images of systems.

    Args:
        scene: from `scene.make_scene`. systems: from `scene.draw`.
        noise: add noise; None takes what the config says. dtype: float32, or float64 (for parity and derivatives).
        threads: systems are shared between that many threads; the result does not depend on it.
        rays: along a pixel's side, or "adaptive"; None takes what the config says.
        exact_halos: trace every subhalo ray by ray; float64 always does.

    Returns: `dtype` array (n, v, num_pix, num_pix) [counts/s/pixel], row 0 at the bottom (lowest y); with
        `simulate.bands` (n, v, b, num_pix, num_pix).
    """
    images = render_all(scene, systems, noise, dtype, threads, rays, exact_halos).images
    return images if scene.config.bands else images[:, :, 0]


def render_all(scene, systems, noise=None, dtype=np.float32, threads=1, rays=None, exact_halos=False, arcs=False):
    """As `render`, with masks and, if `arcs`, flux and signal to noise of the lensed source: `Rendered`."""
    n, n_views, n_bands = len(systems.indices), systems.views.n, len(scene.bands)
    size, n_layers = scene.config.image.num_pix, n_views * n_bands
    out = np.empty((n, n_layers, size, size), dtype=dtype)
    of_arcs = np.zeros((n, n_layers, 2)) if arcs else np.zeros((0, 0, 0))
    edges = _parts(n, threads)
    mask = [None] * (len(edges) - 1)
    levels = noise_levels(scene, systems)
    work = Work(scene, systems, levels, dtype, rays, exact_halos or np.dtype(dtype) == np.float64)
    noisy = scene.config.observation.noise if noise is None else noise

    def part(number, start, stop):
        work.render(start, stop, out, of_arcs)
        if noisy:
            mask[number] = _observe(scene, systems, levels, out, start, stop)

    if len(mask) == 1:
        part(0, 0, n)
    else:
        with ThreadPoolExecutor(threads) as pool:  # plain threads: numba's own layers abort when two callers meet
            list(pool.map(part, range(len(mask)), edges[:-1], edges[1:]))
    shape = (n, n_views, n_bands, size, size)
    return Rendered(
        images=out.reshape(shape),
        mask=None if mask[0] is None else np.concatenate(mask).reshape(shape),
        arcs=of_arcs.reshape(n, n_views, n_bands, 2) if arcs else None,
    )


def _parts(n, threads):
    """Where the parts begin and end in which n systems are handed out to threads: ever smaller ones.

    So the last part of a core that is slower, or busy elsewhere, holds the others up only for a moment.
    """
    edges = [0]
    while edges[-1] < n:
        left = n - edges[-1]
        edges.append(n if threads == 1 else edges[-1] + min(left, max(SMALLEST_PART, left // (2 * threads))))
    return edges if n > 0 else [0, 0]


def tracer(scene, systems):
    """`trace(x, y) -> alpha_x, alpha_y` of systems, float64 (n, m) [arcsec], through every deflector and subhalo."""
    tables, maps = _tables(scene, systems), maps_of(scene, np.float64)
    work = _workspace(tables, np.float64)

    def trace(x, y):
        x, y = (np.ascontiguousarray(a, dtype=float) for a in (x, y))
        alpha_x, alpha_y = np.empty_like(x), np.empty_like(x)
        kernel.trace(tables, maps, x, y, work, 0, len(x), alpha_x, alpha_y)
        return alpha_x, alpha_y

    return trace


class Work:
    """All arguments of the kernel for a batch; `render` may run in several threads for parts of it."""

    def __init__(self, scene, systems, levels, dtype, rays, exact_halos):
        image, tool = scene.config.image, scene.instrument
        for name, value in systems.optics.items():
            if not np.isfinite(value).all():
                raise DataError(f"optics.{name} must be a finite number in every system, got {value.min()}")
        rays = image.rays if rays is None else rays
        self.frame = kernel.Frame(
            image.num_pix,
            float(tool.pixel_scale),
            kernel.ADAPTIVE if rays == "adaptive" else int(rays),
            float(image.tolerance),
            tool.supersampling,
        )
        self.dtype, self.exact_halos = dtype, exact_halos
        # Of the scene, not of the batch: the order of rays shows in the last bit
        self.tiled = bool(scene.config.substructure) and not exact_halos
        self.tables = _tables(scene, systems)
        self.maps, self.exact_maps = maps_of(scene, dtype), maps_of(scene, np.float64)
        self.stamps = stamps_of(scene, np.dtype(dtype))
        self.blur = _blur(scene, systems, dtype)
        background, exposure, gain = levels
        self.variance = np.stack([background, exposure * gain], axis=-1)

    def render(self, start, stop, out, arcs):
        frame, tables = self.frame, self.tables
        size, most = frame.num_pix * frame.supersampling, int(np.diff(tables.halo_first).max(initial=0))
        kernel.render(
            frame,
            tables,
            self.maps,
            self.exact_maps,
            self.stamps,
            self.blur,
            self.variance,
            self.exact_halos,
            halos.grid_of_tiles(size, frame.pixel_scale / frame.supersampling, self.tiled, most, self.dtype),
            _workspace(tables, self.dtype),
            start,
            stop,
            out,
            arcs,
        )


def _observe(scene, systems, levels, images, start, stop):
    """Noise, sky and lost pixels of systems `start` to `stop`, in place; returns their mask or None.

    levels: from `noise_levels`, of all systems.
    """
    tools, indices = list(scene.bands.values()), systems.indices[start:stop]
    bands, streams = layers_of(scene, systems)
    background, exposure, _ = (level[start:stop] for level in levels)
    defect = scene.config.observation.defect
    if defect is not None:
        part = images[start:stop]
        part[:] = defects.apply(defect, part, exposure, background, scene.seed, streams, indices, len(tools))
        return None
    return detector.observe(images[start:stop], tools, bands, streams, scene.seed, indices, exposure)


def layers_of(scene, systems):
    """The number of the band of every layer, and of its random stream of noise, int (layers,)."""
    n_views, n_bands = systems.views.n, len(scene.bands)
    bands = np.tile(np.arange(n_bands), n_views)
    view = np.repeat([systems.views.stream("noise", v) for v in range(n_views)], n_bands)
    return bands, view * n_bands + bands


def noise_levels(scene, systems):
    """Background rms [counts/s], exposure time [s] and electrons per count of every layer, float64 (n, layers)."""
    exposure = systems.optics["exposure_time"]
    background = np.stack([background_at(t, exposure[..., b]) for b, t in enumerate(scene.bands.values())], axis=-1)
    gain = np.broadcast_to([tool.gain for tool in scene.bands.values()], exposure.shape)
    return tuple(a.reshape(len(systems.indices), -1) for a in (background, exposure, gain))


def _tables(scene, systems):
    config, kind = scene.config, systems.kind
    n, n_layers = len(systems.indices), systems.views.n * len(scene.bands)
    shape = (n, len(config.lens_mass))
    deflector_kinds, deflectors = np.full(shape, registry.ABSENT), np.zeros((*shape, registry.N_PARAMETERS))
    n_maps = 0
    for k, (component, values) in enumerate(zip(config.lens_mass, systems.lens_mass, strict=True)):
        profile = component.profile
        extra = registry.MASS[profile].always | {"map": n_maps}
        n_maps += registry.MASS[profile].rays == "map"
        there = present(scene, component, kind)
        deflector_kinds[there, k] = registry.MASS_KINDS[profile]
        _fill(deflectors[:, k], registry.MASS_PARAMETERS[profile], extra | values, there, f"lens_mass.{k}")
    source_kinds, sources = _light_table(scene, "source", systems, n_layers)
    light_kinds, lights = _light_table(scene, "lens_light", systems, n_layers)
    first, halo_kinds, rows = _halo_table(systems.halos, n)
    return kernel.Tables(
        deflector_kinds, deflectors, first, halo_kinds, rows, source_kinds, sources, light_kinds, lights
    )


def _fill(rows, names, values, there=slice(None), what=""):
    """Put parameters into the columns of rows (n, ..., N_PARAMETERS), of the systems where their component occurs.

    Raises: DataError for a parameter that is not a finite number.
    """
    for column, name in enumerate(names):
        value = np.broadcast_to(values[name], rows.shape[:-1])[there]
        if not np.isfinite(value).all():
            raise DataError(
                f"{what}.{name} must be a finite number in every system, got {value[~np.isfinite(value)][0]}"
            )
        rows[there, ..., column] = value


def _halo_table(drawn, n):
    """The subhalos of all substructures, system by system: first (n + 1,), kinds, rows."""
    counts = np.zeros(n, np.int64) + sum(np.diff(h.first) for h in drawn)
    first = np.concatenate([[0], np.cumsum(counts)])
    kinds, rows = np.zeros(first[-1], np.int64), np.zeros((first[-1], registry.N_PARAMETERS))
    taken = first[:-1].copy()
    for h in drawn:
        own = np.diff(h.first)
        places = np.repeat(taken - h.first[:-1], own) + np.arange(h.first[-1])
        block = np.zeros((h.first[-1], registry.N_PARAMETERS))
        _fill(block, registry.MASS_PARAMETERS[h.profile], h.parameters, what="substructure")
        kinds[places], rows[places] = registry.MASS_KINDS[h.profile], block
        taken += own
    return first, kinds, rows


def _light_table(scene, group, systems, n_layers):
    n, n_bands = len(systems.indices), len(scene.bands)
    components, drawn = getattr(scene.config, group), getattr(systems, group)
    pieces = [
        (f"{group}.{k}", present(scene, c, systems.kind), part)
        for k, (c, values) in enumerate(zip(components, drawn, strict=True))
        for part in parts(c, values)
    ]
    kinds = np.full((n, n_layers, len(pieces)), registry.ABSENT)
    rows = np.zeros((n, n_layers // n_bands, n_bands, len(pieces), registry.N_PARAMETERS))
    for k, (path, there, (profile, values)) in enumerate(pieces):
        kinds[there, :, k] = registry.LIGHT_KINDS[profile]
        for b in range(n_bands):
            own = values | {"amp": values["amp"][..., b]}
            if profile == "INTERPOL":
                n_own = scene.stamps.images.shape[1]  # one, or as many as the scene has
                own["stamp"] = values["stamp"] * n_own + min(b, n_own - 1)
            _fill(rows[:, :, b, k], registry.LIGHT_PARAMETERS[profile], own, there, path)
    return kinds, rows.reshape(n, n_layers, len(pieces), registry.N_PARAMETERS)


def stamps_of(scene, dtype):
    """All bands of all stamps, one after the other, (stamps * bands, side, side)."""
    if scene.stamps is None:
        return np.zeros((1, 3, 3), dtype)
    images = scene.stamps.images.astype(dtype, copy=False)
    return np.ascontiguousarray(images.reshape(-1, *images.shape[2:]))


def _workspace(tables, dtype):
    most = int(np.diff(tables.halo_first).max(initial=0))
    n_components = max(tables.source_kinds.shape[2], tables.light_kinds.shape[2])
    return pixels.workspace(n_components, max(tables.deflector_kinds.shape[1], most), dtype)


def maps_of(scene, dtype):
    """The deflection maps of a scene in a type, as `deflection.Maps`."""
    if not scene.maps:
        return deflection.Maps(np.zeros((0, 5)), np.zeros((0, 0), dtype), np.zeros(0, np.int32))
    coefficients = np.zeros((len(scene.maps), max(m.coefficients.size for m in scene.maps)), dtype)
    for k, m in enumerate(scene.maps):
        coefficients[k, : m.coefficients.size] = m.coefficients
    sides = np.array([m.side for m in scene.maps], dtype=np.int32)
    return deflection.Maps(np.stack([m.grid for m in scene.maps]), coefficients, sides)


def _blur(scene, systems, dtype):
    """The PSF of every layer, with the kernels of all bands in one bank."""
    n, n_views, n_bands = systems.optics["fwhm"].shape
    fine = scene.instrument.supersampling
    numbers, bank = np.full((n, n_views, n_bands), -1), []
    for b, tool in enumerate(scene.bands.values()):
        if tool.psf_kind == "pixel":
            numbers[..., b] = sum(map(len, bank)) + systems.optics["kernel"][..., b].astype(int)
            bank.append(tool.kernels)
        elif tool.psf_kind == "moffat":
            pairs = np.stack([systems.optics["fwhm"][..., b].ravel(), systems.optics["beta"][..., b].ravel()], axis=1)
            unique, which = np.unique(pairs, axis=0, return_inverse=True)
            numbers[..., b] = sum(map(len, bank)) + which.reshape(n, n_views)
            bank.append(psf.moffat_kernels(*unique.T, tool.pixel_scale / fine, tool.psf_size))
    side = max((k.shape[1] for k in bank), default=1)
    kernels = [np.pad(k, [(0, 0)] + 2 * [2 * ((side - k.shape[1]) // 2,)]) for k in bank]
    kernels = psf.phase_kernels(np.concatenate(kernels), fine) if kernels else np.ones((1, fine * fine, 1, 1))
    return kernel.Blur(
        (psf_sigma(scene, systems) * fine).reshape(n, -1),
        float(scene.instrument.truncation),
        numbers.reshape(n, -1),
        kernels.astype(dtype),
    )


def compile_ahead(dtype):
    """Compile all that makes images of a precision, so that the first one comes at once; it is kept on disk."""
    from ..configs.load import load
    from .labels import all_labels
    from .systems.scene import Views, draw, make_scene

    scene = make_scene(load("w4", ["simulate.observation.noise=true"]).simulate, 0)
    systems = draw(scene, [0], Views())
    render(scene, systems, dtype=dtype)
    if dtype == "float64":
        all_labels(scene, systems)
