"""The list of all mass and light profiles, and what follows from it: numbers for the loops over rays, names of columns.

A profile is a file of this folder that ends in its declaration, `PROFILE`; to add one, write the file and list it here.
"""

from . import (
    convergence,
    deflection_map,
    double_sersic,
    epl,
    hernquist,
    interpol,
    multipole,
    nfw,
    point_mass,
    sersic,
    shear,
    sie,
    sis,
    tnfw,
)

_MASS = (epl, sie, shear, sis, point_mass, nfw, tnfw, multipole, convergence, deflection_map, hernquist)
_LIGHT = (sersic, double_sersic, interpol)

MASS = {profile.PROFILE.name: profile.PROFILE for profile in _MASS}
LIGHT = {profile.PROFILE.name: profile.PROFILE for profile in _LIGHT}


def _numbers(profiles, function):
    """A number for every profile by name; profiles that have their function in common have one number."""
    known = list(dict.fromkeys(getattr(p, function) for p in profiles.values()))
    return {name: known.index(getattr(p, function)) for name, p in profiles.items()}


ABSENT = -1  # the number of no profile
MASS_NUMBERS = _numbers(MASS, "deflection")
LIGHT_NUMBERS = _numbers(LIGHT, "brightness")
MASS_PARAMETERS = {name: profile.columns for name, profile in MASS.items()}
LIGHT_PARAMETERS = {name: profile.columns for name, profile in LIGHT.items()}
N_PARAMETERS = 10  # the width of a profile's row of parameters, and of its constants


def table():
    """All parameters of all profiles for the reference pages, in the order of the list: one dict of text for each row.

    Keys: group (mass or light), profile, profile_meaning, parameter, meaning, unit, symbol (LaTeX), default, range.
    """
    rows = []
    for group, profiles in (("mass", MASS), ("light", LIGHT)):
        for profile in profiles.values():
            same_in_all = {"group": group, "profile": profile.name, "profile_meaning": profile.meaning}
            rows += [same_in_all | _row(parameter) for parameter in profile.parameters]
    return rows


def _row(parameter):
    bounds = (parameter.low, parameter.high)
    return {
        "parameter": parameter.name,
        "meaning": parameter.meaning,
        "unit": "" if parameter.unit == "-" else parameter.unit,
        "symbol": parameter.symbol,
        "default": _default(parameter.default),
        "range": "" if bounds == (-float("inf"), float("inf")) else "{:g} to {:g}".format(*bounds),
    }


def _default(value):
    if value is ...:
        return "must be given"
    if isinstance(value, dict):
        ((law, numbers),) = value.items()
        return f"{law} ({', '.join(f'{n:g}' for n in numbers)})"
    return "" if value is None else f"{value:g}"
