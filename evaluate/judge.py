"""Evaluate encoders on a task: train heads for every encoder, protocol, number of labels and seed; score them.

Each unit of work is written when it is done, so a stopped evaluation continues where it was.
"""

import shutil
from pathlib import Path

from ..progress import Stopped, bar
from ..ssl.probe import features_of
from .judged_units import units_of
from .kept_heads import PROJECTION, keep, network_of
from .refining import prepared, refine_evaluation
from .refining_shifted import refine_shifted
from .results import LIMIT, PREDICTOR, RANDOM, Evaluation, kept
from .scored import Unit, known_of, scores_of, scores_of_done
from .scoring_shifted import score_shifted
from .tasks.task import amounts, pool
from .trained_heads import projected, stream_head
from .training_heads import Data, arrays_of, predicted_by, shown, train_heads


def evaluate(task, config, scene, encoders, folder, stop=lambda: False):
    """Judge encoders by a task; writes the evaluation and the heads that predictions need.

    Args:
        task: `tasks.task.Task`. config: `configs.schema.Config`. scene: of its simulation.
        encoders: name to the path of encoder.safetensors.
        folder: the run's; gets what `results.Evaluation.save` writes, and predictor/ with the heads that
            `results.kept` names.
        stop: asked before every unit and every lens of the limit; when true, `Stopped` is raised.

    Returns: `results.Evaluation`.
    """
    folder = Path(folder)
    scratch = folder / "evaluation"
    scratch.mkdir(parents=True, exist_ok=True)
    n_labels, n_test = amounts(task, config.evaluate)
    data = _data(task, config, scene, encoders, max(n_labels), n_test)
    judged = [*encoders, RANDOM]
    features = {name: features_of(data.networks[name].to(task.device), data.test.images) for name in judged}
    units = units_of(config.evaluate, n_labels, judged, data)
    train_heads(task, units, data, scratch, stop)
    shifted = score_shifted(config, scene, units, data, scratch, stop)
    bounds = _limits(task, data.test, stop) if config.evaluate.limit else {}
    evaluation = _gathered(task, units, shifted, data, bounds, features, scratch)
    heads = kept(evaluation.scores, task.metric)
    if config.evaluate.refine is not None:
        refined = _refined(task, config, evaluation, folder, scratch, stop)
        evaluation = evaluation.with_scores([*evaluation.scores, *refined])
    keep(heads, max(n_labels), scratch, folder / PREDICTOR)
    evaluation.save(folder)
    shutil.rmtree(scratch)
    return evaluation


def _data(task, config, scene, encoders, n_labelled, n_test):
    """The `Data` of an evaluation: n_labelled labelled images a seed, n_test test images."""
    settings = config.evaluate
    networks = {name: network_of(config, scene, name, path) for name, path in encoders.items()}
    networks[RANDOM] = network_of(config, scene, next(iter(encoders)), None)
    networks |= {name: network_of(config, scene, name, None) for name in settings.supervised}
    test = task.labelled("test", n_test)
    pools = [pool(task, n_labelled, seed) for seed in range(settings.seeds)]
    behind = _projected(config, scene, encoders) if PROJECTION in settings.protocols else {}
    heads = {name: stream_head(task, config, scene, name, path) for name, path in encoders.items()}
    return Data(networks, pools, test, behind, {name: head for name, head in heads.items() if head is not None})


def _projected(config, scene, encoders):
    """The `trained_heads.Projected` of the encoders that have a projector, and the first one's with random weights."""
    found = {name: projected(config, scene, name, path) for name, path in encoders.items()}
    found[RANDOM] = projected(config, scene, next(iter(encoders)))
    return {name: network for name, network in found.items() if network is not None}


def _limits(task, test, stop):
    """The information limits of the test data, as `Task.limit`. Raises: Stopped: what is done of them is not kept."""
    n = len(test.indices)
    with bar("information limit", n) as progress:

        def update(done):
            if stop():
                raise Stopped(f"stopped the information limit at {done} of {n}")
            progress.update(done)

        return task.limit(test, update)


def _gathered(task, units, shifted, data, bounds, features, scratch):
    """The `Evaluation` of units that are done, on the test data and on shifted ones, beside estimators without a head.

    bounds: of `_limits`. features: name of an encoder -> (n, d), of the test images.
    """
    true, most, beside = arrays_of(data.test), max(unit.n_labels for unit in units), task.beside(data.test)
    scores = [score for unit in [*units, *shifted] for score in scores_of_done(unit, scratch)]
    for name, predicted in beside.items():
        scores += scores_of(task, Unit(name, name, 0, 0), task.score(true, predicted))
    for protocol, by_target in bounds.items():
        scores += scores_of(task, Unit(LIMIT, protocol, 0, 0), task.limit_scores(true, by_target))
    of_heads, ranks, drawn = predicted_by([u for u in units if u.n_labels in (0, most) and not u.seed], scratch)
    predictions = {(name, name): shown(task, predicted) for name, predicted in beside.items()} | of_heads
    intervals = [row for unit in units for row in known_of(unit, scratch)["intervals"]]
    true = shown(task, true)
    return Evaluation(scores, data.test.indices, true, predictions, features, bounds, intervals, ranks, drawn)


def _refined(task, config, evaluation, folder, scratch, stop):
    """The scores of refined estimates of the test lenses, and of shifted ones."""
    fits = prepared(config, task.scene, stop)
    path = scratch / "refined.jsonl"
    scores = refine_evaluation(fits, evaluation, folder, config.evaluate.refine, path, stop)
    return scores + refine_shifted(fits, config, task.scene, evaluation, scratch, stop)
