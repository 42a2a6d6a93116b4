"""Which files hold data: the suffixes of each format, and the data files of a folder."""

from pathlib import Path

from ..errors import DataError
from .paths import usable

FITS = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz", ".fit.fz", ".fts")
NPY = (".npy",)
NPZ = (".npz",)
IMAGES = NPY + NPZ + FITS  # formats of arrays, which may be images
ECSV = (".ecsv", ".ecsv.gz")
PARQUET = (".parquet", ".pq")
HDF5 = (".h5", ".hdf5", ".hdf", ".he5")
VOTABLE = (".vot", ".votable", ".vot.gz")


def has_suffix(path, suffixes):
    """Whether a file's name ends in one of the suffixes, in capitals or not."""
    return Path(path).name.lower().endswith(suffixes)


def stem(path):
    """A data file's name without its suffix, ".fits.gz" counting as one; the whole name if it has none of ours."""
    name = Path(path).name
    found = [s for s in IMAGES + ECSV + PARQUET + HDF5 if name.lower().endswith(s)]
    return name[: -max(map(len, found))] if found else name


def visible(folder):
    """What lies in a folder, by name, without names that begin with a dot."""
    return sorted(path for path in Path(folder).iterdir() if not path.name.startswith("."))


def data_files(folder, suffixes, expected):
    """The files of a folder that end in one of the suffixes, by name; hidden ones are left out.

    expected: words for what the folder should hold, e.g. "FITS cut-outs of lenses". A folder or pipe of such a name is
    listed too, so that its reader can refuse it. Raises: DataError if there is no folder, or no such file in it.
    """
    folder = usable(folder)
    if not folder.exists():
        raise DataError(f"There is no folder {folder}: expected a folder with {expected}.")
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: expected a folder with {expected}.")
    try:
        found = [path for path in visible(folder) if has_suffix(path, suffixes)]
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be read ({error.strerror}).") from None
    if not found:
        raise DataError(f"{folder} holds no file that ends in {', '.join(suffixes)}: expected {expected}.")
    return found
