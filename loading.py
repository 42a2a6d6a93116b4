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

    Its features are those that the evaluation of the run used. Neither galaxies nor images of the training are read,
    but for the size of the images in a folder that it was trained on.

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
    images = _images(config, n_bands)
    backbone = config.pretrain.encoders[name].backbone or config.pretrain.backbone
    backbone = backbone.model_copy(update={"weights": None})  # those that it started from
    with torch.random.fork_rng(devices=[]):
        network = make_network(backbone, Statistics.of_background(1.0, n_bands), n_bands, images["num_pix"])
    load_weights(network, path)
    card = _card(config, name, folder, network, backbone, images, facts)
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


def _images(config, n_bands):
    """Of the images that an encoder takes: dict with bands, num_pix, pixel_scale, units and data, as in its card."""
    from .ssl.data import open_images, training_scene, trains_on_archive

    if config.pretrain.data is None:
        scene = training_scene(config, without_files(config.simulate, config.seed))
        return _of_scene(scene) | {"data": f"simulated systems: {_in_words(config.simulate)}"}
    where = config.pretrain.data.path
    try:
        images = open_images(config)
    except LenStreamError:  # it is elsewhere by now
        images = None
    if images is not None and trains_on_archive(config):
        return _of_scene(images.grid) | {"data": f"the dataset {where}: {_in_words(images.config.simulate)}"}
    num_pix = config.pretrain.data.size if images is None else images.num_pix
    known = {"bands": ("",) * n_bands, "num_pix": num_pix, "pixel_scale": None}
    return known | {"units": f"the unit of the files in {where}", "data": f"the images of {where}"}


def _of_scene(scene):
    """Of simulated images: dict with bands, num_pix, pixel_scale and units, as in a card."""
    return {
        "bands": tuple(scene.bands),
        "num_pix": scene.config.image.num_pix,
        "pixel_scale": scene.instrument.pixel_scale,
        "units": "counts/s per pixel",
    }


def _in_words(simulate):
    groups = {"lens": simulate.lens_mass, "source": simulate.source, "lens light": simulate.lens_light}
    parts = [
        f"{group} {' + '.join(c.profile for c in components)}" for group, components in groups.items() if components
    ]
    return ", ".join([*parts, *(["subhalos"] if simulate.substructure else [])])


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
        normalisation={"scaling": normalize.scaling} | numbers,
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
