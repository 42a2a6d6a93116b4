"""Datasets that are extended: as if written at once, what a shard has compared bit by bit, other versions said."""

import dataclasses
import re
import shutil

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.simulate.archive import ledger, lengthening, zarr_shards
from lenstream.simulate.archive.description import Shard, load
from lenstream.simulate.archive.ledger import ACCEPTED, Entry, read_entries, versions
from lenstream.simulate.archive.lengthening import holds, is_shorter, refuse_other_numbers, say_what_differs
from lenstream.simulate.archive.samples import content_digest, make_samples
from lenstream.simulate.archive.shard_making import opened
from lenstream.simulate.archive.sizes_on_disk import bytes_of_systems
from lenstream.simulate.archive.writing import begin_or_continue, extend_archive, is_finished, write_archive
from lenstream.simulate.systems.draw import Views

from .folders import Broken, contents, stopped_in


@pytest.fixture(scope="module")
def made(dataset):
    """Six samples, and the entry of a shard with the first four."""
    scene = opened(dataset)[1]
    samples, first = (make_samples(scene, np.arange(n, dtype=np.uint64), Views(2)) for n in (6, 4))
    return samples, Entry(0, 0, 4, content_digest(first), {}, versions())


@pytest.mark.parametrize(
    ("entry", "shorter"),
    [((1, 8, 3), True), ((1, 8, 8), False), ((1, 8, 9), False), ((0, 8, 3), False), ((1, 0, 3), False)],
)
def test_an_entry_of_the_same_shard_with_fewer_systems_is_a_shorter_one(entry, shorter):
    assert is_shorter(Entry(*entry, "", {}), Shard(1, 8, 8)) == shorter
    assert not is_shorter(None, Shard(1, 8, 8))


def test_the_first_samples_are_those_of_the_entry(made, tmp_path):
    samples, entry = made
    assert holds(entry, samples)
    refuse_other_numbers(tmp_path, entry, samples)


@pytest.mark.parametrize(("group", "name"), [("images", "images"), ("masks", "mask"), ("labels", "theta_E")])
def test_a_bit_more_or_less_in_one_of_them_is_refused(made, tmp_path, group, name):
    samples, entry = made
    values = {n: v.copy() for n, v in getattr(samples, group).items()}
    values[name].reshape(6, -1)[5, 0:1].view(np.uint8)[0] ^= 1  # of one that is added
    assert holds(entry, dataclasses.replace(samples, **{group: values}))
    values[name].reshape(6, -1)[3, 0:1].view(np.uint8)[0] ^= 1
    with pytest.raises(DataError, match=r"the 4 systems of shard 0 come out here with other numbers.*numpy.*--start"):
        refuse_other_numbers(tmp_path, entry, dataclasses.replace(samples, **{group: values}))


def test_versions_that_differ_are_said_once(made, tmp_path, capsys, monkeypatch):
    _, entry = made
    noted = dataclasses.replace(entry, versions=entry.versions | {ACCEPTED: "numbers of a repair"})
    say_what_differs(tmp_path, [entry, noted])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(lengthening, "versions", lambda: entry.versions | {"numpy": "9.9"})
    say_what_differs(tmp_path, [entry, noted, entry])
    was = entry.versions["numpy"]
    assert capsys.readouterr().err == f"{tmp_path} was written with numpy {was}; what is added is made with numpy 9.9\n"


def of_shards(folder):
    """`contents` of the files that belong to a shard, and the ledger."""
    names = [name for entry in read_entries(folder).values() for name in entry.files]
    held = contents(folder)
    return {name: held[name] for name in names} | {n: b for n, b in held.items() if n.startswith("ledger/0")}


@pytest.mark.parametrize(("first", "more"), [(20, 9), (16, 1), (3, 4)])
def test_extended_it_is_as_if_written_at_once(described, tmp_path, first, more):
    config, description = described(first, start=30, split="validation")
    write_archive(config, tmp_path / "extended", description, ecsv=True)
    extended = extend_archive(tmp_path / "extended", more)
    assert extended.count == first + more and extended.added == more
    write_archive(config, tmp_path / "at_once", dataclasses.replace(description, count=first + more), ecsv=True)
    assert of_shards(tmp_path / "extended") == of_shards(tmp_path / "at_once")
    held, expected = contents(tmp_path / "extended"), contents(tmp_path / "at_once")
    differ = {name for name in expected if held[name] != expected[name]}
    knowing = {"archive.json", "ledger/copy_of_archive.json", "SHA256SUMS", "finished"}  # that it was extended
    assert set(held) == set(expected) and differ == knowing


