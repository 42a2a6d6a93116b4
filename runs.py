"""The folder of a run: names of its files, refusing to mix two runs in it, versions of the software, timings.

`locking` keeps it to one process, `files.whole` writes every file whole, `files.checksums` finds changed ones.
"""

import importlib.metadata
import json
import logging
import platform
import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from .begun_with import refuse_another, saved
from .configs.differences import difference
from .configs.instruments import numbers, resolved
from .configs.load import show
from .errors import ConfigError, DataError
from .extending import is_extension
from .files.checksums import SUMS, add_sums, differing, refuse_differing, remove_sums, sha256, write_sums
from .files.json_files import dictionary, finite_numbers
from .files.whole import remove_scratch, write_text
from .locking import LOCK
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
        self.pairs_dark = self.path / "pairs_dark.png"  # its twin for dark pages
        self.encoders = self.path / "encoders"
        self.reconstructions = self.path / "reconstructions"  # of masked autoencoders
        self.scratch = self.path / "evaluation"  # units of an evaluation that is not complete
        self.results = self.path / "results.csv"
        self.arrays = self.path / "evaluation.npz"
        self.predictor = self.path / "predictor"
        self.refined = self.path / "refined.csv"  # estimates refined by the simulator
        self.figures = self.path / "figures"
        self.real_lenses = self.path / "real_lenses"
        self.report = self.path / "report.html"
        self.finished = self.path / "finished"  # nothing is left to do; the checksum of SHA256SUMS

    @property
    def own_files(self):
        """Where the files are that a finished run has in its folder itself, with what may be there or not."""
        pairs, evaluated = [self.pairs, self.pairs_dark], [self.results, self.arrays, self.refined]
        return [self.config, self.environment, self.timings, *pairs, *evaluated, self.report]

    def encoder(self, name):
        """The folder of one encoder's training."""
        return self.encoders / name


def with_own_numbers(folder, config):
    """A config with the numbers of its instruments as the run in the folder was begun with, if there is one.

    A recipe names an instrument, and the installed lenstronomy may have other numbers for it than the one that the run
    was begun with. Says on the terminal if it has.
    """
    try:
        begun = config_of(folder) if folder.config.is_file() else None
    except ConfigError:  # `is_finished` refuses it
        begun = None
    if begun is None or config.simulate is None or begun.simulate is None:
        return config
    own = config.model_copy(update={"simulate": resolved(config.simulate, begun.simulate)})
    others = difference(numbers(own.simulate), numbers(config.simulate))
    if others:
        console.print(
            f"{folder.path} goes on with the instrument's numbers that it was begun with, though lenstronomy "
            f"{environment()['lenstronomy']} has others (simulate.{others})",
        )
    return own


def is_finished(folder, config, overwrite=False, command="run"):
    """Whether nothing is left to do for a config in its run's folder; says so on the terminal.

    command: of lenstream, that asks for it.

    Raises: DataError if `overwrite` would delete a folder that is no run, if files of a finished run are missing or
    changed, or if a run lacks its config; ConfigError if the run has another config.
    """
    if overwrite:
        if _contents(folder) and not folder.config.is_file():
            raise DataError(f"--overwrite: {folder.path} is not a LenStream run (no config.yaml), so it is not deleted")
        return False
    refuse_another(folder, config, command)
    if not folder.finished.exists() or is_extension(folder, config):
        _refuse_without_config(folder)
        return False
    _refuse_changed(folder)
    console.print(f"{folder.path} is finished: open {folder.report} (--overwrite runs it again)")
    return True


def begin(folder, config, overwrite=False):
    """Make the run's folder, or empty it for a new one, and write what it is made from. Raises: OSError."""
    if overwrite:
        _empty(folder)
    folder.path.mkdir(parents=True, exist_ok=True)
    remove_scratch(folder.path)
    rewritten = [folder.config, folder.environment, folder.timings, folder.report]
    rewritten += [folder.encoders, folder.reconstructions, folder.figures, folder.real_lenses]
    remove_sums(folder.path, *(p.name for p in rewritten))  # of a run that had been finished
    write_text(folder.config, show(config))
    write_text(folder.environment, json.dumps(environment(), indent=1))


