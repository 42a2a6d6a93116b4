"""What the command line says of each kind of error: one sentence and a code, and a traceback for a fault only."""

import errno
import signal

import numpy as np
import pytest
import torch
import typer

from lenstream.command_line.answers import FAULT, answer
from lenstream.errors import ConfigError, DataError
from lenstream.progress import Stopped
from lenstream.signals import Interrupted


def no_memory():
    try:
        np.empty(2**60, dtype=np.int8)
    except MemoryError as error:
        return error


def no_memory_of_torch():
    try:
        torch.empty(2**60, dtype=torch.int8)
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError(["a.b: wrong", "c: missing"]), 2, "lenstream: a.b: wrong\nlenstream: c: missing\n"),
        (DataError("x.fits is no image"), 2, "lenstream: x.fits is no image\n"),
        (typer.Exit(3), 3, ""),
        (Stopped("stopped a at step 3"), 130, "stopped a at step 3; the same command continues from here\n"),
        (Interrupted(signal.SIGTERM), 143, "interrupted by SIGTERM; the same command continues from what is saved\n"),
        (KeyboardInterrupt(), 130, "interrupted by Ctrl-C; the same command continues from what is saved\n"),
        (typer.Abort(), 130, "interrupted by Ctrl-C; the same command continues from what is saved\n"),
        (MemoryError(), 1, "there is not enough memory; a smaller pretrain.batch_size"),
        (no_memory(), 1, "there is not enough memory (Unable to allocate 1.00 EiB"),
        (no_memory_of_torch(), 1, "pretrain.batch_size"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried"), 1, "pretrain.batch_size"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 1, "pretrain.batch_size"),
        (ImportError("libx.so: failed to map segment from shared object"), 1, "not enough memory to load a library"),
        (RuntimeError("can't start new thread"), 1, "no more threads for this user (ulimit -u)"),
        (UserWarning("old name"), 1, "a warning was made an error, by -W or PYTHONWARNINGS: UserWarning: old name"),
        (OSError(errno.EMFILE, "Too many open files", "a.npz"), 1, "(ulimit -n): a.npz\n"),
        (
            OSError(errno.EACCES, "Permission denied", "a.npz"),
            1,
            "a.npz cannot be written or read: Permission denied\n",
        ),
        (OSError(errno.ENOENT, "No usable temporary directory found in ['/x']"), 1, "No usable temporary directory"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_each_kind_has_its_sentence_and_its_code(capsys, error, code, said):
    assert answer(error, continues=True) == code
    printed = capsys.readouterr()
    assert said in printed.err and "Traceback" not in printed.err and printed.out == ""
    assert len(printed.err.splitlines()) == (2 if isinstance(error, ConfigError) else bool(said))


def test_nothing_goes_on_where_nothing_was_begun(capsys):
    answer(Interrupted(signal.SIGINT), continues=False)
    assert capsys.readouterr().err == "lenstream: interrupted by Ctrl-C\n"


def of_click():
    """What click makes of an error that a damaged file led to."""
    try:
        try:
            raise EOFError("No data left in file")
        except EOFError as error:
            raise typer.Abort from error
    except typer.Abort as error:
        return error


@pytest.mark.parametrize("error", [ZeroDivisionError("division by zero"), OSError("of a library"), of_click()])
def test_a_fault_shows_its_traceback_and_asks_for_a_report(capsys, error):
    assert answer(error, continues=True) == FAULT
    said = capsys.readouterr().err.splitlines()
    assert any(line.endswith(("division by zero", "of a library", "No data left in file")) for line in said[:-1])
    assert said[-1].startswith("lenstream: this is a fault of LenStream; please report it")


def test_a_working_folder_that_is_gone_is_named(capsys, monkeypatch):
    def gone():
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr("os.getcwd", gone)
    assert answer(FileNotFoundError(errno.ENOENT, "No such file or directory"), continues=True) == 1
    assert capsys.readouterr().err == (
        "lenstream: the working folder was deleted; change to another and run the command again\n"
    )


def test_who_reads_the_output_and_leaves_is_told_nothing_and_a_full_disk_is_said(capfd):
    assert answer(BrokenPipeError(errno.EPIPE, "Broken pipe"), continues=True) == 1
    assert capfd.readouterr().err == ""
    assert answer(OSError(errno.ENOSPC, "No space left on device"), continues=True) == 1
    assert capfd.readouterr().err == "lenstream: the output cannot be written or read: No space left on device\n"
