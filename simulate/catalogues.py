"""Real galaxies from a catalogue in GalSim's RealGalaxyCatalog layout, such as COSMOS_23.5: stamps without sky.

The catalogue is a FITS table with one row per galaxy; GAL_FILENAME and GAL_HDU say where its image lies, in a file
beside the catalogue. Only FITS is read, nothing is unpickled.
"""

import logging
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy import ndimage

from ..errors import DataError
from .galaxies import Stamps, half_light_radii

log = logging.getLogger("lenstream")

COLUMNS = ("IDENT", "MAG", "PIXEL_SCALE", "GAL_FILENAME", "GAL_HDU")
LARGEST = 256  # pixels: 7.7 arcsec at HST's .03 arcsec
SMALLEST = 9  # pixels: less cannot hold a galaxy, a taper and a ring of zeros
SMOOTHING = 3.0  # pixels: sigma with which the sky is smoothed to find where the galaxy ends
THRESHOLD = 2.5  # of the rms of the smoothed sky: fainter than that it is not the galaxy's
COARSEST = 4.0  # pixels: sigma of the smoothest image that a clean image is mixed from
FINER = ((2.0, 5.0), (1.0, 8.0), (0.0, 10.0))  # sigma of the others, signal to noise where they get half the weight
FEATHER = 4.0  # pixels: sigma with which the light ends beyond the threshold
FLUX_KEPT = 0.98  # a galaxy is binned rather than cropped when a crop would keep less than this


def read_cosmos(path, size=None, limit=None):
    """The usable galaxies of a catalogue, sky and neighbours removed, centred on the centroid of their light.

    Args:
        path: the catalogue, e.g. real_galaxy_catalog_23.5.fits; the image files lie beside it.
        size: pixels on a side of the stamps; None: what the largest galaxy needs, at most 256. A galaxy too large for
            it is binned 2x2, 3x3, ...
        limit: read no more than this many galaxies, at least one, evenly spread through the catalogue; None: all. (The
            56,000 of COSMOS_23.5 take minutes to read and up to 15 GB to hold.)

    Returns: Stamps, pixel scale [arcsec] and AB magnitude from the catalogue. Galaxies without a usable image are left
        out, with one warning that names them.

    Raises: DataError if the catalogue is absent, is not FITS, is cut short or lacks a column, or no galaxy is usable.
    """
    path = Path(path)
    if size is not None and size < SMALLEST:
        raise DataError(f"Stamps of {size} pixels are too small for galaxies: expected a size of {SMALLEST} or more.")
    rows = _read_table(path)
    if limit is not None and limit < len(rows["MAG"]):
        chosen = np.linspace(0, len(rows["MAG"]) - 1, max(limit, 1)).round().astype(int)
        rows = {name: column[chosen] for name, column in rows.items()}
    galaxies, unusable = _read_images(path.parent, rows)
    if unusable:
        shown = "; ".join(f"{rows['IDENT'][k]} ({why})" for k, why in sorted(unusable.items())[:20])
        more = f"; and {len(unusable) - 20} more" if len(unusable) > 20 else ""
        if not galaxies:
            raise DataError(f"No galaxy of {path} is usable: {shown}{more}.")
        log.warning("%d of %d galaxies of %s left out: %s%s", len(unusable), len(rows["MAG"]), path, shown, more)
    order = sorted(galaxies)
    if size is None:
        size = min(max(_extent(galaxies[k]) for k in order), LARGEST)
    images, binning = np.empty((len(order), size, size), np.float32), np.empty(len(order))
    for i, k in enumerate(order):
        images[i], binning[i] = _centred(galaxies.pop(k), size)
    return Stamps(
        images=images,
        R_half=half_light_radii(images),
        pixel_scale=rows["PIXEL_SCALE"][order] * binning,
        magnitude=rows["MAG"][order],
        names=tuple(str(name) for name in rows["IDENT"][order]),
    )


