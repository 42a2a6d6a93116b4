"""The files in the folder of an encoder's training, and whether it is over."""

from pathlib import Path

from ..errors import DataError
from . import checkpoint

ENCODER = "encoder.safetensors"  # what the training is for
CHECKPOINT = "checkpoint.safetensors"  # its state on the way
LAST = "last_state.safetensors"  # its state after the last step


def newest_state(folder):
    """The path of the state that a training goes on from: on the way, or after its last step; None if it is new."""
    return next((path for path in (Path(folder) / CHECKPOINT, Path(folder) / LAST) if path.exists()), None)


def facts(folder):
    """The facts that the files of a training were written with, those of the newest state first; empty if there are
    none."""
    paths = [path for path in (newest_state(folder), Path(folder) / ENCODER) if path is not None]
    return next(filter(None, map(checkpoint.load_facts, paths)), {})


def is_trained(config, name, folder):
    """Whether the encoder in a training's folder has all its steps behind.

    Raises: DataError if the config has more steps than it was trained for (`pretrain.extend`), and there is no state
    to go on from.
    """
    path = Path(folder) / ENCODER
    if not path.exists():
        return False
    done = checkpoint.load_facts(path).get("steps")
    if done is None or done >= config.pretrain.steps_of(name):
        return True
    if newest_state(folder) is None:
        raise DataError(
            f"--extend: {Path(folder) / LAST} is not there (deleted, or the run was finished by an earlier LenStream), "
            f"so {name} cannot go on from step {done}; expected that file, or a run of its own (name=...) that starts "
            f"from pretrain.backbone.weights={path}"
        )
    return False
