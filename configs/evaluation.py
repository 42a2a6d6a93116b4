"""Settings of the evaluation: by which task encoders are judged, on which images, with how many labels."""

import re
from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from .encoder import Backbone
from .keys import Mistakes, Section, key
from .labelled_images import LabelledImages
from .training import BASELINES, Finetune
from .turning import unturnable

TARGETS = {  # of each task, where none are given
    "regression": ["theta_E", "e1", "e2", "gamma"],
    "classification": ["class"],
    "super_resolution": ["image"],
}
TURNING = ("d4", "finetune_d4", "finetune_d4_gaussian", "finetune_d4_flow")  # protocols that turn images with labels
POSTERIORS = {  # protocols that give the posterior of all targets together, and its kind
    "gaussian": "gaussian",
    "flow": "flow",
    "finetune_gaussian": "gaussian",
    "finetune_flow": "flow",
    "finetune_d4_gaussian": "gaussian",
    "finetune_d4_flow": "flow",
}
NO_CLASSES = ("macro", "all")  # targets of results.csv: the mean over classes, and all of them together
PROTOCOLS = {  # of each task; the first and the last are the default
    "regression": ["ridge", "knn", "linear", "mlp", "d4", *POSTERIORS, "finetune_d4", "finetune"],
    "classification": ["logistic", "logistic_projection", "knn", "linear", "mlp", "finetune"],
    "super_resolution": ["frozen", "finetune"],
}


def _amount(value):
    """Refuse what is no number of labelled images, in one sentence."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 10
    share = isinstance(value, float) and 0 < value < 1
    if not (whole or share or value == "all"):
        raise ValueError(f"expected a whole number of at least 10, a fraction between 0 and 1, or all, got {value!r}")
    return value


def _listed(value):
    """A number, or all, as the list of it alone."""
    return [value] if isinstance(value, int | float | str) else value


def _tests(value):
    """Refuse what is no number of test images, in one sentence."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not (isinstance(value, int) and not isinstance(value, bool) and value >= 20) and value != "all":
        raise ValueError(f"expected a whole number of at least 20, or all, got {value!r}")
    return value


class OverlaidImages(Section):
    """Images that are drawn into the map of the test lenses."""

    path: str = key("a folder of FITS cut-outs, a file, or any data set of images")
    pixel_scale: float | None = key("pixel of the images; empty: as the files say", "arcsec", None, gt=0)


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


class Refine(Section):
    """Predictions carried to the maximum of the posterior by the simulator, from every encoder's as the start."""

    lenses: int = key("test lenses, the first ones", "lenses", 100, ge=10)
    proposals: int = key("lenses that are looked at for each image, around its prediction", "lenses", 32, ge=1)


