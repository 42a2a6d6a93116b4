"""What masked autoencoders make of images: how wrong they are, and whether a lens appears where there is only noise.

Written of each such encoder to reconstructions/NAME.json, numbers, and NAME.npz, a few images. Errors are in the units
of the network's input (what its normalisation makes of pixels), and in these units scaled to 0...1 image by image.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from lightly.models.utils import unpatchify

from ..errors import DataError
from ..files.checksums import sha256
from ..files.json_files import dictionary
from ..files.whole import write_arrays, write_text
from ..simulate.stream import simulate
from ..simulate.systems.scene import FIRST_INDEX
from ..ssl import checkpoint
from ..ssl.data import open_images, trained_scene
from ..ssl.folder import chosen_images
from ..ssl.methods.base import Draws
from ..ssl.probe import BATCH
from ..ssl.randomness import seed_of
from ..ssl.training_files import newest_state
from ..ssl.untrained import make_method

N = 256  # images that are reconstructed, as many of pure noise, and as many for the mean lens
SHOWN = 3  # of them in the figure
FOLDER = "reconstructions"  # in a run's folder
ARRAYS = ("images", "masked", "predicted", "noise_images", "noise_masked", "noise_predicted")


class Reconstructed(NamedTuple):
    """Images as a network sees them, and what a masked autoencoder makes of them; float32 (n, bands, h, w)."""

    images: np.ndarray
    masked: np.ndarray  # bool (n, 1, h, w): where a patch was hidden
    predicted: np.ndarray  # of all patches, hidden or not


def reconstruct_all(config, scene, folder, stop=lambda: False):
    """Reconstruct test images with every masked autoencoder of a run whose last state is there.

    Args: config: of the run. scene: of its simulation, or None. folder: the run's. stop: asked before each encoder.
    Returns: the files that were written; those of the same weights are there already, and stay.
    Raises: DataError for a state that is damaged.
    """
    written = []
    for name, settings in config.pretrain.encoders.items():
        state = newest_state(Path(folder) / "encoders" / name)
        if settings.method != "mae" or state is None or stop():
            continue
        place, weights = Path(folder) / FOLDER / f"{name}.json", sha256(state)
        arrays = place.with_suffix(".npz")
        if dictionary(place).get("weights") == weights and arrays.is_file():
            continue
        place.parent.mkdir(exist_ok=True)
        found, shown = _of_encoder(config, name, scene, state)
        write_arrays(arrays, shown)
        write_text(place, json.dumps(found | {"weights": weights}, indent=1))
        written += [arrays, place]
    return written


def numbers_of(config, folder):
    """The numbers of every encoder that has some: name -> dict, of the keys that `numbers` has."""
    places = {name: Path(folder) / FOLDER / f"{name}.json" for name in config.pretrain.encoders}
    return {name: dictionary(place) for name, place in places.items() if place.is_file()}


def shown_of(config, folder):
    """The images for the figure of every encoder that has some: name -> dict of `ARRAYS`, and "mean".

    Raises: DataError for a file that is damaged.
    """
    shown = {}
    for name in numbers_of(config, folder):
        path = Path(folder) / FOLDER / f"{name}.npz"
        try:
            with np.load(path) as file:
                shown[name] = {key: file[key] for key in (*ARRAYS, "mean")}
        except Exception as error:  # a damaged zip is answered with many different errors
            raise DataError(
                f"{path}: cannot be read ({error}); delete it, and the same command makes it anew"
            ) from None
    return shown


def _of_encoder(config, name, scene, state):
    """The numbers of one encoder, and the images for its figure."""
    images, others, source = _images(config, scene)
    method, seed = make_method(config, name, scene), seed_of(config.seed, name, "reconstruction")
    shape = (len(images), *images.shape[1:])
    noise = Draws(seed, shape[0]).normal(*shape[1:]) * method.network.normalize.noise  # as the data have
    mean = np.concatenate([part.numpy() for part in map(_seen(method), others.split(BATCH))]).mean(axis=0)
    untrained = reconstruct(method, noise, seed)
    tensors, _ = checkpoint.load(state)
    try:
        checkpoint.load_model(tensors, method)
    except RuntimeError:
        raise DataError(f"{state}: does not fit the encoder {name} of the run's config") from None
    of_lenses, of_noise = reconstruct(method, images, seed), reconstruct(method, noise, seed)
    found = {"images": source, "n": len(images), "scaling": method.network.normalize.scaling}
    found |= numbers(of_lenses, of_noise, untrained, mean)
    shown = zip(ARRAYS, (*of_lenses, *of_noise), strict=True)
    return found, {key: values[:SHOWN] for key, values in shown} | {"mean": mean}


def _images(config, scene):
    """Images to reconstruct, images for the mean lens, float32 (n, bands, h, w), and in words which the first are."""
    scene = trained_scene(config, scene)
    if scene is not None:
        indices = np.arange(N, dtype=np.uint64)
        parts = [
            simulate(scene, indices + np.uint64(FIRST_INDEX[split]), derived=False).images[:, 0]
            for split in ("test", "pretrain")
        ]
        return *parts, "test lenses, which no training saw"
    files = open_images(config)
    images = torch.from_numpy(files.read_all(chosen_images(files, N, config.seed)))
    return images, images, "images that it was trained on"


@torch.no_grad()
def reconstruct(method, images, seed):
    """`Reconstructed` of images (n, bands, h, w) by a `ssl.methods.mae.MAE`, each with patches hidden at random.

    What a network predicts of normalised patches (norm_pix) gets back the mean and spread that the patch has.
    """
    method.eval()
    order = Draws(seed, len(images)).uniform(method.n_patches).argsort(dim=1)
    parts = [_some(method, images[i : i + BATCH], order[i : i + BATCH]) for i in range(0, len(images), BATCH)]
    return Reconstructed(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _some(method, images, order):
    visible = order[:, method.n_masked :]
    seen = _seen(method)(images)
    patches = method.decode(method.encode(images, visible), visible).float()
    if method.norm_pix:
        plain = method.patches(images)
        patches = patches * (plain.var(-1, keepdim=True) + 1e-6).sqrt() + plain.mean(-1, keepdim=True)
    hidden = torch.ones(len(images), method.n_patches, 1).scatter(1, visible[:, :, None], 0.0)
    masked = hidden.expand(-1, -1, method.patch**2)
    predicted, masked = unpatchify(patches, method.patch, seen.shape[1]), unpatchify(masked, method.patch, 1)
    edge = min(seen.shape[-1], predicted.shape[-1])  # a ViT drops what fills no patch, or pads the last ones
    return tuple(a[..., :edge, :edge].numpy() for a in (seen, masked > 0, predicted))


def _seen(method):
    return lambda images: method.network.normalize(images).float()


def numbers(of_lenses, of_noise, untrained, mean):
    """Errors of reconstructions, and the correlation of reconstructions with the mean lens: a dict of floats.

    mse_masked and mse_all are of the pixels of hidden patches and of all, ..._min_max in units of the range of each
    image. Correlations are means over images of Pearson's coefficient over the pixels of hidden patches, ..._std its
    spread: of reconstructed lenses, of reconstructed noise, which is near 0 where nothing is invented, and of noise by
    untrained weights.

    Args: of_lenses, of_noise, untrained: `Reconstructed`. mean: of lenses, float (bands, h, w), as a network sees them.
    """
    error = np.square(of_lenses.predicted.astype(float) - of_lenses.images)
    span = np.ptp(of_lenses.images.astype(float), axis=(1, 2, 3), keepdims=True)
    in_range = error / np.where(span > 0, span, np.nan) ** 2
    masked = np.broadcast_to(of_lenses.masked, error.shape)
    found = {
        "masked_share": of_lenses.masked.mean(),
        "mse_masked": error[masked].mean(),
        "mse_all": error.mean(),
        "mse_masked_min_max": np.nanmean(in_range[masked]),
        "mse_all_min_max": np.nanmean(in_range),
    }
    parts = {"lens": of_lenses, "noise": of_noise, "untrained_noise": untrained}
    for name, part in parts.items():
        values = correlations(part.predicted, mean, part.masked)
        found |= {f"{name}_correlation": np.mean(values), f"{name}_correlation_std": np.std(values)}
    return {name: float(value) for name, value in found.items()}


def correlations(images, mean, where):
    """Pearson's coefficient of each image (n, bands, h, w) with one (bands, H, W), over pixels `where` (n, 1, h, w).

    Returns: (n,), 0 where either is flat.
    """
    edge = images.shape[-1]
    weights = np.broadcast_to(where, images.shape).reshape(len(images), -1).astype(float)
    a = images.reshape(len(images), -1).astype(float)
    b = np.asarray(mean, dtype=float)[..., :edge, :edge].ravel()[None]
    a, b = (weights * (x - (weights * x).sum(1, keepdims=True) / weights.sum(1, keepdims=True)) for x in (a, b))
    norm = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.where(norm > 0, (a * b).sum(1) / np.where(norm > 0, norm, 1.0), 0.0)
