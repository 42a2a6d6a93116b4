"""Shifted simulations: what a population becomes with other galaxies, a wider PSF, more noise, ... than in training.

Each shift takes the values of a `simulate` section and changes them in place; the numbers are the section's own.
"""

from collections.abc import Callable
from typing import NamedTuple

from pydantic import ValidationError

from ..configs.drawn_laws import law
from ..configs.instruments import resolved
from ..configs.other_laws import moved, scaled
from ..configs.parameters import Distribution
from ..configs.schema import Simulation
from ..errors import ConfigError
from ..simulate.core.distributions import quantile

WIDER, NOISIER = 1.2, 2.0  # times the FWHM of the PSF, and the noise at every pixel
HST_CORRELATION = 0.28  # of drizzled noise in neighbouring pixels, see `observation.Observation`
F_SUB, M_MIN, M_MAX = 0.01, 1e8, 1e10  # about what SLACS lenses have (Vegetti+ 2014); lighter ones change no image
BRIGHTER, LARGER = 4.0, 1.5  # lens light: magnitudes brighter than the source, R_sersic over theta_E, as in SLACS
MADE_UP = ("elliptical", "disc", "spiral", "clumpy", "irregular")  # where no kinds are given
KINDS = (*MADE_UP, "ring", "merger")


class Shift(NamedTuple):
    """A shifted simulation."""

    simulation: Simulation
    words: str  # what is changed and by how much


def shifted(name, simulation, other_catalogue=None):
    """A simulation with one shift.

    Args: name: one of `SHIFTS`. simulation: `configs.schema.Simulation`. other_catalogue: whose galaxies the shift
    other_galaxies has; None: made-up ones.
    Returns: `Shift`.
    Raises: ConfigError with one sentence where the shift means nothing for the simulation.
    """
    values = resolved(simulation).model_dump(mode="json", exclude_unset=True)
    try:
        words = _other_galaxies(values, other_catalogue) if name == "other_galaxies" else SHIFTS[name](values)
        return Shift(Simulation.model_validate(values), words)
    except ValidationError as error:
        why = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:1])
        raise ConfigError([f"evaluate.shifts: {name} does not go with this simulation ({why})"]) from None
    except ValueError as error:
        raise ConfigError([f"evaluate.shifts: {name} {error}"]) from None


def _wider_psf(values):
    """The FWHM of every band's PSF, a fifth larger."""
    said = []
    for where, section in _observations(values):
        psf = section.get("psf")
        if psf is None:
            continue
        if psf.get("fwhm") is None:
            raise ValueError(f"widens a gaussian or moffat PSF, and {where}.psf is of the kind {psf['kind']}")
        said.append(_replaced(psf, "fwhm", scaled(psf["fwhm"], WIDER), f"{where}.psf.fwhm"))
    if not said:
        raise ValueError("widens a gaussian or moffat PSF, and there is none")
    return f"the PSF is {100 * (WIDER - 1):.0f} % wider: {'; '.join(said)}"


def _more_noise(values):
    """Twice the noise everywhere, that of the light included: a quarter of the exposure, and what that leaves."""
    _need_gaussian_noise(values)
    factors = {"exposure_time": NOISIER**-2, "background_noise": NOISIER, "read_noise": 1 / NOISIER}
    said = [
        _replaced(section, key, scaled(section[key], factor), f"{where}.{key}")
        for where, section in _observations(values)
        for key, factor in factors.items()
        if section.get(key) is not None
    ]
    return f"the noise is {NOISIER:g} times as large at every pixel: {'; '.join(said)}"


def _correlated_noise(values):
    """The same noise in a pixel, correlated with that in its neighbours."""
    _need_gaussian_noise(values)
    if any(section.get("noise_correlation") for _, section in _observations(values)):
        raise ValueError("correlates noise, and simulate.observation.noise_correlation does already; leave it out")
    for _, section in _observations(values):
        section["noise_correlation"] = HST_CORRELATION
    return (
        f"noise has a correlation of {HST_CORRELATION:g} in neighbouring pixels, as drizzling makes it, and is as "
        "large in each"
    )


def _need_gaussian_noise(values):
    for where, section in _observations(values):
        if section.get("noise") is False:
            raise ValueError(f"changes the noise, and {where}.noise is false")
        if section.get("sky_cutouts") is not None:
            raise ValueError(f"changes Gaussian noise, and {where}.sky_cutouts brings noise of its own")


def _observations(values):
    """The observation of all bands and what single bands have of their own, each with its place."""
    yield "simulate.observation", values["observation"]
    for name, own in values.get("bands", {}).items():
        yield f"simulate.bands.{name}", own


def _lens_light(values):
    """The lens galaxy's own light, shaped like its mass, in images whose training had none."""
    if values.get("lens_light"):
        raise ValueError("leaves lens light in, and simulate.lens_light has it already; leave it out")
    mass, path = values["lens_mass"][0], "lens_mass.0"
    if "theta_E" not in mass:
        raise ValueError(f"gives the light a size by theta_E, which simulate.{path} has not")
    magnitude = _middle(values["source"][0].get("magnitude"))
    if magnitude is None:
        raise ValueError("takes its brightness from simulate.source.0.magnitude, which is not given")
    size = {"follow": {"parameter": f"{path}.theta_E", "factor": LARGER, "low": 1e-3}}
    light = {"profile": "SERSIC_ELLIPSE", "magnitude": magnitude - BRIGHTER, "R_sersic": size, "n_sersic": 4.0}
    if "e1_e2" in mass:
        light["e1_e2"] = {"follow": {"component": path}}
    light |= {c: {"follow": {"parameter": f"{path}.{c}"}} for c in ("center_x", "center_y") if c in mass}
    light |= {"only": mass["only"]} if mass.get("only") else {}
    values["lens_light"] = [light]
    return (
        f"the lens galaxy's light is left in: de Vaucouleurs, magnitude {light['magnitude']:.4g} ({BRIGHTER:g} "
        f"brighter than the typical source), R_sersic {LARGER:g} theta_E, shaped like the mass"
    )


