"""A run's folder: when it may be used, what is written into it, and that nothing is half written."""

import json
import os

import pytest
import yaml

from lenstream import runs
from lenstream.configs.instruments import numbers
from lenstream.configs.load import load
from lenstream.errors import ConfigError, DataError
from lenstream.files.checksums import read_sums
from lenstream.locking import locked
from lenstream.runs import RunFolder


def test_a_run_begins_with_what_it_is_made_from(run_folder, tiny_config):
    assert not runs.is_finished(run_folder, tiny_config)
    runs.begin(run_folder, tiny_config)
    assert load(str(run_folder.config)) == tiny_config == runs.config_of(run_folder)
    said = json.loads(run_folder.environment.read_text())
    assert said["torch"][0].isdigit() and said["python"].startswith("3.")
    assert not list(run_folder.path.glob("*.partial"))


def test_a_continued_run_keeps_its_files_and_a_new_one_does_not(run_folder, tiny_config):
    runs.begin(run_folder, tiny_config)
    (run_folder.path / "mine.txt").write_text("x")
    runs.begin(run_folder, tiny_config)
    assert (run_folder.path / "mine.txt").exists()
    runs.begin(run_folder, tiny_config, overwrite=True)
    assert not (run_folder.path / "mine.txt").exists() and run_folder.config.exists()


def test_a_finished_run_is_left_alone_unless_it_is_to_be_overwritten(run_folder, tiny_config, capsys):
    runs.begin(run_folder, tiny_config)
    assert not runs.is_finished(run_folder, tiny_config)
    runs.finish(run_folder)
    assert runs.is_finished(run_folder, tiny_config)
    assert "is finished: open" in capsys.readouterr().err
    assert not runs.is_finished(run_folder, tiny_config, overwrite=True)


def test_a_run_whose_folder_was_renamed_goes_on_by_its_new_name(run_folder, tiny_config):
    runs.begin(run_folder, tiny_config)
    moved, renamed = RunFolder(run_folder.path.rename(run_folder.path.with_name("moved"))), load("tiny", ["name=moved"])
    assert not runs.is_finished(moved, renamed)
    runs.begin(moved, renamed)
    assert runs.config_of(moved).name == "moved"


def test_no_command_goes_on_with_the_images_of_an_earlier_version_where_they_are_others_now(run_folder):
    tiny_config = load("tiny", [*EUCLID, "simulate.image.rays=adaptive"])
    runs.begin(run_folder, tiny_config)
    of_an_earlier_version(run_folder, runs.environment()["lenstronomy"])
    for asked in (tiny_config, load(str(run_folder.config))):
        with pytest.raises(ConfigError, match=r"supersampling is auto, was 1\); use --overwrite"):
            runs.is_finished(run_folder, runs.with_own_numbers(run_folder, asked))


def test_going_on_does_not_warn_again_of_what_the_recipe_was_warned_of(run_folder, caplog):
    tiny_config = load("tiny", ["evaluate.seeds=101"])
    assert "101 is unusual" in caplog.text
    runs.begin(run_folder, tiny_config)
    caplog.clear()
    assert not runs.is_finished(run_folder, runs.with_own_numbers(run_folder, tiny_config))
    assert not caplog.records


def test_a_folder_that_is_no_run_is_never_deleted(run_folder, tiny_config):
    run_folder.path.mkdir(parents=True)
    (run_folder.path / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match="is not a LenStream run"):
        runs.is_finished(run_folder, tiny_config, overwrite=True)
    assert not runs.is_finished(run_folder, tiny_config)  # beside other files it may begin
    with pytest.raises(DataError, match="no such run"):
        runs.config_of(run_folder)


def test_seconds_of_a_stage_add_up_even_if_it_fails(run_folder, tiny_config, monkeypatch):
    runs.begin(run_folder, tiny_config)
    clock = iter([0.0, 2.0, 10.0, 15.0, 20.0, 21.0])
    monkeypatch.setattr(runs.time, "perf_counter", lambda: next(clock))
    with runs.timed(run_folder, "evaluation"):
        pass
    with pytest.raises(ZeroDivisionError), runs.timed(run_folder, "evaluation"):
        raise ZeroDivisionError
    with runs.timed(run_folder, "pairs", write=False):
        pass
    assert json.loads(run_folder.timings.read_text()) == {"evaluation": 7.0}


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


def of_an_earlier_version(run_folder, lenstronomy):
    """The files of a run that was begun before configs held the numbers of instruments."""
    values = yaml.safe_load(run_folder.config.read_text())
    observation = {"instrument": "Euclid/VIS", "exposure_time": None, "noise": True, "psf": None}
    values["simulate"] |= {"observation": observation}
    values["simulate"]["image"]["pixel_scale"] = None
    run_folder.config.write_text(yaml.safe_dump(values))
    run_folder.environment.write_text(json.dumps({"lenstronomy": lenstronomy}))


