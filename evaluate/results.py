"""The results of an evaluation, scores and arrays: how they are held in memory, saved and loaded.

results.csv has one score a row; bootstrap.csv those at the largest number of labels with the percentiles of resampled
test images, between 16 and 84 (low_68, high_68) and 2.5 and 97.5 (low_95, high_95). evaluation.npz has the arrays
`indices`, `true/TARGET`, `bound/TARGET` (of the information limit with known shapes), `bound-any-shape/TARGET` (with
unknown ones, if the galaxies are images), `predicted/ENCODER/PROTOCOL/TARGET`, `features/ENCODER` and, of posteriors,
`rank/ENCODER/PROTOCOL/TARGET` and `sample/ENCODER/PROTOCOL/TARGET`.
"""

import csv
import hashlib
import math
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import DataError
from ..files.checksums import add_sums, read_sums, refuse_differing, sha256
from ..files.csv_writing import csv_of, plain, write_csv
from ..files.whole import write_arrays, write_text

RANDOM = "random"  # the encoder with the weights it starts from
SUPERVISED = "supervised"  # fine-tuning of random weights: training from scratch
MACRO, ALL = "macro", "all"  # as targets: the mean over classes, and all of them together
# The information limit, and how it is computed: the shape of a galaxy image is known, or it may be that of any galaxy.
REFINED = "refined"  # the protocol of predictions carried to the maximum of the posterior, see `tasks.refined`
LIMIT, CRAMER_RAO, ANY_SHAPE = "limit", "cramer-rao", "cramer-rao-any-shape"
_BOUNDS = {CRAMER_RAO: "bound", ANY_SHAPE: "bound-any-shape"}  # in the arrays
FINETUNED = ("finetune", "finetune_d4")  # protocols that train all weights, and those that give a posterior, too:
FINETUNED += ("finetune_gaussian", "finetune_flow", "finetune_d4_gaussian", "finetune_d4_flow")
STREAM = "stream"  # the protocol of a head as the pre-training left it
TABLE, ARRAYS, PREDICTOR = "results.csv", "evaluation.npz", "predictor"  # in a run's folder
REFINED_TABLE = "refined.csv"  # estimates refined by the simulator, one row a start and lens
INTERVALS, PERCENTILES = "bootstrap.csv", ("low_95", "low_68", "high_68", "high_95")


@dataclass(frozen=True)
class Score:
    """A number that says how good a trained head is on test data."""

    task: str
    encoder: str  # its name in the config, or RANDOM, SUPERVISED, LIMIT
    protocol: str  # how the head was trained
    n_labels: int  # 0 for the limit, and for the protocol STREAM, which uses none beside those of its training
    seed: int
    target: str
    metric: str
    value: float
    shift: str = ""  # which distribution the test data has; empty: that of the training


