"""The list of profiles is complete, and what each declares of itself is what its functions and lenstronomy take."""

import importlib
import inspect
import math
import pkgutil

import numpy as np
import pytest
from astropy import units
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel

from lenstream.simulate import profiles as folder
from lenstream.simulate.profiles import registry

PROFILES = [*registry.MASS.values(), *registry.LIGHT.values()]
IDS = [f"{type(p).__name__} {p.name}" for p in PROFILES]
each = pytest.mark.parametrize("profile", PROFILES, ids=IDS)
MAP = {"grid_interp_x", "grid_interp_y", "f_", "f_x", "f_y", "f_xx", "f_yy", "f_xy"}  # what a map is for lenstronomy


def names_of(parameters):
    return [p.name for p in parameters]


def test_every_file_with_a_profile_is_listed():
    names = [m.name for m in pkgutil.iter_modules(folder.__path__)]
    modules = {name: importlib.import_module(f"{folder.__name__}.{name}") for name in names}
    declared = {name: module.PROFILE for name, module in modules.items() if hasattr(module, "PROFILE")}
    assert set(names) - set(declared) == {"declaration", "limits", "registry", "scalar"}
    assert sorted(map(id, declared.values())) == sorted(map(id, PROFILES))


@pytest.mark.parametrize("name", registry.MASS)
def test_a_deflector_has_lenstronomys_parameters(name):
    profile = registry.MASS[name]
    own = set(names_of(profile.parameters))
    function = LensModel([name], profile_kwargs_list=[profile.options or None]).lens_model.func_list[0]
    theirs = set(function.param_names)
    if profile.rays == "map":
        assert theirs == MAP
        return
    assert own <= theirs
    taken = inspect.signature(function.derivatives).parameters
    assert all(taken[left_out].default == 0 for left_out in theirs - own)  # as SHEAR's origin
    assert set(profile.columns) == own | set(profile.always)


NARROWER = {"m"}  # of MULTIPOLE: 15 in place of 100


@pytest.mark.parametrize("name", [n for n, p in registry.MASS.items() if p.rays != "map"])
def test_a_deflector_has_lenstronomys_defaults_and_no_narrower_range(name):
    """Where a radius must be above 0, ours begins at 1e-5 arcsec or less."""
    profile = registry.MASS[name]
    (function,) = LensModel([name]).lens_model.func_list
    arguments = inspect.signature(function.derivatives).parameters
    for p in profile.parameters:
        if arguments[p.name].default is not inspect.Parameter.empty:
            assert p.default == arguments[p.name].default, p.name
        assert p.low <= function.lower_limit_default[p.name] + 1e-5, p.name
        assert p.high >= function.upper_limit_default[p.name] or p.name in NARROWER, p.name


@pytest.mark.parametrize("name", registry.LIGHT)
def test_light_consists_of_lenstronomys_profiles_and_parameters(name):
    profile = registry.LIGHT[name]
    values = dict.fromkeys([*names_of(profile.parameters), "amp", "amp_bulge"], 0.5)
    for part, given in profile.parts(values):
        theirs = set(LightModel([part]).func_list[0].param_names)
        own = set(registry.LIGHT[part].columns)
        assert own - theirs == ({"stamp", "parity"} if part == "INTERPOL" else set())
        assert theirs - own == ({"image"} if part == "INTERPOL" else set())
        assert own <= set(given) | {"stamp", "parity", "scale"}


def test_a_disc_and_a_bulge_share_centre_and_orientation():
    values = {"amp": 2.0, "amp_bulge": 3.0, "R_sersic": 0.5, "R_bulge": 0.1, "n_sersic": 1.0, "n_bulge": 4.0}
    values |= {"e1": 0.2, "e2": -0.1, "roundness": 0.5, "center_x": 0.3, "center_y": 0.4}
    (_, disc), (_, bulge) = registry.LIGHT["DOUBLE_SERSIC"].parts(values)
    assert [disc[n] for n in ("amp", "R_sersic", "n_sersic", "e1", "e2", "center_x")] == [2, 0.5, 1, 0.2, -0.1, 0.3]
    assert [bulge[n] for n in ("amp", "R_sersic", "n_sersic", "e1", "e2", "center_x")] == [3, 0.1, 4, 0.1, -0.05, 0.3]


@pytest.mark.parametrize(
    ("numbers", "profiles", "function"),
    [
        (registry.MASS_NUMBERS, registry.MASS, "deflection"),
        (registry.LIGHT_NUMBERS, registry.LIGHT, "brightness"),
    ],
)
def test_profiles_have_one_number_exactly_where_they_have_one_function(numbers, profiles, function):
    pairs = {(numbers[name], getattr(p, function)) for name, p in profiles.items()}
    assert sorted(number for number, _ in pairs) == list(range(len(pairs)))
    assert len({f for _, f in pairs}) == len(pairs)
    assert registry.ABSENT not in numbers.values()
    assert registry.MASS_NUMBERS["SIE"] == registry.MASS_NUMBERS["EPL"] != registry.MASS_NUMBERS["SIS"]


@each
def test_units_symbols_defaults_and_ranges(profile):
    assert profile.meaning
    for p in profile.parameters:
        assert p.meaning
        units.Unit("" if p.unit == "-" else p.unit)
        assert p.symbol and "$" not in p.symbol and p.symbol.count("{") == p.symbol.count("}")
        assert p.low < p.high
        if isinstance(p.default, float):
            assert p.low <= p.default <= p.high
    assert len(set(names_of(profile.parameters))) == len(profile.parameters)


def good_value(parameter):
    """A value inside a parameter's range."""
    if isinstance(parameter.default, float):
        return parameter.default
    low, high = max(parameter.low, 0.0), min(parameter.high, 2.0)
    return 0.5 * (low + high)


@each
def test_constants_fit_the_row(profile):
    values = {p.name: good_value(p) for p in profile.parameters} | getattr(profile, "always", {})
    row = np.zeros(registry.N_PARAMETERS)
    row[: len(profile.columns)] = [values.get(name, 1.0) for name in profile.columns]
    out = np.full(registry.N_PARAMETERS, math.nan)
    further = {"map": (np.array([0.0, 0.0, 0.1, 9.0, 7.0]),), "stamp": (16,)}.get(profile.rays, ())
    profile.constants(row, *further, out)
    assert np.isfinite(out[0]) and np.isfinite(out[np.isfinite(out).sum() - 1])  # filled from the first one on


def test_the_reference_table_has_a_row_for_every_parameter():
    rows = registry.table()
    assert len(rows) == sum(len(p.parameters) for p in PROFILES)
    assert all(isinstance(value, str) for row in rows for value in row.values())
    (gamma,) = (row for row in rows if (row["profile"], row["parameter"]) == ("EPL", "gamma"))
    assert gamma == {
        "group": "mass",
        "profile": "EPL",
        "profile_meaning": "elliptical power law",
        "parameter": "gamma",
        "meaning": "logarithmic slope of the 3D mass density (2 = isothermal)",
        "unit": "",
        "symbol": r"\gamma",
        "default": "2",
        "range": "1.05 to 2.95",
    }
    by_name = {(row["group"], row["profile"], row["parameter"]): row for row in rows}
    assert by_name["mass", "SIS", "theta_E"]["default"] == "must be given"
    assert by_name["light", "INTERPOL", "phi_G"]["default"] == "uniform (0, 6.28319)"
    assert by_name["light", "INTERPOL", "magnitude"]["default"] == ""
    assert by_name["mass", "MULTIPOLE", "a_m"]["range"] == ""
