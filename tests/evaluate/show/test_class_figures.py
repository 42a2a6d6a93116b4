"""Figures of a classification: the numbers behind them, and pictures on light and on dark paper."""

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix

from lenstream.evaluate.results import Evaluation, Score
from lenstream.evaluate.show import alt_texts, class_figures, themes
from lenstream.evaluate.show.class_figures import Classified

CLASSES = ["no_sub", "cdm", "axion"]


@pytest.fixture(scope="module")
def shown():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 400)
    logits = rng.normal(size=(400, 3)) + 1.5 * np.eye(3)[true]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return Classified(CLASSES, true, p.astype(np.float32), "simclr, finetune")


def test_the_confusion_is_that_of_scikit_learn(shown):
    np.testing.assert_array_equal(shown.counts(), confusion_matrix(shown.true, shown.probabilities.argmax(1)))


def test_the_calibration_error_of_hand_made_probabilities():
    p = np.array([[0.75, 0.25]] * 4)
    assert Classified(["a", "b"], np.array([0, 0, 0, 1]), p, "").calibration_error() == pytest.approx(0, abs=1e-6)
    assert Classified(["a", "b"], np.array([0, 1, 1, 1]), p, "").calibration_error() == pytest.approx(0.5)


@pytest.mark.parametrize("name", list(class_figures.DRAWN))
def test_each_is_drawn_for_light_and_dark_pages(shown, name, tmp_path):
    path = tmp_path / f"{name}.png"
    class_figures.DRAWN[name](shown, path)
    light, dark = (np.asarray(Image.open(p).convert("L")) for p in (path, themes.dark_twin(path)))
    assert light.shape == dark.shape and np.median(light) > 150 > 60 > dark[0, 0]


@pytest.mark.parametrize("name", list(class_figures.DRAWN))
def test_a_class_that_no_image_is_of_is_no_error(shown, name, tmp_path):
    some = shown.true != 2
    class_figures.DRAWN[name](Classified(CLASSES, shown.true[some], shown.probabilities[some], "x"), tmp_path / "a.png")


def test_the_head_that_is_shown_has_the_highest_mean_auc(shown):
    class Task:
        target, classes = "class", CLASSES

    aucs = {("a", "logistic"): 0.8, ("b", "finetune"): 0.9}
    scores = [Score("c", *head, 100, 0, t, "auc", v) for head, v in aucs.items() for t in ("macro", "cdm")]
    predictions = {
        ("a", "logistic"): {"class": shown.probabilities * 0},
        ("b", "finetune"): {"class": shown.probabilities},
    }
    evaluation = Evaluation(scores, np.arange(400), {"class": shown.true}, predictions, {})
    found = class_figures.classified(Task, evaluation)
    assert found.head == "b, finetune" and found.probabilities is shown.probabilities
    assert class_figures.classified(Task, Evaluation([], np.arange(400), {"class": shown.true}, {}, {})) is None


def test_figures_are_said_in_words(shown):
    counts = shown.counts()
    said = alt_texts.confusion(shown)
    share = counts[0, 0] / counts[0].sum()
    assert f"no_sub ({counts[0].sum()} images): taken for {share:.0%} no_sub" in said
    assert f"the expected calibration error is {shown.calibration_error():.3f}" in alt_texts.reliability(shown)
