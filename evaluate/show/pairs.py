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
    systems = draw(scene, np.arange(SHOWN), Views(2))
    values = {name: value for name, value in labels(systems).items() if value.ndim == 1}
    figures.pairs(render(scene, systems), values, path)
