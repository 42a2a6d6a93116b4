"""A picture of the fit of a real lens: the image, its model, what is left, and the source with the caustics."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...files.whole import whole
from ...simulate.critical_curves import SEARCHED, critical_curves
from ..fitting.free_parameters import SIZE, X, Y
from ..show.digits import plus_minus
from .lens_figure import DOUBTFUL

DPI = 100
SOFT = 3.0  # noise levels to which the scale is linear
LEFT = 4.0  # noise levels, of residuals
CURVE, CUT = "#7fdfff", "#bbbbbb"
WITHIN = 4.0  # half-light radii of the source that are shown


def draw(fit, image, values, flags, path):
    """Write a PNG with four panels of a `lens_fits.LensFit`.

    Args: image: `fit_images.FitImage`. values: parameters, name -> (value, error). flags: names of what is doubtful.
        path: of the file.

    Images are on an asinh scale in units of the noise, with the critical curve; the source has its caustics.
    """
    found, half = fit.found, 0.5 * len(image.image) * image.pixel_scale
    noise = np.where(fit.observed.good, fit.observed.background, np.nan)
    figure = Figure(figsize=(13.2, 3.75), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 4)
    level = np.nanmedian(noise)
    arcs = found.model - found.light
    panels = ("image - lens light", fit.observed.image - found.light), ("model", arcs)
    top = max(np.nanpercentile(_bright(np.where(fit.observed.good, panels[0][1], np.nan), level), 99.7), 1.0)
    curves = curves_of(fit, values)
    whole_image = {"origin": "lower", "extent": (-half, half, -half, half)}
    for ax, (title, pixels) in zip(axes, panels, strict=False):
        shown = np.where(fit.observed.good, pixels, np.nan)  # the model is known there alone
        ax.imshow(_bright(shown, level), cmap="inferno", vmin=-0.5, vmax=top, **whole_image)
        for curve in curves:
            if curve.kind != "cut":
                ax.plot(curve.x, curve.y, color=CURVE, linewidth=0.8)
        ax.set(title=title, xlim=(-half, half), ylim=(-half, half))
    left = (fit.observed.image - found.model) / noise
    shown = axes[2].imshow(left, cmap="RdBu_r", vmin=-LEFT, vmax=LEFT, **whole_image)
    axes[2].set_title(f"residuals / noise, chi2 {found.chi2:.2f}")
    figure.colorbar(shown, ax=axes[2], shrink=0.8)
    _source(axes[3], fit, curves)
    for ax in axes[:3]:
        ax.set_facecolor("0.6")
    for ax in axes:
        ax.tick_params(labelsize=8)
        ax.set_xlabel("arcsec", fontsize=8)
    told = "   ".join(f"{name} {plus_minus(*of)}" for name, of in values.items() if not name.startswith("center"))
    figure.suptitle(f"{image.name}   {told}", fontsize=10, parse_math=False)
    if flags:
        figure.supxlabel("doubtful: " + ", ".join(flags), fontsize=9, color=DOUBTFUL)
    with whole(path) as file:
        figure.savefig(file, format="png")


def curves_of(fit, values):
    """The critical curves of a fit, in its frame, as `critical_curves` gives them; none without a theta_E."""
    names = fit.free.names()
    radius = values.get("theta_E", (0.0, 0.0))[0]
    if not radius > 0 or not np.isfinite(fit.found.parameters).all():
        return []
    still = fit.free.constants[0]
    at = [fit.found.parameters[names.index(n)] if n in names else still.get(n, 0.0) for n in ("center_x", "center_y")]
    return critical_curves(fit.trace, *at, SEARCHED * radius)


def _bright(pixels, noise):
    """Fluxes on an asinh scale that is linear to `SOFT` noise levels."""
    return np.arcsinh(pixels / (SOFT * noise))


def _source(ax, fit, curves):
    """The source as found, with caustics."""
    x, y, R_half = fit.found.parameters[X], fit.found.parameters[Y], np.exp(fit.found.parameters[SIZE])
    side, pixel = fit.stamp.shape[0], R_half / fit.R_half
    half = 0.5 * side * pixel
    top = np.percentile(fit.stamp, 99.9)
    extent = (x - half, x + half, y - half, y + half)
    shown = np.arcsinh(np.maximum(fit.stamp, 0.0) / max(0.05 * top, 1e-12))
    ax.imshow(shown, cmap="inferno", origin="lower", extent=extent)
    ax.set_facecolor("black")
    for curve in curves:
        colour = CUT if curve.kind == "cut" else CURVE
        ax.plot(curve.source_x, curve.source_y, color=colour, linewidth=0.8)
    reach = min(WITHIN * R_half, half)
    ends = [np.hypot(curve.source_x - x, curve.source_y - y).min() for curve in curves]
    reach = max([reach, *(1.3 * end for end in ends)])
    ax.set(title="source and caustics", xlim=(x - reach, x + reach), ylim=(y - reach, y + reach), aspect="equal")
