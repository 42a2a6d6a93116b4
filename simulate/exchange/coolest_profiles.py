"""Profiles in the terms of COOLEST, the standard of lens models, and back: names, angles and radii.

Conventions of COOLEST (https://coolest.readthedocs.io/en/latest/conventions.html, Galan+ 2023): x to the right and y
upwards along the image's pixels [arcsec], as here; position angles [deg] from +y counter-clockwise, in (-90, 90], which
is from North through East where North is up and East is left; radii of ellipses on the intermediate axis, sqrt(a b), as
lenstronomy's; external shear and convergence about (0, 0). What differs, then, is (q, phi) for (e1, e2), and names.

Values may be numbers or arrays of samples.
"""

import numpy as np

from ...errors import DataError, nearest
from ..profiles.sersic import PROFILE as SERSIC

ISOTHERMAL = {"gamma": 2.0}
MASS = {"PEMD": "EPL", "SIE": "SIE", "ExternalShear": "SHEAR", "ConvergenceSheet": "CONVERGENCE"}  # to read
FIELDS = ("ExternalShear", "ConvergenceSheet")  # in COOLEST no part of a galaxy
SERSIC_NAMES = {"amp": "I_eff", "R_sersic": "theta_eff", "n_sersic": "n"}
CENTRE = ("center_x", "center_y")
PARAMETERS = {
    "PEMD": ("theta_E", "gamma", "q", "phi", *CENTRE),
    "SIE": ("theta_E", "q", "phi", *CENTRE),
    "ExternalShear": ("gamma_ext", "phi_ext"),
    "ConvergenceSheet": ("kappa_s",),
    "Sersic": ("I_eff", "theta_eff", "n", "q", "phi", *CENTRE),
}
RANGES = {  # in which COOLEST defines a parameter; its package reads no file with another value
    ("PEMD", "theta_E"): (0.0, np.inf),
    ("PEMD", "gamma"): (1.0, 3.0),
    ("ExternalShear", "gamma_ext"): (0.0, 1.0),
    ("Sersic", "n"): (0.5, 10.0),
    ("Sersic", "I_eff"): (0.0, np.inf),
}

ALLOWED = {"q": (0.1, 1.0), "theta_E": (1e-3, np.inf), "gamma": (1.0, 3.0)}  # where draws around a lens are cut


def q_and_phi(e1, e2):
    """Axis ratio and position angle [deg] from +y counter-clockwise, in (-90, 90], of an ellipticity."""
    e = np.minimum(np.hypot(e1, e2), 0.9999)  # as lenstronomy has it
    return (1.0 - e) / (1.0 + e), position_angle(np.degrees(np.arctan2(e2, e1)) / 2.0)


def e1_and_e2(q, phi):
    """The ellipticity e1, e2 of an axis ratio and a position angle [deg]: numbers."""
    e, twice = (1.0 - q) / (1.0 + q), 2.0 * np.radians(phi + 90.0)
    return float(e * np.cos(twice)), float(e * np.sin(twice))


def position_angle(from_x):
    """The angle [deg] from +y, in (-90, 90], of an orientation given from +x [deg], both counter-clockwise."""
    return 90.0 - (180.0 - np.asarray(from_x)) % 180.0


def check_has_counterpart(name, where):
    """Refuse a mass profile of lenstronomy that COOLEST has not, with a DataError."""
    expected = "EPL, SIE, SIS, SHEAR or CONVERGENCE"
    if name not in expected.replace(",", "").split():
        raise DataError(f"{where}: the mass profile {name} has no counterpart in COOLEST; expected {expected}")


def coolest_mass(name, values):
    """A deflector of lenstronomy as (COOLEST's type, its parameters, names of those that are no free parameters).

    SIE and SIS become a PEMD of slope 2, which is the same, as the coolest package has formulae for that alone.

    name: one that `check_has_counterpart` lets pass.
    """
    if name == "SHEAR":
        strength = np.hypot(values["gamma1"], values["gamma2"])
        phi = position_angle(np.degrees(np.arctan2(values["gamma2"], values["gamma1"])) / 2.0)
        return "ExternalShear", {"gamma_ext": strength, "phi_ext": phi}, ()
    if name == "CONVERGENCE":
        return "ConvergenceSheet", {"kappa_s": values["kappa"]}, ()
    full = {"e1": 0.0, "e2": 0.0} | ISOTHERMAL | values
    q, phi = q_and_phi(full["e1"], full["e2"])
    fixed = () if name == "EPL" else ("gamma",) if name == "SIE" else ("gamma", "q", "phi")
    same = {n: full[n] for n in ("theta_E", "gamma", *CENTRE)}
    return "PEMD", same | {"q": q, "phi": phi}, fixed


