"""Settings of the evaluation: by which task encoders are judged, on which images, with how many labels."""

from typing import Annotated, Literal

from pydantic import Field

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
