"""Instruments by lenstronomy's names: looking their numbers up, and writing them into a config as numbers of its own.

A config that names an instrument is a set of images only together with the numbers that lenstronomy has for it, and
those change from version to version. So `resolved` fills in every number that is not given, and notes beside them which
they are (`from_instrument`): from then on nothing is looked up, unless another instrument is asked for.
"""

import importlib.metadata
import inspect

from ..errors import ConfigError
from . import instrument_names
from .observation import PSF, FromInstrument

OBSERVATION = "simulate.observation"
NAME = ("instrument", "coadd_years", "survey_mode")  # what lenstronomy is asked for
NUMBERS = ("exposure_time", "num_exposures", "magnitude_zero_point", "read_noise", "sky_brightness", "ccd_gain")
SKY = ("read_noise", "sky_brightness")  # not needed where background_noise is given


def preset(name, coadd_years=None, survey_mode=None, path=OBSERVATION):
    """lenstronomy's settings of an instrument and band, e.g. "Euclid/VIS", as for its SingleBand class.

    coadd_years, survey_mode: as lenstronomy's classes take them, where they do. path: of the section, for messages.

    Raises: ConfigError for a name, a number of years or a survey mode that lenstronomy does not have.
    """
    said = instrument_names.problem_of(name)
    if said is not None:
        raise ConfigError([f"{path}.instrument: {said}"])
    telescope, _, band = name.partition("/")
    telescope_class = instrument_names.telescope_class(telescope)
    options = {k: v for k, v in (("coadd_years", coadd_years), ("survey_mode", survey_mode)) if v is not None}
    unknown = [k for k in options if k not in inspect.signature(telescope_class).parameters]
    if unknown:
        raise ConfigError([f"{path}.{k}: lenstronomy's {telescope} has no such option" for k in unknown])
    try:
        return dict(telescope_class(band=band, **options).kwargs_single_band())
    except ValueError as error:
        where = "survey_mode" if "survey mode" in str(error) else "coadd_years"
        raise ConfigError([f"{path}.{where}: lenstronomy says: {str(error).strip()}"]) from None


def known_numbers(observation, pixel_scale=None, path=OBSERVATION):
    """What the instrument of an `Observation` adds to it, by lenstronomy's names: a dictionary, empty where it has all.

    Numbers that were filled in from the same instrument before are taken as they are; lenstronomy is asked only if one
    that is needed is missing. pixel_scale [arcsec]: the one that is given, or None.

    Raises: ConfigError for an instrument, years or a survey mode that lenstronomy does not have.
    """
    found = _origin(observation, observation.from_instrument, pixel_scale, path)
    return {} if found is None else found.model_dump(exclude_none=True, exclude={*NAME, "lenstronomy"})


def resolved(simulation, saved=None):
    """A simulation with the numbers of its instruments filled in, those of every band too; what is given stays.

    Numbers that were filled in before are kept, whatever the installed lenstronomy has, unless the instrument, its
    years or its survey mode has changed since: then they are the new one's. An instrument that was taken out (null)
    leaves its numbers behind as given ones.

    Args: simulation: `schema.Simulation`. saved: one of the same instruments whose numbers are to be taken.
    Returns: a simulation of the same images. Raises: ConfigError with every instrument that lenstronomy does not have.
    """
    kept, plain = _origins(simulation if saved is None else saved), given(simulation)
    scale, problems = plain.image.pixel_scale, []

    def filled(observation, name, path):
        try:
            return _filled(observation, kept.get(name, kept[""]), scale, path)
        except ConfigError as error:
            problems.extend(error.problems)
            return observation

    base = filled(plain.observation, "", OBSERVATION)
    bands, changes = [], {}
    for name, observation in plain.band_observations().items() if plain.bands else ():
        bands.append(filled(observation, name, f"simulate.bands.{name}"))
        changes[name] = plain.bands[name] | _additions(plain.bands[name], observation, bands[-1], base)
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    update = {"observation": base, "bands": changes}
    scales = {o.from_instrument.pixel_scale if o.from_instrument else None for o in bands or [base]}
    if scale is None and len(scales) == 1 and None not in scales:
        update["image"] = plain.image.model_copy(update={"pixel_scale": scales.pop()})
    return plain.model_copy(update=update)


def given(simulation):
    """A `schema.Simulation` without the numbers that `resolved` filled in."""
    observation, origins = simulation.observation, _origins(simulation)
    scale, bands = simulation.image.pixel_scale, {}
    first = origins[next(iter(simulation.bands), "")]
    update = {"observation": observation.model_copy(update=_without(dict(observation), origins[""]))}
    for name, changes in simulation.bands.items():
        new = _without(changes, origins[name])
        bands[name] = {
            k: _plain(new.get(k, v)) for k, v in changes.items() if new.get(k, v) is not None or k not in new
        }
    if first is not None and scale is not None and scale == first.pixel_scale:
        update["image"] = simulation.image.model_copy(update={"pixel_scale": None})
    return simulation.model_copy(update=update | {"bands": bands})


def numbers(simulation):
    """All that the images of a `schema.Simulation` depend on, as nested dictionaries: not whose numbers they are."""
    values = simulation.model_dump(mode="json")
    for section in (values["observation"], *values["bands"].values()):
        section.pop("from_instrument", None)
        if values["image"]["rays"] != "adaptive" and (section.get("psf") or {}).get("supersampling") == "auto":
            section["psf"]["supersampling"] = 1  # what auto means then, and what earlier versions wrote
    return values


