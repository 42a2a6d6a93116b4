"""`lenstream refine`: the estimates of a run that is evaluated, refined by the simulator."""

import shutil

from .errors import ConfigError, DataError
from .extras import need
from .locking import locked
from .pipeline import draw_report, scene_of_run
from .runs import RunFolder, config_of, finish, keep_sums
from .signals import stopping


def refine(run, lenses, proposals, export=None):
    """Refine the estimates of a run's test lenses from all its encoders, print their scores, and draw its report anew.

    Args: run: its folder. lenses, proposals: as in `configs.evaluation.Refine`; None: the config's, or the default.
        export: folder for what other programs read, as `exporting_refined.export_refined` writes it; None: it is not.

    Raises: ConfigError for a run whose images cannot be modelled; DataError for one that is not evaluated.
    """
    need("train", "refined estimates")
    import pandas as pd

    from .configs.evaluation import Refine
    from .evaluate import exporting_refined, refining
    from .evaluate.results import REFINED, Evaluation, frame
    from .evaluate.show.terminal import print_refined, print_sentences
    from .files.growing_rows import rows_so_far
    from .files.whole import folder_for

    folder = RunFolder(run)
    config = config_of(folder)
    if problems := refining.refinement_problems(config):
        raise ConfigError([f"--run {run}: {problem}" for problem in problems])
    if not folder.results.is_file():
        raise DataError(
            f"{run} is not evaluated yet (no {folder.results.name}); the command that it was begun with goes on with it"
        )
    given = {"lenses": lenses, "proposals": proposals}
    settings = config.evaluate.refine or Refine()
    settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    with locked(folder.path), stopping() as stop:
        scene, evaluation, reported = scene_of_run(folder, config), Evaluation.load(folder.path), folder.report.exists()
        if export is not None:
            exporting_refined.check_exportable(scene)
            export = folder_for(export)  # now, not after all fits, it says that it cannot be made
        folder.scratch.mkdir(exist_ok=True)
        rows = folder.scratch / f"refined-{settings.proposals}.jsonl"
        fits = refining.prepared(config, scene, stop)
        scores = refining.refine_evaluation(fits, evaluation, folder.path, settings, rows, stop)
        heads = [score for score in evaluation.scores if score.protocol != REFINED or score.shift]
        folder.finished.unlink(missing_ok=True)
        evaluation.with_scores(heads + scores).save(folder.path)
        keep_sums(folder, [folder.refined])
        table = pd.DataFrame(rows_so_far(rows))
        shutil.rmtree(folder.scratch)
        if reported:
            draw_report(config, scene, folder)
            finish(folder)
        said = [] if export is None else exporting_refined.export_refined(export, fits, table, stop)
    print_refined(frame(scores, refined=True))
    print(f"estimates: {folder.refined}")
    print_sentences(said)
    if export is not None:
        print(f"exported to {export}")
