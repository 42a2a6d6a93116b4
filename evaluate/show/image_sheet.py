"""A contact sheet of images from files."""

import numpy as np

from .colours import coloured, weights
from .figures import bare, figure, grid_of_axes

COLUMNS, WIDTH = 8, 12.5  # images in a row, inches
LONGEST = 24  # characters of a caption


def image_sheet(images, captions, bands, title, path):
    """Write a picture of images, each on its own asinh scale, lost pixels turquoise.

    Args:
        images: a sequence of (bands, height, width), NaN where a pixel is lost. captions: a text for each.
        bands: names, "" where unknown; several are red to blue, by wavelength if known, else as they come.
        path: .png, .pdf, .svg or .jpg.
    """
    columns = min(COLUMNS, max(len(images), 1))
    side = WIDTH / max(columns, 4)
    names = list(bands) if len(set(bands)) == len(bands) else [f"band {k + 1}" for k in range(len(bands))]
    with figure(path, WIDTH, (side + 0.25) * -(-len(images) // columns) + 0.8) as fig:
        lost = "; lost pixels are turquoise" if any(not np.isfinite(image).all() for image in images) else ""
        fig.suptitle(f"{title}\nasinh stretch, each image on its own scale{lost}", fontsize=11)
        for ax, image, words in zip(grid_of_axes(fig, len(images), columns), images, captions, strict=True):
            here = names if len(names) == len(image) else [f"band {k + 1}" for k in range(len(image))]
            ax.imshow(coloured(image, ~np.isfinite(image).all(0), here, weights(image[None])), origin="lower")
            ax.set_xlabel(words if len(words) <= LONGEST else f"...{words[3 - LONGEST :]}", fontsize=7.5, labelpad=2)
            bare(ax)
