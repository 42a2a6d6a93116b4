"""Text tables (CSV, TSV, semicolons, columns of blanks): the names of their columns and the cells below them."""

import csv
import gzip
import io
import itertools
import logging
import re
from collections import deque
from contextlib import suppress
from operator import itemgetter

from .unreadable import Unreadable, check_is_file, reading

log = logging.getLogger("lenstream")

FORM = "CSV"
SEPARATORS = ("\t", ";", "|", ",")  # before blanks
SAMPLE = 50  # rows that the separator is judged by
LONGEST_CELL = 1 << 24  # characters
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?", re.ASCII)
_FRACTION = re.compile(r"[-+]?(\d+[.,]\d*|[.,]\d+|\d+(?=[eEdD]))([eEdD][-+]?\d+)?")  # 1.5, 2e3, 1,5
_DASHES = re.compile(r":?[-=+]{2,}:?")  # of a line that separates names from rows
_WORD = re.compile(r'"[^"]*"|\S+')
_SEP = re.compile(r'"?sep=.?"?', re.IGNORECASE)  # what Excel may write into the first line; the rows say it, too
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # byte order marks


def read(path, wanted):
    """The wanted columns of a text table: a list of (name, unit, cells), cells a tuple of str without blanks around.

    The names stand in the first line, or in the last comment before the numbers. Below them there may be a line of
    dashes, and before that one of units, as VizieR writes them. Cells are separated by commas,
    semicolons, tabs, bars or blanks, whichever fits; lines that begin with # and empty ones are left out. The text is
    UTF-8, UTF-16 with a byte order mark, or else Latin-1, packed by gzip or not.

    Args: wanted: function of a name and a unit, which may be empty: whether to read the column.
    Raises: Unreadable (a DataError) if the file is absent or no text, has no names, has a row longer than the names,
        or two wanted columns of one name that differ.
    """
    check_is_file(path, FORM)
    with reading(path, FORM):
        encoding = _encoding(path)
        try:
            return _read(path, encoding, wanted)
        except UnicodeDecodeError:
            if encoding != "utf-8":
                raise
        columns = _read(path, "latin-1", wanted)
        log.warning("%s is not in UTF-8: it was read as Latin-1", path)
        return columns


def _encoding(path):
    """The encoding by the first bytes; UTF-8 without a mark. Raises: Unreadable if these are no text."""
    with unpacked(path) as file:
        start = file.read(1 << 12)
    for mark, name in _MARKS.items():
        if start.startswith(mark):
            return name
    for first, what in ((b"<", "a web page or other XML"), (b"{", "JSON")):
        if start.lstrip().startswith(first):
            raise Unreadable(path, FORM, f"it is {what}")
    if b"\0" in start:
        raise Unreadable(path, FORM, "it is no text in UTF-8, nor in UTF-16 with a byte order mark")
    return "utf-8"


