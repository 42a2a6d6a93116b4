"""Settings of the evaluation: by which task encoders are judged, on which images, with how many labels."""

from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import Field, field_validator

from .keys import Section, key
from .training import Finetune


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


class OverlaidImages(Section):
    """Images that are drawn into the map of the test lenses."""

    path: str = key("a folder of FITS cut-outs, a file, or any data set of images")
    pixel_scale: float | None = key("pixel of the images; empty: as the files say", "arcsec", None, gt=0)


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
    targets: list[str] = key(
        "lens parameters to recover, or columns of the labels of `data`",
        default=["theta_E", "e1", "e2", "gamma"],
        min_length=1,
    )
    n_labels: list[Annotated[int, Field(ge=10)]] = key(
        "numbers of labelled lenses", "lenses", [100, 300, 1000], min_length=1
    )
    seeds: int = key("repetitions with other labelled lenses", "repetitions", 3, ge=1)
    n_test: int = key("test lenses", "lenses", 1000, ge=20)
    protocols: list[Literal["ridge", "finetune"]] = key(
        "frozen ridge, fine-tuning", default=["ridge", "finetune"], min_length=1
    )
    finetune: Finetune = key("fine-tuning and supervised training from scratch", default=Finetune())
    limit: bool = key("compute the information limit", default=True)
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
