"""FITS files as `fits_writing` writes them, read without astropy, which takes milliseconds for each header."""

import math
from dataclasses import dataclass

import numpy as np

from .unreadable import reading

BLOCK, CARD, LAST = 2880, 80, "END"
TYPES = {-32: ">f4", -64: ">f8", 8: "u1", 16: ">i2", 32: ">i4"}


@dataclass(frozen=True)
class HDU:
    """A header, and the bytes of a file from its image on."""

    cards: dict[str, str]  # keyword -> what stands behind its equals sign
    rest: memoryview

    def get(self, key, default=None):
        """As `dict.get`."""
        return self[key] if key in self.cards else default

    def __getitem__(self, key):
        """The value of a keyword: a number, bool or text, None if it is not defined. Raises: KeyError."""
        return _value(self.cards[key if key in self.cards else key.upper()])

    @property
    def shape(self):
        """Lengths of the axes of the image, the slowest first."""
        return tuple(self[f"NAXIS{k}"] for k in range(self["NAXIS"], 0, -1))

    @property
    def pixels(self):
        """The image, which is not scaled. Raises: ValueError if its end is missing."""
        shape = self.shape
        return np.frombuffer(self.rest, TYPES[self["BITPIX"]], math.prod(shape)).reshape(shape)


def first(path):
    """The first `HDU` of a file, of which little more than the header is read. Raises: Unreadable (a DataError)."""
    with reading(path, "FITS"), open(path, "rb", buffering=0) as file:
        content = b""
        while (found := _hdu(memoryview(content))) is None:
            if not (more := file.read(4 * BLOCK)):
                raise EOFError
            content += more
    return found


def read(path):
    """All of a file: its `HDU`s by EXTNAME, the first as "". Raises: Unreadable (a DataError)."""
    with reading(path, "FITS"), open(path, "rb", buffering=0) as file:
        rest, found = memoryview(file.read()), {}
        while len(rest) or not found:
            if (hdu := _hdu(rest)) is None:
                raise EOFError
            size = math.prod(hdu.shape) * abs(hdu["BITPIX"]) // 8 if hdu.shape else 0
            if size > len(hdu.rest):
                raise EOFError
            found[hdu["EXTNAME"] if found else ""] = hdu
            rest = hdu.rest[size + -size % BLOCK :]
    return found


def _hdu(content):
    """The `HDU` that bytes begin with; None if the end of its header is not among them."""
    header = ""
    for begin in range(0, len(content) - BLOCK + 1, BLOCK):
        block = str(content[begin : begin + BLOCK], "ascii")
        header += block
        if block.rstrip().endswith(LAST) and len(block.rstrip()) % CARD == len(LAST):
            said = [header[k : k + CARD] for k in range(0, len(header), CARD)]
            cards = {card[:8].rstrip(): card[10:] for card in said if card[8:10] == "= "}
            named = (card[9:].partition(" = ") for card in said if card.startswith("HIERARCH "))
            return HDU(cards | {key: value for key, _, value in named}, content[len(header) :])
    return None


def _value(said):
    said = said.strip()
    if said.startswith("'"):
        return said[1:].replace("''", "\0").partition("'")[0].rstrip().replace("\0", "'")
    said = said.partition("/")[0].rstrip()
    if said in ("", "T", "F"):
        return {"": None, "T": True, "F": False}[said]
    return float(said) if set(said) & set(".EN") else int(said)
