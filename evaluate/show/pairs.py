"""Draw a run's first figure: positive pairs, which are two views of one lens, before any training."""

import numpy as np

from ...simulate.labels import labels
from ...simulate.render import render
from ...simulate.selection import draw
from ...simulate.systems.draw import Views
from . import figures

SHOWN = 12


def draw_pairs(scene, path):
    """Draw the first pairs of a scene's stream, with their labels, into a picture file."""
    figures.pairs(render(scene, _systems(scene)), labels_of_pairs(scene), path)


def labels_of_pairs(scene):
    """The true values of the pairs that `draw_pairs` shows: name -> float64 (SHOWN,)."""
    return {name: value for name, value in labels(_systems(scene)).items() if value.ndim == 1}


def _systems(scene):
    return draw(scene, np.arange(SHOWN), Views(2))
