"""One of N parts of a dataset's shards, as a job of a Slurm array writes it, beside others in the same folder."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ...errors import ArgumentError, short
from ...locking import locked
from .description import Shard
from .own_places import PARTS

_WORDS = re.compile(r"0*(\d{1,9})/0*(\d{1,9})")


class DatasetPart(NamedTuple):
    """The k-th of n parts, from 1."""

    k: int
    n: int


def part_of(text: str) -> DatasetPart:
    """The part that "K/N" says. Raises: ArgumentError if it says none."""
    found = _WORDS.fullmatch(text.strip())
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise ArgumentError(f"--part {short(text)}: expected K/N with K from 1 to N, such as 3/8")
    return DatasetPart(int(found[1]), int(found[2]))


def shards_of(part: DatasetPart, shards: list[Shard]) -> list[Shard]:
    """The shards of a part, a run of them: those of all N are all shards, each once, and differ by one at most."""
    first, stop = (len(shards) * k // part.n for k in (part.k - 1, part.k))
    return shards[first:stop]


@contextmanager
def part_locked(folder: Path, part: DatasetPart) -> Iterator[None]:
    """Have a part of a dataset to ourselves within the block, while others may be at work on its other parts.

    Raises: DataError, at once, if another process writes this part, or all of the dataset.
    """
    with locked(folder, shared=True), locked(folder / PARTS / f"{part.k}-of-{part.n}"):
        yield
