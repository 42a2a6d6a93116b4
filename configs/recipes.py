"""Recipes as files: which there are, reading one, and what it takes over from another one with `extends`."""

from pathlib import Path

import yaml

from ..errors import ConfigError, nearest
from .instruments import claim
from .keys import Distribution

_FOLDER = Path(__file__).parent
_LAWS = set(Distribution.model_fields)
DISCRIMINATORS = ("kind", "profile", "method")  # keys that say which section it is
NAMED_SECTIONS = ("encoders", "classes", "bands", "options")  # sections whose keys are names: null takes one out


def available():
    """Names of the recipes that come with LenStream."""
    return sorted(p.stem for p in _FOLDER.glob("*.yaml"))


def read(name):
    """The values of a recipe by name, or of a YAML file by path, over those of the recipe that it extends.

    `extends: NAME_OR_FILE` takes over all of another recipe; a relative path is relative to the file that it stands in.
    Sections are merged key by key. What replaces as a whole: a value, a list, a distribution, and a section of another
    method, profile or kind. A null among encoders, classes, bands or options takes out what is there by that name.
    `modes` are taken over and merged like the rest, and applied when all is merged: `mode` works as in the other
    recipe, and what a mode sets wins over what either file says.

    Returns: nested dictionaries and lists, without `extends`; the names of the files, for messages.
    Raises: ConfigError for what cannot be found or read, and for recipes that extend each other in a circle.
    """
    values, files = _read(_find(name), [])
    first, *others = [p.name for p in files]
    return values, first + (f" (extends {', '.join(others)})" if others else "")


def _read(path, above):
    """A file's merged values, and the files that they are from; `above` are those that led here."""
    values, chain = _content(path), [*above, path]
    other = values.pop("extends", None)
    if other is None:
        return values, [path]
    if not isinstance(other, str):
        raise ConfigError([f"{path.name}: extends: expected the name of a recipe or a YAML file, got {other!r}"])
    try:
        below = _find(other, path.parent)
    except ConfigError as error:
        raise ConfigError([f"{path.name}: extends: {p}" for p in error.problems]) from None
    if below in chain:
        circle = " -> ".join(p.name for p in [*chain[chain.index(below) :], below])
        raise ConfigError([f"{path.name}: extends: recipes extend each other in a circle ({circle})"])
    base, files = _read(below, chain)
    claim(base, values)
    return _merged(base, values), [path, *files]


def _find(name, folder=Path()):
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not (folder / path).is_file():
            raise ConfigError([f"{name}: no such file; expected a YAML config or one of: {', '.join(available())}"])
        return (folder / path).resolve()
    if name not in available():
        raise ConfigError([f'no recipe "{name}"; there are {", ".join(available())}.{nearest(name, available())}'])
    return (_FOLDER / f"{name}.yaml").resolve()


def _content(path):
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError([f"{path}: cannot be read as YAML ({' '.join(str(error).split())})"]) from None
    if not isinstance(values, dict):
        raise ConfigError([f"{path}: expected keys and values, such as 'seed: 1'"])
    return values


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
