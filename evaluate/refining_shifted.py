"""Refined estimates of shifted test lenses: what a fit is worth where its assumptions are wrong."""

import numpy as np

from ..configs.names import plain_names
from ..simulate.selection import draw
from ..simulate.systems.draw import Views
from . import shifted_tests
from .limit import limits
from .refining import THREADS, heads_of
from .results import REFINED, Score
from .scored import Unit
from .tasks.refined import Start, refine_lenses, scores

SHOWN = ("within_3_limits", "error_over_limit", "coverage_68", "coverage_95")  # of the scores


def refine_shifted(fits, config, scene, evaluation, scratch, stop=lambda: False):
    """Refine the shifted test lenses of `evaluate.shifts` from the best head's predictions of them: the new scores.

    The fits take the images for those of the training, but for their noise, which an image tells. The limit is that of
    the shifted lenses, so that a fit which misses it says what its wrong assumptions cost.

    Args: fits: of `refining.prepared`. config, scene: of the run. scratch: holds the predictions of the shifted lenses,
        and what is done of work that is stopped. The rest is that of `refining.refine_evaluation`.
    """
    out, refine = [], config.evaluate.refine
    n = min(refine.lenses, len(evaluation.indices))
    head, task = best_head(evaluation), next((s.task for s in evaluation.scores), "")
    rmse = heads_of(evaluation)[head][1] if head is not None else {}
    for name in config.evaluate.shifts if head is not None else ():
        seen, indices = shifted_tests.scene_of(config, scene, name), evaluation.indices[:n]
        with np.load(scratch / f"{Unit(*head, 0, name).name()}.npz") as file:
            predicted = {target: file[target][:n].astype(float) for target in file.files}
        start = Start({t: (values, rmse[t]) for t, values in predicted.items()}, {})
        lens = draw(seen, indices, Views()).lens_mass
        places = plain_names(lens)
        true = {t: lens[places[t][0]][places[t][1]] for t in predicted if t in places}
        found = limits(seen, indices, list(true), threads=THREADS)
        path = scratch / f"refined-{name}.jsonl"
        table = refine_lenses(fits, indices, {head[0]: start}, refine, path, THREADS, stop, seen)
        values = scores(table, true, found.any_shape or found.known)
        kept = {key: value for key, value in values.items() if key[1] in SHOWN}
        out += [Score(task, head[0], REFINED, head[2], 0, t, m, v, name) for (t, m), v in kept.items()]
    return out


def best_head(evaluation):
    """(encoder, protocol, number of labels) of the head that tells most of all targets; None without heads."""
    heads = heads_of(evaluation)
    most = max((n_labels for *_, n_labels in heads), default=0)
    return max((head for head in heads if head[2] == most), key=lambda head: heads[head][0], default=None)
