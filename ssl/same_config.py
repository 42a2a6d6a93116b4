"""Whether files of a training are of the config that it goes on with, by a fingerprint that they were written with."""

import hashlib

from pydantic_core import to_json

from ..configs.instruments import given, numbers
from ..errors import DataError

# Keys that came after checkpoints were written, with the values at which a training is as it was without them: these
# are left out, so that such a training goes on.
ADDED = {
    "bin": 1,
    "shift": 0.0,
    "brightness_probability": 0.8,
    "blur_probability": (0.5, 0.5, 0.5),
    "betas": (0.9, 0.999),
    "schedule": "cosine",
    "plateau": {"every": 100, "patience": 10, "factor": 0.1},
    "weight_decay_final": None,
    "predictor_lr": "constant",
    "projector_norm": True,
    "negatives": "all",
    "both_views": False,
    "momentum_final": 1.0,
    "head_norm": False,
    "kept": "teacher",
    "mask_spread": True,
    "patch_temperature": None,
    "patch_temperature_start": None,
    "masked_weight": 1.0,
}


def fingerprint(config, name):
    """What a checkpoint depends on, as a short hash: images, seed, network, encoder and length of the training."""
    pre = config.pretrain
    parts = [pre.backbone, pre.encoders[name], *([pre.data] if pre.data else [])]
    text = to_json(numbers(config.simulate)).decode() if config.simulate is not None else ""
    text += "".join(p.model_dump_json(exclude=_unheard_of(p.model_dump())) for p in parts)
    text += f"bands {pre.bands} " if pre.bands else ""
    text += f"classes {pre.classes} " if pre.classes else ""
    text += f"{config.seed} {pre.batch_size} {pre.steps} {pre.precision} {pre.accumulate}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _unheard_of(values):
    """The keys of ADDED, at their values, in nested sections: as pydantic's `exclude`."""
    found = {}
    for key, value in values.items():
        if key in ADDED and value == ADDED[key]:
            found[key] = True
        elif isinstance(value, dict) and (inside := _unheard_of(value)):
            found[key] = inside
    return found


def refuse(path, written, config, name):
    """Raise DataError if a file, by the facts `written` in it, is of another config or another encoder of it."""
    if written.get("encoder", name) != name:
        raise DataError(f"{path} is of another encoder, {written['encoder']}; delete it to have it made anew")
    finished_before = "step" not in written and "encoder" not in written  # by an earlier version: taken as it is
    if not finished_before and written.get("fingerprint") not in _fingerprints(config, name):
        raise DataError(f"{path} was written with another config; use --overwrite to start again, or another name")


def _fingerprints(config, name):
    """The `fingerprint` of a config, and that of an earlier version, which left an instrument's numbers out."""
    if config.simulate is None:
        return (fingerprint(config, name),)
    before = config.model_copy(update={"simulate": given(config.simulate)})
    return fingerprint(config, name), fingerprint(before, name)
