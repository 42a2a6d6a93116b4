"""Parts of images in files: by shares, objects, lists and folders, and none of whose images is in two of them."""

import pickle

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.evaluate.tasks.examples import Examples

from .own_images import config_of, rings, save

PARTS = ("labelled", "validation", "test")


def parts(config):
    """The names of the images in each part."""
    examples = Examples(config)
    images = {part: examples.judged if part == "test" else examples.learnt for part in PARTS}
    return {part: [images[part].name_of(k) for k in examples.places(part)] for part in PARTS}


def counts(config):
    return [len(names) for names in parts(config).values()]


@pytest.fixture
def folder(tmp_path):
    return rings(tmp_path / "mine")


def test_a_fifth_is_for_tests_and_nothing_for_validation_unless_asked(folder):
    assert counts(config_of(f"path: {folder}")) == [48, 0, 12]
    assert counts(config_of(f"path: {folder}, split: {{test: 0.3, validation: 0.1}}")) == [36, 6, 18]
    held = parts(config_of(f"path: {folder}, split: {{validation: 0.1}}"))
    assert sorted(name for names in held.values() for name in names) == [f"r{k:03}.npy" for k in range(60)]
    assert held == parts(config_of(f"path: {folder}, split: {{validation: 0.1}}"))
    assert held != parts(config_of(f"path: {folder}, split: {{validation: 0.1}}", seed=4))


def test_classes_are_shared_out_evenly(folder):
    """20 discs and 40 rings."""
    for how in ("evaluate.targets=[kind] evaluate.task=classification evaluate.protocols=[knn]", "split: stratify"):
        data = f"path: {folder}, split: {{test: 0.3, validation: 0.1}}"
        if how == "split: stratify":
            config = config_of(data.replace("validation: 0.1", "validation: 0.1, stratify: kind"))
        else:
            config = config_of(data, *how.split())
        for part, n in (("test", 6), ("validation", 2), ("labelled", 12)):
            assert sum(int(name[1:4]) % 3 == 0 for name in parts(config)[part]) == n, (how, part)


def test_images_of_one_object_are_in_one_part(folder):
    held = parts(config_of(f"path: {folder}, split: {{test: 0.3, validation: 0.1, by: obj}}"))
    where = {int(name[1:4]): part for part, names in held.items() for name in names}
    assert all(where[k] == where[k + 1] for k in range(0, 60, 2))
    assert [len(names) for names in held.values()] == [36, 6, 18]
    alone = parts(config_of(f"path: {folder}, split: {{test: 0.3, validation: 0.1}}"))
    where = {int(name[1:4]): part for part, names in alone.items() for name in names}
    assert any(where[k] != where[k + 1] for k in range(0, 60, 2))


def test_images_of_the_same_pixels_are_in_one_part(folder, capsys):
    for k in range(0, 60, 2):
        (folder / f"r{k:03}.npy").write_bytes((folder / f"r{k + 1:03}.npy").read_bytes())
    held = parts(config_of(f"path: {folder}, split: {{test: 0.3}}"))
    where = {int(name[1:4]): part for part, names in held.items() for name in names}
    assert all(where[k] == where[k + 1] for k in range(0, 60, 2))
    said = " ".join(capsys.readouterr().err.split())
    assert f"30 of 60 images of {folder} have the pixels of another, e.g. r001.npy those of r000.npy" in said


def lists(folder, **held):
    """Text files with names: what is in the brackets of lists."""
    for part, numbers in held.items():
        (folder.parent / f"{part}.txt").write_text("".join(f"r{k:03}\n" for k in numbers))
    return "lists: {" + ", ".join(f"{part}: {folder.parent}/{part}.txt" for part in held) + "}"


def test_lists_say_the_parts(folder, capsys):
    given = lists(folder, train=range(20), validation=range(20, 30), test=range(30, 50))
    held = parts(config_of(f"path: {folder}, split: {{{given}}}"))
    assert {part: [int(name[1:4]) for name in names] for part, names in held.items()} == {
        "labelled": list(range(20)),
        "validation": list(range(20, 30)),
        "test": list(range(30, 50)),
    }
    assert f"10 of 60 images of {folder} are in no list, and are left out" in " ".join(capsys.readouterr().err.split())


def test_a_pickle_of_names_is_a_list(folder):
    (folder.parent / "test.pkl").write_bytes(pickle.dumps([f"r{k:03}.npy" for k in range(25)]))
    held = parts(config_of(f"path: {folder}, split: {{lists: {{test: {folder.parent}/test.pkl}}}}"))
    assert held["test"] == [f"r{k:03}.npy" for k in range(25)] and len(held["labelled"]) == 35


