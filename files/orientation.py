"""How the array of a FITS image lies on the sky, by the sky coordinates (WCS) of its headers."""

import warnings
from typing import NamedTuple

import numpy as np

from .sky_coordinates import sky_coordinates


class Orientation(NamedTuple):
    """How an array lies on the sky: position angle = position_angle_of_x + sense * (angle from +x of the array)."""

    position_angle_of_x: float  # rad, from North through East, of the direction in which the column number grows
    sense: int  # +1 as the sky is seen (East to the left of North), -1 for a mirrored array


def orientation_of(headers, shape):
    """The `Orientation` at the centre of an image by its sky coordinates (WCS), or None if no header tells.

    Args: headers: the image's own, then those that stand in for it. shape: (..., rows, columns).
    Any roll, mirroring, order of axes and projection; galactic and other coordinates become equatorial ones (ICRS).
    """
    for header in headers:
        if all(key in header for key in ("CTYPE1", "CTYPE2")) and any(
            key in header for key in ("CD1_1", "CD1_2", "CDELT1", "PC1_1")
        ):
            found = _orientation(header, shape)
            if found is not None:
                return found
    return None


def centre_of(headers, shape):
    """Right ascension and declination (ICRS) of the centre of an image [deg], or None if no header tells."""
    x, y = ((n - 1) / 2 for n in (shape[-1], shape[-2]))
    for header in headers:
        wcs = sky_coordinates(header) if "CTYPE1" in header else None
        if wcs is None or not wcs.has_celestial:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                sky = wcs.pixel_to_world(x, y).icrs
            except Exception:  # as in `_orientation`
                continue
        if np.isfinite(sky.ra.deg) and np.isfinite(sky.dec.deg):
            return float(sky.ra.deg), float(sky.dec.deg)
    return None


def _orientation(header, shape):
    wcs = sky_coordinates(header)
    if wcs is None or not wcs.has_celestial:
        return None
    x, y = ((n - 1) / 2 for n in (shape[-1], shape[-2]))
    step = 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            sky = wcs.pixel_to_world([x, x + step, x - step, x, x], [y, y, y, y + step, y - step]).icrs
            points = np.asarray(sky.cartesian.xyz.value, dtype=float).T
            longitude, latitude = sky.ra.rad[0], sky.dec.rad[0]
        except Exception:  # a broken set of keys is as good as none; astropy raises errors of many types
            return None
    north = [-np.sin(latitude) * np.cos(longitude), -np.sin(latitude) * np.sin(longitude), np.cos(latitude)]
    east = [-np.sin(longitude), np.cos(longitude), 0.0]
    along_x, along_y = points[1] - points[2], points[3] - points[4]
    (n_x, e_x), (n_y, e_y) = ((along @ north, along @ east) for along in (along_x, along_y))
    area = n_x * e_y - n_y * e_x
    if not (np.isfinite(area) and area != 0):
        return None
    sense = 1 if area > 0 else -1
    return Orientation(float(np.arctan2(e_x - sense * n_y, n_x + sense * e_y)), sense)  # the closest rotation
