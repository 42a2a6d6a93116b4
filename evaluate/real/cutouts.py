"""Read images of real lenses (FITS) and resample them onto the pixels that the network was trained on.

A file holds the extensions IMAGE (or SCI), NOISE (or ERR), MASK (0 = good) and LENSLIGHT, of which only the first
is needed, or one plain 2-D image. Images are in counts/s a pixel, with the sky subtracted and the lens at the centre of
the array, (n - 1) / 2 on both axes. Arrays are kept as they are: x = column to the right, y = row upwards, which is the
simulator's convention, so e1 and e2 refer to the array's axes and not to North.

About the noise: output variances add the input variances as if pixels were independent. Where a drizzled image's
neighbours correlate, the scatter of binned pixels is larger than that; where the file's noise map is an over-estimate,
it is smaller. Nothing is tuned to a survey here: the noise is what the file says.
"""

from dataclasses import dataclass

import numpy as np

from ...errors import DataError, grouped
from ...files.cutout_layout import read_planes
from ...files.pixel_scale import KEYS, header_pixel_scale
from ...files.roles import is_flux, is_noise
from ...files.suffixes import FITS, data_files, stem

MIN_COVERED = 0.5  # an output pixel needs valid input on this fraction of its area, else it is filled
MIN_FIELD = 0.5  # the file's field has to cover this fraction of the area that the network sees


@dataclass(frozen=True)
class Cutout:
    """The image of a real lens and its noise, on the network's pixels."""

    name: str  # the file's name without its suffix
    image: np.ndarray  # float32 (num_pix, num_pix), counts/s per output pixel, finite; filled pixels are 0
    noise: np.ndarray  # float32 (num_pix, num_pix), rms in counts/s per output pixel, finite and positive
    masked: float  # fraction of output pixels without enough valid input (these are filled)
    light_subtracted: bool  # the file's model of the lens light was subtracted
    pixel_scale: float  # arcsec, of the output pixels


def read_cutouts(folder, num_pix, pixel_scale, input_pixel_scale=None, subtract_light=True):
    """Read every FITS file of a folder onto num_pix x num_pix pixels of `pixel_scale` arcsec, centred on the lens.

    Args:
        folder: the folder; its FITS files are read in the order of their names.
        num_pix: output pixels on a side.
        pixel_scale: size of an output pixel, arcsec.
        input_pixel_scale: size of the files' pixels, arcsec; None reads it from each header.
        subtract_light: subtract the extension LENSLIGHT where a file has one.

    Returns:
        The list of Cutout, and a list of (file name, one sentence why) for the files that were skipped.

    Raises:
        DataError: no such folder, no FITS file in it, or not one file that can be used.
    """
    paths = fits_files(folder)
    cutouts, skipped = [], []
    for path in paths:
        try:
            name = stem(path)
            if any(c.name == name for c in cutouts):
                raise DataError(f"another file of the name {name} was read already.")
            cutouts.append(_read_one(path, name, num_pix, pixel_scale, input_pixel_scale, subtract_light))
        except DataError as error:
            skipped.append((path.name, str(error)))
    if not cutouts:
        reasons = "; ".join(grouped(skipped))
        raise DataError(f"None of the {len(paths)} FITS files in {folder} can be used: {reasons}.")
    return cutouts, skipped


def overlap_matrix(n_in, scale_in, n_out, scale_out):
    """Fraction of each input pixel's length that falls into each output pixel, on one axis with a common centre.

    Shape (n_out, n_in); columns of input pixels inside the output field sum to 1, so flux is conserved.
    """
    edges_in = (np.arange(n_in + 1) - n_in / 2) * scale_in
    edges_out = (np.arange(n_out + 1) - n_out / 2) * scale_out
    upper = np.minimum(edges_out[1:, None], edges_in[None, 1:])
    lower = np.maximum(edges_out[:-1, None], edges_in[None, :-1])
    return np.clip(upper - lower, 0, None) / scale_in


