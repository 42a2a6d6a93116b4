"""The interface of an evaluation task: its labelled data, how a head is trained, scored and shown.

`evaluate.judge` carries any task through encoders, protocols, numbers of labels and seeds. To add one, write a file
with a class of these attributes and functions (`regression` is the first), and give it to `judge.evaluate`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import nn

from ...simulate.stream import simulate
from ...simulate.systems.scene import FIRST_INDEX
from ...ssl.data import sees_what_is_simulated


@dataclass(frozen=True)
class Labelled:
    """Images with the true values that a head learns or is scored by."""

    images: torch.Tensor  # float32 (n, bands, num_pix, num_pix) [counts/s/pixel]
    true: dict[str, torch.Tensor]  # target -> (n, ...), in its unit
    indices: np.ndarray  # uint64 (n,)

    def first(self, n):
        """The first n images with their values."""
        return Labelled(self.images[:n], {t: values[:n] for t, values in self.true.items()}, self.indices[:n])

    def of(self, rows):
        """The examples of some rows, int (m,)."""
        return Labelled(self.images[rows], {t: values[rows] for t, values in self.true.items()}, self.indices[rows])


class Task(Protocol):
    """A task by which encoders are judged, such as the regression of lens parameters.

    A head is a `torch.nn.Module` that holds the encoder it was trained on. A dict of scores maps (target, metric) to a
    number; its order is that of results.csv.
    """

    name: str  # in the column `task` of the results
    metric: str  # the one, of which more is better, that decides which head is kept for predictions
    device: str  # where networks run
    keeps: int | None  # of so many test systems values and predictions are kept for figures; None: of all
    draws: tuple[str, ...]  # the figures of a report that show it, by their names in `evaluate.show.outputs`
    # A task that takes images from files has the attribute examples, too: an `examples.Examples`, or None.

    def labelled(self, split: str, n: int, skip: int = 0) -> Labelled:
        """`n` examples of a split ("labelled", "validation" or "test"), after its first `skip`."""

    def needs_features(self, protocol: str) -> bool:
        """Whether `train` learns from features of the frozen encoder: they are then computed once for many heads."""

    def train(
        self, protocol: str, network: nn.Module, train: Labelled, features: np.ndarray | None, seed: int, progress
    ):
        """A head, by the name of a protocol; `network` is left as it is.

        features: float32 (n, d), if needed. progress: called with the share that is done, 0 to below 1, where it takes
        long.
        """

    def predict(self, head: nn.Module, images: torch.Tensor) -> dict[str, np.ndarray]:
        """The predictions of a head for images (n, bands, h, w): target -> (n, ...)."""

    def score(self, true: dict[str, np.ndarray], predicted: dict[str, np.ndarray]) -> dict[tuple[str, str], float]:
        """The scores of predictions, such as R2 and RMSE of each target."""

    # A task with heads that give posteriors has the functions posteriors(head, test, true), too: a `posteriors.Judged`,
    # and samples(head, test): what `posteriors.drawn` gives.
    # A task whose scores have bootstrap intervals has the function intervals(true, predicted), too: a dict as that of
    # score, of `bootstrap.Interval`.
    def beside(self, test: Labelled) -> dict[str, dict[str, np.ndarray]]:
        """What is predicted without learning, such as an interpolation, by its name: it has a row beside encoders."""

    def limit(self, test: Labelled, progress) -> dict[str, dict[str, np.ndarray]]:
        """Target -> (n,), the smallest standard deviation that the images allow, for each way to compute it of
        `results`: CRAMER_RAO and ANY_SHAPE; empty where no bound is known."""

    def limit_scores(self, true: dict[str, np.ndarray], bounds: dict[str, np.ndarray]) -> dict[tuple[str, str], float]:
        """The scores of predictions that reach the information limit."""

    def facts(self, scores: dict[tuple[str, str], float]) -> dict:
        """What `head` needs beside the weights, protocol and n_labels, and what a reader of predictions has to know, as
        JSON values."""

    def head(self, network: nn.Module, facts: dict) -> nn.Module:
        """A head for the weights of one that was saved with these facts."""


class Amounts(NamedTuple):
    """How many images heads learn from, in rising numbers as the config has them, and how many they are judged by."""

    n_labels: list[int]
    n_test: int


def amounts(task, settings):
    """The `Amounts` of a task in numbers: fractions and "all" are of the images in files.

    settings: `configs.evaluation.Evaluate`.
    """
    examples = getattr(task, "examples", None)
    return Amounts(settings.n_labels, settings.n_test) if examples is None else examples.amounts(settings)


def pool(task, n, seed):
    """The n labelled images of a seed, `Labelled`; fewer labels are the first of them.

    Of simulated lenses each seed has others; of images in files each draws its own.
    """
    examples = getattr(task, "examples", None)
    return task.labelled("labelled", n, skip=seed * n) if examples is None else examples.pool(n, seed)


def device_of(config):
    """Where a task trains and judges heads: "cuda" if the config lets it and there is one, else "cpu"."""
    return "cuda" if config.pretrain.accelerator in ("auto", "cuda") and torch.cuda.is_available() else "cpu"


def name_of(config, plain, of_simulated):
    """The name of a task, which says where encoders are judged by other images than they were trained on.

    plain: where they are not. of_simulated: where those they are judged by are simulated.
    """
    evaluate = config.evaluate
    if evaluate.judged_by_files:
        return f"{plain} on {Path(evaluate.data.judged).name}"
    return of_simulated if evaluate.learns_from_files or not sees_what_is_simulated(config) else plain


def labelled_systems(scene, targets, split, n, skip=0, threads=1):
    """`n` simulated systems of a split ("labelled" or "test"), after the first `skip`, with labels of the lens.

    Args: scene: from `simulate.systems.scene`. targets: names of labels of `simulate.labels.labels`.
    Returns: `Labelled`, with targets float32 (n,).
    """
    indices = np.arange(skip, skip + n, dtype=np.uint64) + np.uint64(FIRST_INDEX[split])
    derived = targets != ["class"]  # which is known without
    batch = simulate(scene, indices, threads=threads, derived=derived)
    return Labelled(batch.images[:, 0], {t: batch.labels[t] for t in targets}, indices)
