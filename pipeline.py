"""A run from start to finish: pairs, encoders, evaluation, figures, real lenses, report. Continues where it stopped."""

import importlib.metadata
import json
import platform
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from rich import box
from rich.table import Table

from .configs.load import load, show
from .errors import ConfigError, DataError
from .extras import need
from .progress import console, stopping
from .simulate.labels import labels
from .simulate.systems.scene import Views, draw, make_scene

REPORTED_PACKAGES = (
    "lenstream",
    "torch",
    "timm",
    "lightly",
    "lightning",
    "numba",
    "numpy",
    "lenstronomy",
    "scikit-learn",
)
SHOWN_PAIRS = 12


def run(config, runs, overwrite=False, until="report"):
    """Carry a config through to its report, or to the end of the stage `until` ("pretrain", "evaluate").

    As one rank of a torchrun or Slurm job it takes part in the training; the first rank does all the rest.

    Args: config: `configs.schema.Config`. runs: folder of all runs. overwrite: delete a run of this name first.
    Raises: ConfigError if the config has nothing to train, or a run of this name has another config.
    """
    need("train", "training")
    from .ssl.launch import make_fabric
    from .ssl.trainer import make_method, pretrain

    folder = Path(runs) / config.name
    if config.pretrain is None:
        raise ConfigError([f"{config.name}: the key pretrain is missing, so there is nothing to train"])
    fabric = make_fabric(config.pretrain)
    first = fabric.is_global_zero  # the other ranks of a torchrun or Slurm job only train
    if fabric.broadcast(_is_finished(config, folder, overwrite) if first else None):
        return
    scene = make_scene(config.simulate, config.seed)
    for name in config.pretrain.encoders:
        make_method(config, name, scene)  # what is wrong with the last encoder is said before the first is trained
    if first:
        _begin(config, folder, overwrite)
        with _timed(folder, "pairs"):
            _introduce(config, scene, folder)
    fabric.barrier()  # or the others would look for a checkpoint in a folder that is being deleted
    with stopping() as stop:
        with _timed(folder, "pre-training", first):
            encoders = {
                n: pretrain(config, n, scene, folder / "encoders" / n, fabric, stop) for n in config.pretrain.encoders
            }
        if not first:
            return
        if until == "pretrain" or config.evaluate is None:
            console.print(f"encoders: {folder / 'encoders'}", soft_wrap=True)
            return
        with _timed(folder, "evaluation"):
            _evaluate(config, scene, encoders, folder, stop)
    if until == "evaluate":
        _print_summary(folder)
        console.print(f"results: {folder / 'results.csv'}", soft_wrap=True)
        return
    with _timed(folder, "figures and real lenses"):
        umap = _draw_figures(config, folder)
        real = _real_lenses(config, scene, folder)
    _write_report(config, scene, folder, umap, real)
    (folder / "finished").touch()
    _print_summary(folder)
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True)


def _is_finished(config, folder, overwrite):
    """Whether nothing is left to do; raises if the folder, or a folder that the config names, cannot be used."""
    from .files.image_files import find

    if overwrite and folder.exists() and not (folder / "config.yaml").is_file():
        raise DataError(f"--overwrite: {folder} is not a LenStream run (no config.yaml), so it is not deleted")
    if not overwrite:
        _same_config(config, folder)
        if (folder / "finished").exists():
            console.print(
                f"{folder} is finished: open {folder / 'report.html'} (--overwrite runs it again)", soft_wrap=True
            )
            return True
    _check_real_lenses(config)
    if config.pretrain.data is not None:
        find(config.pretrain.data.path)
    return False


def _begin(config, folder, overwrite):
    """The run's folder, with what it is made from."""
    if overwrite and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(show(config))
    (folder / "environment.json").write_text(json.dumps(environment(), indent=1))


def _introduce(config, scene, folder):
    """What a user may want to see before the training: pairs, and what the views will destroy."""
    from .ssl.views import warnings

    if config.pretrain.data is None:
        _draw_pairs(scene, folder)
    for name, settings in config.pretrain.encoders.items():
        for warning in warnings(name, settings, config.evaluate.targets if config.evaluate else ()):
            console.print(warning, soft_wrap=True)


