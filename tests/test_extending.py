"""`--extend`: more steps for a run by the schedule of the new total, results made anew, nothing added twice."""

import json

import pytest
import torch
from safetensors.torch import load_file

from lenstream import extending, pipeline
from lenstream.configs.load import load
from lenstream.errors import ConfigError, DataError
from lenstream.progress import Stopped
from lenstream.runs import RunFolder, config_of
from lenstream.ssl import checkpoint
from lenstream.ssl.log import read_log

from .test_pipeline import stop_after

SIZES = {"hidden_dim": 32, "projection_dim": 16}
CONSTANT = {"method": "simclr", "optimizer": "adamw", "lr": 1e-3, "lr_final": 1e-3, "warmup": 2} | SIZES
FEW = ["evaluate.protocols=[ridge]", "evaluate.n_labels=[20]", "evaluate.seeds=1", "evaluate.umap=false"]


def config(steps, **changes):
    encoders = json.dumps({"x": CONSTANT | changes})
    return load("tiny", [f"pretrain.encoders={encoders}", f"pretrain.steps={steps}", *FEW, "evaluate.limit=false"])


def state(runs):
    return load_file(runs / "tiny" / "encoders" / "x" / "last_state.safetensors")


def test_a_constant_schedule_extended_is_the_longer_run_bit_for_bit(tmp_path):
    pipeline.run(config(6), tmp_path / "whole", until="pretrain")
    pipeline.run(config(4), tmp_path / "parts", until="pretrain")
    pipeline.run(config(4), tmp_path / "parts", until="pretrain", extend=2)
    whole, parts = state(tmp_path / "whole"), state(tmp_path / "parts")
    assert whole.keys() == parts.keys() and all(torch.equal(whole[k], parts[k]) for k in whole)
    encoders = [tmp_path / run / "tiny" / "encoders" / "x" for run in ("whole", "parts")]
    first, second = (load_file(folder / "encoder.safetensors") for folder in encoders)
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert [r["step"] for r in read_log(encoders[1] / "metrics.jsonl")] == [2, 4, 6]


def test_another_schedule_goes_on_as_that_of_the_new_total(tmp_path):
    cosine = {"lr_final": 0.0}
    pipeline.run(config(4, **cosine), tmp_path, until="pretrain")
    pipeline.run(config(4, **cosine), tmp_path, until="pretrain", extend=4)
    pipeline.run(config(8, **cosine), tmp_path / "whole", until="pretrain")
    folders = tmp_path / "tiny", tmp_path / "whole" / "tiny"
    extended, whole = ([r["lr"] for r in read_log(f / "encoders" / "x" / "metrics.jsonl")] for f in folders)
    assert extended[2:] == whole[2:] and extended[1] < whole[1]


def test_an_extended_run_has_new_results_and_the_same_command_adds_nothing_more(tmp_path, monkeypatch, capsys):
    folder = RunFolder(tmp_path / "tiny")
    pipeline.run(config(4), tmp_path)
    before = folder.results.read_text()
    assert folder.finished.exists()
    (folder.path / "mine.txt").write_text("x")

    stop_after(1, monkeypatch)
    with pytest.raises(Stopped, match="stopped x at step 5 of 8"):
        pipeline.run(config(4), tmp_path, extend=4)
    assert not folder.finished.exists() and not folder.results.exists() and not folder.report.exists()
    assert config_of(folder).pretrain.extend == 4 and config_of(folder).pretrain.steps == 4
    stop_after(1000, monkeypatch)
    pipeline.run(config(4), tmp_path)  # goes on with the extension
    assert folder.finished.exists() and folder.report.exists() and folder.results.read_text() != before
    assert checkpoint.load_facts(folder.encoder("x") / "encoder.safetensors")["steps"] == 8
    results = folder.results.stat().st_mtime_ns
    for recipe, extend in ((config(4), 4), (load(str(folder.config)), 4), (load(str(folder.config)), None)):
        pipeline.run(recipe, tmp_path, extend=extend)
        assert folder.results.stat().st_mtime_ns == results
    assert (folder.path / "mine.txt").exists()
    with pytest.raises(DataError, match="was extended by 4 steps already"):
        pipeline.run(config(4), tmp_path, extend=3)


def test_an_unfinished_run_is_extended_too(tmp_path, monkeypatch):
    stop_after(2, monkeypatch)
    with pytest.raises(Stopped, match="step 2 of 4"):
        pipeline.run(config(4), tmp_path, until="pretrain")
    with pytest.raises(Stopped, match="step 4 of 6"):
        pipeline.run(config(4), tmp_path, until="pretrain", extend=2)


def test_what_cannot_be_extended_is_refused_and_stays(tmp_path):
    with pytest.raises(
        DataError, match=r"there is no run in .*tiny to go on with; expected one, or .* pretrain\.steps"
    ):
        pipeline.run(config(2), tmp_path, extend=2)
    with pytest.raises(ConfigError, match="give one of them"):
        pipeline.run(config(2), tmp_path, overwrite=True, extend=2)
    pipeline.run(config(2), tmp_path, until="evaluate")
    folder = RunFolder(tmp_path / "tiny")
    with pytest.raises(ConfigError, match=r"pretrain\.steps is 4, was 2\); --extend adds steps to it"):
        pipeline.run(config(4), tmp_path)
    with pytest.raises(ConfigError, match=r"lr is 0\.1, was 0\.001"):
        pipeline.run(config(2, lr=0.1), tmp_path, extend=2)
    path = folder.encoder("x") / "last_state.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"last_state\.safetensors: .*; put it back .*, or delete .* trained anew"):
        pipeline.run(config(2), tmp_path, extend=2)
    path.unlink()
    with pytest.raises(DataError, match=r"last_state\.safetensors is not there .* x cannot go on from step 2"):
        pipeline.run(config(2), tmp_path, extend=2)
    assert folder.results.exists() and extending.steps_added(folder) == 0


def test_bookkeeping_may_change_and_the_saved_config_says_the_new_value(tmp_path, monkeypatch):
    stop_after(2, monkeypatch)
    with pytest.raises(Stopped):
        pipeline.run(config(4), tmp_path, until="pretrain")
    changes = {"log_every": 1, "checkpoint_every": 1, "render_threads": 2, "probe_every": 4}
    asked = config(4)
    asked = asked.model_copy(update={"pretrain": asked.pretrain.model_copy(update=changes)})
    stop_after(1000, monkeypatch)
    pipeline.run(asked, tmp_path, until="pretrain")
    saved = config_of(RunFolder(tmp_path / "tiny")).pretrain
    assert {key: getattr(saved, key) for key in changes} == changes
    pipeline.run(config(4), tmp_path / "whole", until="pretrain")
    whole, parts = state(tmp_path / "whole"), state(tmp_path)
    assert all(torch.equal(whole[k], parts[k]) for k in whole)
    for key, value in (("accelerator", "cpu"), ("compile", True), ("batch_size", 32)):
        other = asked.model_copy(update={"pretrain": asked.pretrain.model_copy(update={key: value})})
        with pytest.raises(ConfigError, match=rf"pretrain\.{key} is {value}, was "):
            pipeline.run(other, tmp_path, until="pretrain")
