"""Places in the folder of a dataset that hold none of its data: locks, scratch, and the seal of a finished one."""

from pathlib import Path

from ...files.checksums import SUMS, sha256
from ...files.whole import is_scratch, write_text
from ...locking import LOCK
from .ledger import LEDGER

FINISHED = "finished"  # the SHA-256 of SHA256SUMS, which has that of all else: there is nothing left to do
PARTS = ".parts"  # a folder with a lock for each part that is being written (see `dataset_parts`)
REPAIRS = ".repair"  # where shards are made anew, to be compared
CARD = "README.md"  # which its owner may edit: it is not in SHA256SUMS, and left alone once it was
CARD_SUM = f"{LEDGER}/card.sha256"  # of the card as it was written, by which that is known
LAST = frozenset(  # files that the finish writes, and lists when all are there
    {CARD, "labels.parquet", "labels.ecsv", "contact_sheet.png", "croissant.json", "zarr.json", "dataset.h5"}
)


def is_own(name: str) -> bool:
    """Whether a path in the folder of a dataset, relative to it, is of a lock or of scratch."""
    first, last = name.partition("/")[0], name.rpartition("/")[2]
    return first in (PARTS, REPAIRS) or last == LOCK or is_scratch(last)


def seal(folder: Path) -> None:
    """Mark a dataset as finished, when all its checksums are written. Raises: OSError."""
    write_text(folder / FINISHED, _line(sha256(folder / SUMS)))


def unseal(folder: Path) -> None:
    """Mark a dataset as not finished. Raises: OSError."""
    (folder / FINISHED).unlink(missing_ok=True)


def seal_of(folder: Path) -> str:
    """The SHA-256 of SHA256SUMS that a finished dataset has; "" where none is said."""
    try:
        said = (folder / FINISHED).read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return ""
    return said[:64] if said == _line(said[:64]) else ""


def is_sealed(folder: Path) -> bool:
    """Whether a dataset is finished, and the list of its checksums is as it was then."""
    try:
        return seal_of(folder) == sha256(folder / SUMS)
    except OSError:
        return False


def _line(digest):
    return f"{digest}  {SUMS}\n"  # as sha256sum has it
