"""Refined estimates: predictions carried to the maximum of the posterior by the simulator, and their scores.

Each encoder gives the starts for the same test lenses, beside starts from the population alone. So an encoder is also
judged by how often it leads to the right optimum.
"""

import functools
from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...files.growing_rows import GrowingRows, rows_so_far
from ...progress import Stopped, bar
from ...simulate.selection import draw
from ...simulate.systems.draw import Views
from ..fitting.fitted_systems import fit_systems
from ..results import ALL
from . import importance

POPULATION = "population"  # as an encoder: starts that know nothing of the image
RIGHT = 3.0  # bounds within which an estimate counts as right
HALF_NORMAL = 0.6745  # median of |x| of a normal x with standard deviation 1
GOOD_CHI2 = 4.0  # standard deviations of chi2 above what noise alone gives
AGREEING = 0.5  # share of ascents that end at the same maximum
FIRST_DRAW = 1 << 20  # of the stream's systems whose lenses are proposed: none is a test lens
APART = 0.01  # probability of the distance of two posteriors, below which they contradict each other


class Start(NamedTuple):
    """What a head says of n test lenses, from which lenses are proposed."""

    predicted: dict  # target -> (values (n,), standard deviation)
    drawn: dict  # as of `posteriors.drawn`: samples of its posteriors of the first lenses; empty if it gives none


NOTHING = Start({}, {})  # of the population alone


def refine_lenses(fits, indices, starts, settings, path, threads=1, stop=lambda: False, seen=None):
    """Refined estimates of test lenses from several starts: a DataFrame, one row a start and lens.

    Args:
        fits: `fitting.fitted_systems.Fits`. indices: uint64 (n,), of the test systems.
        starts: name -> `Start`.
        settings: `configs.evaluation.Refine`. path: of the file that gains a row as each estimate is done, from which
            stopped work goes on. stop: asked before every lens; when true, `Stopped` is raised.
        seen: another scene, whose images are fitted, see `fitting.fitted_systems.fit_systems`.

    Columns: start, index, for each parameter of the lens its estimate and NAME_sigma, chi2 (of a pixel), chi2_sigma (by
    how many standard deviations it is above 1), log_posterior, converged, agreeing, seconds, and of a start with a
    posterior effective_share and chance_of_distance, see `agreement`. What could not be fitted has NaN.
    """
    wanted = [(name, i) for name in starts for i in range(len(indices))]
    known = {(name, int(indices[i])): (name, i) for name, i in wanted}
    rows = _of_whole_lenses([row for row in rows_so_far(path) if (row["start"], row["index"]) in known], len(starts))
    done = {known[row["start"], row["index"]] for row in rows}
    proposed = functools.cache(lambda name: proposals(fits, starts[name], settings.proposals, len(indices)))
    jobs = [((name, i), i, proposed(name)[i]) for name, i in wanted if (name, i) not in done]
    with GrowingRows(path, rows) as kept, bar("refining", len(wanted), len(rows)) as progress:

        def keep(key, found, n_pixels):
            row = _row(key[0], int(indices[key[1]]), fits, found, n_pixels)
            kept.add(row | agreement(fits, starts[key[0]].drawn, key[1], found))
            done.add(key)
            progress.update(len(done), key[0])

        fit_systems(fits, indices, jobs, keep, threads, stop, seen)
    if len(done) < len(wanted):
        raise Stopped(f"stopped the refinement at {len(done)} of {len(wanted)}")
    order = {key: n for n, key in enumerate(known)}
    return pd.DataFrame(sorted(rows_so_far(path), key=lambda row: order[row["start"], row["index"]]))


def _of_whole_lenses(rows, n_starts):
    """The rows of lenses that are done from all starts, as starts of a lens share work: others are made anew."""
    made = Counter(row["index"] for row in rows)
    return [row for row in rows if made[row["index"]] == n_starts]


def proposals(fits, start, n, n_lenses):
    """Lenses that are proposed for every image, float64 (n_lenses, n, parameters of the lens).

    The first is the prediction itself, with what is not predicted at the population's mean; the others are draws of the
    population whose predicted parameters are samples of the posterior, or the prediction with normal errors.
    """
    scene, free = fits.scene, fits.free
    systems = draw(scene, np.arange(FIRST_DRAW, FIRST_DRAW + n_lenses * n, dtype=np.uint64), Views())
    drawn = np.column_stack([systems.lens_mass[k][name] for k, name in free.places])
    drawn = drawn.reshape(n_lenses, n, -1)
    if not start.predicted:
        return drawn
    drawn[:, 0] = free.mean[: drawn.shape[2]]
    names = free.names()
    normals = np.random.Generator(np.random.Philox(scene.seed)).standard_normal((n_lenses, n, len(start.predicted)))
    normals[:, 0] = 0.0
    for t, (target, (predicted, sigma)) in enumerate(start.predicted.items()):
        if target in names[: drawn.shape[2]]:
            drawn[:, :, names.index(target)] = predicted[:, None] + sigma * normals[:, :, t]
            samples = start.drawn.get(target, np.empty((0, 0)))[:, : n - 1]
            drawn[: len(samples), 1 : 1 + samples.shape[1], names.index(target)] = samples
    return np.clip(drawn, free.low[: drawn.shape[2]], free.high[: drawn.shape[2]])


