"""The figures of a run are written, also when parts of the results are missing."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from lenstream.evaluate.results import Score, frame
from lenstream.evaluate.show import figures

TARGETS = ["theta_E", "e1", "odd$name$"]


def results(encoders=("lensiam", "mine"), protocols=("ridge", "finetune"), n_labels=(100, 300), seeds=2, limit=True):
    """A tidy table with R2 that falls below the visible range at the smallest number of labels."""
    rows = []
    for target in TARGETS:
        for i, encoder in enumerate(encoders):
            for protocol in protocols:
                for n in n_labels:
                    for seed in range(seeds):
                        r2 = (0.9 - 0.1 * i if n > 100 else -3.0) + 0.01 * seed
                        rows.append(Score("regression", encoder, protocol, n, seed, target, "r2", r2))
                        rows.append(Score("regression", encoder, protocol, n, seed, target, "rmse", 0.1))
        if limit:
            rows.append(Score("regression", "limit", "cramer-rao", 0, 0, target, "r2", 0.999))
            rows.append(Score("regression", "limit", "cramer-rao", 0, 0, target, "rmse", 0.01))
    return frame(rows)


def check(path, width=300, height=200):
    """The file is a picture of a sensible size that is not blank."""
    image = Image.open(path)
    assert image.width >= width and image.height >= height
    assert max(image.size) < 4000 and path.stat().st_size < 2_000_000
    assert np.asarray(image.convert("L")).std() > 3


@pytest.fixture
def drawn(monkeypatch):
    """A list that gets every Figure that is written."""
    written, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda fig, *args, **more: (written.append(fig), save(fig, *args, **more)))
    return written


def texts(fig):
    return [text.get_text() for text in fig.findobj(Text)]


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


@pytest.mark.parametrize("limits", [[], ["cramer-rao"], ["cramer-rao", "cramer-rao-any-shape"]])
def test_predicted_vs_true(rng, tmp_path, limits):
    true = {t: rng.normal(size=50) for t in TARGETS}
    predicted = {"lensiam": {t: v + 0.1 for t, v in true.items()}, "random": {"theta_E": np.full(50, 1e3)}}
    bounds = {how: {"theta_E": np.full(50, 0.1)} for how in limits}
    figures.predicted_vs_true(true, predicted, bounds, tmp_path / "a.png")
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


def test_pairs_show_both_views_of_every_lens_and_its_true_values(rng, tmp_path, drawn):
    images = rng.normal(size=(3, 2, 20, 20))
    values = {"theta_E": np.array([1.234, np.nan, 2.0]), "e1": np.array([0.1, np.nan, -0.2])}
    figures.pairs(images, values, tmp_path / "a.png")
    for k, ax in enumerate(drawn[0].axes[:3]):
        shown = ax.images[0].get_array()
        np.testing.assert_array_equal(shown[:, :20], figures.stretch(images[k, 0]))
        np.testing.assert_array_equal(shown[:, -20:], figures.stretch(images[k, 1]))
    assert [ax.get_xlabel() for ax in drawn[0].axes[:3]] == [
        r"""$\theta_E$ 1.23"    $e_1$ +0.10""",
        "",
        r"""$\theta_E$ 2.00"    $e_1$ -0.20""",
    ]


def test_predictions_and_axes_have_the_unit_of_every_parameter(tmp_path, drawn):
    true = {t: np.linspace(0, 1, 50) for t in ("theta_E_2", "phi_m", "gamma")}
    figures.predicted_vs_true(
        true,
        {"a": {t: v + 0.25 for t, v in true.items()}},
        {"cramer-rao": {"phi_m": np.full(50, 0.1)}},
        tmp_path / "a.png",
    )
    words = texts(drawn[0])
    for label in (r"true $\theta_{E,2}$ [arcsec]", r"true $\phi_m$ [rad]", r"true $\gamma$"):
        assert label in words
    (theta,), (phi,), (gamma,) = ([w for w in words if w.endswith(end)] for end in ('0.25"', "limit 0.10 rad", "0.25"))
    assert "RMSE 0.25 rad" in phi and "RMSE 0.25" in gamma and "RMSE" in theta
    assert f"$R^2$ {1 - 0.25**2 / np.var(true['gamma']):.3f}" in gamma


