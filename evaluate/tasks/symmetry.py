"""The eight symmetries of the square: labelled images turned and mirrored with their labels, predictions averaged.

Where PSF and noise have no preferred direction, the turned image of a lens is an image of the turned lens. A head that
averages its predictions over all eight turns exactly with the image, and learns of eight times as many images.
"""

import numpy as np
import torch
from torch import nn

from ...configs.evaluation import TURNING
from ...configs.turning import pairs
from ...ssl.probe import features_of

N_TURNS = 8
FROZEN = "d4"  # the protocol on frozen features
LEAST_ASYMMETRY = 0.01  # of a PSF's peak, that is said


def turned(images, k):
    """Images (..., h, w) under symmetry k, 0 to 7: mirrored along their rows from 4 on, then turned k % 4 times from x
    to y."""
    return torch.rot90(images.flip(-1) if k >= N_TURNS // 2 else images, k % 4, (-1, -2))


def label_matrices(targets):
    """What each symmetry does to labels: float32 (8, t, t), so that `matrix @ labels` are those of the turned image.

    targets: names, of which `configs.turning.unturnable` has nothing to say.
    """
    out = np.tile(np.eye(len(targets), dtype=np.float32), (N_TURNS, 1, 1))
    for first, second, spin in pairs(targets):
        where = np.ix_([targets.index(first), targets.index(second)], [targets.index(first), targets.index(second)])
        for k in range(N_TURNS):
            angle = spin * (k % 4) * np.pi / 2
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).round()
            # x becomes -x: an offset changes its first component, an ellipticity its second
            mirror = np.eye(2) if k < N_TURNS // 2 else np.diag([-1.0, 1.0] if spin == 1 else [1.0, -1.0])
            out[k][where] = turn @ mirror
    return torch.from_numpy(out)


def turned_features(network, images, progress=lambda share: None):
    """Features of every image under all symmetries, float32 numpy (n, 8, d)."""
    found = []
    for k in range(N_TURNS):
        progress(k / N_TURNS)
        found.append(features_of(network, turned(images, k)))
    return np.stack(found, axis=1)


def turned_labels(labels, targets):
    """Labels (n, t) under all symmetries, (n, 8, t)."""
    return torch.einsum("kst,nt->nks", label_matrices(targets).to(labels.dtype), labels)


class Symmetric(nn.Module):
    """A regressor whose predictions are the mean over the eight symmetries, each turned back.

    While it is trained, each image is turned by one of them at random, with its labels; the default generator draws.

    Args: regressor: `ssl.methods.supervised.Supervised`. targets: names of what it predicts.
    """

    def __init__(self, regressor, targets):
        super().__init__()
        self.regressor = regressor
        self.register_buffer("matrices", label_matrices(targets), persistent=False)

    @property
    def network(self):
        """The encoder that the regressor holds."""
        return self.regressor.network

    def forward(self, views, step):
        """The loss of the regressor, and features, as of `ssl.methods.base.Method`."""
        if not self.training:
            return self.regressor(views, step)
        images, which = views[0], torch.randint(N_TURNS, (len(views[0]),))
        seen = torch.empty_like(images)
        for k in which.unique().tolist():
            rows = (which == k).to(images.device)
            seen[rows] = turned(images[rows], k)
        labels = torch.einsum("nst,nt->ns", self.matrices[which.to(images.device)], step.labels)
        return self.regressor([seen], step._replace(labels=labels))

    def predict(self, images):
        """Targets in their own units, float32 (n, t), for images (n, bands, h, w), which pass eight times."""
        each = [self.regressor.predict(turned(images, k)) @ matrix for k, matrix in enumerate(self.matrices)]
        return torch.stack(each).mean(0)  # a matrix's inverse is its transpose, and labels are rows


def warnings(config, scene):
    """Why what d4 assumes may not hold: a list of sentences. scene: of the config's simulation, or None."""
    evaluate = config.evaluate
    if evaluate is None or not set(TURNING) & set(evaluate.protocols):
        return []
    if evaluate.data is not None:
        where = evaluate.data.path if evaluate.learns_from_files else evaluate.data.judged
        return [
            f"evaluate.protocols: d4 holds where PSF and noise have no preferred direction; nobody knows of {where}"
        ]
    notes = []
    for band, instrument in scene.bands.items():
        where = f"simulate.bands.{band}" if band else "simulate.observation"
        if instrument.psf_kind == "pixel" and (most := asymmetry(instrument.kernels)) > LEAST_ASYMMETRY:
            notes.append(
                f"{where}.psf.file: turned and mirrored, the PSF differs by up to {most:.0%} of its peak, so turned "
                "images are not quite those of turned lenses, as evaluate.protocols=d4 takes them"
            )
        if instrument.sky is not None:
            notes.append(
                f"{where}.sky_cutouts: stripes or trails in the sky turn with the images of evaluate.protocols=d4, "
                "which takes the sky to have no preferred direction"
            )
    return notes


def asymmetry(kernels):
    """By how much kernels (m, k, k) differ from themselves turned and mirrored, in units of their peak."""
    known = torch.from_numpy(np.array(kernels, dtype=np.float64))
    worst = max(float((turned(known, k) - known).abs().amax()) for k in range(N_TURNS))
    return worst / float(known.abs().amax())
