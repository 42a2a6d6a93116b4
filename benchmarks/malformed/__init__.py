"""Malformed inputs for benchmarks/faults.py: by rule from good ones, with a seed, and lists made by hand."""

import random

from .arrays import arrays, zarr_groups
from .cases import Case
from .images import images
from .layouts import layouts
from .physics import galaxies, maps, psfs, weights
from .places import strange_places, training_folders
from .recipes import overrides, yaml_recipes
from .tables import catalogues, tables


def every_case(seed: int = 0) -> list[Case]:
    """All cases, the same for a seed."""
    chance = random.Random(seed)
    made = (yaml_recipes, overrides, images, training_folders, arrays, tables, catalogues, zarr_groups, psfs, maps)
    return [case for cases in (*made, galaxies, weights, strange_places, layouts) for case in cases(chance)]
