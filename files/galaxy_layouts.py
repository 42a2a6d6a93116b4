"""Files of galaxies: GalSim's RealGalaxyCatalog, folders of FITS images and .npz archives, as lists of `Entries`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError
from . import arrays, fits, fits_table
from .columns import read_table
from .cutout_layout import find_layout, read_planes
from .file_groups import group
from .paths import usable
from .pixel_scale import header_pixel_scale, number
from .suffixes import FITS, NPZ, data_files, has_suffix, visible
from .unreadable import Unreadable
from .values import without_absurd

COLUMNS = ("IDENT", "MAG", "PIXEL_SCALE", "GAL_FILENAME", "GAL_HDU")
REDSHIFTS = ("ZPHOT", "Z_PHOT", "PHOTOZ", "REDSHIFT", "ZBEST", "Z")  # names that columns of redshifts go by
MANY = 50  # files of a folder: of more, only those called a catalogue are tried as one
ARRAYS = ("images", "pixel_scale", "magnitude", "redshift", "names")


@dataclass(frozen=True)
class Entries:
    """What a catalogue says of its n galaxies in b bands, and how to get their images."""

    names: np.ndarray  # (n,) strings
    magnitude: np.ndarray  # (n, b) AB, NaN where unknown
    pixel_scale: np.ndarray  # (n,) arcsec, NaN where unknown
    redshift: np.ndarray  # (n,), NaN where unknown
    sky: np.ndarray  # (n,) level of the sky in the unit of the images, NaN where unknown
    images: Callable  # numbers -> pairs (number, float64 (b, rows, columns) or, as a str, why there is no image);
    # NaN where a pixel is missing


def entries(path):
    """The `Entries` of a catalogue by its path: a folder of FITS images, an .npz archive, or a FITS table.

    Raises: DataError if there is no such catalogue or it cannot be read.
    """
    path = usable(path)
    if path.is_dir():
        catalogue = catalogue_in(path)
        return folder_entries(path) if catalogue is None else table_entries(catalogue)
    if has_suffix(path, NPZ) and path.is_file():
        return npz_entries(path)
    return table_entries(path)


def catalogue_in(folder):
    """The path of the RealGalaxyCatalog among the files of a folder, or else of its only sub-folder with FITS files.

    None if there is none. Raises: DataError for several.
    """
    try:
        paths = data_files(folder, FITS, "FITS images of galaxies, or GalSim's RealGalaxyCatalog")
    except DataError:  # as unpacked, GalSim's files lie in a folder of their own
        inner = [path for path in visible(folder) if path.is_dir()] if Path(folder).is_dir() else []
        held = [path for path in inner if any(has_suffix(file, FITS) for file in visible(path))]
        return catalogue_in(held[0]) if len(held) == 1 else None
    if len(paths) > MANY:
        paths = [path for path in paths if "catalog" in path.name.lower()]
    found = [path for path in paths if is_catalogue(path)]
    if len(found) > 1:
        raise DataError(
            f"{folder} holds the galaxy catalogues {', '.join(path.name for path in found)}: expected the path of one."
        )
    return found[0] if found else None


def is_catalogue(path):
    """Whether a FITS file holds a table of galaxies with the places of their images, by the names of its columns."""
    return {*COLUMNS[2:]} <= {name.upper() for name in fits_table.names(path)}


def _positive(value):
    """Numbers > 0 as they are, all else NaN."""
    value = np.asarray(value, dtype=float)
    return np.where(np.isfinite(value) & (value > 0), value, np.nan)


# GalSim's RealGalaxyCatalog


def table_entries(path):
    """The `Entries` of a catalogue in GalSim's RealGalaxyCatalog layout, such as COSMOS_23.5.

    The catalogue is a FITS table with one row per galaxy; GAL_FILENAME and GAL_HDU say where its image lies, in a file
    beside the catalogue. Redshifts come from a column such as ZPHOT, there or in the table `<catalogue>_fits.fits`.

    Raises: DataError if the catalogue is absent, is no table, is cut short or lacks a column.
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
        types = {"MAG": float, "PIXEL_SCALE": float, "NOISE_MEAN": float, "GAL_HDU": int, "GAL_FILENAME": str}
        rows |= {name: rows[name].astype(type_) for name, type_ in types.items()}
    except ValueError as error:
        raise DataError(
            f"The galaxy catalogue {path} has a column of the wrong type: expected numbers in MAG, PIXEL_SCALE and "
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
    """The columns of a table that matter here, by their names in capitals."""
    wanted = {*COLUMNS, *REDSHIFTS, "NOISE_MEAN"}
    columns = read_table(path, lambda name: name.upper() in wanted, text=("GAL_FILENAME",))
    return {name.upper(): values for name, values in columns.items()}


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
        name = filename.strip()
        if not (folder / name).is_file():
            yield from ((k, f"no file {name}") for k in members)
            continue
        try:
            with fits.opened(folder / name) as hdus:
                for k in members:
                    if not np.isfinite([rows["MAG"][k], _positive(rows["PIXEL_SCALE"][k])]).all():
                        yield k, "no magnitude or no pixel scale"
                    else:
                        yield k, _stamp(hdus, rows["GAL_HDU"][k])
        except Unreadable as error:
            yield from ((k, f"{name}: {error.reason}") for k in members)


def _stamp(hdus, number):
    """The image in an HDU of an open file, or why there is none; the file may be cut short behind it."""
    try:
        image = None if number < 0 else hdus[number].data
        image = None if image is None else np.array(image, dtype=float)
    except Exception:  # astropy answers broken bytes with errors of many types
        image = None
    if image is None or image.ndim != 2:
        return f"no image in HDU {number}"
    return without_absurd(image)[None]


# A folder of FITS images


def folder_entries(folder):
    """The `Entries` of a folder of FITS images, one galaxy each, in the order of the names of the files.

    The image of a file is found as that of a lens is (see `cutout_layout`): by name, with bad pixels by its mask; a
    cube or an extension a band are bands. The keys of its header, or of the file's first, may tell the pixel scale (see
    `header_pixel_scale`), MAG (MAG1, MAG2, ... for bands; only MAG: of the first band) and REDSHIFT or Z.

    Raises: DataError if there is no FITS file or none with an image.
    """
    galaxies = group(data_files(folder, FITS, "FITS images of galaxies"), Path(folder).resolve().name)
    read = [_facts(galaxy.files) for galaxy in galaxies]
    shapes = [facts["bands"] for facts in read if "bands" in facts]
    if not shapes:
        raise DataError(f"No FITS file in {folder} holds an image: {galaxies[0].files[0].name}: {read[0]['problem']}.")
    bands = max(set(shapes), key=shapes.count)

    def images(numbers):
        for k in numbers:
            if "problem" in read[k]:
                yield k, read[k]["problem"]
            elif read[k]["bands"] != bands:
                yield k, f"{read[k]['bands']} bands where other files have {bands}"
            else:
                yield k, _file_image(galaxies[k].files)

    unknown = {"scale": np.nan, "redshift": np.nan}
    magnitudes = [facts.get("magnitudes", [])[:bands] for facts in read]
    return Entries(
        names=np.array([galaxy.name for galaxy in galaxies]),
        magnitude=np.array([m + [np.nan] * (bands - len(m)) for m in magnitudes]),
        pixel_scale=_positive([(unknown | facts)["scale"] for facts in read]),
        redshift=_positive([(unknown | facts)["redshift"] for facts in read]),
        sky=np.full(len(galaxies), np.nan),
        images=images,
    )


def _facts(files):
    """Bands, magnitudes, scale and redshift of the image in the files of a galaxy; or the problem, in a few words."""
    try:
        found = find_layout(files, bands=None).bands
        headers = found[0].image.headers
        scale = header_pixel_scale(headers)
    except Unreadable as error:
        return {"problem": error.reason}
    except DataError as error:
        return {"problem": str(error).rstrip(".")}

    def value(*names):
        held = (number(header, name) for header in headers for name in names)
        return next((v for v in held if v is not None), np.nan)

    return {
        "bands": len(found),
        "magnitudes": [value(f"MAG{b + 1}", f"MAG_{b + 1}", *(["MAG"] if b == 0 else [])) for b in range(len(found))],
        "scale": np.nan if scale is None else scale,
        "redshift": value("REDSHIFT", "Z"),
    }


def _file_image(files):
    try:
        planes = read_planes(files, bands=None)
    except DataError as error:
        return str(error).rstrip(".")
    image = np.where(planes.good, planes.image, np.nan)
    return image if image.ndim == 3 else image[None]


# An archive of arrays


def npz_entries(path):
    """The `Entries` of an .npz archive: images (n, rows, columns) or (n, b, rows, columns), and what there is of
    pixel_scale [arcsec], magnitude [AB], redshift and names, (n,) each or one for all; magnitude may be (n, b).

    Raises: DataError if it cannot be read, holds no such images, or the lengths differ.
    """
    held = _arrays(path)
    images = held["images"]
    if images.ndim not in (3, 4) or images.dtype.kind not in "fiu" or 0 in images.shape:
        raise DataError(
            f"{path}: images has shape {images.shape} of {images.dtype}: expected numbers, (galaxies, rows, columns) "
            "or (galaxies, bands, rows, columns)."
        )
    n, bands = len(images), images.shape[1] if images.ndim == 4 else 1

    def column(name, shape):
        given = held.get(name, np.array(np.nan))
        try:
            return np.array(np.broadcast_to(given.astype(float), shape))
        except ValueError:
            raise DataError(
                f"{path}: {name} has shape {given.shape} of {given.dtype}: expected numbers, one for each of the {n} "
                f"images{f' and {bands} bands' if len(shape) == 2 else ''}."
            ) from None

    magnitude = np.full((n, bands), np.nan)
    if held.get("magnitude", np.array(0.0)).ndim < 2:
        magnitude[:, 0] = column("magnitude", (n,))  # of the first band
    else:
        magnitude = column("magnitude", (n, bands))
    names = held.get("names", np.array([f"{Path(path).stem}-{k}" for k in range(n)]))
    if names.shape != (n,):
        raise DataError(f"{path}: names has shape {names.shape}: expected one for each of the {n} images.")
    return Entries(
        names=np.array([str(name) for name in names.tolist()]),
        magnitude=np.where(np.isfinite(magnitude), magnitude, np.nan),
        pixel_scale=_positive(column("pixel_scale", (n,))),
        redshift=_positive(column("redshift", (n,))),
        sky=np.full(n, np.nan),
        images=lambda numbers: ((k, _with_bands(images[k])) for k in numbers),
    )


def _arrays(path):
    """The arrays of an archive that matter here, by name; others are not opened."""
    names = arrays.names(path)
    if "images" not in names:
        raise DataError(
            f"{path} lacks the array images: expected {', '.join(ARRAYS)}, of which the rest may be absent, and there "
            f"is {', '.join(names) or 'nothing'}."
        )
    return {name: arrays.read(path, name) for name in ARRAYS if name in names}


def _with_bands(image):
    image = without_absurd(np.array(image, dtype=float))
    return image if image.ndim == 3 else image[None]
