"""The noise of an image, an rms per pixel, from what a file gives of it: rms, variance, inverse variance, weight."""

from typing import NamedTuple

import numpy as np

from .pixel_scale import number
from .units import EXPOSURES
from .values import box_of, is_noise

KEYS = ("WHTTYPE", "WHT_TYPE", "WTYPE", "WGHTTYPE")  # keys that may say what a weight is
AGREES = (0.6, 2.5)  # of the rms that the weights give to the scatter of the sky: drizzled pixels scatter less
SECONDS = ("S", "SEC", "SECS", "SECOND", "SECONDS")
SAME_TIME = 0.05  # by so much a weight may differ from the exposure time that it is
SOURCES = {  # by kind: what is done, in words
    "rms": "{}",
    "variance": "sqrt({})",
    "variance part": "sqrt({})",
    "invvar": "1/sqrt({})",
}


class Noise(NamedTuple):
    """The rms of an image."""

    rms: np.ndarray | None  # float64, in the unit of the image; None if there is none to be had
    words: str  # from what it comes


def from_plane(kind, name, values):
    """The `Noise` of a plane of the kinds rms, variance or invvar (`roles.KINDS`), infinite where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "invvar":
            values = 1.0 / np.sqrt(values)
        elif kind != "rms":
            values = np.sqrt(values)
    rms = np.where(np.isfinite(values), values, np.inf)
    return Noise(rms, f"noise {SOURCES[kind].format(name)}")


def from_weight(name, weight, headers, image, good):
    """The `Noise` of a weight map that may be an inverse variance or an exposure time.

    The header says (inverse variance: IVM, ERR, invvar; else: EXP, a unit of seconds, or an exposure time that is the
    weight itself), or else the image: a weight whose 1/sqrt is the scatter of the pixels at the border, within a factor
    of 2 or so, is an inverse variance. Any other says nothing of the noise's size and serves for bad pixels alone,
    those of weight 0. headers: of the weight and its file.
    """
    said = " ".join(str(h[key]).upper() for h in headers for key in KEYS if key in h)
    if any(word in said for word in ("IVM", "ERR", "INV", "IVAR")):
        return from_plane("invvar", name, weight)
    if "EXP" in said or "TIME" in said or _is_exposure(weight, headers):
        return Noise(None, f"{name} for bad pixels alone (an exposure time by its header)")
    scatter, rms = edge_rms(image, good), from_plane("invvar", name, weight)
    frame = good & is_noise(rms.rms)
    if frame.any():
        box = box_of(frame)
        frame[box] &= ~_inner(frame[box].shape)
    if scatter > 0 and frame.any() and AGREES[0] < np.median(rms.rms[frame]) / scatter < AGREES[1]:
        return rms
    return Noise(None, f"{name} for bad pixels alone (no inverse variance: 1/sqrt is not the scatter of the pixels)")


def _is_exposure(weight, headers):
    """Whether a weight is in seconds, or is the exposure time of its header, as drizzled images have by default."""
    if str(headers[0].get("BUNIT", "")).strip().upper() in SECONDS:
        return True
    known = [number(header, key) for header in headers for key in EXPOSURES]
    there = weight[np.isfinite(weight) & (weight > 0)]
    typical = np.median(there) if there.size else 0.0
    return any(seconds is not None and abs(typical - seconds) < SAME_TIME * seconds for seconds in known)


def _inner(shape):
    width = max(3, min(shape) // 6)
    inner = np.zeros(shape, dtype=bool)
    inner[width:-width, width:-width] = True
    return inner


def edge_rms(image, good):
    """Rms per pixel in a frame around an image (rows, columns), away from the lens; NaN if it cannot be measured.

    The frame lies at the border of what is good. It is the median absolute difference of pixels two apart: a slope of
    the sky drops out, and so do most of the neighbours' correlations in a drizzled image. good: bool, the pixels that
    count.
    """
    good = good & np.isfinite(image)
    if not good.any():
        return np.nan
    box = box_of(good)  # a border that was filled up is none of the image
    frame = np.where(good[box] & ~_inner(good[box].shape), image[box], np.nan)
    pairs = [frame[2:] - frame[:-2], frame[:, 2:] - frame[:, :-2]]
    pairs = [d[np.isfinite(d)] for d in pairs]
    if min(d.size for d in pairs) < 10:
        return np.nan
    off = np.concatenate([np.abs(d - np.median(d)) for d in pairs])
    rms = 1.4826 * np.median(off) / np.sqrt(2)
    return float(rms) if rms > 0 else np.nan
