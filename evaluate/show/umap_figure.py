"""Draw the UMAP of features of the test lenses, with other images placed in it."""

import warnings
from dataclasses import dataclass, field
from itertools import cycle
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.lines import Line2D

from .figures import MAP, bare, colours, paired
from .symbols import symbol, with_unit

# (marker, its name in Bokeh, as a letter of text), and colours that viridis lacks; seen on white and on dark paper.
MARKERS = [("*", "star", "★"), ("D", "diamond", "◆"), ("^", "triangle", "▲"), ("s", "square", "■"), ("P", "plus", "✚")]
OVERLAY_COLOURS = ["#E0245E", "#D55E00", "#B84BD6", "#8D6E63"]


MAX_OVERLAID = 1200  # other images in the interactive map, of all sets together


@dataclass(frozen=True)
class Overlaid:
    """A set of other images, by features of each encoder; `points` are known when it has been placed."""

    name: str
    names: list[str]  # of its images
    images: np.ndarray  # (n, h, w), of any scale; or of those alone that are `shown`
    features: dict  # encoder -> float32 (n, d)
    strange: dict = field(default_factory=dict)  # encoder -> (n,), of `likeness.Likeness.less_than_usual`
    points: dict = field(default_factory=dict)  # encoder -> (n, 2)
    shown: np.ndarray | None = None  # numbers of those of which there are images, of `shown_of`; None: all


def shown_of(n, sets):
    """Which of n images of a set can be looked at in the interactive map, evenly spaced, int (m,). sets: how many."""
    return np.unique(np.linspace(0, n - 1, max(MAX_OVERLAID // sets, 1)).astype(int))


class Style(NamedTuple):
    """How the images of a set are marked."""

    marker: str  # of matplotlib
    bokeh: str  # of Bokeh
    letter: str  # in text
    colour: str


def styles(n):
    """The `Style` of each of n sets: markers first, then colours repeat, so that 20 sets differ."""
    markers, hues = cycle(MARKERS), cycle(OVERLAY_COLOURS)
    return [Style(*next(markers), next(hues)) for _ in range(n)]


def umap_points(features, seed=0):
    """Features (n, d) -> (n, 2) float32 by UMAP of the standardised features; the same for the same seed."""
    return placed(features, {}, seed)[0]


def placed(features, others, seed=0):
    """The UMAP of features, and where it places others; all are the same for the same seed.

    Features are standardised by the mean and spread of the first ones, by which alone the map is made. Each of the
    others comes to lie among those that it is most like, even where it is like none. It does not depend on other sets.

    Args: features: (n, d). others: name -> (m, d). Returns: float32 (n, 2), and name -> float32 (m, 2).
    """
    features = np.asarray(features, dtype=np.float32)
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-12, spread, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap import UMAP  # here, because its import compiles for seconds

        neighbours = max(min(15, len(features) - 1), 2)
        reducer = UMAP(n_neighbors=neighbours, random_state=seed, transform_seed=seed, n_jobs=1)
        points = reducer.fit_transform((features - mean) / spread).astype(np.float32)
        there = {
            name: reducer.transform((np.asarray(values, dtype=np.float32) - mean) / spread).astype(np.float32)
            for name, values in others.items()
        }
    return points, there


def umap(points, labels, path, overlaid=(), classes=None):
    """Draw the UMAP of each encoder's features, coloured by each parameter.

    points: {encoder: (n, 2)}; labels: {target: (n,)}; overlaid: of `Overlaid`; classes: {target: names of its numbers}.
    Rows are encoders, columns targets.
    """
    encoders, targets, classes = list(points), list(labels), classes or {}
    marks = styles(len(overlaid))
    rows = -(-len(overlaid) // max(len(targets), 1))  # of the legend
    with paired(path, max(2.7 * len(targets) + 0.4, 3.6 if overlaid else 0), 2.5 * len(encoders) + 0.9) as fig:
        fig.set_figheight(fig.get_figheight() + 0.25 * rows)
        axes = fig.subplots(len(encoders), len(targets), squeeze=False)
        for j, target in enumerate(targets):
            colouring = _colouring(labels[target], classes.get(target))
            for i, encoder in enumerate(encoders):
                ax = axes[i, j]
                x, y = np.asarray(points[encoder]).T
                dots = ax.scatter(x, y, c=labels[target], s=6, **(MAP | colouring))
                for images, mark in zip(overlaid, marks, strict=True):
                    _overlay(ax, images.points[encoder], mark)
                bare(ax, "#CCCCCC")
            names = classes.get(target)
            bar = {"location": "bottom", "extend": "neither" if names else "both", "aspect": 25, "pad": 0.01}
            bar = fig.colorbar(dots, ax=axes[:, j], label=with_unit(target), **bar)
            if names:
                bar.set_ticks(range(len(names)), labels=[_shortened(n).replace("$", r"\$") for n in names])
            axes[0, j].set_title(symbol(target))
        for ax, encoder in zip(axes[:, 0], encoders, strict=True):
            ax.set_ylabel(symbol(encoder), fontweight="bold", color=colours(encoders)[encoder])
        if overlaid:
            _legend(fig, overlaid, marks, max(len(targets), 1))


def _colouring(values, names):
    """The range of a colour map, and the map: one colour a class, or 96 % of the values."""
    if names:
        return {"vmin": -0.5, "vmax": len(names) - 0.5, "cmap": colormaps["viridis"].resampled(len(names))}
    low, high = np.nanpercentile(values, [2, 98])
    return {"vmin": low, "vmax": high}


def _overlay(ax, points, mark):
    size = 60 if mark.marker == "*" else 22
    ax.scatter(*np.asarray(points).T, s=size, marker=mark.marker, color=mark.colour, edgecolors="white", linewidths=0.6)


def _legend(fig, overlaid, marks, columns):
    """Name the sets below the panels, with how many images they have."""
    lines = [Line2D([], [], linestyle="", marker=m.marker, color=m.colour, markersize=7) for m in marks]
    words = [f"{_shortened(images.name)} ({len(images.names):,})".replace("$", r"\$") for images in overlaid]
    fig.legend(lines, words, loc="outside upper center", ncols=min(columns, len(words)), frameon=False, fontsize=9)


def _shortened(name):
    return name if len(name) <= 32 else f"{name[:31]}…"
