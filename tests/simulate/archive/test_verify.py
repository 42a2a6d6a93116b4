"""Every byte of a dataset that is not as it was written is found and named, in any format; nothing else is."""

import random
import shutil

import pytest

from lenstream.errors import DataError
from lenstream.simulate.archive import writing
from lenstream.simulate.archive.formats import FORMATS
from lenstream.simulate.archive.ledger import path_of, read_entries
from lenstream.simulate.archive.verify import Finding, verify

from .folders import Broken, broken

EVERY = pytest.mark.parametrize("form", FORMATS)
CHOSEN = 6  # files of a format that are damaged in turn


def files_of(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def flip(path, at, bit=1):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ bit]))


def found(folder):
    return [(f.what, f.shard, f.path) for f in verify(folder, show=False)]


@EVERY
def test_what_was_just_written_is_all_well(tmp_path, copy_of, form):
    assert found(copy_of(tmp_path / "d", form)) == []


@EVERY
def test_a_flipped_bit_is_found_in_any_file_and_only_there(tmp_path, copy_of, form):
    folder, chance = copy_of(tmp_path / "d", form), random.Random(1)
    names = files_of(folder)
    always = [n for n in names if "/" not in n or n.startswith("ledger/")]
    for name in {*always, *chance.sample(names, min(CHOSEN, len(names)))}:
        size = (folder / name).stat().st_size
        for at in {0, size - 1, chance.randrange(size)} if form == "zarr" else {chance.randrange(size)}:
            bit = 1 << chance.randrange(8)
            flip(folder / name, at, bit)
            assert {(what, path) for what, _, path in found(folder)} == {("damaged", name)}, (name, at, bit)
            flip(folder / name, at, bit)
    assert found(folder) == []


@EVERY
def test_a_missing_file_is_named_with_its_shard(tmp_path, copy_of, form):
    folder = copy_of(tmp_path / "d", form)
    of_shards = {name: entry.number for entry in read_entries(folder).values() for name in entry.files}
    for name in random.Random(2).sample(files_of(folder), 6):
        (folder / name).rename(tmp_path / "away")
        if name.startswith("ledger/0"):
            expected = [("missing", int(name[7:13]), name)]
        else:
            expected = [("unfinished" if name == "finished" else "missing", of_shards.get(name), name)]
        assert found(folder) == expected
        (tmp_path / "away").rename(folder / name)


def test_foreign_files_are_named_and_what_we_leave_ourselves_is_not_one(tmp_path, copy_of):
    folder = copy_of(tmp_path / "d")
    for name in (".lock", ".0123456789abcdef.partial", ".parts/1-of-2/.lock", ".repair/x/c/0"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert found(folder) == []
    for name in ("notes.txt", "images/c/9/0/0/0/0", "ledger/000009.json", "images/extra/a"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    assert found(folder) == [
        ("foreign", None, name) for name in ("images/c/9/0/0/0/0", "images/extra/a", "ledger/000009.json", "notes.txt")
    ]


def test_files_of_another_dataset_are_damage(tmp_path, copy_of):
    folder, other = copy_of(tmp_path / "d"), copy_of(tmp_path / "e", seed=2)
    name = "images/c/1/0/0/0/0"
    shutil.copy(other / name, folder / name)
    assert found(folder) == [("damaged", 1, name)]
    shutil.copy(path_of(other, 1), path_of(folder, 1))  # with its entry, too
    assert ("damaged", 1, "ledger/000001.json") in found(folder)


def test_chunks_of_zarr_are_named(tmp_path, copy_of):
    folder = copy_of(tmp_path / "d")
    flip(folder / "images/c/1/0/0/0/0", 5)
    assert verify(folder, show=False) == [Finding("images/c/1/0/0/0/0", "chunk (0, 0, 0, 0, 0)", "damaged", 1)]


def test_what_is_not_yet_made_is_unfinished(tmp_path, copy_of):
    folder = copy_of(tmp_path / "d")
    (folder / "finished").unlink()
    assert found(folder) == [("unfinished", None, "finished")]
    path_of(folder, 2).unlink()
    assert ("missing", 2, "ledger/000002.json") in found(folder)  # the list has it


def test_a_dataset_that_was_stopped_is_unfinished_and_not_damaged(tmp_path, described, monkeypatch):
    config, description = described(20)
    monkeypatch.setattr(writing, "finish", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        writing.write_archive(config, tmp_path / "d", description)
    path_of(tmp_path / "d", 1).unlink()
    assert found(tmp_path / "d") == [("unfinished", 1, "ledger/000001.json")]
    flip(path_of(tmp_path / "d", 2), 30)
    assert found(tmp_path / "d") == [
        ("unfinished", 1, "ledger/000001.json"),
        ("damaged", 2, "ledger/000002.json"),
    ]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("stopped_at", ["prepare", "write_shards"])
def test_an_extension_that_was_stopped_is_unfinished_and_not_damaged(tmp_path, copy_of, monkeypatch, form, stopped_at):
    folder = copy_of(tmp_path / "d", form)
    monkeypatch.setattr(writing, stopped_at, broken)
    with pytest.raises(Broken):
        writing.extend_archive(folder, 9)
    assert found(folder) == [("unfinished", 2, "ledger/000002.json"), ("unfinished", 3, "ledger/000003.json")]
    flip(path_of(folder, 2), 30)
    assert found(folder)[0] == ("damaged", 2, "ledger/000002.json")


@pytest.mark.parametrize("name", ["archive.json", "config.yaml"])
def test_the_description_is_read_from_its_copy(tmp_path, copy_of, name):
    folder = copy_of(tmp_path / "d")
    (folder / name).write_text("")
    assert found(folder) == [("damaged", None, name)]
    (folder / "ledger" / f"copy_of_{name}").write_text("")
    if name == "archive.json":
        with pytest.raises(DataError, match=r"archive\.json and its copy"):
            verify(folder, show=False)
    else:
        assert {path for _, _, path in found(folder)} == {name, f"ledger/copy_of_{name}"}


def test_what_is_no_dataset_is_refused(tmp_path):
    (tmp_path / "a").write_text("x")
    for place in (tmp_path, tmp_path / "a", tmp_path / "none"):
        with pytest.raises(DataError, match="expected"):
            verify(place)
