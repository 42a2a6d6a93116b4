"""The size of the pixels of a FITS image, from the keys of its headers."""

import warnings

import numpy as np

from ..errors import DataError

KEYS = ("PIXSCALE", "PIXELSCL", "PIXEL_SCALE")
SQUARE = 0.01  # two sides of a pixel that differ by a larger fraction are not those of a square
LARGEST_GUESS = 10.0  # arcsec: a pixel larger than that by numbers without CTYPE shows that these are no degrees


def header_pixel_scale(headers):
    """Pixel size in arcsec, or None if no header tells.

    Each header in turn (the image's own first, then the file's) is asked for PIXSCALE, PIXELSCL or PIXEL_SCALE in
    arcsec, then for sky coordinates: CD, or CDELT with or without PC, in degrees; CTYPE may be absent.

    Raises: DataError for pixels that are not square.
    """
    for header in headers:
        for key in KEYS:
            value = number(header, key)
            if value is not None and value > 0:
                return value
        sides = _sides(header)
        if sides is None:
            continue
        if abs(sides[0] - sides[1]) > SQUARE * max(sides):
            raise DataError(f"its pixels are not square ({sides[0]:.4g} x {sides[1]:.4g} arcsec).")
        return float(np.sqrt(sides[0] * sides[1]))
    return None


def number(header, key):
    """The finite number of a header's key as a float, or None without one; T and F are no numbers."""
    value = header.get(key)
    known = isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)
    return float(value) if known else None


def _sides(header):
    """Both sides of a pixel in arcsec from a header's sky coordinates, or None without any."""
    if not any(key in header for key in ("CD1_1", "CD1_2", "CDELT1")):
        return None  # astropy would take 1 degree a pixel
    from astropy.wcs import WCS
    from astropy.wcs.utils import proj_plane_pixel_scales

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wcs = WCS(header, naxis=2)
            sides = 3600.0 * proj_plane_pixel_scales(wcs.celestial if wcs.has_celestial else wcs)
        except Exception:  # a broken set of keys is as good as none; astropy raises errors of many types
            return None
    usable = np.isfinite(sides).all() and (sides > 0).all() and (wcs.has_celestial or sides.max() < LARGEST_GUESS)
    return sides if usable else None
