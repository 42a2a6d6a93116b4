"""Score the trained heads of an evaluation on shifted test lenses; each is written when it is done."""

from dataclasses import replace

from ..files.whole import write_arrays
from ..progress import Stopped, bar
from . import shifted_tests
from .scored import scores_of, scores_of_done, write_done
from .training_heads import arrays_of, posteriors_of, shown, trained_head


def score_shifted(config, scene, units, data, scratch, stop):
    """Score the trained heads with the most labels, of the first seed, on the shifted test sets.

    Args are those of `training_heads.train_heads`, with the run's config and the scene of its simulation.

    Returns: the units of these scores, each done. Raises: Stopped, before the next one, when `stop` says so.
    """
    names, most = config.evaluate.shifts, max(unit.n_labels for unit in units)
    if not names:
        return []
    heads = [unit for unit in units if unit.seed == 0 and unit.n_labels in (0, most)]
    wanted = [(unit, replace(unit, shift=name)) for name in names for unit in heads]
    task = test = made = None
    with bar("shifted test lenses", len(wanted)) as progress:
        for done, (unit, shifted) in enumerate(wanted):
            progress.update(done, f"{shifted.shift}: {unit.encoder}, {unit.protocol}")
            if scores_of_done(shifted, scratch) is not None:
                continue
            if stop():
                raise Stopped(f"stopped the shifted test lenses at {done} of {len(wanted)}")
            if made != shifted.shift:
                task, made = shifted_tests.task_of(config, scene, shifted.shift), shifted.shift
                test = task.labelled("test", len(data.test.indices))
            head, true = trained_head(task, unit, data, scratch), arrays_of(test)
            predicted = task.predict(head, test.images)
            write_arrays(scratch / f"{shifted.name()}.npz", shown(task, predicted))
            values = task.score(true, predicted) | posteriors_of(task, head, test, true).scores
            write_done(shifted, scores_of(task, shifted, values), scratch)
        progress.update(len(wanted))
    return [shifted for _, shifted in wanted]
