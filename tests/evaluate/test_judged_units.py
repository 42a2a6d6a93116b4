"""Which heads an evaluation trains, and in which order."""

import pytest

from lenstream.configs.evaluation import Evaluate
from lenstream.evaluate.judged_units import units_of
from lenstream.evaluate.kept_heads import PROJECTION
from lenstream.evaluate.results import RANDOM, STREAM, SUPERVISED
from lenstream.evaluate.scored import Unit
from lenstream.evaluate.training_heads import Data


def units(protocols, n_labels=(5, 20), projected=(), heads=(), **changes):
    settings = Evaluate.model_construct(**{"seeds": 2, "supervised": {}, **changes}, protocols=list(protocols))
    data = Data({}, [], None, dict.fromkeys(projected), dict.fromkeys(heads))
    return units_of(settings, list(n_labels), ["a", RANDOM], data)


def test_every_encoder_protocol_seed_and_number_of_labels_has_one():
    found = units(["ridge"])
    assert found == [Unit(name, "ridge", n, seed) for name in ("a", RANDOM) for seed in (0, 1) for n in (5, 20)]


def test_random_weights_that_are_trained_on_are_training_from_scratch():
    assert [u.encoder for u in units(["ridge", "finetune"], [5], seeds=1)] == ["a", RANDOM, "a", SUPERVISED]


def test_projections_are_judged_where_there_are_some():
    found = units([PROJECTION], [5], projected=["b"], seeds=1)
    assert found == [Unit("b", PROJECTION, 5, 0)]


@pytest.mark.parametrize(("protocols", "how"), [(["ridge"], "finetune"), (["ridge", "finetune_d4"], "finetune_d4")])
def test_further_networks_are_trained_from_scratch(protocols, how):
    found = [u for u in units(protocols, supervised={"wide": None}) if u.encoder == "wide"]
    assert found == [Unit("wide", how, n, seed) for seed in (0, 1) for n in (5, 20)]


def test_heads_of_the_stream_come_last_and_once():
    assert units(["ridge"], heads=["s"])[-1] == Unit("s", STREAM, 0, 0)
    assert sum(u.protocol == STREAM for u in units(["ridge"], heads=["s"])) == 1