def test_what_lists_do_not_say_is_shared_out(folder):
    given = lists(folder, test=range(30))
    assert counts(config_of(f"path: {folder}, split: {{{given}, validation: 0.2}}")) == [24, 6, 30]
    with pytest.raises(DataError, match=r"split\.lists: holds no test; expected lists\.test, or a share"):
        parts(config_of(f"path: {folder}, split: {{{lists(folder, train=range(30))}}}"))
    assert counts(config_of(f"path: {folder}, split: {{{lists(folder, train=range(40))}, test: 0.5}}")) == [20, 0, 20]


def test_folders_say_the_parts(tmp_path):
    for part, n in (("train", 30), ("val", 12), ("test", 21)):
        rings(tmp_path / "one", n)
        (tmp_path / "one").rename(tmp_path / part)
        (tmp_path / part / "labels.csv").unlink()
        for k in range(n):
            save(tmp_path / "mine", f"{part}/{k:03}.npy", 1 + k / n)
    text = "".join(f"{p}/{k:03}.npy,{k}\n" for p, n in (("train", 30), ("val", 12), ("test", 21)) for k in range(n))
    (tmp_path / "mine" / "labels.csv").write_text(f"name,theta\n{text}")
    assert counts(config_of(f"path: {tmp_path}/mine")) == [30, 12, 21]
    assert counts(config_of(f"path: {tmp_path}/mine, split: {{test: 0.5}}")) == [31, 0, 32]


def test_an_image_in_two_given_parts_is_refused(folder):
    (folder / "r040.npy").write_bytes((folder / "r003.npy").read_bytes())
    given = lists(folder, train=range(30), test=range(30, 60))
    said = r"1 object is in two parts of .*mine, e\.g\. r003\.npy \(labelled\) and r040\.npy \(test\) have the same"
    with pytest.raises(DataError, match=said):
        parts(config_of(f"path: {folder}, split: {{{given}}}"))
    with pytest.raises(DataError, match=r"or the same obj; expected each in one part"):
        given = lists(folder, train=range(29), test=range(29, 60))
        parts(config_of(f"path: {folder}, split: {{{given}, by: obj}}"))


def test_other_images_for_tests_that_are_among_those_to_learn_from(folder, tmp_path):
    other = rings(tmp_path / "other", 30, seed=1)
    both = f"path: {folder}, test_path: {other}"
    assert counts(config_of(both)) == [60, 0, 30]
    (other / "r007.npy").write_bytes((folder / "r012.npy").read_bytes())
    said = r"1 of 30 test images are among those to learn from, e\.g\. r012\.npy of .*mine and r007\.npy of .*other"
    with pytest.raises(DataError, match=said):
        parts(config_of(both))


def test_objects_in_two_sets_are_refused(folder, tmp_path):
    other = rings(tmp_path / "other", 30, seed=1)
    with pytest.raises(DataError, match=r"split\.by: 15 objects of .*other are among those to learn from, e\.g\. o0;"):
        parts(config_of(f"path: {folder}, test_path: {other}, split: {{by: obj}}"))


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ("by: ob", r"split\.by: no column ob among the labels of .*, which has .*theta.*\. Did you mean \"obj\"\?"),
        ("stratify: sort", r"split\.stratify: no column sort among the labels"),
        ("stratify: theta", r"split\.stratify: the column theta of .* has no few classes"),
        ("lists: {test: nowhere.txt}", r"nowhere\.txt"),
    ],
)
def test_columns_and_lists_that_are_not_there(folder, split, said):
    with pytest.raises(DataError, match=said):
        parts(config_of(f"path: {folder}, split: {{{split}}}"))


def test_only_images_with_a_target_are_shared_out(folder):
    rows = (folder / "labels.csv").read_text().splitlines()
    (folder.parent / "some.csv").write_text("\n".join(rows[:41]) + "\n")
    assert counts(config_of(f"path: {folder}, labels: {folder.parent}/some.csv")) == [32, 0, 8]


def test_the_test_images_within_path_are_never_validation(folder):
    (folder / "labels.csv").rename(folder.parent / "t.csv")
    for k in range(20):
        (folder / "held").mkdir(exist_ok=True)
        (folder / f"r{k:03}.npy").rename(folder / "held" / f"r{k:03}.npy")
    labels = f"labels: {folder.parent}/t.csv, test_labels: {folder.parent}/t.csv"
    held = parts(config_of(f"path: {folder}, test_path: {folder}/held, {labels}, split: {{validation: 0.5}}"))
    assert [len(names) for names in held.values()] == [20, 20, 20]
    assert not any("held" in name for name in held["labelled"] + held["validation"])
    assert np.all([name.startswith("r0") for name in held["test"]])
