"""Settings of mass and light profiles, with lenstronomy's names: each parameter takes a number or a distribution."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..simulate.profiles.multipole import MAX_M
from .keys import Distribution, Ellipticity, Parameter, Section, check_ellipticity, check_ranges, key, parameter


class Component(Section):
    """The key that all profiles share."""

    only: list[str] | None = key("classes in which it occurs; empty: all", "-", None, min_length=1)


class Luminous(Component):
    """The keys that all light profiles share."""

    colors: dict[str, Parameter] = key("magnitude in a band minus that in the first one, by band", "mag", {})


class Shape(Section):
    """The keys that all elliptical profiles share."""

    e1: Parameter = parameter("ellipticity along x: (1-q)/(1+q) cos 2phi", "-", 0.0, symbol="e_1")
    e2: Parameter = parameter("ellipticity along the diagonal: (1-q)/(1+q) sin 2phi", "-", 0.0, symbol="e_2")
    e1_e2: Ellipticity | None = key("e1 and e2 drawn together, instead of one by one", "-", None)
    center_x: Parameter = parameter("centre, to the right", "arcsec", 0.0, symbol="x")
    center_y: Parameter = parameter("centre, upwards", "arcsec", 0.0, symbol="y")

    ranges = model_validator(mode="after")(check_ranges)
    ellipticity = model_validator(mode="after")(check_ellipticity)


class EPL(Shape, Component):
    """Elliptical power-law mass."""

    profile: Literal["EPL"] = key("elliptical power law")
    theta_E: Parameter = parameter(
        "Einstein radius on the intermediate axis", "arcsec", low=0, high=100, symbol=r"\theta_E"
    )
    gamma: Parameter = parameter(
        "logarithmic slope of the 3D mass density (2 = isothermal)", "-", 2.0, low=1.05, high=2.95, symbol=r"\gamma"
    )


class SIE(Shape, Component):
    """Singular isothermal ellipsoid."""

    profile: Literal["SIE"] = key("singular isothermal ellipsoid")
    theta_E: Parameter = parameter(
        "Einstein radius on the intermediate axis", "arcsec", low=0, high=100, symbol=r"\theta_E"
    )


class SHEAR(Component):
    """External shear."""

    profile: Literal["SHEAR"] = key("external shear")
    gamma1: Parameter = parameter("shear along x", "-", 0.0, low=-1e9, high=1e9, symbol=r"\gamma_1")
    gamma2: Parameter = parameter("shear along the diagonal", "-", 0.0, low=-1e9, high=1e9, symbol=r"\gamma_2")


class Round(Component):
    """The centre of profiles without ellipticity."""

    center_x: Parameter = parameter("centre, to the right", "arcsec", 0.0, symbol="x")
    center_y: Parameter = parameter("centre, upwards", "arcsec", 0.0, symbol="y")

    ranges = model_validator(mode="after")(check_ranges)


class SIS(Round):
    """Singular isothermal sphere."""

    profile: Literal["SIS"] = key("singular isothermal sphere")
    theta_E: Parameter = parameter("Einstein radius", "arcsec", low=0, high=100, symbol=r"\theta_E")


class POINT_MASS(Round):
    """Point mass."""

    profile: Literal["POINT_MASS"] = key("point mass")
    theta_E: Parameter = parameter("Einstein radius", "arcsec", low=0, high=100, symbol=r"\theta_E")


class NFW(Round):
    """Navarro-Frenk-White halo."""

    profile: Literal["NFW"] = key("Navarro-Frenk-White halo")
    Rs: Parameter = parameter(
        "scale radius, where the density falls as r^-2", "arcsec", low=1e-5, high=1000, symbol="R_s"
    )
    alpha_Rs: Parameter = parameter("deflection at Rs", "arcsec", low=0, high=100, symbol=r"\alpha_{R_s}")


class TNFW(Round):
    """Truncated Navarro-Frenk-White halo."""

    profile: Literal["TNFW"] = key("truncated Navarro-Frenk-White halo")
    Rs: Parameter = parameter(
        "scale radius, where the density falls as r^-2", "arcsec", low=1e-5, high=1000, symbol="R_s"
    )
    alpha_Rs: Parameter = parameter(
        "deflection at Rs that it would have without truncation", "arcsec", low=0, high=100, symbol=r"\alpha_{R_s}"
    )
    r_trunc: Parameter = parameter(
        "truncation radius: the density is divided by 1 + (r / r_trunc)^2",
        "arcsec",
        low=1e-5,
        high=1e5,
        symbol=r"r_{\mathrm{trunc}}",
    )


class MULTIPOLE(Round):
    """Circular multipole."""

    profile: Literal["MULTIPOLE"] = key("circular multipole, a deformation of the isodensity lines")
    m: float = parameter("order, a whole number: 3 and 4 are common", "-", low=1, high=MAX_M, symbol="m")
    a_m: Parameter = parameter(
        "strength; a_m / theta_E deforms the isodensity lines by that fraction", "arcsec", symbol="a_m"
    )
    phi_m: Parameter = parameter("orientation", "rad", 0.0, symbol=r"\phi_m")
    r_E: Parameter = parameter(
        "reference radius of m = 1; without effect for other m", "arcsec", 1.0, low=1e-6, high=100, symbol="r_E"
    )

    @model_validator(mode="after")
    def order_is_whole(self):
        if self.m != int(self.m):
            raise ValueError(f"m must be a whole number, but {self.m:g} is asked for")
        return self


class CONVERGENCE(Component):
    """External convergence."""

    profile: Literal["CONVERGENCE"] = key("external convergence, a sheet of mass")
    kappa: Parameter = parameter("convergence", symbol=r"\kappa")
    ra_0: Parameter = parameter("where it does not deflect, to the right", "arcsec", 0.0, symbol="x_0")
    dec_0: Parameter = parameter("where it does not deflect, upwards", "arcsec", 0.0, symbol="y_0")

    ranges = model_validator(mode="after")(check_ranges)


class DEFLECTION_MAP(Round):
    """A deflection field on a grid."""

    profile: Literal["INTERPOL"] = key("a deflection field on a grid: cubic between pixels, constant beyond the edge")
    file: str = key("an .npz with f_x, f_y [arcsec], pixel_scale [arcsec], or a FITS file with F_X, F_Y, PIXSCALE")


class SERSIC_ELLIPSE(Shape, Luminous):
    """Elliptical Sersic light."""

    profile: Literal["SERSIC_ELLIPSE"] = key("elliptical Sersic light")
    magnitude: Parameter = parameter("total, before lensing", "mag(AB)", symbol="m")
    R_sersic: Parameter = parameter(
        "half-light radius, product average", "arcsec", low=1e-3, high=100, symbol=r"R_{\mathrm{sersic}}"
    )
    n_sersic: Parameter = parameter("Sersic index", "-", 1.0, low=0.3, high=8, symbol=r"n_{\mathrm{sersic}}")


class DOUBLE_SERSIC(Shape, Luminous):
    """A disc and a bulge in its middle, both Sersic; two SERSIC_ELLIPSE for lenstronomy."""

    profile: Literal["DOUBLE_SERSIC"] = key("a disc and a bulge, both elliptical Sersic light")
    magnitude: Parameter = parameter("total of both, before lensing", "mag(AB)", symbol="m")
    bulge_fraction: Parameter = parameter(
        "the bulge's share of the light", "-", low=0, high=1, symbol=r"f_{\mathrm{bulge}}"
    )
    R_sersic: Parameter = parameter(
        "half-light radius of the disc", "arcsec", low=1e-3, high=100, symbol=r"R_{\mathrm{sersic}}"
    )
    n_sersic: Parameter = parameter(
        "Sersic index of the disc", "-", 1.0, low=0.3, high=8, symbol=r"n_{\mathrm{sersic}}"
    )
    R_bulge: Parameter = parameter(
        "half-light radius of the bulge", "arcsec", low=1e-3, high=100, symbol=r"R_{\mathrm{bulge}}"
    )
    n_bulge: Parameter = parameter("Sersic index of the bulge", "-", 4.0, low=0.3, high=8, symbol=r"n_{\mathrm{bulge}}")
    roundness: Parameter = parameter(
        "ellipticity of the bulge over that of the disc", "-", 0.5, low=0, high=1, symbol=r"\epsilon_{\mathrm{bulge}}"
    )


class INTERPOL(Luminous):
    """A galaxy image as light."""

    profile: Literal["INTERPOL"] = key("an image of a galaxy")
    catalogue: str = key(
        "'procedural' for made-up galaxies, a GalSim COSMOS catalogue file, a folder of FITS images or an .npz archive",
        default="procedural",
    )
    n_galaxies: int = key("galaxies to make, or to read at most", "galaxies", 512, ge=1, le=100_000)
    kinds: list[Literal["elliptical", "disc", "spiral", "clumpy", "irregular", "ring", "merger"]] | None = key(
        "made-up galaxies to draw from; empty: all but ring and merger", "-", None, min_length=1
    )
    magnitude_cut: tuple[float, float] | None = key(
        "brightest, faintest galaxy to take from the catalogue, in its first band", "mag(AB)", None
    )
    size_cut: tuple[Annotated[float, Field(ge=0)], float] | None = key(
        "smallest, largest half-light radius of galaxies in the catalogue", "arcsec", None
    )
    at_redshift: bool = key(
        "bring the catalogue's sizes and magnitudes from each galaxy's redshift to the source's (no K-correction)",
        default=False,
    )
    sky_removal: bool = key("remove sky, noise and neighbours from the catalogue's images", default=True)
    parity: bool = key("mirror the image at random", default=True)
    magnitude: Parameter | None = parameter(
        "total, before lensing; empty: the catalogue's own", "mag(AB)", None, symbol="m"
    )
    R_half: Parameter | None = parameter(
        "half-light radius to scale to; empty: the catalogue's own pixel scale",
        "arcsec",
        None,
        low=1e-3,
        high=100,
        symbol="R_{1/2}",
    )
    phi_G: Parameter = parameter(
        "rotation of the image", "rad", Distribution(uniform=(0.0, 6.283185307179586)), symbol=r"\phi_G"
    )
    center_x: Parameter = parameter("centre, to the right", "arcsec", 0.0, symbol="x")
    center_y: Parameter = parameter("centre, upwards", "arcsec", 0.0, symbol="y")

    ranges = model_validator(mode="after")(check_ranges)

    @model_validator(mode="after")
    def keys_fit_the_catalogue(self):
        made_up = self.catalogue == "procedural"
        if made_up:
            for name in ("magnitude_cut", "size_cut", "at_redshift"):
                if getattr(self, name):
                    raise ValueError(f"{name} is for galaxies from a catalogue; made-up ones have no size or magnitude")
        elif self.kinds is not None:
            raise ValueError("kinds is for made-up galaxies, catalogue: procedural")
        for name in ("magnitude_cut", "size_cut"):
            span = getattr(self, name)
            if span is not None and not span[0] < span[1]:
                raise ValueError(f"{name}: the first value must be below the second")
        if self.at_redshift and self.magnitude is not None and self.R_half is not None:
            raise ValueError("at_redshift changes nothing where both magnitude and R_half are given")
        return self


Deflector = Annotated[
    EPL | SIE | SHEAR | SIS | POINT_MASS | NFW | TNFW | MULTIPOLE | CONVERGENCE | DEFLECTION_MAP,
    Field(discriminator="profile"),
]
Light = Annotated[SERSIC_ELLIPSE | DOUBLE_SERSIC | INTERPOL, Field(discriminator="profile")]
