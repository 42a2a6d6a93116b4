"""Files of galaxies: GalSim's RealGalaxyCatalog, folders of FITS images and .npz archives, as lists of `Entries`.

Only FITS tables and images and plain arrays are read; nothing is unpickled.
"""

import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales

from ..errors import DataError
from ..simulate.galaxies.cleaning import SMALLEST

SUFFIXES = (".fits", ".fits.gz", ".fit")
COLUMNS = ("IDENT", "MAG", "PIXEL_SCALE", "GAL_FILENAME", "GAL_HDU")
REDSHIFTS = ("ZPHOT", "Z_PHOT", "PHOTOZ", "REDSHIFT", "ZBEST", "Z")  # names that columns of redshifts go by
SCALE_KEYS = ("PIXSCALE", "PIXELSCL", "PIXEL_SCALE")
ARRAYS = ("images", "pixel_scale", "magnitude", "redshift", "names")


@dataclass(frozen=True)
class Entries:
    """What a catalogue says of its n galaxies in b bands, and how to get their images."""

    names: np.ndarray  # (n,) strings
    magnitude: np.ndarray  # (n, b) AB, NaN where unknown
    pixel_scale: np.ndarray  # (n,) arcsec, NaN where unknown
    redshift: np.ndarray  # (n,), NaN where unknown
    sky: np.ndarray  # (n,) level of the sky in the unit of the images, NaN where unknown
    images: Callable  # numbers -> pairs (number, float64 (b, rows, columns) or, as a str, why there is no image)


def entries(path):
    """The `Entries` of a catalogue by its path: a folder of FITS images, an .npz archive, or a FITS table.

    Raises: DataError if there is no such catalogue or it cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        return folder_entries(path)
    if path.suffix.lower() == ".npz" and path.is_file():
        return npz_entries(path)
    return table_entries(path)


def _positive(value):
    """Numbers > 0 as they are, all else NaN."""
    value = np.asarray(value, dtype=float)
    return np.where(np.isfinite(value) & (value > 0), value, np.nan)


# GalSim's RealGalaxyCatalog


def table_entries(path):
    """The `Entries` of a catalogue in GalSim's RealGalaxyCatalog layout, such as COSMOS_23.5.

    The catalogue is a FITS table with one row per galaxy; GAL_FILENAME and GAL_HDU say where its image lies, in a file
    beside the catalogue. Redshifts come from a column such as ZPHOT, there or in the table `<catalogue>_fits.fits`.

    Raises: DataError if the catalogue is absent, is not FITS, is cut short or lacks a column.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(
            f"There is no galaxy catalogue {path}: expected a FITS table in GalSim's RealGalaxyCatalog form, a folder "
            "of FITS images or an .npz archive."
        )
    rows = _table(path)
    missing = [name for name in COLUMNS if name not in rows]
    if missing:
        raise DataError(
            f"The galaxy catalogue {path} lacks {', '.join(missing)}: expected the columns {', '.join(COLUMNS)}."
        )
    if len(rows["MAG"]) == 0:
        raise DataError(f"The galaxy catalogue {path} has no rows: expected one per galaxy.")
    rows.setdefault("NOISE_MEAN", np.full(len(rows["MAG"]), np.nan))
    try:
        kinds = {"MAG": float, "PIXEL_SCALE": float, "NOISE_MEAN": float, "GAL_HDU": int, "GAL_FILENAME": str}
        rows |= {name: rows[name].astype(kind) for name, kind in kinds.items()}
    except ValueError as error:
        raise DataError(
            f"The galaxy catalogue {path} has a column of the wrong kind: expected numbers in MAG, PIXEL_SCALE and "
            "GAL_HDU and file names in GAL_FILENAME."
        ) from error
    return Entries(
        names=np.array([str(name).strip() for name in rows["IDENT"]]),
        magnitude=np.where(np.isfinite(rows["MAG"]), rows["MAG"], np.nan)[:, None],
        pixel_scale=_positive(rows["PIXEL_SCALE"]),
        redshift=_redshifts(path, rows),
        sky=rows["NOISE_MEAN"],
        images=lambda numbers: _table_images(path.parent, rows, numbers),
    )


