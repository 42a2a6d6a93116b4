"""The benchmark of a run: complete, continued after a stop with the same numbers, and its best encoder kept."""

import numpy as np
import pandas as pd
import pytest

from lenstream.configs.load import load
from lenstream.errors import DataError
from lenstream.evaluate import judge as benchmark
from lenstream.evaluate.real.predict import predict_folder
from lenstream.evaluate.tasks import regression
from lenstream.progress import Stopped
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.trainer import pretrain

SMALL = ["pretrain.steps=2", "evaluate.seeds=2", "evaluate.n_labels=[20, 40]"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny config, its scene and two trained encoders."""
    config = load("tiny", SMALL)
    scene = make_scene(config.simulate, config.seed)
    folder = tmp_path_factory.mktemp("encoders")
    return config, scene, {n: pretrain(config, n, scene, folder / n) for n in ("lensiam", "lensimclr")}


@pytest.fixture(scope="module")
def evaluated(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, benchmark.evaluate(*trained, folder)


def test_every_encoder_protocol_seed_and_target_has_its_row(evaluated):
    folder, results = evaluated
    ridge = results[(results.protocol == "ridge") & (results.metric == "r2")]
    assert set(ridge.encoder) == {"lensiam", "lensimclr", "random"}
    assert len(ridge) == 3 * 2 * 2 * 4  # encoders, numbers of labels, seeds, targets
    tuned = results[(results.protocol == "finetune") & (results.metric == "r2")]
    assert set(tuned.encoder) == {"lensiam", "lensimclr", "supervised"}
    limit = results[results.encoder == "limit"]
    assert set(limit.metric) == {"r2", "rmse"}
    pd.testing.assert_frame_equal(pd.read_csv(folder / "results.csv"), results, check_dtype=False)


def test_nothing_beats_the_limit(evaluated):
    _, results = evaluated
    rmse = results[results.metric == "rmse"].set_index("target")
    limit = rmse[rmse.encoder == "limit"].value
    for target, value in rmse[rmse.encoder != "limit"].value.items():
        assert value > limit[target]


def test_a_stopped_evaluation_continues_with_the_same_numbers(trained, evaluated, tmp_path):
    asked = iter(range(1000))
    with pytest.raises(Stopped, match="stopped the evaluation at 5 of 24"):
        benchmark.evaluate(*trained, tmp_path, stop=lambda: next(asked) >= 5)
    assert not (tmp_path / "results.csv").exists()
    pd.testing.assert_frame_equal(benchmark.evaluate(*trained, tmp_path), evaluated[1])


def test_the_regressors_best_at_a_target_are_kept_and_predict_what_they_did(trained, evaluated):
    config, scene, _ = trained
    folder, results = evaluated
    winners = benchmark.best(results)
    assert list(winners) == config.evaluate.targets
    names = sorted({f"{encoder}-{protocol}" for encoder, protocol in winners.values()})
    assert sorted(p.name for p in (folder / "predictor").iterdir()) == names
    test = regression.labelled_lenses(scene, config.evaluate.targets, "test", config.evaluate.n_test)
    for name, group in zip(names, benchmark.load_predictor(config, scene, folder), strict=True):
        assert len(group) == config.evaluate.seeds
        regressor, rmse = group[0]
        kept = np.load(folder / "evaluation.npz")[f"predicted/{name.replace('-', '/')}"]
        np.testing.assert_array_equal(regression.predict(regressor, test.images), kept)
        np.testing.assert_allclose(rmse, np.sqrt(((kept - test.targets.numpy()) ** 2).mean(0)), rtol=1e-5)


def test_a_run_without_a_predictor_cannot_predict(trained, tmp_path):
    config, scene, _ = trained
    with pytest.raises(DataError, match="holds no predictor"):
        predict_folder(config, scene, tmp_path, tmp_path)
