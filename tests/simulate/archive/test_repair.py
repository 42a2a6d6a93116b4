"""What is damaged is made again, byte by byte, and nothing else."""

import os
import random
from dataclasses import replace

import pytest

from lenstream.errors import DataError
from lenstream.files.checksums import remove_sums
from lenstream.locking import locked
from lenstream.simulate.archive import repair as repairing
from lenstream.simulate.archive import writing
from lenstream.simulate.archive.description import COPIES
from lenstream.simulate.archive.formats import FORMATS
from lenstream.simulate.archive.ledger import path_of, read_entries, write_entry
from lenstream.simulate.archive.repair import repair
from lenstream.simulate.archive.verify import verify

from .folders import contents, damage, stopped_in


@pytest.mark.parametrize("form", FORMATS)
def test_any_damage_is_made_good_byte_by_byte(tmp_path, copy_of, form):
    folder = copy_of(tmp_path / "d", form)
    before, chance = contents(folder), random.Random(3)
    names = [n for n in before if n not in ("SHA256SUMS", "finished", *COPIES)]
    for name in chance.sample(sorted(names), min(8, len(names))):
        damage(folder / name) if chance.random() < 0.7 else (folder / name).unlink()
    assert verify(folder, show=False)
    assert repair(folder, show=False).left == []
    assert contents(folder) == before


@pytest.mark.parametrize(
    "name", ["archive.json", "config.yaml", "SHA256SUMS", "finished", "ledger/copy_of_archive.json"]
)
@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_what_describes_the_dataset_is_made_good(tmp_path, copy_of, name, how):
    folder = copy_of(tmp_path / "d")
    before = contents(folder)
    damage(folder / name) if how == "damaged" else (folder / name).unlink()
    assert repair(folder, show=False).left == []
    assert contents(folder) == before


def test_a_damaged_name_in_the_list_of_checksums_does_not_stay(tmp_path, copy_of):
    folder = copy_of(tmp_path / "d")
    before = contents(folder)
    (folder / "SHA256SUMS").write_bytes(before["SHA256SUMS"].replace(b"  labels.parquet", b"  labelt.parquet"))
    damage(folder / "labels.parquet")
    assert repair(folder, show=False).left == []
    assert contents(folder) == before


def test_the_list_of_checksums_and_its_seal_in_the_place_of_each_other_are_made_good(tmp_path, copy_of):
    folder = copy_of(tmp_path / "d")
    before = contents(folder)
    (folder / "SHA256SUMS").write_bytes(before["finished"])
    (folder / "finished").write_bytes(before["SHA256SUMS"])
    assert repair(folder, show=False).left == []
    assert contents(folder) == before


def test_only_what_is_wrong_is_computed(tmp_path, copy_of, monkeypatch):
    folder, made = copy_of(tmp_path / "d"), []
    real = repairing.samples_of
    monkeypatch.setattr(
        repairing, "samples_of", lambda scene, d, shard, *a: made.append(shard.number) or real(scene, d, shard, *a)
    )
    damage(folder / "theta_E/c/1")
    damage(folder / "images/c/1/0/0/0/0")
    outcome = repair(folder, show=False)
    assert made == [1]
    assert outcome.mended == ["shard 1: restored, byte by byte"]
    made.clear()
    assert repair(folder, show=False) == repairing.Outcome([], [])
    assert made == []


def test_a_ledger_that_does_not_fit_its_shard_is_said(tmp_path, copy_of):
    folder = copy_of(tmp_path / "d")
    entry = read_entries(folder)[1]
    write_entry(folder, replace(entry, content="0" * 64, files=dict.fromkeys(entry.files, "0" * 64)))
    writing.finish(folder)
    (said,) = repair(folder, show=False).left
    assert "shard 1" in said and "its ledger was changed" in said


def test_a_lost_entry_of_the_ledger_is_written_again_if_the_shard_is_as_it_should_be(tmp_path, copy_of):
    folder = copy_of(tmp_path / "d")
    before = contents(folder)
    path_of(folder, 0).unlink()
    assert repair(folder, show=False).left == []
    assert contents(folder) == before


def test_a_shard_that_is_lost_with_its_entry_is_known_by_the_list_of_checksums(tmp_path, copy_of):
    folder = copy_of(tmp_path / "d")
    before = contents(folder)
    for number in range(3):
        path_of(folder, number).unlink()
        damage(folder / f"images/c/{number}/0/0/0/0")
    assert repair(folder, show=False).left == []
    assert contents(folder) == before


def test_a_lost_shard_is_known_by_other_damaged_ones_that_come_out_as_their_entries_say(tmp_path, copy_of):
    """With its entry and its line in the list lost, too, and no shard intact."""
    folder = copy_of(tmp_path / "d", "hdf5")
    before = contents(folder)
    for number in range(3):
        with open(folder / f"data-{number:05d}.h5", "r+b") as file:
            file.seek(-9, os.SEEK_END)
            file.write(b"not this")
    (folder / "ledger/000001.json").write_bytes(b"{}")
    remove_sums(folder, "ledger/000001.json")
    outcome = repair(folder, show=False)
    assert not outcome.left and len(outcome.mended) >= 3
    assert contents(folder) == before


