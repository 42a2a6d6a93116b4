"""A tiny training for tests: the recipe `tiny` with one encoder of any method, or of a folder of images; its end."""

from itertools import count
from types import SimpleNamespace

import numpy as np
import torch
import yaml

from lenstream.configs.load import load
from lenstream.progress import Stopped
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.launch import make_fabric
from lenstream.ssl.trainer import pretrain
from lenstream.ssl.untrained import make_method

_ADAM = {"optimizer": "adamw", "lr": 0.001}
_VIT = {"backbone": {"name": "vit_tiny_patch16_224"}}
_VIT["backbone"]["options"] = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3}
STILL = {"crop": None, "flip": False}  # what a target that is another view allows
_SMALL = {"hidden_dim": 64, "bottleneck_dim": 32, "prototypes": 128}
_OPTIONS = {
    "simclr": _ADAM,
    "vicreg": _ADAM,
    "barlow": _ADAM,
    "dino": _ADAM | _SMALL | {"local": {"views": 2, "size": 16}},
    "ibot": _ADAM | _SMALL | _VIT,
    "mae": _ADAM | _VIT,
    "supervised": _ADAM | {"clip": 1.0},
}


def tiny(method, *overrides, **changes):
    """A checked config with batches of 8 whose only encoder, called "tiny", is of a method."""
    settings = {"method": method, "warmup": 2} | _OPTIONS.get(method, {}) | changes
    encoders = yaml.safe_dump({"tiny": settings}, default_flow_style=True)
    return load("tiny", [f"pretrain.encoders={encoders}", "pretrain.batch_size=8", *overrides])


def scene_of(config):
    """The scene of a config's simulation."""
    return make_scene(config.simulate, config.seed)


def untrained(config):
    """The tensors of the method before its first step, named as in a checkpoint."""
    return {f"model.{k}": v for k, v in make_method(config, "tiny", scene_of(config)).state_dict().items()}


def train(config, folder, steps=None, then=None, exact=False):
    """Train the encoder into a folder; after `steps` steps of this process stop, or do what `then` does.

    exact: in float64, losses too, where differences in rounding have no time to grow. Returns: whether it was stopped.
    """
    asked = count()

    def stop():
        if next(asked) != steps:
            return False
        if then is not None:
            then()
        return True

    fabric = None
    if exact:
        torch.Tensor.float = torch.Tensor.double
        fabric = make_fabric(SimpleNamespace(accelerator="cpu", precision="64-true"))
    try:
        pretrain(config, "tiny", scene_of(config), folder, fabric, stop)
    except Stopped:
        return True
    return False


def stop_after(steps):
    """A stop function that says yes when asked for the `steps` + 1st time."""
    asked = iter(range(10_000))
    return lambda: next(asked) >= steps


def folder_config(folder, n=12, steps=4):
    """A training on n images of 16 pixels, of which two batches of 8 share some."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for k in range(n):
        np.save(folder / f"{k:02}.npy", rng.normal(size=(16, 16)))
    options = [f"pretrain.data.path={folder}", "pretrain.batch_size=8", f"pretrain.steps={steps}", "evaluate=null"]
    return load("tiny", [*options, "pretrain.encoders={simsiam: {method: simsiam, hidden_dim: 32}}"])
