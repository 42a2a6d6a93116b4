"""Agreement with published values: the numbers of a table that is worked out by hand, and of `published.summary`."""

import math

import numpy as np
import pandas as pd
import pytest

from lenstream.evaluate.real import published
from lenstream.evaluate.show.lens_agreement import COLUMNS, agreements, cells
from lenstream.evaluate.show.lens_rows import lenses


def table(values, known, std=0.1, flags="", target="theta_E"):
    names = [f"lens {k}" for k in range(len(values))]
    columns = {target: values, f"{target}_std": std, f"{target}_published": known, "flags": flags}
    return pd.DataFrame({"name": names} | columns)


def test_counts_of_near_far_and_covered():
    values = [1.0, 1.04, 1.09, 1.15, 1.3]
    (row,) = agreements(lenses(table(values, 1.0)), ["theta_E"])
    assert (row.n, row.near, row.far, row.covered) == (5, (2, 3), 1, (3, 4))
    assert row.bias == pytest.approx(0.116) and row.median_ratio == pytest.approx(0.09)
    assert cells(row)[0] == "5" and cells(row)[4:] == [
        text.replace(" %", "\N{NO-BREAK SPACE}%")
        for text in ("+9.0 %", "2 (40 %)", "3 (60 %)", "1 (20 %)", "3 (60 %)", "4 (80 %)")
    ]
    assert len(cells(row)) == len(COLUMNS)


def test_it_is_that_of_the_summary_of_predictions():
    rng = np.random.default_rng(2)
    known = rng.uniform(0.5, 2.0, 30)
    of = published.beside_published(table(known + rng.normal(0, 0.1, 30), known), {"theta_E": known})
    theirs = published.summary(of).set_index("target").loc["theta_E"]
    (row,) = agreements(lenses(of), ["theta_E"])
    for name in ("n", "bias", "scatter", "nmad"):
        assert getattr(row, name) == pytest.approx(theirs[name], rel=1e-12)


def test_fits_and_lenses_without_any_flag_stand_beside_the_others():
    network = table([1.0, 1.1, 1.2], 1.0, flags=["", "sky", ""])
    fit = table([1.0, 1.0, 1.5], 1.0, flags=["", "", "misfit"])
    rows = agreements(lenses(network, fit), ["theta_E"])
    assert [(row.of, row.unflagged, row.n, row.far) for row in rows] == [
        ("network", False, 3, 0),
        ("network", True, 1, 0),
        ("refined", False, 3, 1),
        ("refined", True, 1, 0),
    ]
    assert [row.unflagged for row in agreements(lenses(network.assign(flags="")), ["theta_E"])] == [False]


def test_what_is_no_radius_has_no_per_cent_and_one_lens_no_scatter():
    (row,) = agreements(lenses(table([0.2], [0.1], target="e1")), ["e1"])
    assert row.near == () and math.isnan(row.median_ratio) and math.isnan(row.scatter)
    assert cells(row) == [
        "1",
        "0.10",
        "",
        "",
        "",
        "",
        "",
        "",
        "1 (100\N{NO-BREAK SPACE}%)",
        "1 (100\N{NO-BREAK SPACE}%)",
    ]


def test_lenses_without_a_value_do_not_count():
    found = lenses(table([1.0, math.nan, 1.1], [math.nan, 1.0, 1.0]))
    assert [row.n for row in agreements(found, ["theta_E", "gamma"])] == [1]
    assert agreements(lenses(table([1.0], math.nan)), ["theta_E"]) == []
    (row,) = agreements(lenses(table([1.0], 1.0, std=math.nan)), ["theta_E"])
    assert row.covered == ()
