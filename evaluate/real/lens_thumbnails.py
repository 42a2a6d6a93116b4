"""Small pictures of real lenses as a network sees them, one each, for pages that show many."""

import numpy as np
from matplotlib import colormaps
from PIL import Image

from ...files.lens_names import file_names
from ...files.whole import folder_for, whole

SIDE = 144  # pixels at least: twice those of a page, for fine screens
SOFT, LOWEST = 2.0, -1.0  # noise levels to which the scale is linear, and its lower end


def draw_thumbnails(cutouts, folder):
    """Write NAME.png of each cut-out, NAME being that of `files.lens_names.file_names`: image / noise, asinh scale."""
    folder = folder_for(folder)
    for name, cutout in zip(file_names([c.name for c in cutouts]), cutouts, strict=True):
        with whole(folder / f"{name}.png", wait=False) as file:
            Image.fromarray(thumbnail(cutout)).save(file, "png")


def thumbnail(cutout):
    """A `cutouts.Cutout` as uint8 (rows, columns, 3), its lowest row at the bottom; several bands as their mean."""
    bright = bright_of(cutout)
    top = max(np.percentile(bright, 99.5), 2.0)
    colours = colormaps["inferno"](np.clip((bright - LOWEST) / (top - LOWEST), 0, 1))
    times = max(-(-SIDE // len(bright)), 1)
    pixels = np.round(255 * colours[::-1, :, :3]).astype(np.uint8)
    return np.ascontiguousarray(pixels.repeat(times, 0).repeat(times, 1))


def bright_of(cutout):
    """The image (rows, columns) of a cut-out in units of its noise, on a scale that is linear to `SOFT` of these."""
    snr = cutout.image / cutout.noise
    return np.arcsinh((snr.mean(0) if snr.ndim == 3 else snr) / SOFT)
