"""The folder of a run: names of its files, refusing to mix two runs in it, versions of the software, timings.

Whatever protects a run against two writers or against damage belongs here, too.
"""

import importlib.metadata
import json
import logging
import os
import platform
import shlex
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

from .configs.instruments import given, numbers, resolved
from .configs.load import checked, show
from .configs.recipes import read
from .errors import ConfigError, DataError
from .progress import console

log = logging.getLogger("lenstream")
REPORTED_PACKAGES = (
    "lenstream",
    "torch",
    "timm",
    "lightly",
    "lightning",
    "numba",
    "numpy",
    "lenstronomy",
    "scikit-learn",
)


class RunFolder:
    """The places in a run's folder. A file is there when what it holds is complete."""

    def __init__(self, path):
        self.path = Path(path)
        self.config = self.path / "config.yaml"  # resolved: every key, with its meaning
        self.environment = self.path / "environment.json"  # of `environment`
        self.timings = self.path / "timings.json"  # stage -> seconds, added up over continuations
        self.pairs = self.path / "pairs.png"
        self.encoders = self.path / "encoders"
        self.results = self.path / "results.csv"
        self.real_lenses = self.path / "real_lenses"
        self.report = self.path / "report.html"
        self.finished = self.path / "finished"  # empty; nothing is left to do

    def encoder(self, name):
        """The folder of one encoder's training."""
        return self.encoders / name


def with_own_numbers(folder, config):
    """A config with the numbers of its instruments as the run in the folder was begun with, if there is one.

    A recipe names an instrument, and the installed lenstronomy may have other numbers for it than the one that the run
    was begun with. Says on the terminal if it has.
    """
    try:
        saved = config_of(folder) if folder.config.is_file() else None
    except ConfigError:  # `is_finished` refuses it
        saved = None
    if saved is None:
        return config
    own = config.model_copy(update={"simulate": resolved(config.simulate, saved.simulate)})
    difference = _difference(numbers(own.simulate), numbers(config.simulate))
    if difference:
        console.print(
            f"{folder.path} goes on with the instrument's numbers that it was begun with, though lenstronomy "
            f"{environment()['lenstronomy']} has others (simulate.{difference})",
        )
    return own


def is_finished(folder, config, overwrite=False):
    """Whether nothing is left to do for a config in its run's folder; says so on the terminal.

    Raises: DataError if `overwrite` would delete a folder that is no run, ConfigError if the run has another config.
    """
    if overwrite:
        if folder.path.exists() and not folder.config.is_file():
            raise DataError(f"--overwrite: {folder.path} is not a LenStream run (no config.yaml), so it is not deleted")
        return False
    _check_same(folder, config)
    if not folder.finished.exists():
        return False
    console.print(f"{folder.path} is finished: open {folder.report} (--overwrite runs it again)")
    return True


def begin(folder, config, overwrite=False):
    """Make the run's folder, or a new one in its place, and write what it is made from."""
    if overwrite and folder.path.exists():
        shutil.rmtree(folder.path)
    folder.path.mkdir(parents=True, exist_ok=True)
    write_text(folder.config, show(config))
    write_text(folder.environment, json.dumps(environment(), indent=1))


def finish(folder):
    """Mark a run as finished: it is left alone from now on."""
    folder.finished.touch()


def config_of(folder):
    """The config that a run was made from. Raises: DataError if there is no run."""
    if not folder.config.is_file():
        raise DataError(f"--run {folder.path}: no such run; expected a folder with config.yaml, made by lenstream run")
    config, has_numbers = _saved(folder)
    made_with, installed = _made_with(folder).get("lenstronomy", "an unknown version"), environment()["lenstronomy"]
    if not has_numbers and made_with != installed:
        console.print(
            f"{folder.path} was begun by an earlier LenStream, which did not write down the instrument's numbers: "
            f"those of lenstronomy {installed} are taken, but it was begun with {made_with}",
        )
    return config


def _saved(folder):
    """The config of a run, and whether it came with the numbers of its instruments, which earlier versions left out."""
    recipe = read(folder.config)
    config = checked(recipe)
    if "from_instrument" in recipe.values["simulate"]["observation"] or given(config.simulate) == config.simulate:
        return config, True
    observation = config.simulate.observation
    if observation.psf is not None and given(config.simulate).observation.psf is None:  # on pixels of the detector then
        psf = observation.psf.model_copy(update={"supersampling": 1})
        observation = observation.model_copy(update={"psf": psf})
    simulation = config.simulate.model_copy(update={"observation": observation})
    return config.model_copy(update={"simulate": simulation}), False


def _made_with(folder):
    """The versions that a run was begun with; empty if they are not known."""
    try:
        return json.loads(folder.environment.read_text())
    except (OSError, ValueError):
        return {}


def environment():
    """Versions of Python, the system and packages that a run is made with: dict of name to text."""
    versions = {}
    for name in REPORTED_PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed as a package"
    return {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"} | versions


@contextmanager
def timed(folder, stage, write=True):
    """Add the seconds of a with-block to the run's timings, unless `write` is false (all ranks but the first)."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        log.debug("%s: %.1f s", stage, time.perf_counter() - begun)
        if write:
            timings = json.loads(folder.timings.read_text()) if folder.timings.exists() else {}
            timings[stage] = timings.get(stage, 0.0) + time.perf_counter() - begun
            write_text(folder.timings, json.dumps(timings, indent=1))


def write_text(path, text):
    """Write a text file whole or not at all: a process that is killed leaves the old file or none."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    os.replace(partial, path)


def _check_same(folder, config):
    """Refuse to continue a run with another config than it was begun with."""
    if not folder.config.exists():
        return
    go_on = ""
    try:
        old, _ = _saved(folder)
        differing = _differing(old, config)
        if old.name == config.name and not _differing(old, checked(read(folder.config))):
            go_on = f"`{_command(folder)}` goes on as it was begun; "
    except ConfigError as error:
        differing = f"{folder.config.name} is damaged: {error.problems[0]}"
    if not differing:
        return
    raise ConfigError(
        [
            f"{folder.path} was begun with another config (first difference: {differing}); {go_on}"
            "use --overwrite to start again, or name=... for a run of its own"
        ]
    )


def _command(folder):
    """The command that goes on with a run by the config in its folder."""
    runs = folder.path.parent
    return shlex.join(
        ["lenstream", "run", str(folder.config), *(["--runs", str(runs)] if runs != Path("runs") else [])]
    )


def _differing(old, new):
    """As `_difference`, of configs: but for the words that say what a key means, and whose numbers they are."""
    return _difference(*({**c.model_dump(mode="json"), "simulate": numbers(c.simulate)} for c in (old, new)))


def _difference(old, new, key=""):
    """The first key, dotted, that has another value in one config than in another, with both values; "" if none has."""
    if type(old) is type(new) is dict:
        pairs = [(name, old.get(name, "absent"), new.get(name, "absent")) for name in new | old]
    elif type(old) is type(new) is list and len(old) == len(new):
        pairs = [(k, *both) for k, both in enumerate(zip(old, new, strict=True))]
    else:
        return "" if old == new else f"{key.lstrip('.')} is {_short(new)}, was {_short(old)}"
    return next(filter(None, (_difference(o, n, f"{key}.{name}") for name, o, n in pairs)), "")


def _short(value):
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
