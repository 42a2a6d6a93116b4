"""What a dataset on disk says of itself: description, ledger, checksums and seal, as far as they can be read."""

from contextlib import suppress
from functools import cached_property
from pathlib import Path

from ...configs.load import checked
from ...configs.recipes import read
from ...errors import DataError, LenStreamError
from ...files.checksums import SUMS, read_sums, sha256
from ..systems.scene import Scene, make_scene
from .description import ARCHIVE, CONFIG, Description, Shard, copy_of, load
from .formats import Format, format_of
from .ledger import LEDGER, path_of, read_entries
from .lengthening import is_shorter
from .own_places import FINISHED, is_sealed, seal_of


class Statements:
    """Read once. Raises: DataError for a folder that holds no dataset, or nothing that says what it holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.description = described(folder)
        self.shards: list[Shard] = self.description.shards
        self.text = _text(folder / SUMS)
        self.sums = {name: value for name, value in read_sums(folder).items() if name not in (SUMS, FINISHED)}
        self.unread_lines = len(self.sums) != self.text.count("\n")
        self.seal, self.sealed, self.ended = seal_of(folder), is_sealed(folder), (folder / FINISHED).exists()
        entries = read_entries(folder)
        fit = {s.number: (s.number, s.first, s.count) for s in self.shards}
        entries = {number: e for number, e in entries.items() if self._is_listed(path_of(folder, number))}
        self.entries = {n: e for n, e in entries.items() if fit.get(n) == (e.number, e.first, e.count)}
        self.outgrown = {  # entries of shards that an extension has not yet made longer
            s.number: entries[s.number] for s in self.shards if is_shorter(entries.get(s.number), s)
        }

    def _is_listed(self, path):
        """Whether a file is as the list of checksums says, if it says anything."""
        listed = self.sums.get(path.relative_to(self.folder).as_posix())
        return listed is None or sha256(path) == listed

    @property
    def format(self) -> Format:
        """Raises: ArgumentError for one that this version does not have."""
        return format_of(self.description.format)

    @cached_property
    def scene(self) -> Scene:
        """Raises: LenStreamError if its config, or a file that this names, cannot be read."""
        return make_scene(checked(read(intact(self.folder, CONFIG))), self.description.seed)

    def files(self, shard: Shard) -> list[str]:
        """The files of a shard, or none if it is not made and its config cannot be read, either."""
        if shard.number in self.entries:
            return list(self.entries[shard.number].files)
        try:
            return self.format.shard_files(self.description, self.scene, shard)
        except (LenStreamError, OSError):
            return []


def intact(folder: Path, name: str) -> Path:
    """Where archive.json or config.yaml is as it was written: in the folder, or its copy in the ledger.

    Raises: DataError if neither is.
    """
    places = [folder / name, folder / copy_of(name)]
    listed = read_sums(folder)
    for path in places:
        with suppress(OSError):
            if sha256(path) in (listed.get(name), listed.get(copy_of(name))):
                return path
    texts = [_text(path) for path in places]
    if texts[0] and texts[0] == texts[1] and not is_sealed(folder):  # it is the list that is wrong
        return places[0]
    raise DataError(
        f"{folder}: {name} and its copy in {LEDGER}/ are missing or damaged; put {name} back as it was, or delete "
        "the folder and make the dataset anew with lenstream simulate"
    )


def described(folder: Path) -> Description:
    """The description of a dataset, from its copy if need be.

    Raises: DataError for a folder that holds no dataset, or nothing that says what it holds.
    """
    if not (folder / LEDGER).is_dir():
        return load(folder)
    return load(folder, intact(folder, ARCHIVE).relative_to(folder))


def _text(path):
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, ValueError):
        return ""
