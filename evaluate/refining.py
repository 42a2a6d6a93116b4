"""Refined estimates of an evaluation's test lenses: which predictions they start from, and the scores they add."""

import os
from pathlib import Path

import numpy as np

from ..errors import ConfigError, DataError
from ..files.checksums import refuse_differing
from ..files.columns import read_table
from ..files.csv_writing import plain, write_csv
from .fitting.fittable import why_not
from .fitting.fitted_systems import prepare
from .results import ALL, ANY_SHAPE, CRAMER_RAO, REFINED, REFINED_TABLE, Score
from .tasks.refined import NOTHING, POPULATION, Start, refine_lenses, scores

THREADS = os.cpu_count() or 1


def refinement_problems(config):
    """Sentences that say why the estimates of a config's evaluation cannot be refined; none if they can."""
    evaluate, simulate = config.evaluate, config.simulate
    if evaluate is None or evaluate.task != "regression" or evaluate.judged_by_files or simulate is None:
        return ["evaluate.refine: estimates are refined of a regression on simulated lenses only"]
    return [f"evaluate.refine: {problem}" for problem in why_not(simulate)]


def prepared(config, scene, stop=lambda: False):
    """What the fits of a run have in common, `fitting.fitted_systems.Fits`. scene: of the config's simulation.

    Raises: ConfigError for what `refinement_problems` names; Stopped.
    """
    if problems := refinement_problems(config):
        raise ConfigError(problems)
    return prepare(scene, THREADS, stop)


def refine_evaluation(fits, evaluation, folder, settings, path, stop=lambda: False):
    """Refine the first test lenses from every encoder's predictions and from the population: the new scores.

    Args:
        fits: of `prepared`.
        evaluation: `results.Evaluation`, with predictions and scores of heads.
        folder: gets refined.csv, one row a start and lens. settings: `configs.evaluation.Refine`.
        path: of the file that keeps what is done of work that is stopped. stop: asked before every lens.

    Raises: Stopped.
    """
    n = min(settings.lenses, len(evaluation.indices))
    starts, heads = starts_of(evaluation, n)
    table = refine_lenses(fits, evaluation.indices[:n], starts, settings, Path(path), THREADS, stop)
    write_csv(table, Path(folder) / REFINED_TABLE)
    bounds = bounds_of(evaluation, n)
    true = {target: np.asarray(values[:n], float) for target, values in evaluation.true.items()}
    out = []
    for name, start in starts.items():
        rows = table[table.start == name].reset_index(drop=True)
        n_labels = heads[name][1] if name in heads else 0
        values = scores(rows, true, bounds, start)
        out += [Score(_task(evaluation), name, REFINED, n_labels, 0, t, m, value) for (t, m), value in values.items()]
    return out


def bounds_of(evaluation, n):
    """The information limit of the first n test lenses, target -> (n,): without knowledge of shapes, if there is one.

    Empty without a limit.
    """
    bounds = evaluation.bounds.get(ANY_SHAPE) or evaluation.bounds.get(CRAMER_RAO) or {}
    return {target: values[:n] for target, values in bounds.items()}


def starts_of(evaluation, n):
    """The starts of the first n test lenses, as `refine_lenses` takes them, and each one's (protocol, labels).

    An encoder's are the samples of its most probable posterior, if a head of it gives any; else the predictions of its
    best protocol, by the mean R2 of all targets. Each protocol is that with the most labels.
    """
    heads, most, best = heads_of(evaluation), {}, {}
    nll = {(s.encoder, s.protocol, s.n_labels): s.value for s in evaluation.scores if _of_posterior(s, evaluation)}
    merit = {head: (head in nll, -nll[head] if head in nll else r2) for head, (r2, _) in heads.items()}
    for encoder, protocol, n_labels in heads:
        most[encoder, protocol] = max(n_labels, most.get((encoder, protocol), 0))
    for head in heads:
        encoder, protocol, n_labels = head
        if n_labels == most[encoder, protocol] and (encoder not in best or merit[head] > merit[best[encoder]]):
            best[encoder] = head
    starts = {encoder: _start(evaluation, head, heads[head][1], n) for encoder, head in best.items()}
    return starts | {POPULATION: NOTHING}, {encoder: list(head[1:]) for encoder, head in best.items()}


def _of_posterior(score, evaluation):
    """Whether a score is the first seed's NLL of a head whose samples there are."""
    known = (score.encoder, score.protocol) in evaluation.drawn and score.seed == 0 and not score.shift
    return known and (score.target, score.metric) == (ALL, "nll") and np.isfinite(score.value)


def _start(evaluation, head, rmse, n):
    """The `Start` of a head (encoder, protocol, labels) for the first n test lenses. rmse: target -> value."""
    predicted = evaluation.predictions[head[:2]]
    predicted = {t: (np.asarray(values[:n], float), rmse[t]) for t, values in predicted.items() if t in rmse}
    drawn = {t: np.asarray(values[:n], float) for t, values in evaluation.drawn.get(head[:2], {}).items()}
    return Start(predicted, drawn)


def heads_of(evaluation):
    """What heads reach with the first seed: (encoder, protocol, labels) -> (mean R2, {target: RMSE})."""
    r2, rmse = {}, {}
    for s in evaluation.scores:
        if s.seed == 0 and not s.shift and (s.encoder, s.protocol) in evaluation.predictions:
            head = s.encoder, s.protocol, s.n_labels
            if s.metric == "r2":
                r2.setdefault(head, []).append(s.value)
            if s.metric == "rmse":
                rmse.setdefault(head, {})[s.target] = s.value
    return {head: (float(np.mean(values)), rmse.get(head, {})) for head, values in r2.items()}


def estimates_of(folder, evaluation):
    """The refined estimates in a run's refined.csv, start -> target -> float64 (n,), of the first n test lenses.

    What could not be fitted has NaN. Raises: DataError if the file is missing, changed, or not of this evaluation.
    """
    path = Path(folder) / REFINED_TABLE
    anew = f"lenstream refine --run {folder} computes it anew"
    refuse_differing(Path(folder), anew, REFINED_TABLE)
    targets, keys = list(evaluation.true), ("start", "index")
    try:
        columns = read_table(path, lambda name: name in (*keys, *targets), text=("start",))
    except DataError as error:
        raise DataError(f"{error}; {anew}") from None
    if missing := [name for name in keys if name not in columns]:
        raise DataError(f"{path} has no column {' and no column '.join(missing)}; {anew}")
    out = {}
    starts = np.array([plain(name) for name in columns["start"]])
    for name in dict.fromkeys(starts.tolist()):
        own = starts == name
        indices = columns["index"][own]
        if not np.array_equal(indices, evaluation.indices[: len(indices)]):
            raise DataError(f"{path}: the rows of {name} are not those of the first test lenses in order; {anew}")
        values = {t: columns[t][own] for t in targets if t in columns}
        if words := [t for t, of in values.items() if of.dtype.kind not in "fiu"]:
            raise DataError(f"{path}: the column {words[0]} does not hold numbers; {anew}")
        out[name] = {t: np.asarray(of, float) for t, of in values.items()}
    return out


def _task(evaluation):
    return next((s.task for s in evaluation.scores), "regression")
