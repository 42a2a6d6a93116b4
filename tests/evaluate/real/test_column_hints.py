"""Columns that other catalogues call otherwise are offered, with the setting that takes them."""

import pytest

from lenstream.evaluate.real.column_hints import offer, offer_shape


@pytest.mark.parametrize(
    ("target", "column"),
    [
        *[("theta_E", c) for c in ("thetaE", "theta_e", "b_SIE", "Rein", "R_Ein", "einstein_radius", "bSIE")],
        ("name", "SDSS Name"),
        ("gamma", "slope"),
    ],
)
def test_another_name_of_a_parameter_is_offered(target, column):
    said = offer(target, ["RA", column])
    assert f"real_lenses.columns: {{{target}: {column}}}, or --column {target}={column}." in said
    assert offer(target, ["RA", "z_lens"]) == "" == offer("e1", ["e_1"])


@pytest.mark.parametrize(
    ("columns", "setting"),
    [
        ("q_SIE PA_SIE", "{q: q_SIE, PA: PA_SIE}, or --column q=q_SIE --column PA=PA_SIE"),
        ("q theta", "{PA: theta}, or --column PA=theta"),
        ("axis_ratio phi_lens", "{phi: phi_lens}, or --column phi=phi_lens"),
        ("b_a angle", "{PA: angle}"),
        ("q theta_E", None),
        ("PA RA", None),
    ],
)
def test_columns_like_an_axis_ratio_and_an_angle_are_offered(columns, setting):
    said = offer_shape(columns.split())
    assert f"real_lenses.columns: {setting}" in said if setting else said == ""
