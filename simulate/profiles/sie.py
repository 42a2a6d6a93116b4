"""Singular isothermal ellipsoid (SIE): an elliptical power law (`epl`) with the slope gamma = 2."""

from .declaration import CENTRE, ELLIPTICITY, MassProfile
from .epl import PROFILE as EPL
from .epl import THETA_E

PROFILE = MassProfile(
    name="SIE",
    meaning="singular isothermal ellipsoid",
    parameters=(THETA_E, *ELLIPTICITY, *CENTRE),
    constants=EPL.constants,
    deflection=EPL.deflection,
    rays=EPL.rays,
    columns=EPL.columns,
    always={"gamma": 2.0},
)
