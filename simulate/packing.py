"""From the parameters of systems to the arrays that the renderers of CPU and GPU work on."""

import numpy as np

from ..errors import DataError
from . import moments
from .detector import psf
from .detector.instrument import FWHM_PER_SIGMA, background_at
from .kernel_arguments import ADAPTIVE, Blur, Frame, KernelArguments, Maps, Tables
from .profiles import limits, registry
from .systems.draw import present

MOFFAT_SHARPNESS = 0.75
# The core that counts for a wider PSF: of such a one, all light that makes a peak would have to be added up.
WIDE = 0.4, 0.25


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
        blur=_pack_blur(scene, systems, dtype, rays == "adaptive"),
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
    """Background rms [counts/s], exposure time [s] and electrons per count of every layer, float64 (n, layers)."""
    exposure = systems.optics["exposure_time"]
    instruments = list(scene.bands.values())
    background = np.stack([background_at(t, exposure[..., b]) for b, t in enumerate(instruments)], axis=-1)
    gain = np.broadcast_to([instrument.gain for instrument in instruments], exposure.shape)
    return tuple(a.reshape(len(systems.indices), -1) for a in (background, exposure, gain))


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


def _pack_blur(scene, systems, dtype, adaptive):
    """The PSF of every layer, with the kernels of all bands in one bank; adaptive: whether rays are."""
    n, n_views, n_bands = systems.optics["fwhm"].shape
    fine = scene.instrument.supersampling
    numbers, bank = np.full((n, n_views, n_bands), -1), []
    for b, instrument in enumerate(scene.bands.values()):
        if instrument.psf_kind == "pixel":
            numbers[..., b] = sum(map(len, bank)) + systems.optics["kernel"][..., b].astype(int)
            bank.append(instrument.kernels)
        elif instrument.psf_kind == "moffat" and not (adaptive and instrument.within_pixels):
            pairs = np.stack([systems.optics["fwhm"][..., b].ravel(), systems.optics["beta"][..., b].ravel()], axis=1)
            unique, which = np.unique(pairs, axis=0, return_inverse=True)
            numbers[..., b] = sum(map(len, bank)) + which.reshape(n, n_views)
            bank.append(psf.moffat_kernels(*unique.T, instrument.pixel_scale / fine, instrument.psf_size))
    side = max((k.shape[1] for k in bank), default=1)
    kernels = [np.pad(k, [(0, 0)] + 2 * [2 * ((side - k.shape[1]) // 2,)]) for k in bank]
    kernels = psf.phase_kernels(np.concatenate(kernels), fine) if kernels else np.ones((1, fine * fine, 1, 1))
    degree, which, taps, signs = _pack_taps(scene, systems) if adaptive else _no_taps(numbers.shape)
    return Blur(
        (_psf_sigma(scene, systems) * fine).reshape(n, -1),
        float(scene.instrument.truncation),
        numbers.reshape(n, -1),
        kernels.astype(dtype),
        degree,
        which.reshape(n, -1),
        np.ascontiguousarray(taps, dtype),
        np.ascontiguousarray(signs, dtype),
        _cores(scene, systems, bank, numbers, taps, signs, which).reshape(n, -1, 2).astype(dtype),
    )


def _cores(scene, systems, bank, numbers, taps, signs, which):
    """The core of every layer's PSF, see `refinement.seen`: float64 (n, v, b, 2)."""
    sigma = np.maximum(_psf_sigma(scene, systems) * scene.instrument.supersampling, 1e-3)
    beside = np.exp(-0.5 / sigma**2)
    own = 1.0 / (1.0 + 2.0 * np.exp(-0.5 * (np.arange(1, 8) / sigma[..., None]) ** 2).sum(-1))
    out = np.stack([own, own * beside], axis=-1)
    of_kernels = [_core(k[:, k.shape[1] // 2, k.shape[1] // 2 :]) for k in bank]
    if of_kernels:
        out = np.where((numbers >= 0)[..., None], np.concatenate(of_kernels)[numbers], out)
    if len(taps):
        r = taps.shape[3] // 2
        along = np.einsum("mt,mtd->md", signs * taps[:, :, 0, r], taps[:, :, 0, r : r + 2])
        out = np.where((which >= 0)[..., None], _core(along)[which], out)
    return np.stack([np.maximum(out[..., 0], WIDE[0]), np.clip(out[..., 1], 0.0, WIDE[1])], axis=-1)


def _core(row):
    """Cores of PSFs from their pixel in the middle and the one beside it, (m, 2 or more): float64 (m, 2)."""
    beside = row[:, 1] if row.shape[1] > 1 else np.zeros(len(row))
    own = np.sqrt(np.maximum(row[:, 0], WIDE[0] ** 2))
    return np.stack([own, beside / own], axis=-1)


def _no_taps(shape):
    """The last fields of a `Blur` where no layer keeps moments; shape: (n, v, b)."""
    return 0, np.full(shape, -1), np.zeros((0, 1, 1, 3)), np.zeros((0, 1))


def _pack_taps(scene, systems):
    """The last fields of a `Blur` with adaptive rays: the PSFs that act on where in a pixel the light lies."""
    scale, fwhm = scene.instrument.pixel_scale, systems.optics["fwhm"]
    within = {b: t for b, t in enumerate(scene.bands.values()) if t.within_pixels}
    if not within:
        return _no_taps(fwhm.shape)
    # of all bands of the grid, so that an image does not depend on which of them are asked for
    beside = [t for t in (scene.whole or scene).bands.values() if t.within_pixels and t.pixel_scale == scale]
    degree = max(moments.degree_for(_narrowest_sigma(t) / scale) for t in beside)
    which, bank = np.full(fwhm.shape, -1), []
    for b, instrument in within.items():
        pairs = np.stack([fwhm[..., b].ravel(), systems.optics["beta"][..., b].ravel()], axis=1)
        own, numbers = np.unique(pairs, axis=0, return_inverse=True)
        which[..., b] = len(bank) + numbers.reshape(fwhm.shape[:2])
        if instrument.psf_kind == "moffat":
            bank += [moments.moffat_taps(f / scale, beta, instrument.psf_size, degree) for f, beta in own]
        else:
            sigma = own[:, 0] / FWHM_PER_SIGMA / scale
            bank += list(moments.gaussian_taps(sigma, instrument.truncation, degree)[:, None])
    terms, side = max(len(t) for t in bank), max(t.shape[2] for t in bank)
    taps, signs = np.zeros((len(bank), terms, degree + 1, side)), np.zeros((len(bank), terms))
    for k, t in enumerate(bank):
        edge = (side - t.shape[2]) // 2
        taps[k, : len(t), :, edge : edge + t.shape[2]], signs[k, : len(t)] = t, 1.0
    return degree, which, taps, signs


def _narrowest_sigma(instrument):
    """The sigma [arcsec] that decides the degree: the smallest one; a Moffat has a sharper peak than its FWHM says."""
    sharp = MOFFAT_SHARPNESS if instrument.psf_kind == "moffat" else 1.0
    return instrument.narrowest() / FWHM_PER_SIGMA * sharp


def _psf_sigma(scene, systems):
    """Standard deviation of the Gaussian PSF in pixels, float64 (n, v, b); 0 where the PSF is another."""
    gaussian = [instrument.psf_kind == "gaussian" for instrument in scene.bands.values()]
    return np.where(gaussian, systems.optics["fwhm"], 0.0) / FWHM_PER_SIGMA / scene.instrument.pixel_scale
