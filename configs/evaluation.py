"""Settings of the evaluation: by which task encoders are judged, on which images, with how many labels."""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from .encoder import Backbone
from .keys import Mistakes, Section, key
from .training import BASELINES, Finetune

TARGETS = {  # of each task, where none are given
    "regression": ["theta_E", "e1", "e2", "gamma"],
    "classification": ["class"],
    "super_resolution": ["image"],
}
PROTOCOLS = {  # of each task; the first and the last are the default
    "regression": ["ridge", "knn", "linear", "mlp", "finetune"],
    "classification": ["logistic", "logistic_projection", "knn", "linear", "mlp", "finetune"],
    "super_resolution": ["frozen", "finetune"],
}


class LabelledImages(Section):
    """Images with labels instead of simulated ones."""

    path: str = key(
        "a dataset of `lenstream simulate`, or images with a table of labels (`lenstream inspect` says what is read)"
    )
    test_path: str | None = key(
        "another one for tests; empty: the part of `path` that is called test, or a fifth of its images by `seed`",
        "-",
        None,
    )


class SuperResolutionSettings(Section):
    """Images on a finer grid: from which pairs a decoder learns them, how large it is, and how it is scored."""

    factor: Literal[2, 4] = key("pixels of the target along a side of a pixel of the image", "-", 2)
    target: Literal["clean", "observed"] = key(
        "of simulated pairs. clean: the image without noise on the finer grid; observed: with a noise of its own",
        default="clean",
    )
    lr_path: str | None = key(
        "folder or file of images with large pixels; empty: pairs are simulated",
        "-",
        None,
    )
    hr_path: str | None = key("those with small pixels, with the same names", "-", None)
    data_range: float | None = key(
        "range of pixel values for PSNR and SSIM; empty: of each target, its highest less its lowest pixel",
        "counts/s",
        None,
        gt=0,
    )
    width: int = key("channels of the decoder", "-", 32, ge=1, le=512)
    depth: int = key("residual blocks of the decoder", "-", 4, ge=0, le=64)
    steps: int = key("optimiser steps", "steps", 600, ge=1)
    batch_size: int = key("pairs a step", "images", 16, ge=1)
    lr: float = key("peak learning rate (AdamW)", default=2e-3, gt=0)

    @model_validator(mode="after")
    def both_paths_or_none(self):
        if (self.lr_path is None) != (self.hr_path is None):
            raise ValueError("give both lr_path and hr_path, or neither")
        return self


class Evaluate(Section):
    """How encoders are judged."""

    data: LabelledImages | None = key(
        "images with labels to learn `targets` from and to be judged by; empty: the lenses of `simulate`", "-", None
    )
    judged_on: Literal["simulated"] | None = key(
        "simulated: encoders that are trained on a folder (`pretrain.data`) are judged by the lenses of `simulate`, "
        "though they never saw any; empty: they are not judged",
        "-",
        None,
    )
    task: Literal["regression", "classification", "super_resolution"] = key(
        "numbers of the lens, its class, or its image on a finer grid", default="regression"
    )
    super_resolution: SuperResolutionSettings = key(
        "pairs, decoder and scores of the task super_resolution", default=SuperResolutionSettings()
    )
    targets: list[str] = key(
        "lens parameters to recover, or columns of the labels of `data`; a classification has one (default: class)",
        default=TARGETS["regression"],
        min_length=1,
    )
    n_labels: list[Annotated[int, Field(ge=10)]] = key(
        "numbers of labelled lenses", "lenses", [100, 300, 1000], min_length=1
    )
    seeds: int = key("repetitions with other labelled lenses", "repetitions", 3, ge=1)
    n_test: int = key("test lenses", "lenses", 1000, ge=20)
    protocols: list[
        Literal["ridge", "logistic", "logistic_projection", "knn", "linear", "mlp", "frozen", "finetune"]
    ] = key(
        "how heads learn: on frozen features (regression: ridge, knn, linear, mlp; classification: logistic, knn, "
        "linear, mlp, and logistic_projection behind the pre-training's projector), or with all weights "
        "(default of a classification: logistic, finetune)",
        default=["ridge", "finetune"],
        min_length=1,
    )
    supervised: dict[str, Backbone] = key(
        "further networks that are trained from scratch on the same labels, by name", default={}
    )
    finetune: Finetune = key("fine-tuning and supervised training from scratch", default=Finetune())
    limit: bool = key("compute the information limit", default=True)
    umap: bool = key("draw the UMAP of features", default=True)

    @model_validator(mode="before")
    @classmethod
    def defaults_are_those_of_the_task(cls, values):
        task = values.get("task") if isinstance(values, dict) else None
        if not isinstance(task, str) or task not in TARGETS or task == "regression":
            return values
        return {"targets": TARGETS[task], "protocols": [PROTOCOLS[task][0], PROTOCOLS[task][-1]]} | values

    @model_validator(mode="after")
    def protocols_are_those_of_the_task(self):
        wrong = [name for name in self.protocols if name not in PROTOCOLS[self.task]]
        if wrong:
            known = ", ".join(PROTOCOLS[self.task])
            raise Mistakes([("protocols", f"{wrong[0]} is none of a {self.task}, expected {known}")])
        if self.task != "regression" and len(self.targets) > 1:
            said = f"a {self.task} has one, such as {TARGETS[self.task][0]}, got {len(self.targets)}"
            raise Mistakes([("targets", said)])
        return self

    @model_validator(mode="after")
    def names_of_networks_are_free(self):
        for name in self.supervised:
            if name in BASELINES:
                raise Mistakes([(f"supervised.{name}", "this is the name of a baseline, give the network another")])
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
                said = f'"{name[:40]}" names files, so give up to 100 letters, digits, ".", "_" and "-" only'
                raise Mistakes([("supervised", said)])
        return self

    @property
    def judged_by_files(self):
        """Whether heads learn from images in files, and are judged by them."""
        if self.task == "super_resolution":
            return self.super_resolution.lr_path is not None
        return self.data is not None
