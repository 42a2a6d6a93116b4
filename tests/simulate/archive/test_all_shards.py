"""Shards made in this process: several at once, in order, and none to its end once something has failed."""

import time

import pytest

from lenstream.simulate.archive import all_shards
from lenstream.simulate.systems.scene import make_scene


def test_a_failed_write_stops_the_rendering_of_the_next_shards(tmp_path, described, monkeypatch):
    config, description = described(24)
    pieces = []

    def slowly(scene, description, shard, threads, made):
        for _ in range((1, 20, 2000)[shard.number]):
            made(1)
            pieces.append(shard.number)
            time.sleep(0.01)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(all_shards, "samples_of", slowly)
    monkeypatch.setattr(all_shards, "store", full)
    with pytest.raises(OSError, match="No space left"):
        all_shards.write_shards(tmp_path, description, make_scene(config), description.shards)
    assert pieces.count(2) < 500  # of 2,000


def test_while_a_shard_is_written_the_next_two_are_rendered(tmp_path, described, monkeypatch):
    config, description = described(40)
    rendered, seen = [], []

    def at_once(scene, description, shard, threads, made):
        rendered.append(shard.number)
        return shard.number

    def store(folder, description, samples, shard):
        assert samples == shard.number
        time.sleep(0.1)
        seen.append((shard.number, max(rendered)))

    monkeypatch.setattr(all_shards, "samples_of", at_once)
    monkeypatch.setattr(all_shards, "store", store)
    all_shards.write_shards(tmp_path, description, make_scene(config), description.shards)
    assert [number for number, _ in seen] == [0, 1, 2, 3, 4]
    assert all(number < last <= number + 3 for number, last in seen[:2])  # no more of them are held in memory
