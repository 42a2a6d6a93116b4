"""Predict lens parameters of real images with the networks of a finished run."""

from pathlib import Path

import numpy as np
import torch

from ...errors import DataError
from ..judge import load_predictor
from ..tasks import regression
from . import published as real_lenses
from .cutouts import read_cutouts


def predict_folder(config, scene, run, images, catalogue=None, pixel_scale=None, out=None):
    """Predict the lens parameters of every FITS cut-out of a folder.

    Args:
        config, scene: of the run. run: its folder. images: folder of FITS cut-outs.
        catalogue: CSV with published values, or None. pixel_scale: of the cut-outs [arcsec]; None reads the headers.
        out: folder for predictions.csv, summary.csv and real_lenses.png; None is predictions/FOLDER in the run.

    Returns: the table, its summary (None without a catalogue), the path of the figure, and the skipped files as
    (name, reason). Raises: DataError for a run without a predictor, and for what cannot be read.
    """
    run = Path(run)
    out = Path(out or run / "predictions" / Path(images).resolve().name)
    published = real_lenses.read_catalogue(catalogue) if catalogue else None
    kept = load_predictor(regression.make_regression(config, scene), config, scene, run)
    groups = [[(head, np.array(facts["rmse"])) for head, facts in group] for group in kept]
    if not groups:
        raise DataError(f"{run} holds no predictor; expected a finished run (lenstream run, or lenstream evaluate)")
    size, scale = config.simulate.image.num_pix, scene.instrument.pixel_scale
    without_light = not config.simulate.lens_light  # the network has then never seen a lens galaxy
    cutouts, skipped = read_cutouts(images, size, scale, pixel_scale, subtract_light=without_light)
    mean, std = estimate(groups, cutouts, scene.instrument.background)
    targets = config.evaluate.targets
    predictions = {t: (mean[:, k], std[:, k]) for k, t in enumerate(targets)}
    table = real_lenses.prediction_table(cutouts, predictions, published)
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "predictions.csv", index=False, float_format="%.5g")
    summary = None
    if published is not None:
        summary = real_lenses.summary(table)
        summary.to_csv(out / "summary.csv", index=False, float_format="%.5g")
    real_lenses.draw(cutouts, table, out / "real_lenses.png")
    return table, summary, out / "real_lenses.png", skipped


def estimate(groups, cutouts, background):
    """Mean and standard deviation of each target for each cut-out, two float arrays (n, t).

    groups: one for each encoder and protocol, with (regressor, RMSE of each target on simulated lenses) for every seed.
    Each target is taken from the group with the smallest error. The mean is over the group's seeds; the variance adds
    their spread to that squared error, so it holds for lenses such as the simulated ones. Images are scaled so
    that their noise is what the network knows.
    """
    stack = np.stack([c.image / np.median(c.noise) * background for c in cutouts])
    images = torch.from_numpy(stack.astype(np.float32)).unsqueeze(1)
    errors, means, variances = [], [], []
    for group in groups:
        predicted = np.stack([regression.predict(regressor, images) for regressor, _ in group])
        errors.append(np.mean([rmse**2 for _, rmse in group], axis=0))
        means.append(predicted.mean(0))
        variances.append(errors[-1] + predicted.var(0))
    chosen, target = np.argmin(errors, axis=0), np.arange(len(errors[0]))
    return np.stack(means)[chosen, :, target].T, np.sqrt(np.stack(variances)[chosen, :, target].T)
