"""A run's folder: when it may be used, what is written into it, and that nothing is half written."""

import json
import os
import shlex
from pathlib import Path

import pytest
import yaml

from lenstream import runs
from lenstream.configs.instruments import numbers
from lenstream.configs.load import load
from lenstream.errors import ConfigError, DataError
from lenstream.runs import RunFolder


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "runs" / "tiny")


@pytest.fixture(scope="module")
def config():
    return load("tiny")


def test_a_run_begins_with_what_it_is_made_from(folder, config):
    assert not runs.is_finished(folder, config)
    runs.begin(folder, config)
    assert load(str(folder.config)) == config == runs.config_of(folder)
    said = json.loads(folder.environment.read_text())
    assert said["torch"][0].isdigit() and said["python"].startswith("3.")
    assert not list(folder.path.glob("*.partial"))


def test_a_continued_run_keeps_its_files_and_a_new_one_does_not(folder, config):
    runs.begin(folder, config)
    (folder.path / "mine.txt").write_text("x")
    runs.begin(folder, config)
    assert (folder.path / "mine.txt").exists()
    runs.begin(folder, config, overwrite=True)
    assert not (folder.path / "mine.txt").exists() and folder.config.exists()


def test_a_finished_run_is_left_alone_unless_it_is_to_be_overwritten(folder, config, capsys):
    runs.begin(folder, config)
    assert not runs.is_finished(folder, config)
    runs.finish(folder)
    assert runs.is_finished(folder, config)
    assert "is finished: open" in capsys.readouterr().err
    assert not runs.is_finished(folder, config, overwrite=True)


def test_another_config_is_refused_and_its_first_difference_said(folder, config):
    runs.begin(folder, config)
    with pytest.raises(
        ConfigError, match=r"begun with another config \(first difference: pretrain\.batch_size is 32, was 16\)"
    ):
        runs.is_finished(folder, load("tiny", ["pretrain.batch_size=32"]))
    with pytest.raises(ConfigError, match=r"pretrain\.encoders\.new is \{.*\.\.\., was absent"):
        runs.is_finished(folder, load("tiny", ["pretrain.encoders.new.method=byol"]))
    folder.config.write_text(folder.config.read_text().replace("[arcsec]", "[another spelling]"))
    assert not runs.is_finished(folder, config)  # the meaning of a key may be said in other words
    folder.config.write_text("name: [")
    with pytest.raises(ConfigError, match="damaged"):
        runs.is_finished(folder, config)


