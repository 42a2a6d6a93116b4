"""Checksums of the files of a folder, in its SHA256SUMS: `sha256sum -c SHA256SUMS` checks them, too.

What is not listed there is not checked, as in folders of earlier versions.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from ..errors import DataError
from .whole import naming, write_text

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises: OSError."""
    with naming(path), open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_sums(folder: Path) -> dict[str, str]:
    """Path in the folder -> SHA-256, of all that is listed; lines that cannot be read are left out."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {line[2]: line[1] for line in map(_LINE.fullmatch, lines) if line}


def write_sums(folder: Path, paths: Iterable[Path]) -> None:
    """List files of the folder with their checksums, and what else is listed no more. Raises: OSError."""
    _write(folder, {path.relative_to(folder).as_posix(): sha256(path) for path in paths})


def add_sums(folder: Path, sums: dict[str, str], *instead_of: str) -> None:
    """List files by their paths in the folder, beside all that is listed already. Raises: OSError.

    instead_of: names of files, and of folders with files, that are listed no more unless `sums` has them.
    """
    _write(folder, _others(folder, instead_of) | sums)


def remove_sums(folder: Path, *names: str) -> None:
    """List no more what has these names: files, and all files in folders. Raises: OSError."""
    _write(folder, _others(folder, names))


def differing(folder: Path, *below: str) -> list[str]:
    """What differs from the list: "NAME is missing" or "NAME was changed" of each such file.

    below: only files of these names, or in folders of these names; none is all.
    """
    found = []
    for name, listed in read_sums(folder).items():
        if below and not _is_below(name, below):
            continue
        try:
            if sha256(folder / name) != listed:
                found.append(f"{name} was changed")
        except (FileNotFoundError, NotADirectoryError):
            found.append(f"{name} is missing")
        except OSError as error:
            found.append(f"{name} cannot be read ({error.strerror})")
    return found


def refuse_differing(folder: Path, what_to_do: str, *below: str) -> None:
    """Raise DataError if files of a folder are not those that are listed. Arguments as of `differing`."""
    if found := differing(folder, *below):
        raise DataError(f"{folder}: {', '.join(found)} since it was written ({SUMS} has the checksum); {what_to_do}")


def _others(folder: Path, places: Iterable[str]) -> dict[str, str]:
    """What is listed, but for files of these names and in folders of these names."""
    return {name: value for name, value in read_sums(folder).items() if not _is_below(name, places)}


def _is_below(name: str, places: Iterable[str]) -> bool:
    return any(name == place or name.startswith(f"{place}/") for place in places)


def _write(folder: Path, sums: dict[str, str]) -> None:
    write_text(folder / SUMS, "".join(f"{value}  {name}\n" for name, value in sorted(sums.items())))