def _table(path):
    """The columns of the first table of a FITS file by their names in capitals."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # astropy warns of a file cut short; the error below says it once
            with fits.open(path, memmap=False) as hdus:
                tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
                table = tables[0].data if tables else None
                if table is not None:
                    wanted = {*COLUMNS, *REDSHIFTS, "NOISE_MEAN"}
                    return {name.upper(): np.array(table[name]) for name in table.names if name.upper() in wanted}
    except Exception as error:  # astropy lets many kinds of error out of a damaged file
        raise DataError(f"{path} cannot be read as a FITS table: it is not FITS or was cut short.") from error
    raise DataError(f"{path} holds no table: expected a catalogue in GalSim's RealGalaxyCatalog form.")


def _redshifts(path, rows):
    """Redshifts of the rows, from the catalogue or the one that goes with it; NaN without."""
    n, second = len(rows["MAG"]), path.with_name(f"{path.stem}_fits.fits")
    if not any(name in rows for name in REDSHIFTS) and second.is_file():
        other = _table(second)
        known = next((other[name] for name in REDSHIFTS if name in other), None)
        if known is not None and "IDENT" in other:
            by_name = dict(zip(other["IDENT"].tolist(), known.tolist(), strict=True))
            return _positive([by_name.get(name, np.nan) for name in rows["IDENT"].tolist()])
    return _positive(next((rows[name] for name in REDSHIFTS if name in rows), np.full(n, np.nan)))


def _table_images(folder, rows, numbers):
    for filename in dict.fromkeys(rows["GAL_FILENAME"][numbers]):  # every file is opened once
        members = [k for k in numbers if rows["GAL_FILENAME"][k] == filename]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                hdus = fits.open(folder / filename.strip())
            except FileNotFoundError:
                yield from ((k, f"no file {filename.strip()}") for k in members)
                continue
            except (OSError, ValueError, TypeError):
                yield from ((k, f"{filename.strip()} is not FITS") for k in members)
                continue
            with hdus:
                for k in members:
                    if not np.isfinite([rows["MAG"][k], _positive(rows["PIXEL_SCALE"][k])]).all():
                        yield k, "no magnitude or no pixel scale"
                    else:
                        yield k, _plane(hdus, rows["GAL_HDU"][k])


def _plane(hdus, number):
    try:
        image = None if number < 0 else hdus[number].data
        image = None if image is None else np.array(image, dtype=float)
    except (IndexError, OSError, ValueError, TypeError, KeyError):
        image = None
    if image is None or image.ndim != 2 or min(image.shape) < SMALLEST:
        return f"no image in HDU {number}"
    return image[None]


# A folder of FITS images


def folder_entries(folder):
    """The `Entries` of a folder of FITS images, one galaxy each, in the order of the names of the files.

    The first image of a file counts, with two axes, or three for bands. Its header or the file's may hold PIXSCALE
    [arcsec] or else CD or CDELT, MAG (MAG1, MAG2, ... for bands; only MAG: of the first band) and REDSHIFT or Z.

    Raises: DataError if there is no FITS file or none with an image.
    """
    paths = sorted(p for p in Path(folder).iterdir() if p.is_file() and p.name.lower().endswith(SUFFIXES))
    if not paths:
        raise DataError(f"There is no FITS file in {folder}: expected images of galaxies ({', '.join(SUFFIXES)}).")
    read = [_header(path) for path in paths]
    shapes = [facts["bands"] for facts in read if "bands" in facts]
    if not shapes:
        raise DataError(f"No FITS file in {folder} holds an image: {paths[0].name}: {read[0]['problem']}.")
    bands = max(set(shapes), key=shapes.count)

    def images(numbers):
        for k in numbers:
            if "problem" in read[k]:
                yield k, read[k]["problem"]
            elif read[k]["bands"] != bands:
                yield k, f"{read[k]['bands']} bands where other files have {bands}"
            else:
                yield k, _file_image(paths[k], read[k]["hdu"])

    unknown = {"scale": np.nan, "redshift": np.nan}
    magnitudes = [facts.get("magnitudes", [])[:bands] for facts in read]
    return Entries(
        names=np.array([path.name[: -len(_suffix(path))] for path in paths]),
        magnitude=np.array([m + [np.nan] * (bands - len(m)) for m in magnitudes]),
        pixel_scale=_positive([(unknown | facts)["scale"] for facts in read]),
        redshift=_positive([(unknown | facts)["redshift"] for facts in read]),
        sky=np.full(len(paths), np.nan),
        images=images,
    )


def _suffix(path):
    return next(s for s in SUFFIXES if path.name.lower().endswith(s))


def _header(path):
    """Which HDU holds the image, its bands, magnitudes, scale and redshift; or the problem, in a few words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False) as hdus:
                for number, hdu in enumerate(hdus):
                    if hdu.is_image and hdu.header["NAXIS"] in (2, 3):
                        return _facts(number, hdu.header, hdus[0].header)
    except Exception:  # astropy answers broken bytes with errors of many kinds
        return {"problem": "not FITS or cut short"}
    return {"problem": "no image with two axes, or three for bands"}


