"""Making shards of a dataset: each is a pure function of the folder's description, wherever it is made."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ...configs.load import show
from ...configs.schema import Config
from ...files.checksums import sha256
from ..systems.scene import Scene, make_scene
from .description import CONFIG, Description, Shard, config_of, load
from .formats import format_of
from .ledger import ACCEPTED, Entry, read_entries, read_entry, versions, write_entry
from .lengthening import is_shorter, refuse_other_numbers
from .samples import Samples, content_digest, make_samples

# The last scene, as galaxies take a while to read, by what it is made from, and where: paths may be relative
_kept: dict[tuple[bytes, int, str], Scene] = {}


def opened(folder: Path) -> tuple[Description, Scene]:
    """The description of a dataset, and the scene that its systems are drawn from.

    The scene is kept until another one is asked for. Raises: DataError and ConfigError as `description.load` and
    `config_of`.
    """
    description = load(folder)
    text = (folder / CONFIG).read_bytes() if (folder / CONFIG).is_file() else b""
    return description, _scene(text, description.seed, lambda: config_of(folder))


def scene_of(config: Config) -> Scene:
    """The scene of a config, kept for the dataset that is begun with it. Raises: as `make_scene`."""
    return _scene(show(config).encode(), config.seed, lambda: config)


def _scene(text, seed, config):
    """text: of the config, so that another one is not taken for it. config: gives it."""
    made_from = text, seed, os.getcwd()
    scene = _kept.get(made_from)
    if scene is None:
        scene = make_scene(config(), seed)
        _kept.clear()
        _kept[made_from] = scene
    return scene


def unfinished(folder: Path, description: Description, entries: Mapping[int, Entry] | None = None) -> list[Shard]:
    """The shards that are not, or not as they should be, in the ledger; an extension makes the last one longer.

    entries: of the ledger, where they have been read.
    """
    entries = read_entries(folder) if entries is None else entries
    done = {(e.number, e.first, e.count) for e in entries.values()}
    return [shard for shard in description.shards if (shard.number, shard.first, shard.count) not in done]


def make_shard(
    folder: Path, number: int, threads: int = 1, beside: Path | None = None, check: Callable[[], None] = lambda: None
) -> Entry:
    """Simulate and write one shard of a dataset, and its entry in the ledger; whatever is there is replaced.

    beside, check: of `store`. Raises: DataError for a folder that is no dataset, or no such shard in it, and as
    `store`; OSError.
    """
    description, scene = opened(folder)
    shard = description.shards[number]
    return store(folder, description, samples_of(scene, description, shard, threads), shard, beside, check)


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


def store(
    folder: Path,
    description: Description,
    samples: Samples,
    shard: Shard,
    beside: Path | None = None,
    check: Callable[[], None] = lambda: None,
) -> Entry:
    """Write the files of a shard, then its entry in the ledger.

    beside: a folder on the same disk where the files are made first, before they take their places; it need not be
    there. check: is called before each of them does; what it raises ends the work.

    Raises: DataError, and changes nothing, if the shard is there with fewer systems that come out with other numbers
        here; OSError that names what cannot be written.
    """
    before, noted = read_entry(folder, shard.number), {}
    if before is not None and is_shorter(before, shard):
        refuse_other_numbers(folder, before, samples)
        noted = {ACCEPTED: before.versions[ACCEPTED]} if ACCEPTED in before.versions else {}
    if beside is not None:
        beside.mkdir(parents=True, exist_ok=True)
    files = format_of(description.format).write(beside or folder, description, samples, shard)
    sums = {file: sha256((beside or folder) / file) for file in files}
    for name in files if beside else ():
        check()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(beside / name, folder / name)
    check()
    entry = Entry(shard.number, shard.first, shard.count, content_digest(samples), sums, versions() | noted)
    write_entry(folder, entry)
    return entry
