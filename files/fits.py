"""FITS files: what images they hold, those images whole or in part, and whether the files are whole.

A file, compressed or not, is whole if every HDU is there to its last block and nothing follows but zeros or blanks. One
that is not was cut short or damaged, and is refused even where what is wanted came before: a file cut before its mask
would pass for one without.
"""

import errno
import os
import warnings
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from .unreadable import Unreadable, check_is_file, reading

BLOCK = 2880  # bytes
MOST_PACKED = 5000  # pixels a byte of a compressed file, of constants; headers of damaged files say more
NOT_FITS = "it is not FITS or was cut short"
CUT = "it was cut short or damaged: it ends before all of its extensions are complete"


class FitsImage(NamedTuple):
    """An image of a FITS file, from its header alone."""

    hdu: int  # number in the file, the primary one being 0
    name: str  # EXTNAME in capitals; "" or "PRIMARY" without one
    version: int  # EXTVER, which tells extensions of one name apart
    shape: tuple  # lengths of the axes, the slowest first
    headers: tuple  # where its keys are looked up, in this order: its own header, the file's first


def look(path):
    """The list of `FitsImage` of a file, without reading a pixel. Empty HDUs and tables are left out.

    Raises: Unreadable (a DataError) if the file is absent, not FITS, cut short or damaged.
    """
    with opened(path) as hdus:
        held = [(k, hdu) for k, hdu in enumerate(checked_hdus(path, hdus)) if hdu.is_image and np.prod(hdu.shape or 0)]
        if sum(float(np.prod(hdu.shape)) for _, hdu in held) > MOST_PACKED * max(os.path.getsize(path), BLOCK):
            raise Unreadable(path, "FITS", "its header says that it holds more pixels than can be packed so small")
        return [
            FitsImage(k, hdu.name.strip().upper(), hdu.ver, hdu.shape, (hdu.header, hdus[0].header)) for k, hdu in held
        ]


def read(path, *numbers):
    """The images in the HDUs of these numbers, a list of arrays: scaled by BSCALE and BZERO, NaN where BLANK.

    Raises: Unreadable (a DataError) if one cannot be read.
    """
    with opened(path) as hdus:
        return [hdus[number].data for number in numbers]


def sections(path, *wanted):
    """Parts of the images in HDUs, a list of arrays; the rest is not read where the format allows it.

    wanted: pairs of the number of an HDU and the index of the part, a tuple as for arrays. Raises: Unreadable (a
    DataError) if one cannot be read.
    """
    from astropy.io import fits

    # Warnings are not silenced: that is not safe in threads, and this is called in one after `look`.
    with reading(path, "FITS"), fits.open(path, memmap=False, uint=False) as hdus:
        return [hdus[number].section[index] for number, index in wanted]


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
            hdus = fits.open(path, memmap=False, uint=False)  # as unsigned integers, BLANK would stay a number
        except OSError as error:
            if error.errno not in (None, errno.EINVAL):  # not the format, but the disk or the permission
                raise
            raise Unreadable(path, form, CUT if error.errno else NOT_FITS) from None  # EINVAL: no file is that long
        with hdus:
            yield hdus


def checked_hdus(path, hdus, form="FITS"):
    """The list of HDUs of an open file. Compressed files are read to their end.

    Raises: Unreadable (a DataError) for a file that was cut short or damaged.
    """
    try:
        found = list(hdus)
        places = [hdu.fileinfo() for hdu in found]
        file, end = places[0]["file"], max(place["datLoc"] + place["datSpan"] for place in places)
        file.seek(end - 1)
        whole = file.read(1) and not file.read(BLOCK).strip(b"\0 ")
    except (OSError, EOFError):  # a header promises more than a file can hold, or gzip's end is missing
        whole = False
    if not whole or any(next(iter(hdu.header), "") != "XTENSION" for hdu in found[1:]):
        raise Unreadable(path, form, CUT)
    return found
