"""What is wrong with a dataset on disk: what is missing, damaged or nobody's, and shards that were not yet made."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import LenStreamError
from ...files.checksums import SUMS, sha256
from ...files.paths import usable
from ...progress import bar
from .begun_in import where_begun
from .description import ARCHIVE, CONFIG, COPIES, Shard
from .ledger import LEDGER, path_of
from .own_places import CARD, CARD_SUM, FINISHED, LAST, is_own
from .statements import Statements

AT_ONCE = 4  # files that are read at once, as the disks of a cluster want it
MOST_PIECES = 20  # that are named of one file

What = Literal["missing", "damaged", "foreign", "unfinished"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a dataset."""

    path: str  # of a file in its folder
    piece: str  # what in the file, where that can be told; "" is all of it
    what: What
    shard: int | None  # that it belongs to, if to one


def verify(folder: Path | str, show: bool = True) -> list[Finding]:
    """Compare every file of a dataset, of any format, with the checksum that was written with it.

    Files are read in small parts: memory does not grow with them. show: a bar on stderr.

    Returns: what was found, that of the whole dataset first, then shard by shard; nothing if all is as it was written.
        "foreign" is a file that nobody wrote, "unfinished" a shard that is not yet made, or a dataset whose last files
        are not.
    Raises: DataError for a folder that holds no dataset.
    """
    with where_begun(usable(folder), needed=False) as folder:
        return _findings(Statements(folder), show)


def _findings(said, show):
    """What `verify` returns."""
    of_shards = [said.files(shard) for shard in said.shards]
    done, total = len(said.sums), len(said.sums) + sum(map(len, of_shards))
    with ThreadPoolExecutor(AT_ONCE) as pool, bar("verify", total, show=show) as running:
        found = _of_all(said, pool, {name for names in of_shards for name in names})
        running.update(done)
        for shard, names in zip(said.shards, of_shards, strict=True):
            found += _of_shard(said, shard, pool)
            running.update(done := done + len(names))
    if any(f.path == SUMS for f in found):  # without the list nobody can say what is foreign
        return found
    return found + _foreign(said, of_shards)


def others(folder: Path) -> list[str]:
    """The paths of files in the folder of a dataset that are not its own, by their names: nothing is read of them.

    Raises: DataError for a folder that holds no dataset.
    """
    said = Statements(usable(folder))
    found = _unlisted(said, [said.files(shard) for shard in said.shards])
    return [name for name in found if said.ended or name not in LAST]


def in_words(findings: list[Finding], folder: Path) -> list[str]:
    """What was found as a table, a line for each finding; shards that are not made share one."""
    if not findings:
        return [f"{folder}: all is well"]
    rows = [("what", "shard", "file")]
    rows += [
        (f.what, "" if f.shard is None else str(f.shard), f"{f.path} {f.piece}".rstrip())
        for f in findings
        if f.what != "unfinished" or f.shard is None
    ]
    rows += [
        ("unfinished", f"{first}-{last}" if last > first else str(first), "")
        for first, last in _runs([f.shard for f in findings if f.what == "unfinished" and f.shard is not None])
    ]
    widths = [max(len(row[k]) for row in rows) for k in (0, 1)]
    return [f"{what:{widths[0]}}  {shard:{widths[1]}}  {file}".rstrip() for what, shard, file in rows]


