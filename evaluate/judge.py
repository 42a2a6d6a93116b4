"""Evaluate encoders on a task: train heads for every encoder, protocol, number of labels and seed; score them.

Each unit of work is written when it is done, so a stopped evaluation continues where it was.
"""

import copy
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from ..files.whole import write_arrays
from ..progress import Stopped, bar
from ..ssl import checkpoint
from ..ssl.probe import features_of
from . import shifted_tests
from .kept_heads import PROJECTION, keep, network_of
from .refining import prepared, refine_evaluation
from .refining_shifted import refine_shifted
from .results import (
    FINETUNED,
    LIMIT,
    PREDICTOR,
    RANDOM,
    STREAM,
    SUPERVISED,
    Evaluation,
    kept,
)
from .scored import Unit, known_of, scores_of, scores_of_done, write_done
from .tasks import symmetry
from .tasks.posteriors import Judged
from .tasks.task import amounts, pool
from .trained_heads import projected, stream_head

_RANK, _DRAWN = "rank/", "sample/"  # before the target, of arrays beside the predictions of a unit


@dataclass(frozen=True)
class Data:
    """The encoders, labelled data and test data that heads are trained and scored with."""

    networks: dict  # name of an encoder -> its `Network`
    pools: list  # of `tasks.task.Labelled`: the labelled data of each seed
    test: object  # `tasks.task.Labelled`
    projected: dict = field(default_factory=dict)  # name of an encoder -> its `trained_heads.Projected`
    heads: dict = field(
        default_factory=dict
    )  # name of an encoder -> the head that it was trained with on labels of the stream

    def network(self, unit):
        """The network on which the head of a unit is trained."""
        name = RANDOM if unit.encoder == SUPERVISED else unit.encoder
        return (self.projected if unit.protocol == PROJECTION else self.networks)[name]


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
    settings = config.evaluate
    networks = {name: network_of(config, scene, name, path) for name, path in encoders.items()}
    networks[RANDOM] = network_of(config, scene, next(iter(encoders)), None)
    n_labels, n_test = amounts(task, settings)
    most = max(n_labels)
    test = task.labelled("test", n_test)
    true = _arrays(test)
    pools = [pool(task, most, seed) for seed in range(settings.seeds)]
    features = {name: features_of(network.to(task.device), test.images) for name, network in networks.items()}

    behind = _projected(config, scene, encoders) if PROJECTION in settings.protocols else {}
    heads = {name: stream_head(task, config, scene, name, path) for name, path in encoders.items()}
    heads = {name: head for name, head in heads.items() if head is not None}
    scratches = {name: network_of(config, scene, name, None) for name in settings.supervised}
    units = _units(settings, n_labels, networks, behind) + _baselines(settings, n_labels)
    units += [Unit(name, STREAM, 0, 0) for name in heads]
    data = Data(networks | scratches, pools, test, behind, heads)
    _train_heads(task, units, data, scratch, stop)
    units_shifted = _score_shifted(config, scene, units, data, scratch, stop)
    scores = [score for unit in [*units, *units_shifted] for score in scores_of_done(unit, scratch)]
    intervals = [row for unit in units for row in known_of(unit, scratch)["intervals"]]
    beside = task.beside(test)
    for name, predicted in beside.items():
        scores += scores_of(task, Unit(name, name, 0, 0), task.score(true, predicted))
    bounds = _limits(task, test, stop) if settings.limit else {}
    for protocol, by_target in bounds.items():
        scores += scores_of(task, Unit(LIMIT, protocol, 0, 0), task.limit_scores(true, by_target))
    shown = [unit for unit in units if unit.n_labels in (0, most) and not unit.seed]
    predictions, ranks, drawn = _predicted(shown, scratch)
    predictions = {(name, name): _kept(task, predicted) for name, predicted in beside.items()} | predictions
    evaluation = Evaluation(
        scores, test.indices, _kept(task, true), predictions, features, bounds, intervals, ranks, drawn
    )
    if settings.refine is not None:
        fits = prepared(config, task.scene, stop)
        refined = refine_evaluation(fits, evaluation, folder, settings.refine, scratch / "refined.jsonl", stop)
        refined += refine_shifted(fits, config, task.scene, evaluation, scratch, stop)
        evaluation = evaluation.with_scores([*scores, *refined])
    keep(kept(scores, task.metric), most, scratch, folder / PREDICTOR)
    evaluation.save(folder)
    shutil.rmtree(scratch)
    return evaluation