def claim(values, changes):
    """Numbers that the user gives over those of a saved config are no longer the instrument's, though they be equal.

    values: nested dictionaries of a config, changed in place. changes: what is put over them, nested alike.
    """
    old, new = (_section(v, "simulate") for v in (values, changes))
    places = [(_section(old, "observation"), _section(new, "observation"))]
    places += [
        (_section(_section(old, "bands"), n), _section(_section(new, "bands"), n)) for n in _section(old, "bands")
    ]
    for place, given_now in places:
        numbers = {n: given_now.get(n) for n in NUMBERS}
        numbers |= {"seeing": _section(given_now, "psf").get("fwhm")}
        numbers |= {"pixel_scale": _section(new, "image").get("pixel_scale")}
        origin = _section(place, "from_instrument")
        for name, value in numbers.items():
            if value is not None and origin.get(name) == value:
                del origin[name]


def _section(values, name):
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _origins(simulation):
    """What was filled in from instruments: by band, and under "" for the observation; None where nothing was."""
    observation = simulation.observation
    common = observation.from_instrument
    out = {"": None if observation.instrument is None else common}
    for name, changes in simulation.bands.items():
        own = changes.get("from_instrument")
        if changes.get("instrument", observation.instrument) is None:
            out[name] = None
        elif own is not None:
            out[name] = FromInstrument.model_validate(own)
        else:
            out[name] = None if any(n in changes for n in NAME) else common
    return out


def _without(values, origin):
    """New values for the keys of an observation that hold numbers of an instrument."""
    new = {"from_instrument": None}
    if origin is None:
        return new
    new |= {n: None for n in NUMBERS if values.get(n) is not None and values[n] == getattr(origin, n)}
    if values.get("psf") is not None and origin.seeing is not None:
        psf = PSF.model_validate(values["psf"])
        if psf.fwhm == origin.seeing:
            whole = origin.psf_type is not None and psf == PSF(kind="gaussian", fwhm=psf.fwhm)
            new["psf"] = None if whole else psf.model_copy(update={"fwhm": None})
    return new


def _origin(observation, kept, pixel_scale, path):
    """The `FromInstrument` of an observation: what is kept, if of the same instrument and enough, or a new one."""
    if observation.instrument is None:
        return None
    names = {n: getattr(observation, n) for n in NAME}
    if kept is not None and names != {n: getattr(kept, n) for n in NAME}:
        kept = None
    with_kept = observation if kept is None else observation.model_copy(update=_numbers_from(kept, observation))
    scale = pixel_scale if pixel_scale is not None or kept is None else kept.pixel_scale
    if scale is not None and _is_complete(with_kept):
        return kept
    found = preset(*names.values(), path)
    found = {n: found[n] for n in FromInstrument.model_fields if found.get(n) is not None}
    found |= {} if kept is None else kept.model_dump(exclude_none=True)
    return FromInstrument.model_validate(names | found | {"lenstronomy": importlib.metadata.version("lenstronomy")})


def _is_complete(observation):
    """Whether an instrument has nothing to add to the numbers of an `Observation`, but for the pixel scale."""
    unused = SKY if observation.background_noise is not None else ()
    unused += ("ccd_gain",) if observation.data_count_unit == "e-" else ()
    psf = observation.psf
    has_psf = psf is not None and (psf.kind in ("pixel", "none") or psf.fwhm is not None)
    return has_psf and all(getattr(observation, n) is not None for n in NUMBERS if n not in unused)


def _numbers_from(origin, observation):
    """The keys that an instrument fills in an `Observation`, with their values."""
    unused = SKY if observation.background_noise is not None else ()
    new = {n: getattr(origin, n) for n in NUMBERS if getattr(observation, n) is None and n not in unused}
    psf = observation.psf
    if origin.seeing is not None:
        if psf is None and origin.psf_type == "GAUSSIAN":
            new["psf"] = PSF(kind="gaussian", fwhm=origin.seeing)
        elif psf is not None and psf.fwhm is None and psf.kind in ("gaussian", "moffat"):
            new["psf"] = psf.model_copy(update={"fwhm": origin.seeing})
    return {n: v for n, v in new.items() if v is not None}


def _filled(observation, kept, pixel_scale, path):
    """An `Observation` with the numbers of its instrument, and the note of which they are."""
    origin = _origin(observation, kept, pixel_scale, path)
    if origin is None:
        return observation
    new = _numbers_from(origin, observation)
    noted = {*NAME, "lenstronomy", *new} | ({"seeing"} if "psf" in new else set())
    noted |= {"psf_type"} if "psf" in new and observation.psf is None else set()
    noted |= {"pixel_scale"} if pixel_scale is None else set()
    note = FromInstrument.model_validate(origin.model_dump(include=noted, exclude_none=True))
    return observation.model_copy(update=new | {"from_instrument": note})


def _additions(changes, observation, filled, base):
    """What a band's section needs beside its own keys, so that with those of the common section it is as filled."""
    own = any(n in changes for n in NAME)
    out = {}
    for name in ("from_instrument", *NUMBERS, "psf"):
        value, before = getattr(filled, name), getattr(observation, name)
        if name in changes and value == before:
            continue
        if value != getattr(base, name) or (own and value != before):
            out[name] = _plain(value)
    return out


def _plain(value):
    return (
        value.model_dump(mode="json", exclude_unset=True, exclude_none=True) if hasattr(value, "model_dump") else value
    )
