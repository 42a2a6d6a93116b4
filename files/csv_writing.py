"""CSV files that we write: words that a spreadsheet would take for a formula are marked as text.

A word that begins with =, +, -, @, a tab or a carriage return is written with an apostrophe before it, as spreadsheets
mark text; a number is not. Our readers take the apostrophe off again.
"""

from .csv_text import NUMBER
from .whole import write_text

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(frame, path, **options):
    """Write a DataFrame as CSV in UTF-8 without its index, whole or not at all. options: of pandas' `to_csv`."""
    write_text(path, csv_of(frame, **options))


def csv_of(frame, **options):
    """The text of a DataFrame as CSV without its index. options: of pandas' `to_csv`."""
    marked = frame.rename(columns=harmless)
    for name in marked.columns[[dtype.kind not in "fiubc" for dtype in marked.dtypes]]:
        marked[name] = [harmless(value) for value in marked[name]]
    return marked.to_csv(index=False, **options)


def harmless(word):
    """A word as a cell that no spreadsheet takes for a formula; `plain` gives the word back. No word: as it is."""
    return f"'{word}" if isinstance(word, str) and _is_formula(word) else word


def plain(cell):
    """The word that `harmless` made a cell from."""
    return cell[1:] if cell[:1] == "'" and _is_formula(cell[1:]) else cell


def _is_formula(word):
    bare = word.lstrip("'")
    return bare.startswith(FORMULA) and not NUMBER.fullmatch(bare)
