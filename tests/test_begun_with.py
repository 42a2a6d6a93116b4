"""Another config than a run was begun with is refused, with the first difference and the command that goes on."""

import shlex
from pathlib import Path

import pytest

from lenstream import runs
from lenstream.begun_with import refuse_another
from lenstream.configs.load import load
from lenstream.errors import ConfigError
from lenstream.runs import RunFolder

EUCLID = ["simulate.observation={instrument: Euclid/VIS}", "simulate.image.pixel_scale=null"]


def test_another_config_is_refused_and_its_first_difference_said(run_folder, tiny_config):
    runs.begin(run_folder, tiny_config)
    with pytest.raises(
        ConfigError, match=r"begun with another config \(first difference: pretrain\.batch_size is 32, was 16\)"
    ):
        refuse_another(run_folder, load("tiny", ["pretrain.batch_size=32"]))
    with pytest.raises(ConfigError, match=r"pretrain\.encoders\.new is \{.*\.\.\., was absent"):
        refuse_another(run_folder, load("tiny", ["pretrain.encoders.new.method=byol"]))
    run_folder.config.write_text(run_folder.config.read_text().replace("[arcsec]", "[another spelling]"))
    refuse_another(run_folder, tiny_config)  # the meaning of a key may be said in other words
    run_folder.config.write_text("name: [")
    with pytest.raises(ConfigError, match="damaged"):
        refuse_another(run_folder, tiny_config)


def test_the_refusal_names_a_command_that_goes_on_as_the_run_was_begun(tmp_path, tiny_config, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for runs_folder, given, command in (
        ("runs", "run", "lenstream run runs/tiny/config.yaml"),
        ("runs", "pretrain", "lenstream pretrain runs/tiny/config.yaml"),
        ("my runs", "evaluate", "lenstream evaluate 'my runs/tiny/config.yaml' --runs 'my runs'"),
    ):
        run_folder = RunFolder(Path(runs_folder) / "tiny")
        runs.begin(run_folder, tiny_config)
        with pytest.raises(ConfigError, match=f"`{command}` goes on as it was begun; use --overwrite"):
            refuse_another(run_folder, load("tiny", ["seed=4"]), given)
        own = load(shlex.split(command)[2])
        refuse_another(run_folder, runs.with_own_numbers(run_folder, own))
    moved = RunFolder(run_folder.path.rename("my runs/moved"))  # the config in it would go on with another folder
    with pytest.raises(ConfigError, match=r"seed is 4, was 3\); use --overwrite"):
        refuse_another(moved, load("tiny", ["name=moved", "seed=4"]))


def test_another_instrument_is_another_config(run_folder):
    runs.begin(run_folder, load("tiny", EUCLID))
    other = load("tiny", [*EUCLID, "simulate.observation.instrument=LSST/i"])
    assert runs.with_own_numbers(run_folder, other) == other
    with pytest.raises(ConfigError, match="begun with another config"):
        refuse_another(run_folder, other)


def test_the_same_numbers_given_by_hand_are_the_same_config(run_folder):
    runs.begin(run_folder, load("tiny", EUCLID))
    mine = load("tiny", [*EUCLID, "simulate.observation.magnitude_zero_point=25.72"])
    refuse_another(run_folder, runs.with_own_numbers(run_folder, mine))