def test_a_run_goes_on_with_its_own_numbers_under_another_lenstronomy(run_folder, another_lenstronomy, capsys):
    begun = load("tiny", EUCLID)
    assert runs.with_own_numbers(run_folder, begun) == begun
    runs.begin(run_folder, begun)
    assert runs.with_own_numbers(run_folder, begun) == begun and not capsys.readouterr().err
    another_lenstronomy("Euclid", ("25.72", "24.0"), ("0.101", "0.3"))
    asked = load("tiny", EUCLID)
    with pytest.raises(ConfigError, match=r"simulate\.image\.pixel_scale is 0\.3, was 0\.101"):
        runs.is_finished(run_folder, asked)
    own = runs.with_own_numbers(run_folder, asked)
    assert own == begun and not runs.is_finished(run_folder, own)
    (line,) = capsys.readouterr().err.splitlines()
    assert "that it was begun with" in line and "simulate.image.pixel_scale is 0.3, was 0.101" in line
    runs.begin(run_folder, own)
    another_lenstronomy("Euclid")
    assert runs.config_of(run_folder) == begun
    # What the user asks for is still another config.
    other = load(str(run_folder.config), ["simulate.observation.magnitude_zero_point=24.0"])
    with pytest.raises(ConfigError, match=r"magnitude_zero_point is 24\.0, was 25\.72"):
        runs.is_finished(run_folder, runs.with_own_numbers(run_folder, other))


def test_a_run_of_an_earlier_version_goes_on_and_another_lenstronomy_is_said(run_folder, capsys):
    tiny_config = load("tiny", EUCLID)
    runs.begin(run_folder, tiny_config)
    installed = runs.environment()["lenstronomy"]
    of_an_earlier_version(run_folder, installed)
    own = runs.with_own_numbers(run_folder, tiny_config)
    assert numbers(own.simulate) == numbers(tiny_config.simulate)
    assert not runs.is_finished(run_folder, own) and not capsys.readouterr().err
    of_an_earlier_version(run_folder, "1.9.2")
    assert numbers(runs.config_of(run_folder).simulate) == numbers(tiny_config.simulate)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"those of lenstronomy {installed} are taken, but it was begun with 1.9.2" in line
    run_folder.environment.unlink()
    runs.with_own_numbers(run_folder, tiny_config)
    assert "begun with an unknown version" in capsys.readouterr().err


def a_finished_run(run_folder, tiny_config):
    """A run that has its files, all short, and is finished."""
    runs.begin(run_folder, tiny_config)
    for path in (run_folder.pairs, run_folder.results, run_folder.arrays, run_folder.report, run_folder.timings):
        path.write_text(path.name)
    for name in ("encoders/a/encoder.safetensors", "encoders/a/metrics.jsonl", "predictor/a-ridge/a.safetensors"):
        (run_folder.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run_folder.path / name).write_text(name)
    (run_folder.path / "encoders" / "a" / "tensorboard").mkdir()
    (run_folder.path / "encoders" / "a" / "tensorboard" / "events").touch()
    runs.finish(run_folder)


def test_a_finished_run_whose_files_are_missing_or_changed_says_so(run_folder, tiny_config):
    a_finished_run(run_folder, tiny_config)
    assert runs.is_finished(run_folder, tiny_config)
    (run_folder.path / "encoders" / "a" / "tensorboard" / "events").unlink()  # which nothing needs
    (run_folder.path / "predictions").mkdir()
    (run_folder.path / "mine.txt").touch()
    assert runs.is_finished(run_folder, tiny_config)
    run_folder.report.unlink()
    (run_folder.path / "encoders" / "a" / "encoder.safetensors").write_text("another's")
    with pytest.raises(
        DataError, match=r"safetensors was changed, report\.html is missing; put back .* delete finished"
    ):
        runs.is_finished(run_folder, tiny_config)
    run_folder.finished.unlink()  # as the sentence says
    assert not runs.is_finished(run_folder, tiny_config)
    runs.begin(run_folder, tiny_config)  # the files that are made anew are not held against what they were
    assert runs.config_of(run_folder) == tiny_config and "config.yaml" not in read_sums(run_folder.path)
    assert not runs.differing(run_folder.path) and "results.csv" in read_sums(run_folder.path)


@pytest.mark.parametrize("damage", [b"", b"x", None])
def test_a_damaged_list_of_a_finished_run_is_noticed(run_folder, tiny_config, damage):
    a_finished_run(run_folder, tiny_config)
    path = run_folder.path / "SHA256SUMS"
    path.unlink() if damage is None else path.write_bytes(damage)
    with pytest.raises(DataError, match=r"SHA256SUMS (was changed|is missing)"):
        runs.is_finished(run_folder, tiny_config)


def test_a_finished_run_of_an_earlier_version_is_finished_unless_a_file_is_missing(run_folder, tiny_config):
    a_finished_run(run_folder, tiny_config)
    (run_folder.path / "SHA256SUMS").unlink()
    run_folder.finished.write_text("")
    assert runs.is_finished(run_folder, tiny_config)
    run_folder.results.unlink()
    with pytest.raises(DataError, match=r"since then: results\.csv is missing"):
        runs.is_finished(run_folder, tiny_config)


