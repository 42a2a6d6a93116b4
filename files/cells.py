"""The cells of a text table, or words of any other, as arrays: numbers where all of a column are, else words."""

import re
from contextlib import suppress

import numpy as np

from .csv_text import NUMBER
from .csv_writing import plain

# Words that stand for a number that is missing, in lower case. In a column of words they are words: a lens may be "NA".
MISSING = frozenset(
    {"", "nan", "na", "n/a", "#n/a", "<na>", "null", "#null!", "none", "nil", "nodata", "indef", "missing", "masked"}
    | {"-", "--", "---", ".", "..", "...", "?", "*", "\\n"}  # the last one is MySQL's
)
INFINITE = {"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}
_DECIMAL_COMMA = re.compile(r"[-+]?(\d+,\d*|,\d+)([eEdD][-+]?\d+)?")
_TRUTH = {"true": True, "false": False}
_EXPONENT = str.maketrans("dD", "eE")  # of Fortran
# Of cells joined by line breaks: all are whole numbers; one is a name made of digits, as a zero stands before others or
# a float64 does not keep so many; one is empty, or more than digits, points and exponents.
_WHOLE = re.compile(r"([-+]?(0|[1-9][0-9]*)(\n|$))+")
_NAME = re.compile(r"^[-+]?(0[0-9]+|[0-9]{16,})$", re.MULTILINE)
_SPECIAL = re.compile(r"[^0-9.eE+\-\n]|^$", re.MULTILINE)


def numbers_or_words(cells):
    """Cells as an array (n,): int64 or uint64, float64 with NaN where a number is missing, bool, or else str.

    Whole numbers that a number type would change (007, or too long for it) stay words, as they name something.
    cells: a tuple of str. A decimal comma counts where no number of the column has a point.
    """
    whole = _whole_numbers(cells)
    if whole is not None:
        return whole
    floats = _floats(cells)
    if floats is not None:
        return floats
    truth = [_TRUTH.get(cell.lower()) for cell in cells]
    return words(cells) if None in truth else np.array(truth, bool)


def words(cells):
    """Cells as an array of str (n,), without the mark that keeps a spreadsheet from taking one for a formula."""
    return np.array([plain(cell) for cell in cells], dtype=str)


def words_as_numbers(names):
    """Words as float64 (n,), NaN where one is missing. Raises: ValueError with the first word that is no number."""
    held = [word if word.lower() not in MISSING else "nan" for word in map(str, names)]
    for word in held:
        if not _is_number(word) and word != "nan":
            raise ValueError(word)
    return np.array([float(word.translate(_EXPONENT)) for word in held])


def _is_number(cell):
    return bool(NUMBER.fullmatch(cell)) or cell.lower() in INFINITE


def _whole_numbers(cells):
    """int64 or uint64 where every cell is a whole number without zeros before it; else None."""
    if not cells or not _WHOLE.fullmatch("\n".join(cells)):
        return None
    try:
        values = list(map(int, cells))
    except ValueError:  # a cell of several lines
        return None
    for dtype in (np.int64, np.uint64):
        if np.iinfo(dtype).min <= min(values) and max(values) <= np.iinfo(dtype).max:
            return np.array(values, dtype)
    return None


def _floats(cells):
    """float64, NaN where a number is missing; None where a cell is a word, or is a name made of digits."""
    joined = "\n".join(cells)
    if _NAME.search(joined):
        return None
    if cells and not _SPECIAL.search(joined):  # the quick way
        with suppress(ValueError):
            return np.array(list(map(float, cells)))
    held = [cell for cell in cells if cell.lower() not in MISSING]
    if "," in joined:
        if not all(_DECIMAL_COMMA.fullmatch(cell) or cell.lstrip("+-").isdigit() for cell in held):
            return None
        held = [cell.replace(",", ".") for cell in held]
    held = [cell.replace("\N{MINUS SIGN}", "-") for cell in held]
    if not all(map(_is_number, held)):
        return None
    out = np.full(len(cells), np.nan)
    out[[cell.lower() not in MISSING for cell in cells]] = words_as_numbers(held)
    return out
