"""Train the heads of an evaluation and score them on its test data; each unit is written when it is done."""

import copy
from dataclasses import asdict, dataclass, field

import numpy as np

from ..files.whole import write_arrays
from ..progress import Stopped, bar
from ..ssl import checkpoint
from ..ssl.probe import features_of
from .kept_heads import PROJECTION
from .results import RANDOM, STREAM, SUPERVISED
from .scored import scores_of, scores_of_done, write_done
from .tasks import symmetry
from .tasks.posteriors import Judged

_RANK, _DRAWN = "rank/", "sample/"  # before the target, of arrays beside the predictions of a unit


@dataclass(frozen=True)
class Data:
    """The encoders, labelled data and test data that heads are trained and scored with."""

    networks: dict  # name of an encoder -> its `Network`
    pools: list  # of `tasks.task.Labelled`: the labelled data of each seed
    test: object  # `tasks.task.Labelled`
    projected: dict = field(default_factory=dict)  # name of an encoder -> its `trained_heads.Projected`
    heads: dict = field(default_factory=dict)  # name of an encoder -> the head that it has of its own, `stream_head`

    def network(self, unit):
        """The network on which the head of a unit is trained."""
        name = RANDOM if unit.encoder == SUPERVISED else unit.encoder
        return (self.projected if unit.protocol == PROJECTION else self.networks)[name]


def train_heads(task, units, data, scratch, stop):
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
            head = _train(task, unit, data, pool_features, _moves(progress, done, words))
            _score(task, unit, head, data.test, most, scratch)
        progress.update(len(units), words)


def _train(task, unit, data, pool_features, moves):
    """The head of a unit, trained. pool_features: keeps what `_features` finds. moves: of `_moves`."""
    if unit.protocol == STREAM:
        return data.heads[unit.encoder]
    network, pool, known = data.network(unit), data.pools[unit.seed], None
    if task.needs_features(unit.protocol):
        known = _features(task, unit, network, pool, pool_features)[: unit.n_labels]
    return task.train(unit.protocol, network, pool.first(unit.n_labels), known, unit.seed, moves)


def _features(task, unit, network, pool, last):
    """The features of all labelled data of a unit; `last` keeps them for the next unit on the same network."""
    own = unit.protocol if unit.protocol in (PROJECTION, symmetry.FROZEN) else ""
    key = unit.encoder, own, unit.seed
    if key not in last:
        of = symmetry.turned_features if unit.protocol == symmetry.FROZEN else features_of
        last.clear()
        last[key] = of(network.to(task.device), pool.images)
    return last[key]


def _score(task, unit, head, test, most, scratch):
    """Score a trained head, and write its unit. most: so many labels have the heads whose weights are kept."""
    predicted, true = task.predict(head, test.images), arrays_of(test)
    given, ranges = posteriors_of(task, head, test, true), {}
    values = task.score(true, predicted) | given.scores
    if unit.n_labels in (0, most):
        ranks = {f"{_RANK}{target}": of for target, of in given.ranks.items()}
        drawn = task.samples(head, test) if given.ranks and not unit.seed else {}
        drawn = {f"{_DRAWN}{target}": of for target, of in drawn.items()}
        write_arrays(scratch / f"{unit.name()}.npz", shown(task, predicted) | ranks | drawn)
        ranges = task.intervals(true, predicted) if hasattr(task, "intervals") else {}
    if unit.n_labels == most:
        facts = task.facts(values) | {"protocol": unit.protocol, "n_labels": unit.n_labels}
        checkpoint.save(scratch / f"{unit.name()}.safetensors", head.state_dict(), **facts)
    scores = scores_of(task, unit, values)
    rows = [asdict(s) | found._asdict() for s in scores if (found := ranges.get((s.target, s.metric)))]
    write_done(unit, scores, scratch, rows)


def _moves(progress, done, words):
    """What moves a bar with the training of one head: a function of the share of it that is done."""
    return lambda share: progress.update(done + share, f"{words}, {share:.0%}")


def trained_head(task, unit, data, scratch):
    """The head that `train_heads` trained for a unit."""
    if unit.protocol == STREAM:
        return data.heads[unit.encoder]
    tensors, facts = checkpoint.load(scratch / f"{unit.name()}.safetensors")
    head = task.head(copy.deepcopy(data.network(unit)), facts)
    head.load_state_dict(tensors)
    return head


def predicted_by(units, scratch):
    """What heads predicted, ranks of the true values, and samples: (encoder, protocol) -> target -> (n, ...)."""
    found = {"": {}, _RANK: {}, _DRAWN: {}}
    for unit in units:
        with np.load(scratch / f"{unit.name()}.npz") as file:
            for name in file.files:
                prefix = next((prefix for prefix in (_RANK, _DRAWN) if name.startswith(prefix)), "")
                of_head = found[prefix].setdefault((unit.encoder, unit.protocol), {})
                of_head[name.removeprefix(prefix)] = file[name]
    return found[""], found[_RANK], found[_DRAWN]


def posteriors_of(task, head, test, true):
    """What a head's posteriors of test images are worth, `posteriors.Judged`; nothing for a task without."""
    return task.posteriors(head, test, true) if hasattr(task, "posteriors") else Judged({}, {})


def shown(task, by_target):
    """Of values by target (n, ...), those of the test systems that figures need."""
    return {target: values[: task.keeps] for target, values in by_target.items()}


def arrays_of(data):
    """The true values of `Labelled` as numpy arrays."""
    return {target: values.numpy() for target, values in data.true.items()}