def finish(folder):
    """Mark a run as finished, with the checksums of its files: it is left alone from now on. Raises: OSError."""
    own = [p for p in folder.own_files if p.is_file()]
    for place in (folder.encoders, folder.reconstructions, folder.predictor, folder.figures, folder.real_lenses):
        own += [p for p in place.rglob("*") if p.is_file() and "tensorboard" not in p.parts]
    write_sums(folder.path, own)
    write_text(folder.finished, f"{sha256(folder.path / SUMS)}  {SUMS}\n")


def keep_sums(folder, paths):
    """List the checksums of files of the run that are there now. Raises: OSError."""
    add_sums(folder.path, {path.relative_to(folder.path).as_posix(): sha256(path) for path in paths})


def are_intact(folder, paths):
    """Whether files of the run are there, and as they were when their checksums were listed, if they were."""
    names = [path.relative_to(folder.path).as_posix() for path in paths]
    return all(path.is_file() for path in paths) and not differing(folder.path, *names)


def _refuse_changed(folder):
    """Raise DataError if files of a finished run are missing or changed; one of an earlier version has no checksums."""
    found = differing(folder.path)
    listed = folder.finished.read_text(errors="replace").split()
    if listed and not (folder.path / SUMS).is_file():
        found.append(f"{SUMS} is missing")
    elif listed and sha256(folder.path / SUMS) != listed[0]:
        found.append(f"{SUMS} was changed")
    if not listed and not found:  # what any finished run has, whatever its version
        found = [f"{p.name} is missing" for p in (folder.config, folder.results, folder.report) if not p.is_file()]
    if found:
        raise DataError(
            f"{folder.path} was finished, but since then: {', '.join(found)}; put back the files as they were, or "
            f"delete {folder.finished.name} and what was changed, and the same command makes them anew (--overwrite "
            "runs all again)"
        )


def _refuse_without_config(folder):
    """Raise DataError if there is a run but not the config it was made from, without which it cannot go on."""
    left = [p.name for p in (folder.encoders, folder.scratch, folder.results) if p.exists()]
    if left and not folder.config.exists():
        raise DataError(
            f"{folder.path} holds {', '.join(left)} but no {folder.config.name}, so nobody knows what they were made "
            "from; put it back, delete the folder, or give name=... for another run"
        )


def _contents(folder):
    """What lies in a run's folder, but for its lock; empty if there is no folder."""
    try:
        return [path for path in folder.path.iterdir() if path.name != LOCK]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _empty(folder):
    """Delete all of a run, config.yaml last: killed meanwhile, what is left is still a run of that config."""
    for mark in (folder.finished, folder.results):  # first: a part of a predictor without checksums is not to be used
        mark.unlink(missing_ok=True)
    for path in sorted(_contents(folder), key=lambda p: p == folder.config):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def config_of(folder):
    """The config that a run was made from. Raises: DataError if there is no run."""
    if not folder.config.is_file():
        raise DataError(f"--run {folder.path}: no such run; expected a folder with config.yaml, made by lenstream run")
    what_to_do = "put it back as it was, or run it anew with --overwrite"
    refuse_differing(folder.path, what_to_do, folder.config.name)
    config, has_numbers = saved(folder)
    begun_with, installed = made_with(folder).get("lenstronomy", "an unknown version"), environment()["lenstronomy"]
    if not has_numbers and begun_with != installed:
        console.print(
            f"{folder.path} was begun by an earlier LenStream, which did not write down the instrument's numbers: "
            f"those of lenstronomy {installed} are taken, but it was begun with {begun_with}",
        )
    return config


def made_with(folder):
    """The versions that a run was begun with; empty if they are not known."""
    return dictionary(folder.environment)


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
    except BaseException:
        if write:
            with suppress(OSError):  # on a full disk: what the block could not do is what is said
                _add_seconds(folder, stage, time.perf_counter() - begun)
        raise
    seconds = time.perf_counter() - begun
    log.debug("%s: %.1f s", stage, seconds)
    if write:
        _add_seconds(folder, stage, seconds)


def _add_seconds(folder, stage, seconds):
    timings = finite_numbers(folder.timings)
    write_text(folder.timings, json.dumps(timings | {stage: timings.get(stage, 0.0) + seconds}, indent=1))
