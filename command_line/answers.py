"""What the command line says of an error, in one sentence, and the exit code that goes with it."""

import errno
import os
import re
import signal
import sys
import traceback
from contextlib import suppress

import typer

from ..errors import ConfigError, LenStreamError
from ..progress import Stopped
from ..signals import Interrupted

FAULT = 70  # what sysexits.h has for a fault of the program itself
_OF_A_STREAM = {errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, errno.EDQUOT}
_NO_MEMORY = re.compile("not enough memory|can't allocate memory|out of memory|cannot allocate memory", re.IGNORECASE)
_NO_THREAD = re.compile("can't start new thread|thread creation failed|resource temporarily unavailable", re.IGNORECASE)


def answer(error, continues):
    """Print what an error means and return the exit code.

    2 for what is the user's to mend, 1 for what the system refuses, 128 + its number for a signal, and `FAULT` with
    the traceback for what nobody foresaw. continues: whether the same command goes on with what was begun.
    """
    if isinstance(error, ConfigError):
        for problem in error.problems:
            say(problem)
        return 2
    if isinstance(error, LenStreamError):
        say(error)
        return 2
    if isinstance(error, typer.Exit):
        return error.exit_code
    if isinstance(error, Stopped):
        say(f"{error}; the same command continues from here")
        return error.exit_code
    if isinstance(error, Interrupted | KeyboardInterrupt) or (
        isinstance(error, typer.Abort) and not isinstance(error.__context__, EOFError)  # click has one word for both
    ):
        number = error.number if isinstance(error, Interrupted) else signal.SIGINT
        go_on = "; the same command continues from what is saved" if continues else ""
        say(f"interrupted by {'Ctrl-C' if number == signal.SIGINT else signal.Signals(number).name}{go_on}")
        return 128 + number
    return _of_the_machine(error)


def say(message):
    """One line on stderr."""
    print(f"lenstream: {message}", file=sys.stderr)


def _of_the_machine(error):
    """Say what of memory, files, threads or the system was missing, and return 1; else it is a fault."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError | OSError) and _NO_MEMORY.search(text)):
        wanted = f" ({text[:150]})" if text else ""
        say(
            f"there is not enough memory{wanted}; a smaller pretrain.batch_size, more pretrain.accumulate or a smaller "
            "simulate.image.num_pix needs less"
        )
        return 1
    if isinstance(error, ImportError) and "failed to map segment" in text:
        say(f"there is not enough memory to load a library: {text}")
        return 1
    if isinstance(error, RuntimeError) and _NO_THREAD.search(text):
        say(f"the system starts no more threads for this user (ulimit -u): {text}")
        return 1
    if isinstance(error, Warning):
        say(f"a warning was made an error, by -W or PYTHONWARNINGS: {type(error).__name__}: {text}")
        return 1
    if isinstance(error, OSError) and error.strerror is not None:  # else of a library, not of the system
        return _of_the_system(error)
    if isinstance(error, typer.Abort):
        error = error.__context__
    traceback.print_exception(error)
    say("this is a fault of LenStream; please report it with all of the above, the command and its recipe")
    return FAULT


def _of_the_system(error):
    """Say that a file or stdout cannot be used, and return 1; quietly if who reads stdout has left, such as `head`."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        say(f"too many files are open at once for this system's limit (ulimit -n): {error.filename or error.strerror}")
    elif error.filename is not None:
        say(f"{error.filename} cannot be written or read: {error.strerror}")
    elif error.errno in _OF_A_STREAM:
        with suppress(OSError, ValueError, AttributeError):  # what is in its buffer would fail once more at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno != errno.EPIPE:
            say(f"the output cannot be written or read: {error.strerror}")
    elif error.errno == errno.ENOENT and _working_folder_is_gone():
        say("the working folder was deleted; change to another and run the command again")
    else:
        say(f"the system refuses: {error.strerror}")
    return 1


def _working_folder_is_gone():
    try:
        os.getcwd()
    except OSError:
        return True
    return False
