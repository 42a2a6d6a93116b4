"""The settings of profiles follow from their declarations, and keep the physics valid."""

import pickle
import subprocess
import sys
from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from lenstream.configs import components
from lenstream.configs.components import Deflector, Light
from lenstream.configs.names import parameter_names
from lenstream.simulate.profiles import registry

GOOD = {
    "EPL": {"theta_E": {"uniform": [0.5, 1.5]}},
    "SIS": {"theta_E": 1.0},
    "POINT_MASS": {"theta_E": {"uniform": [0.01, 0.1]}},
    "NFW": {"Rs": 2.0, "alpha_Rs": {"loguniform": [0.01, 1.0]}},
    "TNFW": {"Rs": 2.0, "alpha_Rs": 0.5, "r_trunc": 8.0},
    "MULTIPOLE": {"m": 4, "a_m": {"normal": [0.0, 0.01]}, "phi_m": {"uniform": [-3.2, 3.2]}},
    "CONVERGENCE": {"kappa": {"normal": [0.0, 0.05]}},
    "SHEAR": {"gamma1": {"normal": [0.0, 0.05]}},
    "INTERPOL": {"file": "map.npz"},
}
SECTIONS = [*components.MASS.values(), *components.LIGHT.values()]
DECLARED = [*registry.MASS.values(), *registry.LIGHT.values()]


def read(name, union=Deflector, **values):
    return TypeAdapter(union).validate_python({"profile": name, **values})


@pytest.mark.parametrize(("section", "declared"), zip(SECTIONS, DECLARED, strict=True))
def test_a_section_has_what_its_profile_declares(section, declared):
    fields = section.model_fields
    assert get_args(fields["profile"].annotation) == (declared.name,)
    assert set(parameter_names(section.model_construct())) == {p.name for p in declared.parameters}
    for p in declared.parameters:
        extra, default = fields[p.name].json_schema_extra, fields[p.name].get_default(call_default_factory=True)
        assert (extra["unit"], extra["symbol"], extra["range"]) == (p.unit, p.symbol, [p.low, p.high])
        assert fields[p.name].description == p.meaning
        assert fields[p.name].is_required() == (p.default is ...)
        if isinstance(p.default, float):
            assert default == p.default
    elliptical = {"e1", "e2"} <= {p.name for p in declared.parameters}
    assert ("e1_e2" in fields) == elliptical


def test_sections_are_attributes_by_name_so_that_a_config_can_be_copied_to_another_process():
    for section in SECTIONS:
        assert getattr(components, section.__name__) is section
    for name, values in GOOD.items():
        settings = read(name, **values)
        assert settings.profile == name
        assert pickle.loads(pickle.dumps(settings)) == settings
    with pytest.raises(AttributeError, match="no attribute 'EPLL'"):
        components.EPLL  # noqa: B018


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("SIS", {"theta_E": -1.0}, "theta_E must lie between 0 and 100"),
        ("EPL", {"gamma": {"uniform": [1.0, 2.0]}}, "gamma must lie between 1.05 and 2.95"),
        ("EPL", {"e1": 0.1, "e1_e2": {"rayleigh": [0.1, 0.3]}}, "either e1_e2 or e1 and e2"),
        ("NFW", {"Rs": 0.0}, "Rs must lie between 1e-05 and 1000"),
        ("NFW", {"alpha_Rs": {"normal": [1.0, 0.1]}}, "alpha_Rs must lie between 0 and 100"),
        ("TNFW", {"r_trunc": 0.0}, "r_trunc must lie between"),
        ("MULTIPOLE", {"m": 16}, "m must lie between 1 and 15"),
        ("MULTIPOLE", {"m": 2.5}, "m must be a whole number, but 2.5"),
        ("MULTIPOLE", {"m": {"uniform": [1, 4]}}, "valid number"),
        ("MULTIPOLE", {"m": float("inf")}, "m must lie between 1 and 15|finite"),
        ("MULTIPOLE", {"r_E": 0.0}, "r_E must lie between"),
        ("SHEAR", {"gamma1": 1e300}, r"gamma1 must lie between -1e\+09 and 1e\+09"),
        ("SHEAR", {"gamma2": {"uniform": [-1e10, 0.0]}}, "gamma2 must lie between"),
    ],
)
def test_says_which_parameter_is_out_of_range(name, change, message):
    with pytest.raises(ValidationError, match=message):
        read(name, **(GOOD[name] | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"R_half": {"uniform": [0.0, 0.5]}}, "R_half must lie between 0.001 and 100"),
        ({"magnitude_cut": [20, 24]}, "magnitude_cut is for galaxies from a catalogue"),
        ({"catalogue": "a.fits", "kinds": ["disc"]}, "kinds is for made-up galaxies"),
        ({"catalogue": "a.fits", "size_cut": [0.5, 0.5]}, "size_cut: the first value must be below the second"),
        ({"catalogue": "a.fits", "at_redshift": True, "magnitude": 22, "R_half": 0.2}, "at_redshift changes nothing"),
    ],
)
def test_says_what_is_wrong_with_galaxy_images(change, message):
    with pytest.raises(ValidationError, match=message):
        read("INTERPOL", Light, **change)


def test_a_config_loads_without_a_compiler():
    script = "import sys; from lenstream.configs.load import load; load('demo'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"numba", "llvmlite", "scipy", "astropy", "torch", "matplotlib", "pandas", "lenstronomy"}
    assert heavy.isdisjoint(loaded)


@pytest.mark.parametrize("magnitude", [-99, 99, 1e30, {"uniform": [20, 99]}, {"uniform": [-99.0, 25]}])
def test_a_magnitude_that_marks_a_missing_value_is_refused(magnitude):
    with pytest.raises(ValidationError, match="magnitude must lie between -30 and 50"):
        read("SERSIC_ELLIPSE", Light, R_sersic=0.5, n_sersic=1, magnitude=magnitude)
    for possible in (-26, 0, 31.5, {"normal": [24, 1]}, {"uniform": [18, 28]}):
        read("SERSIC_ELLIPSE", Light, R_sersic=0.5, n_sersic=1, magnitude=possible)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"catalogue": "x.npz", "kinds": ["ring"]}, "kinds is for made-up galaxies"),
        ({"magnitude_cut": [20, 22]}, "magnitude_cut is for galaxies from a catalogue"),
        ({"at_redshift": True}, "at_redshift is for galaxies from a catalogue"),
        ({"mirrored": True}, "mirrored needs parity: false"),
        ({"catalogue": "x.npz", "size_cut": [2, 1]}, "size_cut: the first value must be below"),
        ({"catalogue": "x.npz", "at_redshift": True, "magnitude": 22, "R_half": 0.2}, "at_redshift changes nothing"),
    ],
)
def test_settings_of_galaxies_that_do_not_go_together(keys, message):
    with pytest.raises(ValueError, match=message):
        components.INTERPOL(profile="INTERPOL", **keys)
