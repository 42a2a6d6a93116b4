"""Settings of the cosmology and of dark substructure: what is drawn, how many, how heavy, where."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .keys import Section, key
from .parameters import Distribution, Parameter, check_ranges, parameter


class Cosmology(Section):
    """A flat universe with matter and a cosmological constant, and where lens and source stand in it."""

    z_lens: float = key("redshift of the lens", default=0.5, gt=0, le=20)
    z_source: float = key("redshift of the source", default=1.0, gt=0, le=20)
    H0: float = key("Hubble constant", "km/s/Mpc", 70.0, gt=0, le=1000)
    Om0: float = key("matter density today, over the critical density", default=0.3, gt=0, le=1)

    @model_validator(mode="after")
    def source_is_behind_the_lens(self):
        if not self.z_source > self.z_lens:
            raise ValueError(f"z_source must be larger than z_lens = {self.z_lens:g}, got {self.z_source:g}")
        return self


def check_plain(section):
    """No parameter of substructure follows another one: subhalos are drawn on their own."""
    for name, value in section:
        if isinstance(value, Distribution) and getattr(value, "follow", None) is not None:
            raise ValueError(f"{name} cannot follow another parameter; give a number or a distribution of its own")
    return section


class CDM(Section):
    """Subhalos with a power-law mass function, dN/dm ~ m^slope, about the main lens."""

    kind: Literal["CDM"] = key("subhalos of cold dark matter")
    only: list[str] | None = key("the classes in which they occur; empty: all", "-", None, min_length=1)
    profile: Literal["POINT_MASS", "SIS", "NFW", "TNFW"] = key(
        "a subhalo's mass profile; m is its M200, for POINT_MASS its mass", default="TNFW"
    )
    n_mean: Parameter | None = parameter(
        "mean number of subhalos a system", "-", None, low=0, high=1e5, symbol=r"N_{\mathrm{mean}}"
    )
    f_sub: Parameter | None = parameter(
        "instead of n_mean: mean mass in subhalos over the mass of an isothermal main lens projected into the region "
        "where they are put",
        "-",
        None,
        low=0,
        high=1,
        symbol=r"f_{\mathrm{sub}}",
    )
    f_sub_mass: Literal["m200", "bound"] = key(
        "which mass of a subhalo f_sub counts: m200, that before truncation, or bound, all that truncation leaves (for "
        "TNFW with tau 5 about 0.6 of it; NFW and SIS have no such mass)",
        default="m200",
    )
    count: Literal["poisson", "fixed"] = key("how the number scatters about its mean", default="poisson")
    slope: Parameter = parameter(
        "logarithmic slope of the mass function dN/dm", "-", -1.9, low=-5, high=3, symbol=r"\alpha_{\mathrm{sub}}"
    )
    m_min: float | None = key("lowest mass", "Msun", None, gt=0)
    m_max: float | None = key("highest mass", "Msun", None, gt=0)
    theta_E: Parameter | None = parameter(
        "instead of masses: Einstein radius of each subhalo (SIS, POINT_MASS)",
        "arcsec",
        None,
        low=0,
        high=100,
        symbol=r"\theta_E",
    )
    radial: Literal["area", "radius", "cored"] = key(
        "surface density of subhalos: constant, ~ 1/r, or ~ 1/(r^2 + r_core^2)", default="area"
    )
    r_min: float = key("they are put outside this radius about the main lens", "arcsec", 0.0, ge=0, le=1000)
    r_max: float | None = key("and inside this one", "arcsec", None, gt=0, le=1000)
    r_core: float | None = key("core radius, for radial: cored", "arcsec", None, gt=0, le=1000)
    half_side: float | None = key(
        "instead of r_max: they fill a square of twice this side", "arcsec", None, gt=0, le=1000
    )
    concentration: Literal["dutton_maccio2014", "duffy2008"] = key(
        "mean concentration as a function of mass and redshift, for NFW and TNFW", default="dutton_maccio2014"
    )
    concentration_scatter: float = key("standard deviation of log10 of the concentration", "dex", 0.11, ge=0, le=1)
    tau: float = key("truncation radius over scale radius, for TNFW", default=5.0, gt=0, le=1000)
    deflection_factor: float = key(
        "every deflection is multiplied by it, masses in labels are not", default=1.0, gt=0, le=100
    )

    ranges = model_validator(mode="after")(check_ranges)
    plain = model_validator(mode="after")(check_plain)

    @model_validator(mode="after")
    def either_masses_or_einstein_radii(self):
        if self.theta_E is not None:
            if self.profile not in ("SIS", "POINT_MASS"):
                raise ValueError(f"theta_E needs the profile SIS or POINT_MASS, not {self.profile}")
            if (self.m_min, self.m_max, self.f_sub) != (None, None, None):
                raise ValueError("give either theta_E or masses (m_min, m_max, f_sub), not both")
        elif self.m_min is None or self.m_max is None:
            raise ValueError("give m_min and m_max, or theta_E")
        elif not self.m_min < self.m_max:
            raise ValueError(f"m_min must be below m_max, got {self.m_min:g} and {self.m_max:g}")
        if (self.n_mean is None) == (self.f_sub is None):
            raise ValueError("give exactly one of n_mean, f_sub")
        if self.f_sub_mass == "bound" and self.f_sub is None:
            raise ValueError("f_sub_mass says which mass f_sub counts, but n_mean is given")
        if self.f_sub_mass == "bound" and self.profile not in ("TNFW", "POINT_MASS"):
            raise ValueError(
                f"f_sub_mass: bound needs the profile TNFW or POINT_MASS; the mass of {self.profile} has no end"
            )
        return self

    @model_validator(mode="after")
    def one_region(self):
        if (self.r_max is None) == (self.half_side is None):
            raise ValueError("give exactly one of r_max, half_side")
        if self.half_side is not None and (self.r_min > 0 or self.radial != "area"):
            raise ValueError("a square (half_side) is filled evenly: leave out r_min and radial")
        if self.r_max is not None and not self.r_min < self.r_max:
            raise ValueError(f"r_min must be below r_max, got {self.r_min:g} and {self.r_max:g}")
        if (self.radial == "cored") != (self.r_core is not None):
            raise ValueError("r_core and radial: cored go together")
        return self


class AXION_VORTEX(Section):
    """A vortex line of an axion condensate: equal point masses on a line through the main lens, at a random angle.

    The line's half-length is half the de Broglie wavelength, which goes as 1 / axion_mass.
    """

    kind: Literal["AXION_VORTEX"] = key("a vortex of axion dark matter")
    only: list[str] | None = key("the classes in which it occurs; empty: all", "-", None, min_length=1)
    n_masses: int = key("point masses on the line", "masses", 100, ge=2, le=100_000)
    mass: Parameter = parameter("total mass", "Msun", 3e10, low=0, high=1e16, symbol="M")
    axion_mass: Parameter = parameter(
        "mass of the axion",
        "eV",
        Distribution(loguniform=(1e-24, 1e-22)),
        low=1e-30,
        high=1e-10,
        symbol=r"m_{\mathrm{axion}}",
    )
    wavelength: float = key("de Broglie wavelength of an axion of 1e-22 eV on the sky", "arcsec", 0.06, gt=0, le=100)
    deflection_factor: float = key(
        "every deflection is multiplied by it, masses in labels are not", default=1.0, gt=0, le=100
    )

    ranges = model_validator(mode="after")(check_ranges)
    plain = model_validator(mode="after")(check_plain)


Substructure = Annotated[CDM | AXION_VORTEX, Field(discriminator="kind")]
