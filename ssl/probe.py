"""Online probes: how well frozen features predict lens parameters or classes while an encoder is trained."""

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..simulate.stream import simulate
from ..simulate.systems.scene import FIRST_INDEX
from .data import open_images, trains_on_archive
from .folder import chosen_images

N_PROBED = 500  # images to learn from, and as many to judge by
NEIGHBOURS = 20  # as the kNN monitors of DINO and of DeepLense's self-supervised lens finders
STRENGTHS = np.logspace(-3, 5, 17)
BATCH = 256  # images at a time when nothing is learnt


@dataclass(frozen=True)
class Probe:
    """Labelled images, half to learn from and half to judge by."""

    images: torch.Tensor  # float32 (2 m, bands, h, w)
    targets: dict  # name -> float (2 m,); of a class: int (2 m,)


def make_probe(config, scene):
    """The images of an online probe: labelled and validation lenses of the simulator, or images in files with classes.

    Returns: `Probe`, or None for images in files without classes.
    """
    if config.pretrain.data is not None and not trains_on_archive(config):
        images = open_images(config)
        if not images.classes:
            return None
        chosen = _probed(images, config.seed)
        return Probe(torch.from_numpy(images.read_all(chosen)), {"class": images.class_of(chosen)})
    indices = np.concatenate(
        [np.arange(N_PROBED, dtype=np.uint64) + np.uint64(FIRST_INDEX[s]) for s in ("labelled", "validation")]
    )
    batch = simulate(scene, indices)
    has_targets = config.evaluate is not None and config.evaluate.task != "super_resolution"
    names = config.evaluate.targets if has_targets else ["class"]
    targets = {n: batch.labels[n].numpy() for n in names}
    return Probe(batch.images[:, 0], targets | ({"class": targets["class"].astype(int)} if "class" in names else {}))


def _probed(images, seed):
    """The numbers of up to 2 `N_PROBED` images of a known class, in random order."""
    known = (k for k in chosen_images(images, len(images), seed) if images.class_of(np.array([k]))[0] >= 0)
    return np.fromiter(itertools.islice(known, 2 * N_PROBED), dtype=np.int64)


def folder_problem(images, seed):
    """Why a probe cannot tell the classes of `ssl.data.open_images`, in words; "" if it can, or there are none."""
    if not images.classes:
        return ""
    if len(images.classes) == 1:
        return (
            f"{images.root} has one class ({images.classes[0]}), of which a probe would always be right; expected "
            "sub-folders for two classes or more, or 0"
        )
    classes = images.class_of(_probed(images, seed))
    halves = np.split(classes, [len(classes) // 2])
    alone = next((half for half in halves if len(np.unique(half)) < 2), None)
    if alone is None:
        return ""
    return (
        f"of the {len(classes)} images of {images.root} that a probe takes, half to learn from and half to judge by, a "
        f"half has {f'the class {images.classes[alone[0]]} alone' if len(alone) else 'none'}; expected two classes in "
        "both, so more images of the rarer ones, or 0"
    )


def probe(network, probed):
    """Score frozen features: R2 of each lens parameter, accuracy of a class, by ridge and by the nearest neighbours.

    Images without a value of a parameter are left out; a target of which either half has one value alone has no score.

    Args: network: `Network`; it is left in the mode it had. probed: `Probe`.
    Returns: dict of "ridge/theta_E", "knn/theta_E", ... to a number.
    """
    features = features_of(network, probed.images)
    half, scores = len(features) // 2, {}
    for name, values in probed.targets.items():
        learnt, judged = (part[np.isfinite(values[part])] for part in np.split(np.arange(len(values)), [half]))
        if min(len(learnt), len(judged)) < 2 or min(len(np.unique(values[part])) for part in (learnt, judged)) < 2:
            continue  # nothing to tell apart: any answer would be right
        neighbours = min(NEIGHBOURS, len(learnt))
        if np.issubdtype(values.dtype, np.integer):
            estimators = {"ridge": RidgeClassifierCV(STRENGTHS), "knn": KNeighborsClassifier(neighbours)}
        else:
            estimators = {"ridge": RidgeCV(STRENGTHS), "knn": KNeighborsRegressor(neighbours)}
        for method, estimator in estimators.items():
            fitted = make_pipeline(StandardScaler(), estimator).fit(features[learnt], values[learnt])
            scores[f"{method}/{name}"] = float(fitted.score(features[judged], values[judged]))
    return scores


@torch.no_grad()
def features_of(network, images):
    """Features float32 numpy (n, d) of images (n, bands, h, w), by a network in evaluation mode on its own device."""
    device, training = next(network.parameters()).device, network.training
    network.eval()
    parts = [network(images[i : i + BATCH].to(device)).float().cpu() for i in range(0, len(images), BATCH)]
    network.train(training)
    return torch.cat(parts).numpy()
