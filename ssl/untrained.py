"""The networks that trainings begin with, alone and inside their methods."""

import torch

from ..errors import ConfigError
from ..extras import need
from ..simulate.labels import moments
from .backbones import make_network, write_out_attention
from .data import image_facts, trained_scene
from .methods.all_methods import METHODS
from .methods.posterior import FLOW, TargetPosterior
from .methods.supervised import Classifier, number_of_classes
from .randomness import seed_of, seeded
from .sync_norm import synchronise


def make_encoder(config, name, scene):
    """The untrained `Network` of one encoder of the config; its weights depend on the seed and the name only."""
    with seeded(seed_of(config.seed, name)):
        return _network(config, name, trained_scene(config, scene))


def make_beside(config, name, backbone, scene):
    """The untrained `Network` of a further backbone (`configs.encoder.Backbone`) for the images of a config.

    Its weights depend on the seed and the name only. Raises: as `backbones.make_network`, of evaluate.supervised.NAME.
    """
    first = next(iter(config.pretrain.encoders.values()))
    encoders = {name: first.model_copy(update={"backbone": backbone})}
    alone = config.model_copy(update={"pretrain": config.pretrain.model_copy(update={"encoders": encoders})})
    try:
        return make_encoder(alone, name, scene)
    except ConfigError as error:
        where = f"evaluate.supervised.{name}"
        raise ConfigError([problem.replace("pretrain.backbone", where) for problem in error.problems]) from None


def make_method(config, name, scene):
    """The untrained module of one encoder of the config: its network with the heads and the loss of its method."""
    with seeded(seed_of(config.seed, name)):
        return draw_method(config, name, trained_scene(config, scene))


def draw_method(config, name, scene):
    """As `make_method`, from torch's generator as it stands. scene: of the bands that networks see.

    Raises: ConfigError for a method that learns labels of images that have none.
    """
    network, settings = _network(config, name, scene), config.pretrain.encoders[name]
    method = METHODS[type(settings)]
    if method.needs_labels and scene is None:
        problem = f"{settings.method} needs the labels of the simulator, which images in files lack"
        raise ConfigError([f"pretrain.encoders.{name}.method: {problem}"])
    if method.needs_labels and config.evaluate.task == "classification":
        return Classifier(network, number_of_classes(scene.config, config.evaluate.merge))
    if method.needs_labels and settings.posterior is not None:
        if settings.posterior == FLOW:
            need("npe", f"pretrain.encoders.{name}.posterior: flow")
        return TargetPosterior(network, *moments(scene, config.evaluate.targets), settings.posterior)
    if method.needs_labels:
        return method(network, *moments(scene, config.evaluate.targets))
    return method(network, settings)


def prepared(model, pre, fabric):
    """A method as it trains: pixels of all channels side by side, norms over all ranks, compiled if asked for."""
    model = model.to(memory_format=torch.channels_last)
    if fabric.world_size > 1:
        model = synchronise(model, fabric.device)
    if fabric.device.type == "cpu" and pre.precision == "bf16-mixed":
        write_out_attention(model)
    if pre.compile:
        model.network.backbone.compile()
    return model


def _network(config, name, scene):
    """The network of an encoder, from torch's generator as it stands."""
    backbone = config.pretrain.encoders[name].backbone or config.pretrain.backbone
    return make_network(backbone, *image_facts(config, name, scene))
