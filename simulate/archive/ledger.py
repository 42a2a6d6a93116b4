"""The ledger of a dataset: one small file for each finished shard, written last, with the checksums of its files."""

import hashlib
import json
import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ...files.whole import write_text

LEDGER = "ledger"
ACCEPTED = "accepted"  # among the versions of an entry whose numbers a repair took that are not those first written


@dataclass(frozen=True)
class Entry:
    """A finished shard."""

    number: int
    first: int  # index of its first system
    count: int
    content: str  # `samples.content_digest` of what is in it
    files: dict[str, str]  # path in the folder of the dataset -> SHA-256
    versions: dict[str, str] = field(default_factory=dict)  # of what made it, and the processor: `versions`


def path_of(folder: Path, number: int) -> Path:
    """Where the entry of a shard is."""
    return folder / LEDGER / f"{number:06d}.json"


def write_entry(folder: Path, entry: Entry) -> None:
    """Write an entry, whole or not at all: from then on its shard counts as finished. Raises: OSError."""
    path = path_of(folder, entry.number)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text_of(entry))


def text_of(entry: Entry) -> str:
    """What the file of an entry holds."""
    said = {"number": entry.number, "first": entry.first, "count": entry.count, "content": entry.content}
    return _text(said | {"files": entry.files, "made_with": entry.versions})


def read_entry(folder: Path, number: int) -> Entry | None:
    """The entry of a shard; None if there is none, or it is damaged."""
    return _entry(path_of(folder, number))


def read_entries(folder: Path) -> dict[int, Entry]:
    """All entries of a dataset, by the number of the shard; one that is damaged counts as absent."""
    found = (_entry(path) for path in sorted((folder / LEDGER).glob("[0-9]*.json")))
    return {entry.number: entry for entry in found if entry is not None}


def versions() -> dict[str, str]:
    """What a shard is made with here: on it depend the last bits of its numbers, and how a library packs them."""
    import llvmlite.binding
    import numba

    processor = f"{platform.machine()} {llvmlite.binding.get_host_cpu_name()}"
    libraries = {"numpy": np.__version__, "numba": numba.__version__, "lenstream": own_version()}
    return {"python": platform.python_version(), **libraries, "processor": processor}


def own_version() -> str:
    """LenStream's version; "unknown" for a checkout that is not installed."""
    try:
        return metadata.version("lenstream")
    except metadata.PackageNotFoundError:
        return "unknown"


def _text(said: dict[str, Any]) -> str:
    """An entry as it is written, with the digest of itself at its end."""
    digest = hashlib.sha256(json.dumps(said).encode()).hexdigest()
    return json.dumps(said | {"digest": digest}, indent=1) + "\n"


def _entry(path):
    """The `Entry` in a file, or None for what is none, or has a byte that was not written."""
    try:
        text = path.read_bytes().decode()
        said = json.loads(text)
        said.pop("digest")
        if text != _text(said) or path.stem != f"{said['number']:06d}":
            return None
        return Entry(*(said[name] for name in ("number", "first", "count", "content", "files", "made_with")))
    except (OSError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return None
