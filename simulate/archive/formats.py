"""The formats of datasets, by name: each is a module with the functions of `Format`."""

from pathlib import Path
from typing import Protocol

from ...errors import ArgumentError, nearest
from ..systems.scene import Scene
from . import fits_pairs, fits_shards, hdf5_shards, npy_shards, parquet_shards, zarr_shards
from .description import Description, Shard
from .samples import Samples, Stored


class Format(Protocol):
    """What a format does; a module fulfils it. Paths are relative to the folder of the dataset.

    The bytes of a shard's files depend on the config, the `Description` and the shard alone: no time, no machine.
    """

    NAME: str
    EXTRA: str | None  # of extras.py, without which it cannot be written
    SHARD_BYTES: int  # of the images of a shard, at most
    OPENING: str  # how it is opened in Python; {path} is its folder

    def check(self, description: Description, scene: Scene) -> None:
        """Raises: ConfigError for what the format cannot hold."""

    def begin(self, folder: Path, description: Description, scene: Scene) -> list[str]:
        """Write the files that belong to no shard, for `description.count` systems; again after an extension."""

    def shard_files(self, description: Description, scene: Scene, shard: Shard) -> list[str]:
        """The files of a shard, whether they are there or not."""

    def write(self, folder: Path, description: Description, samples: Samples, shard: Shard) -> list[str]:
        """Write the files of a shard, each whole or not at all; returns `shard_files`."""

    def read(self, folder: Path, description: Description, scene: Scene, shard: Shard) -> Stored:
        """What is stored of a shard. Raises: Unreadable that names the file, and the piece of it, that is damaged."""

    def read_labels(self, folder: Path, description: Description, scene: Scene, shard: Shard) -> Stored:
        """As `read`, without images and masks."""

    def finish(self, folder: Path, description: Description, scene: Scene) -> list[str]:
        """Write the files that are made of all shards."""

    def damaged(self, folder: Path, description: Description, scene: Scene, shard: Shard) -> list[str]:
        """The names of damaged pieces within the files of a shard; empty where none can be told."""


FORMATS: dict[str, Format] = {
    module.NAME: module for module in (zarr_shards, hdf5_shards, parquet_shards, fits_shards, fits_pairs, npy_shards)
}


def format_of(name: str) -> Format:
    """A format by its name. Raises: ArgumentError for one that there is not."""
    if name not in FORMATS:
        raise ArgumentError(f'no format is called "{name}"; expected {", ".join(FORMATS)}.{nearest(name, FORMATS)}')
    return FORMATS[name]
