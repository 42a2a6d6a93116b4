"""Small datasets on disk for tests, as `lenstream simulate` writes them."""

from lenstream.simulate.archive.writing import describe, write_archive
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene


def store(config, folder, count, views=2, redraw=("source", "noise"), split="train", form="zarr"):
    """A dataset of the simulation of a config in a folder; returns the folder."""
    description = describe(config, make_scene(config), form, count, Views(views, frozenset(redraw)), split=split)
    write_archive(config, folder, description)
    return folder
