"""Predict the classes of real images with the networks of a finished classification."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ...errors import DataError
from ...files.csv_writing import write_csv
from ...files.file_groups import name_of
from ...files.whole import folder_for, write_text
from ...ssl.probe import features_of
from ..kept_heads import load_predictor
from ..show.report import RealLensResults
from ..tasks.classification import make_classification
from . import flags, lens_figure
from .expected_images import of_examples, of_scene, read
from .predict import how_read, seen
from .training_images import Strangeness

PROBABILITY, SPREAD = "p_", "_spread"  # before and behind the name of a class, in columns of the table


def predict_classes(config, scene, run, lenses, out=None, samples=None):
    """Predict the class of every image, as `predict.predict_folder` the parameters of lenses: same arguments.

    Returns: `RealLensResults`, whose table has for each image the most probable class, and p_CLASS with p_CLASS_spread,
    mean and standard deviation over the seeds of its probabilities.
    Raises: DataError for a run without a predictor, for a catalogue, and for what cannot be read.
    """
    if lenses.catalogue is not None:
        raise DataError("real_lenses.catalogue: a classification has no values to compare with it; expected none")
    if samples is not None:
        raise DataError("--samples: a classification has probabilities of classes, and no samples; expected none")
    run = Path(run)
    out = folder_for(out or run / "predictions" / name_of(lenses.images))
    task = make_classification(config, scene)
    groups = load_predictor(task, config, scene, run)
    if not groups:
        raise DataError(f"{run} holds no predictor; expected a finished run (lenstream run, or lenstream evaluate)")
    heads = [head for head, _ in groups[0]]  # there is one group, the best at all classes together
    expected = of_examples(task.examples) if scene is None else of_scene(scene)
    found, training = read(expected, lenses), expected.training()
    cutouts, doubts = zip(*(flags.settle_sky(c, training) for c in found.cutouts), strict=True)
    images = seen(cutouts, expected.background)
    given = np.stack([task.predict(head, images)[task.target] for head in heads]).astype(float)
    network, usual = heads[0].network, torch.from_numpy(training.images)
    strange = Strangeness(features_of(network, usual))(features_of(network, images))
    doubts = [
        [*of_sky, *flags.doubts_of_image(cutout, training), *_unlike(how)]
        for of_sky, cutout, how in zip(doubts, cutouts, strange, strict=True)
    ]
    table = class_table(cutouts, task.classes, given, [flags.names(of) for of in doubts])
    said = [*how_read(cutouts, lenses, expected.bands, found), *found.notes]
    write_text(out / "how_read.txt", "".join(f"{sentence}\n" for sentence in said))
    write_csv(table, out / "predictions.csv", float_format="%.5g")
    lens_figure.draw(cutouts, table, out / "real_lenses.png")
    sentences = flags.in_words(table["name"], doubts)
    return RealLensResults(table, None, out / "real_lenses.png", found.skipped, sentences, [], said)


def class_table(cutouts, classes, given, flagged):
    """The table of predictions. given: probabilities, float (seeds, n, k). flagged: of each image, names of flags."""
    mean, spread = given.mean(0), given.std(0)
    columns = {"name": [c.name for c in cutouts], "class": [classes[k] for k in mean.argmax(1)]}
    for k, name in enumerate(classes):
        columns |= {f"{PROBABILITY}{name}": mean[:, k], f"{PROBABILITY}{name}{SPREAD}": spread[:, k]}
    return pd.DataFrame(columns | {"masked": [c.masked for c in cutouts], "flags": flagged})


def _unlike(how):
    return [flags.Doubt("unlike_training", f"{how:.2g}")] if how > 1 else []
