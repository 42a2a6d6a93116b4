"""What a dataset says of itself: shards that cover all systems, and sentences for what is no dataset."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lenstream.configs.load import load as load_config
from lenstream.errors import DataError
from lenstream.simulate.archive.description import Description, config_of, digest_of, load, save
from lenstream.simulate.systems.draw import Views

PLAIN = Description("zarr", "w1", 7, 1 << 41, 20, 2, ("noise", "source"), 8, "test", "1.0")


@given(st.integers(1, 500), st.integers(1, 64), st.integers(0, 1 << 62))
def test_shards_hold_every_system_once(count, size, start):
    shards = replace(PLAIN, start=start, count=count, shard_size=size).shards
    assert [shard.number for shard in shards] == list(range(len(shards)))
    assert [i for s in shards for i in range(s.first, s.first + s.count)] == list(range(start, start + count))
    assert all(shard.count == size for shard in shards[:-1]) and 1 <= shards[-1].count <= size


def test_what_is_saved_is_loaded(tmp_path):
    config = load_config("demo", ["simulate.image.num_pix=20"])
    save(tmp_path, PLAIN, config)
    assert load(tmp_path) == PLAIN
    assert config_of(tmp_path) == config
    assert PLAIN.drawn_views == Views(2, frozenset({"noise", "source"}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"count": 0}, "count is 0"),
        ({"count": True}, "count is True"),
        ({"start": -1}, "start is -1"),
        ({"seed": "1"}, "seed is '1'"),
        ({"redraw": ["source", 3]}, "redraw is"),
        ({"format": None}, "format is None"),
        ({"layout": 2}, "another version"),
    ],
)
def test_a_damaged_description_is_refused(tmp_path, change, words):
    save(tmp_path, PLAIN, load_config("w1"))
    path = tmp_path / "archive.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=words) as caught:
        load(tmp_path)
    assert str(path) in str(caught.value)


def test_what_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        load(tmp_path / "none")
    with pytest.raises(DataError, match=r"no dataset of LenStream \(no archive\.json\)"):
        load(tmp_path)
    (tmp_path / "archive.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        load(tmp_path)


def test_a_config_that_was_changed_is_refused(tmp_path):
    save(tmp_path, PLAIN, load_config("w1"))
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text().replace("seed: 1", "seed: 2"))
    with pytest.raises(DataError, match=r"config\.yaml was changed"):
        config_of(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match=r"config\.yaml: missing"):
        config_of(tmp_path)


def test_the_digest_of_a_dataset_sees_what_its_description_does_not(tmp_path):
    """Background, PSF and priors are in config.yaml alone."""
    digests = set()
    for name, change in (("a", []), ("b", []), ("c", ["simulate.observation.background_noise=0.5"])):
        save(tmp_path / name, PLAIN, load_config("w1", change))
        digests.add(digest_of(tmp_path / name))
    assert (tmp_path / "a" / "archive.json").read_bytes() == (tmp_path / "c" / "archive.json").read_bytes()
    assert len(digests) == 2 and digest_of(tmp_path / "none") == ""
