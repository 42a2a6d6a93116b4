"""How much is said: -q and -v, wherever on the command line they stand."""

import logging
import sys
from typing import Literal

from ..errors import LenStreamError

Loudness = Literal["quiet", "normal", "verbose"]
_QUIET, _VERBOSE = ("-q", "--quiet"), ("-v", "--verbose")


def sorted_out(arguments: list[str]) -> tuple[list[str], Loudness]:
    """Arguments without -q and -v, and how much is to be said; `help predict` becomes `predict --help`.

    What stands behind `--` is left alone. Raises: LenStreamError where both -q and -v are given.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    head, tail = arguments[:end], arguments[end:]
    quiet, verbose = any(a in _QUIET for a in head), any(a in _VERBOSE for a in head)
    if quiet and verbose:
        raise LenStreamError("-q and -v: give one of them, as one says less and the other more")
    plain = [a for a in head if a not in (*_QUIET, *_VERBOSE)]
    if plain[:1] == ["help"]:
        plain = [*plain[1:], "--help"]
    return plain + tail, "quiet" if quiet else "verbose" if verbose else "normal"


def set_loudness(loudness: Loudness) -> None:
    """Have messages on stderr be errors only, the usual, or all with what is read and how long stages take."""
    from ..progress import console  # here, as completion and --version need none

    log = logging.getLogger("lenstream")
    console.quiet = loudness == "quiet"
    log.setLevel({"quiet": logging.ERROR, "normal": logging.NOTSET, "verbose": logging.DEBUG}[loudness])
    for handler in [h for h in log.handlers if getattr(h, "of_command_line", False)]:
        log.removeHandler(handler)
    if loudness == "verbose":
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(relativeCreated)8d ms  %(message)s"))
        handler.of_command_line = True  # type: ignore[attr-defined]
        log.addHandler(handler)
    log.propagate = loudness != "verbose"
