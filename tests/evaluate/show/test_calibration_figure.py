"""The figure of calibration: right posteriors stay in the bands, the best head of each protocol is drawn."""

import numpy as np
import pytest

from lenstream.evaluate.results import Evaluation, Score
from lenstream.evaluate.show import alt_texts, calibration_figure
from lenstream.evaluate.show.calibration_figure import Calibrated

RNG = np.random.default_rng(2)


def ranks(n=1000, power=1.0, targets=("theta_E", "e1", "all")):
    """Ranks that are uniform, or nearer to the ends with a power below 1."""
    centred = RNG.uniform(-1, 1, size=(len(targets), n))
    return dict(zip(targets, 0.5 + 0.5 * np.sign(centred) * np.abs(centred) ** power, strict=True))


def evaluation(nll):
    """An `Evaluation` whose heads have ranks and some NLL; nll: (encoder, protocol) -> value."""
    scores = [Score("regression", *head, 100, 0, "all", "nll", value) for head, value in nll.items()]
    true = {"theta_E": np.zeros(1000), "e1": np.zeros(1000)}
    return Evaluation(scores, np.arange(1000), true, {}, {}, ranks={head: ranks() for head in nll})


def test_the_most_probable_head_of_each_protocol_is_drawn():
    nll = {("a", "gaussian"): -1.0, ("b", "gaussian"): -2.0, ("a", "flow"): -0.5, ("b", "flow"): 3.0}
    shown = calibration_figure.calibrated(evaluation(nll))
    assert [head[:2] for head in shown] == [("b", "gaussian"), ("a", "flow")]
    assert list(shown[0].ranks) == ["theta_E", "e1", "all"]
    assert calibration_figure.calibrated(evaluation({})) == []


def test_it_is_drawn_on_both_papers(tmp_path):
    shown = [Calibrated("lensiam", "gaussian", ranks()), Calibrated("random", "flow", ranks(power=0.5))]
    calibration_figure.calibration_figure(shown, tmp_path / "a.png")
    assert {p.name for p in tmp_path.iterdir()} == {"a.png", "a_dark.png"}


class Axes:
    """What was drawn: the levels of bands, steps and lines."""

    def __init__(self):
        self.band = self.steps = self.lines = None
        self.lines = []

    def axhspan(self, low, high, **_):
        self.band = low, high

    def fill_between(self, x, low, high, **_):
        self.band = low, high

    def stairs(self, counts, edges, **_):
        self.steps = counts

    def plot(self, x, y, **_):
        self.lines.append(y)

    def set(self, **_):
        pass


@pytest.mark.parametrize(("power", "inside"), [(1.0, True), (0.5, False)])
def test_right_posteriors_are_within_the_bands_and_others_are_not(power, inside):
    of = ranks(4000, power)
    ax = Axes()
    calibration_figure._ranks(ax, of["e1"], "k")
    within = (ax.steps >= ax.band[0]) & (ax.steps <= ax.band[1])
    assert len(ax.steps) == 20 and (within.mean() >= 0.8) == inside
    ax = Axes()
    calibration_figure._tarp(ax, of["all"], "k")
    within = (ax.lines[0] >= ax.band[0]) & (ax.lines[0] <= ax.band[1])
    assert (within.mean() > 0.75) == inside


def test_few_test_lenses_have_fewer_bins():
    ax = Axes()
    calibration_figure._ranks(ax, ranks(60)["e1"], "k")
    assert len(ax.steps) == 5


def test_its_words_have_the_coverage():
    of = {"e1": np.linspace(0.001, 0.999, 500), "all": np.linspace(0.001, 0.999, 500)}
    words = alt_texts.calibration([Calibrated("lensiam", "flow", of)])
    assert "lensiam (flow), 500 test lenses: in the central 68 % lie e1 0.68; in the central 95 % e1 0.95" in words
    assert "right posteriors stay below 0.060" in words
    assert alt_texts.calibration([]) == ""
