"""Making shards of a dataset: each is a pure function of the folder's description, wherever it is made."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...files.checksums import sha256
from ..systems.scene import Scene, make_scene
from .description import ARCHIVE, CONFIG, Description, Shard, config_of, load
from .formats import format_of
from .ledger import Entry, read_entries, versions, write_entry
from .samples import Samples, content_digest, make_samples


def opened(folder: Path) -> tuple[Description, Scene]:
    """The description of a dataset, and the scene that its systems are drawn from.

    Both are kept until the dataset is another one. Raises: DataError and ConfigError as `description.load` and
    `config_of`.
    """
    description = load(folder)
    said = tuple((folder / name).read_bytes() for name in (ARCHIVE, CONFIG) if (folder / name).is_file())
    return description, _scene(folder, description.seed, said)


@lru_cache(maxsize=1)
def _scene(folder, seed, said):
    """said: the bytes of the files that it is made from, so that others are not taken for them."""
    return make_scene(config_of(folder), seed)


def unfinished(folder: Path, description: Description) -> list[Shard]:
    """The shards that are not, or not as they should be, in the ledger; an extension makes the last one longer."""
    entries = read_entries(folder)
    done = {(e.number, e.first, e.count) for e in entries.values()}
    return [shard for shard in description.shards if (shard.number, shard.first, shard.count) not in done]


def make_shard(folder: Path, number: int, threads: int = 1) -> Entry:
    """Simulate and write one shard of a dataset, and its entry in the ledger; whatever is there is replaced.

    Raises: DataError for a folder that is no dataset, or no such shard in it; OSError.
    """
    description, scene = opened(folder)
    shard = description.shards[number]
    return store(folder, description, samples_of(scene, description, shard, threads), shard)


def samples_of(
    scene: Scene,
    description: Description,
    shard: Shard,
    threads: int = 1,
    made: Callable[[int], None] | None = None,
) -> Samples:
    """The samples of a shard; threads and made are those of `make_samples`."""
    indices = np.arange(shard.first, shard.first + shard.count, dtype=np.uint64)
    return make_samples(scene, indices, description.drawn_views, threads, made)


def store(folder: Path, description: Description, samples: Samples, shard: Shard) -> Entry:
    """Write the files of a shard, then its entry in the ledger. Raises: OSError that names what cannot be written."""
    files = format_of(description.format).write(folder, description, samples, shard)
    sums = {file: sha256(folder / file) for file in files}
    entry = Entry(shard.number, shard.first, shard.count, content_digest(samples), sums, versions())
    write_entry(folder, entry)
    return entry
