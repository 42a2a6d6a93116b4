"""What the file of a cut-out says and shows before it is resampled: field, pixel scales, noise, saturation, place."""

from dataclasses import dataclass

import numpy as np

from ...errors import DataError
from ...files.orientation import Orientation, centre_of, orientation_of
from ...files.pixel_scale import header_pixel_scale, wcs_pixel_scale
from ...files.units import is_calibrated

SAME_SCALE = 0.02  # two statements of a pixel scale that differ by a larger fraction contradict each other
PLATEAU = 3  # this many pixels with exactly the largest value: saturated, as no noise is left in them


@dataclass(frozen=True)
class FileFacts:
    """What was measured on a file's own pixels."""

    width: float  # arcsec, of the field
    height: float  # arcsec
    pixel_scale: float  # arcsec, as used
    other_scale: float | None  # arcsec, of a header that contradicts it
    noise_given: bool  # a noise map came with the image
    calibrated: bool  # the unit is not one of a detector, so that the noise says nothing about the depth
    saturated: int  # pixels that share the largest value; 0 where fewer than PLATEAU do, or where it is no signal
    light_offset: float | None  # arcsec from the centre to the peak of the model of the lens light, if there is one
    orientation: Orientation | None  # of the array on the sky
    centre: tuple[float, float] | None = None  # right ascension and declination of the array's centre [deg]


def measure_file(planes, valid, scale):
    """The `FileFacts` of a cut-out.

    Args: planes: `files.cutout_layout.Planes`. valid: bool, pixels that can be used. scale: of them as used, arcsec.
    """
    height, width = planes.image.shape[-2:]
    return FileFacts(
        width=width * scale,
        height=height * scale,
        pixel_scale=scale,
        other_scale=_contradiction(planes.headers, scale),
        noise_given=planes.noise is not None,
        calibrated=is_calibrated(planes.headers),
        saturated=_saturated(planes.image, valid),
        light_offset=None if planes.light is None else _offset(planes.light, valid) * scale,
        orientation=orientation_of(planes.headers, planes.image.shape),
        centre=centre_of(planes.headers, planes.image.shape),
    )


def _contradiction(headers, scale):
    """The pixel scale of a key or of the sky coordinates that is not `scale`; None if all agree."""
    stated = []
    for read in (header_pixel_scale, wcs_pixel_scale):
        try:
            stated.append(read(headers))
        except DataError:  # of a header that contradicts itself, beside a scale that was given by the user
            continue
    return next((s for s in stated if s is not None and abs(s - scale) > SAME_SCALE * scale), None)


def _saturated(image, valid):
    """How many valid pixels share the largest value, if PLATEAU or more do and it stands out of the others."""
    peak = image[valid].max()
    at_peak = valid & (image == peak)
    count = np.count_nonzero(at_peak)
    typical = np.median(image[valid])
    spread = typical - np.percentile(image[valid], 16)  # of the darker half, where there are no arcs
    least = 20 if count < 4 * PLATEAU else 5  # so many pixels share no value by chance, however faint it is
    return count if count >= PLATEAU and peak - typical > least * spread > 0 else 0


def _offset(light, valid):
    """Pixels from the centre of the array to the peak of (..., rows, columns)."""
    total = np.where(valid, light, -np.inf).reshape(-1, *light.shape[-2:]).max(0)
    row, column = np.unravel_index(np.argmax(total), total.shape)
    height, width = total.shape
    return float(np.hypot(row - (height - 1) / 2, column - (width - 1) / 2))
