"""The order of the stages of a run: pairs, encoders, evaluation, figures, real lenses, report."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from .configs.load import show
from .errors import ConfigError
from .progress import console, stopping
from .runs import RunFolder, begin, config_of, environment, finish, is_finished, timed
from .simulate.systems.scene import Views, draw, make_scene


def run(config, runs, overwrite=False, until="report"):
    """Carry a config through to its report, or to the end of the stage `until` ("pretrain", "evaluate").

    As one rank of a torchrun or Slurm job it takes part in the training; the first rank does all the rest.

    Args: config: `configs.schema.Config`. runs: folder of all runs. overwrite: delete a run of this name first.
    Raises: ConfigError if the config has nothing to train, or a run of this name has another config.
    """
    from .ssl.launch import make_fabric

    if config.pretrain is None:
        raise ConfigError([f"{config.name}: the key pretrain is missing, so there is nothing to train"])
    folder = RunFolder(Path(runs) / config.name)
    fabric = make_fabric(config.pretrain)
    first = fabric.is_global_zero
    if fabric.broadcast(_nothing_to_do(config, folder, overwrite) if first else None):
        return
    scene = make_scene(config.simulate, config.seed)
    _check_methods(config, scene)
    if first:
        begin(folder, config, overwrite)
        with timed(folder, "pairs"):
            _introduce(config, scene, folder)
    fabric.barrier()  # or the others would look for a checkpoint in a folder that is being deleted
    with stopping() as stop:
        with timed(folder, "pre-training", first):
            encoders = _pretrain(config, scene, folder, fabric, stop)
        if not first:
            return
        if until == "pretrain" or config.evaluate is None:
            console.print(f"encoders: {folder.encoders}", soft_wrap=True)
            return
        with timed(folder, "evaluation"):
            _evaluate(config, scene, encoders, folder, stop)
    if until == "evaluate":
        _print_scores(folder)
        console.print(f"results: {folder.results}", soft_wrap=True)
        return
    with timed(folder, "figures and real lenses"):
        umap = _draw_figures(config, folder.path)
        real = _real_lenses(config, scene, folder)
    _write_report(config, scene, folder.path, umap, real)
    finish(folder)
    _print_scores(folder)
    console.print(f"report: {folder.report}", soft_wrap=True)


def predict(folder, images, catalogue=None, pixel_scale=None, out=None):
    """Predict real lenses with a finished run and print the summary (see `evaluate.real.predict.predict_folder`)."""
    from .evaluate.real.predict import predict_folder
    from .evaluate.show import terminal

    config = config_of(RunFolder(folder))
    scene = make_scene(config.simulate, config.seed)
    table, summary, figure, skipped = predict_folder(config, scene, folder, images, catalogue, pixel_scale, out)
    terminal.print_skipped(skipped)
    terminal.print_predictions(table, config.evaluate.targets, summary)
    console.print(f"wrote {figure.parent / 'predictions.csv'} and {figure.name}", soft_wrap=True)


def _nothing_to_do(config, folder, overwrite):
    """Whether the run is finished; what is wrong with its folder or the files that the config names is said now."""
    from .evaluate.real.cutouts import fits_files
    from .evaluate.real.published import read_catalogue
    from .files.image_files import find

    if is_finished(folder, config, overwrite):
        return True
    if config.real_lenses.images is not None:
        fits_files(config.real_lenses.images)
    if config.real_lenses.catalogue is not None:
        read_catalogue(config.real_lenses.catalogue)
    if config.pretrain.data is not None:
        find(config.pretrain.data.path)
    return False


def _check_methods(config, scene):
    """Make every encoder once: what is wrong with the last is said before the first is trained."""
    from .ssl.trainer import make_method

    for name in config.pretrain.encoders:
        make_method(config, name, scene)


def _introduce(config, scene, folder):
    """What a user may want to see before the training: pairs, and what the views will destroy."""
    from .evaluate.show.pairs import draw_pairs
    from .ssl.views import warnings

    if config.pretrain.data is None and not folder.pairs.exists():
        draw_pairs(scene, folder.pairs)
        console.print(f"first picture: {folder.pairs}", soft_wrap=True)
    for name, settings in config.pretrain.encoders.items():
        for warning in warnings(name, settings, config.evaluate.targets if config.evaluate else ()):
            console.print(warning, soft_wrap=True)


def _pretrain(config, scene, folder, fabric, stop):
    """Train what is not yet trained: encoder's name -> path of its weights."""
    from .ssl.trainer import pretrain

    return {n: pretrain(config, n, scene, folder.encoder(n), fabric, stop) for n in config.pretrain.encoders}