def _middle(value):
    """A typical value of a number or law, or None."""
    if not isinstance(value, dict):
        return value
    return float(quantile(Distribution.model_validate(value), 0.5)) if "follow" not in value else None


def _subhalos(values):
    """Cold dark matter subhalos in lenses whose training had none."""
    if values.get("substructure"):
        raise ValueError("adds subhalos, and simulate.substructure has them already; leave it out")
    largest = values["lens_mass"][0].get("theta_E")
    largest = Distribution.model_validate(largest).typical() if isinstance(largest, dict) else (largest, largest)
    if largest is None or largest[1] is None:
        raise ValueError("puts subhalos about the main lens, and simulate.lens_mass.0 has no theta_E with an end")
    r_max = 1.5 * largest[1]
    halos = {"kind": "CDM", "f_sub": F_SUB, "m_min": M_MIN, "m_max": M_MAX, "r_max": r_max}
    only = values["lens_mass"][0].get("only")
    values["substructure"] = [halos | ({"only": only} if only else {})]
    masses = f"{M_MIN:.0e} to {M_MAX:.0e} Msun".replace("e+", "e")
    return f"{100 * F_SUB:.0f} % of the mass within {r_max:.3g} arcsec is in subhalos of {masses} (CDM)"


def _other_prior(values):
    """Every law of the lens mass moved, within its ends."""
    said = []
    for k, component in enumerate(values["lens_mass"]):
        for name, value in component.items():
            where = f"lens_mass.{k}.{name}"
            if name == "e1_e2" and value and value.get("rayleigh"):
                spread, most = value["rayleigh"]
                component[name] = {"rayleigh": [1.5 * spread, most]}
                said.append(f"{where} rayleigh {1.5 * spread:.3g} instead of {spread:.3g}")
            elif isinstance(value, dict) and name != "e1_e2" and (other := moved(value)) is not None:
                said.append(_replaced(component, name, other, where))
    if not said:
        raise ValueError("moves the laws of simulate.lens_mass, which has none that can be moved")
    return f"the population is another: {'; '.join(said)}"


def _other_galaxies(values, catalogue):
    """Sources that no training saw, of the same magnitudes and sizes."""
    said = []
    for k, source in enumerate(values["source"]):
        where = f"simulate.source.{k}"
        if source["profile"] == "INTERPOL":
            said.append(_other_images(source, catalogue, where))
        elif source["profile"] in ("SERSIC", "SERSIC_ELLIPSE"):
            kept = ("only", "colors", "magnitude", "center_x", "center_y")
            size = source.get("R_sersic")
            images = {"profile": "INTERPOL", "catalogue": catalogue or "procedural"}
            values["source"][k] = images | {n: source[n] for n in kept if n in source}
            values["source"][k] |= {"R_half": size} if size is not None else {}
            said.append(f"{_galaxies(catalogue)} instead of {source['profile']}")
        else:
            raise ValueError(f"replaces images of galaxies and Sersic profiles, and {where} is {source['profile']}")
    return f"sources are {'; '.join(dict.fromkeys(said))}, of the same magnitudes and sizes"


def _other_images(source, catalogue, where):
    """Other images of galaxies in a source, in place; in words."""
    before = source.get("catalogue", "procedural")
    source.pop("galaxy", None)
    if catalogue is None and before == "procedural":
        known = source.get("kinds") or MADE_UP
        source["kinds"] = [kind for kind in KINDS if kind not in known]
        if not source["kinds"]:
            raise ValueError(f"has no kinds of galaxies that {where}.kinds has not; give evaluate.other_catalogue")
        return f"made-up galaxies of the kinds {', '.join(source['kinds'])} instead of {', '.join(known)}"
    if catalogue is None and None in (source.get("magnitude"), source.get("R_half")):
        raise ValueError(
            f"has made-up galaxies in place of those of {before}, which need {where}.magnitude and R_half; give these, "
            "or evaluate.other_catalogue"
        )
    for key in ("kinds", *(("magnitude_cut", "size_cut", "at_redshift", "sky_removal") if catalogue is None else ())):
        source.pop(key, None)
    source["catalogue"] = catalogue or "procedural"
    return f"{_galaxies(catalogue)} instead of {'made-up ones' if before == 'procedural' else before}"


def _galaxies(catalogue):
    return "made-up galaxies" if catalogue is None else f"galaxies of {catalogue}"


def _replaced(section, key, new, where):
    """Put a new law or number in the place of another; in words."""
    old, section[key] = section[key], new
    return f"{where} {_in_words(new)} instead of {_in_words(old)}"


def _in_words(value):
    return law(Distribution.model_validate(value)) if isinstance(value, dict) else f"{value:.4g}"


SHIFTS: dict[str, Callable[..., str]] = {
    "other_galaxies": _other_galaxies,
    "wider_psf": _wider_psf,
    "more_noise": _more_noise,
    "lens_light": _lens_light,
    "other_prior": _other_prior,
    "subhalos": _subhalos,
    "correlated_noise": _correlated_noise,
}  # name of a shift -> what makes it, in place, and says what it did
