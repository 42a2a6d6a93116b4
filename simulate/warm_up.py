"""Compiling ahead: what makes images is compiled at installation, not when the first image is asked for."""

from ..configs.load import load
from .labels import all_labels
from .render import render
from .selection import draw
from .systems.draw import Views
from .systems.scene import make_scene


def compile_ahead(dtype):
    """Compile all that makes images of a type, "float32" or "float64", and with the latter all labels; kept on disk."""
    scene = make_scene(load("w4", ["simulate.observation.noise=true"]).simulate, 0)
    systems = draw(scene, [0], Views())
    render(scene, systems, dtype=dtype)
    if dtype == "float64":
        all_labels(scene, systems)
