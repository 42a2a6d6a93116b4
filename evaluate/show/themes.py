"""Draw a figure a second time for readers of dark pages: the same picture in light ink on dark paper.

Contrast is that of WCAG 2.1: 4.5 for text and at least 3 for lines, on either paper.
"""

from colorsys import hls_to_rgb, rgb_to_hls
from pathlib import Path

import numpy as np
from matplotlib.collections import Collection
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from ...files.whole import whole

PAPER, INK = "#14171A", "#E6E8EA"  # of dark pages; light ones have white paper
DENSITY = LinearSegmentedColormap.from_list("density", ["#A9C8E8", "#3E7DB8", "#08264D"])
_DENSITY_ON_DARK = LinearSegmentedColormap.from_list("density_on_dark", ["#24496E", "#5B9BD8", "#E2F0FF"])
_GREY = 0.05  # less difference between red, green and blue is no colour
_CONTRAST = 5.5  # coloured lines are used for words, too


def luminance(colour):
    """The relative luminance of a colour, 0 to 1 (WCAG 2.1)."""
    rgb = np.array(to_rgba(colour)[:3])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(colour, paper):
    """The contrast of two colours, 1 to 21 (WCAG 2.1)."""
    low, high = sorted((luminance(colour), luminance(paper)))
    return (high + 0.05) / (low + 0.05)


def on_dark(colour):
    """A colour of a light figure for dark paper, RGBA: greys change places, other colours become lighter if need be."""
    *rgb, alpha = to_rgba(colour)
    rgb = np.array(rgb)
    if np.ptp(rgb) < _GREY:
        paper, ink = np.array(to_rgba(PAPER)[:3]), np.array(to_rgba(INK)[:3])
        return (*(ink + (paper - ink) * rgb.mean()), alpha)
    hue, lightness, saturation = rgb_to_hls(*rgb)
    while contrast(rgb, PAPER) < _CONTRAST:
        lightness = min(lightness + 0.02, 1.0)
        rgb = hls_to_rgb(hue, lightness, saturation)
    return (*rgb, alpha)


def dark_twin(path):
    """Where the dark one of a picture lies: NAME_dark.png beside NAME.png."""
    path = Path(path)
    return path.with_stem(f"{path.stem}_dark")


def save_dark(fig, path, dpi):
    """Write a figure that has been saved as `path` for dark paper, too; the figure keeps the dark colours."""
    for artist in fig.findobj():
        _darken(artist)
    with whole(dark_twin(path)) as file:
        fig.savefig(file, dpi=dpi, facecolor=PAPER, format="png")


def _darken(artist):
    """Give one artist the colours for dark paper; what a colour map colours keeps its colours."""
    if isinstance(artist, Text):
        paper = artist.get_bbox_patch()
        if paper is not None and np.ptp(paper.get_facecolor()[:3]) > _GREY:
            return  # on a coloured label, which stays
        artist.set_color(on_dark(artist.get_color()))
        if paper is not None:
            _darken(paper)
    elif isinstance(artist, Line2D):
        face, edge, line = (f() for f in (artist.get_markerfacecolor, artist.get_markeredgecolor, artist.get_color))
        artist.set(color=on_dark(line), markerfacecolor=on_dark(face), markeredgecolor=on_dark(edge))
    elif isinstance(artist, Patch):
        face, edge = artist.get_facecolor(), artist.get_edgecolor()
        coloured = np.ptp(face[:3]) > _GREY  # an area is seen in its colour, such as the ends of a colour bar
        artist.set(facecolor=face if coloured else on_dark(face), edgecolor=on_dark(edge))
    elif isinstance(artist, Collection) and artist.get_array() is None:
        faces, edges = artist.get_facecolor(), artist.get_edgecolor()
        artist.set(facecolor=[on_dark(c) for c in faces], edgecolor=[on_dark(c) for c in edges])
    elif isinstance(artist, Collection) and artist.get_cmap().name == DENSITY.name:
        artist.set_cmap(_DENSITY_ON_DARK)
