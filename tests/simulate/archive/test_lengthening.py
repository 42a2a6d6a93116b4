"""What a shard has before it is made longer is compared bit by bit, and other versions than the writer's are said."""

import dataclasses

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.simulate.archive import lengthening
from lenstream.simulate.archive.description import Shard
from lenstream.simulate.archive.ledger import ACCEPTED, Entry, versions
from lenstream.simulate.archive.lengthening import holds, is_shorter, refuse_other_numbers, say_what_differs
from lenstream.simulate.archive.samples import content_digest, make_samples
from lenstream.simulate.archive.shard_making import opened
from lenstream.simulate.systems.draw import Views


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