@dataclass(frozen=True)
class Evaluation:
    """The scores of a task, and what its figures need: test data and what was predicted of it."""

    scores: list[Score]
    indices: np.ndarray  # uint64 (n,), of the test systems
    true: dict[str, np.ndarray]  # target -> (n, ...), in its unit
    predictions: dict[tuple[str, str], dict[str, np.ndarray]]  # (encoder, protocol) -> target -> (n, ...)
    features: dict[str, np.ndarray]  # encoder -> float32 (n, d)
    # CRAMER_RAO or ANY_SHAPE -> target -> float64 (n,); empty without a limit
    bounds: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    intervals: list[dict] = field(default_factory=list)  # the rows of bootstrap.csv; empty where a task has none
    ranks: dict[tuple[str, str], dict[str, np.ndarray]] = field(default_factory=dict)  # as `posteriors.Judged.ranks`
    drawn: dict[tuple[str, str], dict[str, np.ndarray]] = field(default_factory=dict)  # as of `posteriors.drawn`

    def with_scores(self, scores):
        """The same evaluation with other scores."""
        return replace(self, scores=scores)

    def save(self, folder):
        """Write both files to a folder, and the checksums of all that the evaluation left there.

        results.csv comes last, as it says that the evaluation is complete. Raises: OSError.
        """
        folder = Path(folder)
        arrays = {"indices": self.indices} | {f"true/{t}": values for t, values in self.true.items()}
        for protocol, by_target in self.bounds.items():
            arrays |= {f"{_BOUNDS[protocol]}/{t}": values for t, values in by_target.items()}
        arrays |= {f"features/{encoder}": values for encoder, values in self.features.items()}
        for prefix, of_heads in (("predicted", self.predictions), ("rank", self.ranks), ("sample", self.drawn)):
            for (encoder, protocol), by_target in of_heads.items():
                arrays |= {f"{prefix}/{encoder}/{protocol}/{t}": values for t, values in by_target.items()}
        write_arrays(folder / ARRAYS, arrays)
        text = table(self.scores)
        (folder / INTERVALS).unlink(missing_ok=True)  # of an earlier evaluation
        if self.intervals:
            write_csv(pd.DataFrame(self.intervals), folder / INTERVALS)
        refined = folder.glob(REFINED_TABLE) if any(score.protocol == REFINED for score in self.scores) else ()
        kept = [
            folder / ARRAYS,
            *folder.glob(INTERVALS),
            *refined,
            *sorted((folder / PREDICTOR).rglob("*.safetensors")),
        ]
        sums = {path.relative_to(folder).as_posix(): sha256(path) for path in kept}
        sums[TABLE] = hashlib.sha256(text.encode()).hexdigest()  # of a file that is not yet there
        add_sums(folder, sums, PREDICTOR, INTERVALS, REFINED_TABLE)
        write_text(folder / TABLE, text)

    @classmethod
    def load(cls, folder):
        """The evaluation of a folder. Raises: DataError if a file is missing, changed, damaged or lacks an array."""
        path = Path(folder) / ARRAYS
        try:
            with np.load(path) as file:
                arrays = {key: file[key] for key in file.files}
        except Exception as error:  # a damaged zip is answered with many different errors
            why = f"{path}: cannot be read as the arrays of an evaluation ({error})"
            raise DataError(f"{why}; {_anew(folder)}") from None
        if "indices" not in arrays or not _below("true/", arrays):
            raise DataError(f"{path}: expected the arrays indices and true/TARGET; it has {', '.join(arrays)}")
        predictions, ranks, drawn = {}, {}, {}
        for prefix, of_heads in (("predicted", predictions), ("rank", ranks), ("sample", drawn)):
            for key, values in _below(f"{prefix}/", arrays).items():
                encoder, protocol, target = (key.split("/", 2) + [""] * 2)[:3]
                if not target:
                    raise DataError(f"{path}: {prefix}/{key} is no {prefix}/ENCODER/PROTOCOL/TARGET")
                of_heads.setdefault((encoder, protocol), {})[target] = values
        scores = read_scores(folder)
        refuse_changed(folder)
        return cls(
            scores=scores,
            indices=arrays["indices"],
            true=_below("true/", arrays),
            predictions=predictions,
            features=_below("features/", arrays),
            bounds={p: found for p, name in _BOUNDS.items() if (found := _below(f"{name}/", arrays))},
            intervals=read_intervals(folder),
            ranks=ranks,
            drawn=drawn,
        )


def _below(prefix, arrays):
    return {key.removeprefix(prefix): values for key, values in arrays.items() if key.startswith(prefix)}


def is_complete(folder):
    """Whether a folder holds a finished evaluation, with all that belongs to it."""
    folder = Path(folder)
    listed = [name for name in read_sums(folder) if name in (ARRAYS, INTERVALS) or name.startswith(f"{PREDICTOR}/")]
    return all((folder / name).exists() for name in [TABLE, *listed])


def refuse_changed(folder, *names):
    """Raise DataError if files of an evaluation, all or those of some names, are missing or changed since."""
    folder = Path(folder)
    refuse_differing(folder, _anew(folder), *(names or (TABLE, ARRAYS, INTERVALS, PREDICTOR)))


def _anew(folder):
    """What to do about an evaluation that is damaged."""
    return f"delete {Path(folder) / TABLE} (and finished, if it is there), and the same command evaluates anew"


def table(scores):
    """Scores as the text of results.csv; the column `shift` is there only if a score has one."""
    columns = [f.name for f in fields(Score)]
    if not any(score.shift for score in scores):
        columns.remove("shift")
    return csv_of(pd.DataFrame([asdict(score) for score in scores], columns=columns))