def test_the_refusal_names_a_command_that_goes_on_as_the_run_was_begun(tmp_path, config, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for runs_folder, command in (
        ("runs", "lenstream run runs/tiny/config.yaml"),
        ("my runs", "lenstream run 'my runs/tiny/config.yaml' --runs 'my runs'"),
    ):
        folder = RunFolder(Path(runs_folder) / "tiny")
        runs.begin(folder, config)
        with pytest.raises(ConfigError, match=f"`{command}` goes on as it was begun; use --overwrite"):
            runs.is_finished(folder, load("tiny", ["seed=4"]))
        own = load(shlex.split(command)[2])
        assert not runs.is_finished(folder, runs.with_own_numbers(folder, own))
    moved = RunFolder(folder.path.rename("my runs/moved"))  # of that name it would be another folder's
    with pytest.raises(ConfigError, match=r"name is moved, was tiny\); use --overwrite"):
        runs.is_finished(moved, load("tiny", ["name=moved"]))


def test_no_command_goes_on_with_the_images_of_an_earlier_version_where_they_are_others_now(folder):
    config = load("tiny", [*EUCLID, "simulate.image.rays=adaptive"])
    runs.begin(folder, config)
    of_an_earlier_version(folder, runs.environment()["lenstronomy"])
    for asked in (config, load(str(folder.config))):
        with pytest.raises(ConfigError, match=r"supersampling is auto, was 1\); use --overwrite"):
            runs.is_finished(folder, runs.with_own_numbers(folder, asked))


def test_going_on_does_not_warn_again_of_what_the_recipe_was_warned_of(folder, caplog):
    config = load("tiny", ["evaluate.seeds=101"])
    assert "101 is unusual" in caplog.text
    runs.begin(folder, config)
    caplog.clear()
    assert not runs.is_finished(folder, runs.with_own_numbers(folder, config))
    assert not caplog.records


def test_a_folder_that_is_no_run_is_never_deleted(folder, config):
    folder.path.mkdir(parents=True)
    (folder.path / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match="is not a LenStream run"):
        runs.is_finished(folder, config, overwrite=True)
    assert not runs.is_finished(folder, config)  # beside other files it may begin
    with pytest.raises(DataError, match="no such run"):
        runs.config_of(folder)


def test_seconds_of_a_stage_add_up_even_if_it_fails(folder, config, monkeypatch):
    runs.begin(folder, config)
    clock = iter([0.0, 2.0, 10.0, 15.0, 20.0, 21.0])
    monkeypatch.setattr(runs.time, "perf_counter", lambda: next(clock))
    with runs.timed(folder, "evaluation"):
        pass
    with pytest.raises(ZeroDivisionError), runs.timed(folder, "evaluation"):
        raise ZeroDivisionError
    with runs.timed(folder, "pairs", write=False):
        pass
    assert json.loads(folder.timings.read_text()) == {"evaluation": 7.0}


def test_a_text_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    runs.write_text(path, "a: 1\n")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        runs.write_text(path, "b: 2\n")
    assert yaml.safe_load(path.read_text()) == {"a": 1}


EUCLID = ["simulate.observation={instrument: Euclid/VIS}", "simulate.image.pixel_scale=null"]


def of_an_earlier_version(folder, lenstronomy):
    """The files of a run that was begun before configs held the numbers of instruments."""
    values = yaml.safe_load(folder.config.read_text())
    observation = {"instrument": "Euclid/VIS", "exposure_time": None, "noise": True, "psf": None}
    values["simulate"] |= {"observation": observation}
    values["simulate"]["image"]["pixel_scale"] = None
    folder.config.write_text(yaml.safe_dump(values))
    folder.environment.write_text(json.dumps({"lenstronomy": lenstronomy}))


def test_a_run_goes_on_with_its_own_numbers_under_another_lenstronomy(folder, another_lenstronomy, capsys):
    begun = load("tiny", EUCLID)
    assert runs.with_own_numbers(folder, begun) == begun
    runs.begin(folder, begun)
    assert runs.with_own_numbers(folder, begun) == begun and not capsys.readouterr().err
    another_lenstronomy("Euclid", ("25.72", "24.0"), ("0.101", "0.3"))
    asked = load("tiny", EUCLID)
    with pytest.raises(ConfigError, match=r"simulate\.image\.pixel_scale is 0\.3, was 0\.101"):
        runs.is_finished(folder, asked)
    own = runs.with_own_numbers(folder, asked)
    assert own == begun and not runs.is_finished(folder, own)
    (line,) = capsys.readouterr().err.splitlines()
    assert "that it was begun with" in line and "simulate.image.pixel_scale is 0.3, was 0.101" in line
    runs.begin(folder, own)
    another_lenstronomy("Euclid")
    assert runs.config_of(folder) == begun
    # What the user asks for is still another config.
    other = load(str(folder.config), ["simulate.observation.magnitude_zero_point=24.0"])
    with pytest.raises(ConfigError, match=r"magnitude_zero_point is 24\.0, was 25\.72"):
        runs.is_finished(folder, runs.with_own_numbers(folder, other))


def test_another_instrument_is_another_config(folder):
    runs.begin(folder, load("tiny", EUCLID))
    other = load("tiny", [*EUCLID, "simulate.observation.instrument=LSST/i"])
    assert runs.with_own_numbers(folder, other) == other
    with pytest.raises(ConfigError, match="begun with another config"):
        runs.is_finished(folder, other)


def test_the_same_numbers_given_by_hand_are_the_same_config(folder):
    runs.begin(folder, load("tiny", EUCLID))
    mine = load("tiny", [*EUCLID, "simulate.observation.magnitude_zero_point=25.72"])
    assert not runs.is_finished(folder, runs.with_own_numbers(folder, mine))


def test_a_run_of_an_earlier_version_goes_on_and_another_lenstronomy_is_said(folder, capsys):
    config = load("tiny", EUCLID)
    runs.begin(folder, config)
    installed = runs.environment()["lenstronomy"]
    of_an_earlier_version(folder, installed)
    own = runs.with_own_numbers(folder, config)
    assert numbers(own.simulate) == numbers(config.simulate)
    assert not runs.is_finished(folder, own) and not capsys.readouterr().err
    of_an_earlier_version(folder, "1.9.2")
    assert numbers(runs.config_of(folder).simulate) == numbers(config.simulate)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"those of lenstronomy {installed} are taken, but it was begun with 1.9.2" in line
    folder.environment.unlink()
    runs.with_own_numbers(folder, config)
    assert "begun with an unknown version" in capsys.readouterr().err
