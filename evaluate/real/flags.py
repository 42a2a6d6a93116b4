"""Doubts about a real lens: what in its file, its image or its prediction is not as in the training, and what to do.

A threshold is either physical (pixels, a fraction of the field, times the noise) or the range that simulated lenses of
the training population have (`training_images.usual`). None of them is tuned to a survey.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...configs.turning import pairs
from ...files.values import box_of
from . import measures
from .possible_values import are_ellipticities, is_possible
from .training_images import looks, usual

SEPARATOR = ";"  # between the names of flags in a table
FAR = 8.0  # times the network's side: a cut-out that large has a wrong pixel scale, or was hardly cut out
COARSE = 1.5  # times the network's pixel
WRONG_NOISE = 1.5  # the noise map over the measured scatter, either way
OTHER_NOISE = 30.0  # the noise over that of the training, either way
MASKED_CENTRE, MASKED = 0.1, 0.3  # fractions of the pixels where arcs are, and of all
SEEN = 0.95  # a file that shows less than this fraction of the network's field is small, and may end in an arc ...
EDGE_SHARE = 0.2  # ... where its edge is so bright against its brightest place
BRIGHT = 2.0  # times the brightest or darkest of simulated lenses
BEYOND = 2.0  # times the error on simulated lenses: by so much a prediction has to be outside of their range


class Doubt(NamedTuple):
    """One flag of one lens."""

    flag: str  # a key of MEANINGS
    found: str  # what was measured, e.g. "S/N 4"


MEANINGS = {  # what each flag means, and what to do
    "large_field": "the file shows far more sky than the network sees, as with a wrong pixel scale: check PIXSCALE or "
    "the WCS, or give real_lenses.pixel_scale",
    "small_field": "the file shows only this part of what the network sees, the rest is filled: cut out more",
    "coarse_pixels": "the file's pixels are larger than those of the training, arcs are blurred: train with those",
    "pixel_scale": "a header states another pixel scale than the one used: correct the wrong one",
    "no_noise_map": "no noise map came with the image, so its noise was measured at the edge: add an extension NOISE",
    "noise": "the scatter at the edge is not that of the noise map: check the unit and the meaning (rms) of the map",
    "noise_level": "the noise is far from that of the training: check that the image is in the unit of the training's "
    "(counts/s of simulated ones, to whose noise images are scaled, so another unit alone is harmless)",
    "sky_subtracted": "the corners of the image lay at this level instead of 0, all of them, so it was "
    "subtracted: subtract the sky beforehand to be sure",
    "sky": "the corners of the image are not at the level of those of the training: subtract the sky, check for "
    "neighbours",
    "lens_light": "the centre is brighter than in any lens of the training, so the lens galaxy's light seems to be "
    "there: subtract it (an extension LENSLIGHT with its model, or real_lenses.lens_light: fit, --lens-light fit), or "
    "train with simulate.lens_light",
    "no_lens_light": "the centre is fainter than in any lens of the training, but the network was trained with lens "
    "light: give images with it, or train without simulate.lens_light",
    "masked_centre": "pixels where arcs are expected are masked: check that the mask is 0 where a pixel is good",
    "masked": "much of the image is masked: check that the mask is 0 where a pixel is good",
    "cut_arc": "a bright structure reaches the edge, an arc that is cut or a neighbour: cut out a larger field, use a "
    "network with a larger one, or mask the neighbour",
    "off_centre": "the lens is not at the centre of the array: cut it out anew with the lens at (n - 1) / 2, or mask "
    "neighbours that pass for arcs",
    "saturated": "so many pixels share the largest value, as where a detector saturates: mask them",
    "too_bright": "a place is brighter than in any lens of the training: mask stars, check the noise",
    "too_dark": "a place is darker than in any lens of the training: mask it, check what was subtracted",
    "sharp_pixel": "a bright pixel is sharper than the point-spread function of the training: mask cosmic rays, hot "
    "pixels and residuals of what was subtracted",
    "no_arc": "no arc stands out of the noise, or it is much fainter than any of the training: the prediction may be "
    "little more than the mean of the training",
    "unlike_training": "to the network the image is unlike all of the training (its distance over the largest among "
    "these): do not rely on the uncertainty",
    "seeds_disagree": "networks from different seeds disagree more than on any lens of the training: do not rely on "
    "the mean",
    "outside_training": "the prediction is outside of what the network was trained on: train on a wider population",
    "impossible": "no lens has such a value: do not use it",
    "no_orientation": "the header does not say where North is, so that nothing can be given in the frame north_east: "
    "add a WCS, or take real_lenses.frame: array",
}


def settle_sky(cutout, training):
    """A cut-out whose sky is at 0, and the doubts about its sky.

    A level of the corners that simulated lenses do not have is subtracted where it is clear: it exceeds their whole
    range, it is as even as theirs, and no light was left in the centre. In every other case it is only doubted.
    """
    image, noise = _bands(cutout.image), _bands(cutout.noise)
    levels, doubts = np.zeros(len(image)), []
    for band in range(len(image)):
        view = _Measured(cutout, band, training)
        low, high = view.usual("sky")
        most = view.usual("unevenness")[1]
        if not np.isfinite(view.found["sky"]):  # all corners are masked
            continue
        if low <= view.found["sky"] <= high:
            if view.found["unevenness"] > most:
                doubts.append(Doubt("sky", f"uneven by {view.found['unevenness']:.2g} x noise"))
            continue
        level = view.found["sky"] - np.median(view.reference["sky"])
        even = view.found["unevenness"] <= most + 0.2 * abs(level)
        dark = _Measured(cutout, band, training, level).found["centre"] <= view.usual("centre")[1]
        clear = abs(level) > high - low and even and dark
        if clear:
            levels[band] = level * np.median(noise[band])
        doubts.append(Doubt("sky_subtracted" if clear else "sky", f"{level:+.2g} x noise"))
    if levels.any():
        subtracted = np.where(_observed(cutout), image - levels[:, None, None], image).astype(np.float32)
        cutout = replace(cutout, image=subtracted.reshape(cutout.image.shape), sky=float(levels[0]))
    return cutout, doubts


def doubts_of_image(cutout, training):
    """What is doubtful in a cut-out itself: its file, its mask and its image; list of `Doubt`, each flag once."""
    doubts = _of_file(cutout, training) + _of_mask(cutout, training)
    for band in range(len(_bands(cutout.image))):
        doubts += _of_view(_Measured(cutout, band, training), cutout)
    return list({doubt.flag: doubt for doubt in reversed(doubts)}.values())[::-1]


def _of_file(cutout, training):
    """Doubts about the field, the pixels, the noise map and the place of the lens in the file."""
    facts, doubts = cutout.facts, []
    if facts is None:
        return doubts
    side, unit = cutout.image.shape[-1] * cutout.pixel, cutout.unit
    box = _observed(cutout)[*box_of(_observed(cutout))]
    seen = min(min(facts.width / side, 1) * min(facts.height / side, 1), box.size / _observed(cutout).size)
    if max(facts.width, facts.height) > FAR * side:
        doubts.append(Doubt("large_field", f"{max(facts.width, facts.height):.3g}{unit} of {side:.3g}{unit}"))
    short = side - min(facts.width, facts.height) > 1.01 * cutout.pixel
    hollow = min(box.shape) < cutout.image.shape[-1] - 2  # an odd side lacks half a pixel at both ends
    if seen < SEEN and (short or hollow):
        doubts.append(Doubt("small_field", f"{seen:.0%}"))
    if facts.pixel_scale > COARSE * cutout.pixel:
        doubts.append(Doubt("coarse_pixels", f"{facts.pixel_scale:.3g}{unit} for {cutout.pixel:.3g}{unit}"))
    if facts.other_scale is not None:
        doubts.append(Doubt("pixel_scale", f'{facts.other_scale:.3g}", used {facts.pixel_scale:.3g}"'))
    if not facts.noise_given and not training.in_files:
        doubts.append(Doubt("no_noise_map", f"{np.median(cutout.noise):.2g} counts/s"))
    if facts.saturated:
        doubts.append(Doubt("saturated", f"{facts.saturated} pixels"))
    if facts.light_offset is not None and facts.light_offset > 2 * max(cutout.pixel, facts.pixel_scale):
        doubts.append(Doubt("off_centre", f"{facts.light_offset:.2g}{unit}"))
    return doubts


def _of_mask(cutout, training):
    """Doubts about filled pixels: within the largest Einstein radius of the training, and everywhere."""
    lost = 1 - np.mean(training.images[:, 0] != 0)  # pixels that simulated detectors lose
    filled = ~_observed(cutout)
    y, x = (np.arange(n) - (n - 1) / 2 for n in filled.shape)
    largest = training.einstein_radius(np.nanmax)
    radius = filled.shape[0] / 4 if largest is None else largest
    centre = filled[np.hypot(x[None], y[:, None]) <= max(radius, 2)].mean()
    doubts = [Doubt("masked_centre", f"{centre:.0%}")] if centre > MASKED_CENTRE + lost else []
    inside = filled[*box_of(~filled)].mean()
    return doubts + ([Doubt("masked", f"{inside:.0%}")] if inside > MASKED + lost else [])


def _of_view(view, cutout):
    """Doubts about one band of an image, by what simulated lenses look like."""
    found, doubts = view.found, []

    def doubt(flag, when, number):
        if when:
            doubts.append(Doubt(flag, number))

    scatter = found["scatter"] / max(np.median(view.reference["scatter"]), 0.5)
    low, high = view.usual("scatter")
    as_simulated = low <= found["scatter"] <= high  # as of a simulation without noise
    as_stated = 1 / WRONG_NOISE <= scatter <= WRONG_NOISE
    doubt("noise", not (as_stated or as_simulated), f"{scatter:.2g} x the map")
    level = np.median(_bands(cutout.noise)[view.band]) / view.background
    known = cutout.facts is None or not cutout.facts.calibrated
    far = not 1 / OTHER_NOISE <= level <= OTHER_NOISE
    doubt("noise_level", known and far, f"{level:.2g} x that of the training")
    low, high = view.usual("centre")
    bright_centre = found["centre"] > high
    doubt("lens_light", bright_centre, f"{found['centre']:.2g} x the rest, at most {high:.2g}")
    doubt("no_lens_light", view.with_light and found["centre"] < low, f"{found['centre']:.2g} x the rest")
    highest = view.usual("border")[1]
    share = found["border"] / max(found["peak"], 1)
    cut = found["border"] > max(highest, measures.SIGNIFICANT) or (
        share > view.border_share and found["border"] > measures.SIGNIFICANT
    )
    doubt("cut_arc", cut, f"S/N {found['border']:.0f}")
    if not bright_centre:
        far = np.nanmax(view.reference["offset"], initial=0.0)
        doubt("off_centre", found["offset"] > far, f"{found['offset'] * cutout.pixel:.2g}{cutout.unit}")
    brightest = BRIGHT * view.reference["peak"].max()
    doubt("too_bright", found["peak"] > brightest, f"S/N {found['peak']:.0f}")
    sharpest = max(view.usual("sharpness")[1], 1.0)
    doubt("sharp_pixel", found["sharpness"] > sharpest, f"{found['sharpness']:.2g} x its surroundings")
    darkest = BRIGHT * min(view.reference["lowest"].min(), -measures.SIGNIFICANT)
    doubt("too_dark", found["lowest"] < darkest, f"S/N {found['lowest']:.0f}")
    doubt("no_arc", found["peak"] < measures.SIGNIFICANT, f"S/N {found['peak']:.0f}")
    return doubts


def doubts_of_prediction(values, errors, training):
    """What is doubtful in the predictions of a lens: list of `Doubt`.

    Args: values: target -> number, in the frame of the array. errors: target -> RMSE on simulated lenses.
    """
    impossible, outside = [], []
    for target, value in values.items():
        if not is_possible(target, value):
            impossible.append(f"{target} {value:.3g}")
        known = training.labels.get(target)
        if known is not None and np.isfinite(known).any():
            margin = BEYOND * errors[target]
            low, high = np.nanmin(known), np.nanmax(known)
            if not low - margin <= value <= high + margin:
                outside.append(f"{target} {value:.3g}, not {low:.3g} to {high:.3g}")
    for first, second, spin in pairs(list(values)):
        if are_ellipticities(first, spin) and np.hypot(values[first], values[second]) >= 1:
            impossible.append(f"|e| {np.hypot(values[first], values[second]):.2g}")
    doubts = [Doubt("impossible", ", ".join(impossible))] if impossible else []
    return doubts + ([Doubt("outside_training", ", ".join(outside))] if outside else [])


def names(doubts):
    """The flags of a lens as a table has them: "sky;lens_light"."""
    return SEPARATOR.join(dict.fromkeys(doubt.flag for doubt in doubts))


def found(doubts):
    """What was measured of each of the flags that `names` gives, in a table: "+2.1 x noise;"."""
    first = {doubt.flag: doubt for doubt in reversed(doubts)}
    return SEPARATOR.join(first[name].found.replace(SEPARATOR, ",") for name in dict.fromkeys(d.flag for d in doubts))


def in_words(lenses, doubts, most=4, meanings=None):
    """One sentence for each flag that occurs: which lenses have it, with their numbers, what it means, what to do.

    Args: lenses: their names. doubts: a list of `Doubt` for each. most: lenses that are named.
        meanings: of the flags; None: `MEANINGS`.
    """
    sentences = []
    for flag, meaning in (meanings or MEANINGS).items():
        found = [
            (lens, doubt.found) for lens, of in zip(lenses, doubts, strict=True) for doubt in of if doubt.flag == flag
        ]
        if found:
            count = "1 lens" if len(found) == 1 else f"{len(found)} lenses"
            shown = ", ".join(f"{lens} {number}".strip() for lens, number in found[:most])
            sentences.append(f"{flag}: {count} ({shown}{', ...' if len(found) > most else ''}): {meaning}.")
    return sentences


class _Measured:
    """What is measured on one band of a cut-out, beside the same of simulated lenses."""

    def __init__(self, cutout, band, training, level=0.0):
        """level: of the sky, to be taken off first, times the noise."""
        observed = _observed(cutout)
        image, noise = _bands(cutout.image)[band], _bands(cutout.noise)[band]
        relative = np.where(observed, image / np.median(noise) - level, 0.0)[None]
        radius = training.central_radius()
        self.band, self.background, self.with_light = band, training.background[band], training.with_light
        self.found = {name: values[0] for name, values in looks(relative, observed, radius).items()}
        self.found["scatter"] = measures.scatter((image / noise)[None], observed)[0]
        self.reference = _reference(training, band, box_of(observed))
        whole = _reference(training, band, (slice(0, observed.shape[0]), slice(0, observed.shape[1])))
        self.reference = self.reference | {name: whole[name] for name in ("border", "peak", "offset")}
        self.border_share = usual(whole["border"] / np.maximum(whole["peak"], 1))[1]
        if observed[*box_of(observed)].size < SEEN * observed.size:
            self.border_share = EDGE_SHARE

    def usual(self, name):
        """The range that a measure hardly leaves in simulated lenses."""
        return usual(self.reference[name])


def _reference(training, band, box):
    """`looks` of the simulated lenses where only a box is seen; remembered in `training`."""
    key = band, box[0].start, box[0].stop, box[1].start, box[1].stop
    if key not in training.looks:
        observed = np.zeros(training.images.shape[-2:], bool)
        observed[box] = True
        training.looks[key] = looks(training.relative(band), observed, training.central_radius())
    return training.looks[key]


def _bands(array):
    """(bands, rows, columns) of an array with or without bands."""
    return array.reshape(-1, *array.shape[-2:])


def _observed(cutout):
    """Where a cut-out holds what was observed, bool (rows, columns)."""
    if cutout.filled is None:
        return np.ones(cutout.image.shape[-2:], bool)
    return ~_bands(cutout.filled).any(0)
