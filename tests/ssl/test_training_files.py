"""What the files in a training's folder say: the newest state, its facts, and whether the training is over."""

import pytest
import torch

from lenstream.configs.load import load
from lenstream.errors import DataError
from lenstream.ssl import checkpoint
from lenstream.ssl.training_files import CHECKPOINT, ENCODER, LAST, facts, is_trained, newest_state


def write(folder, **facts_of):
    """Write files with facts: `encoder`, `on_the_way` and `last` are those of each."""
    names = {"encoder": ENCODER, "on_the_way": CHECKPOINT, "last": LAST}
    for which, known in facts_of.items():
        checkpoint.save(folder / names[which], {"w": torch.zeros(2)}, **known)


def config(steps, extend=0):
    found = load("tiny", ["pretrain.encoders={x: {method: simclr}}", f"pretrain.steps={steps}"])
    return found.model_copy(update={"pretrain": found.pretrain.model_copy(update={"extend": extend})})


def test_a_state_on_the_way_is_newer_than_that_of_a_training_that_was_over(tmp_path):
    assert newest_state(tmp_path) is None and facts(tmp_path) == {}
    write(tmp_path, encoder={"steps": 4})
    assert newest_state(tmp_path) is None and facts(tmp_path) == {"steps": 4}
    write(tmp_path, last={"step": 4})
    assert newest_state(tmp_path) == tmp_path / LAST and facts(tmp_path) == {"step": 4}
    write(tmp_path, on_the_way={"step": 6})
    assert newest_state(tmp_path) == tmp_path / CHECKPOINT and facts(tmp_path) == {"step": 6}


def test_facts_of_a_damaged_state_are_those_of_the_encoder(tmp_path):
    write(tmp_path, encoder={"steps": 4})
    (tmp_path / LAST).write_bytes(b"damaged")
    assert facts(tmp_path) == {"steps": 4}


def test_a_training_is_over_with_its_last_step(tmp_path):
    write(tmp_path, on_the_way={"step": 4})
    assert not is_trained(config(4), "x", tmp_path)  # the encoder is not written yet
    write(tmp_path, encoder={"steps": 4})
    assert is_trained(config(4), "x", tmp_path) and is_trained(config(3), "x", tmp_path)
    assert not is_trained(config(4, extend=1), "x", tmp_path)


def test_without_a_state_a_training_with_more_steps_cannot_go_on(tmp_path):
    write(tmp_path, encoder={"steps": 4})
    assert is_trained(config(4), "x", tmp_path)
    with pytest.raises(DataError, match=rf"{LAST} is not there .* x cannot go on from step 4; .*{ENCODER}"):
        is_trained(config(4, extend=2), "x", tmp_path)
    write(tmp_path, last={"step": 4})
    assert not is_trained(config(4, extend=2), "x", tmp_path)


def test_an_encoder_of_an_earlier_version_does_not_say_its_steps_and_is_trained(tmp_path):
    write(tmp_path, encoder={"method": "simclr"})
    assert is_trained(config(4, extend=9), "x", tmp_path)
