"""Catalogues: what columns mean, in which frame and unit, and values that no lens can have."""

import numpy as np
import pytest
from lenstronomy.Util.param_util import phi_q2_ellipticity

from lenstream.configs.schema import RealLenses
from lenstream.errors import DataError
from lenstream.evaluate.real.catalogue import columns_of, match, read_catalogue
from lenstream.evaluate.real.frames import to_array
from lenstream.files.orientation import Orientation

TARGETS = ["theta_E", "e1", "e2", "gamma"]
NORTH_UP = Orientation(1.5 * np.pi, 1)


@pytest.fixture
def published(tmp_path):
    """A function from the text of a catalogue (names L0, L1, ...) to values in the array's frame, and sentences."""

    def of(text, names=("L0", "L1"), targets=TARGETS, orientations=None, **lenses):
        path = tmp_path / "catalogue.csv"
        path.write_text(text)
        lenses = RealLenses(**lenses)
        orientations = [NORTH_UP] * len(names) if orientations is None else orientations
        return match(read_catalogue(path, lenses), list(names), targets, orientations, lenses)

    return of


def reason(published, text, **options):
    with pytest.raises(DataError) as error:
        published(text, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_values_by_name_in_the_order_of_the_images(published):
    values, notes = published("name,theta_E_published,theta_E,e1\nL1,1.1,9,\nL0,1.0,9,.1\n")
    np.testing.assert_array_equal(values["theta_E"], [1.0, 1.1])
    np.testing.assert_array_equal(values["e1"], [0.1, np.nan])
    assert set(values) == {"theta_E", "e1"} and notes == []


@pytest.mark.parametrize(
    ("columns", "angle"),
    [
        ("q,phi", 0.5),
        ("q,phi_rad", 0.5),
        ("b/a,phi_deg", np.degrees(0.5)),
        ("axis_ratio,phi [deg]", np.degrees(0.5)),
        ("Q,PHI", np.degrees(0.5)),
    ],
)
def test_phi_is_counted_from_x_of_the_array(published, columns, angle):
    values, notes = published(f"name,{columns}\nL0,0.6,{angle}\nL1,0.7,{2 * angle}\n")
    np.testing.assert_allclose((values["e1"][0], values["e2"][0]), phi_q2_ellipticity(0.5, 0.6))
    np.testing.assert_allclose((values["e1"][1], values["e2"][1]), phi_q2_ellipticity(1.0, 0.7))
    assert "computed from" in notes[-1] and "+x of the array" in notes[-1]


@pytest.mark.parametrize(
    ("columns", "angle"),
    [
        ("q,PA", 100.0),
        ("q,pa_deg", 100.0),
        ("q,PA_rad", np.radians(100)),
        ("b/a,position_angle", 100.0),
        ("q,PA (deg)", 100.0),
    ],
)
def test_a_position_angle_is_turned_into_the_array(published, columns, angle):
    orientations = [NORTH_UP, Orientation(0.3, -1)]
    values, notes = published(f"name,{columns}\nL0,0.6,{angle}\nL1,0.6,{angle}\n", orientations=orientations)
    on_sky = phi_q2_ellipticity(np.radians(100), 0.6)
    for k, orientation in enumerate(orientations):
        np.testing.assert_allclose((values["e1"][k], values["e2"][k]), to_array(*on_sky, orientation))
    np.testing.assert_allclose(values["e1"][0], -on_sky[0])  # North up, East left: 90 degrees from +x
    assert "North through East" in notes[-1]


def test_ellipticity_is_one_minus_the_axis_ratio_and_a_circle_needs_no_angle(published):
    values, notes = published("name,ellipticity,phi_deg\nL0,0.4,30\nL1,0,\n")
    np.testing.assert_allclose((values["e1"][0], values["e2"][0]), phi_q2_ellipticity(np.radians(30), 0.6))
    assert values["e1"][1] == values["e2"][1] == 0
    assert "1 - b/a" in notes[-1]


def test_e1_and_e2_of_the_catalogue_come_before_q_and_phi(published):
    values, _ = published("name,e1,e2,q,phi\nL0,.1,.2,.5,1\nL1,.1,.2,.5,1\n")
    np.testing.assert_array_equal(values["e1"], [0.1, 0.1])


def test_without_an_orientation_a_position_angle_cannot_be_used(published):
    text = "name,theta_E,q,PA\nL0,1,0.6,100\nL1,1,0.6,100\n"
    values, notes = published(text, orientations=[None, NORTH_UP])
    assert np.isnan(values["e1"][0]) and np.isfinite(values["e1"][1]) and np.isfinite(values["theta_E"]).all()
    assert "the ellipticities of 1 lens are counted from North" in notes[-1]
    values, _ = published(text, orientations=[None, None], catalogue_frame="array")
    np.testing.assert_allclose(values["e1"], phi_q2_ellipticity(np.radians(100), 0.6)[0])


def test_the_frame_of_e1_and_e2_by_setting_or_column(published):
    text = "name,e1,e2\nL0,.1,.2\nL1,.1,.2\n"
    expected = to_array(0.1, 0.2, NORTH_UP)
    values, _ = published(text, catalogue_frame="north_east")
    np.testing.assert_allclose((values["e1"][0], values["e2"][0]), expected)
    values, _ = published("name,e1,e2,frame\nL0,.1,.2,north_east\nL1,.1,.2,array\n")
    np.testing.assert_allclose(values["e1"], [expected[0], 0.1])
    assert 'Did you mean "north_east"' in reason(published, "name,e1,frame\nL0,.1,north-east\nL1,.1,array\n")
    values, notes = published("name,e1\nL0,.1\nL1,.1\n", catalogue_frame="north_east")
    assert np.isnan(values["e1"]).all() and "of no use without its other component" in notes[-1]


def test_an_angle_of_unknown_unit_is_asked_for(published):
    text = "name,q,PA\nL0,.6,1.5\nL1,.6,2\n"
    assert "real_lenses.angle_unit" in reason(published, text)
    in_degrees, _ = published(text, angle_unit="deg")
    in_radians, _ = published(text, angle_unit="rad")
    assert abs(in_degrees["e1"][0] - in_radians["e1"][0]) > 0.1


@pytest.mark.parametrize("column", ["b_SIE", "THETA_E"])
def test_other_names_of_theta_e_are_offered(published, column):
    assert f"real_lenses.columns: {{theta_E: {column}}}" in reason(published, f"name,{column}\nL0,1\nL1,2\n")
    values, notes = published(f"name,{column},gamma\nL0,1,2\nL1,2,2\n")
    assert set(values) == {"gamma"} and f"{{theta_E: {column}}}" in notes[0]
    values, _ = published(f"name,{column}\nL0,1\nL1,2\n", columns={"theta_E": column})
    np.testing.assert_array_equal(values["theta_E"], [1, 2])


def test_columns_like_an_axis_ratio_and_an_angle_are_offered(published):
    _, notes = published("name,theta_E,q_SIE,PA_SIE\nL0,1,.8,40\nL1,2,.7,100\n")
    assert "real_lenses.columns: {q: q_SIE, PA: PA_SIE}" in notes[0] and "no columns for e1 and e2" in notes[0]


def test_a_setting_for_what_is_not_compared_is_refused(published):
    said = reason(published, "name,b_SIE\nL0,1\nL1,2\n", columns={"thetaE": "b_SIE"})
    assert "real_lenses.columns.thetaE" in said and 'Did you mean "theta_E"?' in said


def test_one_component_beside_q_and_an_angle_is_not_mixed_with_these(published):
    values, _ = published("name,e1,q,phi_deg\nL0,.9,.8,0\nL1,.9,.7,0\n")
    np.testing.assert_allclose(values["e1"], [0.2 / 1.8, 0.3 / 1.7])


def test_columns_by_settings(published):
    text = "id,b_SIE,q_SIE,pa_lens_deg,n\nL0,1,.6,100,1\nL1,2,.6,100,1\n"
    columns = {"name": "id", "theta_E": "b_SIE", "q": "q_SIE", "PA": "pa_lens_deg"}
    values, _ = published(text, columns=columns)
    expected = to_array(*phi_q2_ellipticity(np.radians(100), 0.6), NORTH_UP)
    np.testing.assert_allclose((values["e1"][0], values["e2"][0]), expected)
    assert "real_lenses.columns: {name: id}" in reason(published, text)
    assert 'Did you mean "b_SIE"' in reason(published, text, columns=columns | {"theta_E": "b_SIS"})


@pytest.mark.parametrize("bad", ["-99", "99", "-999", "9999", "0", "-1", "nan", "", "inf", "1e30"])
def test_sentinels_are_missing(published, caplog, bad):
    values, notes = published(f"name,theta_E\nL0,{bad}\nL1,1.2\n")
    np.testing.assert_array_equal(values["theta_E"], [np.nan, 1.2])
    said = " ".join([*notes, caplog.text])
    assert (
        bad in ("nan", "", "inf")
        or "1 of 2 lenses have an impossible theta_E" in said
        or f"1 of {float(bad):g} in theta_E" in said
    )


@pytest.mark.parametrize("bad", ["0.8,135", "-99,-99", "1,0", "0.8,0.7", "0.1,-1.5"])
def test_impossible_ellipticities_are_missing_as_a_whole(published, caplog, bad):
    values, notes = published(f"name,e1,e2\nL0,{bad}\nL1,.1,.2\n")
    np.testing.assert_array_equal(values["e1"], [np.nan, 0.1])
    np.testing.assert_array_equal(values["e2"], [np.nan, 0.2])
    assert any("impossible e1" in note and "L0" in note for note in notes) or "1 of -99 in e1" in caplog.text


@pytest.mark.parametrize("bad", ["1.4,30", "0,30", "-99,30", "0.6,999", "0.6,-9999"])
def test_impossible_axis_ratios_and_angles_are_missing(published, caplog, bad):
    values, notes = published(f"name,q,PA_deg\nL0,{bad}\nL1,.6,30\n")
    assert np.isnan(values["e1"][0]) and np.isnan(values["e2"][0]) and np.isfinite(values["e1"][1])
    said = any("1 of 2 lenses have an impossible q or PA_deg" in note and "L0" in note for note in notes)
    assert said or "1 of -99 in q" in caplog.text


def test_gamma_and_later_profiles(published):
    values, _ = published("name,gamma,theta_E_2\nL0,0.5,-1\nL1,2,1\n", targets=["gamma", "theta_E_2"])
    np.testing.assert_array_equal(values["gamma"], [np.nan, 2])
    np.testing.assert_array_equal(values["theta_E_2"], [np.nan, 1])


def test_names_match_but_for_capitals_blanks_and_suffix(published):
    values, notes = published("name,theta_E\nl0.fits,1\nL 1,2\nother,3\n", names=("L0", "L1", "L2"))
    np.testing.assert_array_equal(values["theta_E"], [1, 2, np.nan])
    assert "2 names match but for" in notes[0] and "no row for 1 of 3 images, e.g. L2" in notes[1]
    text = "name,theta_E\nl0,1\nL0 ,2\n"  # after blanks are stripped, the exact name counts
    assert published(text, names=("L0",))[0]["theta_E"] == [2]
    assert "holds x, y" in reason(published, "name,theta_E\nx,1\ny,2\n")
    assert "has none of" in reason(published, "name,theta_E\nl0,1\nl0.fits,2\n", names=("L0",))  # which one?


def test_no_column_that_can_be_compared(published):
    text = reason(published, "name,z_lens,mag\nL0,.3,20\nL1,.3,20\n")
    assert "a column for none of theta_E, e1, e2, gamma: it has z_lens, mag" in text and "real_lenses.columns" in text
    assert "has to hold numbers, but L0 has about one" in reason(published, "name,theta_E\nL0,about one\nL1,1\n")


def test_the_angles_of_slacs_are_those_of_its_ellipticities(slacs):
    catalogue = read_catalogue(slacs / "catalogue.csv")
    names = list(catalogue.index)
    direct, _ = match(catalogue, names, TARGETS, [None] * len(names), RealLenses())
    computed, _ = match(catalogue.drop(columns=["e1", "e2"]), names, TARGETS, [None] * len(names), RealLenses())
    np.testing.assert_allclose(computed["e1"], direct["e1"], atol=2e-5)
    np.testing.assert_allclose(computed["e2"], direct["e2"], atol=2e-5)
    assert columns_of(catalogue, ["theta_E"], RealLenses()) == {"theta_E": "theta_E_published"}
