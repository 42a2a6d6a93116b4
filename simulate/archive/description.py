"""What a dataset on disk is: archive.json and config.yaml, from which every number in it follows."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ...configs.load import checked, show
from ...configs.recipes import read
from ...configs.schema import Config
from ...errors import DataError
from ...files.checksums import add_sums, refuse_differing, sha256
from ...files.whole import write_text
from ..core.arguments import shown
from ..systems.draw import Views
from .ledger import LEDGER

ARCHIVE, CONFIG = "archive.json", "config.yaml"


def copy_of(name: str) -> str:
    """Where the copy of config.yaml or archive.json is, by a name that does not make a dataset of its folder, too."""
    return f"{LEDGER}/copy_of_{name}"


COPIES = {copy_of(name): name for name in (CONFIG, ARCHIVE)}  # as all else can be made again from these two
LAYOUT = 1  # of the folder; a later version with another one says so
_LARGEST = 1 << 63


@dataclass(frozen=True)
class Shard:
    """A run of systems that is written at once."""

    number: int  # from 0
    first: int  # index of its first system
    count: int


@dataclass(frozen=True)
class Description:
    """What is in a dataset; with the config of its folder, each of its bytes follows."""

    format: str  # of `formats.FORMATS`
    name: str  # of the config
    seed: int
    start: int  # index of the first system, as the stream has it; that of `split` included
    count: int  # systems
    views: int
    redraw: tuple[str, ...]  # what differs between views, sorted
    shard_size: int  # systems; the last shard may have fewer
    split: str | None  # of systems.scene.FIRST_INDEX, with "train" for "pretrain"
    lenstream: str  # the version that began it
    added: int = 0  # systems of `count` that the last extension has added
    begun_in: str | None = None  # the working directory, if the config names files by paths that are relative to it

    @property
    def shards(self) -> list[Shard]:
        """All shards, by number."""
        starts = range(0, self.count, self.shard_size)
        return [Shard(k, self.start + s, min(self.shard_size, self.count - s)) for k, s in enumerate(starts)]

    @property
    def drawn_views(self) -> Views:
        """`Views` for the simulator."""
        return Views(self.views, frozenset(self.redraw))


def save(folder: Path, description: Description, config: Config) -> None:
    """Write the description of a dataset, archive.json last: with it, the folder is a dataset. Raises: OSError."""
    texts = {CONFIG: show(config), ARCHIVE: json.dumps({"layout": LAYOUT} | asdict(description), indent=1) + "\n"}
    (folder / LEDGER).mkdir(parents=True, exist_ok=True)
    for name in (*COPIES, *texts):
        write_text(folder / name, texts[COPIES.get(name, name)])
    add_sums(folder, {name: sha256(folder / name) for name in (*COPIES, *texts)})


def load(folder: Path, name: str | Path = ARCHIVE) -> Description:
    """The description of the dataset in a folder; name: of its file there.

    Raises: DataError for a folder that holds none, for one of a later version, and for a damaged archive.json.
    """
    path = folder / name
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{folder}: {_no_dataset(folder)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise DataError(f"{path}: it is damaged (no JSON); {_what_to_do(folder)}")
    if said.get("layout") != LAYOUT:
        raise DataError(
            f"{path}: its layout is {shown(said.get('layout'))}, and this LenStream reads {LAYOUT}: "
            "it was written by another version"
        )
    values = {field.name: said.get(field.name) for field in fields(Description)}
    if isinstance(values["redraw"], list):
        values["redraw"] = tuple(values["redraw"])
    for key, value in values.items():
        if not _can_be(key, value):
            raise DataError(f"{path}: it is damaged ({key} is {shown(value)}); {_what_to_do(folder)}")
    return Description(**values)


def digest_of(folder: Path) -> str:
    """SHA-256 of archive.json and config.yaml, from which all of a dataset follows; "" where there are none."""
    try:
        return hashlib.sha256(b"".join((folder / name).read_bytes() for name in (ARCHIVE, CONFIG))).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def config_of(folder: Path) -> Config:
    """The config that a dataset is made from.

    Raises: DataError if config.yaml is missing or was changed; ConfigError for what this version does not know.
    """
    if not (folder / CONFIG).is_file():
        raise DataError(f"{folder / CONFIG}: missing; {_what_to_do(folder)}")
    refuse_differing(folder, "put it back as it was", CONFIG)
    return checked(read(folder / CONFIG))


def _no_dataset(folder):
    if not folder.exists():
        return "there is no such folder; expected a dataset that lenstream simulate has written"
    if not folder.is_dir():
        return "it is a file; expected the folder of a dataset that lenstream simulate has written"
    return f"it is no dataset of LenStream (no {ARCHIVE}); expected a folder that lenstream simulate has written"


def _what_to_do(folder):
    return "put it back as it was, or delete the folder and make the dataset anew with lenstream simulate"


def _can_be(name, value):
    """Whether a field of `Description` can have a value."""
    if name in ("format", "name", "lenstream"):
        return isinstance(value, str)
    if name in ("split", "begun_in"):
        return value is None or isinstance(value, str)
    if name == "redraw":
        return isinstance(value, tuple) and all(isinstance(word, str) for word in value)
    least = 0 if name in ("seed", "start", "added") else 1
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < _LARGEST