def unpacked(path):
    """An open file in binary, unpacked if it is packed by gzip, whatever it is called."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if packed else open(path, "rb")


def _text(path, encoding):
    return io.TextIOWrapper(unpacked(path), encoding, newline="")  # the csv module asks for newline=""


def _read(path, encoding, wanted):
    with _text(path, encoding) as text:
        numbered, comment = _begin(enumerate(text, 1))
        sample = list(itertools.islice(numbered, SAMPLE))
        if not sample and not comment:
            raise Unreadable(path, FORM, "it has no header")
        separator = _separator([line for _, line in sample] or [comment])
        names, rows = _header(path, _rows(itertools.chain(sample, numbered), separator), comment, separator)
        units, rows = _units(rows, len(names))
        numbers = [k for k, name in enumerate(names) if name and wanted(name, units[k])]
        kept, short = _kept(path, rows, len(names), numbers, separator)
    if short:
        _judge_short(path, encoding, short, len(kept), len(names))
    cells = list(zip(*kept, strict=True)) if kept else [()] * len(numbers)
    return [(names[k], units[k], values) for k, values in _once(path, names, numbers, cells)]


def _begin(lines):
    """The lines from the first that is neither empty nor a comment; the last comment before it, or ""."""
    comment = ""
    for number, line in lines:
        if line.lstrip().startswith("#"):
            comment = line.strip().lstrip("#").strip() or comment
        elif line.strip() and not _SEP.fullmatch(line.strip()):
            return itertools.chain([(number, line)], lines), comment
    return iter(()), comment


def _separator(lines):
    """The separator by which most lines have as many cells as the first; None: blanks."""
    best = max(SEPARATORS, key=lambda separator: _agreement(lines, separator))
    if _agreement(lines, best) > (0, 0):
        return best
    return None if _agreement(lines, None) > (0, 0) else ","


def _agreement(lines, separator):
    """The fraction of lines with as many cells as the first, and that number; (0, 0) if the first has only one."""
    counts = []
    with suppress(csv.Error):  # a quote may span more lines than these
        counts += (len(_without_tail(cells)) for _, cells in _rows(enumerate(lines), separator))
    if not counts or counts[0] < 2:
        return 0, 0
    return counts.count(counts[0]) / len(counts), counts[0]


def _rows(numbered, separator):
    """Pairs (number of the line, cells) of the lines that are neither empty nor comments; quotes may span lines."""
    begins, place = [True], [0]  # whether the next line begins a row; where the present row began

    def lines():
        for number, line in numbered:
            if begins[0]:
                start = line.lstrip()[:1]
                if not start or start == "#":
                    continue
                begins[0], place[0] = False, number
            yield line
        if not begins[0]:
            raise csv.Error(f"line {place[0]} opens a quote that is not closed")

    if separator is None:
        rows = ([word.strip('"') if word[0] == '"' else word for word in _WORD.findall(line)] for line in lines())
    else:
        csv.field_size_limit(LONGEST_CELL)
        rows = csv.reader(lines(), delimiter=separator, skipinitialspace=True)
    for cells in rows:
        begins[0] = True
        yield place[0], cells


def _without_tail(cells):
    """Cells without the empty ones at the end, which separators at the end of a line make."""
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _header(path, rows, comment, separator):
    """The names, and the rows below them."""
    number, first = next(rows, (0, []))
    first, commented = _stripped(first), _without_tail(_stripped(next(_rows([(0, comment)], separator), (0, []))[1]))
    are_names = commented and not any(NUMBER.fullmatch(cell) for cell in commented)
    if are_names and not first:
        return commented, rows
    has_numbers = any(NUMBER.fullmatch(cell) for cell in first)
    if are_names and has_numbers and len(commented) in (len(first), len(_without_tail(first))):
        return commented, itertools.chain([(number, first)], rows)
    if _is_data(first):
        raise Unreadable(path, FORM, f"it has no header: line {number} holds numbers where names are expected")
    names = _without_tail(first)
    if not all(name.isprintable() for name in names):
        raise Unreadable(path, FORM, f"it is no text: line {number} holds control characters")
    return names, rows


def _units(rows, width):
    """The units below `width` names, and the rows below them: there are units where a line of dashes follows."""
    head = list(itertools.islice(rows, 2))
    dashes = next((k for k, (_, cells) in enumerate(head) if _are_dashes(cells)), None)
    if dashes is None or (dashes and any(map(NUMBER.fullmatch, _stripped(head[0][1])))):
        return [""] * width, itertools.chain(head, rows)
    units = _stripped(head[0][1])[:width] if dashes else []
    return units + [""] * (width - len(units)), itertools.chain(head[dashes + 1 :], rows)


def _are_dashes(cells):
    filled = [cell for cell in _stripped(cells) if cell]
    return bool(filled) and all(map(_DASHES.fullmatch, filled))


def _stripped(cells):
    return [cell.strip() for cell in cells]


def _is_data(cells):
    """Whether a line holds numbers rather than names: all are, or one is no whole number (a year may be a name)."""
    filled = [cell for cell in cells if cell]
    return all(map(NUMBER.fullmatch, filled)) or any(map(_FRACTION.fullmatch, filled))


def _kept(path, rows, width, numbers, separator):
    """The cells of the wanted columns, a list with a tuple a row; the lines that are shorter than the header."""
    kept, short = [], []
    take = itemgetter(*numbers, *numbers[:1]) if numbers else lambda cells: ()  # one twice: of one it gives no tuple
    for number, cells in rows:
        if len(cells) != width:
            has = len(_without_tail(cells))
            if has == 0:
                continue
            if has > width or (has < width and separator is None):
                raise Unreadable(path, FORM, f"line {number} has {has} cells where the header has {width}")
            if len(cells) < width:
                short.append(number)
                cells = cells + [""] * (width - len(cells))
        kept.append(take(cells)[:-1])
    return kept, short


def _judge_short(path, encoding, short, n_rows, width):
    """Say which rows are shorter than the header's `width` cells.

    Raises: Unreadable if most of them are, or the file ends in the middle of one, as it was cut short.
    """
    if 2 * len(short) > n_rows > 1:
        many = f"line {short[0]} and {len(short) - 1} more rows have fewer cells than the {width} of the header"
        raise Unreadable(path, FORM, many)
    with _text(path, encoding) as text:
        number, last = deque(enumerate(text, 1), 1)[0]
    if short[-1] == number and last[-1:] not in ("\n", "\r"):
        raise Unreadable(path, FORM, f"it was cut short: line {number} has too few cells and no end")
    rows = f"{len(short)} rows are" if len(short) > 1 else "one row is"
    log.warning("%s: %s shorter than the header (line %d), its last cells taken as empty", path, rows, short[0])


def _once(path, names, numbers, columns):
    """Pairs (number, cells) with every name once. Two columns of one name have to be equal."""
    out, first = {}, {}
    for k, cells in zip(numbers, columns, strict=True):
        name, cells = names[k], tuple(map(str.strip, cells))
        if out.setdefault(name, cells) != cells:
            raise Unreadable(path, FORM, f'the columns {first[name] + 1} and {k + 1} are both called "{name}"')
        first.setdefault(name, k)
    return [(first[name], cells) for name, cells in out.items()]
