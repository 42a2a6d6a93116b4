"""The unit, the symbol and the meaning of every label of a simulation, by its name.

Drawn parameters take theirs from the schema; `_DERIVED` has what is computed from them. Names are those of
`simulate.labels`: a lens parameter's own (theta_E), one of a later profile with its number, from 0 (theta_E_1),
the source's and the lens light's with a prefix (source_R_sersic), colours and what is measured in a single band with
their band (source_color_g, arc_snr_g).

Numbers count from 0, so theta_E_1 is that of the second profile: of lens_mass.1 in the config and of kwargs_lens[1] in
lenstronomy. Counted from 1 they would agree with neither.
"""

import re
from functools import cache
from typing import NamedTuple, get_args

from ..errors import LenStreamError, nearest
from .components import Deflector, Light
from .dark_matter import Substructure

PREFIXES = {"lens_mass": "", "source": "source_", "lens_light": "lens_light_"}  # of the labels of a group of profiles


class Quantity(NamedTuple):
    """What a label measures."""

    name: str
    unit: str  # as `astropy.units.Unit` reads it; "" for a pure number
    symbol: str  # LaTeX without dollars
    meaning: str


_DERIVED = (
    Quantity(
        "theta_E_mean_kappa",
        "arcsec",
        r"\theta_{E,\kappa}",
        "radius of the circle about the main deflector in which the mean convergence of all mass is 1; shear does not "
        "enter",
    ),
    Quantity(
        "theta_E_critical_area",
        "arcsec",
        r"\theta_{E,\mathrm{crit}}",
        "sqrt(area / pi) of the tangential critical curve of all deflectors and shear, without subhalos",
    ),
    Quantity("magnification", "", r"\mu", "lensed flux in the frame over the source's flux before lensing"),
    Quantity("arc_snr", "", r"\mathrm{S/N}_{\mathrm{arcs}}", "signal to noise of the arcs, over all bands"),
    Quantity("n_halos", "", r"N_{\mathrm{halos}}", "number of subhalos"),
    Quantity("halo_mass", "Msun", r"M_{\mathrm{halos}}", "mass of all subhalos together, before truncation"),
    Quantity("halo_mass_bound", "Msun", r"M_{\mathrm{bound}}", "mass of all subhalos together, after truncation"),
    Quantity(
        "f_sub_m200", "", r"f_{\mathrm{sub},200}", "halo_mass over that of an isothermal main lens in their region"
    ),
    Quantity(
        "f_sub_bound",
        "",
        r"f_{\mathrm{sub},\mathrm{bound}}",
        "halo_mass_bound over an isothermal main lens's mass in their region",
    ),
    Quantity("class", "", r"\mathrm{class}", "number of the system's class"),
    Quantity("half_length", "arcsec", r"\ell_{1/2}", "half the length of an axion vortex"),
    Quantity("angle", "rad", r"\phi_{\mathrm{vortex}}", "direction of an axion vortex"),
)
# What older versions called a label, and what to take now
RENAMED = {
    "theta_E_effective": "it is theta_E_mean_kappa (mean convergence of 1 in a circle); theta_E_critical_area is the "
    "radius by the area of the critical curve"
}
_DERIVED_BY_NAME = {derived.name: derived for derived in _DERIVED}


def quantity(name):
    """The `Quantity` of a label by its name. Raises: LenStreamError for a name that no simulation gives a label."""
    found = find(name)
    if name in RENAMED:
        raise LenStreamError(f'no label is called "{name}" any more: {RENAMED[name]}')
    if found is None:
        raise LenStreamError(f'no label is called "{name}"; expected e.g. theta_E, theta_E_2.{nearest(name, names())}')
    return found


def find(name):
    """The `Quantity` of a label by its name, or None for any other name."""
    if name in _DERIVED_BY_NAME:
        return _DERIVED_BY_NAME[name]
    if name.startswith("arc_snr_"):
        return _arc_snr(name.removeprefix("arc_snr_"))
    for prefix in filter(None, PREFIXES.values()):
        if name.startswith(prefix):
            return _light_quantity(name, prefix)
    return _find(name, _drawn(Deflector, Substructure))


def names():
    """The names of all labels but colours that the first profile of each group, and substructure, can have."""
    light_names = [prefix + name for prefix in filter(None, PREFIXES.values()) for name in _drawn(Light)]
    return [*_drawn(Deflector, Substructure), *_DERIVED_BY_NAME, *light_names]


def _light_quantity(name, prefix):
    """A quantity of the source or of the lens light, which its symbol and meaning name."""
    plain, whose = name.removeprefix(prefix), prefix.removesuffix("_").replace("_", " ")
    found = _color(plain.removeprefix("color_")) if plain.startswith("color_") else _find(plain, _drawn(Light))
    if found is None:
        return None
    return Quantity(name, found.unit, rf"{_words(whose)}\ {found.symbol}", f"{found.meaning} ({whose})")


def _arc_snr(band):
    """The signal to noise of the arcs in one band; where bands have pixel grids of their own it is a label."""
    symbol = rf"\mathrm{{S/N}}_{{{_words(band)}}}"
    return Quantity(f"arc_snr_{band}", "", symbol, f"signal to noise of the arcs in band {band}")


def _color(band):
    """The difference of magnitudes that a later band has; its profile's number, if any, stays with the band's name."""
    meaning = f"magnitude in band {band} minus that in the first one"
    return Quantity(f"color_{band}", "mag", rf"\Delta m_{{{_words(band)}}}", meaning)


def _find(name, known):
    """A quantity by its name without prefix; that of a later profile has its number as a further subscript."""
    if name in known:
        return known[name]
    plain, _, number = name.rpartition("_")
    if not (number.isascii() and number.isdigit() and plain in known):
        return None
    found = known[plain]
    return Quantity(name, found.unit, _numbered(found.symbol, number), f"{found.meaning}, of profile {number} (from 0)")


def _numbered(symbol, number):
    """x -> x_{2}; x_E and x_{E} -> x_{E,2}."""
    base, underscore, below = symbol.partition("_")
    below = below.removeprefix("{").removesuffix("}") if below.startswith("{") else below
    return f"{base}_{{{below},{number}}}" if underscore else f"{base}_{{{number}}}"


def _words(text):
    """Text in upright letters, as LaTeX."""
    return r"\mathrm{" + re.sub("[^A-Za-z0-9]+", r"\\ ", text) + "}"


@cache
def _drawn(*unions):
    """{name: Quantity} of the parameters of all profiles; the first profile to have one says what it means."""
    out = {}
    for profile in (p for union in unions for p in get_args(get_args(union)[0])):
        for name, field in profile.model_fields.items():
            extra = field.json_schema_extra
            if "range" in extra and name not in out:
                unit, symbol = extra["unit"], extra.get("symbol") or _words(name)
                out[name] = Quantity(name, "" if unit == "-" else unit, symbol, field.description)
    return out
