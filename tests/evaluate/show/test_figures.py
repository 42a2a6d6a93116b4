"""The pictures are written, also when parts of the results are missing."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lenstream.evaluate.show import figures

TARGETS = ["theta_E", "e1", "odd$name$"]
COLUMNS = ["task", "encoder", "protocol", "n_labels", "seed", "target", "metric", "value"]


def results(encoders=("lensiam", "mine"), protocols=("ridge", "finetune"), n_labels=(100, 300), seeds=2, limit=True):
    """A tidy table with R2 that falls below the visible range at the smallest number of labels."""
    rows = []
    for target in TARGETS:
        for i, encoder in enumerate(encoders):
            for protocol in protocols:
                for n in n_labels:
                    for seed in range(seeds):
                        r2 = (0.9 - 0.1 * i if n > 100 else -3.0) + 0.01 * seed
                        rows.append(("regression", encoder, protocol, n, seed, target, "r2", r2))
                        rows.append(("regression", encoder, protocol, n, seed, target, "rmse", 0.1))
        if limit:
            rows.append(("regression", "limit", "cramer-rao", 0, 0, target, "r2", 0.999))
            rows.append(("regression", "limit", "cramer-rao", 0, 0, target, "rmse", 0.01))
    return pd.DataFrame(rows, columns=COLUMNS)


def check(path, width=300, height=200):
    """The file is a picture of a sensible size that is not blank."""
    image = Image.open(path)
    assert image.width >= width and image.height >= height
    assert max(image.size) < 4000 and path.stat().st_size < 2_000_000
    assert np.asarray(image.convert("L")).std() > 3


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 3, 14])
def test_pairs(rng, tmp_path, n):
    images = rng.normal(size=(n, 2, 20, 20)).astype(np.float32)
    images[0] = 0  # nothing to stretch
    figures.pairs(images, {"theta_E": rng.uniform(1, 2, n), "e1": rng.normal(size=n)}, tmp_path / "a.png")
    check(tmp_path / "a.png", 200, 150)


def test_pairs_of_several_bands_without_lenses(rng, tmp_path):
    figures.pairs(rng.normal(size=(4, 2, 3, 20, 20)), {"theta_E": np.full(4, np.nan)}, tmp_path / "a.png")
    check(tmp_path / "a.png", 200, 150)


@pytest.mark.parametrize("limit", [True, False])
def test_predicted_vs_true(rng, tmp_path, limit):
    true = {t: rng.normal(size=50) for t in TARGETS}
    predicted = {"lensiam": {t: v + 0.1 for t, v in true.items()}, "random": {"theta_E": np.full(50, 1e3)}}
    limit_std = {"theta_E": np.full(50, 0.1)} if limit else None
    figures.predicted_vs_true(true, predicted, limit_std, tmp_path / "a.png")
    check(tmp_path / "a.png")


@pytest.mark.parametrize(
    "part",
    [{}, {"protocols": ["ridge"]}, {"seeds": 1}, {"limit": False}, {"n_labels": [100]}, {"encoders": []}],
    ids=str,
)
def test_r2_against_labels(tmp_path, part):
    figures.r2_against_labels(results(**part), tmp_path / "a.png")
    check(tmp_path / "a.png")


def test_r2_of_two_tasks_and_unequal_protocols(tmp_path):
    table = pd.concat([results(), results(protocols=["ridge"], limit=False).assign(task="shifted")])
    figures.r2_against_labels(table, tmp_path / "a.png")
    check(tmp_path / "a.png")


@pytest.mark.parametrize("encoders", [["lensiam"], ["lensiam", "a", "b", "c"], []])
def test_training_curves(tmp_path, encoders):
    full = pd.DataFrame({"step": [0, 10, 20], "loss": [0.0, -0.5, -0.9], "wait_share": [0.1, 0.1, 0.0]})
    figures.training_curves({e: full.assign(feature_std=1.0) for e in encoders}, tmp_path / "a.png")
    check(tmp_path / "a.png")


def test_umap(rng, tmp_path):
    """The one test that pays for the import of umap-learn: deterministic, two columns, a constant feature allowed."""
    features = rng.normal(size=(40, 5))
    features[:, 0] = 3.0
    points = figures.umap_points(features, seed=1)
    assert points.shape == (40, 2) and points.dtype == np.float32 and np.isfinite(points).all()
    np.testing.assert_array_equal(points, figures.umap_points(features, seed=1))
    figures.umap(
        {"lensiam": points, "b": points}, {"theta_E": features[:, 1], "e1": features[:, 2]}, tmp_path / "a.png"
    )
    check(tmp_path / "a.png")


def test_colours_do_not_depend_on_the_company():
    """A known encoder keeps its colour; unknown ones are told apart."""
    assert figures.colours(["random"])["random"] == figures.colours(["mine", "random"])["random"]
    mine = figures.colours(["lensiam", "a", "b", "simsiam", "a"])
    assert len(set(mine.values())) == 4


def test_stretch_keeps_the_order_of_pixels(rng):
    image = np.sort(rng.normal(size=100)).reshape(10, 10)
    shown = figures.stretch(image)
    assert shown.min() >= 0 and shown.max() <= 1 and np.all(np.diff(shown.ravel()) >= 0)
    np.testing.assert_allclose(figures.stretch(image * 7), shown)
