"""Reproductions of published systems: which recipes one runs, at which sizes, and the published table to stand beside.

One YAML file a system in reproductions/. `lenstream run reproduce_NAME` does it all; `reproducing` at the root runs it.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError, model_validator

from ..errors import ConfigError, nearest, short
from ..files.dataset_layouts import identify
from . import scale as scales
from . import yaml_text
from .keys import Mistakes, Section, key
from .load import checked
from .overrides import apply
from .recipes import file_of
from .recipes import read as read_recipe
from .schema import NAME, Config
from .value_messages import in_words

FULL, TINY = "full", "tiny"  # sizes that every reproduction has, beside those that its file names
DATA = "data"  # the change of a run that gives images of the user's


class Run(Section):
    """One run of a reproduction: a config, put together from recipes."""

    recipe: str = key("the recipe that it is, with what `set` changes")
    training: str | None = key("another recipe, whose section pretrain it takes over", "-", None)
    encoders: dict[str, str] = key("further encoders by name, each the only one of a recipe", default={})
    set: dict[str, object] = key("changes by dotted key, at every size", default={})
    images: int | None = key("images that the source trained on; empty: not known", "images", None, ge=1)
    own: dict[str, object] | None = key(
        "changes by dotted key for images of the user's; empty: it has no use for any, and is left out", "-", None
    )


class Scale(Section):
    """What makes a reproduction smaller."""

    leave_out: list[str] = key("runs that are not done", default=[])
    set: dict[str, object] = key("changes of all runs by dotted key", default={})
    runs: dict[str, dict[str, object]] = key("changes of a single run, after those of all", default={})


class Column(Section):
    """A number of the published table."""

    metric: str = key("as in results.csv")
    target: str = key("as in results.csv")
    digits: int = key("decimals that are shown at least", "digits", 3, ge=0, le=6)


class Row(Section):
    """A row of the published table, and where ours is found."""

    group: str = key("the heading that it stands under", default="")
    label: str = key("what it is")
    run: str | None = key("the run that has ours; empty: there is none, as `note` says", "-", None)
    encoder: str = key("as in results.csv", default="")
    protocol: str = key("as in results.csv", default="")
    n_labels: int | None = key("labels of the published value; empty: the most that the run has", "images", None, ge=0)
    published: dict[str, float] = key("the published values by column; empty: none is known", default={})
    note: str = key("what keeps the two from being compared, or has to be known", default="")


class Reproduction(Section):
    """A published system, run again."""

    title: str = key("what is reproduced")
    source: str = key("whose numbers these are, and where they are from")
    runs: dict[str, Run] = key("the runs by name", min_length=1)
    scales: dict[str, Scale] = key("sizes by name", default={})
    one_of: list[str] = key(
        "runs with images of their own kinds: of them `data=PATH` is for the first whose pixels are as many", default=[]
    )
    columns: dict[str, Column] = key("the numbers of the table by their headings", min_length=1)
    rows: list[Row] = key("the table", min_length=1)
    stand_in: list[str] = key("sentences on the simulated images that stand in for the source's", min_length=1)
    differs: list[str] = key("sentences on what else differs from the source", default=[])

    @model_validator(mode="after")
    def names_are_known(self):
        found = []
        for name, size in self.scales.items():
            for run in (*size.leave_out, *size.runs):
                if run not in self.runs:
                    found.append((f"scales.{name}", f'no run "{run}".{nearest(run, self.runs)}'))
        for run in self.one_of:
            if run not in self.runs:
                found.append(("one_of", f'no run "{run}".{nearest(run, self.runs)}'))
        for k, row in enumerate(self.rows):
            if row.run is None and not row.note:
                found.append((f"rows.{k}", "expected a run, or a note that says why there is none"))
            if row.run is not None and row.run not in self.runs:
                found.append((f"rows.{k}.run", f'no run "{row.run}".{nearest(row.run, self.runs)}'))
            if row.run is not None and not (row.encoder and row.protocol):
                found.append((f"rows.{k}", "expected the encoder and the protocol of ours"))
            for column in row.published:
                if column not in self.columns:
                    found.append((f"rows.{k}.published", f'no column "{column}".{nearest(column, self.columns)}'))
        if found:
            raise Mistakes(found)
        return self

    def sizes(self):
        """The words that --scale takes for it."""
        return list(dict.fromkeys([FULL, *self.scales, TINY]))


def read(name: str) -> Reproduction:
    """A reproduction that comes with LenStream. Raises: ConfigError for mistakes in its file."""
    path = file_of(name)
    parsed = yaml_text.parse(path.read_bytes(), path.name)
    found = [f"{path.name}: {'.'.join(map(str, p.path))}: {p.text}" for p in parsed.problems]
    try:
        reproduction = Reproduction.model_validate(parsed.values)
    except ValidationError as error:
        found += [_sentence(path, e) for e in error.errors()]
    if found:
        raise ConfigError(found)
    return reproduction


def _sentence(path, error):
    raised = error.get("ctx", {}).get("error")
    return f"{path.name}: {'.'.join(map(str, error['loc']))}: {raised or in_words(error)}"


class Changes(NamedTuple):
    """The changes of a command line, for the runs of a reproduction."""

    name: str  # of the whole
    runs: dict[str, list[str]]  # run -> texts "key=value"
    data: dict[str, str]  # run -> path of images of the user's


def changes_of(name: str, overrides=()) -> Changes:
    """The changes of a reproduction by what a command line says.

    `RUN.key=value` is for one run, `key=value` for all; `data=PATH` and `RUN.data=PATH` give images of the user's, and
    `name=NAME` is the name of the whole. Raises: ConfigError for images that are not there, or of no use.
    """
    reproduction, problems = read(name), []
    known = [*reproduction.runs, *Config.model_fields]
    out = Changes(name, {run: [] for run in reproduction.runs}, {})
    for text in overrides:
        dotted, equals, value = (part.strip() for part in text.partition("="))
        first, _, rest = dotted.partition(".")
        of_one = first in reproduction.runs and rest
        runs, dotted = ([first], rest) if of_one else (list(reproduction.runs), dotted)
        if dotted == DATA and not of_one and reproduction.one_of and value and Path(value).exists():
            runs = [run for run in runs if run not in reproduction.one_of] + _alike(reproduction, value)
        if dotted == "name" and of_one:
            problems.append(f"{short(text)}: a run is called as in the table, {first}; name=NAME is that of the whole")
        elif dotted == "name" and value:
            out = out._replace(name=value)
            problems += _about_name(value)
        elif dotted.partition(".")[0] == DATA:
            taking = [run for run in runs if reproduction.runs[run].own is not None]
            problems += _about_data(text, dotted, value, taking)
            out.data.update(dict.fromkeys(taking, value))
        elif "." in dotted and first not in known:
            its = ", ".join(reproduction.runs)
            problems.append(f'{short(text)}: no run and no key "{short(first)}"; runs: {its}.{nearest(first, known)}')
        else:
            for run in runs:
                out.runs[run].append(f"{dotted}{equals}{value}")
    if problems:
        raise ConfigError(problems)
    return out


def _about_name(name):
    """What is wrong with the name of the whole, which its folder gets."""
    if not re.fullmatch(NAME, name) or len(name) > 100:
        yield (
            'name: expected up to 100 letters, digits, ".", "_" and "-" only, a letter or digit first, got '
            f"{short(name)!r}"
        )


def _alike(reproduction, path):
    """The run of `one_of` whose images have as many pixels as those at a path, in a list; the first if none has."""
    found = identify(path)
    pixels = {
        run: read_recipe(reproduction.runs[run].recipe).values["simulate"]["image"]["num_pix"]
        for run in reproduction.one_of
    }
    return [next((run for run, n in pixels.items() if n == min(found.height, found.width)), reproduction.one_of[0])]


def _about_data(text, dotted, value, taking):
    """What is wrong with a change that gives images of the user's. taking: the runs that have a use for them."""
    if dotted != DATA:
        yield f'{short(text)}: unknown key "{short(dotted)}"; the path of your images is given as {DATA}=PATH'
    elif not value:
        yield f"{short(text)}: expected the path of your images, as in {DATA}=my_images"
    elif not Path(value).exists():
        yield f"{short(text)}: no such file or folder; expected the path of your images"
    elif not taking:
        yield f"{short(text)}: this run has no use for images of your own"


