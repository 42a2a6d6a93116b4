"""What is doubtful about the fit of a real lens, by the fit itself: flags with what was measured and what they mean."""

from typing import NamedTuple

import numpy as np

from ...simulate.lens_equation import image_positions
from ..fitting.free_parameters import SIZE, X, Y
from .flags import Doubt

WORST_CHI2 = 1.5  # of a pixel
STRONGEST = 10.0  # of what is left of the lens's light, over what models of galaxies usually leave
RIVAL, APART = 50.0, 0.05  # ln(posterior) that another maximum may lack, and by how much its theta_E differs
LARGE = 2.0  # standard deviations of ln(R_half)
AT_END = 0.01  # of a range, within which a parameter is at its end
FRAME, CUT = 3, 0.03  # pixels at the edge, and the share of the arcs' light there
NOISE_FACTORS = (0.5, 1.6)
CONTRADICTION = 3.0  # errors between network and fit in theta_E
FAINTEST = 0.02  # of the brightest image, that another has at least: steep lenses have one that is faint anywhere

MEANINGS = {
    "not_fitted": "no lens of the population fits the image: look at it; the estimate is the network's alone",
    "not_converged": "the fit was cut short, or found no source: do not rely on it",
    "misfit": "the model leaves more than noise (chi2 of a pixel): look at the residuals, mask neighbours, check PSF "
    "and noise",
    "lens_light_left": "much of the lens's light is left where arcs are expected (over what models of galaxies usually "
    "leave): arcs may be taken for it, or it for arcs; subtract it better, or mask the centre",
    "light_not_subtracted": "no model of the lens galaxy's light came with the image, and none was fitted, so it "
    "passes for light of the source: add an extension LENSLIGHT, or take --lens-light fit",
    "large_source": "the source is larger than nearly all of the population (its half-light radius), as where "
    "structure of the lens galaxy is taken for a galaxy behind it: look at the picture",
    "other_maximum": "another lens fits almost as well: look at both",
    "end_of_range": "a parameter is at the end of the population's range: widen it in the recipe, or look for what "
    "drives it there",
    "cut_image": "light of the arcs reaches the edge of what is fitted: cut out a larger field",
    "single_image": "the model has no second image of the source, so theta_E hangs on the prior",
    "noise_map": "the scatter beside the lens is not that of the noise map (by this factor, which the fit allows for)",
    "no_psf": "no PSF came with the image, so that of the simulation was used: add an extension PSF",
    "unlike_network": "network and fit contradict each other in theta_E: look at the picture before you believe either",
}


class NetworkValue(NamedTuple):
    """What a network says of theta_E of a lens."""

    theta_E: float  # arcsec
    sigma: float


def doubts_of_fit(fit, image, error_scales, network=None):
    """The doubts about a `lens_fits.LensFit`, a list of `flags.Doubt`.

    Args: image: `fit_images.FitImage`. error_scales: as of `lens_fits.LensFits`. network: `NetworkValue`, or None.
    """
    found, free, out = fit.found, fit.free, []
    if image.kernel is None:
        out.append(Doubt("no_psf", ""))
    if not NOISE_FACTORS[0] < image.noise_factor < NOISE_FACTORS[1]:
        out.append(Doubt("noise_map", f"{image.noise_factor:.2g}"))
    if not np.isfinite(found.parameters).all():
        return [Doubt("not_fitted", ""), *out]
    if not found.converged:
        out.append(Doubt("not_converged", ""))
    if found.chi2 > WORST_CHI2:
        out.append(Doubt("misfit", f"chi2 {found.chi2:.2g}"))
    if free.remains and (strength := float(np.exp(found.parameters[free.of_remains][0]))) > STRONGEST:
        out.append(Doubt("lens_light_left", f"{strength:.0f} times"))
    values = fit.of_lens(error_scales)
    if (found.parameters[SIZE] - free.mean[SIZE]) > LARGE * free.spread[SIZE]:
        out.append(Doubt("large_source", f"{np.exp(found.parameters[SIZE]):.2g} arcsec"))
    out += _other_maximum(fit, values)
    out += _ends(found, free)
    arcs = found.model - found.light
    inner = arcs[FRAME:-FRAME, FRAME:-FRAME].sum()
    if (share := 1.0 - inner / max(arcs.sum(), 1e-9)) > CUT:
        out.append(Doubt("cut_image", f"{share:.0%}"))
    if (count := images_of(fit, 0.5 * len(image.image) * image.pixel_scale)) < 2:
        out.append(Doubt("single_image", f"{count}"))
    if network is not None and "theta_E" in values:
        value, sigma = values["theta_E"]
        apart = abs(value - network.theta_E) / np.hypot(sigma, network.sigma)
        if apart > CONTRADICTION:
            out.append(Doubt("unlike_network", f"{network.theta_E:.2f} and {value:.2f}"))
    return out


def images_of(fit, half_width):
    """How many images of the source's middle lie within a square of some half width [arcsec], but for the faintest."""
    x, y = (np.array([fit.found.parameters[at]]) for at in (X, Y))
    brightness = np.abs(image_positions(fit.trace, x, y, half_width).magnification[0])
    return int((brightness >= FAINTEST * np.nanmax(brightness, initial=0.0)).sum())


def _other_maximum(fit, values):
    """A doubt for the best of the other maxima with another theta_E, if it is nearly as high."""
    names = fit.free.names()
    if "theta_E" not in values:
        return []
    own = names.index("theta_E")
    others = [
        (value, parameters[own])
        for parameters, value in fit.ends
        if value > fit.found.log_posterior - RIVAL and abs(parameters[own] / values["theta_E"][0] - 1.0) > APART
    ]
    return [Doubt("other_maximum", f"theta_E {max(others)[1]:.2f}")] if others else []


def _ends(found, free):
    """A doubt for the parameters of the lens that are at an end of their range."""
    names, wide = free.names()[: len(free.places)], AT_END * (free.high - free.low)
    at_end = [
        name for p, name in enumerate(names) if not free.low[p] + wide[p] < found.parameters[p] < free.high[p] - wide[p]
    ]
    return [Doubt("end_of_range", ", ".join(at_end))] if at_end else []
