"""Names of reproductions wherever a recipe may stand: run, config, cite, recipes, completion, hints, refusals."""

import pytest
import typer

from lenstream.command_line import completion
from lenstream.command_line.suggestions import about_command
from lenstream.configs.load import load
from lenstream.configs.recipe_table import JOBS, table
from lenstream.configs.recipes import reproductions
from lenstream.run_pipeline import app

from ..calling import said_in_process

NAME = "reproduce_lensiam"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "reproduce_lensim"], f'Did you mean "{NAME}"?'),
        (["pretrain", NAME], f"lenstream: {NAME} is a reproduction, which is done as a whole: lenstream run {NAME}"),
        (["evaluate", NAME], f"lenstream run {NAME}"),
        (["preview", NAME], f"{NAME} is a reproduction of several runs, no recipe: lenstream run {NAME} does them all"),
        (["run", NAME, "--extend", "5"], "--extend: reproduce_lensiam has several runs"),
        (["run", "demo", "--scale", "small"], "--scale small is for reproductions"),
        (["run", NAME, "data=nowhere"], "data=nowhere: no such file or folder"),
        (["run", NAME, "dta=nowhere"], 'unknown key "dta"'),
        (["run", NAME, "overwrite=true"], "--overwrite is an option"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = said_in_process(arguments, capsys)
    assert code == 2 and said in err and out == "", err
    assert "Traceback" not in err and list(tmp_path.iterdir()) == []


def test_config_prints_all_runs(capsys):
    code, out, _ = said_in_process(["config", "--show", NAME, "pairs.seed=7"], capsys)
    assert code == 0
    assert out.startswith(f"# {NAME}: pairs\nmode: null") and "\nseed: 7  #" in out


def test_the_config_that_is_printed_loads(capsys, tmp_path):
    _, out, _ = said_in_process(["config", "--show", NAME], capsys)
    (tmp_path / "pairs.yaml").write_text(out)
    assert list(load(tmp_path / "pairs.yaml").pretrain.encoders) == ["lensiam", "simsiam"]


def test_what_to_cite_is_that_of_all_runs(capsys):
    code, out, _ = said_in_process(["cite", NAME], capsys)
    assert code == 0 and "chang2023" in out and "method simsiam" in out


def test_recipes_lists_them_in_a_group_of_their_own():
    text = table()
    assert all(f"\n{name} " in text[text.index(JOBS[3]) :] for name in reproductions())
    assert all(name in " ".join(table(60).split()) for name in reproductions())


def test_completion_and_hints_know_them():
    group = typer.main.get_command(app)
    offered = [line.partition("\t")[0] for line in completion.complete(["run", "reprod"], group)]
    assert offered == reproductions()
    assert "small" in [line.rstrip() for line in completion.complete(["run", NAME, "--scale", ""], group)]
    assert f"lenstream run {NAME}" in about_command(NAME, ["run"])