def coolest_sersic(values):
    """An elliptical Sersic profile of lenstronomy, as `coolest_mass`."""
    q, phi = q_and_phi(values.get("e1", 0.0), values.get("e2", 0.0))
    same = {theirs: values[ours] for ours, theirs in SERSIC_NAMES.items()}
    return "Sersic", same | {"q": q, "phi": phi} | {n: values[n] for n in CENTRE}, ()


def constant_deflection(name, values):
    """What a deflector of lenstronomy deflects at (0, 0), where COOLEST's fields do not, (x, y) [arcsec]."""
    if name == "CONVERGENCE":
        return -values["kappa"] * np.array([values.get("ra_0", 0.0), values.get("dec_0", 0.0)])
    if name == "SHEAR":
        x, y, g1, g2 = values.get("ra_0", 0.0), values.get("dec_0", 0.0), values["gamma1"], values["gamma2"]
        return -np.array([g1 * x + g2 * y, g2 * x - g1 * y])
    return np.zeros(2)


def check_ranges(kind, parameters, where):
    """Refuse values that COOLEST does not define, with a DataError."""
    for name, value in parameters.items():
        low, high = RANGES.get((kind, name), (-np.inf, np.inf))
        if not low <= value <= high:
            raise DataError(f"{where}: COOLEST has {name} of a {kind} from {low:g} to {high:g}, but it is {value:.4g}")


def lenstronomy_mass(kind, parameters, where):
    """A deflector of COOLEST as (lenstronomy's name, its parameters).

    Args: kind: COOLEST's type. parameters: name -> value. where: it stands, for messages.

    Raises: DataError for a type that has no counterpart here, and for parameters that it has not or that are missing.
    """
    if kind not in MASS:
        hint = nearest(kind, MASS) or f" Expected {', '.join(MASS)}."
        raise DataError(f"{where}: the mass profile {kind} has no counterpart here.{hint}")
    p = _checked(kind, parameters, where)
    if kind == "ExternalShear":
        twice = 2.0 * np.radians(p["phi_ext"] + 90.0)
        shear = p["gamma_ext"] * np.array([np.cos(twice), np.sin(twice)])
        return "SHEAR", dict(zip(("gamma1", "gamma2"), shear.tolist(), strict=True))
    if kind == "ConvergenceSheet":
        return "CONVERGENCE", {"kappa": p["kappa_s"], "ra_0": 0.0, "dec_0": 0.0}
    e1, e2 = e1_and_e2(p["q"], p["phi"])
    slope = {"gamma": p["gamma"]} if kind == "PEMD" else {}
    return MASS[kind], {"theta_E": p["theta_E"]} | slope | {"e1": e1, "e2": e2} | {n: p[n] for n in CENTRE}


def lenstronomy_sersic(parameters, where):
    """A Sersic profile of COOLEST, as `lenstronomy_mass`."""
    p = _checked("Sersic", parameters, where)
    e1, e2 = e1_and_e2(p["q"], p["phi"])
    same = {ours: p[theirs] for ours, theirs in SERSIC_NAMES.items()}
    return SERSIC.name, same | {"e1": e1, "e2": e2} | {n: p[n] for n in CENTRE}


def _checked(kind, parameters, where):
    """The parameters of a profile as floats. Raises: DataError for wrong names and values that are no numbers."""
    expected = PARAMETERS[kind]
    for name in parameters:
        if name not in expected:
            hint = nearest(name, expected) or f" Expected {', '.join(expected)}."
            raise DataError(f"{where}: a {kind} has no parameter {name}.{hint}")
    for name in expected:
        value = parameters.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise DataError(f"{where}: {name} of a {kind} has no point estimate; expected a number, got {value}")
    out = {name: float(parameters[name]) for name in expected}
    if "q" in out and not 0.0 < out["q"] <= 1.0:
        raise DataError(f"{where}: q of a {kind} must be above 0 and at most 1, but it is {out['q']:g}")
    return out
