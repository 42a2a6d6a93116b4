"""`--extend`: a run goes on for more steps than it was begun with, and its results are made anew.

The steps that are added stand in the saved config (`pretrain.extend`), beside those that the run was begun with: so the
same command goes on after an interruption, and adds them once.
"""

import shutil

from .configs.load import checked
from .configs.recipes import read
from .errors import ConfigError, DataError
from .files.checksums import remove_sums


def extended(folder, config, steps=None):
    """A config with the steps that are added to its run: `steps` of them, or those that were added before.

    Args: folder: `runs.RunFolder`. config: `configs.schema.Config` with `pretrain`. steps: counted from those that the
    run was begun with, whatever was added before; None adds nothing new.

    Raises: DataError if there is no run to go on with, or if it was extended by more already.
    """
    before = steps_added(folder)
    if steps is not None and before is None:
        raise DataError(
            f"--extend: there is no run in {folder.path} to go on with; expected one, or the steps of a new one in "
            f"pretrain.steps (now {config.pretrain.steps})"
        )
    if steps is not None and steps < before:
        raise DataError(
            f"--extend: {folder.path} was extended by {before} steps already; expected {before}, to go on with them, "
            f"or more, of which {before} are taken to be those"
        )
    added = max(before or 0, config.pretrain.extend) if steps is None else steps
    return config.model_copy(update={"pretrain": config.pretrain.model_copy(update={"extend": added})})


def steps_added(folder):
    """The steps by which a run was extended so far; None if there is no run, or its config is damaged."""
    if not folder.config.is_file():
        return None
    try:
        pretrain = checked(read(folder.config)).pretrain
    except ConfigError:  # `runs.is_finished` refuses it
        return None
    return 0 if pretrain is None else pretrain.extend


def is_extension(folder, config):
    """Whether a config has more steps for a run than it had so far."""
    before = steps_added(folder)
    return before is not None and config.pretrain is not None and config.pretrain.extend > before


def reopen(folder, config):
    """Remove what a run found out about its encoders, if the config has more steps for these than before.

    Predictions of other images, made by `lenstream predict`, stay.

    Raises: DataError, and removes nothing, if an encoder cannot go on, also as its state is damaged.
    """
    if not is_extension(folder, config):
        return
    from .ssl import checkpoint
    from .ssl.training_files import is_trained, newest_state

    for name in config.pretrain.encoders:
        own = folder.encoder(name)
        if not is_trained(config, name, own) and newest_state(own) is not None:
            what_to_do = f"put it back as it was, or delete {own} to have {name} trained anew, with all steps"
            checkpoint.load_safetensors(newest_state(own), what_to_do)
    # First the marks of what is complete: a process that is killed here leaves a run that evaluates once more.
    marks = (folder.finished, folder.results, folder.report, folder.arrays)
    for path in marks:
        path.unlink(missing_ok=True)
    folders = (folder.scratch, folder.predictor, folder.figures, folder.real_lenses)
    for path in folders:
        shutil.rmtree(path, ignore_errors=True)
    remove_sums(folder.path, *(path.name for path in (*marks, *folders)))
