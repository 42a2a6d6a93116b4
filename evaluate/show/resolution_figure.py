"""Draw super-resolution: images with large pixels, interpolated, as decoders have them, the targets and residuals."""

import numpy as np
from matplotlib.colors import AsinhNorm

from .figures import SKY, bare, paired
from .symbols import symbol

ROWS = 4  # systems that are shown
FAINT = 0.02  # of the target's range, up to which the scale of the images is linear
TICKS = (0, 0.01, 0.03, 0.1, 0.3, 1)
RESIDUALS = {"origin": "lower", "cmap": "RdBu_r", "interpolation": "nearest"}


def resolution_figure(images, target, predicted, path):
    """Draw up to `ROWS` systems, one a row, all in units of the range of their targets.

    All images have one scale and one colour bar, and all residuals (predicted less target) another.

    Args:
        images: (n, bands, h, w), with large pixels, in the unit of a small one. target: (n, bands, H, W).
        predicted: name -> (n, bands, H, W), the interpolation first. Bands are added up.
    """
    n = min(len(target), ROWS)
    images, target = _flat(images[:n]), _flat(target[:n])
    low = target.min((1, 2), keepdims=True)
    unit = np.maximum(np.ptp(target, axis=(1, 2))[:, None, None], 1e-30)
    predicted = {name: (_flat(values[:n]) - low) / unit for name, values in predicted.items()}
    target = (target - low) / unit
    residuals = {name: values - target for name, values in predicted.items()}
    panels = {"input": (np.nan_to_num(images) - low) / unit} | predicted | {"target": target}
    worst = max(float(np.percentile(np.abs(values), 99.8)) for values in residuals.values()) or 1.0
    columns = len(panels) + len(residuals)
    with paired(path, 1.75 * columns + 0.4, 1.72 * n + 1.3) as fig:
        axes = fig.subplots(n, columns, squeeze=False)
        for column, (name, values) in enumerate(panels.items()):
            for row, ax in enumerate(axes[:, column]):
                shown = ax.imshow(values[row], norm=AsinhNorm(FAINT, 0, 1), **_without_limits(SKY))
                if name in residuals:
                    ax.set_xlabel(f"{_psnr(residuals[name][row]):.1f} dB", fontsize=9)
                bare(ax)
            axes[0, column].set_title(symbol(name).replace(", ", ",\n"), fontsize=9)
        for column, (name, values) in enumerate(residuals.items(), len(panels)):
            for row, ax in enumerate(axes[:, column]):
                lacking = ax.imshow(100 * values[row], vmin=-100 * worst, vmax=100 * worst, **RESIDUALS)
                bare(ax)
            axes[0, column].set_title(f"{symbol(name)}\n\N{MINUS SIGN} target".replace(", ", ",\n", 1), fontsize=9)
        below = {"location": "bottom", "aspect": 40, "pad": 0.02, "shrink": 0.9}
        bar = fig.colorbar(shown, ax=axes[:, : len(panels)], label="flux in units of the target's range", **below)
        bar.set_ticks(TICKS, labels=[f"{value:g}" for value in TICKS])
        bar.minorticks_off()
        fig.colorbar(lacking, ax=axes[:, len(panels) :], label="% of the target's range", extend="both", **below)


def _flat(images):
    return np.asarray(images, dtype=np.float64).sum(axis=1)


def _psnr(residual):
    return -10 * np.log10(max(np.mean(np.square(residual)), 1e-30))


def _without_limits(style):
    return {name: value for name, value in style.items() if name not in ("vmin", "vmax")}
