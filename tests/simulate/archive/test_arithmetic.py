"""How far numbers of this machine are from stored ones: nothing, a share of the noise, or a value that is not there.

A repair measures by a shard that is intact, and mixes other numbers into a dataset only if it is told to.
"""

from dataclasses import replace

import numpy as np
import pytest

from lenstream.simulate.archive import shard_making, writing
from lenstream.simulate.archive.arithmetic import difference
from lenstream.simulate.archive.formats import FORMATS
from lenstream.simulate.archive.ledger import ACCEPTED, path_of, read_entries, write_entry
from lenstream.simulate.archive.repair import repair
from lenstream.simulate.archive.statements import Statements
from lenstream.simulate.archive.verify import verify

from .folders import contents, damage, stopped_in


@pytest.fixture
def said(copy_of, tmp_path):
    return Statements(copy_of(tmp_path / "d"))


def test_differences_are_in_units_of_the_noise(said, other_arithmetic):
    assert difference(said, said.shards[1]) == ""
    noise = said.scene.config.observation.background_noise
    other_arithmetic(0.25 * noise)
    assert "shard 1, which is intact, images differ by up to 0.25 of the noise, labels by up to 0 of their size" in (
        difference(said, said.shards[1])
    )


def test_a_value_that_one_of_them_lacks_is_no_small_difference(said, monkeypatch):
    real = shard_making.make_samples

    def lacking(*arguments, **keys):
        samples = real(*arguments, **keys)
        theta_E = np.where(np.arange(len(samples.indices)) == 2, np.nan, samples.labels["theta_E"])
        return replace(samples, labels=samples.labels | {"theta_E": theta_E})

    monkeypatch.setattr(shard_making, "make_samples", lacking)
    assert "images differ by up to 0 of the noise, labels by up to inf of their size" in difference(
        said, said.shards[0]
    )


def test_other_arithmetic_is_measured_and_changes_nothing_unless_accepted(tmp_path, copy_of, other_arithmetic):
    folder = copy_of(tmp_path / "d")
    damage(folder / "images/c/1/0/0/0/0")
    before = contents(folder)
    noise = shard_making.opened(folder)[1].instrument.background
    other_arithmetic(0.01 * noise)
    (said,) = repair(folder, show=False).left
    assert "images differ by up to 0.01 of the noise" in said and "--accept" in said and "numba" in said
    assert contents(folder) == before
    outcome = repair(folder, accept=True, show=False)
    assert outcome.left == [] and "other numbers" in outcome.mended[0]
    assert verify(folder, show=False) == []
    accepted = {number: ACCEPTED in entry.versions for number, entry in read_entries(folder).items()}
    assert accepted == {0: False, 1: True, 2: False}


def accepted(folder, number):
    """Have a repair accept what is computed here for a shard."""
    damage(folder / f"images/c/{number}/0/0/0/0")
    assert repair(folder, accept=True, show=False).left == []
    assert ACCEPTED in read_entries(folder)[number].versions


def test_accepted_shards_say_nothing_of_the_writers_arithmetic(tmp_path, copy_of, other_arithmetic):
    folder = copy_of(tmp_path / "d")
    noise = shard_making.opened(folder)[1].instrument.background
    other_arithmetic(0.01 * noise)
    accepted(folder, 0)
    damage(folder / "images/c/2/0/0/0/0")
    (said,) = repair(folder, show=False).left
    assert "differs from the writer's (on shard 1, which is intact, images differ by up to 0.01 of the noise" in said
    damage(path_of(folder, 2))  # the entry, too: what is made here is not taken for what was there
    (said,) = repair(folder, show=False).left
    assert "differs from the writer's (on shard 1" in said


def test_without_a_shard_of_the_writer_nothing_is_measured(tmp_path, copy_of, other_arithmetic):
    folder = copy_of(tmp_path / "d")
    other_arithmetic(0.0002)
    accepted(folder, 0)
    accepted(folder, 1)
    damage(folder / "images/c/2/0/0/0/0")
    (said,) = repair(folder, show=False).left
    assert "differs from the writer's (no shard of the writer is intact" in said


