"""Writing FITS files by the thousand: cards, headers and checksums as bytes, and the check of those sums.

astropy takes 10 ms and more for a file of a few small images, most of it for headers. These write the same keywords in
a fraction of it, without a time stamp, so that the bytes of a file depend on what is in it alone. Files follow the FITS
Standard 4.0: free format of numbers, HIERARCH for long names, DATASUM and CHECKSUM.
"""

import math

import numpy as np

BLOCK = 2880
CARD = 80
LONGEST = 50  # letters of a text that are kept
_BITPIX = {"f4": -32, "f8": -64, "u1": 8, "i2": 16, "i4": 32}
_SPARED = (*range(0x3A, 0x41), *range(0x5B, 0x61))  # ASCII between numbers and letters, which a CHECKSUM must not have


def card(key, value, comment=""):
    """A header card of 80 characters. Names of more than 8 letters or with spaces become HIERARCH.

    value: bool, whole number, float, text, or None for one that is not defined, as NaN is; infinities become texts, as
    FITS has none. A comment that does not fit is cut.

    Raises: ValueError if the name and the value do not fit.
    """
    plain = len(key) <= 8 and " " not in key
    begin = f"{key.upper():<8}= " if plain else f"HIERARCH {key} = "
    said = begin + _value(value, plain)
    if len(said) > CARD:
        raise ValueError(f"the card of {key} is longer than {CARD} characters")
    return f"{said} / {comment}"[:CARD].ljust(CARD) if comment else said.ljust(CARD)


def _value(value, plain):
    if isinstance(value, bool | np.bool_):
        text = "T" if value else "F"
    elif isinstance(value, int | np.integer):
        text = str(int(value))
    elif isinstance(value, float | np.floating):
        value = float(value)
        if math.isnan(value):
            return " " * 20 * plain
        if math.isinf(value):
            return f"'{value}'"
        text = repr(value).upper()
    elif value is None:
        return " " * 20 * plain
    else:
        quoted = "".join(c if c.isascii() and c.isprintable() else "?" for c in str(value)[:LONGEST]).replace("'", "''")
        return f"'{quoted:<8}'".ljust(20 * plain)
    return text.rjust(20) if plain else text


def primary(cards):
    """The bytes of a primary HDU without data, from the cards beyond those that every one has.

    cards: texts of 80 characters, or of several cards one after the other.
    """
    begin = [card("SIMPLE", True, "conforms to FITS 4.0"), card("BITPIX", 8), card("NAXIS", 0), card("EXTEND", True)]
    return _with_sums([*begin, *cards], b"")


def image_extension(name, pixels, cards=()):
    """The bytes of an image extension: pixels (..., rows, columns), and cards beyond those that every one has."""
    begin = [card("XTENSION", "IMAGE", "image extension"), *_axes(pixels), card("PCOUNT", 0), card("GCOUNT", 1)]
    return _with_sums([*begin, card("EXTNAME", name), *cards], _data(pixels))


def primary_image(pixels, cards):
    """The bytes of a primary HDU with an image or cube."""
    begin = [card("SIMPLE", True, "conforms to FITS 4.0"), *_axes(pixels), card("EXTEND", True)]
    return _with_sums([*begin, *cards], _data(pixels))


def _axes(pixels):
    lengths = [card(f"NAXIS{k + 1}", n) for k, n in enumerate(reversed(pixels.shape))]
    return [card("BITPIX", _BITPIX[pixels.dtype.str[1:]]), card("NAXIS", pixels.ndim), *lengths]


def _data(pixels):
    data = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder(">")).tobytes()
    return data + bytes(-len(data) % BLOCK)


def _with_sums(cards, data):
    """A whole HDU with DATASUM and CHECKSUM."""
    sum_of_data = ones_sum(data)
    text = "".join(cards) + card("DATASUM", str(sum_of_data), "of the data")
    place = len(text) + len("CHECKSUM= '")
    text += card("CHECKSUM", "0" * 16, "of the HDU") + "END".ljust(CARD)
    header = text.ljust(len(text) + -len(text) % BLOCK).encode("ascii")
    total = ones_sum(header, sum_of_data)
    return header[:place] + _encoded(0xFFFFFFFF ^ total) + header[place + 16 :] + data


def ones_sum(content, before=0):
    """The 32-bit ones' complement sum of bytes, whose number is a multiple of 4, added to a sum before."""
    total = before + int(np.frombuffer(content, ">u4").sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def _encoded(value):
    """A 32-bit sum as 16 letters and digits, as the FITS Standard, appendix J, has it."""
    out = bytearray(16)
    for k in range(4):
        byte = (value >> (24 - 8 * k)) & 0xFF
        letters = [byte // 4 + 0x30] * 4
        letters[0] += byte % 4
        while any(letter in _SPARED for letter in letters):
            for j in (0, 2):
                if letters[j] in _SPARED or letters[j + 1] in _SPARED:
                    letters[j] += 1
                    letters[j + 1] -= 1
        for j in range(4):
            out[4 * j + k] = letters[j]
    return bytes(out[-1:] + out[:-1])


def wrong_sums(path):
    """The names of the HDUs of a file whose CHECKSUM is wrong: "IMAGE", "header of MASK"; "file" if it has no HDUs."""
    from .fits import opened
    from .unreadable import Unreadable

    found = []
    try:
        content = path.read_bytes()
        with opened(path) as hdus:
            for number, hdu in enumerate(hdus):
                place = hdu.fileinfo()
                header, end = content[place["hdrLoc"] : place["datLoc"]], place["datLoc"] + place["datSpan"]
                data = content[place["datLoc"] : end]
                name = hdu.name or f"HDU {number}"
                if len(data) % 4 or ones_sum(data) != int(hdu.header["DATASUM"]):
                    found.append(name)
                elif ones_sum(header, ones_sum(data)) not in (0, 0xFFFFFFFF):
                    found.append(f"header of {name}")
            if end != len(content):
                found.append("end of the file")
    except (Unreadable, OSError, KeyError, ValueError):
        found.append("file")
    return found