def _runs(numbers):
    """The first and the last of each run of numbers without a gap."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return runs


def _of_all(said, pool, of_shards):
    """Findings in what belongs to no shard, and in the ledger."""
    found = {name: Finding(name, "", what, None) for name, what in _differing(said.folder, said.sums, pool)}
    if said.ended and not said.sealed:
        found = _without_the_list(said, of_shards, found)
    elif not (said.folder / SUMS).is_file():
        found[SUMS] = Finding(SUMS, "", "missing", None)
    elif said.unread_lines:
        found[SUMS] = Finding(SUMS, "", "damaged", None)
    for name in (ARCHIVE, CONFIG):
        if not (said.folder / name).is_file():
            found[name] = Finding(name, "", "missing", None)
    if not said.ended and all(shard.number in said.entries for shard in said.shards):
        found[FINISHED] = Finding(FINISHED, "", "unfinished", None)
    if CARD_SUM in said.sums and not (said.folder / CARD).is_file():
        found[CARD] = Finding(CARD, "", "missing", None)
    numbers = {_ledger_name(shard): shard.number for shard in said.shards}
    return [Finding(f.path, f.piece, f.what, numbers.get(f.path)) for f in found.values()]


def _without_the_list(said, of_shards, found):
    """Findings by name where SHA256SUMS and the seal do not fit each other: which of them is it, and what else?"""
    unlisted = of_shards | {SUMS, FINISHED, CARD}
    there = sorted(name for name in _walk(said.folder) if name not in unlisted)
    text = "".join(f"{value}  {name}\n" for name, value in ((n, _sha256(said.folder / n)) for n in there))
    if hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest() == said.seal:
        found = {}  # all else is as it was
    elif text == said.text:
        return {FINISHED: Finding(FINISHED, "", "damaged", None)}
    return {SUMS: Finding(SUMS, "", "damaged" if (said.folder / SUMS).is_file() else "missing", None)} | found


def _of_shard(said, shard, pool):
    """Findings in one shard."""
    entry = said.entries.get(shard.number)
    if entry is None:
        name = _ledger_name(shard)
        if shard.number in said.outgrown:
            return [Finding(name, "", "unfinished", shard.number)]
        if (said.folder / name).is_file():
            return [] if name in said.sums else [Finding(name, "", "damaged", shard.number)]
        return [] if name in said.sums else [Finding(name, "", "unfinished", shard.number)]
    found = list(_differing(said.folder, entry.files, pool))
    pieces = _pieces(said, shard) if any(what == "damaged" for _, what in found) else []
    return [
        Finding(name, piece, what, shard.number)
        for name, what in found
        for piece in (_within(name, pieces) if what == "damaged" else [""])
    ]


def _pieces(said, shard):
    """The damaged pieces of a shard that its format can name."""
    try:
        return said.format.damaged(said.folder, said.description, said.scene, shard)
    except (LenStreamError, OSError):
        return []


def _within(name, pieces):
    """The damaged pieces of one file, without its name, or "" for all of it."""
    own = [piece.removeprefix(name).lstrip(": ") for piece in pieces if piece.startswith((f"{name} ", f"{name}:"))]
    more = [f"and {len(own) - MOST_PIECES} more"] if len(own) > MOST_PIECES else []
    return own[:MOST_PIECES] + more or [""]


def _differing(folder: Path, sums: dict[str, str], pool: ThreadPoolExecutor) -> Iterator[tuple[str, What]]:
    """Names of files that are missing, or have other bytes than a list says, in the order of the list."""
    for (name, listed), value in zip(sums.items(), pool.map(_sha256, (folder / n for n in sums)), strict=True):
        if value != listed:
            yield name, "damaged" if (folder / name).exists() else "missing"


def _sha256(path):
    """The SHA-256 of a file; "" if it cannot be read."""
    try:
        return sha256(path)
    except OSError:
        return ""


def _foreign(said, of_shards):
    """Findings of files that no list has, nor would have if the dataset were complete."""
    unlisted = _unlisted(said, of_shards)
    if not said.ended:  # the last files may be there, and be listed only when all are
        unlisted = [name for name in unlisted if "/" in name]
    return [Finding(name, "", "foreign", None) for name in unlisted]


def _unlisted(said, of_shards):
    """The names of files that no list has, nor belong to a shard or to what every dataset has."""
    known = set(said.sums) | {name for names in of_shards for name in names}
    known |= {ARCHIVE, CONFIG, *COPIES, SUMS, FINISHED, CARD, CARD_SUM}
    known |= {_ledger_name(shard) for shard in said.shards}
    return sorted(name for name in _walk(said.folder) if name not in known)


def _walk(folder: Path) -> Iterable[str]:
    """The paths of all files below a folder, relative to it, without locks and scratch."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name).relative_to(folder).as_posix()
            if not is_own(path):
                yield path


def _ledger_name(shard: Shard) -> str:
    return path_of(Path(LEDGER).parent, shard.number).as_posix()
