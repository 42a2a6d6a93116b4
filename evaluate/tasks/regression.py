"""The task of predicting lens parameters from images, with encoders frozen or fine-tuned."""

import math
import os
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from sklearn.metrics import r2_score

from ...configs.evaluation import POSTERIORS, TURNING
from ...errors import DataError
from ...ssl.data import training_scene
from ...ssl.methods.supervised import Supervised
from ..limit import limits
from ..results import ALL, ANY_SHAPE, CRAMER_RAO, FINETUNED
from . import bootstrap, finetuned_posteriors, heads, posterior_heads, posteriors, symmetry
from .examples import Examples
from .finetuning import finetuned
from .heads import predict
from .task import device_of, labelled_systems, name_of


@dataclass(frozen=True)
class Regression:
    """The task (see `task.Task`) of telling some parameters of the lens from its image."""

    metric: ClassVar[str] = "r2"
    keeps: ClassVar[int | None] = None
    draws: ClassVar[tuple[str, ...]] = ("predicted_vs_true", "r2_against_labels", "calibration")

    scene: object  # from `simulate.systems.scene`
    targets: list[str]  # lens parameters
    finetuning: object  # `configs.training.Finetune`
    device: str = "cpu"
    name: str = "regression"
    threads: int = os.cpu_count() or 1  # for rendering, while nothing else runs; the images do not depend on it
    config: object = None  # whose `evaluate.data` the images are from; None: they are simulated

    @cached_property
    def examples(self):
        """The `Examples` from files; None if images are simulated."""
        return None if self.config is None else Examples(self.config, self.scene, self.threads)

    def labelled(self, split, n, skip=0):
        if self.examples is not None:
            data = self.examples.labelled(split, n, skip)
        else:
            data = labelled_systems(self.scene, self.targets, split, n, skip, self.threads)
        for target, values in data.true.items():
            unknown = int((~torch.isfinite(values)).sum())
            if unknown:
                raise DataError(
                    f"evaluate.targets: {target} has no value in {unknown} of {n} {split} systems, so it can be "
                    "neither learnt nor judged; leave it out, or simulate lenses only"
                )
        return data

    def needs_features(self, protocol):
        return protocol not in FINETUNED

    def train(self, protocol, network, train, features, seed, progress=lambda share: None):
        if protocol in FINETUNED and protocol in POSTERIORS:
            kind, how = POSTERIORS[protocol], (_table, self._fresh(protocol))
            return finetuned_posteriors.finetuned_posterior(self, network, train, kind, how, seed, progress).eval()
        if protocol in FINETUNED:
            return finetuned(self, network, train, _table, self._fresh(protocol), seed, progress)
        labels = _table(train)
        if protocol in POSTERIORS:
            return posterior_heads.posterior_on(network, features, labels, POSTERIORS[protocol], seed).eval()
        if protocol == symmetry.FROZEN:
            labels = symmetry.turned_labels(labels, self.targets).flatten(0, 1)
            features = features.reshape(len(labels), -1)
        y = labels.double().numpy()
        regressor = untrained(network, y)
        if protocol in ("ridge", symmetry.FROZEN):
            heads.ridge(regressor, features, y)
        elif protocol == "knn":
            heads.knn(regressor, features, (labels - regressor.mean) / regressor.std, of_classes=False)
        else:
            heads.trained(regressor, features, labels, seed, hidden=protocol == "mlp")
        return self._whole(regressor, protocol).eval()

    def _fresh(self, protocol):
        """What makes a head to fine-tune from a network and the labels (n, t) that it learns from."""
        return lambda network, labels: self._whole(_fresh(network, labels), protocol)

    def _whole(self, regressor, protocol):
        """The head of a protocol around a `Supervised`."""
        return symmetry.Symmetric(regressor, self.targets) if protocol in TURNING else regressor

    def predict(self, head, images):
        return dict(zip(self.targets, predict(head, images, self.device).T, strict=True))

    def score(self, true, predicted):
        return scores(true, predicted)

    def posteriors(self, head, test, true):
        return posteriors.judged(head, test.images, true, device=self.device)

    def samples(self, head, test):
        return posteriors.drawn(head, test.images, self.targets, device=self.device)

    def intervals(self, true, predicted):
        return bootstrap.intervals(bootstrap.regression_scores(true, predicted))

    def beside(self, test):
        return {}

    def limit(self, test, progress):
        scene = self.scene
        if self.examples is not None:
            if not self.examples.has_limit():
                return {}
            scene = self.examples.scene
        bounds = limits(scene, test.indices, self.targets, threads=self.threads, progress=progress)
        return {CRAMER_RAO: bounds.known} | ({ANY_SHAPE: bounds.any_shape} if bounds.any_shape else {})

    def limit_scores(self, true, bounds):
        return limit_scores(true, bounds)

    def facts(self, scores):
        found = {"targets": self.targets, "rmse": [scores[target, "rmse"] for target in self.targets]}
        return found | ({"nll": scores[ALL, "nll"]} if (ALL, "nll") in scores else {})

    def head(self, network, facts):
        protocol, n_targets = facts.get("protocol"), len(facts["targets"])
        if protocol in POSTERIORS and protocol not in FINETUNED:
            return posterior_heads.untrained_on(network, n_targets, POSTERIORS[protocol])
        regressor = Supervised(network, np.zeros(n_targets), np.ones(n_targets))
        heads.of_protocol(regressor, facts, of_classes=False)
        whole = self._whole(regressor, protocol)
        if protocol in POSTERIORS:
            return finetuned_posteriors.untrained(network, whole, n_targets, POSTERIORS[protocol])
        return whole


def make_regression(config, scene):
    """The `Regression` that a config asks for; scene: of its simulation."""
    evaluate = config.evaluate
    return Regression(
        training_scene(config, scene),
        evaluate.targets,
        evaluate.finetune,
        device_of(config),
        name_of(config, "regression", "regression on simulated lenses"),
        config=None if evaluate.data is None else config,
    )


def untrained(network, y):
    """A `Supervised` whose targets are standardised as those of some labels y (n, t)."""
    return Supervised(network, y.mean(0), np.where(y.std(0) > 0, y.std(0), 1))  # few may have the same value


def _fresh(network, labels):
    """A `Supervised` to fine-tune on labels, float32 (n, t)."""
    return Supervised(network, labels.mean(0), labels.std(0).masked_fill(labels.std(0) == 0, 1))


def _table(train):
    """The targets of `task.Labelled` side by side, float32 (n, t)."""
    return torch.stack(list(train.true.values()), dim=1)


def scores(true, predicted):
    """R2 and RMSE of each target as {(target, metric): value}; true and predicted: target -> (n,).

    R2 is NaN where all true values are the same.
    """
    out = {}
    for target, values in true.items():
        values = values.astype(float)  # float32 has no square of 1e-24, the mass of an axion
        error = predicted[target] - values
        out[target, "r2"] = float(r2_score(values, predicted[target])) if np.ptp(values) > 0 else math.nan
        out[target, "rmse"] = float(np.sqrt(np.mean(error**2)))
    return out


def limit_scores(true, bounds):
    """The scores of an estimator that reaches the information limit; true and bounds: target -> (n,)."""
    out = {}
    for target, values in true.items():
        variance = float(np.mean(bounds[target] ** 2))
        spread = float(values.var())
        out[target, "r2"] = 1 - variance / spread if spread > 0 else math.nan
        out[target, "rmse"] = math.sqrt(variance)
    return out
