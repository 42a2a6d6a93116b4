"""A run from start to end: draw pairs, pre-train encoders, evaluate, draw figures, predict real lenses, report."""

import shutil
from contextlib import nullcontext
from pathlib import Path

from . import before_training, extending, model_cards
from .errors import ConfigError, DataError
from .extras import need
from .locking import locked
from .progress import console
from .runs import (
    RunFolder,
    are_intact,
    begin,
    config_of,
    environment,
    finish,
    is_finished,
    keep_sums,
    timed,
    with_own_numbers,
)
from .signals import stopping


def run(config, runs, overwrite=False, until="report", extend=None):
    """Carry a config through to its report, or to the end of the stage `until` ("pretrain", "evaluate").

    As one rank of a torchrun or Slurm job it takes part in the training; the first rank does all the rest.

    Args: config: `configs.schema.Config`. runs: folder of all runs. overwrite: delete a run of this name first.
    extend: steps to add to those that the run of this name was begun with, see `extending`.
    Raises: ConfigError if the config has nothing to train, or a run of this name has another config; DataError if
    another process is at work in the run's folder, or files in it are damaged.
    """
    need("train", "training")
    from .ssl.launch import device_problem, make_fabric

    if config.pretrain is None:
        raise ConfigError([f"{config.name}: the key pretrain is missing, so there is nothing to train"])
    folder = RunFolder(Path(runs) / config.name)
    if overwrite and extend is not None:
        raise ConfigError(["--extend goes on with a run, and --overwrite deletes it: give one of them"])
    config = config if overwrite else extending.extended(folder, with_own_numbers(folder, config), extend)
    if device_problem(config.pretrain):
        before_training.check(config, folder.path, until != "pretrain")  # says so, with all other mistakes
    fabric = make_fabric(config.pretrain)
    with locked(folder.path) if fabric.is_global_zero else nullcontext():
        _run(config, folder, fabric, overwrite, until)


def _run(config, folder, fabric, overwrite, until):
    """As `run`, in a folder that no other process writes."""
    first, command = fabric.is_global_zero, "run" if until == "report" else until
    if fabric.broadcast(is_finished(folder, config, overwrite, command) if first else None):
        return
    scene = before_training.check(config, folder.path, until != "pretrain", overwrite) if first else _scene(config)
    if first:
        extending.reopen(folder, config)
        begin(folder, config, overwrite)
        with timed(folder, "pairs"):
            _introduce(config, scene, folder)
    fabric.barrier()  # or the others would look for a checkpoint in a folder that is being deleted
    with stopping() as stop:
        with timed(folder, "pre-training", first):
            encoders = _pretrain(config, scene, folder, fabric, stop)
        if not first:
            return
        keep_sums(folder, encoders.values())
        model_cards.write(folder)
        if until != "pretrain":
            with timed(folder, "reconstructions"):
                _reconstruct(config, scene, folder, stop)
        if until == "pretrain" or config.evaluate is None:
            print(f"encoders: {folder.encoders}")
            return
        with timed(folder, "evaluation"):
            _evaluate(config, scene, encoders, folder, stop)
        model_cards.write(folder)  # again, with the scores
    if until == "evaluate":
        _print_scores(config, folder)
        print(f"results: {folder.results}")
        return
    draw_report(config, scene, folder)
    finish(folder)
    _print_scores(config, folder)
    print(f"report: {folder.report}")


