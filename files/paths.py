"""Paths that a user gives, made ready to be looked at, so that one that no file can have is a sentence."""

from pathlib import Path

from ..errors import DataError


def usable(path):
    """A path with the home folder written out for ~; whether anything is there is left to be seen.

    Raises: DataError for a name that is too long, a ~user that is not known, or a place that cannot be looked at.
    """
    shown = str(path) if len(str(path)) <= 100 and str(path).isprintable() else f"{str(path)[:60]!a}..."
    try:
        path = Path(path).expanduser()
        path.exists()
    except RuntimeError:
        raise DataError(f"{shown}: there is no home folder of that user") from None
    except OSError as error:
        raise DataError(f"{shown}: cannot be looked at ({error.strerror})") from None
    return path
