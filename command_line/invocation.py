"""One call of the command line: from its words to the exit code, with a sentence for what cannot be followed."""

import os
import sys
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import typer

from ..errors import LenStreamError
from ..signals import Interrupted, interrupting
from . import completion, loudness, suggestions
from .answers import answer, say
from .surroundings import made_safe


def invoke(app: Any, arguments: list[str] | None, continuing: Collection[str]) -> int:
    """Follow the arguments, say what is wrong with them or their work, and return the exit code.

    Args: app: of typer. arguments: those of the process if None, which a signal then ends at once. continuing: the
    commands that go on with what was begun when they are given again.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    with made_safe(), warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")  # of libraries, to programmers; ours are log messages
        code = _answered(app, words, any(word in continuing for word in words))
        if code > 128 and arguments is None:  # threads may still compile or compute: they are not waited for
            sys.stdout.flush()
            os._exit(code)
    return code


def say_done(message: str) -> None:
    """Say on stderr that something is done, unless only results and errors are asked for."""
    from ..progress import console  # here, as --version and most errors need none

    console.print(message)


def _answered(app, words, continues):
    """Run a command, say what is wrong, and return the exit code."""
    try:
        with interrupting():
            code = _followed(app, words)
            if sys.stdout is not None:
                sys.stdout.flush()
            return code or 0
    except (Exception, Interrupted, KeyboardInterrupt) as error:
        if not hasattr(error, "format_message"):  # what click says of a command line
            return answer(error, continues)
        message = _better(error, words, app)
        print(message, file=sys.stderr) if message.startswith("Usage:") else say(message)
        return 2


def _followed(app, words):
    """Do what the words say, and return the exit code that a command gives, or None."""
    if os.environ.get(completion.ASKED):
        for line in completion.complete(words, typer.main.get_command(app)):
            print(line)
        return None
    words, wanted = loudness.sorted_out(words)
    if words[:1] in (["--show-completion"], ["--install-completion"]):
        return _complete(*words[:2])
    commands = typer.main.get_command(app).commands
    name = next((word for word in words if word in commands), None)
    said = name and suggestions.about_changes(words[words.index(name) + 1 :], _options(commands[name]))
    if said:
        raise LenStreamError(said)
    loudness.set_loudness(wanted)
    return app(words, standalone_mode=False, prog_name="lenstream")


def _complete(wish, shell=None):
    """Answer --show-completion and --install-completion, which may be followed by the name of a shell."""
    shell = completion.own_shell() if shell is None else shell
    if wish == "--show-completion":
        print(completion.script(shell), end="")
    else:
        print(completion.install(shell, Path.home()))
        say_done(f"completion of {shell} is installed; a new shell has it")


def _better(error, words, app):
    """click's sentence on a command line, or one that says what may be meant."""
    message = error.format_message().replace("Value error, ", "")  # words of pydantic, which typer passes on
    if (option := getattr(error, "option_name", None)) is not None and message.startswith("No such option"):
        return suggestions.about_option(option, words, _options(error.ctx.command))
    if message.startswith("No such command"):
        word = next((a for a in loudness.sorted_out(words)[0] if not a.startswith("-")), "")
        return suggestions.about_command(word, typer.main.get_command(app).commands)
    return suggestions.about_missing(message, words)


def _options(command):
    return [name for parameter in command.params for name in parameter.opts if name.startswith("--")]
