"""Data sets that LenStream wrote, in any of its formats: recognised here, read by `simulate.archive`."""

from pathlib import Path

from ..errors import DataError
from .image_sets import ImageSet
from .json_files import dictionary

KIND = "LenStream archive"
FILE = "archive.json"  # in the folder of a data set


def recognise(place):
    """The `ImageSet` of an archive, which knows numbers and name but not the images; None for anything else."""
    if not (place.path / FILE).is_file():
        return None
    words = dictionary(place.path / FILE)
    form, name, count, views, start = (words.get(key) for key in ("format", "name", "count", "views", "start"))
    if not all(isinstance(number, int) and number >= 0 for number in (count, views, start)):
        raise DataError(f"{place.path / FILE}: is no description of a LenStream archive, or is damaged")
    return ImageSet(
        path=place.path,
        kind=KIND,
        what=f"{count:,} systems of {name} that LenStream simulated, in the format {form}",
        names=range(start, start + count),
        views=views,
        bands=(),
        height=0,
        width=0,
        read=Unread(place.path),
    )


def around(path: Path) -> Path | None:
    """The folder of the archive that a path is, or that it lies in; None if there is none."""
    return next((place for place in (path, *path.parents, *path.resolve().parents) if (place / FILE).is_file()), None)


class Unread:
    """In the place of a reader: says who reads archives."""

    def __init__(self, path: Path):
        self.path = path

    def __call__(self, index):
        raise DataError(f"{self.path} is a LenStream archive: lenstream.LensDataset reads it")
