"""The stages of a run: stopped and called again it goes on, and each command ends with its stage."""

import hashlib
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lenstream import pipeline
from lenstream.configs.load import load
from lenstream.configs.schema import RealLenses
from lenstream.errors import ConfigError, DataError
from lenstream.locking import locked
from lenstream.progress import Stopped
from lenstream.runs import RunFolder, begin, config_of
from lenstream.ssl import checkpoint
from lenstream.ssl.log import read_log

OPTIONS = ["pretrain.encoders={lensiam: {method: lensiam, warmup: 2, hidden_dim: 32}}", "pretrain.log_every=1"]


@pytest.fixture
def config():
    return load("tiny", OPTIONS)


def stop_after(steps, monkeypatch):
    """Runs of this test are told to stop before step `steps` + 1."""

    @contextmanager
    def stopping():
        asked = iter(range(10_000))
        yield lambda: next(asked) >= steps

    monkeypatch.setattr(pipeline, "stopping", stopping)


def test_a_stopped_run_goes_on_where_it_was_and_an_overwritten_one_begins_anew(config, tmp_path, monkeypatch):
    log = tmp_path / "tiny" / "encoders" / "lensiam" / "metrics.jsonl"
    stop_after(3, monkeypatch)
    with pytest.raises(Stopped, match="stopped lensiam at step 3 of 6"):
        pipeline.run(config, tmp_path, until="pretrain")
    before = read_log(log)
    assert [r["step"] for r in before] == [1, 2, 3]
    (tmp_path / "tiny" / "mine.txt").write_text("x")

    stop_after(1000, monkeypatch)
    pipeline.run(config, tmp_path, until="pretrain")
    assert [r["step"] for r in read_log(log)] == [1, 2, 3, 4, 5, 6]
    assert read_log(log)[:3] == before  # seconds a step too: they were not taken again
    assert not (tmp_path / "tiny" / "results.csv").exists()  # of the stages after it none has begun
    assert (tmp_path / "tiny" / "mine.txt").exists()
    assert (log.parent / "encoder.safetensors").exists()
    assert not (tmp_path / "tiny" / "finished").exists()
    trained = hashlib.sha256((log.parent / "encoder.safetensors").read_bytes()).hexdigest()
    sums = (tmp_path / "tiny" / "SHA256SUMS").read_text()
    assert f"{trained}  encoders/lensiam/encoder.safetensors\n" in sums  # no later stage may follow to list it
    card = (log.parent / "README.md").read_bytes()
    assert f"{hashlib.sha256(card).hexdigest()}  encoders/lensiam/README.md\n" in sums

    pipeline.run(config, tmp_path, overwrite=True, until="pretrain")
    assert [r["step"] for r in read_log(log)] == [1, 2, 3, 4, 5, 6]
    assert read_log(log)[:3] != before
    assert (log.parent / "README.md").read_bytes() == card  # of a run that was stopped on the way
    assert not (tmp_path / "tiny" / "mine.txt").exists()


def test_a_run_that_is_continued_under_another_lenstronomy_ends_with_the_same_encoder(
    tmp_path, monkeypatch, another_lenstronomy, capsys
):
    euclid = [*OPTIONS, "simulate.observation={instrument: Euclid/VIS}", "simulate.image.pixel_scale=null"]
    pipeline.run(load("tiny", euclid), tmp_path / "whole", until="pretrain")
    stop_after(3, monkeypatch)
    with pytest.raises(Stopped):
        pipeline.run(load("tiny", euclid), tmp_path / "parts", until="pretrain")
    another_lenstronomy("Euclid", ("25.72", "24.0"), ("0.101", "0.3"))
    stop_after(1000, monkeypatch)
    pipeline.run(load("tiny", euclid), tmp_path / "parts", until="pretrain")
    assert "goes on with the instrument's numbers that it was begun with" in capsys.readouterr().err
    one, other = (tmp_path / part / "tiny" / "encoders" / "lensiam" for part in ("whole", "parts"))
    (first, facts), (second, same_facts) = (checkpoint.load(folder / "encoder.safetensors") for folder in (one, other))
    assert facts == same_facts and first.keys() == second.keys()
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert one.parents[1].joinpath("config.yaml").read_text() == other.parents[1].joinpath("config.yaml").read_text()


def test_a_mistake_in_the_last_encoder_is_said_before_the_first_is_trained(tmp_path):
    config = load("tiny", [*OPTIONS, "pretrain.encoders.last={method: mae}"])
    with pytest.raises(ConfigError, match="mae needs a ViT"):
        pipeline.run(config, tmp_path, until="pretrain")
    assert not (tmp_path / "tiny").exists()


