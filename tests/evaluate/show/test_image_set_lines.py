"""Words on sets of images."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from lenstream.evaluate.show.image_set_lines import config_name, set_lines, spread, training_config
from lenstream.files.image_sets import ImageSet


def a_set(**more):
    facts = {"path": Path("/nowhere/a b"), "kind": "folder of images", "what": "", "names": range(500), "views": 1}
    facts |= {"bands": ("g", ""), "height": 20, "width": 20, "read": None}
    return ImageSet(**facts | more)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, 2.5], "1 to 2.5"),
        ([1.0, np.nan], "1, 1 of 2 NaN"),
        ([np.nan, np.nan], "NaN in all of 2"),
        ([3, 4], "3 to 4"),
    ],
)
def test_ranges(values, words):
    assert spread(np.array(values)) == words


def test_bands_and_classes():
    numbers = np.array([0] * 300 + [1] * 199 + [-1])
    lines = dict(
        (line[:12].strip(), line[12:]) for line in set_lines(a_set(classes=("a", "b"), labels={"class": numbers}))
    )
    assert lines["bands"] == "2 (g)"
    assert lines["classes"] == "a 300, b 199, without one 1"
    assert lines["pixels"] == "20 x 20, of unknown size"


def test_many_labels_and_classes_are_cut():
    labels = {f"l{k}": np.zeros(500) for k in range(60)} | {"class": np.arange(500) % 30}
    lines = list(set_lines(a_set(classes=tuple(f"c{k}" for k in range(30)), labels=labels)))
    assert lines[-1].strip() == "and 20 more"
    assert any(line.endswith("c11 17, and 18 more") for line in lines)


@pytest.mark.parametrize("name", ["a b", "it's", "x: {y}", "#1", "ü"])
def test_any_path_is_yaml(name):
    path = Path("/nowhere") / name
    read = yaml.safe_load("\n".join(training_config(a_set(), path)))
    assert read["pretrain"]["data"] == {"path": str(path)}
    assert "batch_size" not in read["pretrain"]


def test_small_and_oblong_sets():
    read = yaml.safe_load("\n".join(training_config(a_set(names=range(30), height=18), Path("/nowhere/a"))))
    assert read["pretrain"]["data"]["size"] == 18
    assert read["pretrain"]["batch_size"] == 15


@pytest.mark.parametrize(
    ("name", "made"), [("a.fits", "a"), ("..", "my_images"), ("é" * 5, "my_images"), ("-a b-", "a_b")]
)
def test_names_of_configs(name, made):
    assert config_name(Path("/nowhere") / name) == made


def test_views_in_files_are_the_views_of_the_method():
    read = yaml.safe_load("\n".join(training_config(a_set(views=2), Path("/nowhere/a"))))
    assert read["pretrain"]["encoders"] == {"simclr": {"views": "physics"}}
    assert "encoders" not in yaml.safe_load("\n".join(training_config(a_set(), Path("/nowhere/a"))))["pretrain"]