def _limits(task, test, stop):
    """The information limits of the test data, as `Task.limit`. Raises: Stopped: what is done of them is not kept."""
    n = len(test.indices)
    with bar("information limit", n) as progress:

        def update(done):
            if stop():
                raise Stopped(f"stopped the information limit at {done} of {n}")
            progress.update(done)

        return task.limit(test, update)


def _predicted(units, scratch):
    """What heads predicted, ranks of the true values, and samples: (encoder, protocol) -> target -> (n, ...)."""
    found = {"": {}, _RANK: {}, _DRAWN: {}}
    for unit in units:
        with np.load(scratch / f"{unit.name()}.npz") as file:
            for name in file.files:
                prefix = next((prefix for prefix in (_RANK, _DRAWN) if name.startswith(prefix)), "")
                of_head = found[prefix].setdefault((unit.encoder, unit.protocol), {})
                of_head[name.removeprefix(prefix)] = file[name]
    return found[""], found[_RANK], found[_DRAWN]


def _train_heads(task, units, data, scratch, stop):
    """Train the head of every unit that is not done, and write its scores, weights and predictions to `scratch`.

    Raises: Stopped, before the next unit, when `stop` says so.
    """
    most = max(unit.n_labels for unit in units)
    pool_features = {}  # of the encoder at work
    with bar("evaluating", len(units)) as progress:
        for done, unit in enumerate(units):
            words = f"{unit.encoder}, {unit.protocol}, {unit.n_labels} labels"
            progress.update(done, words)
            if scores_of_done(unit, scratch) is not None:
                continue
            if stop():
                raise Stopped(f"stopped the evaluation at {done} of {len(units)}")
            if unit.protocol == STREAM:
                head = data.heads[unit.encoder]
            else:
                network, pool, known = data.network(unit), data.pools[unit.seed], None
                if task.needs_features(unit.protocol):
                    own = unit.protocol if unit.protocol in (PROJECTION, symmetry.FROZEN) else ""
                    key = unit.encoder, own, unit.seed
                    if key not in pool_features:
                        of = symmetry.turned_features if unit.protocol == symmetry.FROZEN else features_of
                        pool_features = {key: of(network.to(task.device), pool.images)}
                    known = pool_features[key][: unit.n_labels]
                moves = _moves(progress, done, words)
                head = task.train(unit.protocol, network, pool.first(unit.n_labels), known, unit.seed, moves)
            predicted, true = task.predict(head, data.test.images), _arrays(data.test)
            values, ranges = task.score(true, predicted), {}
            given = _posteriors(task, head, data.test, true)
            values |= given.scores
            if unit.n_labels in (0, most):
                ranks = {f"{_RANK}{target}": of for target, of in given.ranks.items()}
                drawn = task.samples(head, data.test) if given.ranks and not unit.seed else {}
                drawn = {f"{_DRAWN}{target}": of for target, of in drawn.items()}
                write_arrays(scratch / f"{unit.name()}.npz", _kept(task, predicted) | ranks | drawn)
                ranges = task.intervals(true, predicted) if hasattr(task, "intervals") else {}
            if unit.n_labels == most:
                facts = task.facts(values) | {"protocol": unit.protocol, "n_labels": unit.n_labels}
                checkpoint.save(scratch / f"{unit.name()}.safetensors", head.state_dict(), **facts)
            scores = scores_of(task, unit, values)
            rows = [asdict(s) | found._asdict() for s in scores if (found := ranges.get((s.target, s.metric)))]
            write_done(unit, scores, scratch, rows)
        progress.update(len(units), words)


