"""One image's lens, from proposals to the maximum of the posterior."""

import time
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError

from ...errors import ArgumentError
from .ascent import ENOUGH, NEAR, Arrived, ascend, ascend_reweighted, nearest
from .free_parameters import FLUX
from .image_model import chi2_of_dark, inverse_variance
from .starts import FEW, first_looks

ASCENTS = 3  # of the proposals that look best, at a time
ROUNDS = 3  # at most, until one fits
SURPRISING = 5.0  # standard deviations of chi2
ALL = 1 << 30  # components
FIRST_STEPS, STEPS = 12, 40
SAME = 3.0  # standard deviations between two maxima that count as one
SEEN = 10.0  # of a source's light, in sigma, that an estimate needs
RIVAL = 30.0  # of ln(posterior) that a second maximum may lack to be followed to its end


class Climb(NamedTuple):
    """The ascent with all components from where one with few arrived."""

    end: Arrived  # with few components
    last: Arrived
    seconds: float


class Refined(NamedTuple):
    """The estimate of one image; what could not be fitted has NaN."""

    parameters: np.ndarray  # (p,), as `free_parameters.FreeParameters` has them
    covariance: np.ndarray  # (p, p): Laplace's, of the posterior
    log_posterior: float
    chi2: float  # of a good pixel
    converged: bool
    agreeing: float  # share of the ascents that came to the same maximum with few components
    model: np.ndarray  # as the image [counts/s]
    light: np.ndarray | float  # in the model: of the lens, and what a subtraction left of it [counts/s]
    coefficients: np.ndarray  # (k,): of the source's components
    magnification: float  # of the source, in the first band
    seconds: float  # as if nothing was known of the image


def refine(model, observed, proposals, climbs=None, least_magnification=0.0, brightest=np.inf, enough=ENOUGH):
    """The `Refined` estimate of an image: converged where the ascent arrived and the image has a source.

    Args: model: `image_model.ImageModel`. observed: `image_model.Observed`. proposals: parameters of the lens,
        (m, those of `free.places`): predictions of a network, draws of a population. climbs: a list of `Climb`s that
        other proposals for the same image needed, which are not made again; it gains those that these need.
        least_magnification: of the source, below which no image is a lens. brightest: signal to noise of a pixel that
        the first ascents know; where pixels have more they take the noise for larger, and the posterior for smoother.
        enough: gain of ln(posterior) below which an ascent has arrived.

    Raises: ArgumentError for an image of another shape than the model's.
    """
    begun = time.perf_counter()
    observed = _cleaned(model, observed)
    weights = inverse_variance(observed, observed.image)
    weights *= min(1.0, brightest**2 / max((observed.image**2 * weights).max(), 1e-9))
    looks = first_looks(model, observed, weights, proposals)
    ends, best, spared, climbs = [], None, 0.0, [] if climbs is None else climbs
    for first in range(0, min(len(looks), ROUNDS * ASCENTS), ASCENTS):
        new = _ascents(model, observed, weights, looks[first : first + ASCENTS], ends)
        new = [end for end in new if magnification(end) >= least_magnification]
        ends += new
        for end in _promising(model, new):
            climb, made = _climb(model, observed, end, climbs, enough)
            if climb is None:
                continue
            spared += 0.0 if made else climb.seconds
            if best is None or climb.last.posterior.value > best.posterior.value:
                from_end, best = end, climb.last
        if best is not None and _fits(best, observed):
            break
    if best is None:
        return _nothing(model, time.perf_counter() - begun + spared)
    without_source = observed._replace(image=observed.image - best.posterior.light)
    seen = chi2_of_dark(without_source, best.weights) - best.posterior.chi2 > SEEN**2
    covariance = model.free.directions @ np.linalg.inv(best.posterior.curvature) @ model.free.directions.T
    return Refined(
        best.parameters,
        covariance,
        best.posterior.value,
        best.posterior.chi2 / observed.good.sum(),
        best.converged and seen,
        float(np.mean([_same(model, from_end, end) for end in ends])),
        best.posterior.model,
        best.posterior.light,
        best.posterior.coefficients,
        magnification(best),
        time.perf_counter() - begun + spared,
    )


def _cleaned(model, observed):
    """The image with zeros in place of what does not count. Raises: ArgumentError for one of another shape."""
    shape, expected = model.shape, " x ".join(map(str, model.shape))
    for name, values in (("image", observed.image), ("good", observed.good)):
        if np.shape(values) != shape:
            has = " x ".join(map(str, np.shape(values)))
            raise ArgumentError(f"observed.{name}: expected {expected} pixels, as the model has, got {has}")
    good = observed.good & np.isfinite(observed.image)
    return observed._replace(image=np.where(good, observed.image, 0.0), good=good)


def _ascents(model, observed, weights, looks, ends):
    """Where ascents with few components from some looks arrive; those that come near one of the `ends` end there."""
    new = []
    for parameters, _ in looks:
        known = [end for end in [*ends, *new] if end.converged]
        try:
            new.append(ascend(model, observed, weights, parameters, FEW, FIRST_STEPS, known))
        except LinAlgError:
            continue
    return new


def magnification(end):
    """How much brighter all images of an `Arrived` source are than the source, in the first band."""
    seen = end.posterior.model - end.posterior.light
    return float(np.sum(seen) / np.exp(end.parameters[FLUX]))


def _promising(model, ends):
    """The highest of some ascents, and the highest that came elsewhere."""
    if not ends:
        return []
    ends = sorted(ends, key=lambda end: -end.posterior.value)
    close = [end for end in ends[1:] if end.posterior.value > ends[0].posterior.value - RIVAL]
    return [*ends[:1], *[end for end in close if not _same(model, ends[0], end)][:1]]


def _climb(model, observed, end, climbs, enough):
    """The `Climb` from an end, or None where it fails, and whether it was made, not found among the `climbs`."""
    known = nearest(model, end.parameters, [climb.end for climb in climbs], NEAR)
    if known is not None:
        return next(climb for climb in climbs if climb.end is known), False
    begun, weights = time.perf_counter(), inverse_variance(observed, end.posterior.model)
    try:
        last = ascend_reweighted(model, observed, weights, end.parameters, ALL, STEPS, enough)
    except LinAlgError:
        return None, True
    climbs.append(Climb(end, last, time.perf_counter() - begun))
    return climbs[-1], True


def _fits(end, observed):
    """Whether the chi2 is one that noise could leave."""
    n_good = observed.good.sum()
    return end.posterior.chi2 < n_good + SURPRISING * np.sqrt(2.0 * n_good)


def _same(model, one, other):
    """Whether two ascents came to one maximum."""
    return nearest(model, other.parameters, [one], SAME) is not None


def _nothing(model, seconds):
    p, shape = len(model.free.mean), model.shape
    nan = np.nan
    dark = np.full(shape, nan)
    return Refined(np.full(p, nan), np.full((p, p), nan), nan, nan, False, 0.0, dark, 0.0, np.zeros(0), nan, seconds)