def test_a_lost_entry_and_no_other_shard_leave_nothing_to_compare_with(tmp_path, copy_of):
    folder = copy_of(tmp_path / "d", "hdf5")
    for number in range(3):
        (folder / f"ledger/{number:06d}.json").write_bytes(b"{}")
        remove_sums(folder, f"ledger/{number:06d}.json")
        (folder / f"data-{number:05d}.h5").write_bytes(b"nothing")
    assert "no shard is left to tell whether this machine computes" in repair(folder, show=False).left[0]


def test_other_bytes_of_the_same_numbers_are_taken_and_said(tmp_path, copy_of, monkeypatch):
    """As of a library that packs in another way."""
    folder = copy_of(tmp_path / "d")
    damage(folder / "images/c/1/0/0/0/0")
    real = FORMATS["zarr"].write

    def padded(folder, description, samples, shard):
        names = real(folder, description, samples, shard)
        with open(folder / names[0], "ab") as file:
            file.write(b" ")
        return names

    monkeypatch.setattr(FORMATS["zarr"], "write", padded)
    outcome = repair(folder, show=False)
    assert outcome.left == [] and "same numbers, in other bytes" in outcome.mended[0]
    assert verify(folder, show=False) == []


def test_shards_that_were_not_yet_made_are_made(tmp_path, copy_of, described):
    config, description = described(20)
    with stopped_in("finish"):
        writing.write_archive(config, tmp_path / "e", description)
    path_of(tmp_path / "e", 1).unlink()
    assert repair(tmp_path / "e", show=False).left == []
    assert contents(tmp_path / "e") == contents(copy_of(tmp_path / "d"))


def test_pages_for_people_are_made_again_by_who_can(tmp_path, described):
    def pages(folder):
        (folder / "contact_sheet.png").write_text("lenses")
        return ["contact_sheet.png"]

    config, description = described(8)
    writing.write_archive(config, tmp_path / "d", description, pages=pages)
    damage(tmp_path / "d" / "contact_sheet.png")
    assert "contact_sheet.png: still damaged" in repair(tmp_path / "d", show=False).left[0]
    assert repair(tmp_path / "d", pages=pages, show=False) == repairing.Outcome(["contact_sheet.png: restored"], [])
    assert verify(tmp_path / "d", show=False) == []


def test_foreign_files_are_deleted_only_when_asked(tmp_path, copy_of):
    folder = copy_of(tmp_path / "d")
    before = contents(folder)
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").write_text("x")
    outcome = repair(folder, show=False)
    assert outcome.left == ["mine/notes.txt: not of this dataset; --remove-foreign deletes it"]
    assert (folder / "mine" / "notes.txt").exists()
    assert repair(folder, remove_foreign=True, show=False).left == []
    assert contents(folder) == before and not (folder / "mine").exists()


def test_what_the_repair_itself_writes_is_not_foreign(tmp_path, copy_of):
    def pages(folder):
        (folder / "contact_sheet.png").write_text("new")
        return ["contact_sheet.png"]

    folder = copy_of(tmp_path / "d")
    (folder / "contact_sheet.png").write_text("old")
    (folder / "notes.txt").write_text("x")
    damage(folder / "labels.parquet")
    outcome = repair(folder, remove_foreign=True, pages=pages, show=False)
    assert outcome.left == [] and not (folder / "notes.txt").exists()
    assert (folder / "contact_sheet.png").read_text() == "new"
    assert verify(folder, show=False) == []


def test_a_shard_of_another_dataset_with_its_entry_is_replaced(tmp_path, copy_of):
    """Its entry is whole, and fits its files: only the list of checksums says that they do not belong here."""
    folder, other = copy_of(tmp_path / "d"), copy_of(tmp_path / "other", seed=2)
    before = contents(folder)
    for name in ("ledger/000001.json", *read_entries(other)[1].files):
        (folder / name).write_bytes((other / name).read_bytes())
    assert contents(folder) != before
    outcome = repair(folder, show=False)
    assert outcome.left == [] and contents(folder) == before


def test_without_the_list_of_checksums_nothing_is_foreign_while_something_is_left(tmp_path, copy_of, other_arithmetic):
    """Until the list is written again nobody knows labels.parquet from a file of others."""
    folder = copy_of(tmp_path / "d")
    (folder / "notes.txt").write_text("x")
    (folder / "SHA256SUMS").unlink()
    damage(folder / "images/c/1/0/0/0/0")
    before = contents(folder)
    other_arithmetic(0.01)
    (said,) = repair(folder, remove_foreign=True, show=False).left
    assert "arithmetic differs" in said and contents(folder).keys() >= before.keys()


def test_of_a_folder_that_is_no_dataset_nothing_is_deleted(tmp_path):
    (tmp_path / ".repair").mkdir()
    (tmp_path / ".repair" / "bicycle.txt").write_text("years of work")
    with pytest.raises(DataError, match="no dataset"):
        repair(tmp_path, show=False)
    assert (tmp_path / ".repair" / "bicycle.txt").exists()


def test_without_the_description_and_its_copy_nothing_is_changed(tmp_path, copy_of):
    folder = copy_of(tmp_path / "d")
    for name in ("config.yaml", "ledger/copy_of_config.yaml"):
        damage(folder / name)
    before = contents(folder)
    with pytest.raises(DataError, match=r"config\.yaml and its copy"):
        repair(folder, show=False)
    assert contents(folder) == before


def test_a_dataset_that_is_being_written_is_left_alone(tmp_path, copy_of):
    folder = copy_of(tmp_path / "d")
    with locked(folder), pytest.raises(DataError, match="another process"):
        repair(folder, show=False)
