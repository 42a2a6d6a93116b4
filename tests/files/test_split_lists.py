"""Lists of names beside images: pickles and texts become splits; what does not fit is refused by name."""

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.files.dataset_layouts import identify
from lenstream.files.split_lists import listed

from .layouts import RunsCommand, cutouts, image, pickled, save


def splits_of(folder):
    found = identify(folder)
    return {split: [found.names[k] for k in numbers] for split, numbers in found.splits.items()}


def test_a_pickle_a_split_and_class(tmp_path):
    cutouts(tmp_path)
    pickled(tmp_path / "train_lenses.pkl", ["0.npy", "2.npy"])
    pickled(tmp_path / "train_nonlenses.pkl", ["1.npy"], protocol=2)
    pickled(tmp_path / "val_lenses.pickle", np.array(["3.npy"]))
    assert splits_of(tmp_path) == {
        "train": ["lenses/0.npy", "lenses/2.npy", "nonlenses/1.npy"],
        "validation": ["lenses/3.npy"],
    }


@pytest.mark.parametrize(
    "held",
    [
        {"train": ["lenses/0.npy"], "test": ["nonlenses/1.npy"]},
        {"train": {"lenses": ["0"]}, "test": {"nonlenses": ("1",)}},
        {"train": ["/elsewhere/data/lenses/0.npy"], "test": {"/elsewhere/data/nonlenses/1.npy"}},
        {"lenses": {"train": [0]}, "nonlenses": {"test": [1]}},
    ],
)
def test_one_pickle_with_all(tmp_path, held):
    pickled(cutouts(tmp_path) / "splits.pkl", held)
    assert splits_of(tmp_path) == {"train": ["lenses/0.npy"], "test": ["nonlenses/1.npy"]}


def test_texts(tmp_path):
    (cutouts(tmp_path) / "test.txt").write_text("# mine\nlenses/0.npy\n\n  nonlenses/3.npy,1\n")
    (tmp_path / "README.txt").write_text("all about it")
    found = identify(tmp_path)
    assert found.splits["test"].tolist() == [0, 7]
    assert found.splits["test"].dtype == np.int64
    assert "left out, as they are no images: 1 .txt" in found.notes
    assert "splits by test.txt: test 2" in found.notes


def test_names_that_are_not_there(tmp_path):
    pickled(cutouts(tmp_path) / "train.pkl", ["lenses/0.npy", *(f"lenses/9{k}.npy" for k in range(5))])
    with pytest.raises(
        DataError, match=r"train\.pkl: 5 of its images are not there, e\.g\. lenses/90\.npy, lenses/91\.npy, lenses/92"
    ):
        identify(tmp_path)


def test_a_name_in_two_classes(tmp_path):
    pickled(cutouts(tmp_path) / "train.pkl", ["0.npy"])
    with pytest.raises(DataError, match=r"1 of its images are there more than once, so name their folders, e\.g\. 0"):
        identify(tmp_path)


@pytest.mark.parametrize("held", [[1.5], ["a", ["b"]], "a", 7, [True], {"train": {"a": {"b": {"c": {"d": ["e"]}}}}}])
def test_what_is_no_list_of_names(tmp_path, held):
    pickled(cutouts(tmp_path) / "train.pkl", held)
    with pytest.raises(DataError, match=r"train\.pkl: cannot be read as a list of names \(it holds something else"):
        identify(tmp_path)