def test_an_accepted_shard_is_measured_against_accepted_ones_and_stays_one(tmp_path, copy_of, other_arithmetic):
    folder = copy_of(tmp_path / "d")
    other_arithmetic(0.0002)
    accepted(folder, 0)
    accepted(folder, 2)
    other_arithmetic(0.0004)
    damage(folder / "images/c/2/0/0/0/0")
    (said,) = repair(folder, show=False).left
    assert "differs from the writer's (on shard 0, which is intact" in said
    other_arithmetic(0.0002)
    write_entry(folder, replace(read_entries(folder)[2], files=dict.fromkeys(read_entries(folder)[2].files, "0" * 64)))
    writing.finish(folder)
    assert repair(folder, show=False).left == []
    assert ACCEPTED in read_entries(folder)[2].versions


def test_a_shard_of_the_same_versions_is_measured(tmp_path, copy_of, other_arithmetic):
    folder = copy_of(tmp_path / "d")
    for number in (1, 2):
        entry = read_entries(folder)[number]
        write_entry(folder, replace(entry, versions=entry.versions | {"numba": "0.1"}))
    writing.finish(folder)
    other_arithmetic(0.0002)
    damage(folder / "images/c/2/0/0/0/0")
    (said,) = repair(folder, show=False).left
    assert "(on shard 1, which is intact" in said


@pytest.mark.parametrize("by", [0.0, 0.0002])
def test_what_a_stopped_extension_lacks_is_made_if_the_rest_stays_as_it_is(tmp_path, copy_of, other_arithmetic, by):
    folder = copy_of(tmp_path / "d")
    with stopped_in("write_shards"):
        writing.extend_archive(folder, 4)
    before = (folder / "images/c/2/0/0/0/0").read_bytes()
    other_arithmetic(by)
    outcome = repair(folder, show=False)
    if by:
        assert "differs from the writer's (on shard 0" in outcome.left[0]
        assert (folder / "images/c/2/0/0/0/0").read_bytes() == before
        assert repair(folder, accept=True, show=False).left == []
    assert verify(folder, show=False) == [] and read_entries(folder)[2].count == 8
    assert (ACCEPTED in read_entries(folder)[2].versions) == bool(by)


def test_a_lost_entry_is_not_written_with_other_arithmetic(tmp_path, copy_of, other_arithmetic):
    folder = copy_of(tmp_path / "d")
    damage(path_of(folder, 0))
    other_arithmetic(0.0002)
    assert "differs from the writer's" in repair(folder, show=False).left[0]


def test_an_accepted_shard_stays_so_if_the_repair_is_stopped_in_its_finish(tmp_path, copy_of, other_arithmetic):
    folder = copy_of(tmp_path / "d")
    damage(folder / "images/c/1/0/0/0/0")
    other_arithmetic(0.0002)
    with stopped_in("finish"):
        repair(folder, accept=True, show=False)
    assert {f.what for f in verify(folder, show=False)} == {"unfinished"}
    assert repair(folder, show=False).left == []
    assert ACCEPTED in read_entries(folder)[1].versions and verify(folder, show=False) == []


def test_a_shard_that_is_left_does_not_make_another_ones_new_entry_a_damaged_one(
    tmp_path, copy_of, other_arithmetic, monkeypatch
):
    folder = copy_of(tmp_path / "d")
    damage(folder / "images/c/1/0/0/0/0")
    real, write = shard_making.make_samples, FORMATS["zarr"].write
    other_arithmetic(0.0002)
    differing = shard_making.make_samples

    def of_one(scene, indices, *rest, **keys):
        return (differing if indices[0] == 8 else real)(scene, indices, *rest, **keys)

    def padded(folder, description, samples, shard):
        names = write(folder, description, samples, shard)
        with open(folder / names[0], "ab") as file:
            file.write(b" ")
        return names

    damage(folder / "images/c/2/0/0/0/0")
    monkeypatch.setattr(shard_making, "make_samples", of_one)
    monkeypatch.setattr(FORMATS["zarr"], "write", padded)
    assert len(repair(folder, show=False).left) == 1
    assert {(f.what, f.shard) for f in verify(folder, show=False)} == {("damaged", 1), ("unfinished", None)}
