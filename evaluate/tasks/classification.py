"""The task of telling the class of a system from its image, with encoders frozen or fine-tuned."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import torch

from ...configs.evaluation import merged
from ...errors import DataError
from ...ssl.data import training_scene
from ...ssl.methods.supervised import Classifier, number_of_classes
from ..results import MACRO
from . import bootstrap, class_scores, heads
from .examples import Examples
from .finetuning import finetuned
from .heads import predict
from .task import Labelled, device_of, labelled_systems, name_of


@dataclass(frozen=True)
class Classification:
    """The task (see `task.Task`) of telling the classes of systems, or of a column of labels, from images.

    Labels are int64 (n,), numbers into `classes`; predictions are probabilities, float32 (n, k).
    """

    metric: ClassVar[str] = "auc"
    draws: ClassVar[tuple[str, ...]] = ("auc_against_labels",)
    keeps: ClassVar[int | None] = None

    scene: object  # from `simulate.systems.scene`; None where nothing is simulated
    target: str  # "class", or a column of labels
    finetuning: object  # `configs.training.Finetune`
    device: str = "cpu"
    name: str = "classification"
    threads: int = os.cpu_count() or 1  # for rendering, while nothing else runs; the images do not depend on it
    merge: dict = field(default_factory=dict)  # of simulated classes, as `evaluate.merge`
    config: object = None  # whose `evaluate.data` the images are from; None: they are simulated

    @cached_property
    def examples(self):
        """The `Examples` from files; None if images are simulated."""
        return None if self.config is None else Examples(self.config, self.scene, self.threads)

    @cached_property
    def classes(self):
        """The names of the classes, in the order of their numbers."""
        if self.examples is None:
            return merged(self.scene.config.drawn_classes(), self.merge)[0]
        return list(self.examples.classes)

    def labelled(self, split, n, skip=0):
        if self.examples is not None:
            data = self.examples.labelled(split, n, skip)
            numbers = data.true[self.target]
        else:
            data = labelled_systems(self.scene, [self.target], split, n, skip, self.threads)
            number_of = torch.tensor(number_of_classes(self.scene.config, self.merge))
            numbers = number_of[data.true[self.target].long()]
        unknown = int((~torch.isfinite(numbers)).sum())
        if unknown:
            raise DataError(f"evaluate.targets: {self.target} is not known of {unknown} of {n} {split} images")
        return Labelled(data.images, {self.target: numbers.long()}, data.indices)

    def needs_features(self, protocol):
        return protocol != "finetune"

    def train(self, protocol, network, train, features, seed, progress=lambda share: None):
        if protocol == "finetune":
            return finetuned(self, network, train, self._table, self._untrained, seed, progress)
        head, classes = self._untrained(network), train.true[self.target]
        if protocol in ("logistic", "logistic_projection"):
            heads.logistic(head, features, classes.numpy(), seed)
        elif protocol == "knn":
            heads.knn(head, features, classes, of_classes=True)
        else:
            heads.trained(head, features, classes[:, None], seed, hidden=protocol == "mlp")
        return head.eval()

    def _table(self, data):
        return data.true[self.target][:, None]

    def _untrained(self, network, labels=None):
        return Classifier(network, range(len(self.classes)))

    def predict(self, head, images):
        return {self.target: predict(head, images, self.device)}

    def score(self, true, predicted):
        return class_scores.scores(self.classes, true[self.target], predicted[self.target])

    def intervals(self, true, predicted):
        return bootstrap.intervals(bootstrap.class_scores(self.classes, true[self.target], predicted[self.target]))

    def beside(self, test):
        return {}

    def limit(self, test, progress):
        return {}

    def limit_scores(self, true, bounds):
        return {}

    def facts(self, scores):
        return {"classes": self.classes, "auc": scores[MACRO, "auc"]}

    def head(self, network, facts):
        head = Classifier(network, range(len(facts["classes"])))
        heads.of_protocol(head, facts, of_classes=True)
        return head


def make_classification(config, scene):
    """The `Classification` that a config asks for; scene: of its simulation."""
    evaluate = config.evaluate
    return Classification(
        training_scene(config, scene),
        evaluate.targets[0],
        evaluate.finetune,
        device_of(config),
        name_of(config, "classification", "classification of simulated systems"),
        merge=evaluate.merge,
        config=None if evaluate.data is None else config,
    )