def _evaluate(config, scene, encoders, folder, stop):
    if not folder.results.exists():
        from .evaluate.judge import evaluate

        evaluate(config, scene, encoders, folder.path, stop)


def _draw_figures(config, folder):
    """All figures of a run from its files; returns the UMAP's points by encoder, or None."""
    from .evaluate.show import figures
    from .ssl.log import read_log

    out = folder / "figures"
    out.mkdir(exist_ok=True)
    results, arrays, targets = (
        pd.read_csv(folder / "results.csv"),
        np.load(folder / "evaluation.npz"),
        config.evaluate.targets,
    )
    true = {t: arrays["true"][:, k] for k, t in enumerate(targets)}
    bound = {t: arrays[f"bound/{t}"] for t in targets} if f"bound/{targets[0]}" in arrays else None
    predicted = {}
    for key in arrays.files:
        if key.startswith("predicted/"):
            _, encoder, protocol = key.split("/")
            if protocol == "ridge" or encoder == "supervised":
                predicted[encoder] = {t: arrays[key][:, k] for k, t in enumerate(targets)}
    figures.predicted_vs_true(true, predicted, bound, out / "predicted_vs_true.png")
    figures.r2_against_labels(results, out / "r2_against_labels.png")
    histories = {n: pd.DataFrame(read_log(folder / "encoders" / n / "metrics.jsonl")) for n in config.pretrain.encoders}
    figures.training_curves(histories, out / "training_curves.png")
    if not config.evaluate.umap:
        return None
    points = {n: figures.umap_points(arrays[f"features/{n}"], config.seed) for n in config.pretrain.encoders}
    figures.umap(points, true, out / "umap.png")
    return points


def _real_lenses(config, scene, folder):
    """Predictions for the real lenses that the config names: table, summary, figure; None if there are none."""
    real = config.real_lenses
    if real.images is None:
        return None
    from .evaluate.real.predict import predict_folder
    from .evaluate.show import terminal

    table, summary, figure, skipped = predict_folder(
        config, scene, folder.path, real.images, real.catalogue, real.pixel_scale, folder.real_lenses
    )
    terminal.print_skipped(skipped)
    return table, summary, figure


def _write_report(config, scene, folder, umap, real):
    from .evaluate.show import report
    from .simulate.render import render

    arrays = np.load(folder / "evaluation.npz")
    space = None
    if umap is not None:
        true = {t: arrays["true"][:, k] for k, t in enumerate(config.evaluate.targets)}
        images = render(scene, draw(scene, arrays["indices"], Views()))[:, 0]
        space = report.FeatureSpace(umap, true, images)
    names = ("predicted_vs_true", "r2_against_labels", "umap", "training_curves")
    figures = {"pairs": folder / "pairs.png"} | {n: folder / "figures" / f"{n}.png" for n in names}
    report.write(
        report.Report(
            name=config.name,
            config_yaml=show(config),
            environment=environment(),
            results=pd.read_csv(folder / "results.csv"),
            figures={n: p for n, p in figures.items() if p.exists()},
            umap=space,
            real_lenses=report.RealLenses(*real) if real else None,
            timings=json.loads((folder / "timings.json").read_text()),
            notes=_notes(config, real),
        ),
        folder / "report.html",
    )


def _notes(config, real):
    """What a reader should know before believing the numbers."""
    notes = []
    if any(c.profile == "INTERPOL" for c in config.simulate.source):
        notes.append(
            "The limit takes the shape of each source galaxy as known, so with galaxy images it is optimistic."
        )
    if real:
        notes.append(
            "Uncertainties for real lenses are those of simulated lenses like the training ones; "
            "real noise is correlated and lens light is never subtracted perfectly."
        )
    return notes


def _print_scores(folder):
    from .evaluate.show.terminal import print_scores

    print_scores(pd.read_csv(folder.results))