def _score_shifted(config, scene, units, data, scratch, stop):
    """Score the trained heads with the most labels, of the first seed, on the shifted test sets.

    Returns: the units of these scores, each done. Raises: Stopped, before the next one, when `stop` says so.
    """
    names, most = config.evaluate.shifts, max(unit.n_labels for unit in units)
    heads = [unit for unit in units if unit.seed == 0 and unit.n_labels in (0, most)]
    wanted = [(unit, replace(unit, shift=name)) for name in names for unit in heads]
    task = test = made = None
    with bar("shifted test lenses", len(wanted)) as progress:
        for done, (unit, shifted) in enumerate(wanted):
            progress.update(done, f"{shifted.shift}: {unit.encoder}, {unit.protocol}")
            if scores_of_done(shifted, scratch) is not None:
                continue
            if stop():
                raise Stopped(f"stopped the shifted test lenses at {done} of {len(wanted)}")
            if made != shifted.shift:
                task, made = shifted_tests.task_of(config, scene, shifted.shift), shifted.shift
                test = task.labelled("test", len(data.test.indices))
            head, true = _trained_head(task, unit, data, scratch), _arrays(test)
            predicted = task.predict(head, test.images)
            write_arrays(scratch / f"{shifted.name()}.npz", _kept(task, predicted))
            values = task.score(true, predicted) | _posteriors(task, head, test, true).scores
            write_done(shifted, scores_of(task, shifted, values), scratch)
        progress.update(len(wanted))
    return [shifted for _, shifted in wanted]


def _posteriors(task, head, test, true):
    """What a head's posteriors of test images are worth, `posteriors.Judged`; nothing for a task without."""
    return task.posteriors(head, test, true) if hasattr(task, "posteriors") else Judged({}, {})


def _trained_head(task, unit, data, scratch):
    """The head that was trained for a unit."""
    if unit.protocol == STREAM:
        return data.heads[unit.encoder]
    tensors, facts = checkpoint.load(scratch / f"{unit.name()}.safetensors")
    head = task.head(copy.deepcopy(data.network(unit)), facts)
    head.load_state_dict(tensors)
    return head


def _moves(progress, done, words):
    """What moves a bar with the training of one head: a function of the share of it that is done."""
    return lambda share: progress.update(done + share, f"{words}, {share:.0%}")


def _kept(task, by_target):
    """Of values by target (n, ...), those of the test systems that figures need."""
    return {target: values[: task.keeps] for target, values in by_target.items()}


def _arrays(data):
    """The true values of `Labelled` as numpy arrays."""
    return {target: values.numpy() for target, values in data.true.items()}


def _projected(config, scene, encoders):
    """The `trained_heads.Projected` of the encoders that have a projector, and the first one's with random weights."""
    found = {name: projected(config, scene, name, path) for name, path in encoders.items()}
    found[RANDOM] = projected(config, scene, next(iter(encoders)))
    return {name: network for name, network in found.items() if network is not None}


def _baselines(settings, n_labels):
    """The trainings from scratch of further networks."""
    seeds = range(settings.seeds)
    how = [protocol for protocol in FINETUNED if protocol in settings.protocols] or FINETUNED[:1]
    rows = [(name, protocol) for name in settings.supervised for protocol in how]
    return [Unit(name, protocol, n, seed) for name, protocol in rows for seed in seeds for n in n_labels]


def _units(settings, n_labels, networks, projected):
    units = []
    for protocol in settings.protocols:
        for encoder in projected if protocol == PROJECTION else networks:
            name = SUPERVISED if encoder == RANDOM and protocol in FINETUNED else encoder
            units += [Unit(name, protocol, n, seed) for seed in range(settings.seeds) for n in n_labels]
    return units