def _facts(number, header, first):
    def value(*names):
        found = (h[name] for h in (header, first) for name in names if name in h)
        return next((float(v) for v in found if isinstance(v, int | float)), np.nan)

    bands = header["NAXIS3"] if header["NAXIS"] == 3 else 1
    magnitudes = [value(f"MAG{b + 1}", f"MAG_{b + 1}", *(["MAG"] if b == 0 else [])) for b in range(bands)]
    scale = value(*SCALE_KEYS)
    return {
        "hdu": number,
        "bands": bands,
        "magnitudes": magnitudes,
        "scale": scale if scale > 0 else _sky_scale(header),
        "redshift": value("REDSHIFT", "Z"),
    }


def _sky_scale(header):
    """Pixel size in arcsec from the header's sky coordinates (CD, PC and CDELT), or NaN without any."""
    if not any(key in header for key in ("CD1_1", "CD1_2", "CDELT1")):
        return np.nan  # astropy would take 1 degree a pixel
    try:
        wcs = WCS(header, naxis=2)
        if not wcs.has_celestial:  # numbers without CTYPE are degrees by custom
            return 3600.0 * float(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))))
        return 3600.0 * float(np.sqrt(np.prod(proj_plane_pixel_scales(wcs.celestial))))
    except Exception:  # a broken set of keys is as good as none; astropy raises errors of many kinds
        return np.nan


def _file_image(path, number):
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with fits.open(path, memmap=False) as hdus:
                image = np.array(hdus[number].data, dtype=float)
    except Exception:
        return "not FITS or cut short"
    if any("truncated" in str(w.message).lower() for w in caught):
        return "cut short"
    return _with_bands(image)


def _with_bands(image):
    if min(image.shape[-2:]) < SMALLEST:
        return f"its {image.shape[-1]} x {image.shape[-2]} pixels are less than {SMALLEST} on a side"
    return image if image.ndim == 3 else image[None]


# An archive of arrays


def npz_entries(path):
    """The `Entries` of an .npz archive: images (n, rows, columns) or (n, b, rows, columns), and what there is of
    pixel_scale [arcsec], magnitude [AB], redshift and names, (n,) each or one for all; magnitude may be (n, b).

    Raises: DataError if it cannot be read, holds no such images, or the lengths differ.
    """
    arrays = _arrays(path)
    images = arrays["images"]
    if images.ndim not in (3, 4) or images.dtype.kind not in "fiu" or 0 in images.shape:
        raise DataError(
            f"{path}: images has shape {images.shape} of {images.dtype}: expected numbers, (galaxies, rows, columns) "
            "or (galaxies, bands, rows, columns)."
        )
    n, bands = len(images), images.shape[1] if images.ndim == 4 else 1

    def column(name, shape):
        given = arrays.get(name, np.array(np.nan))
        try:
            return np.array(np.broadcast_to(given.astype(float), shape))
        except ValueError:
            raise DataError(
                f"{path}: {name} has shape {given.shape} of {given.dtype}: expected numbers, one for each of the {n} "
                f"images{f' and {bands} bands' if len(shape) == 2 else ''}."
            ) from None

    magnitude = np.full((n, bands), np.nan)
    if arrays.get("magnitude", np.array(0.0)).ndim < 2:
        magnitude[:, 0] = column("magnitude", (n,))  # of the first band
    else:
        magnitude = column("magnitude", (n, bands))
    names = arrays.get("names", np.array([f"{Path(path).stem}-{k}" for k in range(n)]))
    if names.shape != (n,):
        raise DataError(f"{path}: names has shape {names.shape}: expected one for each of the {n} images.")
    return Entries(
        names=np.array([str(name) for name in names.tolist()]),
        magnitude=np.where(np.isfinite(magnitude), magnitude, np.nan),
        pixel_scale=_positive(column("pixel_scale", (n,))),
        redshift=_positive(column("redshift", (n,))),
        sky=np.full(n, np.nan),
        images=lambda numbers: ((k, _with_bands(images[k].astype(float))) for k in numbers),
    )


def _arrays(path):
    try:
        with np.load(path, allow_pickle=False) as archive:
            held = archive.files
            arrays = {name: archive[name] for name in ARRAYS if name in held}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        why = "holds Python objects" if "allow_pickle" in str(error) else "is not one or was cut short"
        raise DataError(f"{path} cannot be read as an .npz archive of arrays: it {why}.") from error
    if "images" not in arrays:
        raise DataError(
            f"{path} lacks the array images: expected {', '.join(ARRAYS)}, of which the rest may be absent, and there "
            f"is {', '.join(held) or 'nothing'}."
        )
    return arrays
