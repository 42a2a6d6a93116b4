"""Reproduce a published system: carry its runs through to their reports, and set its table beside ours."""

from pathlib import Path

from . import before_training, pipeline
from .configs.reproduction import FULL, changes_of, configs, read
from .errors import ConfigError
from .extras import need
from .locking import locked
from .own_images import fitted
from .progress import console
from .runs import RunFolder, begin, is_finished, with_own_numbers


def reproduce(name, runs, scale=FULL, overrides=(), overwrite=False):
    """Do all runs of a reproduction, write table.csv, table.md and index.html, and print the table.

    The same call goes on after an interruption; a run that is finished is left alone.

    Args: name: e.g. "reproduce_lensiam". runs: folder of all runs; this one's get folders of their own in it, below the
    name. overrides: of `configs.reproduction.changes_of`. overwrite: delete its runs first.
    Raises: ConfigError with every mistake of any run, before the first is trained; what `pipeline.run` raises.
    """
    need("train", "training")
    _refuse_ranks(name)
    reproduction, changes = read(name), changes_of(name, overrides)
    planned, differs = planned_runs(name, scale, overrides)
    folder = Path(runs) / (changes.name if scale == FULL or changes.name != name else f"{name}_{scale}")
    with locked(folder):
        left = check_runs(planned, folder, overwrite)
        if overwrite:  # all of them now, so that the same command without it goes on with what has begun
            for run, config in left.items():
                begin(RunFolder(folder / run), config, overwrite=True)
        for number, (run, config) in enumerate(planned.items(), 1):
            if run in left:
                console.print(f"{changes.name}: run {number} of {len(planned)}, {run}")
                pipeline.run(config, folder)
        _write(changes.name, reproduction, {run: folder / run for run in planned}, differs, folder)


def planned_runs(name, scale=FULL, overrides=()):
    """The configs of the runs that are to be done, by name, and sentences on what differs from the source.

    Raises: ConfigError with every mistake; DataError for images of the user's that cannot be read.
    """
    reproduction, changes = read(name), changes_of(name, overrides)
    planned, given = configs(name, scale, overrides), dict.fromkeys(changes.data.values())
    differs = [f"The images are those of {path}." for path in given] or list(reproduction.stand_in)
    differs += reproduction.differs
    full = configs(name, FULL, overrides) if scale != FULL else planned.copy()
    for run, path in changes.data.items():
        if run in planned:
            planned[run], said = fitted(planned[run], full[run], reproduction)
            differs += [f"{sentence} ({path})." for sentence in said]
    if scale != FULL:
        differs += [_about_size(run, config, full[run]) for run, config in planned.items()]
    return planned, differs


def _about_size(run, config, full):
    """What is smaller in a run than at full scale, as a sentence."""
    return f"{run}, smaller: {_size(config.pretrain)}; at full scale {_size(full.pretrain)}."


def _size(pre):
    networks = dict.fromkeys(_network(e.backbone or pre.backbone) for e in pre.encoders.values())
    steps = dict.fromkeys(pre.steps_of(name) for name in pre.encoders)
    return f"{', '.join(networks)}, {', '.join(f'{n:,}' for n in steps)} steps of {pre.batch_size}"


def _network(backbone):
    options = ", ".join(f"{name} {value}" for name, value in backbone.options.items())
    return f"{backbone.name} ({options})" if options else backbone.name


def _refuse_ranks(name):
    """Raise ConfigError as one of several ranks, which would each write the table."""
    from .ssl.launch import ranks

    if ranks() > 1:
        raise ConfigError(
            [f"{name}: its runs follow each other in one process; expected no torchrun and a single task of Slurm"]
        )


def check_runs(planned, folder, overwrite=False):
    """The runs that are not finished in a reproduction's folder: run -> config.

    Raises: ConfigError with every mistake of any of them, as `before_training.check`.
    """
    left, problems = {}, []
    for run, config in planned.items():
        place = RunFolder(folder / run)
        try:
            own = with_own_numbers(place, config)
            if not is_finished(place, own, overwrite):
                left[run] = config
                before_training.check(own, place.path, anew=overwrite)
        except ConfigError as error:
            problems += [f"{run}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    return left


def _write(name, reproduction, folders, differs, out):
    """Write the table, and print it with what differs."""
    from .evaluate.show import reproduction_page
    from .evaluate.show.terminal import print_table

    table = reproduction_page.write(name, reproduction, folders, differs, out)
    print_table(table, f"{reproduction.title}: published | ours")
    for sentence in differs:
        print(sentence)
    print(f"page: {Path(out) / reproduction_page.PAGE}")
