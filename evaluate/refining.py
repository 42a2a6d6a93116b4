"""Refined estimates of an evaluation's test lenses: which predictions they start from, and the scores they add."""

import os
from pathlib import Path

import numpy as np

from ..errors import ConfigError
from ..files.csv_writing import write_csv
from .fitting.fittable import why_not
from .results import ANY_SHAPE, CRAMER_RAO, REFINED, Score
from .tasks.refined import POPULATION, refine_lenses, scores


def refinement_problems(config):
    """Sentences that say why the estimates of a config's evaluation cannot be refined; none if they can."""
    evaluate, simulate = config.evaluate, config.simulate
    if evaluate is None or evaluate.task != "regression" or evaluate.judged_by_files or simulate is None:
        return ["evaluate.refine: estimates are refined of a regression on simulated lenses only"]
    return [f"evaluate.refine: {problem}" for problem in why_not(simulate)]


def refine_evaluation(config, scene, evaluation, folder, settings, path, stop=lambda: False):
    """Refine the first test lenses from every encoder's predictions and from the population: the new scores.

    Args:
        evaluation: `results.Evaluation`, with predictions and scores of heads.
        folder: gets refined.csv, one row a start and lens. settings: `configs.evaluation.Refine`.
        path: of the file that keeps what is done of work that is stopped. stop: asked before every lens.

    Raises: ConfigError for what `refinement_problems` names; Stopped.
    """
    if problems := refinement_problems(config):
        raise ConfigError(problems)
    n = min(settings.lenses, len(evaluation.indices))
    starts, protocols = starts_of(evaluation, n)
    table = refine_lenses(
        scene, evaluation.indices[:n], starts, settings, Path(path), threads=os.cpu_count() or 1, stop=stop
    )
    write_csv(table, Path(folder) / "refined.csv")
    bounds = evaluation.bounds.get(ANY_SHAPE) or evaluation.bounds.get(CRAMER_RAO) or {}
    true = {target: np.asarray(values[:n], float) for target, values in evaluation.true.items()}
    bounds = {target: values[:n] for target, values in bounds.items()}
    out = []
    for name in starts:
        rows = table[table.start == name].reset_index(drop=True)
        n_labels = protocols.get(name, 0)
        values = scores(rows, true, bounds)
        out += [Score(_task(evaluation), name, REFINED, n_labels, 0, t, m, value) for (t, m), value in values.items()]
    return out


def starts_of(evaluation, n):
    """The starts of the first n test lenses, as `refine_lenses` takes them, and each one's number of labels.

    An encoder's are the predictions of its best protocol with the most labels, by the mean R2 of all targets.
    """
    r2, rmse, most = {}, {}, {}
    for s in evaluation.scores:
        if s.seed == 0 and not s.shift and (s.encoder, s.protocol) in evaluation.predictions:
            if s.metric == "r2":
                r2.setdefault((s.encoder, s.protocol, s.n_labels), []).append(s.value)
            if s.metric == "rmse":
                rmse[s.encoder, s.protocol, s.n_labels, s.target] = s.value
    for (encoder, protocol, n_labels), values in r2.items():
        rank = (n_labels == max(k[2] for k in r2 if k[:2] == (encoder, protocol)), float(np.mean(values)))
        if encoder not in most or rank > most[encoder][0]:
            most[encoder] = rank, protocol, n_labels
    starts = {
        encoder: {
            target: (np.asarray(values[:n], float), rmse[encoder, protocol, n_labels, target])
            for target, values in evaluation.predictions[encoder, protocol].items()
            if (encoder, protocol, n_labels, target) in rmse
        }
        for encoder, (_, protocol, n_labels) in most.items()
    }
    return starts | {POPULATION: {}}, {encoder: n_labels for encoder, (_, _, n_labels) in most.items()}


def _task(evaluation):
    return next((s.task for s in evaluation.scores), "regression")
