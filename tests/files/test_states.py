"""What a path holds, in a number that changes with it."""

import os

from lenstream.files.states import state_of


def test_a_folder_changes_with_any_file_below(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a")
    states = [state_of(tmp_path)]
    (tmp_path / "a" / "b" / "x").write_text("1")
    states.append(state_of(tmp_path))
    (tmp_path / "a" / "b" / "x").write_text("22")
    states.append(state_of(tmp_path))
    os.utime(tmp_path / "a" / "b" / "x", (1, 1))
    states.append(state_of(tmp_path))
    assert len(set(states)) == 4 and state_of(tmp_path) == states[-1]
    assert state_of(tmp_path / "absent") == state_of(tmp_path / "absent")


def test_a_file_changes_with_those_of_its_name(tmp_path):
    (tmp_path / "a.npy").write_text("1")
    state = state_of(tmp_path / "a.npy")
    (tmp_path / "b.csv").write_text("1")
    assert state_of(tmp_path / "a.npy") == state
    (tmp_path / "a.csv").write_text("1")
    assert state_of(tmp_path / "a.npy") != state


def test_of_a_dataset_its_description_is_looked_at(tmp_path):
    (tmp_path / "archive.json").write_text("{}")
    state = state_of(tmp_path)
    (tmp_path / "more").write_text("1")
    assert state_of(tmp_path) == state
    (tmp_path / "archive.json").write_text("{ }")
    assert state_of(tmp_path) != state
