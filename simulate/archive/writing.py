"""Writing a dataset shard by shard; killed at any moment, the same command goes on."""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from ...configs.differences import difference
from ...configs.instruments import numbers, resolved
from ...configs.schema import Config
from ...errors import ConfigError, DataError
from ...files.checksums import add_sums, read_sums, refuse_differing, sha256
from ...files.whole import remove_scratch
from ...locking import locked
from ...progress import console
from ..core.arguments import whole_number, words_among
from ..systems.draw import Views
from ..systems.scene import FIRST_INDEX, Scene
from .all_shards import cores, write_shards
from .begun_in import relative_paths, where_begun
from .dataset_parts import DatasetPart, part_locked, shards_of
from .description import ARCHIVE, CONFIG, COPIES, Description, Shard, config_of, load, save
from .formats import format_of
from .label_file import ECSV, write_labels
from .ledger import LEDGER, own_version, path_of, read_entries
from .lengthening import is_shorter, refuse_other_numbers, say_what_differs
from .overwriting import empty
from .own_places import CARD, PARTS, is_own, is_sealed, seal, unseal
from .shard_making import opened, samples_of, scene_of, unfinished
from .sizes_on_disk import bytes_of_images, check_space

SPLITS = {"train": "pretrain"} | {name: name for name in ("validation", "test", "labelled")}
LARGEST_COUNT, LARGEST_SHARD = 1 << 39, 1 << 13  # systems
Pages = Callable[[Path], list[str]]  # writes further files of a finished dataset, and says which


