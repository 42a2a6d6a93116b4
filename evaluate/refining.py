"""Refined estimates of an evaluation's test lenses: which predictions they start from, and the scores they add."""

import os
from pathlib import Path

import numpy as np

from ..configs.names import plain_names
from ..errors import ConfigError
from ..files.csv_writing import write_csv
from ..simulate.selection import draw
from ..simulate.systems.draw import Views
from . import shifted_tests
from .fitting.fittable import why_not
from .limit import limits
from .results import ANY_SHAPE, CRAMER_RAO, REFINED, Score
from .scored import Unit
from .tasks.refined import POPULATION, refine_lenses, scores

SHOWN_OF_SHIFTED = ("within_3_limits", "error_over_limit", "coverage_68", "coverage_95")


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
    table = refine_lenses(scene, evaluation.indices[:n], starts, settings, Path(path), threads=_threads(), stop=stop)
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


def refine_shifted(config, scene, evaluation, settings, scratch, stop=lambda: False):
    """Refine the shifted test lenses of `evaluate.shifts` from the best head's predictions of them: the new scores.

    The fits take the images for those of the training, but for their noise, which an image tells. The limit is that of
    the shifted lenses, so that a fit which misses it says what its wrong assumptions cost.

    Args: settings: `configs.evaluation.Evaluate`. scratch: holds the predictions of the shifted lenses, and what is
        done of work that is stopped. The rest is that of `refine_evaluation`.
    """
    out, n = [], min(settings.refine.lenses, len(evaluation.indices))
    head = best_head(evaluation)
    for name in settings.shifts if head is not None else ():
        seen, indices = shifted_tests.scene_of(config, scene, name), evaluation.indices[:n]
        with np.load(scratch / f"{Unit(*head, 0, name).name()}.npz") as file:
            predicted = {target: file[target][:n].astype(float) for target in file.files}
        start = {t: (values, _rmse(evaluation, head, t)) for t, values in predicted.items()}
        places = plain_names(draw(seen, [0], Views()).lens_mass)
        lens = draw(seen, indices, Views()).lens_mass
        true = {t: lens[places[t][0]][places[t][1]] for t in predicted if t in places}
        found = limits(seen, indices, list(true), threads=_threads())
        path = scratch / f"refined-{name}.jsonl"
        table = refine_lenses(scene, indices, {head[0]: start}, settings.refine, path, _threads(), stop, seen)
        values = scores(table, true, found.any_shape or found.known)
        kept = {key: value for key, value in values.items() if key[1] in SHOWN_OF_SHIFTED}
        out += [Score(_task(evaluation), head[0], REFINED, head[2], 0, t, m, v, name) for (t, m), v in kept.items()]
    return out


def best_head(evaluation):
    """(encoder, protocol, number of labels) of the head that tells most of all targets; None without heads."""
    ranks = {}
    for s in evaluation.scores:
        if s.metric == "r2" and s.seed == 0 and not s.shift and (s.encoder, s.protocol) in evaluation.predictions:
            ranks.setdefault((s.n_labels, s.encoder, s.protocol), []).append(s.value)
    most = max((n_labels for n_labels, *_ in ranks), default=0)
    known = {head: np.mean(values) for head, values in ranks.items() if head[0] == most}
    if not known:
        return None
    n_labels, encoder, protocol = max(known, key=known.get)
    return encoder, protocol, n_labels


def _rmse(evaluation, head, target):
    encoder, protocol, n_labels = head
    return next(
        s.value
        for s in evaluation.scores
        if (s.encoder, s.protocol, s.n_labels, s.target) == (encoder, protocol, n_labels, target)
        and s.metric == "rmse"
        and s.seed == 0
        and not s.shift
    )


def _threads():
    return os.cpu_count() or 1


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
