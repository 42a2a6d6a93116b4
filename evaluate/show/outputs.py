"""Draw all figures of a finished evaluation and write its report."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...configs.load import show
from ...files.json_files import finite_numbers
from ...simulate.render import render
from ...simulate.selection import draw
from ...simulate.systems.draw import Views
from ...ssl.data import sees_what_is_simulated
from ...ssl.log import read_log
from .. import results
from ..reconstruction import numbers_of
from ..shifted_tests import described
from ..tasks.super_resolution import BICUBIC
from . import class_figures, figures, report, tables, umap_figure
from .calibration_figure import calibrated, calibration_figure
from .pairs import labels_of_pairs
from .refined_figure import refined_errors, refined_figure
from .resolution_figure import resolution_figure
from .robustness import robustness

FIGURES = ("predicted_vs_true", "r2_against_labels", "calibration", "auc_against_labels", *class_figures.DRAWN)
FIGURES += ("refined", "super_resolution", "umap", "training_curves", "reconstructions")  # in the order of the report
SHOWN_HEADS = 2  # of a super-resolution


class Map(NamedTuple):
    """Where UMAP puts images: points of the test lenses, encoder -> float32 (n, 2), and `umap_figure.Overlaid`."""

    points: dict
    overlaid: list


def draw_figures(task, config, evaluation, folder, overlaid=()):
    """Draw the figures of a run.

    Args: task: `tasks.task.Task`. config: of the run. evaluation: `results.Evaluation`. folder: the run's, with the
        encoders' logs; gets figures/*.png. overlaid: `umap_figure.Overlaid` to place among the test lenses.
    Returns: the `Map`; None if the config asks for none, or the task has no numbers that could colour it.
    """
    out = folder / "figures"
    out.mkdir(exist_ok=True)
    for name in task.draws:
        _DRAWN[name](evaluation, out / f"{name}.png")
    if (shown := _classified(task, config, evaluation)) is not None:
        for name, draw_one in class_figures.DRAWN.items():
            draw_one(shown, out / f"{name}.png")
    if config.evaluate.task == "super_resolution":
        _super_resolution(task, evaluation, out / "super_resolution.png")
    if errors := refined_errors(folder, evaluation):
        refined_figure(errors, out / "refined.png")
    names = config.pretrain.encoders
    figures.training_curves(_histories(config, folder), out / "training_curves.png")
    labels = labels_of(evaluation)
    if not config.evaluate.umap or not labels:
        return None
    drawn = _place({n: evaluation.features[n] for n in names}, overlaid, config.seed)
    umap_figure.umap(drawn.points, labels, out / "umap.png", drawn.overlaid, classes_of(task))
    return drawn


def labels_of(evaluation):
    """The true values of the test lenses that are a number each, target -> (n,); images are left out."""
    return {target: values for target, values in evaluation.true.items() if np.ndim(values) == 1}


def classes_of(task):
    """The names of a task's classes by their numbers, target -> names; empty where targets are measured."""
    return {task.target: list(names)} if (names := getattr(task, "classes", None)) else {}


def _place(features, overlaid, seed):
    """The `Map` of features, encoder -> (n, d), and of `umap_figure.Overlaid`."""
    points, there = {}, [{} for _ in overlaid]
    for encoder, values in features.items():
        if not overlaid:
            points[encoder] = umap_figure.umap_points(values, seed)
            continue
        others = {k: images.features[encoder] for k, images in enumerate(overlaid)}
        points[encoder], placed = umap_figure.placed(values, others, seed)
        for k, where in placed.items():
            there[k][encoder] = where
    return Map(points, [replace(images, points=of) for images, of in zip(overlaid, there, strict=True)])


def _histories(config, folder):
    """The logs of all encoders of a run, encoder -> DataFrame; without rows if one was lost, as weights count."""
    return {n: _history(folder / "encoders" / n / "metrics.jsonl") for n in config.pretrain.encoders}


def _history(path):
    records = [record for record in read_log(path) if "loss" in record]
    return pd.DataFrame(records) if records else pd.DataFrame(columns=["step", "loss"], dtype=float)


def _predicted_vs_true(evaluation, path):
    """Draw predictions of frozen encoders and of training from scratch against true values, if there are any."""
    heads = results.drawn_heads(evaluation.predictions)
    shown = {encoder: evaluation.predictions[encoder, protocol] for encoder, protocol in heads}
    if shown:  # a run may have posteriors alone
        figures.predicted_vs_true(evaluation.true, shown, evaluation.bounds, path)


def _r2_against_labels(evaluation, path):
    figures.r2_against_labels(results.frame(evaluation.scores), path)


def _auc_against_labels(evaluation, path):
    figures.r2_against_labels(results.frame(evaluation.scores), path, "auc")


def _classified(task, config, evaluation):
    """The `class_figures.Classified` of a classification; None of another task."""
    return class_figures.classified(task, evaluation) if config.evaluate.task == "classification" else None


def _calibration(evaluation, path):
    if shown := calibrated(evaluation):
        calibration_figure(shown, path)


