"""What a part of an image file is, by its name and header: image, noise, weight, mask, lens light, PSF; of which band.

This is the one table for all readers. Names are those of drizzled and pipeline products of HST and JWST, of HSC, LSST,
Euclid, DES, the Legacy Surveys, KiDS and CFHTLS, of PyAutoLens's files, and LenStream's own.
"""

import re
from typing import NamedTuple

# Words of a name by what they say, in capitals. In a name with several, the kind that comes first here counts: a mask
# of the image is a mask.
KINDS = {
    "psf": ("PSF", "KERNEL"),
    "other": ("SEG", "SEGM", "SEGMAP", "SEGMENTATION", "CTX", "CON", "CONTEXT"),
    "light": ("LENSLIGHT",),  # a model of the lens galaxy, in the unit of the image
    "mask": (
        *("MASK", "DQ", "FLAG", "FLAGS", "FLG", "MSK", "BPM", "BADPIX", "BADPIXEL", "BADPIXELS"),
        *("MASKBITS", "QUALITY"),
    ),
    "invvar": ("IVAR", "INVVAR", "IVM", "INVVARIANCE", "INVERSEVARIANCE"),
    "variance part": ("VARPOISSON", "VARRNOISE", "VARFLAT"),  # of JWST, which add up
    "variance": ("VARIANCE", "VAR"),
    "rms": ("NOISE", "ERR", "RMS", "NOISEMAP", "ERROR", "SIGMA", "STD", "STDDEV", "UNCERT", "UNCERTAINTY"),
    "weight": ("WHT", "WEIGHT", "WGT", "WEI", "WEIGHTS", "WEIGHTMAP", "WT"),  # an inverse variance, or an exposure time
    "not the image": (
        *("BGMOD", "BKG", "BKGD", "BACKGROUND", "SKY", "MODEL", "RESIDUAL", "RESIDUALS", "RESID", "CHI", "CHI2"),
        *("EXP", "EXPTIME", "EXPMAP", "EXPOSURE", "NEXP", "TIME", "SAMP", "COVERAGE", "COV", "AREA", "DEPTH"),
        *("GALDEPTH", "PSFDEPTH", "PSFSIZE", "D2IMARR", "WCSDVARR", "WCSCORR", "THUMBNAIL", "DETECTION"),
    ),
    "image": ("IMAGE", "SCI", "DATA", "BGSUB", "SCIENCE", "IMG", "FLUX"),
}
COMPANIONS = ("rms", "variance", "variance part", "invvar", "weight", "mask", "light")  # what belongs to an image
IN_WORDS = {"rms": "noise", "variance part": "variance", "invvar": "inverse variance", "light": "lens light"}

# Words that say from where and how, not what.
QUALIFIERS = {
    *("HST", "JWST", "ACS", "WFC", "WFC3", "UVIS", "IR", "NIRCAM", "NIRISS", "MIRI"),
    *("EUCLID", "EUC", "NISP", "NIR", "MER", "LSST", "RUBIN", "HSC", "SUBARU", "DES", "DECAM", "DECALS", "LS"),
    *("LEGACY", "KIDS", "CFHT", "CFHTLS", "SDSS", "PS1"),
    *("MAP", "MOSAIC", "DRZ", "DRC", "I2D", "CAL", "FLT", "FLC", "COADD", "BAND", "FILTER", "TOTAL"),
}
FILTER = re.compile(r"[UGRIZYJHK]|KS|VIS|F\d{3,4}(W2?|M|N|LP|X)")
UNNAMED = ("", "PRIMARY", "COMPRESSED_IMAGE")  # EXTNAMEs that say nothing
# Keys of a header whose values are such names: of the Legacy Surveys, DES, HSC, and of the ESO's standard.
NAMING_KEYS = ("IMTYPE", "DES_EXT", "EXTTYPE", "HDUCLAS2")
ESO = {"MSE": "variance", "INVMSE": "invvar"}  # by HDUCLAS3, of an HDUCLAS2 of ERROR


class Role(NamedTuple):
    """What a name says."""

    kind: str  # of KINDS, or "" if the name says nothing
    band: str  # in capitals, e.g. "G", "F814W", "VIS"; "" without one
    rest: tuple  # the words that are left, in capitals


def role_of(name, bands=()):
    """The `Role` that a name, such as an EXTNAME, gives. bands: names, beside those of `FILTER`, that are bands."""
    words = [word for word in re.split(r"[^A-Z0-9+]+", str(name).upper()) if word]
    known = {word for words_of in KINDS.values() for word in words_of}
    joined, k = [], 0
    while k < len(words):  # INV_VAR is INVVAR
        pair = "".join(words[k : k + 2])
        take = 2 if pair in known and k + 1 < len(words) and not {*words[k : k + 2]} <= known else 1
        joined.append("".join(words[k : k + take]))
        k += take
    kind = next((kind for kind, words_of in KINDS.items() if any(word in words_of for word in joined)), "")
    left = [word for word in joined if word not in known]
    own = {band_of(band) for band in bands}
    band = next((w for w in left if w in own), None) or next((w for w in left if FILTER.fullmatch(w)), "")
    rest = tuple(w for w in left if w != band and w not in QUALIFIERS and not w.isdigit())
    if not kind and band and not rest:
        kind = "image"  # an extension a band goes by the band's name
    return Role("other" if kind == "not the image" else kind, band, rest)


def band_of(name):
    """The band in the name of a band or instrument, in capitals: "G" of "LSST_g", "F814W" of "HST/ACS_F814W"."""
    words = [word for word in re.split(r"[^A-Z0-9+]+", str(name).upper()) if word]
    return next((word for word in reversed(words) if FILTER.fullmatch(word)), "_".join(words))


def role_of_image(image, bands=()):
    """The `Role` of a `fits.FitsImage`, by its EXTNAME or another key of its header. bands: as for `role_of`."""
    header = image.headers[0]
    role = Role("", "", ()) if image.name in UNNAMED else role_of(image.name, bands)
    if not role.kind:
        values = [str(header[key]) for key in NAMING_KEYS if key in header]
        found = next((r for r in (role_of(value, bands) for value in values) if r.kind), None)
        role = role if found is None else found._replace(band=found.band or role.band, rest=role.rest)
    if header.get("HDUCLAS2") == "ERROR":
        role = role._replace(kind=ESO.get(header.get("HDUCLAS3"), role.kind))
    if role.kind == "rms" and "UNCERT" in image.name:  # astropy's CCDData
        kinds = {"VarianceUncertainty": "variance", "InverseVariance": "invvar"}
        role = role._replace(kind=next((k for word, k in kinds.items() if word in str(header.get("UTYPE"))), "rms"))
    if not role.band:
        named = [band_of(header[key]) for key in ("BAND", "FILTER") if isinstance(header.get(key), str)]
        role = role._replace(band=next((b for b in named if FILTER.fullmatch(b)), ""))
    return role


def in_words(kind):
    """A kind as messages call it."""
    return IN_WORDS.get(kind, kind)
