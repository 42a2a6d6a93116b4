"""Parts of a dataset: all shards once, however many parts; who may write at the same time as whom."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lenstream.configs.load import show
from lenstream.errors import ArgumentError, DataError
from lenstream.locking import locked
from lenstream.simulate.archive import writing
from lenstream.simulate.archive.dataset_parts import DatasetPart, part_locked, part_of, shards_of
from lenstream.simulate.archive.description import Shard
from lenstream.simulate.archive.ledger import read_entries
from lenstream.simulate.archive.own_places import is_own
from lenstream.simulate.archive.verify import verify

from .folders import contents


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


def test_parts_and_the_finish_make_the_dataset_that_is_written_at_once(tmp_path, described, copy_of):
    config, description = described(20)
    for k in (3, 1):  # the second job was lost
        writing.write_part(config, tmp_path / "d", description, DatasetPart(k, 3))
        assert not (tmp_path / "d" / "finished").exists()
    assert set(read_entries(tmp_path / "d")) == {0, 2}
    writing.write_part(config, tmp_path / "d", description, DatasetPart(3, 3))  # requeued: nothing is left to do
    writing.write_archive(config, tmp_path / "d", description)
    assert contents(tmp_path / "d") == contents(copy_of(tmp_path / "at_once"))


def test_of_more_parts_than_shards_those_without_say_so(tmp_path, described, capsys):
    config, description = described(20)
    for k, said in (
        (1, "has nothing to write: the dataset has 3 shards of up to 8 systems, so 3 parts are enough"),
        (2, ""),
    ):
        writing.write_part(config, tmp_path, description, DatasetPart(k, 4))
        assert said in capsys.readouterr().err
    writing.write_part(config, tmp_path, description, DatasetPart(2, 4))
    assert f"part 2/4 of {tmp_path} is written, nothing is left to do" in capsys.readouterr().err


@pytest.mark.slow
def test_the_script_for_slurm_writes_parts_at_once_and_finishes(tmp_path, described, copy_of):
    page = (Path(__file__).parents[3] / "docs" / "datasets" / "slurm.md").read_text()
    script = re.search(r"```bash\n(.*?)```", page, re.DOTALL)[1]
    (tmp_path / "bin").mkdir()
    ours = tmp_path / "bin" / "lenstream"
    ours.write_text(f'#!/bin/sh\nexec {sys.executable} -m lenstream.run_pipeline "$@"\n')
    ours.chmod(0o755)
    config, description = described(20)
    (tmp_path / "lenses.sh").write_text(script.replace("demo --count 10000000", f"{tmp_path}/small.yaml --count 20"))
    (tmp_path / "small.yaml").write_text(show(config))
    writing.begin_or_continue(config, description, tmp_path / "lenses")  # with shards of a few systems
    environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "SCRATCH": str(tmp_path), "SLURM_CPUS_PER_TASK": "1"}

    def job(**more):
        return subprocess.Popen(["bash", tmp_path / "lenses.sh"], env=os.environ | environment | more)

    jobs = [job(SLURM_ARRAY_TASK_ID=str(k), SLURM_ARRAY_TASK_COUNT="2") for k in (1, 2)]
    assert [process.wait(300) for process in jobs] == [0, 0]
    assert set(read_entries(tmp_path / "lenses")) == {0, 1, 2} and not (tmp_path / "lenses" / "finished").exists()
    assert job().wait(300) == 0
    held, expected = contents(tmp_path / "lenses"), contents(copy_of(tmp_path / "at_once"))
    of_shards = {name for entry in read_entries(tmp_path / "lenses").values() for name in entry.files}
    assert {n: held[n] for n in of_shards} == {n: expected[n] for n in of_shards}
    assert verify(tmp_path / "lenses", show=False) == []