def predict(folder, lenses, out=None, samples=None, export=None, start=None):
    """Predict real lenses with a finished run and print the summary.

    lenses: `configs.schema.RealLenses`. The rest is that of `evaluate.real.predict.predict_folder`. Raises: DataError
    for a run whose evaluation is not complete.
    """
    need("train", "prediction")
    from .evaluate.show import terminal

    config = config_of(RunFolder(folder))
    if config.evaluate is None:
        raise DataError(f"{folder} has no predictor, as its config has no evaluate; expected a run that is evaluated")
    if not RunFolder(folder).results.is_file():  # a part of a predictor may be there
        raise DataError(
            f"{folder} is not evaluated yet (no {RunFolder(folder).results.name}), so it has no predictor; the command "
            "that it was begun with goes on with it"
        )
    if export is not None and config.evaluate.task != "regression":
        raise DataError("--export: the run predicts no parameters of lenses; expected a run whose task is regression")
    scene = scene_of_run(folder, config)
    if start is not None and config.evaluate.task != "regression":
        raise DataError("--refine: the run predicts no parameters of lenses; expected a run whose task is regression")
    more = {} if export is None else {"export": export}
    with stopping() as stop:
        more |= {} if start is None else {"start": start, "stop": stop}
        results = _predictor(config)(config, scene, folder, lenses, out, samples, **more)
    terminal.print_read(results.read)
    terminal.print_skipped(results.skipped)
    if config.evaluate.task == "classification":
        terminal.print_classes(results.table)
    else:
        terminal.print_predictions(results.table, config.evaluate.targets, results.summary)
    terminal.print_sentences([*results.notes, *results.doubts])
    print(f"wrote {results.figure.parent / 'predictions.csv'} and {results.figure.name}")
    if results.refined is not None:
        terminal.print_refined_lenses(results.refined, config.evaluate.targets)
    if results.page is not None:
        print(f"all lenses: {results.page}")
    if samples is not None:
        print(f"wrote {samples}")
    if export is not None:
        print(f"exported to {export}")


def _predictor(config):
    """What predicts real images by the task of a run."""
    from .evaluate.real.predict import predict_folder
    from .evaluate.real.predict_classes import predict_classes

    if config.evaluate.task == "super_resolution":
        raise DataError("the run learnt a super-resolution, which predicts no numbers of lenses; expected another run")
    return predict_classes if config.evaluate.task == "classification" else predict_folder


def scene_of_run(folder, config):
    """The scene of a run's simulation, in the bands that networks see; None where nothing is simulated.

    Raises: DataError where the images are gone from which a run without simulate learnt.
    """
    if config.simulate is None:
        _need_images(folder, config)
    return None if config.simulate is None else _scene(config)


def _need_images(folder, config):
    """DataError where the images in files are gone by which a run without simulate knows what its networks expect."""
    for place in (config.pretrain.data.path, config.evaluate.data.path, config.evaluate.data.test_path):
        if place is not None and not Path(place).exists():
            raise DataError(
                f"{folder} learnt from the images in {place}, which are not there; expected them there, as a run "
                "without simulate compares what it predicts with them"
            )


def _scene(config):
    """The `simulate.systems.scene.Scene` of the bands that networks see; None where nothing is simulated."""
    from .ssl.data import scene_of, training_scene

    return training_scene(config, scene_of(config))


def _introduce(config, scene, folder):
    """Draw the first pairs if an encoder sees such, and print warnings about targets that its views destroy."""
    from .evaluate.show.pairs import draw_pairs
    from .evaluate.tasks import symmetry
    from .ssl.data import sees_what_is_simulated
    from .ssl.views import warnings

    pairs = [folder.pairs, folder.pairs_dark]
    physics = any(settings.views != "augment" for settings in config.pretrain.encoders.values())
    if physics and scene is not None and sees_what_is_simulated(config) and not are_intact(folder, pairs):
        draw_pairs(scene, folder.pairs)
        keep_sums(folder, pairs)
        console.print(f"first picture: {folder.pairs}")
    for name, settings in config.pretrain.encoders.items():
        for warning in warnings(name, settings, config.evaluate.targets if config.evaluate else ()):
            console.print(warning)
    for warning in symmetry.warnings(config, scene):
        console.print(f"warning: {warning}")


def _pretrain(config, scene, folder, fabric, stop):
    """Train what is not yet trained: encoder's name -> path of its weights."""
    from .ssl.trainer import pretrain

    return {n: pretrain(config, n, scene, folder.encoder(n), fabric, stop) for n in config.pretrain.encoders}


