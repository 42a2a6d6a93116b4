"""How a simulation is observed, in words: pixel grids, instrument, PSF, noise, cuts."""

from .drawn_laws import law
from .instruments import known_numbers
from .observation import Observation
from .schema import Simulation

_UNITS = {
    "exposure_time": "s an exposure",
    "num_exposures": "exposures",
    "magnitude_zero_point": "mag(AB) of one count a second",
    "read_noise": "electrons of read noise",
    "sky_brightness": "mag(AB)/arcsec2 of sky",
    "background_noise": "counts/s a pixel of background, rms",
    "ccd_gain": "electrons in an ADU",
}
_CUTS = {
    "arc_snr_min": "signal to noise of the arcs at least {:g}",
    "magnification_min": "magnification at least {:g}",
    "image_separation_min": 'images of the source at least {:g}" apart',
}


def grids(simulation: Simulation) -> dict[str, tuple[int, float]]:
    """Of each band, by name: pixels on a side, and the size of a pixel [arcsec]."""
    images, common, out = simulation.band_images(), simulation.image, {}
    first = None
    for name, observation in simulation.band_observations().items():
        own = images[name]
        scale = own.pixel_scale or common.pixel_scale
        if scale is None:
            scale = first if observation.instrument is None and first else known_numbers(observation)["pixel_scale"]
        first = first or scale
        field = common.num_pix * (common.pixel_scale or first)
        out[name] = (own.num_pix or round(field / scale), scale)
    return out


def grids_in_words(simulation: Simulation) -> str:
    """The pixel grids, such as: 48 x 48 pixels of 0.1", one band; or: VIS: 64 x 64 pixels of 0.1"; Y, J: ..."""
    shared: dict[tuple[int, float], list[str]] = {}
    for name, grid in grids(simulation).items():
        shared.setdefault(grid, []).append(name)
    if len(shared) > 1:
        return "; ".join(f'{", ".join(names)}: {n} x {n} pixels of {s:g}"' for (n, s), names in shared.items())
    ((num_pix, scale), names) = next(iter(shared.items()))
    bands = f"bands {', '.join(names)}" if len(names) > 1 else f"band {names[0]}" if names[0] else "one band"
    return f'{num_pix} x {num_pix} pixels of {scale:g}", {bands}'


def observation_rows(simulation: Simulation) -> list[tuple[str, str]]:
    """Instrument, numbers, PSF and noise of each band: pairs of a title and words."""
    bands = simulation.band_observations()
    said = {name: _words(observation) for name, observation in bands.items()}
    if len(set(said.values())) == 1:
        return [("Observation", next(iter(said.values())))]
    return [(f"Observation in {name}", words) for name, words in said.items()]


def noise_in_words(observation: Observation) -> str:
    """What is added to the light, or is wrong with it on purpose."""
    if observation.defect is not None:
        return f"no plain noise, but the defect {observation.defect} of a published dataset"
    if not observation.noise:
        return "none"
    background = "patches of real sky" if observation.sky_cutouts else "background"
    words = f"{background} and Poisson noise of the light, the latter as a normal number"
    if observation.noise_correlation:
        words += f"; neighbouring pixels correlate by {observation.noise_correlation:g}"
    return words


def subtracted_in_words(observation: Observation) -> str:
    """Which lens light is subtracted, and how well; "" for none."""
    fits = [f"lens_light.{s.component} by a fit with errors of {law(s.error)}" for s in observation.subtract_lens_light]
    words = f"subtracted: {' and '.join(fits)}" if fits else ""
    if (left := observation.unfitted_light) is not None:
        words += f"; of their light stays unfitted {law(left.fraction)} as multipoles"
        words += f" and {law(left.centre)} within {left.radius:g} arcsec" if left.centre else ""
    return words


def lost_in_words(observation: Observation) -> str:
    """Which pixels are lost; "" for none."""
    lost = [f"{observation.bad_pixels:.3g} of all pixels"] if observation.bad_pixels else []
    if observation.cosmic_rays:
        longest = observation.cosmic_rays_up_to
        where = "an image" if longest is None else f"an image of at most {longest:g} s"
        lost += [f"{observation.cosmic_rays:g} tracks of cosmic rays {where}"]
    if (disks := observation.masked_disks) is not None:
        beyond = f", beyond {disks.nearest:g} arcsec from the centre" if disks.nearest else ""
        lost += [f"{disks.number:g} disks an image with radii of {law(disks.radius)} arcsec{beyond}"]
    return f"lost: {' and '.join(lost)}, which hold {observation.mask_value}" if lost else ""


def selection_in_words(simulation: Simulation) -> str:
    """The cuts of a selection; "" without one."""
    if simulation.selection is None:
        return ""
    cuts = [words.format(value) for key, words in _CUTS.items() if (value := getattr(simulation.selection, key))]
    return f"{', '.join(cuts)}; what misses a cut is drawn anew, with the same index"


def _words(observation):
    """One band."""
    known = known_numbers(observation)
    numbers = []
    for key, unit in _UNITS.items():
        value = getattr(observation, key)
        value = known.get(key) if value is None else value
        if observation.background_noise is not None and key in ("read_noise", "sky_brightness"):
            continue
        if value is not None:
            numbers.append(f"{law(value)} {unit}")
    parts = [observation.instrument or "", ", ".join(numbers), f"PSF: {_psf(observation, known)}"]
    parts += [f"noise: {noise_in_words(observation)}", subtracted_in_words(observation), lost_in_words(observation)]
    return "; ".join(filter(None, parts))


def _psf(observation, known):
    psf = observation.psf
    if psf is None:
        width = known.get("seeing")
        return "the instrument's" if width is None else f'{str(known.get("psf_type", "")).lower()}, FWHM {width:g}"'
    if psf.kind in ("none", "pixel"):
        return "none" if psf.kind == "none" else "kernels from a file"
    width = known.get("seeing") if psf.fwhm is None else psf.fwhm
    wings = f", beta {law(psf.beta)}" if psf.beta is not None else ""
    return f"{psf.kind}, FWHM {law(width)} arcsec{wings}"
