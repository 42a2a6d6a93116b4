"""Shards made by workers of Dask: all once, whoever dies meanwhile, and a sentence for what cannot be."""

import os
import shutil
import signal

import pytest

from lenstream.errors import DataError
from lenstream.simulate.archive import dask_workers, shard_making, writing
from lenstream.simulate.archive.dask_workers import made_on_dask, make_here
from lenstream.simulate.archive.description import digest_of, load
from lenstream.simulate.archive.formats import FORMATS
from lenstream.simulate.archive.ledger import read_entries
from lenstream.simulate.archive.own_places import is_own

from .folders import contents

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def threads():
    """The address of a scheduler whose worker is two threads of this process."""
    with distributed.LocalCluster(1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def test_a_dataset_made_on_a_cluster_is_the_one_made_here(tmp_path, copy_of, described, threads):
    config, description = described(20)
    writing.write_archive(config, tmp_path / "d", description, scheduler=threads)
    assert contents(tmp_path / "d") == contents(copy_of(tmp_path / "here"))


def test_a_bounded_number_is_handed_out_at_once(tmp_path, copy_of, threads, monkeypatch):
    folder, under_way, most = copy_of(tmp_path / "d"), [], []
    real = distributed.Client.submit

    def submit(*arguments, **keys):
        future = real(*arguments, **keys)
        under_way.append(future)
        most.append(sum(not f.done() for f in under_way))
        return future

    monkeypatch.setattr(distributed.Client, "submit", submit)
    entries = list(made_on_dask(folder, [0, 1, 2] * 4, threads))
    assert sorted(entry.number for entry in entries) == sorted([0, 1, 2] * 4)
    assert max(most) <= 2 * dask_workers.AHEAD


def test_what_a_worker_cannot_do_is_its_sentence(tmp_path, copy_of, threads, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "a/b")

    folder = copy_of(tmp_path / "d")
    monkeypatch.setattr(dask_workers, "make_shard", full)
    with pytest.raises(OSError, match="No space left"):
        list(made_on_dask(folder, [0, 1], threads))
    monkeypatch.setattr(dask_workers, "make_shard", lambda *_: 1 / 0)
    with pytest.raises(DataError, match="a Dask worker failed: ZeroDivisionError: division by zero"):
        list(made_on_dask(folder, [0, 1], threads))


def test_a_worker_that_does_not_see_the_folder_or_is_another_says_so(tmp_path, copy_of):
    with pytest.raises(DataError, match=r"does not see it; --out has to be on a file system that all workers share"):
        make_here(str(tmp_path / "none"), "1", "", 0)
    folder = copy_of(tmp_path / "d")
    with pytest.raises(DataError, match=r"has LenStream .*, and the dataset is of 999; install the same there"):
        make_here(str(folder), "999", digest_of(folder), 0)
    before = contents(folder)
    assert make_here(str(folder), load(folder).lenstream, digest_of(folder), 1) == read_entries(folder)[1]
    assert contents(folder) == before


@pytest.mark.parametrize("form", FORMATS)
def test_a_worker_makes_a_shard_of_any_format(tmp_path, described, form):
    config, description = described(10, form=form, views=2 if form == "fits-pairs" else 1)
    writing.write_archive(config, tmp_path, description)
    before = contents(tmp_path)
    make_here(str(tmp_path), load(tmp_path).lenstream, digest_of(tmp_path), 1)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("moment", ["before it begins", "as it is rendered", "as its files take their places"])
def test_a_task_that_outlives_its_dataset_writes_nothing_into_the_next_one(tmp_path, described, monkeypatch, moment):
    folder, begun = tmp_path / "d", []
    config, description = described(20)
    writing.begin_or_continue(config, description, folder)
    task, replace = (str(folder), description.lenstream, digest_of(folder), 0), os.replace
    samples_of = shard_making.samples_of

    def begin_another(*_):
        if not begun:
            begun.append(True)
            shutil.rmtree(folder)
            writing.begin_or_continue(*described(20, "seed=2"), folder)
            begun.append(contents(folder))

    def late_replace(source, place):
        replace(source, place)
        if str(place).endswith("index/c/0") and ".parts" not in str(place):
            begin_another()

    if moment == "before it begins":
        begin_another()
    elif moment == "as it is rendered":
        monkeypatch.setattr(shard_making, "samples_of", lambda *a: begin_another() or samples_of(*a))
    else:
        monkeypatch.setattr(os, "replace", late_replace)
    with pytest.raises(DataError, match="another dataset was begun there"):
        make_here(*task)
    assert {name: data for name, data in contents(folder).items() if not is_own(name)} == begun[1]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "127.0.0.1"])
def test_without_a_scheduler_it_says_so(tmp_path, copy_of, monkeypatch, address):
    monkeypatch.setattr(dask_workers, "PATIENCE", 1)
    with pytest.raises(DataError, match=f"--scheduler {address}: no Dask scheduler answers there"):
        list(made_on_dask(copy_of(tmp_path / "d"), [0], address))


@pytest.mark.slow
def test_workers_that_die_are_replaced_and_nothing_is_lost_or_doubled(tmp_path, described):
    config, description = described(200)
    writing.begin_or_continue(config, description, tmp_path / "d")
    writing.prepare(tmp_path / "d", description, writing.opened(tmp_path / "d")[1])
    numbers = [shard.number for shard in description.shards]
    made = []
    with distributed.LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        for entry in made_on_dask(tmp_path / "d", numbers, cluster.scheduler_address):
            made.append(entry.number)
            if len(made) in (1, 6, 11):
                os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
    assert sorted(made) == numbers
    writing.finish(tmp_path / "d")
    writing.write_archive(config, tmp_path / "here", description)
    assert contents(tmp_path / "d") == contents(tmp_path / "here")


def test_the_shard_of_a_worker_that_died_is_handed_out_again(tmp_path, copy_of, threads, monkeypatch):
    folder, asked = copy_of(tmp_path / "d"), []
    monkeypatch.setattr(dask_workers, "_has_died", lambda future: asked.append(future) or len(asked) <= 2)
    assert sorted(entry.number for entry in made_on_dask(folder, [0, 1, 2], threads)) == [0, 1, 2]
    assert len(asked) == 5
    monkeypatch.setattr(dask_workers, "_has_died", lambda future: True)
    with pytest.raises(DataError, match="11 times, workers that made shard 1 died; do they have enough memory"):
        list(made_on_dask(folder, [1], threads))
