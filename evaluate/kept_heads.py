"""The heads of an evaluation that are kept for predictions of other images: how they are written and read."""

import shutil
from pathlib import Path

import torch

from ..errors import DataError
from ..files.whole import whole
from ..ssl import checkpoint
from ..ssl.backbones import load_weights
from ..ssl.untrained import make_beside, make_encoder
from .results import PREDICTOR, refuse_changed
from .trained_heads import projected

PROJECTION = "logistic_projection"  # the protocol on `trained_heads.Projected` networks


def network_of(config, scene, name, path):
    """The network of an encoder of the config, with the weights of a file or those it starts from; or that of
    `evaluate.supervised`."""
    if name in config.evaluate.supervised:
        network = make_beside(config, name, config.evaluate.supervised[name], scene)
    else:
        network = make_encoder(config, name, scene)
    if path is not None:
        load_weights(network, path)
    return network.to(memory_format=torch.channels_last)


def keep(heads, most, scratch, predictor):
    """Keep some heads, for predictions of other images.

    heads: of `results.kept`. most: their number of labels.
    """
    shutil.rmtree(predictor, ignore_errors=True)
    for encoder, protocol in heads:
        (predictor / f"{encoder}-{protocol}").mkdir(parents=True)
        for path in sorted(scratch.glob(f"{encoder}-{protocol}-{most}-*.safetensors")):
            with whole(predictor / f"{encoder}-{protocol}" / path.name) as file:
                file.write(path.read_bytes())


def load_predictor(task, config, scene, folder):
    """The heads that `evaluate` kept: a list of groups, one per encoder and protocol.

    A group is a list with one (head, its `Task.facts`) per seed. Raises: DataError if a file is damaged.
    """
    refuse_changed(folder, PREDICTOR)
    groups = []
    for group in sorted((Path(folder) / PREDICTOR).glob("*/")):
        groups.append([])
        encoders = config.pretrain.encoders
        name = group.name.rsplit("-", 1)[0]  # random weights and training from scratch have the first one's network
        for path in sorted(group.glob("*.safetensors")):
            tensors, facts = checkpoint.load(path)
            known = name in encoders or name in config.evaluate.supervised
            own = name if known else next(iter(encoders))
            network = network_of(config, scene, own, None)
            if facts.get("protocol") == PROJECTION:
                network = projected(config, scene, own)
            head = task.head(network, facts)
            try:
                head.load_state_dict(tensors)
            except RuntimeError:
                why = f"{path}: does not fit the networks of the run's config"
                raise DataError(f"{why}; delete results.csv, and the same command evaluates anew") from None
            groups[-1].append((head, facts))
    return groups
