"""Units of an evaluation: a head and what it is scored on; each is written when it is done, and not done again."""

import hashlib
import json
from dataclasses import asdict, dataclass

from ..files.checksums import sha256
from ..files.json_files import dictionary
from ..files.whole import write_text
from .results import Score


@dataclass(frozen=True)
class Unit:
    """The training of a head: on which encoder, how, with how many labels, from which seed."""

    encoder: str
    protocol: str
    n_labels: int
    seed: int
    shift: str = ""  # the name of a shifted test set, on which the trained head is scored

    def name(self):
        """The name of its files, without a suffix."""
        return "-".join(filter(None, [self.encoder, self.protocol, str(self.n_labels), str(self.seed), self.shift]))


def write_done(unit, scores, scratch, intervals=()):
    """Write the scores of a unit, whose other files are there, with checksums of all: the unit is done then.

    intervals: the rows that it has in bootstrap.csv.
    """
    rows = [asdict(score) for score in scores]
    files = {path.name: sha256(path) for path in _files_of(unit, scratch) if path.exists()}
    known = {"scores": rows, "files": files, "intervals": list(intervals)}
    write_text(scratch / f"{unit.name()}.json", json.dumps(known | {"sha256": _sum(known)}))


def known_of(unit, scratch):
    """What was written of a unit. Raises: as `dictionary`, ValueError if it was changed since."""
    known = dictionary(scratch / f"{unit.name()}.json")
    if known.pop("sha256") != _sum(known):
        raise ValueError("changed")
    return {"intervals": [], **known}


def scores_of_done(unit, scratch):
    """The scores of a unit that is done; None for one that is not, of which a file is missing or damaged, or that an
    earlier version wrote in another form."""
    try:
        known = known_of(unit, scratch)
        if any(sha256(scratch / name) != written for name, written in known["files"].items()):
            return None
        scores = [Score(**row) for row in known["scores"]]
    except (OSError, AttributeError, KeyError, TypeError, ValueError):
        return None
    return scores if all(Unit(s.encoder, s.protocol, s.n_labels, s.seed, s.shift) == unit for s in scores) else None


def scores_of(task, unit, values):
    """A `Score` for every {(target, metric): value} of a unit."""
    where = asdict(unit)
    return [Score(task=task.name, **where, target=t, metric=m, value=value) for (t, m), value in values.items()]


def _files_of(unit, scratch):
    """Where the head of a unit and its predictions are written; most units leave none."""
    return [scratch / f"{unit.name()}{suffix}" for suffix in (".safetensors", ".npz")]


def _sum(known):
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
