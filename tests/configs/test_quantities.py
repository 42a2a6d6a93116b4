"""Every label that a simulation can have has a unit that astropy reads, a symbol and a meaning, whatever its name."""

from typing import get_args

import pytest
from astropy import units
from hypothesis import given
from hypothesis import strategies as st

from lenstream.configs import observation
from lenstream.configs.components import Deflector, Light
from lenstream.configs.dark_matter import Substructure
from lenstream.configs.quantities import find, names, quantity
from lenstream.errors import LenStreamError
from lenstream.simulate.profiles import registry

UNITS = {
    "theta_E": "arcsec",
    "theta_E_2": "arcsec",
    "theta_E_mean_kappa": "arcsec",
    "theta_E_critical_area": "arcsec",
    "Rs": "arcsec",
    "alpha_Rs": "arcsec",
    "r_trunc_1": "arcsec",
    "phi_m": "rad",
    "a_m": "arcsec",
    "ra_0": "arcsec",
    "ra_0_1": "arcsec",
    "e1": "",
    "e1_3": "",
    "gamma": "",
    "gamma1": "",
    "kappa": "",
    "source_magnitude": "mag(AB)",
    "source_magnitude_1": "mag(AB)",
    "source_phi_G": "rad",
    "source_color_g": "mag",
    "lens_light_color_LSST_r_1": "mag",
    "lens_light_R_bulge": "arcsec",
    "n_mean": "",
    "halo_mass": "Msun",
    "axion_mass": "eV",
    "half_length": "arcsec",
    "angle": "rad",
    "magnification": "",
    "arc_snr": "",
    "class": "",
}


@pytest.mark.parametrize(("name", "unit"), UNITS.items())
def test_units(name, unit):
    assert quantity(name).unit == unit
    assert quantity(name).name == name


@pytest.mark.parametrize("name", [*names(), *UNITS])
def test_every_label_has_a_unit_that_astropy_reads_a_symbol_and_a_meaning(name):
    found = quantity(name)
    units.Unit(found.unit)
    assert found.meaning and found.symbol
    assert "$" not in found.symbol and found.symbol.count("{") == found.symbol.count("}")


PURE = {"e1", "e2", "gamma", "gamma1", "gamma2", "m", "kappa", "sigma0", "n_mean", "f_sub", "slope", "magnification"}
PURE |= {
    "f_sub_m200",
    "f_sub_bound",
    "arc_snr",
    "n_halos",
    "class",
    "n_sersic",
    "n_bulge",
    "bulge_fraction",
    "roundness",
}
MASSES, MAGNITUDES, ENERGIES = (
    {"mass", "halo_mass", "halo_mass_bound"},
    {"magnitude"},
    {"axion_mass"},
)  # everything else is an angle


@pytest.mark.parametrize("name", names())
def test_units_are_of_the_right_kind(name):
    plain = name.removeprefix("source_").removeprefix("lens_light_")
    unit = units.Unit(quantity(name).unit)
    if plain in PURE:
        assert unit == units.dimensionless_unscaled
    elif plain in MASSES:
        assert unit.is_equivalent(units.kg)
    elif plain in MAGNITUDES:
        assert unit == units.ABmag
    elif plain in ENERGIES:  # times c^-2
        assert unit.is_equivalent(units.kg, units.mass_energy())
    else:
        assert unit.is_equivalent(units.rad)


def test_units_convert_as_they_should():
    angle, mass = 1.2 * units.Unit(quantity("theta_E").unit), 1e9 * units.Unit(quantity("halo_mass").unit)
    assert angle.to_value(units.rad) == pytest.approx(1.2 * 3.14159265 / 648000)
    assert mass.to_value(units.kg) == pytest.approx(1.98841e39, rel=1e-5)
    magnitude = units.Magnitude(22.5, quantity("source_magnitude").unit)
    assert magnitude.to_value(units.uJy) == pytest.approx(3.631, rel=1e-3)
    other_band = magnitude + units.Magnitude(0.7, quantity("source_color_g").unit)
    assert other_band.unit == magnitude.unit and other_band.value == pytest.approx(23.2)
    axion = 1e-22 * units.Unit(quantity("axion_mass").unit)
    assert axion.to_value(units.kg, units.mass_energy()) == pytest.approx(1.78266e-58, rel=1e-5)


def profiles():
    unions = (Deflector, Light, Substructure)
    return [p for union in unions for p in get_args(get_args(union)[0])] + [observation.PSF, observation.Observation]


@pytest.mark.parametrize("section", profiles(), ids=lambda section: section.__name__)
def test_one_name_has_one_unit_that_astropy_reads_and_every_parameter_a_symbol(section):
    drawn = {n: f.json_schema_extra for n, f in section.model_fields.items() if "range" in f.json_schema_extra}
    for name, extra in drawn.items():
        unit = "" if extra["unit"] == "-" else extra["unit"]
        units.Unit(unit)
        if section.__module__ != observation.__name__:
            assert extra["symbol"], name
            assert unit == (find(name) or find(f"source_{name}")).unit, name


def test_a_later_profile_has_its_number_in_the_symbol_and_a_source_says_so():
    assert quantity("theta_E").symbol == r"\theta_E"
    assert quantity("theta_E_2").symbol == r"\theta_{E,2}"
    assert quantity("gamma_1").symbol == r"\gamma_{1}"
    assert quantity("alpha_Rs_1").symbol == r"\alpha_{R_s,1}"
    assert quantity("lens_light_R_sersic_1").symbol == r"\mathrm{lens\ light}\ R_{\mathrm{sersic},1}"
    assert len({quantity(name).symbol for name in names()}) == len(names())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("thetaE", 'Did you mean "theta_E"'),
        ("source_theta_E", "no label"),
        ("magnitude", "source_magnitude"),
        ("magnification_2", '"magnification"'),
        ("theta_E_effective", "theta_E_mean_kappa .* theta_E_critical_area"),
        ("theta_E_x", '"theta_E"'),
        ("", "no label"),
    ],
)
def test_another_name_is_refused_with_the_nearest_one(name, said):
    assert find(name) is None
    with pytest.raises(LenStreamError, match=said):
        quantity(name)


@given(st.text())
def test_no_name_of_a_band_breaks_a_symbol(band):
    symbol = quantity(f"source_color_{band}").symbol
    assert not set("$%#&") & set(symbol) and symbol.count("{") == symbol.count("}")


def test_of_profiles_with_a_parameter_of_one_name_the_first_says_what_it_means():
    epl, sersic = registry.MASS["EPL"], registry.LIGHT["SERSIC_ELLIPSE"]
    said = {p.name: p.meaning for p in epl.parameters}
    assert quantity("theta_E").meaning == said["theta_E"] != registry.MASS["POINT_MASS"].parameters[0].meaning
    said = {p.name: p.meaning for p in sersic.parameters}
    assert quantity("source_magnitude").meaning == f"{said['magnitude']} (source)"
