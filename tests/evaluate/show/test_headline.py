"""The headline says what the table says."""

import re
from html import unescape

import pandas as pd

from lenstream.evaluate.results import Score, frame
from lenstream.evaluate.show.headline import headline

from .test_metrics import classified
from .test_report import results


def test_headline_says_what_the_table_says():
    table = results()
    first, more = (unescape(re.sub(r"<[^>]+>", "", str(part))) for part in headline(table))
    at = table[(table.n_labels == 1000) & (table.target == "theta_E")].groupby(["encoder", "protocol", "metric"])[
        "value"
    ]
    mean = at.mean()
    assert first == (
        f"With 1,000 labels, frozen lensiam features recover θE with R² = {mean['lensiam', 'ridge', 'r2']:.2f} "
        f'(RMSE {mean["lensiam", "ridge", "rmse"]:.2g}"); random features reach {mean["random", "ridge", "r2"]:.2f}, '
        f"training from scratch {mean['supervised', 'finetune', 'r2']:.2f}; the images allow at best 0.9996."
    )
    assert more == "The other parameters, in R²: \N{GREEK SMALL LETTER GAMMA} 0.67 (at best 0.9996)."


def refined(right, before=None):
    """Scores of refined estimates; right, before: share of lenses by start."""
    rows = [Score("regression", name, "refined", 1000, 0, "all", "within_3_limits", v) for name, v in right.items()]
    before = before or {}
    rows += [Score("regression", e, "refined", 9, 0, "all", "within_3_limits_of_start", v) for e, v in before.items()]
    return frame(rows, refined=True)


def test_the_headline_ends_with_the_best_refined_estimates():
    first, more = headline(results(), refined({"a<b": 0.925, "population": 0.88}, {"a<b": 0.03}))
    assert str(first) == str(headline(results())[0])
    assert str(more) == f"{headline(results())[1]} " + (
        "Refined by the simulator from a&lt;b, 92% of test lenses are within 3 sigma of the limit in all parameters "
        "(3% before)."
    )
    _, more = headline(results(targets=["e1"]), refined({"simsiam": 0.9, "lensiam": 0.9, "random": 0.8}))
    assert str(more) == (  # of equals the encoder that the first sentence is about
        "Refined by the simulator from lensiam, 90% of test lenses are within 3 sigma of the limit in all parameters."
    )
    assert headline(results(), refined({})) == headline(results()) == headline(results(), None)


def test_the_headline_of_a_classification():
    first, more = headline(classified())
    assert str(first) == (
        "With 100 labels, frozen simclr features reach a mean AUC of 0.93; random features reach 0.80, training from "
        "scratch 0.85, by_stream 0.99."
    )
    assert str(more) == "One by one: accuracy 0.83, lens 0.93, galaxy 0.93, star 0.93."
    first, more = headline(classified("lens", "galaxy"))
    assert "frozen simclr features reach an AUC of 0.93; random" in str(first) and str(more) == "The accuracy is 0.83."


def test_the_headline_of_two_limits_says_which_counts():
    table = results()
    wider = table[table.encoder == "limit"].assign(protocol="cramer-rao-any-shape", value=0.9984)
    first, more = headline(pd.concat([table, wider], ignore_index=True))
    assert first.endswith("the images allow at best 0.998 (0.9996 if the shape of the galaxy were known).")
    assert more.endswith("0.67 (at best 0.998).")
