"""Writing datasets: broken off anywhere they go on to the same bytes."""

import os
import shutil

import numpy as np
import pytest

from lenstream.errors import ArgumentError, ConfigError, DataError
from lenstream.files.checksums import differing, read_sums
from lenstream.files.whole import whole
from lenstream.locking import locked
from lenstream.simulate.archive import all_shards, ledger, zarr_shards
from lenstream.simulate.archive.description import load
from lenstream.simulate.archive.formats import FORMATS
from lenstream.simulate.archive.ledger import read_entries
from lenstream.simulate.archive.samples import content_digest, make_samples
from lenstream.simulate.archive.shard_making import make_shard, opened, unfinished
from lenstream.simulate.archive.writing import (
    begin_or_continue,
    describe,
    finish,
    is_finished,
    prepare,
    write_archive,
)
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

from .folders import Broken, contents, stopped_in


def test_a_finished_dataset_is_complete(dataset):
    description, scene = opened(dataset)
    assert is_finished(dataset, description) and unfinished(dataset, description) == []
    assert not list(dataset.rglob("*.partial")) and not (dataset / ".lock").exists()
    assert differing(dataset) == []
    listed = read_sums(dataset)
    for entry in read_entries(dataset).values():
        shard = description.shards[entry.number]
        assert (entry.first, entry.count) == (shard.first, shard.count)
        assert list(entry.files) == zarr_shards.shard_files(description, scene, shard)
        made = make_samples(scene, np.arange(shard.first, shard.first + shard.count), Views(2))
        assert entry.content == content_digest(made)
        listed |= entry.files
    assert set(contents(dataset)) - {"SHA256SUMS", "finished"} == set(listed)


def test_broken_off_anywhere_it_goes_on_to_the_same_bytes(described, tmp_path, monkeypatch):
    config, description = described(12)
    write_archive(config, tmp_path / "unbroken", description)
    expected, n_files, calls = contents(tmp_path / "unbroken"), 0, 0
    monkeypatch.setattr(os, "fsync", lambda file: None)
    replace = os.replace

    def breaking(at):
        def instead(source, place):
            nonlocal calls
            calls += 1
            if calls > at:
                raise Broken
            return replace(source, place)

        return instead

    monkeypatch.setattr(os, "replace", breaking(1 << 30))
    write_archive(config, tmp_path / "counted", description)
    n_files = calls
    assert n_files > 2 * 20
    for at in sorted({0, 1, 2, *np.random.default_rng(1).integers(3, n_files, 6).tolist(), n_files - 2, n_files - 1}):
        folder, calls = tmp_path / f"broken_{at}", 0
        monkeypatch.setattr(os, "replace", breaking(at))
        with pytest.raises(Broken):
            write_archive(config, folder, description)
        before = read_entries(folder)
        monkeypatch.setattr(os, "replace", breaking(1 << 30))
        times = {number: ledger.path_of(folder, number).stat().st_mtime_ns for number in before}
        write_archive(config, folder, description)
        assert contents(folder) == expected, at
        for number, time in times.items():  # what was done is not done again
            assert ledger.path_of(folder, number).stat().st_mtime_ns == time


def test_killed_as_it_began_it_begins_again(described, tmp_path):
    config, description = described(4)
    (tmp_path / "config.yaml").write_text("half")
    (tmp_path / ".0123456789abcdef.partial").write_text("half")
    write_archive(config, tmp_path, description)
    assert is_finished(tmp_path, description) and not list(tmp_path.rglob("*.partial"))


def test_a_full_disk_is_said_and_loses_nothing_that_was_written(described, tmp_path, monkeypatch):
    config, description = described(20)

    def full(path, **keys):
        if "images/c/2" in str(path):
            raise OSError(28, "No space left on device", str(path))
        return whole(path, **keys)

    monkeypatch.setattr(zarr_shards, "whole", full)
    with pytest.raises(OSError, match="No space left"):
        write_archive(config, tmp_path / "set", description)
    assert set(read_entries(tmp_path / "set")) == {0, 1}
    assert not is_finished(tmp_path / "set", description)
    with pytest.raises(DataError, match="1 of 3 shards are missing"):
        finish(tmp_path / "set")


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(described, tmp_path, monkeypatch):
    config, description = described(20)
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(DataError, match=r"20 systems need \d+ kB, and its disk has 1\.0 kB free"):
        write_archive(config, tmp_path / "set", description)
    assert not (tmp_path / "set").exists()


def test_a_part_that_another_one_begins_before_goes_on(described, tmp_path, monkeypatch):
    config, description = described(20)
    real = type(tmp_path).iterdir

    def late(path):
        monkeypatch.undo()
        prepare(tmp_path, begin_or_continue(config, description, tmp_path), opened(tmp_path)[1])
        make_shard(tmp_path, 0)
        return real(path)

    monkeypatch.setattr(type(tmp_path), "iterdir", late)
    assert begin_or_continue(config, description, tmp_path) == description
    assert set(read_entries(tmp_path)) == {0}


def test_the_ledger_is_read_before_shards_are_written_and_after(described, tmp_path, monkeypatch):
    config, description = described(20)
    with stopped_in("finish"):
        write_archive(config, tmp_path, description)
    real, read = ledger._entry, []
    monkeypatch.setattr(ledger, "_entry", lambda path: read.append(path) or real(path))
    write_archive(config, tmp_path, description)
    assert len(read) == 2 * len(description.shards) and is_finished(tmp_path, description)