def test_a_simulation_alone_has_nothing_to_run(tmp_path):
    with pytest.raises(ConfigError, match="the key pretrain is missing"):
        pipeline.run(load("w1"), tmp_path)


def test_a_run_on_one_of_two_pixel_grids_sees_it_from_pairs_to_predictor(tmp_path):
    bands = "simulate.bands={r: {}, i: {image: {pixel_scale: 0.3}}, z: {image: {pixel_scale: 0.3}}}"
    few = ["evaluate.protocols=[ridge]", "evaluate.n_labels=[20]", "evaluate.seeds=1"]
    with pytest.raises(ConfigError, match=r"pretrain\.bands: missing"):
        pipeline.run(load("tiny", [*OPTIONS, *few, bands]), tmp_path)
    assert not (tmp_path / "tiny").exists()
    config = load("tiny", [*OPTIONS, *few, bands, "pretrain.bands=[i, z]", "pretrain.probe_every=6"])
    pipeline.run(config, tmp_path, until="evaluate")
    folder = RunFolder(tmp_path / "tiny")
    assert folder.pairs.exists() and folder.results.exists()
    kernel = load_file(folder.encoder("lensiam") / "encoder.safetensors")["normalize.noise"]
    assert kernel.shape == (1, 2, 1, 1)
    assert config_of(folder) == config
    assert not folder.report.exists() and not folder.finished.exists()
    made = {path: path.stat().st_mtime_ns for path in (folder.pairs, folder.results, folder.path / "evaluation.npz")}
    pipeline.run(config, tmp_path, until="evaluate")  # nothing is left to do
    assert {path: path.stat().st_mtime_ns for path in made} == made


@pytest.mark.parametrize("views", ["augment", "both"])
def test_pairs_of_physics_views_are_drawn_only_for_encoders_that_see_them(views, tmp_path):
    encoder = f"pretrain.encoders={{mine: {{method: simsiam, views: {views}, warmup: 2}}}}"
    pipeline.run(load("tiny", [encoder, "pretrain.steps=2"]), tmp_path, until="pretrain")
    assert RunFolder(tmp_path / "tiny").pairs.exists() == (views == "both")


def test_a_folder_of_other_bands_than_the_evaluations_is_refused_before_training(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(16):
        np.save(tmp_path / f"{k}.npy", rng.normal(size=(3, 32, 32)).astype(np.float32))
    encoder = "pretrain.encoders={mine: {method: simsiam, views: augment, warmup: 2}}"
    config = load("tiny", [encoder, f"pretrain.data={{path: {tmp_path}}}", "pretrain.steps=1"])
    with pytest.raises(ConfigError, match=r"pretrain\.data: .* have 3 bands, .* simulation 1: expected as many"):
        pipeline.run(config, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
    pipeline.run(config, tmp_path / "runs", until="pretrain")  # judged by nothing


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_second_run_of_one_name_ends_at_once_and_changes_nothing(config, tmp_path, overwrite):
    folder = RunFolder(tmp_path / "tiny")
    begin(folder, config)
    with locked(folder.path):
        before = sorted(p.name for p in folder.path.iterdir())
        for stage in ("pretrain", "evaluate", "report"):
            with pytest.raises(DataError, match=r"tiny is being written by another process \(number \d+ on .*, since"):
                pipeline.run(config, tmp_path, overwrite, until=stage)
        assert sorted(p.name for p in folder.path.iterdir()) == before


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"encoder": "simsiam", "fingerprint": "0"}, "is of another encoder, simsiam; delete it to have it made anew"),
        ({"encoder": "lensiam", "fingerprint": "0"}, "was written with another config"),
    ],
)
def test_weights_that_lie_in_anothers_place_are_refused(config, tmp_path, written, said):
    folder = RunFolder(tmp_path / "tiny")
    begin(folder, config)
    folder.encoder("lensiam").mkdir(parents=True)
    checkpoint.save(folder.encoder("lensiam") / "encoder.safetensors", {"w": torch.ones(3)}, **written)
    with pytest.raises(DataError, match=rf"encoder\.safetensors {said}"):
        pipeline.run(config, tmp_path, until="pretrain")


def test_nothing_is_predicted_before_the_evaluation_is_complete(tmp_path):
    lenses = RealLenses(images=str(tmp_path))
    for changes, why in (
        ([], r"not evaluated yet \(no results\.csv\)"),
        (["evaluate=null", "pretrain.encoders.stream_supervised=null"], "has no evaluate"),
    ):
        folder = RunFolder(tmp_path / "tiny")
        begin(folder, load("tiny", changes))
        (folder.predictor / "a-ridge").mkdir(parents=True, exist_ok=True)
        with pytest.raises(DataError, match=why):
            pipeline.predict(folder.path, lenses)
        assert not (folder.path / "predictions").exists()
