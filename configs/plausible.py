"""Settings that are allowed one by one and cannot be meant, or cannot work on this machine: warnings and refusals."""

import os

from .components import BRIGHTEST
from .parameters import Distribution
from .yaml_text import key_path

# Key, or parameter of any profile -> what is usual, from and to, and its unit. Far wider than any instrument or lens.
USUAL = {
    "simulate.image.num_pix": (16, 512, "pixels"),
    "simulate.image.pixel_scale": (0.003, 5, "arcsec"),
    "simulate.image.rays": (1, 32, "rays along a side of a pixel"),
    "simulate.cosmology.z_lens": (0.01, 5, "-"),
    "simulate.cosmology.z_source": (0.05, 15, "-"),
    "simulate.cosmology.H0": (50, 100, "km/s/Mpc"),
    "simulate.cosmology.Om0": (0.1, 0.6, "-"),
    "observation.exposure_time": (1, 1e6, "s"),
    "observation.num_exposures": (1, 10_000, "exposures"),
    "observation.magnitude_zero_point": (15, 40, "mag(AB)"),
    "observation.read_noise": (0, 100, "electrons"),
    "observation.sky_brightness": (12, 30, "mag(AB/arcsec2)"),
    "observation.background_noise": (0, 1e4, "counts/s"),
    "observation.ccd_gain": (0.05, 100, "electrons"),
    "observation.psf.fwhm": (0.005, 5, "arcsec"),
    "observation.psf.beta": (1.2, 20, "-"),
    "magnitude": (10, 35, "mag(AB)"),
    "theta_E": (0, 60, "arcsec"),
    "gamma": (1.2, 2.9, "-"),
    "gamma1": (-0.5, 0.5, "-"),
    "gamma2": (-0.5, 0.5, "-"),
    "kappa": (-1, 1, "-"),
    "R_sersic": (1e-3, 30, "arcsec"),
    "R_half": (1e-3, 30, "arcsec"),
    "n_sersic": (0.2, 12, "-"),
    "center_x": (-60, 60, "arcsec"),
    "center_y": (-60, 60, "arcsec"),
    "pretrain.batch_size": (2, 16_384, "systems"),
    "pretrain.steps": (1, 1e7, "steps"),
    "evaluate.n_test": (20, 100_000, "lenses"),
    "evaluate.seeds": (1, 100, "repetitions"),
    "real_lenses.pixel_scale": (0.003, 5, "arcsec"),
    "lr": (0, 10, "-"),
    "weight_decay": (0, 10, "-"),
    "hidden_dim": (1, 100_000, "numbers"),
    "projection_dim": (1, 1_000_000, "numbers"),
    "prediction_dim": (1, 100_000, "numbers"),
    "prototypes": (1, 1_000_000, "numbers"),
    "decoder_dim": (1, 10_000, "numbers"),
}
OF_ENCODERS = ("lr", "weight_decay", "hidden_dim", "projection_dim", "prediction_dim", "prototypes", "decoder_dim")
POSSIBLE = {  # beyond these, float32 or float64 cannot hold the image
    "simulate.image.pixel_scale": (1e-6, 100, "arcsec"),
    "simulate.cosmology.z_lens": (1e-4, 20, "-"),
    "simulate.cosmology.H0": (1, 1000, "km/s/Mpc"),
    "simulate.cosmology.Om0": (1e-3, 1, "-"),
    "observation.magnitude_zero_point": (-50, 100, "mag(AB)"),
    "observation.read_noise": (0, 1e12, "electrons"),
    "observation.sky_brightness": (-20, 100, "mag(AB/arcsec2)"),
    "observation.background_noise": (0, 1e12, "counts/s"),
    "observation.ccd_gain": (1e-9, 1e9, "electrons"),
    "observation.num_exposures": (1, 1e9, "exposures"),
    "magnitude": (BRIGHTEST, 100, "mag(AB)"),  # of a law without ends; others are limited in `components`
    "gamma1": (-100, 100, "-"),
    "gamma2": (-100, 100, "-"),
    "kappa": (-100, 100, "-"),
    "center_x": (-1e5, 1e5, "arcsec"),
    "center_y": (-1e5, 1e5, "arcsec"),
}
MOST_RAYS = 1e9  # through an image: about a minute of a core
_GIB = 1 << 30
_HEADS = (  # widths that a layer of a head joins
    ("hidden_dim", "projection_dim"),
    ("hidden_dim", "bottleneck_dim"),
    ("bottleneck_dim", "prototypes"),
    ("decoder_dim", "decoder_dim"),
)
_TRAINED = 16  # bytes of a weight with its gradient and the moments of its optimiser
_BATCHES = 4  # that are in memory at a time: two wait, one is rendered, one is trained on


