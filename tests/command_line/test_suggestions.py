"""What may be meant: options with one dash, and the config of a run whose folder was renamed."""

import shutil
from pathlib import Path

import pytest

from lenstream.command_line.suggestions import about_option, about_renamed

KNOWN = ("--runs", "--scale", "--overwrite", "--extend", "--help")


@pytest.mark.parametrize(
    ("words", "option", "said"),
    [
        ("run demo -extend 5", "-e", 'No such option: -extend. Did you mean "--extend"?'),
        ("run demo -overwrite", "-o", 'No such option: -overwrite. Did you mean "--overwrite"?'),
        ("run demo -runs=there", "-r", 'No such option: -runs. Did you mean "--runs"?'),
        ("run demo -steps 100", "-s", "A key of the config is changed by its dotted name: pretrain.steps=100"),
        ("run demo -Dseed=2", "-D", "Changes are given as they are: seed=2"),
        ("run demo -D seed=2", "-D", "Changes are given as they are: seed=2"),
        ("run demo -o seed=2", "-o", "Changes are given as they are: seed=2"),
        ("run demo --set", "--set", "Changes are given as they are: pretrain.steps=100"),
        ("run -c mine.yaml", "-c", "after the command: mine.yaml"),
        ("run demo -x", "-x", "No such option: -x."),
        ("run demo --extnd=5", "--extnd", 'No such option: --extnd. Did you mean "--extend"?'),
    ],
)
def test_an_option_that_is_none_gets_what_is_meant(words, option, said):
    assert said in about_option(option, words.split(), KNOWN)


def a_run(folder):
    folder.mkdir(parents=True)
    for name in ("config.yaml", "environment.json"):
        (folder / name).touch()
    return folder / "config.yaml"


def test_the_config_of_a_run_whose_folder_was_renamed_begins_no_run_of_the_old_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a_run(Path("runs/demo")).parent.rename("runs/other")
    said = about_renamed("runs/other/config.yaml", "demo", Path("runs"), [])
    assert said.startswith("runs/other/config.yaml is of a run that was called demo")
    assert "give name=other to go on with it, or name=demo to begin another one" in said
    monkeypatch.chdir("runs/other")
    assert "name=other" in about_renamed("config.yaml", "demo", Path("runs"), ["seed=2"])


def test_other_configs_may_begin_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = str(a_run(Path("runs/demo")))
    assert about_renamed(config, "demo", Path("runs"), []) is None  # goes on
    assert about_renamed(config, "mine", Path("runs"), ["name=mine"]) is None
    Path("latest").symlink_to("runs/demo")
    assert about_renamed("latest/config.yaml", "demo", Path("runs"), []) is None
    Path("large disk").mkdir()
    shutil.move("runs/demo", "large disk/3")
    Path("runs/demo").symlink_to(tmp_path / "large disk" / "3")
    assert about_renamed(config, "demo", Path("elsewhere"), []) is None
    Path("runs/demo/environment.json").unlink()
    assert about_renamed("large disk/3/config.yaml", "demo", Path("elsewhere"), []) is None  # a copy
    assert about_renamed("demo", "demo", Path("runs"), []) is None
