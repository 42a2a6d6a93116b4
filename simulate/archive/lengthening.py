"""The last shard of a dataset that is extended: the systems that it has have to come out as they were written."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from ...errors import DataError
from ...progress import console
from .description import Shard
from .ledger import ACCEPTED, Entry, versions
from .samples import Samples, Stored, content_digest


def is_shorter(entry: Entry | None, shard: Shard) -> bool:
    """Whether an entry of the ledger is that of a shard before an extension made it longer."""
    return (
        entry is not None and (entry.number, entry.first) == (shard.number, shard.first) and entry.count < shard.count
    )


def holds(entry: Entry, samples: Samples) -> bool:
    """Whether the first of some samples are, bit for bit, those of an entry."""
    n = entry.count
    first = (
        {name: values[:n] for name, values in group.items()}
        for group in (samples.images, samples.masks, samples.labels)
    )
    return content_digest(Stored(samples.indices[:n], *first)) == entry.content


def refuse_other_numbers(folder: Path, entry: Entry, samples: Samples) -> None:
    """Raise DataError if the first of some samples are not those of an entry."""
    if not holds(entry, samples):
        raise DataError(
            f"{folder}: the {entry.count:,} systems of shard {entry.number} come out here with other numbers than were "
            f"written, so the shard is left as it is; it was written with {in_words(entry.versions)}, and here are "
            f"{in_words(versions())}: extend it on a machine such as the writer's, or write the systems to add into a "
            "dataset of their own (lenstream simulate --start)"
        )


def say_what_differs(folder: Path, entries: Iterable[Entry]) -> None:
    """Say on stderr if what made some shards is not what there is here."""
    here = versions()
    others = {in_words(used): used for used in (_without_note(entry.versions) for entry in entries) if used != here}
    for used in others.values():
        differ = [name for name in used | here if used.get(name) != here.get(name)]
        before, now = (in_words({name: had.get(name, "none") for name in differ}) for had in (used, here))
        console.print(f"{folder} was written with {before}; what is added is made with {now}")


def in_words(used: Mapping[str, str]) -> str:
    """The versions of an entry, such as "python 3.12.1, numpy 2.1.0"."""
    return ", ".join(f"{name} {value}" for name, value in _without_note(used).items())


def _without_note(used):
    return {name: value for name, value in used.items() if name != ACCEPTED}
