"""The parameters of every profile, in the order in which its code and lenstronomy's names have them."""

from . import convergence, deflection_map, epl, interpol, multipole, nfw, point_mass, sersic, shear, sis, tnfw

DEFLECTORS = {
    "EPL": epl.PARAMETERS,
    "SIE": epl.PARAMETERS,  # with gamma = 2
    "SHEAR": shear.PARAMETERS,
    "SIS": sis.PARAMETERS,
    "CONVERGENCE": convergence.PARAMETERS,
    "NFW": nfw.PARAMETERS,
    "TNFW": tnfw.PARAMETERS,
    "POINT_MASS": point_mass.PARAMETERS,
    "MULTIPOLE": multipole.PARAMETERS,
    "INTERPOL": deflection_map.PARAMETERS,
}
LIGHTS = {"SERSIC_ELLIPSE": sersic.PARAMETERS, "INTERPOL": interpol.PARAMETERS}
