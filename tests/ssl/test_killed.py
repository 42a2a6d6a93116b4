"""Killed at any step, whatever the method, a training resumes and ends with the weights of one never killed."""

import os
import random
import signal

import pytest
import torch

from lenstream.ssl import checkpoint
from lenstream.ssl.log import read_log
from lenstream.ssl.methods.all_methods import names

from .processes import run, start
from .tiny import tiny, train


def kill(*_):
    """Kill this process as a power failure or a lack of memory would: nothing is written any more."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_when_saving():
    """Killed when a checkpoint is written but not yet in its place."""
    os.replace = kill


def kill_and_resume(tmp_path, config, step, how):
    """Train to the end, and in another folder up to a kill and then to the end."""
    (killed,) = start(train, config, tmp_path / "killed", step, how)
    run(train, config, tmp_path / "unbroken")
    killed.process.join(30)
    assert killed.process.exitcode == -signal.SIGKILL
    assert (tmp_path / "killed" / "checkpoint.safetensors").exists() == (step >= 2)
    assert not (tmp_path / "killed" / "encoder.safetensors").exists()
    run(train, config, tmp_path / "killed")


def assert_same(tmp_path):
    """Weights bit for bit, and the losses of all steps."""
    killed, unbroken = (checkpoint.load(tmp_path / f / "encoder.safetensors")[0] for f in ("killed", "unbroken"))
    assert killed.keys() == unbroken.keys()
    for name in killed:
        assert torch.equal(killed[name], unbroken[name]), name
    killed, unbroken = (read_log(tmp_path / f / "metrics.jsonl") for f in ("killed", "unbroken"))
    assert [(r["step"], r["loss"]) for r in killed] == [(r["step"], r["loss"]) for r in unbroken]


@pytest.mark.parametrize("method", names())
def test_a_killed_training_ends_with_the_weights_of_an_unbroken_one(tmp_path, method):
    config = tiny(method, **{"ema": 0.9} if method == "supervised" else {})
    kill_and_resume(tmp_path, config, random.Random(method).randint(1, 5), kill)
    assert_same(tmp_path)


def test_a_training_killed_while_it_saves_resumes_from_the_checkpoint_before(tmp_path):
    kill_and_resume(tmp_path, tiny("simsiam"), 5, kill_when_saving)
    assert_same(tmp_path)