def read_scores(folder):
    """The scores of a folder's results.csv, in its order. Raises: DataError if it is missing or damaged."""
    path = Path(folder) / TABLE
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [_score(row) for row in csv.DictReader(file)]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except (KeyError, TypeError, ValueError) as error:
        columns = ",".join(f.name for f in fields(Score) if f.name != "shift")
        raise DataError(f"{path}: a row is not a score ({error}); expected the columns {columns}") from None


def read_intervals(folder):
    """The rows of a folder's bootstrap.csv as dictionaries; empty without one. Raises: DataError if it is damaged."""
    path = Path(folder) / INTERVALS
    if not path.exists():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [_interval(row) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table of intervals ({error}); {_anew(folder)}") from None


def _interval(row):
    words = {name: plain(word) for name, word in row.items()} | {name: int(row[name]) for name in ("n_labels", "seed")}
    return words | {name: float(row[name] or math.nan) for name in ("value", *PERCENTILES)}


def _score(row):
    numbers = {"n_labels": int(row["n_labels"]), "seed": int(row["seed"]), "value": float(row["value"] or math.nan)}
    return Score(**({name: plain(word) for name, word in row.items()} | numbers))


def frame(scores, shift="", refined=False):
    """The scores on one distribution of test data, for tables and figures: a DataFrame, columns those of `Score`.

    refined: those of refined estimates, which have metrics of their own, instead of those of heads.
    """
    own = [asdict(s) for s in scores if s.shift == shift and (s.protocol == REFINED) == refined]
    return pd.DataFrame(own, columns=[f.name for f in fields(Score)])


def limit_names(protocols):
    """Names of information limits by how they are computed, the one to be measured by first; one alone is 'limit'."""
    there = set(protocols)
    names = {ANY_SHAPE: "limit, any shape", CRAMER_RAO: "limit, shape known" if ANY_SHAPE in there else "limit"}
    return {protocol: name for protocol, name in names.items() if protocol in there}


def drawn_heads(heads):
    """Of pairs (encoder, protocol) of a regression those whose predictions are drawn, in their order.

    It is one frozen linear head of each encoder, and one training from scratch.
    """
    chosen = {}
    for protocol in ("ridge", "d4", *FINETUNED):
        for encoder, own in heads:
            if own == protocol and (encoder == SUPERVISED) == (protocol in FINETUNED):
                chosen.setdefault(encoder, protocol)
    return [head for head in heads if chosen.get(head[0]) == head[1]]


def best(scores, metric="r2"):
    """For each target the (encoder, protocol) with the highest mean over seeds, at the largest number of labels.

    Args: scores: of one task. metric: one of which more is better.
    Returns: dict of target to (encoder, protocol), in the order of the scores; the first of equals wins. Classes have
    one for all, that of the mean over classes.
    """
    most, values = max((s.n_labels for s in scores), default=0), {}
    for s in scores:
        if s.n_labels == most and s.metric == metric and not s.shift and math.isfinite(s.value):
            values.setdefault(s.target, {}).setdefault((s.encoder, s.protocol), []).append(s.value)
    values = {MACRO: values[MACRO]} if MACRO in values else values
    return {target: max(of_heads, key=lambda head: np.mean(of_heads[head])) for target, of_heads in values.items()}


def kept(scores, metric="r2"):
    """The heads that predict other images: those `best` at some target, and the posterior of `most_probable`."""
    posterior = most_probable(scores)
    return {*best(scores, metric).values(), *([] if posterior is None else [posterior])}


def most_probable(scores, protocol=None):
    """The (encoder, protocol) whose posteriors have the lowest mean negative log-likelihood at the largest number of
    labels; None without any. protocol: those of one only."""
    of_posteriors = [s for s in scores if (s.target, s.metric) == (ALL, "nll") and not s.shift]
    largest, values = max((s.n_labels for s in of_posteriors), default=0), {}
    for s in of_posteriors:
        if s.n_labels == largest and protocol in (None, s.protocol) and math.isfinite(s.value):
            values.setdefault((s.encoder, s.protocol), []).append(s.value)
    return min(values, key=lambda head: np.mean(values[head]), default=None)
