"""Tables of predictions and of fits become one row a lens, with whatever they have."""

import math

import pandas as pd
import pytest

from lenstream.evaluate.show.lens_rows import Flag, all_targets, lenses, shown_targets


def predicted(**more):
    """Two lenses as a network predicts them, with a published value of the first."""
    table = {"name": ["a", "b"], "theta_E": [1.0, 2.0], "theta_E_std": [0.1, 0.2]}
    table |= {"theta_E_published": [1.05, math.nan], "theta_E_difference": [-0.05, math.nan]}
    table |= {
        "e1": [0.1, 0.2],
        "e1_std": [0.01, 0.02],
        "frame": "array",
        "masked": [0.0, 0.25],
        "flags": ["", "sky;noise"],
    }
    return pd.DataFrame(table | more)


def fitted(**more):
    """The second lens and one more as refined; the last could not be fitted."""
    table = {"name": ["b", "c"], "theta_E": [2.1, math.nan], "theta_E_std": [0.01, math.nan]}
    table |= {"center_x": [0.0, math.nan], "center_x_std": [0.01, math.nan], "chi2": [1.1, math.nan], "images": [2, 0]}
    table |= {"flags": ["misfit", "not_fitted"], "found": ["chi2 1.7", ""], "error": "", "frame": "array"}
    return pd.DataFrame(table | more)


def test_both_tables_are_joined_by_name():
    a, b, c = lenses(predicted(), fitted())
    assert [lens.name for lens in (a, b, c)] == ["a", "b", "c"]
    assert a.values["theta_E"].keys() == {"network"} and b.values["theta_E"].keys() == {"network", "refined"}
    assert b.values["theta_E"]["refined"].value == 2.1 and b.values["theta_E"]["network"].std == 0.2
    assert (a.fitted, b.fitted, c.fitted) == (None, True, False)
    assert b.of_fit == {"chi2": 1.1, "images": 2.0} and c.of_fit == {"images": 0.0}
    assert (a.masked, b.masked) == (0.0, 0.25) and math.isnan(c.masked)


def test_flags_say_what_was_measured_and_of_what_they_are():
    _, b, _ = lenses(predicted(found=["", "+2 x noise;"]), fitted())
    network = [Flag("sky", "+2 x noise", "network"), Flag("noise", "", "network")]
    assert b.flags == [*network, Flag("misfit", "chi2 1.7", "refined")]
    _, b, _ = lenses(predicted(found=["", "1;2;3"]), fitted(flags=["sky", ""]))
    assert [flag.found for flag in b.flags] == ["", "", "chi2 1.7"]  # of which flag the three are is not known
    assert b.flag_names() == ["sky", "noise"]


def test_a_lens_that_cannot_be_read_is_not_fitted():
    *_, c = lenses(None, fitted(error=["", "c.fits: no image"], flags=""))
    assert c.error == "c.fits: no image" and c.fitted is False


@pytest.mark.parametrize("table", [predicted(), fitted()])
def test_any_column_but_the_name_may_be_missing(table):
    (a,) = lenses(pd.DataFrame({"name": ["a"]}))
    assert a.values == {} and a.flags == [] and a.frames == {"network": ""}
    for column in set(table) - {"name"}:
        assert [lens.name for lens in lenses(table.drop(columns=column), table)] == list(table["name"])


def test_the_published_value_of_one_table_is_that_of_both_in_one_frame():
    same = lenses(predicted(theta_E_published=[1.05, 2.2], e1_published=[0.1, 0.3]), fitted(e1=0.2, e1_std=0.1))[1]
    assert same.values["theta_E"]["refined"].published == 2.2 and same.values["e1"]["refined"].published == 0.3
    other = fitted(e1=0.2, e1_std=0.1, frame="north_east")
    turned = lenses(predicted(theta_E_published=[1.05, 2.2], e1_published=[0.1, 0.3]), other)[1]
    assert turned.values["theta_E"]["refined"].published == 2.2
    assert math.isnan(turned.values["e1"]["refined"].published)


def test_theta_e_comes_first_and_centres_that_only_a_fit_gives_are_left_out():
    table = predicted()[["name", "e1", "e1_std", "theta_E", "theta_E_std"]]
    assert shown_targets(lenses(table, fitted())) == ["theta_E", "e1"]
    both = lenses(table, fitted(e1_shearless=0.1, e1_shearless_std=0.1))
    assert shown_targets(both) == ["theta_E", "e1"] and all_targets(both)[2:] == ["center_x", "e1_shearless"]
    assert "center_x" in shown_targets(lenses(predicted(center_x=0.0, center_x_std=0.1), fitted()))


def test_further_columns_are_kept_as_they_are():
    (a, b) = lenses(predicted(theta_E_label=[1.2, math.nan], split=["test", "<i>"]))
    assert a.others == {"theta_E_label": "1.2", "split": "test"} and b.others == {"split": "<i>"}


def test_intervals_hold_a_published_value_or_not():
    ends = {"theta_E_low_68": [0.9, 1.0], "theta_E_high_68": [1.04, 3.0]}
    a, b = lenses(predicted(theta_E_published=[1.05, 2.39], **ends))
    assert [a.values["theta_E"]["network"].covers(share) for share in (68, 95)] == [
        False,
        True,
    ]  # the second by its std
    assert [b.values["theta_E"]["network"].covers(share) for share in (68, 95)] == [True, True]
    _, b = lenses(predicted(theta_E_published=[1.05, 2.4]))
    assert [b.values["theta_E"]["network"].covers(share) for share in (68, 95)] == [False, False]
