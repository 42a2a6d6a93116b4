"""Deleting a dataset for another one in its place: nothing but a dataset, and not before the new one can be written."""

import shutil
from pathlib import Path

from ...configs.schema import Config
from ...errors import DataError
from ...files.checksums import SUMS
from ...locking import LOCK
from .dask_workers import see_that_it_answers
from .description import ARCHIVE, CONFIG, Description, load
from .ledger import LEDGER
from .shard_making import scene_of
from .sizes_on_disk import check_space
from .verify import others


def empty(folder: Path, description: Description, config: Config, scheduler: str | None = None) -> None:
    """Delete the dataset of a folder, archive.json last: killed meanwhile, the rest is still one.

    description, config: of the new one. scheduler: the address of the Dask scheduler that is to write it.
    Raises: DataError, before anything is deleted, for what is none, and if the new one could not be written.
    """
    there = {path.name: path for path in folder.iterdir() if path.name != LOCK} if folder.is_dir() else {}
    if not there:
        return
    _refuse_to_delete(folder, set(there))
    freed = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
    check_space(folder, description, scene_of(config), freed=freed)
    if scheduler is not None:
        see_that_it_answers(scheduler)
    last = (SUMS, LEDGER, CONFIG, ARCHIVE)  # by which the rest is known
    for _, path in sorted(there.items(), key=lambda item: last.index(item[0]) if item[0] in last else -1):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _refuse_to_delete(folder, names):
    """Raise DataError for a folder that is not known for a dataset, or that has other files in it."""
    try:
        if names <= {ARCHIVE, CONFIG, LEDGER}:  # hardly begun, or killed as it was deleted
            load(folder)
            return
        if not (folder / LEDGER).is_dir():
            load(folder)
            raise DataError(f"{folder}: it is no dataset of LenStream (no {LEDGER}/)")
        foreign = others(folder)
    except DataError as error:
        raise DataError(f"--overwrite: {error}; so it is not deleted") from None
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise DataError(
            f"--overwrite: {folder} holds what is not of its dataset ({', '.join(foreign[:3])}{more}), so it is not "
            "deleted; move that away, or give another --out"
        )
