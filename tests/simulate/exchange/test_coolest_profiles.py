"""Profiles in COOLEST's terms: angles by hand, there and back, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lenstream.errors import DataError
from lenstream.simulate.exchange.coolest_profiles import (
    constant_deflection,
    coolest_mass,
    e1_and_e2,
    lenstronomy_mass,
    lenstronomy_sersic,
    position_angle,
    q_and_phi,
)

ELLIPSE = {"q": 0.7, "phi": 20.0, "center_x": 0.1, "center_y": -0.2}


@pytest.mark.parametrize(
    ("e1", "e2", "phi"),
    [(0.2, 0.0, 90.0), (-0.2, 0.0, 0.0), (0.0, 0.2, -45.0), (0.0, -0.2, 45.0), (0.2, -1e-9, 90.0), (0.2, 1e-9, -90.0)],
)
def test_position_angles_are_counter_clockwise_from_upwards(e1, e2, phi):
    q, found = q_and_phi(e1, e2)
    assert q == pytest.approx(0.8 / 1.2) and found == pytest.approx(phi, abs=1e-6)


@given(q=st.floats(0.1, 0.999), phi=st.floats(-89.99, 90.0))
def test_there_and_back(q, phi):
    e1, e2 = e1_and_e2(q, phi)
    assert q_and_phi(e1, e2) == pytest.approx((q, phi), abs=1e-7)


def test_angles_are_folded():
    np.testing.assert_allclose(position_angle([-90, 0, 90, 180, 270, 359]), [0, 90, 0, 90, 0, 89])


def test_isothermal_lenses_are_power_laws_whose_slope_is_fixed():
    kind, values, fixed = coolest_mass("SIS", {"theta_E": 1.0, "center_x": 0.1, "center_y": 0.0})
    assert (kind, values["gamma"], values["q"]) == ("PEMD", 2.0, 1.0) and fixed == ("gamma", "q", "phi")
    assert coolest_mass("SIE", values | {"e1": 0.1, "e2": 0.0})[2] == ("gamma",)
    assert lenstronomy_mass("SIE", {"theta_E": 1.0} | ELLIPSE, "here")[0] == "SIE"


def test_fields_about_another_place_deflect_the_origin():
    shear = {"gamma1": 0.1, "gamma2": 0.02, "ra_0": 1.0, "dec_0": 2.0}
    np.testing.assert_allclose(constant_deflection("SHEAR", shear), [-0.14, 0.18])
    np.testing.assert_allclose(constant_deflection("CONVERGENCE", {"kappa": 0.1, "ra_0": 1, "dec_0": -2}), [-0.1, 0.2])


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("PEMB", {}, r'here: the mass profile PEMB has no counterpart here. Did you mean "PEMD"\?'),
        ("NFW", {}, r"the mass profile NFW has no counterpart here. Expected PEMD, SIE, ExternalShear"),
        ("SIE", {"gama": 2}, r"here: a SIE has no parameter gama. Expected theta_E, q, phi"),
        ("SIE", {"theta_e": 1}, r'has no parameter theta_e. Did you mean "theta_E"\?'),
        ("SIE", {"phi": None}, r"here: phi of a SIE has no point estimate; expected a number, got None"),
        ("SIE", {"q": 1.3}, r"here: q of a SIE must be above 0 and at most 1, but it is 1.3"),
    ],
)
def test_what_is_not_known_is_refused(kind, changes, said):
    with pytest.raises(DataError, match=said):
        lenstronomy_mass(kind, {"theta_E": 1.0} | ELLIPSE | changes, "here")


def test_a_sersic_without_its_index_is_refused():
    with pytest.raises(DataError, match="n of a Sersic has no point estimate"):
        lenstronomy_sersic({"I_eff": 1.0, "theta_eff": 0.3} | ELLIPSE, "here")
