"""Parts of a dataset: all shards once, however many parts; who may write at the same time as whom."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lenstream.errors import ArgumentError, DataError
from lenstream.locking import locked
from lenstream.simulate.archive.dataset_parts import DatasetPart, part_locked, part_of, shards_of
from lenstream.simulate.archive.description import Shard
from lenstream.simulate.archive.own_places import is_own


@given(count=st.integers(0, 200), n=st.integers(1, 60))
def test_parts_have_all_shards_once_in_runs_of_the_same_length(count, n):
    shards = [Shard(number, 100 + 8 * number, 8) for number in range(count)]
    parts = [shards_of(DatasetPart(k, n), shards) for k in range(1, n + 1)]
    assert [shard for part in parts for shard in part] == shards
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(("text", "part"), [("1/1", (1, 1)), ("3/8", (3, 8)), (" 08/08", (8, 8))])
def test_a_part_is_read(text, part):
    assert part_of(text) == part


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "-1/4", "1/4/2", "a/b", "", "1.5/2", "1/9999999999"])
def test_what_is_no_part_is_a_sentence(text):
    with pytest.raises(ArgumentError, match=r"--part .*expected K/N with K from 1 to N"):
        part_of(text)


def test_parts_are_written_side_by_side_and_none_twice(tmp_path):
    with part_locked(tmp_path, DatasetPart(1, 3)), part_locked(tmp_path, DatasetPart(2, 3)):
        with pytest.raises(DataError, match="another process"), part_locked(tmp_path, DatasetPart(2, 3)):
            pass
        with part_locked(tmp_path, DatasetPart(3, 3)):
            pass


def test_a_part_and_the_whole_are_not_written_at_once(tmp_path):
    with part_locked(tmp_path, DatasetPart(1, 2)), pytest.raises(DataError, match="another process"), locked(tmp_path):
        pass
    with locked(tmp_path), pytest.raises(DataError, match="another process"), part_locked(tmp_path, DatasetPart(1, 2)):
        pass
    with locked(tmp_path):  # neither of them is left
        assert all(map(is_own, os.listdir(tmp_path)))
