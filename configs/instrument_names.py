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
        hint = _with_band(name, known)
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
        hint = nearest(band, bands) or _did_you_mean([b for b in bands if len(band) > 1 and band.lower() in b.lower()])
        return f'{telescope} has no band "{band}"; expected one of {", ".join(bands)}.{hint}'
    return None


_OTHER_NAMES = {  # what people call a telescope or its camera
    "hst": "HST",
    "hubble": "HST",
    "wfc3": "HST",
    "acs": "HST",
    "jwst": "JWST",
    "webb": "JWST",
    "nircam": "JWST",
    "rubin": "LSST",
    "vro": "LSST",
    "lsst": "LSST",
    "des": "DES",
    "decam": "DES",
    "cfhtls": "CFHT",
    "ztf": "ZTF",
    "euclid": "Euclid",
    "roman": "Roman",
    "wfirst": "Roman",
    "vis": "Euclid",
}


def _with_band(name, known):
    """' Did you mean ...?' with an instrument and band for a name of none, as far as one can be told.

    A telescope or camera under another name (hubble, HST_WFC3_F160W, jwst-nircam) is found, and the band in it.
    """
    words = [word.lower() for word in re.split(r"[^A-Za-z0-9]+", name) if word]
    own = {telescope.lower(): telescope for telescope in known}
    telescopes = [t for w in words if (t := own.get(w) or _OTHER_NAMES.get(w)) in known] or known
    fit = {f"{t}/{b}": _in_common(words, b) for t in dict.fromkeys(telescopes) for b in bands_of(t)}
    best = max(fit.values(), default=0)
    if best == 0 and telescopes is known:
        return nearest(name.partition("/")[0], known)
    return _did_you_mean([named for named, common in fit.items() if common == best])


def _in_common(words, band):
    """How many of some words, in small letters, a band's name has, e.g. 2 for wfc3, f160w in WFC3_F160W."""
    return len(set(words) & {band.lower(), *re.split(r"[^a-z0-9]+", band.lower())})


def _did_you_mean(names):
    quoted = [f'"{name}"' for name in names[:3]]
    return f" Did you mean {' or '.join(quoted)}?" if quoted else ""


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
