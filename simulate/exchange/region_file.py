"""Critical curves, caustics and Einstein circles of a lens as regions of DS9, in an image's pixels or on the sky."""

from typing import NamedTuple

import numpy as np

from ...files.whole import write_text
from ..critical_curves import curves_of_lens

COLOURS = {"tangential": "cyan", "radial": "magenta", "cut": "magenta", "theta_E": "yellow"}


class Outline(NamedTuple):
    """A closed line [arcsec], x to the right and y up from the image's centre."""

    name: str  # one of COLOURS
    x: np.ndarray
    y: np.ndarray


class Outlines(NamedTuple):
    """What is drawn of a lens: lists of `Outline`."""

    critical: list  # the circle of theta_E, and the critical curves
    caustics: list  # in the source plane


class ImagePixels(NamedTuple):
    """The pixels of an image, and where they are on the sky."""

    shape: tuple  # rows, columns
    scale: float  # arcsec
    centre: tuple | None = None  # right ascension and declination [deg]; None: not known
    orientation: tuple | None = None  # `files.orientation.Orientation`; None: not known


def outlines(profiles, kwargs_lens):
    """The `Outlines` of a lens of lenstronomy, as `critical_curves.curves_of_lens` takes it."""
    curves, main = curves_of_lens(profiles, kwargs_lens), kwargs_lens[0]
    if not curves:
        return Outlines([], [])
    angle = np.linspace(0.0, 2.0 * np.pi, 73)[:-1]
    x, y = main["center_x"] + main["theta_E"] * np.cos(angle), main["center_y"] + main["theta_E"] * np.sin(angle)
    critical = [Outline(curve.kind, curve.x, curve.y) for curve in curves if curve.kind != "cut"]
    caustics = [Outline(curve.kind, curve.source_x, curve.source_y) for curve in curves]
    return Outlines([Outline("theta_E", x, y), *critical], caustics)


def write_regions(folder, name, lines, pixels):
    """Write NAME.reg and NAME_caustics.reg, and _sky.reg of both where the image's place on the sky is known.

    Args: folder: a `Path`. lines: `Outlines`. pixels: `ImagePixels`.

    Raises: OSError.
    """
    for suffix, own in (("", lines.critical), ("_caustics", lines.caustics)):
        write_text(folder / f"{name}{suffix}.reg", pixel_regions(own, pixels.shape, pixels.scale))
        if pixels.centre is not None and pixels.orientation is not None:
            write_text(folder / f"{name}{suffix}_sky.reg", sky_regions(own, pixels.centre, *pixels.orientation))


def pixel_regions(lines, shape, pixel_scale):
    """The text of a region file in the pixels of an image, from 1. shape: rows, columns. pixel_scale: [arcsec]."""
    x, y = (shape[1] + 1) / 2, (shape[0] + 1) / 2
    return _text("image", [(line.name, x + line.x / pixel_scale, y + line.y / pixel_scale) for line in lines])


def sky_regions(lines, centre, position_angle_of_x, sense):
    """The text of a region file on the sky (ICRS).

    centre: right ascension and declination of the image's centre [deg]. The others: of `files.orientation.Orientation`.
    """
    on_sky = []
    for line in lines:
        angle = position_angle_of_x + sense * np.arctan2(line.y, line.x)
        east, north = np.hypot(line.x, line.y) / 3600.0 * np.array([np.sin(angle), np.cos(angle)])
        declination = centre[1] + north
        on_sky.append((line.name, (centre[0] + east / np.cos(np.radians(declination))) % 360.0, declination))
    return _text("icrs", on_sky)


def _text(system, lines):
    """A region file. lines: (name, first, second coordinates)."""
    digits = 3 if system == "image" else 7
    out = ["# Region file format: DS9 version 4.1", system]
    for name, first, second in lines:
        points = ",".join(f"{a:.{digits}f},{b:.{digits}f}" for a, b in zip(first, second, strict=True))
        out.append(f"polygon({points}) # color={COLOURS[name]} text={{{name}}}")
    return "\n".join(out) + "\n"
