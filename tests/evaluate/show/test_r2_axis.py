"""The axis of R2 is logarithmic in 1 - R2 where curves would lie on each other near 1, and linear elsewhere."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from lenstream.evaluate.results import LIMIT
from lenstream.evaluate.show import figures, r2_axis

from .test_figures import results


def table(*last, limit=0.9999):
    """Means of encoders that end at `last`, and of the limit."""
    rows = [(f"e{k}", n, r2 - (0.3 if n == 100 else 0)) for k, r2 in enumerate(last) for n in (100, 1000)]
    return pd.DataFrame([*rows, (LIMIT, 0, limit)], columns=["encoder", "n_labels", "mean"])


@pytest.mark.parametrize(
    ("last", "near"),
    [
        ((0.97, 0.98, 0.99), True),
        ((0.95, 0.99, 0.5, 0.6), True),  # two would lie on each other
        ((0.99, 0.5, 0.6), False),  # a single one does not
        ((0.99, 0.95, 0.5, 0.6, 0.7), False),
        ((0.2, 0.5), False),
        ((0.95, np.nan), False),
        ((), False),
    ],
)
def test_it_is_the_data_that_choose_the_axis(last, near):
    assert r2_axis.near_1(table(*last)) == near


def test_curves_near_1_are_spread_and_the_limit_is_in_the_panel():
    ax, means = Figure().subplots(), table(0.97, 0.99)
    r2_axis.spread_near_1(ax, means)
    low, high = ax.get_ylim()
    assert low < 0.67 and high > 0.9999
    where = ax.transAxes.inverted().transform(ax.transData.transform([(0, 0.97), (0, 0.99), (0, 0.9999)]))[:, 1]
    assert where[1] - where[0] > 0.1 and where[2] < 1
    ticks = dict(zip(ax.get_yticks(), [text.get_text() for text in ax.get_yticklabels()], strict=True))
    assert ticks[0.9] == "0.9" and ticks[0.99] == "0.99" and len(ticks) >= 3


def test_a_value_far_below_0_does_not_squeeze_the_others():
    ax, means = Figure().subplots(), table(0.97, 0.99)
    r2_axis.spread_near_1(ax, pd.concat([means, pd.DataFrame({"encoder": ["e9"], "n_labels": 100, "mean": -40.0})]))
    assert ax.get_ylim()[0] == pytest.approx(r2_axis.WORST_R2)


@pytest.mark.parametrize("best", [1.0, 1.0 - 1e-12, 0.95])
def test_a_perfect_score_has_a_place(best):
    ax = Figure().subplots()
    r2_axis.spread_near_1(ax, table(best, 0.92, limit=1.0))
    low, high = ax.get_ylim()
    assert low < 0.62 and 0.95 < high < 1


def test_only_the_panels_that_need_it_are_logarithmic(tmp_path, monkeypatch):
    drawn, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda fig, *a, **k: (drawn.append(fig), save(fig, *a, **k)))
    rows = results()
    rows.loc[(rows["target"] == "theta_E") & (rows["metric"] == "r2") & (rows["n_labels"] > 0), "value"] = 0.97
    rows.loc[(rows["target"] == "e1") & (rows["metric"] == "r2") & (rows["n_labels"] > 0), "value"] = 0.4
    figures.r2_against_labels(rows, tmp_path / "a.png")
    scales = [ax.get_yscale() for ax in drawn[0].axes]
    assert scales[:2] == ["function", "linear"]
    assert "logarithmic" in drawn[0].axes[0].get_ylabel() and "test lenses" in drawn[0].axes[1].get_ylabel()


def test_a_mean_of_1_is_drawn_above_the_others_on_a_tick_that_says_1():
    ax, (means, one) = Figure().subplots(), r2_axis.below_1(table(1.0, 0.97, limit=1.0))
    assert one == pytest.approx(0.99) and sorted(means["mean"])[-2:] == [one, one]
    r2_axis.spread_near_1(ax, means, one)
    assert ax.get_ylim()[0] < 0.67 and one < ax.get_ylim()[1] < 1
    ticks = dict(zip(ax.get_yticks(), [text.get_text() for text in ax.get_yticklabels()], strict=True))
    assert ticks[one] == "1" and ticks[0.95] == "0.95" and max(ticks) == one
    assert r2_axis.below_1(table(0.97, 0.99))[1] is None
    assert r2_axis.below_1(table(1.0, 1.0, limit=1.0).iloc[1::2])[1] == pytest.approx(0.9)
