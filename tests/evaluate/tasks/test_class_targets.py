"""Classes as targets: by name whatever their numbers, from folders, columns of words or numbers, and the simulation."""

from types import SimpleNamespace

import numpy as np
import pytest

from lenstream.configs.evaluation import NO_CLASSES
from lenstream.configs.training import Folder
from lenstream.errors import DataError
from lenstream.evaluate.results import ALL, MACRO
from lenstream.evaluate.tasks.class_targets import names_in, names_simulated, numbers_in, numbers_simulated
from lenstream.ssl.data import open_labelled

from .own_images import rings, save


def scene(**classes):
    return SimpleNamespace(
        config=SimpleNamespace(classes=classes, drawn_classes=lambda: [c for c in classes if classes[c]])
    )


def images(folder):
    return open_labelled(Folder(path=str(folder)))


def test_columns_of_words_and_of_numbers(tmp_path):
    held = rings(tmp_path / "mine", 12)
    rows = (held / "labels.csv").read_text().splitlines()
    text = [f"{row},{'number' if k == 0 else 10 * (k % 2) + 2}" for k, row in enumerate(rows)]
    (held / "labels.csv").write_text("\n".join(text) + "\n")
    found = images(held)
    assert names_in(found, "kind") == ("disc", "ring") and names_in(found, "number") == ("2", "12")
    assert numbers_in(found, "kind", ("ring", "other", "disc")).tolist() == [2, 0, 0] * 4
    assert numbers_in(found, "number", ("2", "12")).tolist() == [1, 0] * 6
    with pytest.raises(DataError, match=r"evaluate\.targets: the column theta of .*mine has no few classes"):
        names_in(found, "theta")


def test_classes_of_folders_by_name(tmp_path):
    for name in ("a/1.npy", "b/2.npy", "b/3.npy", "4.npy"):
        save(tmp_path / "mine", name)
    found = images(tmp_path / "mine")
    numbers = dict(zip([found.name_of(k) for k in range(4)], numbers_in(found, "class", ("b", "a")), strict=True))
    assert np.isnan(numbers.pop("4.npy")) and numbers == {"a/1.npy": 1, "b/2.npy": 0, "b/3.npy": 0}
    with pytest.raises(DataError, match=r'the class "b" of .*mine is none of those to learn from; expected some'):
        numbers_in(found, "class", ("a", "bb"))


def test_folders_of_single_images_are_no_classes(tmp_path):
    for k in range(51):
        save(tmp_path / "mine", f"c{k}/0.npy")
    with pytest.raises(DataError, match=r"evaluate\.targets: .*mine has 51 classes, e\.g\. c0; expected 50 at most"):
        names_in(images(tmp_path / "mine"), "class")


def test_classes_of_the_simulation_without_those_that_never_occur():
    simulated = scene(cdm=1.0, none=0.0, axion=2.0)
    assert names_simulated(simulated) == ("cdm", "axion")
    assert numbers_simulated(simulated, np.array([2.0, 0.0, 2.0]), ("cdm", "axion")).tolist() == [1, 0, 1]
    assert numbers_simulated(simulated, np.array([2.0, 0.0]), ("axion", "cdm", "x")).tolist() == [0, 1]
    with pytest.raises(DataError, match='the class "axion" of the simulation is none of those to learn from'):
        numbers_simulated(simulated, np.array([2.0, 0.0]), ("cdm", "wdm"))


@pytest.mark.parametrize("name", ["macro", "all"])
def test_no_class_is_called_as_what_is_of_all_of_them(tmp_path, name):
    for folder in (name, "ring"):
        for k in range(2):
            save(tmp_path / "mine" / folder, f"{k}.npy", seed=k)
    with pytest.raises(DataError, match=rf"class of .*mine has a class {name}, which is all of them together"):
        names_in(images(tmp_path / "mine"), "class")
    assert name in (MACRO, ALL) and set(NO_CLASSES) == {MACRO, ALL}
