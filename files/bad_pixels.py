"""Bad pixels from masks, data-quality arrays and flag maps: what their values and bits mean, survey by survey."""

from typing import NamedTuple

import numpy as np

from ..errors import DataError

LARGE = 0.05  # share of a mask from which on a masked centre says that the mask is the wrong way round


class Flags(NamedTuple):
    """How the values of a mask are to be read."""

    words: str  # for messages
    planes: dict | None  # number of the bit by the name of the plane; None: whatever is not 0 is bad
    bad: tuple = ()  # names of the planes that spoil a pixel


# Planes of HSC and LSST: they stand in the mask's header as MP_BAD = 0; these are the numbers if they do not. What was
# detected, interpolated or lies near a bright star has a flux all the same.
LSST_PLANES = {"BAD": 0, "SAT": 1, "INTRP": 2, "CR": 3, "EDGE": 4, "DETECTED": 5, "DETECTED_NEGATIVE": 6}
LSST_PLANES |= {"SUSPECT": 7, "NO_DATA": 8}
LSST_BAD = ("BAD", "SAT", "CR", "EDGE", "SUSPECT", "NO_DATA", "UNMASKEDNAN", "OUT_OF_BOUNDS", "VIGNETTED", "STREAK")
LSST_USUAL = tuple(plane for plane in LSST_BAD if plane in LSST_PLANES)
LSST = Flags("the usual planes of HSC and LSST, as the header has none", LSST_PLANES, LSST_USUAL)

JWST = Flags("flags of JWST", {"DO_NOT_USE": 0}, ("DO_NOT_USE",))
# https://euclid.esac.esa.int/msp/dpdd/live/visdpd/dpcards/vis_flagmap.html; NISP's first planes are bad pixels, too.
EUCLID_PLANES = {
    "INVALID": 0,
    "HOT": 1,
    "COLD": 2,
    "SAT": 3,
    "COSMIC": 4,
    "GHOST": 5,
    "BAD_COLUMN": 7,
    "BAD_CLUSTER": 8,
}
EUCLID_PLANES |= {"OVRCOL": 12, "CHARINJ": 15, "SATXTALKGHOST": 17, "ADCMAX": 21, "NO_DATA": 22}
EUCLID = Flags("flags of Euclid", EUCLID_PLANES, tuple(EUCLID_PLANES))
DES_PLANES = {"BPM": 0, "SATURATE": 1, "INTERP": 2, "BADAMP": 3, "CRAY": 4, "TRAIL": 6, "EDGEBLEED": 7, "SSXTALK": 8}
DES_PLANES |= {"EDGE": 9, "STREAK": 10}
DES = Flags("flags of DES", DES_PLANES, tuple(DES_PLANES))
LEGACY_PLANES = {"SATUR_G": 2, "SATUR_R": 3, "SATUR_Z": 4, "ALLMASK_G": 5, "ALLMASK_R": 6, "ALLMASK_Z": 7}
LEGACY_PLANES |= {"SATUR_I": 14, "ALLMASK_I": 15}
LEGACY = Flags("maskbits of the Legacy Surveys", LEGACY_PLANES, tuple(LEGACY_PLANES))
ANY = Flags("not 0", None)


def flags_of(name, headers, beside=()):
    """The `Flags` of a mask.

    name: its EXTNAME or the file's name. headers: its own, then the file's. beside: names of the parts beside it.
    """
    words = name.upper()
    names = " ".join([words, *beside]).upper()
    origin = " ".join(str(h.get(key, "")).upper() for h in headers for key in ("TELESCOP", "INSTRUME", "ORIGIN"))
    in_header = {
        k[3:]: v for h in headers for k, v in h.items() if k.startswith("MP_") and type(v) is int and 0 <= v < 63
    }
    if in_header:
        return Flags("planes by the header", in_header, tuple(plane for plane in LSST_BAD if plane in in_header))
    if "MASKBITS" in words or any(str(h.get("IMTYPE")).lower() == "maskbits" for h in headers):
        return LEGACY
    if "JWST" in origin or "VARPOISSON" in names.replace("_", ""):  # cut-outs often lack the file's own header
        return JWST
    if "EUCLID" in origin or ("FLAG" in words and ("VIS" in names or "NIR" in names or "BGSUB" in names)):
        return EUCLID
    if ("MSK" in words and "KIDS" not in words) or any("DES_EXT" in h for h in headers):
        return DES
    if "MASK" in words and ("VARIANCE" in names or any(w in origin for w in ("HSC", "HYPER", "LSST", "RUBIN"))):
        return LSST
    return ANY


def is_bad(mask, flags):
    """Where a mask of any type marks a bad pixel, bool of its shape; NaN is bad."""
    missing = ~np.isfinite(mask) if mask.dtype.kind == "f" else np.zeros(mask.shape, dtype=bool)
    if flags.planes is None:
        return missing | (mask != 0)
    bits = np.where(missing, 0, mask).astype(np.int64)
    value = sum(1 << flags.planes[plane] for plane in flags.bad)
    return missing | ((bits & value) != 0)


def describe(name, flags):
    """A mask in words: "DQ where not 0", "MASK (planes by the header: BAD, SAT)"."""
    if flags.planes is None:
        return f"{name} where {flags.words}"
    planes = ", ".join(flags.bad) or "none of which spoils a pixel"
    return f"{name} ({flags.words}: {planes})"


def check_way_round(bad, name, bright):
    """Raise DataError for a mask (rows, columns) that is 1 where pixels are good: it covers the lens.

    bad: bool, where the mask is not 0: at the centre, on most of the image, or on most of what is bright around it.
    bright: bool, where the image shows something.
    """
    share = bad.mean()
    rows, columns = (slice(n * 3 // 20, n - n * 3 // 20) for n in bad.shape)
    inner, shown = bad[rows, columns], bright[rows, columns]
    on_arcs = inner.mean() > 0.15 and np.count_nonzero(shown & inner) > 0.7 * max(np.count_nonzero(shown), 10)
    if (share > LARGE and _centre(bad, 12) > 0.5) or (share > 0.5 and _centre(bad, 4) > 0.2) or on_arcs:
        raise DataError(
            f"its mask {name} is not 0 on {share:.0%} of the pixels, those of the lens included: expected 0 where a "
            "pixel is good and another number where it is bad."
        )


def _centre(bad, parts):
    """Share of the bad pixels in a box at the centre, whose side is one of so many parts of the image's."""
    rows, columns = (slice((n - max(n // parts, 3)) // 2, (n + max(n // parts, 3) + 1) // 2) for n in bad.shape)
    return bad[rows, columns].mean()