def _read_table(path):
    """The columns of the catalogue that are needed, as a dictionary of arrays with one entry per galaxy."""
    if not path.is_file():
        raise DataError(
            f"There is no galaxy catalogue {path}: expected a FITS table in GalSim's RealGalaxyCatalog form."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # astropy warns of a file cut short; the error below says it once
            with fits.open(path, memmap=False) as hdus:
                tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
                table = tables[0].data if tables else None
                names = {} if table is None else {name.upper(): name for name in table.names}
                rows = {name: np.array(table[names[name]]) for name in (*COLUMNS, "NOISE_MEAN") if name in names}
    except Exception as error:  # astropy lets many kinds of error out of a damaged file
        raise DataError(f"{path} cannot be read as a FITS table: it is not FITS or was cut short.") from error
    if table is None:
        raise DataError(f"{path} holds no table: expected a catalogue in GalSim's RealGalaxyCatalog form.")
    missing = [name for name in COLUMNS if name not in rows]
    if missing:
        raise DataError(
            f"The galaxy catalogue {path} lacks {', '.join(missing)}: expected the columns {', '.join(COLUMNS)}."
        )
    if len(table) == 0:
        raise DataError(f"The galaxy catalogue {path} has no rows: expected one per galaxy.")
    rows.setdefault("NOISE_MEAN", np.full(len(table), np.nan))
    try:
        kinds = {"MAG": float, "PIXEL_SCALE": float, "NOISE_MEAN": float, "GAL_HDU": int, "GAL_FILENAME": str}
        return rows | {name: rows[name].astype(kind) for name, kind in kinds.items()}
    except ValueError as error:
        raise DataError(
            f"The galaxy catalogue {path} has a column of the wrong kind: expected numbers in MAG, PIXEL_SCALE and "
            "GAL_HDU and file names in GAL_FILENAME."
        ) from error


def _read_images(folder, rows):
    """Clean images by row number, and by row number why there is none."""
    galaxies, unusable = {}, {}
    for filename in dict.fromkeys(rows["GAL_FILENAME"]):  # every file is opened once
        members = np.flatnonzero(rows["GAL_FILENAME"] == filename)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                hdus = fits.open(folder / filename.strip())
            except FileNotFoundError:
                unusable |= {k: f"no file {filename.strip()}" for k in members}
                continue
            except (OSError, ValueError, TypeError):
                unusable |= {k: f"{filename.strip()} is not FITS" for k in members}
                continue
            with hdus:
                for k in members:
                    try:
                        galaxies[k] = _one_image(hdus, rows, k)
                    except _UnusableError as why:
                        unusable[k] = str(why)
    return galaxies, unusable


class _UnusableError(Exception):
    """A galaxy cannot be used; the message is the reason in a few words."""


def _one_image(hdus, rows, k):
    if not (np.isfinite(rows["MAG"][k]) and 0 < rows["PIXEL_SCALE"][k] < np.inf):
        raise _UnusableError("no magnitude or no pixel scale")
    number = rows["GAL_HDU"][k]
    try:
        image = None if number < 0 else hdus[number].data
        image = None if image is None else np.array(image, dtype=float)
    except (IndexError, OSError, ValueError, TypeError, KeyError):
        image = None
    if image is None or image.ndim != 2 or min(image.shape) < SMALLEST:
        raise _UnusableError(f"no image in HDU {number}")
    image = clean(image, rows["NOISE_MEAN"][k])
    if image is None:
        raise _UnusableError("no galaxy found in the image")
    return image.astype(np.float32)  # all of a catalogue's are held until the size of the stamps is known


def clean(image, noise_mean=float("nan")):
    """The light of the galaxy in the middle of a cut-out, without sky, noise beyond it, and neighbours.

    The sky is the median of the border or, where that agrees within the noise, the catalogue's. The galaxy is the
    connected region, at the middle, where the smoothed image stands out of the smoothed sky; inside, details below the
    noise are removed, and beyond, the light fades.

    Args:
        image: shape (rows, columns), any unit; pixels that are not finite are filled from those around them.
        noise_mean: the catalogue's NOISE_MEAN in the unit of the image; NaN: none.
    Returns: an array of that shape, >= 0, in the unit of the image and not normalised; None if there is no galaxy.
    """
    good = np.isfinite(image)
    border = _border(image.shape) & good
    if good.mean() < 0.5 or border.sum() < 10:
        return None
    sky = np.median(image[border])
    if abs(noise_mean - sky) < _rms(image[border]):
        sky = noise_mean  # outskirts of large galaxies reach the border
    coverage = ndimage.gaussian_filter(good.astype(float), SMOOTHING, mode="nearest")
    smooth = ndimage.gaussian_filter(np.where(good, image - sky, 0.0), SMOOTHING, mode="nearest")
    smooth /= np.maximum(coverage, 1e-3)
    image = np.where(good, image - sky, smooth)
    # The noise is measured after smoothing: neighbouring pixels of drizzled images are correlated, so the catalogue's
    # variance of one pixel does not tell what smoothing leaves.
    noise = _rms(smooth[border])
    significant = smooth > max(THRESHOLD * noise, 1e-4 * smooth.max())
    galaxy = _middle_region(significant, smooth, noise)
    if galaxy is None:
        return None
    # Light ends softly: what lies just beyond the threshold is still the galaxy's, unless it is a neighbour's.
    weight = np.exp(-0.5 * (ndimage.distance_transform_edt(~galaxy) / FEATHER) ** 2)
    weight[(weight < 0.01) | (significant & ~galaxy)] = 0.0
    weight = ndimage.gaussian_filter(weight, 1.0, truncate=3.0) * _edge(image.shape)
    return np.maximum(_denoised(image, border), 0.0) * weight


def _denoised(image, border):
    """The image, smoothed the more the fainter it is: over 4 pixels where it sinks into the noise, not where bright.

    Every step to a finer image goes as far as the light found so far exceeds the noise, measured in the border, of it.
    """
    light = ndimage.gaussian_filter(image, COARSEST, mode="nearest")
    for sigma, trusted in FINER:
        finer = ndimage.gaussian_filter(image, sigma, mode="nearest")
        trust = light**2 / (light**2 + (trusted * _rms(finer[border])) ** 2 + 1e-300)
        light += trust * (finer - light)
    return light


def _border(shape):
    """True within 1/16 of the side from the edge, at least three pixels."""
    width = max(3, min(shape) // 16)
    border = np.ones(shape, bool)
    border[width:-width, width:-width] = False
    return border


def _rms(values):
    return 1.4826 * np.median(np.abs(values - np.median(values)))


def _middle_region(significant, smooth, noise):
    """The connected significant region that covers the middle of the image, or the brightest one near it; or None."""
    opened = ndimage.binary_opening(significant, iterations=2)  # cuts off tendrils of noise and bridges to neighbours
    labels, count = ndimage.label(opened)
    if count == 0:
        return None
    rows, columns = np.indices(smooth.shape)
    away = np.hypot(rows - 0.5 * (smooth.shape[0] - 1), columns - 0.5 * (smooth.shape[1] - 1))
    near = away < max(3.0, min(smooth.shape) / 8)
    light = np.bincount(labels[near], weights=smooth[near], minlength=count + 1)
    light[0] = 0.0
    region = labels == np.argmax(light)
    # Specks of noise pass 2 sigma somewhere in most images; a galaxy has a peak of 5 sigma.
    if not light.any() or smooth[region].max() <= 5.0 * noise:
        return None
    return ndimage.binary_fill_holes(region)


def _centroid(image):
    """Row and column of the centroid of the light."""
    total = image.sum()
    return image.sum(1) @ np.arange(image.shape[0]) / total, image.sum(0) @ np.arange(image.shape[1]) / total


def _extent(image):
    """Side of the square about the centroid that holds all light, with a ring of zeros around it."""
    reach = 0.0
    for axis, centre in enumerate(_centroid(image)):
        lit = np.flatnonzero(image.any(1 - axis))
        reach = max(reach, centre - lit[0], lit[-1] - centre)
    return max(2 * int(np.ceil(reach)) + 4, SMALLEST)


def _centred(image, size):
    """The image with its centroid in the middle of size x size pixels, sum 1, edge 0; and its binning."""
    binning = 1
    while True:
        binned = _binned(image, binning)
        total, centre = binned.sum(), np.array(_centroid(binned))
        # The first shift centres what is cropped or clipped only roughly; the second one settles it.
        for _ in range(2):
            stamp = ndimage.affine_transform(
                binned, (1.0, 1.0), centre - 0.5 * (size - 1), (size, size), order=3, mode="grid-constant"
            )
            stamp = np.maximum(stamp, 0.0) * _edge((size, size))
            if stamp.sum() < FLUX_KEPT * total:
                break
            centre += np.array(_centroid(stamp)) - 0.5 * (size - 1)
        else:
            return stamp / stamp.sum(), binning
        binning += 1


def _binned(image, n):
    """Sums over n x n pixels; rows and columns of zeros complete the last ones."""
    if n == 1:
        return image
    image = np.pad(image, [(0, -side % n) for side in image.shape])
    return image.reshape(image.shape[0] // n, n, image.shape[1] // n, n).sum((1, 3))


def _edge(shape):
    """Weights that fall from one to zero over the last pixels, zero on the outermost ring."""
    ramps = [np.minimum(np.arange(side), np.arange(side)[::-1]) / max(2.0, side / 16) for side in shape]
    return np.outer(*(np.minimum(ramp, 1.0) for ramp in ramps))
