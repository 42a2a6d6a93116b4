"""Killed at any step, whatever the method, a training resumes and ends with the weights of one never killed."""

import os
import random
import signal

import pytest
import torch

from lenstream.ssl import checkpoint
from lenstream.ssl.log import read_log
from lenstream.ssl.trainer import METHODS

from .processes import results, run, start
from .tiny import tiny, train, untrained


def kill():
    """As a power cut, or the kernel when memory runs out: nothing can be written any more."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_training_ends_with_the_weights_of_an_unbroken_one(tmp_path, method):
    config, step = tiny(method), random.Random(method).randint(1, 5)
    (killed,) = start(train, config, tmp_path / "killed", step, kill)
    run(train, config, tmp_path / "unbroken")
    killed.process.join(30)
    assert killed.process.exitcode == -signal.SIGKILL
    saved = tmp_path / "killed" / "checkpoint.safetensors"
    assert saved.exists() == (step >= 2)
    run(train, config, tmp_path / "killed")
    unbroken, resumed = (checkpoint.load(tmp_path / f / "encoder.safetensors")[0] for f in ("unbroken", "killed"))
    start_weights = untrained(config)
    assert unbroken.keys() == resumed.keys()
    for name in unbroken:
        assert torch.equal(unbroken[name], resumed[name]), name
