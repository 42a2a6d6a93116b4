"""FITS files: what images they hold, those images whole or in part, their first table, and whether they are whole.

A file, compressed or not, is whole if every HDU is there to its last block and nothing follows but zeros or blanks. One
that is not was cut short or damaged, and is refused even where what is wanted came before: a file cut before its mask
would pass for one without.
"""

import warnings
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from .unreadable import Unreadable, check_is_file, reading

BLOCK = 2880  # bytes
NOT_FITS = "it is not FITS or was cut short"
CUT = "it was cut short or damaged: it ends before all of its extensions are complete"


class FitsImage(NamedTuple):
    """An image of a FITS file, from its header alone."""

    hdu: int  # number in the file, the primary one being 0
    name: str  # EXTNAME in capitals; "" or "PRIMARY" without one
    shape: tuple  # lengths of the axes, the slowest first
    headers: tuple  # where its keys are looked up, in this order: its own header, the file's first


def look(path):
    """The list of `FitsImage` of a file, without reading a pixel. Empty HDUs and tables are left out.

    Raises: Unreadable (a DataError) if the file is absent, not FITS, cut short or damaged.
    """
    with opened(path) as hdus:
        held = [(k, hdu) for k, hdu in enumerate(hdus) if hdu.is_image and hdu.shape and np.prod(hdu.shape)]
        images = [FitsImage(k, hdu.name.upper(), hdu.shape, (hdu.header, hdus[0].header)) for k, hdu in held]
        check_whole(path, hdus)
    return images


def read(path, *numbers):
    """The images in the HDUs of these numbers, a list of arrays: scaled by BSCALE and BZERO, NaN where BLANK.

    Raises: Unreadable (a DataError) if one cannot be read.
    """
    with opened(path) as hdus:
        return [hdus[number].data for number in numbers]


def section(path, number, index):
    """The part `index`, a tuple as for arrays, of the image in an HDU; the rest is not read where the format allows it.

    Raises: Unreadable (a DataError) if it cannot be read.
    """
    from astropy.io import fits

    # Warnings are not silenced: that is not safe in threads, and this is called in one after `look`.
    with reading(path, "FITS"), fits.open(path, memmap=False) as hdus:
        return hdus[number].section[index]


def read_table(path, wanted=None):
    """The columns of the first table of a file, {name: array (rows, ...)}.

    wanted: a function that says of a name whether to read it; None reads all.
    Raises: Unreadable (a DataError) if the file cannot be read or holds no table.
    """
    from astropy.io import fits

    with opened(path, "a FITS table") as hdus:
        check_whole(path, hdus, "a FITS table")
        tables = (hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU) and not hdu.is_image)
        table = next(tables, None)
        if table is None:
            raise Unreadable(path, "a FITS table", "it holds no table")
        names = [name for name in table.columns.names if wanted is None or wanted(name)]
        return {name: np.array(table.data[name]) for name in names}


@contextmanager
def opened(path, form="FITS"):
    """astropy's HDUs of a file, which are read when asked for. form: words for the format, for messages.

    Raises: Unreadable (a DataError) for whatever astropy raises, here or in the body.
    """
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyWarning

    check_is_file(path, form)
    quiet = warnings.catch_warnings(action="ignore", category=AstropyWarning)  # of a file cut short, which we refuse
    with reading(path, form), quiet:
        try:
            hdus = fits.open(path, memmap=False)
        except OSError as error:
            if error.errno is not None:  # not the format, but the disk or the permission
                raise
            raise Unreadable(path, form, NOT_FITS) from None
        with hdus:
            yield hdus


def check_whole(path, hdus, form="FITS"):
    """Raise `Unreadable` for a file that was cut short or damaged; reads compressed files to their end."""
    places = [hdu.fileinfo() for hdu in hdus]
    end = max(place["datLoc"] + place["datSpan"] for place in places)
    file = places[0]["file"]
    file.seek(end - 1)
    if not file.read(1) or file.read(BLOCK).strip(b"\0 "):
        raise Unreadable(path, form, CUT)
