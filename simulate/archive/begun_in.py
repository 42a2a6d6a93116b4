"""Where files are that a config names by relative paths: where its dataset was begun, whoever stands where now."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...configs.recipes import read
from ...errors import DataError, LenStreamError
from .description import CONFIG
from .statements import described, intact

_NAMING = ("file", "catalogue", "sky_cutouts")  # keys of `simulate` whose texts are paths
_NO_PATH = ("procedural",)


def relative_paths(values: Any) -> list[str]:
    """The relative paths in nested dictionaries and lists with the keys of a config's `simulate`, in their order."""
    if isinstance(values, list | tuple):
        return [path for value in values for path in relative_paths(value)]
    if not isinstance(values, dict):
        return []
    found = []
    for name, value in values.items():
        if name in _NAMING and isinstance(value, str):
            found += [] if value in _NO_PATH or value.startswith("~") or os.path.isabs(value) else [value]
        else:
            found += relative_paths(value)
    return found


@contextlib.contextmanager
def where_begun(folder: Path, needed: bool = True) -> Iterator[Path]:
    """Stand, within the block, where the files are that the config of a dataset names by relative paths.

    That is the working directory that it was begun in or, where they are not there any more, the present one. The
    block gets the path of the dataset from there. needed: whether the files are.

    Raises: DataError if they are needed and in neither; for a folder that holds no dataset.
    """
    begun_in, paths = described(folder).begun_in, []
    with contextlib.suppress(LenStreamError):  # of a damaged config, which others complain of
        paths = relative_paths(read(intact(folder, CONFIG)).values.get("simulate"))
    places = [place for place in (begun_in, os.getcwd()) if place is not None]
    stand = next((place for place in places if all(Path(place, path).exists() for path in paths)), None)
    if stand is None and needed:
        missing = next(path for path in paths if not Path(places[0], path).exists())
        raise DataError(
            f"{folder}: its config names the file {missing}, which was sought in {' and in '.join(places)}; "
            f"put it into the first of them, or stand where it is"
        )
    if stand in (None, os.getcwd()):
        yield folder
        return
    folder = folder.absolute()
    with contextlib.chdir(stand):
        yield folder
