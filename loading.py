"""Trained encoders by the folder of their run: the only thing to know where a run keeps which file."""

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ArgumentError, DataError, LenStreamError, nearest
from .runs import RunFolder, config_of, made_with
from .simulate.core.arguments import shown
from .simulate.systems.scene import without_files

if TYPE_CHECKING:
    from .ssl.trained import TrainedEncoder


def load_encoder(run: str | Path, name: str | None = None) -> "TrainedEncoder":
    """An encoder of a run as a torch module in evaluation mode that takes images as they are, on the CPU.

    Its features are those that the evaluation of the run used. Neither galaxies nor images of the training are read;
    encoders of earlier versions do not remember the size of images in files, which is looked up.

    Args: run: folder of a run, such as "runs/demo". name: of the encoder in its config; None is the only one.

    Returns: `ssl.trained.TrainedEncoder`, with its facts as `card`. Raises: ArgumentError for a name that is none of
    the run's, or is missing where there are several; DataError for what is no run, is not trained, or is damaged.
    """
    import torch

    from .ssl import checkpoint
    from .ssl.backbones import load_weights, make_network
    from .ssl.normalize import Statistics
    from .ssl.trained import TrainedEncoder

    if not isinstance(run, str | Path):
        raise ArgumentError(f'run: expected the folder of a run, such as "runs/demo", got {shown(run)}')
    folder = RunFolder(run)
    config = _config(folder)
    name = _name(folder, config, name)
    path = _weights(folder, name)
    tensors, facts = checkpoint.load(path)
    if "normalize.noise" not in tensors:
        raise DataError(f"{path}: expected the weights of an encoder with those of its normalisation")
    n_bands = tensors["normalize.noise"].shape[1]
    images = _images(config, n_bands, facts.get("seen"))
    backbone = config.pretrain.encoders[name].backbone or config.pretrain.backbone
    started_from = {None: "random weights", "pretrained": "weights of timm"}.get(backbone.weights, "weights of a file")
    backbone = backbone.model_copy(update={"weights": None})  # those that it started from
    with torch.random.fork_rng(devices=[]):
        network = make_network(backbone, Statistics.of_background(1.0, n_bands), n_bands, images["num_pix"])
    load_weights(network, path)
    card = _card(config, name, folder, network, backbone, images | {"started_from": started_from}, facts)
    return TrainedEncoder(network.to(memory_format=torch.channels_last), card).eval()


def _config(folder):
    """The config of a run that pre-trains."""
    try:
        there = folder.config.is_file()
        hint = "it has no config.yaml" if folder.path.is_dir() else "there is no such folder"
        hint = "it is a file" if folder.path.is_file() else hint
    except OSError as error:  # a name that is too long, a folder that must not be looked into
        there, hint = False, f"it cannot be looked at: {error.strerror}"
    if not there:
        raise DataError(f"{folder.path}: no run, as {hint}; expected a folder that lenstream run has made")
    config = config_of(folder)
    if config.pretrain is None:
        raise DataError(f"{folder.path}: a run without pretrain, which has no encoder")
    return config


def _name(folder, config, name):
    """The name of an encoder of the config: the one asked for, or the only one."""
    known = list(config.pretrain.encoders)
    if name is None and len(known) == 1:
        return known[0]
    if name is None:
        raise ArgumentError(f"name: {folder.path} has several encoders, expected one of {', '.join(known)}")
    if name not in known:
        expected = f"expected one of {', '.join(known)}.{nearest(name, known)}"
        raise ArgumentError(f"name: {folder.path} has no encoder {shown(name)}, {expected}")
    return name


def _weights(folder, name):
    from .ssl.training_files import ENCODER

    path = folder.encoder(name) / ENCODER
    if not path.is_file():
        raise DataError(f"{path}: not there, as {name} is not trained yet; the command that began the run goes on")
    return path


def _images(config, n_bands, seen):
    """Of the images that an encoder takes: dict with bands, num_pix, pixel_scale, units, data and kind, as in its card.

    seen: what was remembered of them (`ssl.seen_images.facts_of`), or None.
    """
    from .ssl.seen_images import DATASET, SIMULATED

    facts = dict(_looked_at(config, n_bands) if seen is None or len(seen["bands"]) != n_bands else seen)
    kind, population = facts["kind"], facts.pop("population")
    where = None if config.pretrain.data is None else config.pretrain.data.path
    words = {SIMULATED: f"simulated systems: {population}", DATASET: f"the dataset {where}: {population}"}
    facts["bands"] = tuple(facts["bands"])
    facts["units"] = facts["units"] or f"the unit of the files in {where}"
    return facts | {"data": words.get(kind, f"the images of {where}")}


def _looked_at(config, n_bands):
    """What `ssl.seen_images.facts_of` says, of an encoder that does not remember it."""
    from .ssl import seen_images
    from .ssl.data import open_images, training_scene

    if config.pretrain.data is None:
        scene = training_scene(config, without_files(config.simulate, config.seed))
        return seen_images.facts_of(None, scene, config.simulate)
    try:
        facts = seen_images.facts_of(open_images(config), None, config.simulate)
    except LenStreamError:  # it is elsewhere by now
        facts = {"num_pix": config.pretrain.data.size, "pixel_scale": None, "units": None, "population": ""}
        facts |= {"kind": seen_images.FILES, "bands": ()}
    return facts if len(facts["bands"]) == n_bands else facts | {"bands": ("",) * n_bands}


def _card(config, name, folder, network, backbone, images, facts):
    from .ssl.trained import EncoderCard

    settings, normalize = config.pretrain.encoders[name], network.normalize
    numbers = {n: getattr(normalize, n).flatten().tolist() for n in ("noise", "mean", "std")}
    is_physics = settings.views != "augment"
    return EncoderCard(
        name=name,
        backbone=backbone.name,
        options=dict(backbone.options),
        stem=backbone.stem,
        num_features=network.num_features,
        num_parameters=sum(p.numel() for p in network.backbone.parameters()),
        normalisation={"scaling": normalize.scaling, "bin": normalize.bin} | numbers,
        method=facts.get("method", settings.method),
        views=settings.views,
        redraw=tuple(settings.redraw) if is_physics else (),
        steps=facts.get("steps", settings.steps or config.pretrain.steps),
        batch_size=config.pretrain.batch_size,
        recipe=config.name,
        run=str(folder.path),
        seed=config.seed,
        versions=made_with(folder),
        **images,
    )
