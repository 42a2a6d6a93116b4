"""The config that a run was begun with and the one that is asked for: their first difference, and the refusal."""

import re
import shlex
from pathlib import Path

from .configs.differences import difference
from .configs.instruments import given, numbers
from .configs.load import checked
from .configs.recipes import read
from .errors import ConfigError

# Keys that may change while a run goes on, as no number of it depends on them; so may its name, if its folder got it.
BOOKKEEPING = {
    "pretrain": ("extend", "render_threads", "checkpoint_every", "log_every", "probe_every"),
    "evaluate": ("judged_on", "overlay"),
}


def refuse_another(folder, config, command="run"):
    """Refuse to go on with a run by another config than it was begun with.

    Args: folder: `runs.RunFolder`. config: `configs.schema.Config`, as asked for. command: of lenstream, that asks.
    Raises: ConfigError, with the first difference and what can be done.
    """
    if not folder.config.exists():
        return
    go_on = ""
    try:
        old, _ = saved(folder)
        differing = _differing(old, config)
        if old.name == config.name and not _differing(old, checked(read(folder.config))):
            go_on = f"`{_going_on(folder, command)}` goes on as it was begun; "
    except ConfigError as error:
        differing = f"{folder.config.name} is damaged: {error.problems[0]}"
    if not differing:
        return
    if re.match(r"pretrain\.(encoders\.[^ ]+\.)?steps is ", differing):
        go_on = "--extend adds steps to it; " + go_on
    raise ConfigError(
        [
            f"{folder.path} was begun with another config (first difference: {differing}); {go_on}"
            "use --overwrite to start again, or name=... for a run of its own"
        ]
    )


def _going_on(folder, command):
    """What to type to go on with a run by the config in its folder."""
    runs = folder.path.parent
    return shlex.join(
        ["lenstream", command, str(folder.config), *(["--runs", str(runs)] if runs != Path("runs") else [])]
    )


def saved(folder):
    """The config of a run, and whether it came with the numbers of its instruments, which earlier versions left out."""
    recipe = read(folder.config)
    config = checked(recipe)
    if config.simulate is None or "from_instrument" in recipe.values["simulate"]["observation"]:
        return config, True
    if given(config.simulate) == config.simulate:
        return config, True
    observation = config.simulate.observation
    if observation.psf is not None and given(config.simulate).observation.psf is None:  # on pixels of the detector then
        psf = observation.psf.model_copy(update={"supersampling": 1})
        observation = observation.model_copy(update={"psf": psf})
    simulation = config.simulate.model_copy(update={"observation": observation})
    return config.model_copy(update={"simulate": simulation}), False


def _differing(old, new):
    """As `difference`, of configs: but for BOOKKEEPING, what a key means in words, and whose numbers they are."""
    return difference(*({**_without_bookkeeping(c), "simulate": _numbers(c.simulate)} for c in (old, new)))


def _numbers(simulate):
    return None if simulate is None else numbers(simulate)


def _without_bookkeeping(config):
    values = config.model_dump(mode="json", exclude={"name"})
    for section, names in BOOKKEEPING.items():
        for name in names if values[section] else ():
            values[section].pop(name, None)
    return values
