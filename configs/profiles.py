"""Settings of mass and light profiles, with lenstronomy's names: each parameter takes a number or a distribution."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .keys import Distribution, Ellipticity, Parameter, Section, check_ellipticity, check_ranges, key, parameter


class Elliptical(Section):
    """The keys that all elliptical profiles share."""

    e1: Parameter = parameter("ellipticity along x: (1-q)/(1+q) cos 2phi", "-", 0.0)
    e2: Parameter = parameter("ellipticity along the diagonal: (1-q)/(1+q) sin 2phi", "-", 0.0)
    e1_e2: Ellipticity | None = key("e1 and e2 drawn together, instead of one by one", "-", None)
    center_x: Parameter = parameter("centre, to the right", "arcsec", 0.0)
    center_y: Parameter = parameter("centre, upwards", "arcsec", 0.0)

    ranges = model_validator(mode="after")(check_ranges)
    ellipticity = model_validator(mode="after")(check_ellipticity)


class EPL(Elliptical):
    """Elliptical power-law mass."""

    profile: Literal["EPL"] = key("elliptical power law")
    theta_E: Parameter = parameter("Einstein radius on the intermediate axis", "arcsec", low=0, high=100)
    gamma: Parameter = parameter(
        "logarithmic slope of the 3D mass density (2 = isothermal)", "-", 2.0, low=1.05, high=2.95
    )


class SIE(Elliptical):
    """Singular isothermal ellipsoid."""

    profile: Literal["SIE"] = key("singular isothermal ellipsoid")
    theta_E: Parameter = parameter("Einstein radius on the intermediate axis", "arcsec", low=0, high=100)


class SHEAR(Section):
    """External shear."""

    profile: Literal["SHEAR"] = key("external shear")
    gamma1: Parameter = parameter("shear along x", "-", 0.0, low=-1e9, high=1e9)
    gamma2: Parameter = parameter("shear along the diagonal", "-", 0.0, low=-1e9, high=1e9)


class SERSIC_ELLIPSE(Elliptical):
    """Elliptical Sersic light."""

    profile: Literal["SERSIC_ELLIPSE"] = key("elliptical Sersic light")
    magnitude: Parameter = parameter("total, before lensing", "AB mag")
    R_sersic: Parameter = parameter("half-light radius, product average", "arcsec", low=1e-3, high=100)
    n_sersic: Parameter = parameter("Sersic index", "-", 1.0, low=0.3, high=8)


class INTERPOL(Section):
    """A galaxy image as light."""

    profile: Literal["INTERPOL"] = key("an image of a galaxy")
    catalogue: str = key("'procedural' for made-up galaxies, or a GalSim COSMOS catalogue file", default="procedural")
    n_galaxies: int = key("galaxies to make, or to read at most", "galaxies", 512, ge=1, le=100_000)
    magnitude: Parameter | None = parameter("total, before lensing; empty: the catalogue's own", "AB mag", None)
    R_half: Parameter | None = parameter(
        "half-light radius to scale to; empty: the catalogue's own pixel scale", "arcsec", None, low=1e-3, high=100
    )
    phi_G: Parameter = parameter("rotation of the image", "rad", Distribution(uniform=(0.0, 6.283185307179586)))
    center_x: Parameter = parameter("centre, to the right", "arcsec", 0.0)
    center_y: Parameter = parameter("centre, upwards", "arcsec", 0.0)

    ranges = model_validator(mode="after")(check_ranges)


Deflector = Annotated[EPL | SIE | SHEAR, Field(discriminator="profile")]
Light = Annotated[SERSIC_ELLIPSE | INTERPOL, Field(discriminator="profile")]