@pytest.mark.parametrize("form", FORMATS)
def test_the_disk_has_a_shard_before_it_has_its_name_and_its_entry(described, tmp_path, monkeypatch, form):
    """As a power failure leaves what had been waited for, and maybe the names of all else; Zarr's shards wait not."""
    config, description = described(20, form=form, views=2 if form == "fits-pairs" else 1)
    real, fsync, on_disk, placed = os.replace, os.fsync, set(), []

    def replace(source, place):
        placed.append((os.path.relpath(place, tmp_path), os.stat(source).st_ino in on_disk))
        real(source, place)

    monkeypatch.setattr(os, "fsync", lambda file: on_disk.add(os.fstat(file).st_ino) or fsync(file))
    monkeypatch.setattr(os, "replace", replace)
    write_archive(config, tmp_path, description)
    assert all(waited or (form == "zarr" and "/" in name and "ledger" not in name) for name, waited in placed)
    order = [name for name, _ in placed]
    for number, entry in read_entries(tmp_path).items():
        assert set(entry.files) <= set(order[: order.index(f"ledger/{number:06d}.json")])


def test_the_same_command_again_does_nothing(dataset, described, capsys):
    config, description = described(20, views=2)
    before = {p: p.stat().st_mtime_ns for p in dataset.rglob("*") if p.is_file()}
    write_archive(config, dataset, description)
    assert "finished" in capsys.readouterr().err
    assert {p: p.stat().st_mtime_ns for p in dataset.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize(
    ("count", "overrides", "keys", "said"),
    [
        (
            20,
            ["simulate.observation.exposure_time=100"],
            {},
            r"observation\.exposure_time is 100.*, was 5400",
        ),
        (20, ["seed=2"], {}, "seed is 2, was 1"),
        (21, [], {}, r"count is 21, was 20\); `lenstream extend .* --count 1` adds to it"),
        (19, [], {}, r"count is 19, was 20\); --overwrite deletes it"),
        (20, [], {"views": 1}, "views is 1, was 2"),
        (20, [], {"start": 5}, "start is 5, was 0"),
        (20, [], {"split": "test"}, f"start is {FIRST_INDEX['test']}, was 0"),
    ],
)
def test_another_dataset_is_refused_with_the_first_difference(dataset, described, count, overrides, keys, said):
    config, description = described(count, *overrides, **{"views": 2} | keys)
    with pytest.raises(ConfigError, match=said):
        write_archive(config, dataset, description)
    assert is_finished(dataset, load(dataset))


def test_two_writers_are_refused(described, tmp_path):
    config, description = described(20)
    with locked(tmp_path), pytest.raises(DataError, match=r"another process.*--out"):
        write_archive(config, tmp_path, description)


def test_processes_write_the_same(described, tmp_path):
    config, description = described(20)
    write_archive(config, tmp_path / "one", description)
    write_archive(config, tmp_path / "two", description, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_processes_without_a_shard_leave_others_their_cores(described, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(all_shards, "results", lambda make, calls, workers: asked.append(workers) or iter(()))
    monkeypatch.setattr(all_shards, "_write_here", lambda *_: asked.append("here"))
    for count, workers in ((20, 2), (20, 8), (8, 8)):
        config, description = described(count)
        all_shards.write_shards(tmp_path, description, make_scene(config), description.shards, workers)
    assert asked == [2, 3, "here"]


def test_make_shard_is_all_that_a_cluster_needs(described, tmp_path):
    config, description = described(20)
    begin_or_continue(config, description, tmp_path / "parts")
    prepare(tmp_path / "parts", *opened(tmp_path / "parts"))
    for number in (2, 0, 1):
        make_shard(tmp_path / "parts", number, threads=2)
    finish(tmp_path / "parts")
    write_archive(config, tmp_path / "whole", description)
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_what_cannot_be_described(described):
    from lenstream.simulate.systems.scene import make_scene

    config, _ = described(1)
    scene = make_scene(config)
    for arguments, said in (
        (("zar", 10), 'no format is called "zar".*Did you mean "zarr"'),
        (("zarr", 0), "count: expected a whole number from 1"),
        (("zarr", 10, None, -1), "start: expected"),
        (("zarr", 10, None, 0, "tests"), 'split: expected.*Did you mean "test"'),
    ):
        with pytest.raises(ArgumentError, match=said):
            describe(config, scene, *arguments)
    assert describe(config, scene, "zarr", 10, None, 7, "test").start == FIRST_INDEX["test"] + 7


def test_a_shard_is_of_bounded_size(described, monkeypatch):
    from lenstream.simulate.systems.scene import make_scene

    config, _ = described(1)
    scene = make_scene(config)
    monkeypatch.setattr(zarr_shards, "SHARD_BYTES", 3 * 2 * 16 * 16 * 4 * 5)  # 15 systems of two views
    assert describe(config, scene, "zarr", 100, Views(2)).shard_size == 8
    monkeypatch.setattr(zarr_shards, "SHARD_BYTES", 1)
    assert describe(config, scene, "zarr", 100, Views(2)).shard_size == 1