def preview(config, path):
    """Draw simulated systems with the histograms of their labels, and say how exact and how fast they are."""
    from .evaluate.show.preview import preview as look

    for line in look(config, path):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def predict(folder, images, catalogue=None, pixel_scale=None, out=None):
    """Predict real lenses with a finished run and print the summary (see `evaluate.real.predict.predict_folder`)."""
    need("train", "prediction")
    from .evaluate.real.predict import predict_folder

    if not (folder / "config.yaml").is_file():
        raise DataError(f"--run {folder}: no such run; expected a folder with config.yaml, made by lenstream run")
    config = load(str(folder / "config.yaml"))
    scene = make_scene(config.simulate, config.seed)
    table, summary, figure, skipped = predict_folder(config, scene, folder, images, catalogue, pixel_scale, out)
    _say_skipped(skipped)
    brackets = "" if summary is None else ", published in brackets"
    _print_frame(_in_words(table, config.evaluate.targets), f"{len(table)} lenses{brackets}")
    if summary is not None:
        columns = ["n", "bias", "scatter", "nmad", "mean_std", "correlation"]
        _print_frame(summary.set_index("target")[columns].round(3), "predicted - published")
    console.print(f"wrote {figure.parent / 'predictions.csv'} and {figure.name}", soft_wrap=True)


def _say_skipped(skipped):
    for name, reason in skipped:
        console.print(f"skipped {name}: {reason}", soft_wrap=True, markup=False)


def _in_words(table, targets):
    """A prediction table with one column a target: 1.21±0.03 (1.16), the published value in brackets."""

    def cell(row, target):
        text, published = f"{row[target]:.2f}±{row[f'{target}_std']:.2f}", row.get(f"{target}_published", np.nan)
        return text + (f" ({published:.2f})" if np.isfinite(published) else "")

    words = {t: [cell(row, t) for _, row in table.iterrows()] for t in targets}
    return pd.DataFrame(words, index=table["name"].rename("lens"))


def environment():
    """What ran the run: versions of Python, packages and the machine's kind."""
    versions = {}
    for name in REPORTED_PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed as a package"
    return {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"} | versions


def _same_config(config, folder):
    """Refuse to continue a run with another config than it was begun with."""
    saved = folder / "config.yaml"
    if not saved.exists():
        return
    old, new = saved.read_text().splitlines(), show(config).splitlines()
    if old == new:
        return
    differing = next((n for o, n in zip(old, new, strict=False) if o != n), "its length")
    raise ConfigError(
        [
            f"{folder} was begun with another config (first difference: {differing.split('#')[0].strip()}); "
            "use --overwrite to start again, or name=... for a run of its own"
        ]
    )


def _check_real_lenses(config):
    """Raise DataError now, not after the training, for real lenses that are not there."""
    from .evaluate.real.cutouts import fits_files
    from .evaluate.real.published import read_catalogue

    if config.real_lenses.images is not None:
        fits_files(config.real_lenses.images)
    if config.real_lenses.catalogue is not None:
        read_catalogue(config.real_lenses.catalogue)


def _draw_pairs(scene, folder):
    if (folder / "pairs.png").exists():
        return
    from .evaluate.show import figures
    from .simulate.render import render

    systems = draw(scene, np.arange(SHOWN_PAIRS), Views(2))
    values = {n: v for n, v in labels(systems).items() if v.ndim == 1}
    figures.pairs(render(scene, systems), values, folder / "pairs.png")
    console.print(f"first picture: {folder / 'pairs.png'}", soft_wrap=True)


def _evaluate(config, scene, encoders, folder, stop):
    if not (folder / "results.csv").exists():
        from .evaluate.judge import evaluate

        evaluate(config, scene, encoders, folder, stop)


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

    table, summary, figure, skipped = predict_folder(
        config, scene, folder, real.images, real.catalogue, real.pixel_scale, folder / "real_lenses"
    )
    _say_skipped(skipped)
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


@contextmanager
def _timed(folder, stage, write=True):
    """Add the seconds of a with-block to the run's timings.json."""
    path, begun = folder / "timings.json", time.perf_counter()
    try:
        yield
    finally:
        if write:
            timings = json.loads(path.read_text()) if path.exists() else {}
            timings[stage] = timings.get(stage, 0.0) + time.perf_counter() - begun
            path.write_text(json.dumps(timings, indent=1))


def _print_summary(folder):
    """R2 of every encoder at the largest number of labels, beside the limit."""
    results = pd.read_csv(folder / "results.csv")
    most = results.n_labels.max()
    shown = results[(results.metric == "r2") & results.n_labels.isin([0, most])]
    frame = shown.pivot_table(index=["encoder", "protocol"], columns="target", values="value", sort=False)
    frame.index = [" ".join(pair) for pair in frame.index]
    _print_frame(frame.round(4), f"R2 with {most} labels")


def _print_frame(frame, title):
    """A DataFrame as a table on the terminal, its index as the first column."""
    table = Table(title=title, box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False, show_edge=False)
    table.add_column(frame.index.name or "")
    for column in frame.columns:
        table.add_column(str(column), justify="right")
    for name, row in frame.iterrows():
        table.add_row(str(name), *(value if isinstance(value, str) else f"{value:g}" for value in row))
    console.print(table)
