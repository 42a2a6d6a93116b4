"""The command line called as a user does, in a process of its own or in this one."""

import subprocess
import sys

import pytest

from lenstream.run_pipeline import main


def lenstream(*arguments, cwd, **settings):
    """Run the command line in its own process."""
    command = [sys.executable, "-m", "lenstream.run_pipeline", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=540, check=False, **settings)


def said_in_process(arguments, capsys):
    """The exit code, stdout and stderr of a command line, in this process."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return stopped.value.code, *capsys.readouterr()
