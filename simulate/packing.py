"""From the parameters of systems to the arrays that the renderers of CPU and GPU work on."""

import numpy as np

from ..errors import DataError
from .detector.instrument import background_at, electrons_per_count
from .kernel_arguments import ADAPTIVE, Frame, KernelArguments, Maps, Tables
from .profiles import limits, registry
from .psf_packing import pack_blur
from .systems.draw import present
from .systems.subtraction import fitted


def pack(scene, systems, dtype, rays=None, exact_halos=False):
    """All that the kernels need to render systems, as `KernelArguments`.

    dtype: of the images. rays: along a pixel's side, or "adaptive"; None takes what the config says. exact_halos: trace
    every subhalo ray by ray; float64 always does.

    Raises: DataError for a parameter that is not a finite number, or outside of its profile's range.
    """
    image, instrument = scene.config.image, scene.instrument
    for name, value in systems.optics.items():
        if not np.isfinite(value).all():
            raise DataError(f"optics.{name} must be a finite number in every system, got {value.min()}")
    rays = image.rays if rays is None else rays
    exact_halos = exact_halos or np.dtype(dtype) == np.float64
    background, exposure, gain = noise_levels(scene, systems)
    return KernelArguments(
        frame=Frame(
            num_pix=image.num_pix,
            pixel_scale=float(instrument.pixel_scale),
            rays=ADAPTIVE if rays == "adaptive" else int(rays),
            tolerance=float(image.tolerance),
            supersampling=instrument.supersampling,
        ),
        tables=pack_tables(scene, systems),
        maps=pack_maps(scene, dtype),
        exact_maps=pack_maps(scene, np.float64),
        stamps=pack_stamps(scene, np.dtype(dtype)),
        blur=pack_blur(scene, systems, dtype, rays == "adaptive"),
        variance=np.stack([background, exposure * gain], axis=-1),
        exact_halos=exact_halos,
        # Of the scene, not of the batch: the order of rays shows in the last bit
        tiled=bool(scene.config.substructure) and not exact_halos,
    )


def layers_of(scene, systems):
    """The number of the band of every layer, and of its random stream of noise, int (layers,).

    Streams are numbered by all bands of the simulation: a band has its noise whichever other ones the scene has.
    """
    n_views, n_bands = systems.views.n, len(scene.bands)
    bands = np.tile(np.arange(n_bands), n_views)
    view = np.repeat([systems.views.stream("noise", v) for v in range(n_views)], n_bands)
    return bands, view * len(scene.band_names) + np.asarray(scene.band_numbers)[bands]


def noise_levels(scene, systems):
    """Background rms [counts/s], exposure time [s] and electrons per count of every layer, float64 (n, layers).

    Electrons are those of `instrument.electrons_per_count`.
    """
    exposure = systems.optics["exposure_time"]
    instruments = list(scene.bands.values())
    background = np.stack([background_at(t, exposure[..., b]) for b, t in enumerate(instruments)], axis=-1)
    gain = np.broadcast_to([electrons_per_count(instrument) for instrument in instruments], exposure.shape)
    n, n_views, n_bands = exposure.shape  # none of which numpy could find out where there is no system
    return tuple(a.reshape(n, n_views * n_bands) for a in (background, exposure, gain))


def pack_tables(scene, systems):
    """The parameters of systems as `Tables`. Raises: DataError for one that is not finite or outside of its range."""
    config = scene.config
    n, n_layers = len(systems.indices), systems.views.n * len(scene.bands)
    shape = (n, len(config.lens_mass))
    deflector_profiles, deflectors = np.full(shape, registry.ABSENT), np.zeros((*shape, registry.N_PARAMETERS))
    n_maps = 0
    for k, (component, values) in enumerate(zip(config.lens_mass, systems.lens_mass, strict=True)):
        profile = component.profile
        extra = registry.MASS[profile].always | {"map": n_maps}
        n_maps += registry.MASS[profile].rays == "map"
        there = present(scene, component, systems.class_number)
        deflector_profiles[there, k] = registry.MASS_NUMBERS[profile]
        _fill(deflectors[:, k], limits.MASS[profile], extra | values, there, f"lens_mass.{k}")
    source_profiles, sources = _light_table(scene, "source", systems, n_layers)
    light_profiles, lights = _light_table(scene, "lens_light", systems, n_layers)
    first, halo_profiles, rows = _halo_table(systems.halos, n)
    return Tables(
        deflector_profiles, deflectors, first, halo_profiles, rows, source_profiles, sources, light_profiles, lights
    )


