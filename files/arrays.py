"""NumPy's files: the arrays in .npy and .npz files, from their headers, whole, or mapped into memory.

Files are data and nothing else: none is ever unpickled.
"""

import os
import shutil
import zipfile
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from .suffixes import NPZ, has_suffix
from .unreadable import Unreadable, check_is_file, reading

MOST_PACKED = 1100  # times that zip makes an array smaller at most; 1032 is deflate's limit
NO_SUCH_FILE = "it is no such file or was cut short"
PICKLE = "it holds Python objects, a pickle, which are never opened; save plain numbers"


class ArrayHeader(NamedTuple):
    """What a file says of an array."""

    shape: tuple
    dtype: np.dtype


def names(path):
    """Names of the arrays in an .npz file, in its order; [""] for an .npy file, whose array has none.

    Raises: Unreadable (a DataError) if the file is absent or no such file.
    """
    if not has_suffix(path, NPZ):
        return [""]
    with _archive(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def look(path, name=""):
    """The `ArrayHeader` of an array, without reading it. name: in an .npz file.

    Raises: Unreadable (a DataError) if the file is absent, cut short, or holds Python objects or fewer bytes than said.
    """
    if has_suffix(path, NPZ):
        with _archive(path) as archive:
            return _look_in(archive, path, name)
    check_is_file(path, "npy")
    with reading(path, "npy"), open(path, "rb") as file:
        return _header(file, os.fstat(file.fileno()).st_size, path, "npy")


def start_of_objects(path):
    """The byte of an .npy file at which its Python objects begin, a pickle; None if it holds plain numbers.

    Raises: Unreadable (a DataError) if the file is absent or no such file.
    """
    check_is_file(path, "npy")
    with reading(path, "npy"), open(path, "rb") as file:
        return file.tell() if _said(file, path, "npy").dtype.hasobject else None


def read(path, name=""):
    """An array in the file's own type. name: in an .npz file.

    Raises: Unreadable (a DataError) if the file is absent, cut short, or holds Python objects or fewer bytes than said.
    """
    if not has_suffix(path, NPZ):
        look(path)
        with reading(path, "npy"):
            return np.load(path, allow_pickle=False)
    with _archive(path) as archive:
        _look_in(archive, path, name)
        with archive.open(f"{name}.npy") as file:
            return np.lib.format.read_array(file, allow_pickle=False)


def mapped(path):
    """The array of an .npy file, of which only what is indexed is read. Raises: Unreadable (a DataError)."""
    with reading(path, "npy"):
        return np.load(path, mmap_mode="r", allow_pickle=False)


def unpack(path, name, target):
    """Copy an array of an .npz file into an .npy file, which can be mapped. Raises: Unreadable (a DataError)."""
    with _archive(path) as archive, archive.open(f"{name}.npy") as packed, open(target, "wb") as plain:
        shutil.copyfileobj(packed, plain, 1 << 20)


@contextmanager
def _archive(path):
    check_is_file(path, "npz")
    with reading(path, "npz"):
        try:
            archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile:
            raise Unreadable(path, "npz", NO_SUCH_FILE) from None
        with archive:
            yield archive


def _look_in(archive, path, name):
    said = archive.getinfo(f"{name}.npy")
    if said.file_size > MOST_PACKED * max(said.compress_size, 1):
        raise Unreadable(path, "npz", "it is damaged: it says that it holds more than can be packed so small")
    with archive.open(f"{name}.npy") as file:
        return _header(file, said.file_size, path, "npz")


def _header(file, size, path, form):
    """The `ArrayHeader` that an open file begins with, its bytes being `size`."""
    shape, dtype = _said(file, path, form)
    if dtype.hasobject:
        raise Unreadable(path, form, PICKLE)
    if file.tell() + dtype.itemsize * int(np.prod(shape, dtype=object)) > size:
        raise Unreadable(path, form, "it was cut short: it holds fewer numbers than its header says")
    return ArrayHeader(shape, dtype)


def _said(file, path, form):
    """The `ArrayHeader` that an open file begins with, of objects, too, and of bytes that may not be there."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        version = np.lib.format.read_magic(file)
    except ValueError:
        raise Unreadable(path, form, NO_SUCH_FILE) from None
    if version not in readers:  # the third is for names of columns, which arrays of numbers do not have
        raise Unreadable(path, form, f"its version {version[0]}.{version[1]} is not for plain arrays")
    shape, _, dtype = readers[version](file)
    return ArrayHeader(shape, dtype)
