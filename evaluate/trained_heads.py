"""The heads that encoders were pre-trained with: the projectors of methods, and what supervised ones predict."""

from pathlib import Path

import torch
from torch import nn

from ..configs.evaluation import merged
from ..progress import console
from ..ssl import checkpoint
from ..ssl.backbones import load_weights
from ..ssl.data import trained_scene
from ..ssl.methods.supervised import Classifier
from ..ssl.training_files import LAST
from ..ssl.untrained import make_method


class Projected(nn.Module):
    """An encoder with the projector of its pre-training behind it: images to projections (n, d)."""

    def __init__(self, network, projector, width):
        super().__init__()
        self.network, self.projector, self.num_features = network, projector, width

    def forward(self, images):
        return self.projector(self.network(images))


def projected(config, scene, name, path=None):
    """The `Projected` of an encoder of the config; None for a method without a projector (DINO, iBOT, MAE, supervised).

    Args: path: of its encoder.safetensors, beside which the training left its last state, or None: network and
    projector are as the training begins. Without that state there is None, too, which is said.
    """
    method = make_method(config, name, scene)
    if not hasattr(method, "projector") or (path is not None and not _filled(method, name, path)):
        return None
    made = Projected(method.encoder(), method.projector, config.pretrain.encoders[name].projection_dim)
    return made.to(memory_format=torch.channels_last)


def stream_head(task, config, scene, name, path):
    """The head that an encoder was trained with on the labels of the stream; None for other methods.

    task: `tasks.task.Task`; a head for other classes than it has is None, which is said.
    """
    if config.pretrain.encoders[name].method != "supervised" or config.evaluate.task == "super_resolution":
        return None
    method = make_method(config, name, scene)
    if not _filled(method, name, path):
        return None
    if isinstance(method, Classifier):
        known, _ = merged(trained_scene(config, scene).config.drawn_classes(), config.evaluate.merge)
        if set(known) != set(task.classes):
            console.print(f"{name} was trained to tell {', '.join(known)}, so its own head is not judged here")
            return None
        order = [known.index(name) for name in task.classes]
        method.head.weight.data, method.head.bias.data = method.head.weight.data[order], method.head.bias.data[order]
    return method.to(memory_format=torch.channels_last).eval()


def _filled(method, name, path):
    """Whether a method could be given the weights that its training ended with; averages where they were kept."""
    state = Path(path).parent / LAST
    if not state.exists():
        console.print(f"{name}: {state} is not there, so the head that it was trained with is not judged")
        return False
    tensors, _ = checkpoint.load(state)
    checkpoint.load_model(tensors, method)
    load_weights(method.encoder(), path)  # which may be an average, and has a head of its own then
    if method.behind is not None:
        checkpoint.load_head(tensors, method.get_submodule(method.behind), method.behind)
    return True
