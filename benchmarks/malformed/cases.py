"""What an input is, and what is done to a good file to make a malformed one."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ACCEPT, REFUSE = "accept", "refuse"
SIZE = 48  # pixels of images on a side
SCALE = 0.08  # arcsec, of a pixel
MARKER = "payload_ran"  # a hostile payload would make a file of this name in the folder of its case
# A recipe whose check reads images: of real lenses, or of a folder to train on.
TRAINED = """extends: w1
pretrain: {backbone: {name: test_resnet}, steps: 2, batch_size: 4, accelerator: cpu, encoders: {a: {method: simsiam}}}
evaluate: {targets: [theta_E, gamma], n_labels: [10], n_test: 20, seeds: 1, limit: false}
"""


@dataclass(frozen=True)
class Case:
    """One input. `make` writes its files into a folder and gives the arguments of `lenstream`."""

    kind: str
    name: str
    make: Callable[[Path], list[str]]
    expected: str | None = None  # ACCEPT or REFUSE where it is known


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Bytes that were cut short, overwritten, moved, doubled or emptied in some place."""
    kind, at = chance.randrange(8), chance.randrange(len(data))
    span = chance.choice((1, 1, 4, 16, 100, 2880))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + chance.randbytes(span) + data[at + span :]
    if kind == 2:
        return data[:at] + chance.randbytes(span) + data[at:]
    if kind == 3:
        return data[:at] + data[at + span :]
    if kind == 4:
        return data[:at] + bytes(span) + data[at + span :]
    if kind == 5:
        head = chance.randrange(min(len(data), 400))  # where formats say what they hold
        return data[:head] + chance.randbytes(1) + data[head + 1 :]
    if kind == 6:
        numbers = list(re.finditer(rb"\d+", data[:4000]))
        if numbers:
            found = chance.choice(numbers)
            other = chance.choice((b"0", b"-1", b"9" * len(found[0]), b"1" + found[0], b"1e9", b"nan"))
            return data[: found.start()] + other + data[found.end() :]
    return chance.choice((b"", b"\0" * 100, b"not what it says\n" * 9, data + data, data[::-1], chance.randbytes(3000)))


def from_file(kind, name, good, suffix, arguments, chance, count, more=(), prepare=None) -> Iterator[Case]:
    """Cases of one kind of file: a good one, `count` damaged ones, and others by name.

    good: bytes. suffix: of the file. arguments: path -> arguments. more: triples of a name, bytes or a function that
    writes to a path, and what is expected. prepare: writes what else is needed into the folder.
    """

    def case(label, content, expected, end=suffix):
        def make(folder):
            if prepare is not None:
                prepare(folder)
            path = folder / f"file{end}"
            content(path) if callable(content) else path.write_bytes(content)
            return arguments(path)

        return Case(kind, f"{name}: {label}", make, expected)

    yield case("good", good, ACCEPT)
    for k in range(count):
        yield case(f"damaged {k}", damaged(good, chance), None)
    for label, content, expected in more:
        yield case(label, content, expected)


def config_of(*changes, recipe="w1"):
    """Arguments that check a config, as `run` does before it trains."""
    return ["config", recipe, *changes]


def trained(folder: Path, *changes):
    (folder / "trained.yaml").write_text(TRAINED)
    return config_of(*changes, recipe=str(folder / "trained.yaml"))
