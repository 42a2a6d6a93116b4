"""Completion in the shell: names of commands, options, recipes and dotted keys, and the scripts for each shell."""

import inspect
import os
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import LenStreamError, nearest

ASKED = "_LENSTREAM_COMPLETE"  # set by the scripts: the arguments are to be completed, not followed
_BASH = """\
_lenstream() {
    local IFS=$'\\n'
    COMPREPLY=( $(%(asked)s=1 lenstream "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1) )
    [[ ${COMPREPLY[0]-} == *[=.] ]] && compopt -o nospace
    return 0
}
complete -o default -F _lenstream lenstream
"""
_ZSH = """\
#compdef lenstream
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
_lenstream() {
    local -a open closed
    local line word
    for line in "${(@f)$(%(asked)s=1 lenstream "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        word=${line%%%%$'\\t'*}
        [[ -z $word ]] && continue
        if [[ $word == *[=.] ]]; then open+=("$word"); else closed+=("$word"); fi
    done
    (( $#open )) && compadd -S '' -- $open
    (( $#closed )) && compadd -- $closed
    (( $#open + $#closed )) || _files
}
compdef _lenstream lenstream
"""
_FISH = """\
function __lenstream
    set -l before (commandline -opc)
    set -l now (commandline -ct)
    env %(asked)s=1 lenstream $before[2..-1] "$now"
end
complete -c lenstream -a '(__lenstream)'
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def script(shell: str) -> str:
    """The script that makes a shell complete our commands. Raises: LenStreamError for a shell that has none."""
    if shell not in SCRIPTS:
        raise LenStreamError(
            f'no completion for the shell "{shell:.60}"; expected {", ".join(SCRIPTS)}, e.g. --show-completion bash.'
            f"{nearest(shell, SCRIPTS)}"
        )
    return SCRIPTS[shell] % {"asked": ASKED}


def own_shell() -> str:
    """The name of the user's shell, e.g. "zsh"."""
    return Path(os.environ.get("SHELL", "")).name


def install(shell: str, home: Path) -> Path:
    """Write the script of a shell where it is found, have the shell read it at its start, and return its path."""
    text = script(shell)
    path = (
        home
        / {
            "bash": ".local/share/bash-completion/completions/lenstream",
            "zsh": ".zfunc/_lenstream",
            "fish": ".config/fish/completions/lenstream.fish",
        }[shell]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    start = {"bash": ".bashrc", "zsh": ".zshrc"}.get(shell)
    if start is not None:
        line = f"source '{path}'  # completion of lenstream"
        there = (home / start).read_text(encoding="utf-8") if (home / start).is_file() else ""
        if line not in there.splitlines():
            gap = "" if not there or there.endswith("\n") else "\n"
            with (home / start).open("a", encoding="utf-8") as file:
                file.write(f"{gap}{line}\n")
    return path


def complete(words: list[str], group: Any) -> Iterator[str]:
    """What the last of some words may be: lines with a word and, behind a tab, what it means.

    Args: words: all that stands behind `lenstream`, up to the cursor. group: the command line, of click's kind.
    """
    words, behind = _with_equals(words or [""])
    for word, meaning in _choices(words[:-1], words[-1], group):
        yield f"{word.partition('=')[2] if behind else word}\t{meaning}".rstrip()


def _with_equals(words: list[str]) -> tuple[list[str], bool]:
    """Words with those joined that bash cuts at the sign =, and whether it cut the last one."""
    out: list[str] = []
    for k, word in enumerate(words):
        if out and (word == "=" or (k > 1 and words[k - 1] == "=")):
            out[-1] += word
        else:
            out.append(word)
    return out, words[-1] == "=" or (len(words) > 1 and words[-2] == "=")


def _choices(before: list[str], incomplete: str, group: Any) -> list[tuple[str, str]]:
    name = next((word for word in before if word in group.commands), None)
    command = group if name is None else group.commands[name]
    options = {o: p for p in command.params if p.param_type_name == "option" for o in p.opts}
    asked = options.get(before[-1]) if before else None
    if asked is not None and not asked.is_flag:
        hint = typing.get_type_hints(inspect.unwrap(command.callback)).get(asked.name)
        return [(word, "") for word in _literals(hint) if word.startswith(incomplete)]
    if incomplete.startswith("-"):
        offered = {o: p.help or "" for o, p in options.items()} | {"--help": "", "--quiet": "", "--verbose": ""}
        return [(option, text) for option, text in offered.items() if option.startswith(incomplete)]
    if name is None:
        return [(n, c.short_help or c.help) for n, c in group.commands.items() if n.startswith(incomplete)]
    positional = [p.name for p in command.params if p.param_type_name == "argument"]
    given = sum(not word.startswith("-") for word in before[before.index(name) + 1 :])
    if "recipe" in positional and given == 0 and "--keys" not in before:
        return recipes(incomplete)
    return changes(incomplete) if "overrides" in positional else []


def _literals(hint: Any) -> list[str]:
    """The words that a type hint allows, as Literal does."""
    if typing.get_origin(hint) is typing.Literal:
        return [str(word) for word in typing.get_args(hint)]
    return [word for part in typing.get_args(hint) for word in _literals(part)]


def recipes(incomplete: str) -> list[tuple[str, str]]:
    """Recipes and YAML files that begin with what is there: pairs of a name and what it is."""
    from ..configs.recipe_table import about
    from ..configs.recipes import available, reproductions

    names = [*available(), *reproductions()]
    own = [(name, about(name)) for name in names if name.startswith(incomplete)]
    return own + [(path, "") for path in _files(incomplete, (".yaml", ".yml"))]


def changes(incomplete: str) -> list[tuple[str, str]]:
    """The next part of the keys that begin with what is there, or behind the sign = the words that a key may be.

    A key is `key=`, a section `section.`; names that a recipe gives, as those of encoders, are not known here.
    """
    from ..configs.key_list import ENTRY, LAW, NAME, below

    dotted, equals, value = incomplete.partition("=")
    try:
        found = [key for key in below(dotted) if not key.path.startswith(LAW)]
    except LenStreamError:
        return []
    given = dotted.split(".")
    if equals:
        words = [word for key in found if key.path.count(".") == len(given) - 1 for word in _words(key.takes)]
        return [(f"{dotted}={word}", "") for word in dict.fromkeys(words) if word.startswith(value)]
    meanings: dict[str, str] = {}
    sections = set()
    for key in found:
        parts = key.path.split(".")
        if len(parts) < len(given) or parts[len(given) - 1] == NAME:
            continue
        last = "0" if parts[len(given) - 1] == ENTRY else parts[len(given) - 1]
        word = ".".join([*given[:-1], last])
        sections |= {word} if len(parts) > len(given) else set()
        if word.startswith(dotted):
            meanings.setdefault(word, key.meaning if len(parts) == len(given) else "")
    return [(word + ("." if word in sections else "="), meaning) for word, meaning in meanings.items()]


def _words(takes: str) -> list[str]:
    """The words that a key may be, of what `configs.key_list` says that it takes."""
    if takes == "true or false":
        return ["true", "false"]
    words = takes.split(", ")
    return words if len(words) > 1 and all(w.replace("-", "").replace("_", "").isalnum() for w in words) else []


def _files(incomplete: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Paths of files with a suffix that begin with what is there."""
    folder = incomplete.rpartition("/")[0] + "/" if "/" in incomplete else ""
    try:
        for path in sorted(Path(folder or ".").expanduser().iterdir()):
            if path.suffix in suffixes and f"{folder}{path.name}".startswith(incomplete):
                yield f"{folder}{path.name}"
    except OSError:
        return
