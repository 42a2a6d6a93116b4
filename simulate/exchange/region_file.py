"""Critical curves and Einstein circles of a lens as regions of DS9, in an image's pixels or on the sky."""

from typing import NamedTuple

import numpy as np

from ..critical_curves import critical_curves

COLOURS = {"tangential": "cyan", "radial": "magenta", "theta_E": "yellow"}
SEARCHED = 3.0  # Einstein radii, within which there may be critical curves


class Outline(NamedTuple):
    """A closed line in the image [arcsec], x to the right and y up from the image's centre."""

    name: str  # one of COLOURS
    x: np.ndarray
    y: np.ndarray


def outlines(names, kwargs_lens):
    """The critical curves of a lens of lenstronomy, lens_model_list and kwargs_lens, and the circle of its theta_E.

    The first deflector is the main one, with a theta_E and a centre. Returns: list of `Outline`.
    """
    from lenstronomy.LensModel.lens_model import LensModel

    model, main = LensModel(names), kwargs_lens[0]
    centre, radius = (main["center_x"], main["center_y"]), main["theta_E"]
    if not radius > 0:
        return []

    def trace(x, y):
        return tuple(a[None] for a in model.alpha(x[0], y[0], kwargs_lens))

    curves = critical_curves(trace, *centre, SEARCHED * radius)
    angle = np.linspace(0.0, 2.0 * np.pi, 73)[:-1]
    circle = Outline("theta_E", centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle))
    return [circle, *(Outline(curve.kind, curve.x, curve.y) for curve in curves if curve.kind in COLOURS)]


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