class Evaluate(Section):
    """How encoders are judged."""

    data: LabelledImages | None = key(
        "images with labels to learn `targets` from and to be judged by; empty: the lenses of `simulate`", "-", None
    )
    judged_on: Literal["simulated"] | None = key(
        "simulated: encoders that are trained on a folder (`pretrain.data`), or heads that learn from one "
        "(`evaluate.data.path`), are judged by the lenses of `simulate`, though they saw none; empty: they are not",
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
    merge: dict[str, Annotated[list[str], Field(min_length=1)]] = key(
        "classes of the simulation that count as one, by its name, e.g. {nonlens: [spiral, ring]}; others stay",
        default={},
    )
    n_labels: Annotated[
        list[Annotated[int | float | Literal["all"], BeforeValidator(_amount)]], BeforeValidator(_listed)
    ] = key(
        "numbers of labelled images, or of pairs for a super-resolution; of images in files also fractions, and all",
        "images",
        [100, 300, 1000],
        min_length=1,
    )
    seeds: int = key("repetitions with other labelled images", "repetitions", 3, ge=1)
    n_test: Annotated[int | Literal["all"], BeforeValidator(_tests)] = key(
        "test lenses; all, of images in files, where that is the default", "lenses", 1000
    )
    protocols: list[
        Literal[
            "ridge",
            "d4",
            "logistic",
            "logistic_projection",
            "knn",
            "linear",
            "mlp",
            "gaussian",
            "flow",
            "frozen",
            "finetune_gaussian",
            "finetune_flow",
            "finetune_d4_gaussian",
            "finetune_d4_flow",
            "finetune_d4",
            "finetune",
        ]
    ] = key(
        "how heads learn: on frozen features (regression: ridge, knn, linear, mlp, and gaussian and flow, which give "
        "the posterior of all targets together; classification: logistic, knn, "
        "linear, mlp, and logistic_projection behind the pre-training's projector), or with all weights (finetune, and "
        "with a posterior finetune_gaussian and finetune_flow); those with d4 in their names (d4: ridge) "
        "turn and mirror the images with their labels, and average over all eight "
        "symmetries of the square (default of a classification: logistic, finetune)",
        default=["ridge", "finetune"],
        min_length=1,
    )
    supervised: dict[str, Backbone] = key(
        "further networks that are trained from scratch on the same labels, by name", default={}
    )
    finetune: Finetune = key("fine-tuning and supervised training from scratch", default=Finetune())
    limit: bool = key("compute the information limit", default=True)
    refine: Refine | None = key("estimates refined by the simulator; empty: none", "-", None)
    shifts: list[
        Literal[
            "other_galaxies",
            "wider_psf",
            "more_noise",
            "lens_light",
            "other_prior",
            "subhalos",
            "correlated_noise",
        ]
    ] = key(
        "shifted test lenses, by which the heads with the most labels (of the first seed) are judged, too: other "
        "galaxies, a PSF wider by 20 %, twice the noise, lens light left in, another population, subhalos, correlated "
        "noise",
        default=[],
    )
    other_catalogue: str | None = key(
        "galaxies of the shift other_galaxies, as `catalogue` of a source; empty: made-up ones of other kinds",
        "-",
        None,
    )
    umap: bool = key("draw the UMAP of features", default=True)
    overlay: dict[Annotated[str, Field(min_length=1)], OverlaidImages] = key(
        "other images to draw into the UMAP, by a name, each a path or its keys; or a list of paths. Real lenses "
        "(`real_lenses.images`) are drawn without being named here",
        default={},
    )

    @field_validator("overlay", mode="before")
    @classmethod
    def _by_name(cls, given):
        """Paths as sections, and a list of paths with the names of files and folders."""
        if isinstance(given, str):
            given = [given]
        if isinstance(given, list | tuple) and all(isinstance(path, str) for path in given):
            names = [PurePath(path).name or path for path in given]
            given = {path if names.count(name) > 1 else name: path for name, path in zip(names, given, strict=True)}
        if isinstance(given, dict):
            return {name: {"path": held} if isinstance(held, str) else held for name, held in given.items()}
        return given

    @property
    def learns_from_files(self):
        """Whether heads learn from images in files, not from simulated lenses."""
        return self.data is not None and self.data.path is not None

    @property
    def judged_by_files(self):
        """Whether encoders are judged by images in files, not by simulated lenses."""
        return self.data is not None and (self.data.test_path is not None or self.judged_on is None)

    @model_validator(mode="before")
    @classmethod
    def all_test_images_in_files(cls, values):
        """n_test is "all" where it is not said and tests are in files."""
        data = values.get("data") if isinstance(values, dict) and "n_test" not in values else None
        in_files = isinstance(data, dict) and (data.get("test_path") or not values.get("judged_on"))
        return values | {"n_test": "all"} if in_files else values

    @model_validator(mode="after")
    def numbers_of_simulated_lenses_are_whole(self):
        if not self.learns_from_files:
            of_all = next((n for n in self.n_labels if not isinstance(n, int)), None)
            if of_all is not None:
                raise Mistakes(
                    [
                        (
                            "n_labels",
                            f"{of_all} is a share of images in files, and simulated lenses have no end; expected whole "
                            "numbers, or data.path",
                        )
                    ]
                )
        if not self.judged_by_files and self.n_test == "all":
            raise Mistakes(
                [("n_test", "all is of images in files, and simulated lenses have no end; expected a number")]
            )
        if self.data is None or self.judged_on is None:
            return self
        if self.data.test_path is not None:
            raise ValueError("judged_on is simulated, and data.test_path holds tests, too; expected one of the two")
        lists = self.data.split.lists
        if self.data.split.test is not None or (lists is not None and lists.test is not None):
            raise ValueError("judged_on is simulated, and data.split holds tests, too; expected one of the two")
        return self

    @model_validator(mode="before")
    @classmethod
    def defaults_are_those_of_the_task(cls, values):
        task = values.get("task") if isinstance(values, dict) else None
        if not isinstance(task, str) or task not in TARGETS or task == "regression":
            return values
        return {"targets": TARGETS[task], "protocols": [PROTOCOLS[task][0], PROTOCOLS[task][-1]]} | values

    @model_validator(mode="after")
    def what_is_merged_is_simulated(self):
        if self.merge and (self.task != "classification" or self.data is not None):
            raise Mistakes(
                [("merge", "only the classes of a simulation are merged, for a classification without data")]
            )
        return self

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
    def targets_turn_with_their_images(self):
        d4 = next((name for name in self.protocols if name in TURNING), None)
        if d4 and (why := next(unturnable(self.targets), None)):
            raise Mistakes([("targets", f"the protocol {d4} turns labels with their images, but {why}")])
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
    def pairs_in_files(self):
        """Whether super-resolution is learnt from pairs of images in files, and judged by them."""
        return self.task == "super_resolution" and self.super_resolution.lr_path is not None


def merged(names, merge):
    """The names of classes of which some count as one, and for each of `names` its number among them.

    Args: merge: name of what counts as one -> those of `names` that do. It stands where the first of them stood.
    """
    group_of = {name: group for group, members in merge.items() for name in members}
    groups = [group_of.get(name, name) for name in names]
    found = list(dict.fromkeys(groups))
    return found, [found.index(group) for group in groups]
