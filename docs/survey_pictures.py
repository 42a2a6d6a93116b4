"""Draw the first lenses of the recipes of surveys for docs/surveys.md: python docs/survey_pictures.py [FOLDER]."""

import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from lenstream.configs.load import load
from lenstream.evaluate.show.colours import by_wavelength, coloured, weights
from lenstream.simulate.render import render_all
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

SURVEYS = ("hst_slacs", "euclid_vis", "roman_f106", "jwst_f150w", "lsst_gri", "hsc_gri", "decals_grz")
FOLDER = Path(__file__).parent / "surveys"
ROWS, COLUMNS, SIDE = 2, 8, 1.1  # images, and inches of one


def draw_all(folder=FOLDER):
    """Write FOLDER/RECIPE.png of every survey."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in SURVEYS:
        picture(name, Path(folder) / f"{name}.png")


def picture(name, path):
    """Write ROWS x COLUMNS lenses of a recipe, below its name, its pixels and its bands."""
    scene = make_scene(load(name))
    systems = draw(scene, np.arange(ROWS * COLUMNS), Views())
    rendered = render_all(scene, systems)
    images, bands = rendered.images[:, 0], list(scene.bands)
    lost = np.zeros(images[:, 0].shape, dtype=bool)
    if rendered.mask is not None:
        lost = rendered.mask[:, 0].any(1)
    fig = Figure(figsize=(COLUMNS * SIDE, ROWS * SIDE + 0.3), facecolor="white")
    FigureCanvasAgg(fig)
    fig.suptitle(_title(name, scene, bands), fontsize=9.5, x=0.005, ha="left", y=0.985)
    grid = fig.subplots(ROWS, COLUMNS, gridspec_kw={"wspace": 0.03, "hspace": 0.03})
    fig.subplots_adjust(0.003, 0.005, 0.997, 1 - 0.28 / (ROWS * SIDE + 0.3))
    for image, gone, ax in zip(images, lost, grid.flat, strict=True):
        ax.imshow(coloured(image, gone, bands, weights(images)), origin="lower", interpolation="nearest")
        ax.set_axis_off()
    fig.savefig(path, dpi=100)
    drawn = Image.open(path).convert("RGB")
    few = drawn.point(lambda v: v & 0xF8) if len(bands) > 1 else drawn.quantize(128)  # the colour map has 48
    few.save(path, optimize=True)


def _title(name, scene, bands):
    size, scale = scene.config.image.num_pix, scene.instrument.pixel_scale
    colours = f"; red to blue are {', '.join(by_wavelength(bands))}" if len(bands) > 1 else ""
    lost = "; lost pixels are turquoise" if scene.instrument.loses_pixels else ""
    return f'{name}: {size} x {size} pixels of {scale:g}", {size * scale:.1f}" across{colours}{lost}'


if __name__ == "__main__":
    draw_all(*sys.argv[1:])
