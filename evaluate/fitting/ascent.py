"""From a start to the nearest maximum of a posterior: steps of Levenberg and Marquardt."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError

from .image_model import PosteriorAt, inverse_variance

ENOUGH = 0.02  # gain of ln(posterior) below which an ascent has arrived
FLAT = 0.25  # of that gain: what the slope and the curvature promise, below which it is the top
DAMPING, HARDER, SOFTER = 1e-2, 6.0, 6.0
MOST_TRIES = 6  # of one step, each shorter
NEAR = 1.0  # standard deviations from a maximum, a direction, from where an ascent leads to it
WEIGHTINGS = 2  # times that the noise is taken from the model


class Arrived(NamedTuple):
    """Where an ascent ended."""

    parameters: np.ndarray  # (p,)
    posterior: PosteriorAt
    weights: np.ndarray  # (n, n), of the last steps
    converged: bool


def ascend(model, observed, weights, parameters, k, most_steps, known=(), enough=ENOUGH):
    """`Arrived` at a maximum with k components, from parameters (p,), for weights (n, n) that stay as they are.

    model: `image_model.ImageModel`. known: where other ascents with the same weights and components arrived; one that
    comes `NEAR` one of them is taken to end there. enough: gain of ln(posterior) below which it has arrived.

    Raises: LinAlgError where the start has no posterior.
    """
    free, inverse = model.free, model.free.inverse()
    parameters = _inside(free, inverse, parameters)
    here, damping = model.posterior(observed, weights, parameters, k), DAMPING
    for _ in range(most_steps):
        if 0.5 * here.gradient @ np.linalg.solve(here.curvature, here.gradient) < FLAT * enough:
            return Arrived(parameters, here, weights, True)
        there = None
        for _ in range(MOST_TRIES):
            step = np.linalg.solve(here.curvature + damping * np.diag(np.diag(here.curvature)), here.gradient)
            tried = _inside(free, inverse, parameters + free.directions @ step)
            there = posterior_or_none(model, observed, weights, tried, k)
            if there is not None and there.value > here.value:
                break
            there, damping = None, damping * HARDER
        if there is None:  # no step leads up: a kink of the bilinear stamps, or the top
            return Arrived(parameters, here, weights, True)
        gain, damping = there.value - here.value, max(damping / SOFTER, 1e-7)
        if (end := nearest(model, tried, known, NEAR)) is not None:
            return end
        parameters, here = tried, model.with_derivatives(there)
        if gain < enough:
            return Arrived(parameters, here, weights, True)
    return Arrived(parameters, here, weights, False)


def ascend_reweighted(model, observed, weights, parameters, k, most_steps, enough=ENOUGH):
    """As `ascend`, `WEIGHTINGS` times, each with the noise of the model found before."""
    for _ in range(WEIGHTINGS):
        arrived = ascend(model, observed, weights, parameters, k, most_steps, enough=enough)
        parameters, weights = arrived.parameters, inverse_variance(observed, arrived.posterior.model)
    return arrived


def nearest(model, parameters, ends, most):
    """The first of some ends that lies within `most` standard deviations, a direction, of parameters (p,), or None."""
    inverse = model.free.inverse()
    for end in ends:
        off = inverse @ (parameters - end.parameters)
        if off @ end.posterior.curvature @ off < most**2 * len(off):
            return end
    return None


def posterior_or_none(model, observed, weights, parameters, k):
    """`ImageModel.posterior` without derivatives, or None where numbers overflow."""
    try:
        found = model.posterior(observed, weights, parameters, k, derivatives=False)
    except (LinAlgError, OverflowError):
        return None
    return found if np.isfinite(found.value) else None


def _inside(free, inverse, parameters):
    """The parameters within their ranges, and on the directions that vary."""
    clipped = np.clip(parameters, free.low, free.high)
    return free.mean + free.directions @ (inverse @ (clipped - free.mean))