def _reconstruct(config, scene, folder, stop):
    """Have masked autoencoders reconstruct test images and noise, draw and print what becomes of them."""
    if not any(settings.method == "mae" for settings in config.pretrain.encoders.values()):
        return
    from .evaluate import reconstruction
    from .evaluate.show import terminal
    from .evaluate.show.reconstruction_figure import reconstruction_figure

    keep_sums(folder, reconstruction.reconstruct_all(config, scene, folder.path, stop))
    shown = reconstruction.shown_of(config, folder.path)
    if shown:
        folder.figures.mkdir(exist_ok=True)
        reconstruction_figure(shown, folder.figures / "reconstructions.png")
        terminal.print_reconstructions(reconstruction.numbers_of(config, folder.path))


def _evaluate(config, scene, encoders, folder, stop):
    """Evaluate the encoders, unless results.csv is there already."""
    from .evaluate import results

    if not results.is_complete(folder.path):
        from .evaluate.judge import evaluate
        from .evaluate.tasks.choose import make_task

        evaluate(make_task(config, scene), config, scene, encoders, folder.path, stop)
    else:
        results.refuse_changed(folder.path)
        shutil.rmtree(folder.scratch, ignore_errors=True)  # of an evaluation killed at its very end


def draw_report(config, scene, folder):
    """Draw the figures, predict the real lenses and write the report."""
    from .evaluate.results import Evaluation
    from .evaluate.show import outputs
    from .evaluate.tasks.choose import make_task

    task = make_task(config, scene)
    evaluation = Evaluation.load(folder.path)
    console.print("drawing figures")
    with timed(folder, "figures and real lenses"):
        overlaid = _overlaid(config, scene, folder, evaluation)
        umap = outputs.draw_figures(task, config, evaluation, folder.path, overlaid)
        real = _real_lenses(config, scene, folder)
    outputs.write_report(task, config, scene, evaluation, folder.path, umap, real, environment())


def _overlaid(config, scene, folder, evaluation):
    """Other images, with their features, to draw into the UMAP: a list of `evaluate.show.umap_figure.Overlaid`."""
    if not config.evaluate.umap:
        return []
    from .evaluate.real.overlay import overlaid

    return overlaid(config, scene, folder, evaluation.features)


def _real_lenses(config, scene, folder):
    """`evaluate.show.report.RealLensResults` of the real lenses that the config names; None if it names none."""
    if config.real_lenses.images is None:
        return None
    from .evaluate.real.refining_files import NETWORK
    from .evaluate.show import terminal

    more = {"start": NETWORK} if config.real_lenses.refine else {}
    results = _predictor(config)(config, scene, folder.path, config.real_lenses, folder.real_lenses, **more)
    terminal.print_read(results.read)
    terminal.print_skipped(results.skipped)
    terminal.print_sentences([*results.notes, *results.doubts])
    if results.refined is not None:
        terminal.print_refined_lenses(results.refined, config.evaluate.targets)
    return results


def _print_scores(config, folder):
    from .evaluate import results
    from .evaluate.show.terminal import print_refined, print_scores
    from .ssl.data import sees_what_is_simulated

    if config.evaluate.judged_by_files:
        console.print(f"scores on the images of {config.evaluate.data.judged}:")
    elif config.evaluate.learns_from_files:
        console.print(f"scores on simulated lenses, of heads that learnt from {config.evaluate.data.path}:")
    elif config.evaluate.pairs_in_files:
        console.print(f"scores on the images of {config.evaluate.super_resolution.hr_path}:")
    elif not sees_what_is_simulated(config):
        console.print(f"scores on simulated lenses, of encoders trained on the images of {config.pretrain.data.path}:")
    scores = results.read_scores(folder.path)
    print_scores(results.frame(scores))
    print_refined(results.frame(scores, refined=True))
    if config.evaluate.shifts:
        from .evaluate.shifted_tests import described
        from .evaluate.show.terminal import print_robustness

        print_robustness(scores, described(config))
