"""Draw what masked autoencoders make of test images and of pure noise: input, what they see of it, output, residual."""

import numpy as np

from .figures import SKY, bare, paired
from .resolution_figure import RESIDUALS
from .symbols import symbol

LENSES = 2  # rows of lenses of each encoder, above one of noise
COLUMNS = ("input", "visible", "reconstruction", "with visible\npatches", "reconstruction\n\N{MINUS SIGN} input")


def reconstruction_figure(shown, path):
    """Draw rows of lenses and one of noise for each encoder, with one scale an encoder for images, one for residuals.

    Args: shown: encoder -> dict of `evaluate.reconstruction.shown_of`, in units of the network's input. Bands are
        averaged.
    """
    rows = [(name, kind) for name in shown for kind in [*range(LENSES), "noise"]]
    with paired(path, 1.95 * len(COLUMNS) + 1.2, 1.9 * len(rows) + 0.8) as fig:
        parts = np.atleast_1d(fig.subfigures(len(shown), 1))
        for part, (name, arrays) in zip(parts, shown.items(), strict=True):
            _one_encoder(part, name, arrays)


def _one_encoder(fig, name, arrays):
    lenses = [_row(arrays, "", k) for k in range(min(LENSES, len(arrays["images"])))]
    rows = [*lenses, _row(arrays, "noise_", 0)]
    low, high = np.nanpercentile([row[0] for row in lenses], [0.5, 99.8])
    far = np.percentile(np.abs([row[-1] for row in rows]), 99.5) or 1.0
    axes = fig.subplots(len(rows), len(COLUMNS), squeeze=False)
    for k, (line, row) in enumerate(zip(axes, rows, strict=True)):
        for ax, image in zip(line[:-1], row[:-1], strict=True):
            colours = ax.imshow(image, **SKY | {"vmin": low, "vmax": max(high, low + 1e-12)})
            bare(ax)
        lacking = line[-1].imshow(row[-1], vmin=-far, vmax=far, **RESIDUALS)
        bare(line[-1])
        line[0].set_ylabel("pure noise" if k == len(lenses) else "test lens" if k else f"{symbol(name)}\ntest lens")
    for ax, words in zip(axes[0], COLUMNS, strict=True):
        ax.set_title(words, fontsize=10)
    beside = {"location": "right", "aspect": 30, "shrink": 0.8}
    fig.colorbar(lacking, ax=axes, label="residual", extend="both", **beside)
    fig.colorbar(colours, ax=axes, label="what the network sees of the flux", extend="max", **beside)


def _row(arrays, prefix, k):
    """The panels of image k, each (h, w): NaN where a patch is hidden."""
    image = arrays[f"{prefix}images"][k].astype(float)
    masked, predicted = arrays[f"{prefix}masked"][k], arrays[f"{prefix}predicted"][k].astype(float)
    panels = (image, np.where(masked, np.nan, image), predicted, np.where(masked, predicted, image), predicted - image)
    return [panel.mean(axis=0) for panel in panels]
