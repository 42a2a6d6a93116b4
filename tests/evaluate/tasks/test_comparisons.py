"""What is said of images to learn from and of tests that are unlike, and of tests that encoders saw before."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lenstream.evaluate.tasks.comparisons import classes_without_tests, differences, seen_tests
from lenstream.evaluate.tasks.examples import Examples
from lenstream.evaluate.tasks.task import Labelled
from lenstream.ssl.data import open_images

from .own_images import config_of, rings


@pytest.fixture
def both(tmp_path):
    return rings(tmp_path / "mine"), rings(tmp_path / "other", 30, seed=1)


def notes(both, *more):
    return list(differences(Examples(config_of(f"path: {both[0]}, test_path: {both[1]}", *more))))


def test_nothing_is_said_of_images_that_are_alike(both):
    assert notes(both) == []
    assert list(differences(Examples(config_of(f"path: {both[0]}")))) == []


def test_another_noise(both):
    for path in both[1].glob("*.npy"):
        np.save(path, 3 * np.load(path))
    (note,) = notes(both)
    assert re.match(
        rf"evaluate\.data: the noise of a pixel is 0\.1\d* in {both[0]} and 0\.[23]\d* in {both[1]}, each", note
    )


def kinds(folder, *of_images):
    """Give the images of `rings`, in turn, these kinds."""
    names = sorted(path.stem for path in folder.glob("*.npy"))
    rows = [f"{name},{of_images[k % len(of_images)]}" for k, name in enumerate(names)]
    (folder / "labels.csv").write_text("\n".join(["name,kind", *rows]) + "\n")


def about_classes(both, n_test):
    classes = "evaluate.task=classification", "evaluate.targets=[kind]"
    config = config_of(f"path: {both[0]}, test_path: {both[1]}", *classes)
    return list(classes_without_tests(Examples(config), n_test))


def test_classes_of_which_there_is_no_test(both):
    kinds(both[0], "ring", "arc", "disc", "cross")
    kinds(both[1], "ring", "disc")
    assert about_classes(both, 20) == [
        f"evaluate.data: none of 20 test images of {both[1]} is arc or cross, which has no score of its own then; "
        "means over classes are of the others"
    ]
    kinds(both[1], *["ring", "disc", "cross"] * 9, *["arc"] * 3)
    assert about_classes(both, 30) == []
    kinds(both[1], *["ring"] * 29, "disc")
    assert "is arc or cross" in about_classes(both, 30)[0]
    assert about_classes(both, 2) == []  # both rings, which is a mistake of its own


def test_nothing_is_said_of_classes_where_there_are_none(both):
    assert list(classes_without_tests(Examples(config_of(f"path: {both[0]}, test_path: {both[1]}")), 20)) == []


def test_other_pixels_and_another_width():
    learnt, judged = (SimpleNamespace(root=name, scene=None, pixel_scale=s) for name, s in (("a", 0.05), ("b", 0.2)))
    noise = Labelled(torch.randn(5, 1, 16, 16, generator=torch.Generator().manual_seed(0)), {}, np.arange(5))
    examples = SimpleNamespace(learnt=learnt, judged=judged, shapes=[(1, 16), (1, 20)], classes=())
    examples.count, examples.labelled = lambda split: 5, lambda split, n: noise
    assert list(differences(examples)) == [
        "evaluate.data: a pixel is 0.05 arcsec in a and 0.2 in b",
        "evaluate.data: images are 16 pixels wide in a and 20 in b",
    ]
    judged.pixel_scale, examples.shapes = 0.0505, [(1, 16)] * 2
    assert list(differences(examples)) == []


def test_a_target_in_another_unit(both):
    rows = (both[1] / "labels.csv").read_text().splitlines()
    cells = [row.split(",") for row in rows[1:]]
    changed = [f"{name},{1000 * float(theta)},{obj},{kind}" for name, theta, obj, kind in cells]
    (both[1] / "labels.csv").write_text("\n".join([rows[0], *changed]) + "\n")
    (note,) = notes(both)
    assert f"theta is 1 to 1.98 in {both[0]}, and beyond that in 100% of the tests ({both[1]}); is its unit" in note


def test_tests_that_encoders_saw_without_labels(both):
    config = config_of(f"path: {both[0]}")
    (note,) = seen_tests(config, Examples(config), open_images(config))
    assert note.startswith("evaluate.data: encoders are trained on 12 of 12 test images without their labels")
    config = config_of(f"path: {both[0]}", f"pretrain.data.path={both[1]}")
    assert list(seen_tests(config, Examples(config), open_images(config))) == []
    assert list(seen_tests(config, Examples(config), None)) == []
