"""The list of mass and light profiles: their numbers in the kernels, and their parameters in the order of the code."""

from . import convergence, deflection_map, epl, interpol, multipole, nfw, point_mass, sersic, shear, sis, tnfw

ABSENT = -1  # in place of a profile's number, where a system lacks the component
N_PARAMETERS = 10  # the width of a profile's row of parameters, and of its constants
MASS_KINDS = {
    "EPL": 0,
    "SIE": 0,
    "SHEAR": 1,
    "SIS": 2,
    "CONVERGENCE": 3,
    "NFW": 4,
    "TNFW": 5,
    "POINT_MASS": 6,
    "MULTIPOLE": 7,
    "INTERPOL": 8,
}
LIGHT_KINDS = {"SERSIC": 0, "SERSIC_ELLIPSE": 0, "INTERPOL": 1}
MASS_PARAMETERS = {
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
LIGHT_PARAMETERS = {"SERSIC_ELLIPSE": sersic.PARAMETERS, "INTERPOL": interpol.PARAMETERS}