def test_a_dataset_with_an_entry_of_another_one_is_not_extended(described, tmp_path):
    config, description = described(16)
    folder, other = tmp_path / "set", tmp_path / "other"
    write_archive(config, folder, description)
    write_archive(config, other, dataclasses.replace(description, seed=description.seed + 1))
    (folder / "ledger/000000.json").write_bytes((other / "ledger/000000.json").read_bytes())
    before = contents(folder)
    with pytest.raises(DataError, match=r"ledger/000000\.json was changed since.*`lenstream repair .*` first"):
        extend_archive(folder, 4)
    assert contents(folder) == before


def test_an_extension_that_was_broken_off_goes_on_with_the_same_command(described, tmp_path, monkeypatch):
    config, description = described(12)
    folder = tmp_path / "set"
    write_archive(config, folder, description)
    write = zarr_shards.write

    def broken(folder, description, samples, shard):
        if shard.number == 2:
            raise Broken
        return write(folder, description, samples, shard)

    monkeypatch.setattr(zarr_shards, "write", broken)
    with pytest.raises(Broken):
        extend_archive(folder, 10)
    with pytest.raises(DataError, match=re.escape(f"`lenstream extend {folder} --count 10` goes on")):
        extend_archive(folder, 11)
    monkeypatch.setattr(zarr_shards, "write", write)
    assert extend_archive(folder, 10).count == 22  # and not 32
    write_archive(config, tmp_path / "at_once", dataclasses.replace(description, count=22))
    assert of_shards(folder) == of_shards(tmp_path / "at_once")


def test_an_extension_stopped_in_its_finish_goes_on_and_adds_no_more(described, tmp_path):
    config, description = described(12)
    write_archive(config, tmp_path, description)
    with stopped_in("finish"):
        extend_archive(tmp_path, 10)
    with pytest.raises(DataError, match=r"only its last files are missing\); .*--count 10` goes on"):
        extend_archive(tmp_path, 11)
    assert extend_archive(tmp_path, 10).count == 22 and is_finished(tmp_path, load(tmp_path))
    assert extend_archive(tmp_path, 10).count == 32  # as it was finished


def test_a_dataset_stopped_in_its_finish_is_not_extended(described, tmp_path):
    config, description = described(12)
    with stopped_in("finish"):
        write_archive(config, tmp_path, description)
    with pytest.raises(DataError, match=r"only its last files are missing\); .*lenstream simulate, goes on"):
        extend_archive(tmp_path, 5)
    assert load(tmp_path) == description


def test_an_extension_that_comes_out_with_other_numbers_changes_nothing(described, tmp_path, other_arithmetic):
    config, description = described(12)
    write_archive(config, tmp_path, description)
    before = contents(tmp_path)
    other_arithmetic(0.0002)
    with pytest.raises(DataError, match="the 4 systems of shard 1 come out here with other numbers"):
        extend_archive(tmp_path, 10)
    assert contents(tmp_path) == before


def test_a_stopped_extension_is_not_gone_on_with_where_numbers_are_others(described, tmp_path, other_arithmetic):
    config, description = described(12)
    write_archive(config, tmp_path, description)
    with stopped_in("write_shards"):
        extend_archive(tmp_path, 10)
    before = of_shards(tmp_path)
    other_arithmetic(0.0002)
    with pytest.raises(DataError, match="the 4 systems of shard 1 come out here with other numbers"):
        extend_archive(tmp_path, 10)
    assert of_shards(tmp_path) == before


def test_an_extension_with_other_versions_says_so(described, tmp_path, monkeypatch, capsys):
    config, description = described(8)
    write_archive(config, tmp_path, description)
    real = ledger.versions()
    monkeypatch.setattr(lengthening, "versions", lambda: real | {"numba": "9.9"})
    extend_archive(tmp_path, 8)
    assert f"was written with numba {real['numba']}; what is added is made with numba 9.9" in capsys.readouterr().err


def test_an_extension_needs_room_for_what_it_writes_alone(described, tmp_path, monkeypatch):
    config, description = described(20)
    write_archive(config, tmp_path, description)
    one, usage = bytes_of_systems(opened(tmp_path)[1], description), type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**9, 0, 9 * one))
    before = contents(tmp_path)
    with pytest.raises(DataError, match="10 systems need"):
        extend_archive(tmp_path, 6)
    assert contents(tmp_path) == before
    assert extend_archive(tmp_path, 4).count == 24  # a shard of 8, 4 of which are new


def test_a_dataset_that_is_not_finished_is_not_extended(described, tmp_path):
    config, description = described(20)
    begin_or_continue(config, description, tmp_path)
    with pytest.raises(DataError, match=r"3 of 3 shards are missing.*lenstream simulate, goes on"):
        extend_archive(tmp_path, 5)
