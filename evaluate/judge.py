"""Evaluate encoders on a task: train heads for every encoder, protocol, number of labels and seed; score them.

Each unit of work is written when it is done, so a stopped evaluation continues where it was.
"""

import copy
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from ..errors import DataError
from ..files.whole import whole, write_arrays
from ..progress import Stopped, bar
from ..ssl import checkpoint
from ..ssl.backbones import load_weights
from ..ssl.probe import features_of
from ..ssl.untrained import make_beside, make_encoder
from . import shifted_tests
from .refining import refine_evaluation
from .results import (
    FINETUNED,
    LIMIT,
    PREDICTOR,
    RANDOM,
    STREAM,
    SUPERVISED,
    Evaluation,
    kept,
    refuse_changed,
)
from .scored import Unit, known_of, scores_of, scores_of_done, write_done
from .tasks import symmetry
from .tasks.posteriors import Judged
from .tasks.task import amounts, pool
from .trained_heads import projected, stream_head

PROJECTION = "logistic_projection"  # the protocol on `trained_heads.Projected` networks
_RANK = "rank/"  # before the target, of arrays beside the predictions of a unit


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
    networks = {name: _network(config, scene, name, path) for name, path in encoders.items()}
    networks[RANDOM] = _network(config, scene, next(iter(encoders)), None)
    n_labels, n_test = amounts(task, settings)
    most = max(n_labels)
    test = task.labelled("test", n_test)
    true = _arrays(test)
    pools = [pool(task, most, seed) for seed in range(settings.seeds)]
    features = {name: features_of(network.to(task.device), test.images) for name, network in networks.items()}

    behind = _projected(config, scene, encoders) if PROJECTION in settings.protocols else {}
    heads = {name: stream_head(task, config, scene, name, path) for name, path in encoders.items()}
    heads = {name: head for name, head in heads.items() if head is not None}
    scratches = {name: _network(config, scene, name, None) for name in settings.supervised}
    units = _units(settings, n_labels, networks, behind) + _baselines(settings, n_labels)
    units += [Unit(name, STREAM, 0, 0) for name in heads]
    data = Data(networks | scratches, pools, test, behind, heads)
    _train_heads(task, units, data, scratch, stop)
    units_shifted = _score_shifted(config, scene, units, data, scratch, stop)
    scores = [score for unit in [*units, *units_shifted] for score in scores_of_done(unit, scratch)]
    intervals = [row for unit in units for row in known_of(unit, scratch)["intervals"]]
    predictions, ranks = {}, {}
    for name, predicted in task.beside(test).items():
        scores += scores_of(task, Unit(name, name, 0, 0), task.score(true, predicted))
        predictions[name, name] = _kept(task, predicted)
    bounds = {}
    if settings.limit:
        with bar("information limit", n_test) as progress:

            def update(done):
                if stop():  # the heads are kept, the limit is not
                    raise Stopped(f"stopped the information limit at {done} of {n_test}")
                progress.update(done)

            bounds = task.limit(test, update)
        for protocol, by_target in bounds.items():
            scores += scores_of(task, Unit(LIMIT, protocol, 0, 0), task.limit_scores(true, by_target))
    for unit in units:
        if unit.n_labels in (0, most) and unit.seed == 0:
            with np.load(scratch / f"{unit.name()}.npz") as file:
                names = [name for name in file.files if not name.startswith(_RANK)]
                predictions[unit.encoder, unit.protocol] = {target: file[target] for target in names}
                found = {name.removeprefix(_RANK): file[name] for name in file.files if name not in names}
                ranks |= {(unit.encoder, unit.protocol): found} if found else {}
    evaluation = Evaluation(scores, test.indices, _kept(task, true), predictions, features, bounds, intervals, ranks)
    if settings.refine is not None:
        refined = refine_evaluation(
            config, task.scene, evaluation, folder, settings.refine, scratch / "refined.jsonl", stop
        )
        evaluation = evaluation.with_scores([*scores, *refined])
    _keep(kept(scores, task.metric), most, scratch, folder / PREDICTOR)
    evaluation.save(folder)
    shutil.rmtree(scratch)
    return evaluation


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
                write_arrays(scratch / f"{unit.name()}.npz", _kept(task, predicted) | ranks)
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
            values = task.score(true, task.predict(head, test.images)) | _posteriors(task, head, test, true).scores
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


def _network(config, scene, name, path):
    """The network of an encoder of the config, with the weights of a file or those it starts from; or that of
    `evaluate.supervised`."""
    if name in config.evaluate.supervised:
        network = make_beside(config, name, config.evaluate.supervised[name], scene)
    else:
        network = make_encoder(config, name, scene)
    if path is not None:
        load_weights(network, path)
    return network.to(memory_format=torch.channels_last)


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


def _keep(heads, most, scratch, predictor):
    """Keep some heads, for predictions of other images.

    heads: of `results.kept`. most: their number of labels.
    """
    shutil.rmtree(predictor, ignore_errors=True)
    for encoder, protocol in heads:
        (predictor / f"{encoder}-{protocol}").mkdir(parents=True)
        for path in sorted(scratch.glob(f"{encoder}-{protocol}-{most}-*.safetensors")):
            with whole(predictor / f"{encoder}-{protocol}" / path.name) as file:
                file.write(path.read_bytes())


def load_predictor(task, config, scene, folder):
    """The heads that `evaluate` kept: a list of groups, one per encoder and protocol.

    A group is a list with one (head, its `Task.facts`) per seed. Raises: DataError if a file is damaged.
    """
    refuse_changed(folder, PREDICTOR)
    groups = []
    for group in sorted((Path(folder) / PREDICTOR).glob("*/")):
        groups.append([])
        encoders = config.pretrain.encoders
        name = group.name.rsplit("-", 1)[0]  # random weights and training from scratch have the first one's network
        for path in sorted(group.glob("*.safetensors")):
            tensors, facts = checkpoint.load(path)
            known = name in encoders or name in config.evaluate.supervised
            own = name if known else next(iter(encoders))
            network = _network(config, scene, own, None)
            if facts.get("protocol") == PROJECTION:
                network = projected(config, scene, own)
            head = task.head(network, facts)
            try:
                head.load_state_dict(tensors)
            except RuntimeError:
                why = f"{path}: does not fit the networks of the run's config"
                raise DataError(f"{why}; delete results.csv, and the same command evaluates anew") from None
            groups[-1].append((head, facts))
    return groups