def resample(image, variance, valid, scale_in, num_pix, pixel_scale):
    """Flux per output pixel, its variance and the covered fraction of each output pixel.

    Args:
        image, variance, valid: (ny, nx); flux and variance per input pixel, and True where they can be used.
        scale_in, pixel_scale: input and output pixel, arcsec.
        num_pix: output pixels on a side.

    Returns:
        flux, variance and covered, float64 (num_pix, num_pix). Partly covered pixels are scaled up to their full area;
        pixels that nothing covers are 0. The variance counts input pixels as independent.
    """
    rows = overlap_matrix(image.shape[0], scale_in, num_pix, pixel_scale)
    columns = overlap_matrix(image.shape[1], scale_in, num_pix, pixel_scale)
    covered = rows @ valid.astype(float) @ columns.T * (scale_in / pixel_scale) ** 2
    scale_up = np.divide(1.0, covered, out=np.zeros_like(covered), where=covered > 0)
    flux = rows @ np.where(valid, image, 0.0) @ columns.T * scale_up
    spread = rows**2 @ np.where(valid, variance, 0.0) @ (columns**2).T * scale_up**2
    return flux, spread, covered


def fits_files(folder):
    """The FITS files of a folder in the order of their names; raises DataError if there is no folder or none in it."""
    return data_files(folder, FITS, "FITS cut-outs of lenses")


def _read_one(path, name, num_pix, pixel_scale, input_pixel_scale, subtract_light):
    """One file as a Cutout; DataError with the reason where it cannot be used."""
    planes, headers = read_planes(path)
    image = planes["image"]
    valid = is_flux(image)
    if "mask" in planes:
        valid &= planes["mask"] == 0
    light_subtracted = subtract_light and "light" in planes
    if light_subtracted:
        valid &= is_flux(planes["light"])
        image = image - planes["light"]
    if "noise" in planes:
        noise = planes["noise"]
        valid &= is_noise(noise)
    if not valid.any():
        raise DataError("not one pixel is valid: all are masked, not finite or without a usable noise.")
    if "noise" not in planes:
        noise = np.full(image.shape, sky_noise(image, valid))
    scale_in = _input_scale(headers) if input_pixel_scale is None else float(input_pixel_scale)
    _check_field(image.shape, scale_in, num_pix, pixel_scale)
    flux, variance, covered = resample(image, noise**2, valid, scale_in, num_pix, pixel_scale)
    filled = covered < MIN_COVERED
    if filled.all():
        raise DataError("not one pixel near the lens is valid: all are masked, not finite or without a usable noise.")
    # The sky is at 0: a network that knows arcs on an empty sky takes a hole at that level for sky.
    flux[filled] = 0.0
    rms = np.sqrt(variance)
    rms[filled] = np.median(rms[~filled])
    return Cutout(
        name=name,
        image=flux.astype(np.float32),
        noise=rms.astype(np.float32),
        masked=float(filled.mean()),
        light_subtracted=light_subtracted,
        pixel_scale=float(pixel_scale),
    )


def _input_scale(headers):
    """Pixel size in arcsec from the header of the image, or else of the file."""
    scale = header_pixel_scale(headers)
    if scale is None:
        raise DataError(
            f"its header has no pixel scale ({', '.join(KEYS)}, CDELT or CD): "
            "give it in arcsec as real_lenses.pixel_scale."
        )
    return scale


def _check_field(shape, scale_in, num_pix, pixel_scale):
    """DataError where the file shows less than MIN_FIELD of the area that the network sees."""
    side = num_pix * pixel_scale
    height, width = (n * scale_in for n in shape)
    seen = min(height / side, 1.0) * min(width / side, 1.0)
    if seen < MIN_FIELD:
        raise DataError(
            f"its field of {width:.3g} x {height:.3g} arcsec covers {seen:.0%} of the {side:.3g} x {side:.3g} arcsec "
            f"that the network sees: expected at least {MIN_FIELD:.0%}."
        )


def sky_noise(image, valid):
    """Rms per pixel of an image without a noise map, from a frame around its edge (no Poisson noise of the lens).

    The median absolute difference of pixels two apart: a slope of the sky drops out, and so do most of the neighbours'
    correlations in a drizzled image. DataError where too few pixels are valid or nothing varies.
    """
    frame = np.where(valid, image, np.nan)
    width = max(3, min(image.shape) // 6)
    frame[width:-width, width:-width] = np.nan
    pairs = [frame[2:] - frame[:-2], frame[:, 2:] - frame[:, :-2]]
    pairs = [d[np.isfinite(d)] for d in pairs]
    if min(d.size for d in pairs) < 10:
        rms = 0.0
    else:
        off = np.concatenate([np.abs(d - np.median(d)) for d in pairs])
        rms = 1.4826 * np.median(off) / np.sqrt(2)
    if not rms > 0:
        raise DataError(
            "its noise cannot be measured at the edge of the image: add an extension NOISE (rms in counts/s)."
        )
    return float(rms)
