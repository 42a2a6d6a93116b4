"""The error for a data file that cannot be read: one sentence, whatever its reader raised."""

import logging
from contextlib import contextmanager
from pathlib import Path

from ..errors import DataError

log = logging.getLogger("lenstream")
LONGEST = 200  # characters of what a library says of a broken file


class Unreadable(DataError):
    """A data file cannot be read. `reason` says why in a few words that begin with "it" or name the fault."""

    def __init__(self, path, form, reason):
        self.reason = reason
        super().__init__(f"{path}: cannot be read as {form} ({reason})")


@contextmanager
def reading(path, form):
    """Raise `Unreadable` for whatever a library raises for a broken file; a DataError stays as it is.

    form: words for the format, e.g. "FITS". Libraries raise anything from OSError to zlib's own error.
    """
    log.debug("reading %s", path)
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise Unreadable(path, form, "there is no such file") from None
    except EOFError:
        raise Unreadable(path, form, "it was cut short") from None
    except Exception as error:
        said = " ".join(str(error).split())[:LONGEST].rstrip(".")
        if isinstance(error, LookupError):  # which says nothing but what was looked for
            said = f"it is damaged: {said} stands where it cannot be"
        raise Unreadable(path, form, said or type(error).__name__) from None


def check_is_file(path, form):
    """Raise `Unreadable` for a folder, and for a pipe or device, which would be waited for without end."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise Unreadable(path, form, "it is a folder" if path.is_dir() else "it is not a file")
