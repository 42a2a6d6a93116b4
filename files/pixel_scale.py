"""The size of the pixels of a FITS image, from the keys of its headers."""

import re
import warnings

import numpy as np

from ..errors import DataError
from .sky_coordinates import sky_coordinates

KEYS = ("PIXSCALE", "PIXELSCL", "PIXEL_SCALE", "PIXSCAL1", "SECPIX")
SQUARE = 0.01  # two sides of a pixel that differ by a larger fraction are not those of a square
AGREE = 0.05  # keys that differ by a larger fraction contradict each other; distortion and rounding stay below
LARGEST = 10.0  # arcsec: no image of a galaxy or lens has larger pixels, so the number is in mas or no degrees
SQUARE_ARCSEC = (180.0 * 3600.0 / np.pi) ** 2  # in a steradian
UNITS = {  # of the keys, by what their value or their comment says; the first that fits: its size in arcsec
    re.compile(r"\bmas\b|milli-?\s?arcsec", re.IGNORECASE): 1e-3,
    re.compile(r"arc-?\s?sec", re.IGNORECASE): 1.0,
    re.compile(r"arc-?\s?min", re.IGNORECASE): 60.0,
    re.compile(r"\bdeg\b|degree", re.IGNORECASE): 3600.0,
}


def header_pixel_scale(headers):
    """Pixel size in arcsec, or None if no header tells.

    Each header in turn (the image's own first, then the file's) is asked for PIXSCALE, PIXELSCL and the like in arcsec
    (in mas, arcmin or degrees if the value or the comment says so), then for sky coordinates: CD, or CDELT with or
    without PC, in degrees or CUNIT; CTYPE may be absent; then for the area of a pixel, PIXAR_A2 in arcsec^2
    or PIXAR_SR in sr.

    Raises: DataError for pixels that are not square or larger than 10 arcsec, and for keys that contradict each other.
    """
    known = {}
    for header in headers:
        for name, value in _statements(header):
            known.setdefault(name, value)  # of one key in two headers, that nearer to the image counts
    if not known:
        return None
    first, scale = next(iter(known.items()))
    for name, other in known.items():
        if abs(other - scale) > AGREE * max(scale, other):
            raise DataError(
                f"its {first} says pixels of {scale:.4g} arcsec and its {name} {other:.4g} arcsec: expected one size."
            )
    if scale > LARGEST:
        raise DataError(
            f"its {first} says pixels of {scale:.4g} arcsec: expected at most {LARGEST:g} (PIXSCALE and the like are "
            "in arcsec and not in mas, CDELT and CD in degrees unless CUNIT says otherwise)."
        )
    return scale


def wcs_pixel_scale(headers):
    """Pixel size in arcsec by the sky coordinates of the first header that has any, not by PIXSCALE; None without."""
    for header in headers:
        if "CTYPE1" in header:
            plain = header.copy()
            for key in KEYS:
                plain.remove(key, ignore_missing=True)
            return header_pixel_scale((plain,))
    return None


def number(header, key):
    """The finite number of a header's key as a float, or None without one; T and F are no numbers."""
    value = header.get(key)
    known = isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)
    return float(value) if known else None


def _statements(header):
    """What a header says of the pixel scale: pairs (name of the key, arcsec)."""
    for key in KEYS:
        value = number(header, key) or _number_in_text(header.get(key))
        if value is not None and value > 0:
            yield key, value * _unit(header, key)
    sides = _sides(header)
    if sides is not None:
        if abs(sides[0] - sides[1]) > SQUARE * max(sides):
            raise DataError(f"its pixels are not square ({sides[0]:.4g} x {sides[1]:.4g} arcsec).")
        used = "CD" if "CD1_1" in header or "CD1_2" in header else "CDELT" if "CDELT1" in header else "PC"
        yield used, float(np.sqrt(sides[0] * sides[1]))
    for key, unit in (("PIXAR_A2", 1.0), ("PIXAR_SR", SQUARE_ARCSEC)):
        area = number(header, key)
        if area is not None and area > 0:
            yield key, float(np.sqrt(area * unit))


def _number_in_text(value):
    """The number of a text such as "0.05" or "0.05 arcsec", or None."""
    pattern = r"\s*([0-9.]+(?:[eE][+-]?\d+)?)\s*(?:[A-Za-z].*|\".*)?"  # a unit may follow
    found = re.fullmatch(pattern, value) if isinstance(value, str) else None
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None


def _unit(header, key):
    """The unit of a key's number, in arcsec."""
    comments = getattr(header, "comments", None)
    said = (str(header[key]), "" if comments is None else str(comments[key]))
    return next((size for text in said for unit, size in UNITS.items() if unit.search(text)), 1.0)


def _sides(header):
    """Both sides of a pixel in arcsec from a header's sky coordinates, or None without any."""
    if not any(key in header for key in ("CD1_1", "CD1_2", "CDELT1", "PC1_1", "PC1_2")):
        return None  # astropy would take 1 degree a pixel
    from astropy import units
    from astropy.wcs.utils import proj_plane_pixel_scales

    wcs = sky_coordinates(header)
    if wcs is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            sky = wcs.celestial if wcs.has_celestial else wcs
            unit = sky.wcs.cunit[0] if sky.wcs.cunit[0].physical_type == "angle" else units.deg
            sides = proj_plane_pixel_scales(sky) * unit.to(units.arcsec)
        except Exception:  # a broken set of keys is as good as none; astropy raises errors of many types
            return None
    usable = np.isfinite(sides).all() and (sides > 0).all() and (wcs.has_celestial or sides.max() < LARGEST)
    return sides if usable else None
