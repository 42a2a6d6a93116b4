"""Recipes as files: which there are, reading one, and what it takes over from another one with `extends`."""

import itertools
import logging
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ConfigError, nearest, short
from . import yaml_text
from .instruments import claim
from .parameters import Distribution

log = logging.getLogger("lenstream")
_FOLDER = Path(__file__).parent
_LAWS = set(Distribution.model_fields)
DISCRIMINATORS = ("kind", "profile", "method")  # keys that say which section it is
NAMED_SECTIONS = ("encoders", "classes", "bands", "options")  # sections whose keys are names: null takes one out


@dataclass
class Recipe:
    """What the files of a recipe say together."""

    values: dict  # nested, without `extends`
    files: list  # of paths: the recipe's own, then those that it extends
    lines: dict[yaml_text.KeyPath, str] = field(default_factory=dict)  # key path -> "mine.yaml, line 3"
    problems: list[yaml_text.Problem] = field(default_factory=list)
    overridden: set[yaml_text.KeyPath] = field(default_factory=set)  # key paths that no file sets, see `overrides`

    @property
    def source(self):
        """The names of the files, for messages."""
        first, *others = [p.name for p in self.files]
        return first + (f" (extends {', '.join(others)})" if others else "")


def available():
    """Names of the recipes that come with LenStream."""
    return sorted(p.stem for p in _FOLDER.glob("*.yaml"))


def reproductions():
    """Names of the reproductions of published systems that come with LenStream, see `reproduction`."""
    return sorted(p.stem for p in (_FOLDER / "reproductions").glob("*.yaml"))


def file_of(name):
    """The file of a recipe or reproduction that comes with LenStream."""
    folder = _FOLDER / "reproductions" if name in reproductions() else _FOLDER
    return folder / f"{name}.yaml"


def opening_comment(name):
    """What the file of a recipe or reproduction says of it before its first key, on one line."""
    said = itertools.takewhile(lambda line: line.startswith("#"), file_of(name).open(encoding="utf-8"))
    return " ".join(line.strip("# \n") for line in said)


def read(name):
    """The values of a recipe by name, or of a YAML file by path, over those of the recipe that it extends.

    `extends: NAME_OR_FILE` takes over all of another recipe; a relative path is relative to the file that it stands in.
    Sections are merged key by key. What replaces as a whole: a value, a list, a distribution, and a section of another
    method, profile or kind. A null among encoders, classes, bands or options takes out what is there by that name.
    `modes` are taken over and merged like the rest, and applied when all is merged: `mode` works as in the other
    recipe, and what a mode sets wins over what either file says.

    Returns: `Recipe`. Raises: ConfigError for what cannot be found or read, and for recipes that extend each other in a
    circle.
    """
    return _read(_find(name), [])


def _read(path, above):
    """A file's `Recipe`, merged; `above` are the files that led here."""
    recipe, chain = _content(path), [*above, path]
    other = recipe.values.pop("extends", None)
    recipe.lines.pop(("extends",), None)
    if other is None:
        return recipe
    if not isinstance(other, str):
        raise ConfigError([f"{path.name}: extends: expected the name of a recipe or a YAML file, got {other!r:.60}"])
    try:
        below = _find(other, path.parent)
    except ConfigError as error:
        raise ConfigError([f"{path.name}: extends: {p}" for p in error.problems]) from None
    if below in chain:
        circle = " -> ".join(p.name for p in [*chain[chain.index(below) :], below])
        raise ConfigError([f"{path.name}: extends: recipes extend each other in a circle ({circle})"])
    base = _read(below, chain)
    claim(base.values, recipe.values)
    return Recipe(
        _merged(base.values, recipe.values),
        [path, *base.files],
        base.lines | recipe.lines,
        base.problems + recipe.problems,
    )


def _find(name, folder=Path()):
    if not isinstance(name, str | Path):
        raise ConfigError([f"expected the name of a recipe or the path of a YAML file, got {name!r:.60}"])
    name, path = str(name), Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not _is_file(folder / path):
            hint = nearest(path.stem, available()) or (
                f' Did you mean "{path.stem}"?' if path.stem in available() else ""
            )
            raise ConfigError(
                [f"{short(name)}: no such file; expected a YAML config or one of: {in_short(available())}.{hint}"]
            )
        return (folder / path).resolve()
    if name in reproductions():
        raise ConfigError([f"{name} is a reproduction of several runs, no recipe: lenstream run {name} does them all"])
    if name not in available():
        raise ConfigError([f'no recipe "{short(name)}"; there are {in_short(available())}.{_meant(name, folder)}'])
    return file_of(name).resolve()


def in_short(names):
    """Names in words, those that differ in their last part alone together: "model_1/2/3, w1"."""
    families = {}
    for name in names:
        family, _, last = name.rpartition("_")
        families.setdefault(family or name, []).append(last if family else "")
    return ", ".join(f"{family}_{'/'.join(lasts)}" if any(lasts) else family for family, lasts in families.items())


def _meant(name, folder):
    """What may be meant by a name that no recipe has, as the end of a sentence."""
    path = folder / name
    if "=" in name:
        return ' The recipe comes before its changes, e.g. "demo pretrain.steps=100".'
    for run in (Path(name), Path(name).parent):  # the folder of a run, or a file in it
        if run.name and _is_file(folder / run / "config.yaml"):
            return f' Did you mean "{short(str(run / "config.yaml"))}", the config of a run?'
    hint = nearest(name, [*available(), *reproductions()])
    if not hint and _is_file(path):
        return " A file of your own needs a name that ends in .yaml."
    if not hint and any(_is_file(folder / f"{name}{suffix}") for suffix in (".yaml", ".yml")):
        return f' Did you mean "{short(name)}.yaml"?'
    return hint


def _is_file(path):
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the system
        return False


def _content(path):
    """A file's `Recipe` alone."""
    log.debug("reading %s", path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read ({error.strerror})"]) from None
    parsed = yaml_text.parse(data, path.name)
    if not isinstance(parsed.values, dict):
        raise ConfigError([f"{path}: expected keys and values, such as 'seed: 1'"])
    lines = {key: f"{path.name}, line {line}" for key, line in parsed.lines.items()}
    problems = [p._replace(text=f"{lines.get(p.path, path.name)}: {_dotted(p.path)}{p.text}") for p in parsed.problems]
    return Recipe(parsed.values, [path], lines, problems)


def _dotted(path):
    return f"{'.'.join(map(str, path))}: " if path else ""


def _merged(base, changes, section=""):
    out = dict(base)
    for key, value in changes.items():
        if value is None and section in NAMED_SECTIONS and key in out:
            del out[key]
        elif isinstance(value, dict) and isinstance(out.get(key), dict) and not _replaces(value, out[key]):
            out[key] = _merged(out[key], value, key)
        else:
            out[key] = value
    return out


def _replaces(new, old):
    """Whether a section takes the place of another one instead of changing some of its keys."""
    other_model = any(k in new and k in old and new[k] != old[k] for k in DISCRIMINATORS)
    return other_model or (set(new) | set(old)) <= _LAWS
