"""Settings of mass and light profiles, made from their declarations in `simulate.profiles`.

Each parameter takes a number or a distribution, under lenstronomy's name.
"""

import math
from typing import Annotated, Literal, Union

from pydantic import Field, create_model, model_validator

from ..simulate.profiles import registry
from ..simulate.profiles.declaration import CENTRE, ELLIPTICITY
from .keys import Section, key
from .parameters import Distribution, Ellipticity, Parameter, check_ellipticity, check_ranges, parameter

BRIGHTEST, FAINTEST = -30, 50  # AB magnitudes of galaxies that any image could show


class Component(Section):
    """The key that all profiles share."""

    only: list[str] | None = key("classes in which it occurs; empty: all", "-", None, min_length=1)

    ranges = model_validator(mode="after")(check_ranges)


class Luminous(Component):
    """The keys that all light profiles share."""

    colors: dict[str, Parameter] = key("magnitude in a band minus that in the first one, by band", "mag", {})

    @model_validator(mode="after")
    def magnitude_is_possible(self):
        value = getattr(self, "magnitude", None)
        bounds = value.support() if isinstance(value, Distribution) else () if value is None else (value,)
        absurd = [bound for bound in bounds if math.isfinite(bound) and not BRIGHTEST <= bound <= FAINTEST]
        if absurd:  # -99 and 1e30 mark a missing value, and would be an infinite image or none
            raise ValueError(f"magnitude must lie between {BRIGHTEST} and {FAINTEST}, but {absurd[0]:g} is asked for")
        return self


def _setting(declared):
    """Type and field of a declared parameter."""
    default = Distribution(**declared.default) if isinstance(declared.default, dict) else declared.default
    optional = Parameter | None if default is None else Parameter
    field = parameter(declared.meaning, declared.unit, default, declared.low, declared.high, declared.symbol)
    return float if declared.whole else optional, field


def _settings(parameters):
    return {declared.name: _setting(declared) for declared in parameters}


_E1_E2 = key("e1 and e2 drawn together, instead of one by one", "-", None)
Round = create_model("Round", __base__=Section, __doc__="The centre of a profile.", **_settings(CENTRE))
Shape = create_model(
    "Shape",
    __base__=Section,
    __doc__="Ellipticity and centre of a profile.",
    __validators__={"ellipticity": model_validator(mode="after")(check_ellipticity)},
    **_settings(ELLIPTICITY),
    e1_e2=(Ellipticity | None, _E1_E2),
    **_settings(CENTRE),
)


class MapFile(Section):
    """The file of a deflector on a grid: a key that is no parameter."""

    profile: str = key("a word that each profile sets, first among its own keys")
    file: str = key("an .npz with f_x, f_y [arcsec], pixel_scale [arcsec], or a FITS file with F_X, F_Y, PIXSCALE")


class GalaxyImages(Section):
    """The keys of an image of a galaxy that are no parameters: which galaxies there are."""

    profile: str = key("a word that each profile sets, first among its own keys")
    catalogue: str = key(
        "'procedural' for made-up galaxies, GalSim's COSMOS catalogue or its folder, a folder of FITS images, an .npz",
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
        "bring the catalogue's sizes and magnitudes from each galaxy's redshift to the source's (constant nu L_nu: no "
        "K-correction)",
        default=False,
    )
    sky_removal: bool = key("remove sky, noise and neighbours from the catalogue's images", default=True)
    parity: bool = key("mirror the image at random", default=True)
    galaxy: int | None = key(
        "the one galaxy that all systems have, by its number among those that are made or read, from 0; empty: one is "
        "drawn for each",
        "-",
        None,
        ge=0,
    )
    mirrored: bool = key("mirror every image, where parity does not do it at random", default=False)

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
        if self.mirrored and self.parity:
            raise ValueError("mirrored needs parity: false, which would mirror at random")
        if self.at_redshift and self.magnitude is not None and self.R_half is not None:
            raise ValueError("at_redshift changes nothing where both magnitude and R_half are given")
        return self


def _whole_numbers(names):
    """A validator: the named parameters are whole numbers."""

    def check(self):
        for name in names:
            value = getattr(self, name)
            if value != int(value):
                raise ValueError(f"{name} must be a whole number, but {value:g} is asked for")
        return self

    return model_validator(mode="after")(check)


def _section(profile, *bases, name=""):
    """The settings of a profile: those of its base classes, and its own. name: of the class, if not the profile's."""
    own = [p for p in profile.parameters if not any(p.name in base.model_fields for base in bases)]
    whole = [p.name for p in own if p.whole]
    return create_model(
        name or profile.name,
        __base__=bases,
        __doc__=f"{profile.meaning[0].upper()}{profile.meaning[1:]}.",
        __module__=__name__,
        __validators__={"whole": _whole_numbers(whole)} if whole else {},
        profile=(Literal[profile.name], key(profile.meaning)),
        **_settings(own),
    )


def _shape(profile):
    """The base class with the parameters of its group, as a tuple of at most one."""
    names = {p.name for p in profile.parameters}
    return (Shape,) if "e1" in names else (Round,) if "center_x" in names else ()


def _mass(profile):
    if profile.rays == "map":
        return _section(profile, MapFile, Round, Component, name="DEFLECTION_MAP")
    return _section(profile, *_shape(profile), Component)


def _light(profile):
    if profile.rays == "stamp":
        return _section(profile, GalaxyImages, Luminous)
    return _section(profile, *_shape(profile), Luminous)


MASS = {name: _mass(profile) for name, profile in registry.MASS.items()}
LIGHT = {name: _light(profile) for name, profile in registry.LIGHT.items()}
Deflector = Annotated[Union[tuple(MASS.values())], Field(discriminator="profile")]  # noqa: UP007
Light = Annotated[Union[tuple(LIGHT.values())], Field(discriminator="profile")]  # noqa: UP007
_BY_CLASS = {section.__name__: section for section in (*MASS.values(), *LIGHT.values())}


def __getattr__(name):
    """The settings of a profile by the name of their class, as if they were written out here: EPL, SIE, ..."""
    if name not in _BY_CLASS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _BY_CLASS[name]
