"""One image's lens, from proposals to the maximum of the posterior."""

import time
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError

from ...errors import ArgumentError
from .ascent import ascend, ascend_reweighted
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


class Refined(NamedTuple):
    """The estimate of one image; what could not be fitted has NaN."""

    parameters: np.ndarray  # (p,), as `free_parameters.FreeParameters` has them
    covariance: np.ndarray  # (p, p): Laplace's, of the posterior
    log_posterior: float
    chi2: float  # of a good pixel
    converged: bool
    agreeing: float  # share of the ascents that came to the same maximum with few components
    model: np.ndarray  # as the image [counts/s]
    seconds: float


def refine(model, observed, proposals):
    """The `Refined` estimate of an image: converged where the ascent arrived and the image has a source.

    Args: model: `image_model.ImageModel`. observed: `image_model.Observed`. proposals: parameters of the lens,
        (m, those of `free.places`): predictions of a network, draws of a population.

    Raises: ArgumentError for an image of another shape than the model's.
    """
    begun = time.perf_counter()
    observed = _cleaned(model, observed)
    weights = inverse_variance(observed, observed.image)
    looks = first_looks(model, observed, weights, proposals)
    ends, best = [], None
    for first in range(0, min(len(looks), ROUNDS * ASCENTS), ASCENTS):
        new = [end for look in looks[first : first + ASCENTS] if (end := _ascend(model, observed, weights, look[0]))]
        ends += new
        for end, last in _finished(model, observed, new):
            if best is None or last.posterior.value > best.posterior.value:
                from_end, best = end, last
        if best is not None and _fits(best, observed):
            break
    if best is None:
        return _nothing(model, time.perf_counter() - begun)
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
        time.perf_counter() - begun,
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


def _ascend(model, observed, weights, parameters):
    try:
        return ascend(model, observed, weights, parameters, FEW, FIRST_STEPS)
    except LinAlgError:
        return None


def _finished(model, observed, ends):
    """The highest of some ascents and the highest that came elsewhere, each with where all components lead it."""
    ends = sorted(ends, key=lambda end: -end.posterior.value)
    close = [end for end in ends[1:] if end.posterior.value > ends[0].posterior.value - RIVAL]
    rivals = [end for end in close if not _same(model, ends[0], end)]
    out = []
    for end in [*ends[:1], *rivals[:1]]:
        weights = inverse_variance(observed, end.posterior.model)
        try:
            out.append((end, ascend_reweighted(model, observed, weights, end.parameters, ALL, STEPS)))
        except LinAlgError:
            continue
    return out


def _fits(end, observed):
    """Whether the chi2 is one that noise could leave."""
    n_good = observed.good.sum()
    return end.posterior.chi2 < n_good + SURPRISING * np.sqrt(2.0 * n_good)


def _same(model, one, other):
    """Whether two ascents came to one maximum."""
    off = model.free.inverse() @ (one.parameters - other.parameters)
    return bool(off @ one.posterior.curvature @ off < SAME**2 * len(off))


def _nothing(model, seconds):
    p, nan = len(model.free.mean), np.nan
    return Refined(np.full(p, nan), np.full((p, p), nan), nan, nan, False, 0.0, np.full(model.shape, nan), seconds)