def unusual(config):
    """A sentence for each number of a `configs.schema.Config` that is allowed and can hardly be meant."""
    said = set()
    for path, asked, limits in _beyond(config, USUAL):
        said.add(path)
        yield f"{path}: {asked} is unusual, is that meant? Usual are {limits}"
    if config.simulate is None:
        return
    image = config.simulate.image
    if isinstance(image.rays, int) and (rays := (image.num_pix * image.rays) ** 2) > MOST_RAYS:
        yield (
            f"simulate.image.rays: {rays:.2g} rays an image (num_pix {image.num_pix}, rays {image.rays}), "
            f"minutes of a core for each; usual are 1 to 8, or adaptive"
        )
    if not said & {"simulate.image.pixel_scale", "simulate.image.num_pix"}:
        yield from (f"{path}: {text}" for path, text in _out_of_scale(config.simulate) if path not in said)


def _out_of_scale(simulate):
    """Lengths that do not go with the image, though usual by themselves: pairs of dotted key and sentence."""
    image, lens = simulate.image, simulate.lens_mass[0]
    if image.pixel_scale is None:
        return
    side = image.num_pix * image.pixel_scale
    theta_E = dict(_of_section(lens, "lens")).get("lens.theta_E")
    where = "simulate.lens_mass.0.theta_E"
    if theta_E is not None and theta_E[0] > side / 2:
        yield (
            where,
            f"an Einstein radius of {_asked(*theta_E)} arcsec does not fit into an image of {side:g} arcsec "
            f"(num_pix {image.num_pix}, pixel_scale {image.pixel_scale:g}), is that meant?",
        )
    if theta_E is not None and 0 < theta_E[1] < image.pixel_scale / 2:
        yield (
            where,
            f"an Einstein radius of {_asked(*theta_E)} arcsec is lost in a pixel of {image.pixel_scale:g} "
            "arcsec, is that meant?",
        )
    for name, observation in simulate.band_observations().items():
        path = f"simulate.bands.{name}.psf.fwhm" if name else "simulate.observation.psf.fwhm"
        fwhm = dict(_of_section(observation.psf or (), "psf")).get("psf.fwhm")
        if fwhm is not None and fwhm[0] > side:
            yield path, f"{_asked(*fwhm)} arcsec is wider than the image of {side:g} arcsec, is that meant?"


def impossible(config):
    """What no computer can hold, or this one's memory cannot: pairs of key path and sentence."""
    for path, asked, limits in _beyond(config, POSSIBLE):
        yield key_path(path.split(".")), f"expected a number within {limits}, but {asked} is asked for"
    memory = _memory()
    if config.simulate is not None and config.pretrain is not None:
        yield from _too_many_images(config, memory)
    for name, encoder in config.pretrain.encoders.items() if config.pretrain is not None else ():
        for first, second in _HEADS:
            sizes = getattr(encoder, first, None), getattr(encoder, second, None)
            if None not in sizes and _TRAINED * sizes[0] * sizes[1] > memory:
                asked = first if sizes[0] >= sizes[1] else second
                yield (
                    ("pretrain", "encoders", name, asked),
                    f"a layer from {first} {sizes[0]} to {second} {sizes[1]} needs "
                    f"{_in_gib(_TRAINED * sizes[0] * sizes[1])}; this machine has {_in_gib(memory)}",
                )