_DRAWN = {  # what `Task.draws` names
    "predicted_vs_true": _predicted_vs_true,
    "r2_against_labels": _r2_against_labels,
    "calibration": _calibration,
    "auc_against_labels": _auc_against_labels,
}


def _super_resolution(task, evaluation, path):
    """Draw test images on two grids, by interpolation and by the two heads with the highest PSNR."""
    ranks = results.frame(evaluation.scores).query("metric == 'psnr' and n_labels == n_labels.max()")
    ranks = ranks.groupby(["encoder", "protocol"], sort=False)["value"].mean().sort_values(ascending=False)
    heads = [head for head in ranks.index if head in evaluation.predictions][:SHOWN_HEADS]
    known = {BICUBIC: evaluation.predictions[BICUBIC, BICUBIC]}
    known |= {", ".join(head): evaluation.predictions[head] for head in heads}
    images = task.labelled("test", len(evaluation.true["image"])).images.numpy() * task.pairs.flux_scale
    shown = {name: by_target["image"] for name, by_target in known.items()}
    resolution_figure(images, evaluation.true["image"], shown, path)


def write_report(task, config, scene, evaluation, folder, umap=None, real=None, environment=None):
    """Write report.html into the folder of a run, from its figures, timings.json and what is given.

    Args: task: `tasks.task.Task`. config, scene: of the run. evaluation: `results.Evaluation`.
        umap: the `Map` that `draw_figures` gave. real: `evaluate.show.report.RealLensResults`, or None.
        environment: name -> version.
    """
    space = None
    if umap is not None:
        images = images_of_tests(task, config, scene, evaluation.indices)
        images = images.sum(axis=1) if images.ndim == 4 else images  # all bands together, as in the pairs
        space = report.FeatureSpace(umap.points, labels_of(evaluation), images, umap.overlaid, classes_of(task))
    drawn = {"pairs": folder / "pairs.png"} | {n: folder / "figures" / f"{n}.png" for n in FIGURES}
    errors = refined_errors(folder, evaluation)
    if not errors:
        del drawn["refined"]  # a picture that is there is of an earlier evaluation
    report.write(
        report.Report(
            name=config.name,
            config_yaml=show(config),
            environment=environment or {},
            results=results.frame(evaluation.scores),
            refined=results.frame(evaluation.scores, refined=True),
            refined_errors=errors,
            figures={n: p for n, p in drawn.items() if p.exists()},
            umap=space,
            reconstructions=tables.reconstruction_rows(numbers) if (numbers := numbers_of(config, folder)) else None,
            real_lenses=real,
            timings=finite_numbers(folder / "timings.json"),
            notes=_notes(config, real),
            pairs=labels_of_pairs(scene) if drawn["pairs"].exists() else {},
            histories=_histories(config, folder),
            classified=_classified(task, config, evaluation),
            calibrated=calibrated(evaluation),
            intervals=evaluation.intervals,
            shifted=robustness(evaluation.scores),
            shifts=described(config),
        ),
        folder / "report.html",
    )


def images_of_tests(task, config, scene, indices):
    """The images of test lenses, float32 (n, h, w) or (n, bands, h, w). indices: of all, or of simulated ones some."""
    if config.evaluate.data is not None:
        return task.labelled("test", len(indices)).images.numpy()
    return render(scene, draw(scene, indices, Views()))[:, 0]


def _resolution_note(settings):
    """What the scores of a super-resolution are measured in, and by."""
    limits = "of each target, its highest less its lowest pixel"
    limits = limits if settings.data_range is None else f"{settings.data_range:g} in the unit of the images"
    targets = {"clean": "simulated without noise", "observed": "simulated with a noise of their own"}[settings.target]
    targets = targets if settings.lr_path is None else f"those of {settings.hr_path}"
    return (
        f"Targets are {targets}, on pixels smaller by {settings.factor}. PSNR (dB) and SSIM take as range of pixel "
        f"values that {limits}; mse is in the unit of the images, mse_min_max in units of each target's range, and all "
        "are means over test images. bicubic is interpolation with the flux shared out between the smaller pixels."
    )


def _notes(config, real):
    """Sentences for the report that limit what its numbers mean."""
    notes, evaluate = [], config.evaluate
    if evaluate.judged_by_files:
        of = "" if evaluate.learns_from_files else ", of heads that learnt from simulated lenses"
        notes.append(f"The scores are those on the images of {evaluate.data.judged}{of}.")
    elif evaluate.learns_from_files:
        notes.append(f"The scores are those on simulated lenses, of heads that learnt from {evaluate.data.path}.")
    elif not evaluate.pairs_in_files and not sees_what_is_simulated(config):
        notes.append(
            f"The encoders were trained on the images of {config.pretrain.data.path} and are judged here on simulated "
            "lenses, of which they have seen none: the scores say nothing of those images."
        )
    if config.evaluate.task == "super_resolution":
        notes.append(_resolution_note(config.evaluate.super_resolution))
        return notes
    if real:
        notes.append(
            "Uncertainties for real lenses are those of simulated lenses like the training ones; "
            "real noise is correlated and lens light is never subtracted perfectly."
        )
    return notes
