"""A reproduction from start to end: what it leaves, that it goes on, and what is refused before anything is trained."""

import pandas as pd
import pytest

from lenstream import pipeline
from lenstream.configs import reproduction
from lenstream.configs.recipes import reproductions
from lenstream.configs.reproduction import TINY, configs
from lenstream.errors import ConfigError
from lenstream.progress import Stopped
from lenstream.reproducing import reproduce

from .test_pipeline import stop_after

FILE = """
title: a system
source: its paper
runs:
  first:
    recipe: tiny
    set: &few
      pretrain.encoders: {lensiam: {method: lensiam, warmup: 2, hidden_dim: 32}}
      evaluate.protocols: [ridge]
      evaluate.umap: false
    own: {}
  second: {recipe: tiny, set: *few}
columns: {theta_E: {metric: r2, target: theta_E}}
rows:
  - {label: LenSiam, run: first, encoder: lensiam, protocol: ridge, n_labels: 1000, published: {theta_E: 0.586}}
  - {label: random, run: second, encoder: random, protocol: ridge}
stand_in: [The images are simulated.]
"""
NAME = "reproduce_lensiam"


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """The folder of the runs of a small reproduction, which stands in the place of a shipped one."""
    (tmp_path / "small.yaml").write_text(FILE)
    monkeypatch.setattr(reproduction, "file_of", lambda name: tmp_path / "small.yaml")
    return tmp_path / "runs"


@pytest.fixture
def done(runs):
    reproduce(NAME, runs, TINY)
    return runs / "reproduce_lensiam_tiny"


def test_a_reproduction_leaves_its_table_and_is_not_done_twice(done, capsys, monkeypatch):
    assert {p.name for p in done.iterdir()} == {"first", "index.html", "second", "table.csv", "table.md"}
    frame = pd.read_csv(done / "table.csv")
    ours = frame[(frame["row"] == "LenSiam") & (frame["column"] == "theta_E")].iloc[0]
    assert (ours["published"], ours["labels"], ours["seeds"]) == (0.586, 20, 1)
    scores = pd.read_csv(done / "first" / "results.csv")
    own = scores[(scores["encoder"] == "lensiam") & (scores["target"] == "theta_E") & (scores["metric"] == "r2")]
    assert ours["ours"] == pytest.approx(own["value"].item())
    capsys.readouterr()
    (done / "table.csv").unlink()

    def trained(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(pipeline, "run", trained)
    reproduce(NAME, done.parent, TINY)
    said = capsys.readouterr()
    assert "is finished" in said.err and said.out.splitlines()[0].endswith("published | ours")
    assert any(line.startswith("first, smaller: test_resnet, 4 steps of 8; at full") for line in said.out.splitlines())
    assert said.out.splitlines()[-1] == f"page: {done / 'index.html'}"
    assert pd.read_csv(done / "table.csv").equals(frame)
    with pytest.raises(ConfigError, match="begun with another config"):
        reproduce(NAME, done.parent, TINY, ["seed=5"])


def test_a_stopped_reproduction_goes_on_and_an_overwritten_one_begins_anew(runs, monkeypatch):
    mine = runs / "mine"
    stop_after(3, monkeypatch)
    with pytest.raises(Stopped, match="stopped lensiam at step 3 of 4"):
        reproduce(NAME, runs, TINY, ["name=mine"])
    assert not (mine / "table.csv").exists()
    log = mine / "first" / "encoders" / "lensiam" / "metrics.jsonl"
    before = log.read_text()
    (mine / "first" / "mine.txt").write_text("x")
    stop_after(1000, monkeypatch)
    reproduce(NAME, runs, TINY, ["name=mine"])
    assert (mine / "table.csv").exists() and log.read_text().startswith(before.splitlines()[0])
    assert (mine / "first" / "mine.txt").exists()
    stop_after(0, monkeypatch)
    with pytest.raises(Stopped):
        reproduce(NAME, runs, TINY, ["name=mine"], overwrite=True)
    assert not (mine / "first" / "mine.txt").exists() and not (mine / "first" / "finished").exists()


def test_mistakes_of_all_runs_are_said_before_the_first_is_trained(runs):
    with pytest.raises(ConfigError) as raised:
        reproduce(NAME, runs, TINY, ["second.pretrain.bands=[i]", "first.evaluate.targets=[gama]"])
    assert [p.partition(":")[0] for p in raised.value.problems] == ["first", "second"]
    with pytest.raises(ConfigError) as raised:
        reproduce(NAME, runs, TINY, ["simulate.lens_mass.0.gamma=2"])
    assert [p.partition(":")[0] for p in raised.value.problems] == ["first", "second"]
    assert not runs.exists()


def test_ranks_of_a_job_are_refused(tmp_path, monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "2", "GROUP_WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="in one process"):
        reproduce(NAME, tmp_path, TINY)


@pytest.mark.slow
@pytest.mark.parametrize("name", reproductions())
def test_every_shipped_reproduction_is_done_at_the_tiny_scale(name, tmp_path):
    reproduce(name, tmp_path, TINY)
    frame = pd.read_csv(tmp_path / f"{name}_tiny" / "table.csv")
    assert frame["ours"].notna().sum() > 2 and frame["published"].notna().sum() > 2
    assert set(configs(name, TINY)) == set(frame["run"].dropna())
