"""The settings of deflectors give what their profiles read, and keep the physics valid."""

import pytest
from pydantic import TypeAdapter, ValidationError

from lenstream.configs.components import Deflector
from lenstream.configs.names import parameter_names
from lenstream.simulate.profiles import convergence, deflection_map, multipole, nfw, point_mass, sis, tnfw

GOOD = {
    "SIS": (sis, {"theta_E": 1.0}),
    "POINT_MASS": (point_mass, {"theta_E": {"uniform": [0.01, 0.1]}}),
    "NFW": (nfw, {"Rs": 2.0, "alpha_Rs": {"loguniform": [0.01, 1.0]}}),
    "TNFW": (tnfw, {"Rs": 2.0, "alpha_Rs": 0.5, "r_trunc": 8.0}),
    "MULTIPOLE": (multipole, {"m": 4, "a_m": {"normal": [0.0, 0.01]}, "phi_m": {"uniform": [-3.2, 3.2]}}),
    "CONVERGENCE": (convergence, {"kappa": {"normal": [0.0, 0.05]}}),
    "INTERPOL": (deflection_map, {"file": "map.npz"}),
}


def read(profile, **values):
    return TypeAdapter(Deflector).validate_python({"profile": profile, **values})


@pytest.mark.parametrize("name", GOOD)
def test_settings_have_the_parameters_of_the_profile(name):
    profile, values = GOOD[name]
    settings = read(name, **values)
    assert settings.profile == name
    assert set(parameter_names(settings)) == set(profile.PROFILE.columns) - {"map"}


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("SIS", {"theta_E": -1.0}, "theta_E must lie between 0 and 100"),
        ("NFW", {"Rs": 0.0}, "Rs must lie between 1e-05 and 1000"),
        ("NFW", {"alpha_Rs": {"normal": [1.0, 0.1]}}, "alpha_Rs must lie between 0 and 100"),
        ("TNFW", {"r_trunc": 0.0}, "r_trunc must lie between"),
        ("MULTIPOLE", {"m": 16}, "m must lie between 1 and 15"),
        ("MULTIPOLE", {"m": 2.5}, "m must be a whole number, but 2.5"),
        ("MULTIPOLE", {"m": float("inf")}, "m must lie between 1 and 15|finite"),
        ("MULTIPOLE", {"r_E": 0.0}, "r_E must lie between"),
    ],
)
def test_says_which_parameter_is_out_of_range(name, change, message):
    with pytest.raises(ValidationError, match=message):
        read(name, **(GOOD[name][1] | change))