def describe(
    config: Config,
    scene: Scene,
    form: str,
    count: int,
    views: Views | None = None,
    start: int = 0,
    split: str | None = None,
) -> Description:
    """The `Description` of a new dataset of `count` systems.

    form: of `formats.FORMATS`. start: index of its first system, from that of the split on (see `SPLITS`).
    Raises: ArgumentError for what cannot be, ConfigError for what the format cannot hold.
    """
    module, views = format_of(form), Views() if views is None else views
    if split is not None:
        words_among("split", [split], SPLITS)
    start = whole_number("start", start, 0, LARGEST_COUNT) + (0 if split is None else FIRST_INDEX[SPLITS[split]])
    count = whole_number("count", count, 1, LARGEST_COUNT)
    fitting = max(module.SHARD_BYTES // bytes_of_images(scene, views), 1)
    description = Description(
        format=form,
        name=config.name,
        seed=config.seed,
        start=start,
        count=count,
        views=views.n,
        redraw=tuple(sorted(views.redraw)),
        shard_size=min(1 << (fitting.bit_length() - 1), LARGEST_SHARD),
        split=split,
        lenstream=own_version(),
        begun_in=os.getcwd() if relative_paths(config.simulate.model_dump()) else None,
    )
    module.check(description, scene)
    return description


def write_archive(
    config: Config,
    folder: Path,
    description: Description,
    workers: int = 1,
    ecsv: bool = False,
    pages: Pages | None = None,
    overwrite: bool = False,
    scheduler: str | None = None,
) -> Description:
    """Write a dataset, or what is left of it, and say on stderr how far it is.

    Args: description: from `describe`. workers: processes. ecsv: the labels as ECSV, too. pages: of `finish`.
    overwrite: delete a dataset that is there. scheduler: the address of one of Dask, whose workers make the shards.
    Returns: what is in the folder now.
    Raises: DataError if another process writes there, something else is there, or the disk is too small; ConfigError if
    it was begun with another config or description; OSError.
    """
    with locked(folder, "give another folder (--out)"):
        if overwrite:
            empty(folder, description, config, scheduler)
        description = begin_or_continue(config, description, folder)
        _complete(folder, description, workers, ecsv, pages, scheduler)
    return description


def write_part(
    config: Config,
    folder: Path,
    description: Description,
    part: DatasetPart,
    workers: int = 1,
    scheduler: str | None = None,
) -> Description:
    """Write what is left of one part of a dataset, while others may write its other parts; `write_archive` finishes it.

    Arguments and errors are those of `write_archive`; DataError if another process writes this part or the whole.
    """
    with part_locked(folder, part):
        description = begin_or_continue(config, description, folder)
        own = {shard.number for shard in shards_of(part, description.shards)}
        left = [shard for shard in unfinished(folder, description) if shard.number in own]
        if not left:
            n, words = len(description.shards), f"part {part.k}/{part.n} of {folder}"
            shards = f"{n} {'shard' if n == 1 else 'shards'} of up to {description.shard_size:,} systems"
            empty_part = (
                f"has nothing to write: the dataset has {shards}, so {n} {'part is' if n == 1 else 'parts are'} enough"
            )
            console.print(f"{words} {'is written, nothing is left to do' if own else empty_part}")
            return description
        _, scene = opened(folder)
        prepare(folder, description, scene, left)
        write_shards(folder, description, scene, left, workers, scheduler)
    return description


def extend_archive(folder: Path, count: int, workers: int = 1, pages: Pages | None = None) -> Description:
    """Add `count` systems to a finished dataset, or go on with an extension of as many that was stopped.

    Returns: what is in the folder now.
    Raises: as `write_archive`; DataError for a dataset that is not finished, for one whose ledger, config or
        description is not as it was written, and for one whose last shard is not full
        and comes out with other numbers here: nothing is changed then.
    """
    load(folder)  # a folder that is none gets no lock
    with where_begun(folder) as folder, locked(folder, "extend another dataset"):
        description, config, entries = load(folder), config_of(folder), read_entries(folder)
        count, left = whole_number("count", count, 1, LARGEST_COUNT), unfinished(folder, description, entries)
        pending = bool(left) or not is_sealed(folder)  # also if only the finish was stopped
        if pending and description.added != count:
            raise DataError(f"{folder} is not finished ({_lacking(description, left)}); {_how_to_finish(folder)}")
        say_what_differs(folder, entries.values())
        if not pending:  # what is listed anew below has to be what was written
            refuse_differing(folder, f"`lenstream repair {folder}` first", LEDGER, ARCHIVE, CONFIG)
            description = replace(description, count=description.count + count, added=count)
            _refuse_to_extend(folder, description, entries)
            unseal(folder)
            save(folder, description, config)
        ecsv = (folder / ECSV).is_file()
        _complete(folder, description, workers, ecsv, pages)
    return description


def begin_or_continue(config: Config, description: Description, folder: Path) -> Description:
    """Begin a dataset in a folder that has none, or make sure that the one there is the same.

    Returns: the description of what is there, which has the shards and the version that it was begun with.
    Raises: DataError for a file, a folder with other things in it, or a disk that is too small; ConfigError if the
    dataset was begun with another config or description.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file: expected a folder that is new, empty or a dataset")
    there = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if (folder / ARCHIVE).is_file():  # looked for after the listing: another part may begin it meanwhile
        saved = load(folder)
        _refuse_another(folder, saved, description, config)
        if saved.lenstream != description.lenstream and not is_sealed(folder):
            console.print(f"{folder} was begun by LenStream {saved.lenstream}, this is {description.lenstream}")
        return saved
    there = [name for name in there if not is_own(name)]
    if set(there) - {CONFIG, LEDGER}:  # killed before it had begun, there are only these
        raise DataError(
            f"{folder} is no dataset of LenStream, and not empty ({', '.join(sorted(there)[:3])}): give another folder"
        )
    check_space(folder, description, scene_of(config))
    folder.mkdir(parents=True, exist_ok=True)
    save(folder, description, config)
    return description


def finish(folder: Path, ecsv: bool = False, pages: Pages | None = None) -> None:
    """Write what is made of all shards, once they are there, and the checksums of all that belongs to no shard.

    pages: writes further files, such as pictures and cards. Raises: DataError if shards are missing; OSError.
    """
    description, scene = opened(folder)
    if left := unfinished(folder, description):
        raise DataError(f"{folder} is not finished ({_lacking(description, left)}); {_how_to_finish(folder)}")
    written = format_of(description.format).finish(folder, description, scene)
    written += write_labels(folder, description, scene, ecsv)
    written += [] if pages is None else pages(folder)
    entries = [path_of(Path(), shard.number).as_posix() for shard in description.shards]
    add_sums(folder, {name: sha256(folder / name) for name in (CONFIG, ARCHIVE, *COPIES, *written, *entries)}, CARD)
    shutil.rmtree(folder / PARTS, ignore_errors=True)
    seal(folder)


def is_finished(folder: Path, description: Description) -> bool:
    """Whether nothing is left to do."""
    return is_sealed(folder) and not unfinished(folder, description)


def prepare(folder: Path, description: Description, scene: Scene, left: Iterable[Shard] = ()) -> None:
    """Write what shards need to be there; from now on the dataset is not finished, until `finish`. Raises: OSError.

    left: the shards that are to be written: their entries are listed no more until then.
    """
    unseal(folder)
    written = format_of(description.format).begin(folder, description, scene)
    of_shards = (path_of(Path(), shard.number).as_posix() for shard in left)
    add_sums(folder, {name: sha256(folder / name) for name in (CONFIG, ARCHIVE, *COPIES, *written)}, *of_shards)


def _complete(folder, description, workers, ecsv, pages, scheduler=None):
    """Write the shards that are missing, and finish. ecsv: is made where it is asked for and not there, too."""
    left = unfinished(folder, description)
    if not left and is_sealed(folder) and (not ecsv or ECSV in read_sums(folder)):
        console.print(f"{folder} is finished, nothing is left to do")
        return
    _, scene = opened(folder)
    check_space(folder, description, scene, left)
    remove_scratch(folder)  # of killed processes: nobody else is writing there now
    prepare(folder, description, scene, left)
    write_shards(folder, description, scene, left, workers, scheduler)
    remove_scratch(folder)  # of workers that were killed meanwhile
    finish(folder, ecsv, pages)


def _refuse_to_extend(folder, longer, entries):
    """Raise DataError if there is no room for what is added, or what the last shard has would not stay as it is."""
    _, scene = opened(folder)
    left = unfinished(folder, longer, entries)
    check_space(folder, longer, scene, left)
    before = entries.get(left[0].number)
    if is_shorter(before, left[0]):
        refuse_other_numbers(folder, before, samples_of(scene, longer, replace(left[0], count=before.count), cores()))


def _refuse_another(folder, saved, wanted, config):
    """Raise ConfigError if a dataset is not the one that is asked for."""
    if saved.begun_in and wanted.begun_in != saved.begun_in and os.path.isdir(saved.begun_in):
        raise ConfigError(
            [
                f"{folder} was begun in {saved.begun_in}, to which paths in its config are relative: give the command "
                "there, or another --out"
            ]
        )
    names = ("name", "seed", "format", "start", "split", "views", "redraw", "count")
    old, new = ({name: getattr(d, name) for name in names} for d in (saved, wanted))
    begun_with = config_of(folder)
    own = resolved(config.simulate, begun_with.simulate)
    old_numbers, new_numbers = ({"simulate": numbers(simulation)} for simulation in (begun_with.simulate, own))
    first = difference(old_numbers, new_numbers) or difference(old, new)
    if not first:
        return
    what = "--overwrite deletes it and starts again; give another --out for one beside it"
    if first.startswith("count is ") and wanted.count > saved.count:
        what = f"`lenstream extend {folder} --count {wanted.count - saved.count}` adds to it; {what}"
    raise ConfigError([f"{folder} was begun with other settings (first difference: {first}); {what}"])


def _lacking(description, left):
    if not left:
        return "only its last files are missing"
    return f"{len(left)} of {len(description.shards)} shards are missing"


def _how_to_finish(folder):
    description = load(folder)
    if description.added:
        return f"`lenstream extend {folder} --count {description.added}` goes on with its extension"
    return "the command that began it, lenstream simulate, goes on"
