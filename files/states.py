"""What a path holds, in a number that changes with it: to remember what was found out about many files."""

import os

from . import own_archives
from .suffixes import stem


def state_of(path):
    """A number that changes when files at a path, below it, or beside a file under its name come, go or change.

    It goes by names, sizes and times, so that nothing is opened. Of a data set that LenStream wrote, whose files may be
    very many and follow from its description, that is looked at alone.
    """
    if not path.is_dir():
        beside = [p for p in path.parent.glob("*") if p == path or p.name.startswith(f"{stem(path)}.")]
        return hash(tuple(sorted(map(_of_file, beside))))
    description = path / own_archives.FILE
    if description.is_file():
        return hash(_of_file(description))
    return hash(tuple(_below(path, frozenset())))


def _below(folder, above):
    """Of each file below a folder, in the order of names. above: real paths of the folders that lead here."""
    real = os.path.realpath(folder)
    if real in above:  # links may lead in circles
        return
    try:
        with os.scandir(folder) as held:
            entries = sorted(held, key=lambda entry: entry.name)
    except OSError:  # who reads it says so
        return
    for entry in entries:
        if entry.is_dir():
            yield from _below(entry.path, above | {real})
        yield _of_file(entry.path)


def _of_file(path):
    try:
        found = os.stat(path)
    except OSError:
        return os.fspath(path), 0, 0
    return os.fspath(path), found.st_size, found.st_mtime_ns
