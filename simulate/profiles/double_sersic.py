"""A disc and a bulge in its middle (DOUBLE_SERSIC), both elliptical Sersic light: two SERSIC_ELLIPSE for lenstronomy.

Both have one centre and one orientation; the bulge's e1 and e2 are those of the disc times `roundness`.
"""

from .declaration import CENTRE, ELLIPTICITY, MAGNITUDE, LightProfile, ProfileParameter
from .sersic import N_SERSIC, R_SERSIC
from .sersic import PROFILE as SERSIC


def parts(values):
    """Disc and bulge as two SERSIC_ELLIPSE: pairs of lenstronomy's name and values by name.

    values: those of `PROFILE.parameters` by name, with the amplitudes amp of the disc and amp_bulge.
    """
    bulge = values | {"amp": values["amp_bulge"], "R_sersic": values["R_bulge"], "n_sersic": values["n_bulge"]}
    bulge |= {name: values[name] * values["roundness"] for name in ("e1", "e2")}
    return [(SERSIC.name, values), (SERSIC.name, bulge)]


PROFILE = LightProfile(
    name="DOUBLE_SERSIC",
    meaning="a disc and a bulge, both elliptical Sersic light",
    parameters=(
        MAGNITUDE._replace(meaning="total of both, without lensing"),
        ProfileParameter("bulge_fraction", "the bulge's share of the light", "-", r"f_{\mathrm{bulge}}", low=0, high=1),
        R_SERSIC._replace(meaning="half-light radius of the disc (1.5 % less than it at n_sersic 0.5, 0.4 % at 1)"),
        N_SERSIC._replace(meaning="Sersic index of the disc"),
        R_SERSIC._replace(name="R_bulge", meaning="half-light radius of the bulge", symbol=r"R_{\mathrm{bulge}}"),
        N_SERSIC._replace(
            name="n_bulge", meaning="Sersic index of the bulge", symbol=r"n_{\mathrm{bulge}}", default=4.0
        ),
        ProfileParameter(
            "roundness",
            "ellipticity of the bulge over that of the disc",
            "-",
            r"\epsilon_{\mathrm{bulge}}",
            0.5,
            low=0,
            high=1,
        ),
        *ELLIPTICITY,
        *CENTRE,
    ),
    constants=SERSIC.constants,
    brightness=SERSIC.brightness,
    rays=SERSIC.rays,
    columns=SERSIC.columns,
    parts=parts,
)
