"""What a column of a table measures, by its name: its unit if the name has one, and which values are possible."""

import re
from functools import lru_cache
from typing import NamedTuple

import numpy as np

ARCSEC = {  # unit in lower case -> its size in arcsec
    "arcsec": 1.0,
    "arcsecond": 1.0,
    "arcseconds": 1.0,
    "asec": 1.0,
    '"': 1.0,
    "''": 1.0,
    "arcmin": 60.0,
    "arcminute": 60.0,
    "arcminutes": 60.0,
    "amin": 60.0,
    "'": 60.0,
    "deg": 3600.0,
    "degree": 3600.0,
    "degrees": 3600.0,
    "\N{DEGREE SIGN}": 3600.0,
    "mas": 1e-3,
    "milliarcsec": 1e-3,
    "uas": 1e-6,
    "microarcsec": 1e-6,
    "rad": 3600.0 * 180.0 / np.pi,
    "radian": 3600.0 * 180.0 / np.pi,
    "radians": 3600.0 * 180.0 / np.pi,
}
TURNS = {"deg": "deg", "degree": "deg", "degrees": "deg", "\N{DEGREE SIGN}": "deg"}  # of directions
TURNS |= dict.fromkeys(("rad", "radian", "radians"), "rad")
PURE = ("", "-", "1", "none", "dimensionless", "mag", "ab", "ab mag", "mag(ab)", "mag ab", "abmag")


class Kind(NamedTuple):
    """A quantity that tables hold."""

    names: str  # regular expression of its names in lower case
    low: float = -np.inf  # values are above it, or equal if `closed`
    high: float = np.inf  # values are below it, or equal if `closed`
    closed: bool = True
    length: bool = False  # an angle on the sky that LenStream has in arcsec


KINDS = (
    Kind(
        r"theta_?e(in(stein)?)?(_effective|_mean_kappa|_critical_area)?|einstein_radius|r_?ein(stein)?|b_sie",
        0,
        90,
        closed=False,
        length=True,
    ),
    Kind(
        r"r_?(sersic|eff|e|half|s|bulge|disk|disc|core|scale)|half_light_radius|scale_radius|alpha_rs|"
        r"fwhm|seeing|pix(el)?_?scale|flux_radius",
        0,
        900,
        closed=False,
        length=True,
    ),
    Kind(r"center_[xy]|half_length", -900, 900, length=True),
    Kind(r"z|z_?(l|s|d|lens|source|src|phot|spec|best|gal|def)|(photo?_?|spec_?)z|redshift", 0, 30),
    Kind(r"[a-z0-9_]*mag(_?(auto|ap|iso|ab|petro|psf|model|best|\d+|[ugrizyjhk]))?|magnitude|m_ab", -30, 50),
    Kind(r"e1|e2|e_?[xy]|gamma_?[12]|g1|g2|shear_?[12]", -1, 1, closed=False),
    Kind(r"q|b_?a|b/a|axis_?ratio|axratio|(lens|mass|light)_q", 0, 1),
    Kind(r"ellipticity|ell|eps|shear|gamma_ext", 0, 1),
    Kind(r"n_?sersic|sersic_?(n|index)|n_bulge", 0, 30, closed=False),
    Kind(r"gamma|gamma_?(pl|lens|prime)|slope", 0, 10),
    Kind(r"sigma_?(v|ap|sie)|v_?disp|vel_?disp|velocity_dispersion", 0, 6000, closed=False),
    Kind(r"ra(_?deg|_?j2000)?|right_ascension", -360, 360),
    Kind(r"dec(l)?(_?deg|_?j2000)?|declination", -90, 90),
    Kind(r"phi|pa|pos(ition)?_?ang(le)?|theta|angle|phi_[gm]|orientation", -360, 360),
)
_DIRECTION = KINDS[-1]
_WHOSE = re.compile(r"^(source|src|lens|lens_light|lens_mass|gal|galaxy)_(?=[a-z])")
_OF = re.compile(r"_(published|pub|true|predicted|\d+)$")
_ERROR = re.compile(
    r"_?(err|error|std|unc|uncertainty|e?rr?_?(lo|low|hi|high|up|plus|minus|[pm]))$|^(e|err|d|delta)_(?=[a-z]{2})"
)
_BRACKETS = re.compile(r"(.*?)\s*[\[({]\s*(.*?)\s*[\])}]")


@lru_cache(maxsize=10_000)
def kind(name):
    """The `Kind` of a column by its name, and whether it is the error of one; (None, False) for a name unknown."""
    plain = re.sub(r"[\s.-]+", "_", name.strip().lower())
    of_error = _ERROR.sub("", _OF.sub("", plain))
    for tried in (plain, _OF.sub("", plain), _WHOSE.sub("", _OF.sub("", plain)), of_error, _WHOSE.sub("", of_error)):
        for found in KINDS:
            if re.fullmatch(found.names, tried):
                return found, tried == of_error != _OF.sub("", plain)
    return None, False


def standard(name, unit=""):
    """A column's name without its unit, and what its values are multiplied by: those of lengths become arcsec.

    "theta_E [mas]" and "theta_E_mas" are theta_E; a direction keeps its unit as "phi_deg" or "phi_rad". A name that is
    not known keeps its unit and values. unit: where the file has it beside the name.
    """
    bare = name.strip()
    found = _BRACKETS.fullmatch(bare)
    if found and found[1]:
        bare, unit = found[1], unit or found[2]
    elif not unit and "_" in bare:
        before, _, after = bare.rpartition("_")
        if after.lower() in ARCSEC and (kind(before)[0] or Kind("")).length:
            bare, unit = before, after
    of, word = kind(bare)[0], unit.strip().lower()
    if of is None:
        return name.strip(), 1.0
    if of.length and word in ARCSEC:
        return bare, ARCSEC[word]
    if of is _DIRECTION and word in TURNS:
        return f"{bare}_{TURNS[word]}", 1.0
    return (bare if word in PURE else name.strip()), 1.0


def impossible(name, values):
    """Where a column's values cannot be what its name says, bool as the array; never where the name is unknown.

    A redshift is in 0 to 30, a magnitude in -30 to 50, |e| < 1, and so on. NaN is not impossible.
    """
    of, error = kind(name)
    if of is None or values.dtype.kind not in "fiu":
        return np.zeros(values.shape, bool)
    low, closed = (0.0, True) if error else (of.low, of.closed)
    outside = (values < low) | (values > of.high)
    return outside if closed else outside | (values == low) | (values == of.high)