def configs(name: str, scale: str = FULL, overrides=()) -> dict[str, Config]:
    """The checked configs of a reproduction's runs, by name, without those that its scale leaves out.

    overrides: of `Changes`. With images of the user's, runs that got none are left out; sizes are not yet fitted to how
    many images there are. Raises: ConfigError with every mistake.
    """
    reproduction = read(name)
    changes = changes_of(name, overrides)
    size = _size(name, reproduction, scale)
    found, problems = {}, []
    for run in reproduction.runs:
        if run in size.leave_out or (changes.data and run not in changes.data):
            continue
        try:
            found[run] = _config(run, reproduction.runs[run], size, scale, changes)
        except ConfigError as error:
            problems += [f"{run}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    return found


def _size(name, reproduction, scale):
    if scale not in reproduction.sizes():
        there = ", ".join(reproduction.sizes())
        raise ConfigError([f"--scale {scale}: {name} has {there}.{nearest(scale, reproduction.sizes())}"])
    return reproduction.scales.get(scale, Scale())


def _config(name, run, size, scale, changes):
    """The `Config` of a run, named by it."""
    recipe = read_recipe(run.recipe)
    if run.training is not None:
        recipe.values["pretrain"] = read_recipe(run.training).values["pretrain"]
    for encoder, other in run.encoders.items():
        (settings,) = read_recipe(other).values["pretrain"]["encoders"].values()
        recipe.values["pretrain"]["encoders"][encoder] = settings
    dotted = {"name": name} | run.set | size.set | size.runs.get(name, {})
    if name in changes.data:
        path = changes.data[name]
        dotted |= {"simulate": None, "pretrain.data": {"path": path}, "evaluate.data": {"path": path}} | run.own
    texts = [f"{k}={json.dumps(value)}" for k, value in dotted.items()]
    config = checked(recipe, apply(recipe, [*texts, *changes.runs[name]]))
    return scales.tiny(config).model_copy(update={"name": name}) if scale == TINY else config