def test_both_limits_are_drawn_and_named(tmp_path, drawn):
    true = {"gamma": np.linspace(0, 1, 50)}
    bounds = {"cramer-rao": {"gamma": np.full(50, 0.1)}, "cramer-rao-any-shape": {"gamma": np.full(50, 0.2)}}
    figures.predicted_vs_true(true, {"a": true}, bounds, tmp_path / "a.png")
    (panel,) = (w for w in texts(drawn[0]) if "RMSE" in w)
    assert panel.endswith("limit, any shape 0.20\nlimit, shape known 0.10")
    table = results(encoders=["mine"], protocols=["ridge"])
    wider = table[table.encoder == "limit"].assign(protocol="cramer-rao-any-shape", value=0.99)
    figures.r2_against_labels(pd.concat([table, wider], ignore_index=True), tmp_path / "b.png")
    legend = [text.get_text() for text in drawn[-1].legends[0].get_texts()]
    assert {"information limit, shape known", "information limit, any shape"} <= set(legend)
    heights = {line.get_ydata()[0] for line in drawn[-1].axes[0].get_lines()}
    assert {0.999, 0.99} <= heights


@pytest.mark.parametrize("targets", [TARGETS[:1], TARGETS[:2]])
def test_the_title_of_predictions_is_within_the_figure(targets, tmp_path, drawn):
    true = {t: np.linspace(0, 1, 20) for t in targets}
    bounds = {how: {t: np.full(20, 0.1) for t in targets} for how in ("cramer-rao", "cramer-rao-any-shape")}
    figures.predicted_vs_true(true, {"a": true}, bounds, tmp_path / "a.png")
    title = drawn[0]._suptitle.get_window_extent()
    assert title.x0 >= 0 and title.x1 <= drawn[0].bbox.width and title.y1 <= drawn[0].bbox.height


def test_r2_curves_are_means_over_seeds(tmp_path, drawn):
    figures.r2_against_labels(results(encoders=["mine"], protocols=["ridge"], limit=False), tmp_path / "a.png")
    (container,) = drawn[0].axes[0].containers
    np.testing.assert_allclose(container.lines[0].get_ydata(orig=False), [-2.995, 0.905])


@pytest.mark.parametrize(("n", "columns"), [(4, 4), (5, 3), (7, 4)])
def test_many_targets_take_rows_of_four_panels_at_most(n, columns, tmp_path, drawn):
    targets = [f"class {k}" for k in range(n)]
    rows = [Score("classification", "mine", "logistic", m, 0, t, "auc", 0.7) for t in targets for m in (100, 300)]
    figures.r2_against_labels(frame(rows), tmp_path / "a.png", "auc")
    panels = [ax for ax in drawn[0].axes if ax.axison]
    assert [ax.get_title() for ax in panels] == targets
    assert panels[0].get_gridspec().ncols == columns
    assert all(ax.get_ylabel() for ax in panels[::columns])  # of every row


def test_of_two_classes_the_auc_of_both_has_one_panel(tmp_path, drawn):
    rows = [Score("classification", "mine", "knn", m, 0, t, "auc", 0.7) for t in ("macro", "a", "b") for m in (9, 30)]
    figures.r2_against_labels(frame(rows), tmp_path / "a.png", "auc")
    assert [ax.get_title() for ax in drawn[0].axes if ax.axison] == ["macro"]


def test_a_figure_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"of before")

    def interrupted(self, where, **_):
        where.write(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Figure, "savefig", interrupted)
        with pytest.raises(KeyboardInterrupt), figures.figure(path, 1, 1):
            pass
    assert path.read_bytes() == b"of before" and list(tmp_path.iterdir()) == [path]
    with figures.figure(path, 1, 1):
        pass
    assert path.read_bytes().startswith(b"\x89PNG") and list(tmp_path.iterdir()) == [path]
