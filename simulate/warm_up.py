"""Compiling ahead: what makes images is compiled at installation, not when the first image is asked for."""

from ..configs.load import load
from .labels import all_labels
from .render import render
from .selection import draw
from .systems.draw import Views
from .systems.scene import make_scene


def compile_ahead(what):
    """Compile all that makes images of a type, "float32" or "float64", or "labels"; kept on disk.

    Labels are measured on float32 images: what these take is compiled for both, unless it is on disk already.
    """
    scene = make_scene(load("w4", ["simulate.observation.noise=true"]).simulate, 0)
    systems = draw(scene, [0], Views())
    if what == "labels":
        all_labels(scene, systems)
    else:
        render(scene, systems, dtype=what)
