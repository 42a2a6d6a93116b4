"""The names of lenstronomy's instruments and bands: which there are, and what is wrong with one."""

import importlib.util
import pkgutil
import re

from ..errors import nearest

_PACKAGE = "lenstronomy.SimulationAPI.ObservationConfig"


def telescopes():
    """Names of the instruments that lenstronomy has, e.g. HST, Euclid, LSST."""
    package = importlib.import_module(_PACKAGE)
    return [m.name for m in pkgutil.iter_modules(package.__path__)]


def telescope_class(telescope):
    """lenstronomy's class of an instrument, in a copy of its module of our own.

    The classes write their options into dictionaries that all of them share.
    """
    spec = importlib.util.find_spec(f"{_PACKAGE}.{telescope}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, telescope)


def bands_of(telescope):
    """Names of an instrument's bands, from the documentation of its class, which leaves out other names of the same."""
    lines = (telescope_class(telescope).__init__.__doc__ or "").splitlines()
    return re.findall(r"'([^']+)'", next((line for line in lines if ":param band:" in line), ""))


def problem_of(name):
    """What is wrong with the name of an instrument and band, e.g. "HST/WFC3_F160W", in words; None if nothing is."""
    telescope, slash, band = name.partition("/")
    known = telescopes()
    if telescope not in known:
        hint = nearest(telescope, known)
        return f'no instrument "{name}"; expected NAME/BAND with NAME one of {", ".join(known)}.{hint}'
    bands = bands_of(telescope)
    if not slash or not band:
        there = ", ".join(f"{telescope}/{b}" for b in bands)
        return f'no instrument "{name}"; expected NAME/BAND, one of {there}'
    if band in bands:  # whether it goes with the other options is seen where these are known
        return None
    try:
        telescope_class(telescope)(band=band)
    except ValueError:
        return f'{telescope} has no band "{band}"; expected one of {", ".join(bands)}.{nearest(band, bands)}'
    return None


def problems(values, overridden=()):
    """Mistakes in the names of instruments: pairs of key path and sentence.

    An observation that gives all numbers itself needs no instrument: its name says where they are from, and may be one
    that lenstronomy no longer has, unless it was set just now.

    Args: values: of a whole config, nested and not yet checked. overridden: key paths set on the command line.
    """
    simulate = values.get("simulate")
    if not isinstance(simulate, dict):
        return
    common = simulate.get("observation")
    bands = simulate.get("bands")
    sections = {("simulate", "observation"): common} if isinstance(common, dict) else {}
    if isinstance(bands, dict):
        sections |= {("simulate", "bands", n): b for n, b in bands.items() if isinstance(b, dict)}
    for path, section in sections.items():
        name = section.get("instrument")
        numbers = (common if isinstance(common, dict) else {}) | section
        if isinstance(name, str) and (_is_within((*path, "instrument"), overridden) or not _gives_all_numbers(numbers)):
            said = problem_of(name)
            if said is not None:
                yield (*path, "instrument"), said


def _gives_all_numbers(section):
    background = ("background_noise", "sky_cutouts")
    given = {name for name, value in section.items() if value is not None}
    return {"exposure_time", "num_exposures", "magnitude_zero_point", "psf"} <= given and (
        bool(given & set(background)) or {"read_noise", "sky_brightness"} <= given
    )


def _is_within(path, others):
    return any(path[: len(other)] == other for other in others)