def _too_many_images(config, memory):
    """Simulated images that this machine cannot hold: pairs of key path and sentence."""
    image, bands = config.simulate.image, max(1, len(config.simulate.bands))
    one_image = 4 * bands * image.num_pix**2
    keys = f"num_pix {image.num_pix}" + (f", {bands} bands" if bands > 1 else "")
    if config.pretrain.data is None:
        size = config.pretrain.batch_size
        needed = _BATCHES * 2 * size * one_image
        if needed > memory:
            text = (
                f"{size} pairs of images ({keys}) need {_in_gib(needed)} for the {_BATCHES} batches in memory at a time"
            )
            yield ("pretrain", "batch_size"), f"{text}; this machine has {_in_gib(memory)}"
    if config.evaluate is not None and not (config.evaluate.learns_from_files and config.evaluate.judged_by_files):
        evaluate = config.evaluate
        most = 0 if evaluate.learns_from_files else max(evaluate.n_labels)
        tests = 0 if evaluate.judged_by_files else evaluate.n_test
        needed = (evaluate.seeds * most + tests) * one_image
        if needed > memory:
            yield (
                ("evaluate", "n_labels"),
                f"{most} labelled lenses (seeds {evaluate.seeds}, n_test {evaluate.n_test}, {keys}) need "
                f"{_in_gib(needed)}; this machine has {_in_gib(memory)}",
            )


def _beyond(config, table):
    """What lies beyond a table's limits: triples (dotted key, the number in words, the limits in words)."""
    for path, (lowest, highest) in _numbers(config):
        low, high, unit = _entry(path, table) or (lowest, highest, "-")
        if lowest < low or highest > high:
            yield path, _asked(lowest, highest), f"{low:g} to {high:g}" + ("" if unit == "-" else f" {unit}")


def _asked(lowest, highest):
    return f"{lowest:g}" if lowest == highest else f"{lowest:g} to {highest:g}"


def _numbers(config):
    """Pairs (dotted key, (lowest, highest)) of all numbers and distributions of a config but its methods' options."""
    if config.simulate is not None:
        yield from _numbers_of_simulation(config.simulate)
    yield from _of_section(config.real_lenses, "real_lenses")
    if config.evaluate is not None:
        yield from _of_section(config.evaluate, "evaluate")
    if config.pretrain is not None:
        yield from _of_section(config.pretrain, "pretrain")
        for name, encoder in config.pretrain.encoders.items():
            yield from _of_section(encoder, f"pretrain.encoders.{name}")


def _numbers_of_simulation(simulate):
    yield from _of_section(simulate.image, "simulate.image")
    yield from _of_section(simulate.cosmology, "simulate.cosmology")
    for name, observation in simulate.band_observations().items():
        path = f"simulate.bands.{name}" if name else "simulate.observation"
        yield from _of_section(observation, path)
        if observation.psf is not None:
            yield from _of_section(observation.psf, f"{path}.psf")
    for group in ("lens_mass", "lens_light", "source"):
        for k, component in enumerate(getattr(simulate, group)):
            yield from _of_section(component, f"simulate.{group}.{k}")


def _of_section(section, path):
    for name, value in section:
        span = value.typical() if isinstance(value, Distribution) else (value, value)
        if isinstance(value, int | float | Distribution) and not isinstance(value, bool) and span is not None:
            yield f"{path}.{name}", span


def _entry(path, table):
    """The line of a table for a key, or None. A band's keys are those of the observation."""
    parts = path.split(".")
    if parts[:2] == ["simulate", "bands"]:
        parts = ["simulate", "observation", *parts[3:]]
    dotted = ".".join(parts)
    for known in (dotted, dotted.removeprefix("simulate.")):
        if known in table:
            return table[known]
    in_profile = parts[0] == "simulate" and parts[1] in ("lens_mass", "lens_light", "source")
    return table.get(parts[-1]) if in_profile or parts[-1] in OF_ENCODERS else None


def _memory():
    """Bytes of this machine's memory; without limit where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return float("inf")


def _in_gib(size):
    return f"{size / _GIB:.3g} GiB"
