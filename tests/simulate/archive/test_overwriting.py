"""Overwriting a dataset: only a dataset is deleted, and not before the new one can be written."""

import contextlib
import dataclasses
import re
import shutil

import pytest

from lenstream.errors import DataError
from lenstream.simulate.archive import overwriting, writing
from lenstream.simulate.archive.description import load
from lenstream.simulate.archive.ledger import read_entries
from lenstream.simulate.archive.writing import is_finished, write_archive

from .folders import Broken, broken, contents


def test_other_things_are_neither_overwritten_nor_mixed_with(described, tmp_path):
    config, description = described(4)
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match=r"no dataset of LenStream, and not empty \(thesis\.tex\)"):
        write_archive(config, tmp_path, description)
    with pytest.raises(DataError, match="it is not deleted"):
        write_archive(config, tmp_path, description, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_place_of_the_folder_is_said(described, tmp_path):
    config, description = described(4)
    (tmp_path / "lenses").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(DataError, match="lenses is a file: expected a folder that is new, empty or a dataset"):
            write_archive(config, tmp_path / "lenses", description, overwrite=overwrite)
    assert (tmp_path / "lenses").read_text() == "years of work"


def test_overwrite_begins_anew(described, tmp_path):
    config, description = described(20)
    write_archive(config, tmp_path, description)
    config, description = described(4, "seed=5")
    write_archive(config, tmp_path, description, overwrite=True)
    assert load(tmp_path) == description and len(read_entries(tmp_path)) == 1


@pytest.mark.parametrize("name", [".git/HEAD", "thesis.tex", "images/notes.txt"])
@pytest.mark.parametrize("done", [True, False])
def test_overwrite_deletes_no_files_of_others(described, tmp_path, monkeypatch, name, done):
    config, description = described(4)
    with monkeypatch.context() as patched:
        if not done:
            patched.setattr(writing, "write_labels", broken)
        with contextlib.suppress(Broken):
            write_archive(config, tmp_path, description)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("years of work")
    before = contents(tmp_path)
    with pytest.raises(DataError, match=rf"not of its dataset \({re.escape(name)}\).*not deleted"):
        write_archive(config, tmp_path, description, overwrite=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("text", ["{}", '{"layout": 1, "format": "zip"}'])
def test_overwrite_deletes_no_folder_with_an_archive_json_of_others(described, tmp_path, text):
    config, description = described(4)
    for name, words in (("archive.json", text), ("thesis.tex", "years of work"), ("ledger/2024.csv", "1")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(words)
    before = contents(tmp_path)
    with pytest.raises(DataError, match="it is not deleted"):
        write_archive(config, tmp_path, description, overwrite=True)
    assert contents(tmp_path) == before


def test_overwrite_deletes_nothing_if_the_new_dataset_cannot_be_written(described, tmp_path, monkeypatch):
    config, description = described(20)
    write_archive(config, tmp_path, description)
    before, usage = contents(tmp_path), type(shutil.disk_usage("/"))
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda place: usage(10**9, 10**9 - 1000, 1000))
        with pytest.raises(DataError, match="20,000 systems need"):
            write_archive(config, tmp_path, dataclasses.replace(description, count=20000), overwrite=True)
    monkeypatch.setattr(overwriting, "see_that_it_answers", broken)
    with pytest.raises(Broken):
        write_archive(config, tmp_path, description, overwrite=True, scheduler="tcp://nowhere:1")
    assert contents(tmp_path) == before


def test_overwrite_takes_what_it_frees_for_room(described, tmp_path, monkeypatch):
    config, description = described(20)
    write_archive(config, tmp_path, description)
    usage, told = type(shutil.disk_usage("/")), []

    def nearly_full(place):
        told.append(len(contents(tmp_path)) > 1)  # whether the old one is still there
        return usage(10**9, 0, 100 if len(told) == 1 else 10**9)

    monkeypatch.setattr(shutil, "disk_usage", nearly_full)
    write_archive(config, tmp_path, description, overwrite=True)
    assert told[0] and not told[1]


def test_overwrite_stopped_anywhere_is_given_again(described, tmp_path, monkeypatch):
    config, description = described(4)
    deleted = []
    for at in (0, 1, 7, None):
        write_archive(config, tmp_path, description)
        real, deleted[:] = shutil.rmtree, []

        def breaking(path, *rest, at=at, real=real, **keys):
            if at == len(deleted) or (at is None and path.name == "ledger"):
                raise Broken
            deleted.append(path)
            real(path, *rest, **keys)

        with monkeypatch.context() as patched:
            patched.setattr(shutil, "rmtree", breaking)
            with pytest.raises(Broken):
                write_archive(config, tmp_path, description, overwrite=True)
        write_archive(config, tmp_path, description, overwrite=True)
        assert is_finished(tmp_path, load(tmp_path))


def test_overwrite_takes_a_dataset_that_was_stopped_among_its_last_files(described, tmp_path):
    def pages(folder):
        for name in ("README.md", "contact_sheet.png", "ledger/card.sha256"):
            (folder / name).write_text("half")
        raise Broken

    config, description = described(4)
    with pytest.raises(Broken):
        write_archive(config, tmp_path, description, ecsv=True, pages=pages)
    write_archive(config, tmp_path, description, overwrite=True)
    assert is_finished(tmp_path, load(tmp_path)) and not (tmp_path / "README.md").exists()
