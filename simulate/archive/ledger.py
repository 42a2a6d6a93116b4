"""The ledger of a dataset: one small file for each finished shard, written last, with the checksums of its files."""

import json
import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np

from ...files.json_files import dictionary
from ...files.whole import write_text

LEDGER = "ledger"


@dataclass(frozen=True)
class Entry:
    """A finished shard."""

    number: int
    first: int  # index of its first system
    count: int
    content: str  # `samples.content_digest` of what is in it
    files: dict[str, str]  # path in the folder of the dataset -> SHA-256
    versions: dict[str, str] = field(default_factory=dict)  # of python, numpy and lenstream, that made it


def path_of(folder: Path, number: int) -> Path:
    """Where the entry of a shard is."""
    return folder / LEDGER / f"{number:06d}.json"


def write_entry(folder: Path, entry: Entry) -> None:
    """Write an entry, whole or not at all: from then on its shard counts as finished. Raises: OSError."""
    path = path_of(folder, entry.number)
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {"number": entry.number, "first": entry.first, "count": entry.count, "content": entry.content}
    write_text(path, json.dumps(said | {"files": entry.files} | entry.versions, indent=1) + "\n")


def read_entries(folder: Path) -> dict[int, Entry]:
    """All entries of a dataset, by the number of the shard; one that is damaged counts as absent."""
    found = (_entry(path) for path in sorted((folder / LEDGER).glob("*.json")))
    return {entry.number: entry for entry in found if entry is not None}


def versions() -> dict[str, str]:
    """What a shard is made with here."""
    return {"python": platform.python_version(), "numpy": np.__version__, "lenstream": own_version()}


def own_version() -> str:
    """LenStream's version; "unknown" for a checkout that is not installed."""
    try:
        return metadata.version("lenstream")
    except metadata.PackageNotFoundError:
        return "unknown"


def _entry(path):
    """The `Entry` in a file, or None for what is none."""
    said = dictionary(path)
    numbers = [said.get(name) for name in ("number", "first", "count")]
    files = said.get("files")
    if not all(type(n) is int and n >= 0 for n in numbers) or path.stem != f"{numbers[0]:06d}":
        return None
    if not isinstance(said.get("content"), str) or not isinstance(files, dict):
        return None
    if not all(isinstance(value, str) for value in files.values()):
        return None
    made_with = {name: str(said[name]) for name in ("python", "numpy", "lenstream") if name in said}
    return Entry(*numbers, said["content"], files, made_with)