def test_a_hostile_list_never_runs(tmp_path):
    pickled(cutouts(tmp_path) / "train.pkl", ["0.npy", RunsCommand(tmp_path / "ran")])
    with pytest.raises(DataError, match=r"asks for posix\.system, which is never run"):
        identify(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_no_split_in_the_name_is_left_out(tmp_path):
    pickled(cutouts(tmp_path) / "history.pkl", {"loss": [0.5]})
    found = identify(tmp_path)
    assert found.splits == {}
    assert "left out, as they are no images: 1 .pkl" in found.notes


def test_numbers_in_flat_folders(tmp_path):
    for k in range(3):
        save(tmp_path / f"{k}.npy", image(k))
    pickled(tmp_path / "valid.p", [2, 0])
    assert splits_of(tmp_path) == {"validation": ["0.npy", "2.npy"]}


def test_of_classes_the_one_that_is_named(tmp_path):
    """In non_lenses are lenses, too; both folders hold files of one name."""
    pickled(cutouts(tmp_path) / "train_non_lenses.pkl", ["1.npy"])
    pickled(tmp_path / "test_lenses.pkl", ["2.npy"])
    pickled(tmp_path / "splits.pkl", {"val": {"Non-Lenses": ["0.npy"], "lenses": ["3.npy"]}})
    assert splits_of(tmp_path) == {
        "train": ["nonlenses/1.npy"],
        "test": ["lenses/2.npy"],
        "validation": ["lenses/3.npy", "nonlenses/0.npy"],
    }


def test_a_log_of_a_training_is_no_list(tmp_path):
    (cutouts(tmp_path) / "train_log.txt").write_text("epoch 1, loss 0.5\nepoch 2, loss 0.4\n")
    found = identify(tmp_path)
    assert found.splits == {} and "left out, as they are no images: 1 .txt" in found.notes
    (tmp_path / "train_names.txt").write_text("lenses/0.npy\n")
    assert splits_of(tmp_path) == {"train": ["lenses/0.npy"]}
    (tmp_path / "test.txt").write_text("lenses/77.npy\n")
    with pytest.raises(DataError, match=r"test\.txt: 1 of its images are not there"):
        identify(tmp_path)


@pytest.mark.parametrize("inner", [[], {}, ["lenses/0.npy"]])
def test_one_list_held_a_million_times_is_refused_at_once(tmp_path, inner):
    middle = {f"test{k}": inner for k in range(1000)}
    pickled(cutouts(tmp_path) / "train.pkl", {f"a{k}": middle for k in range(1000)})
    with pytest.raises(DataError, match=r"train\.pkl: .*it holds more than 1,000 lists or 10,000,000 names"):
        identify(tmp_path)


def test_more_names_than_there_can_be(tmp_path, monkeypatch):
    monkeypatch.setattr("lenstream.files.split_lists.MOST_NAMES", 3)
    pickled(cutouts(tmp_path) / "train.pkl", {"a": ["lenses/0.npy"] * 2, "b": np.array(["lenses/1.npy"] * 2)})
    with pytest.raises(DataError, match="it holds more than"):
        identify(tmp_path)


@pytest.fixture
def named(tmp_path):
    """A set of images, and a function that writes a list of names: the path of the list."""
    cutouts(tmp_path / "images")

    def write(name, held):
        path = tmp_path / name
        if isinstance(held, str):
            path.write_text(held, encoding="utf-8")
        else:
            pickled(path, held)
        return str(path)

    return identify(tmp_path / "images"), write


def names_of(images, parts):
    return {part: [images.names[k] for k in numbers] for part, numbers in parts.items()}


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("some.txt", "# mine\nlenses/0\nnonlenses/1.npy\n\n"),
        ("marked.txt", "\ufefflenses/0\nnonlenses/1.npy\n"),
        ("some.csv", 'number,name\n1,"lenses/0.npy"\n2,nonlenses/1.npy\n'),
        ("plain.csv", "lenses/0.npy,x\nnonlenses/1.npy,y\n"),
        ("some.json", '["lenses/0.npy", "nonlenses/1.npy"]'),
        ("some.json", '{"lenses": ["0.npy"], "nonlenses": ["1"]}'),
        ("all.json", '{"test": ["lenses/0.npy", "nonlenses/1.npy"], "train": ["lenses/2.npy"]}'),
        ("train_test.pkl", ["lenses/0.npy", "nonlenses/1.npy"]),
        ("some.pkl", {"lenses": ["0.npy"], "nonlenses": ["1.npy"]}),
        ("some.pkl", {"test": {"lenses": ["0.npy"], "nonlenses": ["1.npy"]}, "val": {"lenses": ["3.npy"]}}),
    ],
)
def test_a_list_that_is_given(named, name, held):
    images, write = named
    assert names_of(images, listed(images, {"test": write(name, held)})) == {
        "test": ["lenses/0.npy", "nonlenses/1.npy"]
    }


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ("lenses/0\nzz\n", r"t\.txt: 1 of its images are not there, e\.g\. zz"),
        ("0.npy\n", r"t\.txt: 1 of its images are there more than once"),
        ("", r"t\.txt: holds no name of an image; expected those of the part test"),
    ],
)
def test_a_given_list_that_does_not_fit(named, held, said):
    images, write = named
    with pytest.raises(DataError, match=said):
        listed(images, {"test": write("t.txt", held)})


def test_an_image_in_two_lists(named):
    images, write = named
    lists = {"train": write("a.txt", "lenses/0\nlenses/2\n"), "test": write("b.txt", "lenses/3\nlenses/2.npy\n")}
    with pytest.raises(DataError, match=r"b\.txt: 1 of its images are also in .*a\.txt, e\.g\. lenses/2\.npy"):
        listed(images, lists)


def test_nothing_of_a_given_pickle_is_run(named, tmp_path):
    images, write = named
    with pytest.raises(DataError):
        listed(images, {"test": write("x.pkl", RunsCommand(tmp_path / "ran"))})
    assert not (tmp_path / "ran").exists()


def test_a_json_that_is_none(named):
    images, write = named
    with pytest.raises(DataError, match=r"x\.json"):
        listed(images, {"test": write("x.json", "[")})