def pack_fitted_light(scene, systems, arguments):
    """`KernelArguments` of the lens light that a fit has found and that is subtracted; arguments: those of the images.

    They are of the same shapes, with what is not subtracted left out, so that nothing is compiled anew.
    """
    numbers = {subtracted.component for subtracted in scene.config.observation.subtract_lens_light}
    tables = pack_tables(scene, fitted(scene, systems))
    pieces = [
        k in numbers
        for k, (c, values) in enumerate(zip(scene.config.lens_light, systems.lens_light, strict=True))
        for _ in registry.LIGHT[c.profile].parts(values)
    ]
    tables.deflector_profiles[:] = registry.ABSENT
    tables.source_profiles[:] = registry.ABSENT
    tables.light_profiles[:, :, ~np.array(pieces)] = registry.ABSENT
    n = len(systems.indices)
    bare = tables._replace(
        halo_first=np.zeros(n + 1, np.int64), halo_profiles=tables.halo_profiles[:0], halos=tables.halos[:0]
    )
    return arguments._replace(tables=bare)


def _fill(rows, known, values, there, what):
    """Put parameters into the columns of rows (n, ..., N_PARAMETERS), of the systems where their component occurs.

    known: the profile's `limits.Limits`. Raises: DataError for a parameter that is not finite or outside of its range.
    """
    own = np.zeros((*rows.shape[:-1], len(known.names)))
    for column, name in enumerate(known.names):
        own[..., column] = values[name]
    own = own[there]
    limits.check(known, own, what)
    rows[there, ..., : len(known.names)] = own


def _halo_table(drawn, n):
    """The subhalos of all substructures, system by system: first (n + 1,), profile numbers, rows."""
    counts = np.zeros(n, np.int64) + sum(np.diff(h.first) for h in drawn)
    first = np.concatenate([[0], np.cumsum(counts)])
    profiles, rows = np.zeros(first[-1], np.int64), np.zeros((first[-1], registry.N_PARAMETERS))
    taken = first[:-1].copy()
    for h in drawn:
        own = np.diff(h.first)
        places = np.repeat(taken - h.first[:-1], own) + np.arange(h.first[-1])
        block = np.zeros((h.first[-1], registry.N_PARAMETERS))
        for column, name in enumerate(registry.MASS_PARAMETERS[h.profile]):
            value = h.parameters[name]
            if not np.isfinite(value).all():
                bad = value[~np.isfinite(value)][0]
                raise DataError(f"substructure.{name} must be a finite number in every system, got {bad}")
            block[:, column] = value
        profiles[places], rows[places] = registry.MASS_NUMBERS[h.profile], block
        taken += own
    return first, profiles, rows


def _light_table(scene, group, systems, n_layers):
    """Profile numbers (n, L, k) and rows (n, L, k, N_PARAMETERS) of a group: "source" or "lens_light"."""
    n, n_bands = len(systems.indices), len(scene.bands)
    components, drawn = getattr(scene.config, group), getattr(systems, group)
    pieces = [
        (f"{group}.{k}", present(scene, c, systems.class_number), part)
        for k, (c, values) in enumerate(zip(components, drawn, strict=True))
        for part in registry.LIGHT[c.profile].parts(values)
    ]
    profiles = np.full((n, n_layers, len(pieces)), registry.ABSENT)
    rows = np.zeros((n, n_layers // n_bands, n_bands, len(pieces), registry.N_PARAMETERS))
    for k, (path, there, (profile, values)) in enumerate(pieces):
        profiles[there, :, k] = registry.LIGHT_NUMBERS[profile]
        for b in range(n_bands):
            own = values | {"amp": values["amp"][..., b]}
            if profile == "INTERPOL":
                n_own = scene.stamps.images.shape[1]  # 1, or as many as the simulation has
                own["stamp"] = values["stamp"] * n_own + min(scene.band_numbers[b], n_own - 1)
            _fill(rows[:, :, b, k], limits.LIGHT[profile], own, there, path)
    return profiles, rows.reshape(n, n_layers, len(pieces), registry.N_PARAMETERS)


def pack_stamps(scene, dtype):
    """All bands of all stamps, one after the other, (stamps * bands, side, side)."""
    if scene.stamps is None:
        return np.zeros((1, 3, 3), dtype)
    images = scene.stamps.images.astype(dtype, copy=False)
    return np.ascontiguousarray(images.reshape(-1, *images.shape[2:]))


def pack_maps(scene, dtype):
    """The deflection maps of a scene in a type, as `Maps`."""
    if not scene.maps:
        return Maps(np.zeros((0, 5)), np.zeros((0, 0), dtype), np.zeros(0, np.int32))
    coefficients = np.zeros((len(scene.maps), max(m.coefficients.size for m in scene.maps)), dtype)
    for k, m in enumerate(scene.maps):
        coefficients[k, : m.coefficients.size] = m.coefficients
    sides = np.array([m.side for m in scene.maps], dtype=np.int32)
    return Maps(np.stack([m.grid for m in scene.maps]), coefficients, sides)
