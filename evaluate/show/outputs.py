"""Draw all figures of a finished evaluation and write its report."""

import pandas as pd

from ...configs.load import show
from ...files.json_files import finite_numbers
from ...simulate.render import render
from ...simulate.selection import draw
from ...simulate.systems.draw import Views
from ...ssl.data import sees_what_is_simulated
from ...ssl.log import read_log
from .. import results
from ..tasks.super_resolution import BICUBIC
from . import figures, report
from .pairs import labels_of_pairs
from .resolution_figure import resolution_figure

FIGURES = ("predicted_vs_true", "r2_against_labels", "super_resolution", "umap", "training_curves")  # as in the report
SHOWN_HEADS = 2  # of a super-resolution


def draw_figures(task, config, evaluation, folder):
    """Draw the figures of a run.

    Args: task: `tasks.task.Task`. config: of the run. evaluation: `results.Evaluation`. folder: the run's, with the
        encoders' logs; gets figures/*.png.
    Returns: the UMAP's points, encoder -> float32 (n, 2); None if the config asks for none.
    """
    out = folder / "figures"
    out.mkdir(exist_ok=True)
    for name in task.draws:
        _DRAWN[name](evaluation, out / f"{name}.png")
    if config.evaluate.task == "super_resolution":
        _super_resolution(task, evaluation, out / "super_resolution.png")
    names = config.pretrain.encoders
    figures.training_curves(_histories(config, folder), out / "training_curves.png")
    if not config.evaluate.umap or any(values.ndim > 1 for values in evaluation.true.values()):
        return None  # a map is coloured by numbers
    points = {n: figures.umap_points(evaluation.features[n], config.seed) for n in names}
    figures.umap(points, evaluation.true, out / "umap.png")
    return points


def _histories(config, folder):
    """The logs of all encoders of a run, encoder -> DataFrame; without rows if one was lost, as weights count."""
    return {n: _history(folder / "encoders" / n / "metrics.jsonl") for n in config.pretrain.encoders}


def _history(path):
    records = [record for record in read_log(path) if "loss" in record]
    return pd.DataFrame(records) if records else pd.DataFrame(columns=["step", "loss"], dtype=float)


def _predicted_vs_true(evaluation, path):
    """Draw predictions of frozen encoders and of training from scratch against true values."""
    shown = {
        encoder: predicted
        for (encoder, protocol), predicted in evaluation.predictions.items()
        if protocol == "ridge" or encoder == results.SUPERVISED
    }
    figures.predicted_vs_true(evaluation.true, shown, evaluation.bounds, path)


def _r2_against_labels(evaluation, path):
    figures.r2_against_labels(results.frame(evaluation.scores), path)


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


_DRAWN = {"predicted_vs_true": _predicted_vs_true, "r2_against_labels": _r2_against_labels}  # what `Task.draws` names


def write_report(task, config, scene, evaluation, folder, umap=None, real=None, environment=None):
    """Write report.html into the folder of a run, from its figures, timings.json and what is given.

    Args: task: `tasks.task.Task`. config, scene: of the run. evaluation: `results.Evaluation`.
        umap: what `draw_figures` gave. real: `evaluate.show.report.RealLensResults`, or None. environment: name ->
        version.
    """
    space = None
    if umap is not None:
        images = _test_images(task, config, scene, evaluation)
        images = images.sum(axis=1) if images.ndim == 4 else images  # all bands together, as in the pairs
        space = report.FeatureSpace(umap, evaluation.true, images)
    drawn = {"pairs": folder / "pairs.png"} | {n: folder / "figures" / f"{n}.png" for n in FIGURES}
    report.write(
        report.Report(
            name=config.name,
            config_yaml=show(config),
            environment=environment or {},
            results=results.frame(evaluation.scores),
            figures={n: p for n, p in drawn.items() if p.exists()},
            umap=space,
            real_lenses=real,
            timings=finite_numbers(folder / "timings.json"),
            notes=_notes(config, real),
            pairs=labels_of_pairs(scene) if drawn["pairs"].exists() else {},
            histories=_histories(config, folder),
        ),
        folder / "report.html",
    )


def _test_images(task, config, scene, evaluation):
    """The images of the test lenses, float32 (n, h, w) or (n, bands, h, w)."""
    if config.evaluate.data is not None:
        return task.labelled("test", len(evaluation.indices)).images.numpy()
    return render(scene, draw(scene, evaluation.indices, Views()))[:, 0]


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
    notes, judged_by = [], config.evaluate.data
    if judged_by is not None:
        notes.append(f"The scores are those on the images of {judged_by.test_path or judged_by.path}.")
    elif not sees_what_is_simulated(config):
        notes.append(
            f"The encoders were trained on the images of {config.pretrain.data.path} and are judged here on simulated "
            "lenses, of which they have seen none: the scores say nothing of those images."
        )
    if config.evaluate.task == "super_resolution":
        notes.append(_resolution_note(config.evaluate.super_resolution))
        return notes
    if config.simulate is not None and any(c.profile == "INTERPOL" for c in config.simulate.source):
        notes.append(
            "The limit takes the shape of each source galaxy as known, so with galaxy images it is optimistic."
        )
    if real:
        notes.append(
            "Uncertainties for real lenses are those of simulated lenses like the training ones; "
            "real noise is correlated and lens light is never subtracted perfectly."
        )
    return notes