def test_a_changed_config_of_a_finished_run_predicts_nothing(run_folder, tiny_config):
    a_finished_run(run_folder, tiny_config)
    assert runs.config_of(run_folder) == tiny_config
    run_folder.config.write_text(run_folder.config.read_text().replace("batch_size: 16", "batch_size: 17"))
    with pytest.raises(DataError, match=r"config\.yaml was changed since it was written .*put it back"):
        runs.config_of(run_folder)


def test_a_run_without_its_config_does_not_go_on_as_another(run_folder, tiny_config):
    runs.begin(run_folder, tiny_config)
    run_folder.encoders.mkdir()
    run_folder.config.unlink()
    with pytest.raises(DataError, match=r"holds encoders but no config\.yaml"):
        runs.is_finished(run_folder, tiny_config)


def test_a_run_that_is_killed_while_it_is_deleted_is_still_a_run(run_folder, tiny_config, monkeypatch):
    a_finished_run(run_folder, tiny_config)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs.shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        runs.begin(run_folder, tiny_config, overwrite=True)
    monkeypatch.undo()
    assert not run_folder.finished.exists() and run_folder.config.is_file()
    assert not runs.is_finished(run_folder, tiny_config, overwrite=True)
    runs.begin(run_folder, tiny_config, overwrite=True)
    assert sorted(p.name for p in run_folder.path.iterdir() if p.name != "SHA256SUMS") == [
        "config.yaml",
        "environment.json",
    ]


def test_a_new_run_follows_a_link_to_its_folder_and_leaves_no_scratch(run_folder, tiny_config, tmp_path):
    (tmp_path / "large disk").mkdir()
    run_folder.path.parent.mkdir()
    run_folder.path.symlink_to(tmp_path / "large disk")
    for overwrite in (False, True):
        runs.begin(run_folder, tiny_config, overwrite)
        (tmp_path / "large disk" / f".{'a' * 16}.partial").touch()
    runs.begin(run_folder, tiny_config)
    assert run_folder.path.is_symlink() and not list((tmp_path / "large disk").glob("*.partial"))


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"evaluation": "x"}', '{"evaluation": NaN}'])
def test_damaged_timings_and_environment_count_as_absent(run_folder, tiny_config, text):
    runs.begin(run_folder, tiny_config)
    run_folder.timings.write_text(text)
    run_folder.environment.write_text(text)
    with runs.timed(run_folder, "pairs"):
        pass
    assert list(json.loads(run_folder.timings.read_text())) == ["pairs"]
    assert runs.config_of(run_folder) == tiny_config


def test_on_a_full_disk_the_first_failure_is_said_and_not_that_of_the_timings(run_folder, tiny_config, monkeypatch):
    runs.begin(run_folder, tiny_config)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught, runs.timed(run_folder, "evaluation"):
        runs.write_text(run_folder.report, "x")
    assert caught.value.filename == str(run_folder.report)


def test_pictures_are_intact_if_all_are_there_as_they_were(run_folder, tiny_config):
    runs.begin(run_folder, tiny_config)
    pairs = [run_folder.pairs, run_folder.pairs_dark]
    assert not runs.are_intact(run_folder, pairs)
    run_folder.pairs.write_text("x")
    assert not runs.are_intact(run_folder, pairs)  # killed between the two, or of a version that drew one
    run_folder.pairs_dark.write_text("x")
    assert runs.are_intact(run_folder, pairs)  # killed before their checksums were listed
    runs.keep_sums(run_folder, pairs)
    for path in pairs:
        path.write_text("y")
        assert not runs.are_intact(run_folder, pairs)
        path.write_text("x")
        assert runs.are_intact(run_folder, pairs)
    runs.finish(run_folder)
    run_folder.pairs_dark.unlink()
    with pytest.raises(DataError, match=r"pairs_dark\.png is missing"):
        runs.is_finished(run_folder, tiny_config)


@pytest.mark.parametrize("name", ["a [x] b", "line\nbreak", b"\xff\xfe".decode("utf-8", "surrogateescape"), "a" * 250])
def test_runs_may_lie_in_folders_of_odd_names(tmp_path, tiny_config, name):
    run_folder = RunFolder(tmp_path / name / "tiny")
    with locked(run_folder.path):
        a_finished_run(run_folder, tiny_config)
        assert runs.is_finished(run_folder, tiny_config)
    assert runs.config_of(run_folder) == tiny_config and not (run_folder.path / ".lock").exists()


@pytest.mark.parametrize("place", ["file", "dangling", "loop", "a" * 300, "file/x", "/proc/x", "/dev/null"])
def test_where_no_run_can_be_the_place_is_named_and_nothing_is_lost(tmp_path, tiny_config, place):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to("none")
    (tmp_path / "loop").symlink_to("loop")
    run_folder = RunFolder(tmp_path / place / "tiny")
    with pytest.raises(OSError, match=r".") as caught, locked(run_folder.path):
        runs.begin(run_folder, tiny_config)
    assert str(caught.value.filename).startswith(str(tmp_path / place))
    assert (tmp_path / "file").read_text() == "mine" and len(list(tmp_path.iterdir())) == 3