def agreement(fits, drawn, i, found):
    """What samples of the posterior of lens i have of the refined posterior of their targets; {} without samples.

    effective_share: that of the samples, weighted by the refined one. chance_of_distance: of the two means. A fit's
    posterior is normal, with the errors that it quotes.

    Args: drawn: of `Start`. found: `refine.Refined`.
    """
    names = fits.free.names()[: len(fits.free.places)]
    targets = [target for target in drawn if target != ALL]
    if not targets or i >= len(drawn[ALL]) or not set(targets) <= set(names):
        return {}
    places, samples = [names.index(target) for target in targets], np.stack([drawn[t][i] for t in targets], axis=-1)
    scales = fits.error_scales[places]
    covariance = found.covariance[np.ix_(places, places)] * np.outer(scales, scales)
    mean = found.parameters[places]
    return {
        "effective_share": importance.share_under_normal(samples, drawn[ALL][i], mean, covariance),
        "chance_of_distance": importance.chance_of_distance(samples, mean, covariance),
    }


def _row(start, index, fits, found, n_pixels):
    names = fits.free.names()[: len(fits.free.places)]
    sigma = fits.error_scales * np.sqrt(np.diag(found.covariance)[: len(names)])
    excess = (found.chi2 - 1.0) * np.sqrt(n_pixels / 2.0)
    return (
        {"start": start, "index": index}
        | {name: float(value) for name, value in zip(names, found.parameters, strict=False)}
        | {f"{name}_sigma": float(value) for name, value in zip(names, sigma, strict=True)}
        | {"chi2": float(found.chi2), "chi2_sigma": float(excess), "log_posterior": float(found.log_posterior)}
        | {"converged": bool(found.converged), "agreeing": float(found.agreeing), "seconds": float(found.seconds)}
    )


def trusted(table):
    """Whether each estimate may be relied on, bool (n,): converged, with a good chi2 and ascents that agree."""
    return (table.converged & (table.chi2_sigma < GOOD_CHI2) & (table.agreeing >= AGREEING)).to_numpy()


def scores(table, true, bounds, start=NOTHING):
    """The scores of the estimates from one start, as {(target, metric): value}.

    Args: table: the rows of the start. true: target -> (n,). bounds: target -> (n,), the limit without knowledge of the
        galaxy's shape; empty where there is none. start: as one of `refine_lenses`' starts.

    Metrics of each target: rmse, and beside it rmse_of_start and the limit, of the same lenses; nmad, the robust
    scatter; coverage_68 and coverage_95 of the quoted errors; error_over_limit, the median error over that of an
    estimate at the limit; within_3_limits, the share of lenses within `RIGHT` bounds. Of `all`: the share within them
    in all targets at once, and that of what was started from (within_3_limits_of_start); the share that `trusted`
    marks, the mean seconds of a lens, and how many lenses there are; of a start with a posterior the median effective
    share of its samples, and how many lenses have a lower chance_of_distance than `APART`. An estimate
    that failed counts as wrong, and is left out of scatter and coverage.
    """
    out, right, before = {}, np.ones(len(table), bool), np.ones(len(table), bool)
    for target in (t for t in true if t in table):
        error = (table[target] - true[target]).to_numpy()
        known = np.isfinite(error)
        out[target, "rmse"] = _of(lambda e: np.sqrt(np.mean(e**2)), error[known])
        if target in start.predicted:
            was = start.predicted[target][0] - true[target]
            out[target, "rmse_of_start"] = _of(lambda e: np.sqrt(np.mean(e**2)), was[known])
            before &= np.abs(was) < RIGHT * bounds.get(target, np.inf)
        out[target, "nmad"] = _of(lambda e: np.median(np.abs(e - np.median(e))) / HALF_NORMAL, error[known])
        pull = np.abs(error / table[f"{target}_sigma"].to_numpy())[known]
        out[target, "coverage_68"] = _of(lambda p: np.mean(p < 0.9945), pull)
        out[target, "coverage_95"] = _of(lambda p: np.mean(p < 1.96), pull)
        if target in bounds:
            out[target, "limit"] = _of(lambda e: np.sqrt(np.mean(e**2)), bounds[target][known])
            share = np.where(known, np.abs(error) / bounds[target], np.inf)
            out[target, "error_over_limit"] = float(np.median(share) / HALF_NORMAL)
            out[target, "within_3_limits"] = float(np.mean(share < RIGHT))
            right &= share < RIGHT
    if bounds:
        out["all", "within_3_limits"] = float(np.mean(right))
        if start.predicted:
            out["all", "within_3_limits_of_start"] = float(np.mean(before))
    out["all", "trusted"] = float(np.mean(trusted(table)))
    out["all", "seconds"] = float(table.seconds.mean())
    out["all", "lenses"] = float(len(table))
    if "effective_share" in table and len(known := table[["effective_share", "chance_of_distance"]].dropna()):
        out["all", "effective_share"] = known.effective_share.median()
        out["all", "apart"] = float(np.mean(known.chance_of_distance < APART))
    return out


def _of(statistic, values):
    return float(statistic(values)) if len(values) else float("nan")
