"""Draw images and labels of every recipe that has a card: python recipe_pictures.py FOLDER.

A program of its own, as `conf.py` reads the package with its functions not compiled: they would take hours here.
"""

import sys
from pathlib import Path

import numpy as np

from lenstream.configs import recipe_cards, recipes
from lenstream.configs.load import load
from lenstream.evaluate.show import preview
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene


def draw_all(folder):
    """Write FOLDER/data_cards/RECIPE.png of every recipe with a card; a picture that is there stays."""
    for name in sorted(set(recipe_cards.cards()) & set(recipes.available())):
        path = Path(folder) / "data_cards" / f"{name}.png"
        if not path.exists():
            config = load(name)
            scene = make_scene(config)
            systems = draw(scene, np.arange(preview.POPULATION), Views())
            path.parent.mkdir(parents=True, exist_ok=True)
            preview.picture(scene, preview.sheet(scene, systems), path, name)


if __name__ == "__main__":
    draw_all(sys.argv[1])
