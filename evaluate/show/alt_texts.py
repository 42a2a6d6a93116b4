"""Say in words what the figures of a report show, from the numbers behind them, for readers who do not see them."""

import numpy as np

from ..results import ALL, MACRO, drawn_heads
from ..tasks.calibration import LEVELS, coverage, distance, trusted_distance
from . import metrics
from .digits import plus_minus
from .feature_map import chosen
from .refined_figure import refined_in_words
from .symbols import after_number

NEIGHBOURS = 10  # on a UMAP
HEALTH = {"feature_std": "standard deviation of the features", "effective_rank": "effective rank of the features"}


def alt_texts(report, tasks):
    """{name of a figure: what is seen in it, one or more sentences} for the figures of which the numbers are known.

    Args: report: `report.Report`. tasks: {task: `tables.MeanScores`}.
    """
    words = {
        "pairs": pairs(report.pairs),
        "predicted_vs_true": _of_tasks(predicted_vs_true, tasks),
        "r2_against_labels": _of_tasks(r2_against_labels, tasks),
        "auc_against_labels": _of_tasks(r2_against_labels, tasks),
        "calibration": calibration(report.calibrated),
        "refined": refined_in_words(report.refined_errors),
        "umap": umap(report.umap) if report.umap is not None else "",
        "super_resolution": _of_tasks(super_resolution, tasks),
        "training_curves": training_curves(report.histories),
        "reconstructions": reconstructions(report.reconstructions),
        "real_lenses": real_lenses(report.real_lenses) if report.real_lenses is not None else "",
    }
    if report.classified is not None:
        words |= {"confusion": confusion(report.classified), "reliability": reliability(report.classified)}
        words["roc"] = _of_tasks(roc, tasks)
    return {name: text for name, text in words.items() if text}


def _number(value, metric="r2"):
    return metrics.cell((value, np.nan), metric)


def _of_tasks(of_one, tasks):
    """What is said of each task, one after the other, with its name if there are several."""
    said = {task: of_one(scores) for task, scores in tasks.items()}
    return " ".join(f"{task}: {words}" if len(said) > 1 else words for task, words in said.items() if words)


def pairs(labels):
    """The positive pairs. Args: labels: name -> (n,) true values of the pairs that are shown."""
    n = max(map(len, labels.values()), default=0)
    if not n:
        return ""
    ranges = [_range(name, labels[name]) for name in ("theta_E", "e1", "gamma") if name in labels]
    ranges = [words for words in ranges if words]
    below = f", with the true values below: {', '.join(ranges)}" if ranges else ""
    return f"{n} pairs of simulated images, the two views of one lens side by side{below}."


def _range(name, values):
    known = np.asarray(values, dtype=float)[np.isfinite(values)]
    if not len(known):
        return ""
    return f"{name} {known.min():.2f} to {known.max():.2f}{after_number(name)}"


def predicted_vs_true(scores):
    """Predictions against true values: who follows the 1:1 line best and worst, for every parameter."""
    heads = drawn_heads([(row.encoder, row.protocol) for row in scores.rows])
    rows = [row for row in scores.rows if (row.encoder, row.protocol) in heads]
    said = []
    for target in scores.targets:
        r2 = {row.encoder: score[0] for row in rows if (score := scores.get(row, target, "r2"))}
        said += [f"{target}: {_best_and_worst(r2, 'closest to the 1:1 line', 'furthest')}."] if r2 else []
    if not said:
        return ""
    names = ", ".join(row.encoder for row in rows)
    return f"Predicted against true values of the test lenses, rows for {names}, columns for parameters. " + " ".join(
        said
    )


def _best_and_worst(values, best, worst):
    """'closest to the 1:1 line is lensimclr (R2 0.987), furthest random (R2 0.81)' of {name: R2}."""
    top, bottom = max(values, key=values.get), min(values, key=values.get)
    words = f"{best} is {top} (R2 {_number(values[top])})"
    return words + (f", {worst} {bottom} (R2 {_number(values[bottom])})" if len(values) > 1 else "")


def r2_against_labels(scores):
    """R2, or what leads of another task, against the number of labels: which curve is highest from where on, the
    lowest, and the limit."""
    rows = [row for row in scores.all_rows if row.n_labels]
    numbers = sorted({row.n_labels for row in rows})
    said, leads = [], []
    for target in scores.told():
        curves, lead = {}, scores.lead(target)
        for row in rows:
            if score := scores.get(row, target, lead):
                curves.setdefault(f"{row.encoder} ({row.protocol})", {})[row.n_labels] = score[0]
        last = {name: curve[numbers[-1]] for name, curve in curves.items() if numbers[-1] in curve}
        if last:
            leads.append(metrics.of(lead).plain)
            said.append(f"{target}: {_highest(curves, last, numbers, lead)}{_of_limit(scores, target)}.")
    if not said:
        return ""
    of = " and ".join(dict.fromkeys(leads))
    return f"{of} on test lenses for {', '.join(f'{n:,}' for n in numbers)} labels. " + " ".join(said)


def _highest(curves, last, numbers, lead):
    """'lensimclr (ridge) is highest from 100 labels on, 0.987 at 1,000; lowest is random (ridge), 0.81'."""
    top, bottom = max(last, key=last.get), min(last, key=last.get)
    since = numbers[-1]
    for n in reversed(numbers):
        there = {name: curve[n] for name, curve in curves.items() if n in curve}
        if max(there, key=there.get) != top:
            break
        since = n
    at = f"from {since:,} labels on, {_number(last[top], lead)} at {numbers[-1]:,}"
    words = f"{top} is highest " + (at if since < numbers[-1] else f"at {since:,} labels, {_number(last[top], lead)}")
    return words + (f"; lowest there is {bottom}, {_number(last[bottom], lead)}" if len(last) > 1 else "")


def _of_limit(scores, target):
    limits = scores.limits(target, "r2").items()
    return "".join(f"; the {name} is {_number(mean)}" for name, (mean, _) in limits)


def calibration(shown):
    """How often true values lie in the intervals of posteriors, and how far TARP is off. Args: of a report."""
    said = []
    for head in shown:
        n = len(head.ranks[ALL])
        inner, outer = (
            ", ".join(f"{t} {coverage(of, level):.2f}" for t, of in head.ranks.items() if t != ALL) for level in LEVELS
        )
        said.append(
            f"{head.encoder} ({head.protocol}), {n:,} test lenses: in the central 68 % lie {inner}; in the central "
            f"95 % {outer}; the expected coverage is off by {distance(head.ranks[ALL]):.3f} at most, and right "
            f"posteriors stay below {trusted_distance(n):.3f}."
        )
    words = "Ranks of the true values among samples of the posteriors, and expected coverage against credibility. "
    return words + " ".join(said) if said else ""


def confusion(shown):
    """What the test images of each class were taken for. Args: shown: `class_figures.Classified`."""
    said = []
    for name, row in zip(shown.classes, shown.counts(), strict=True):
        if row.sum():
            order = sorted(zip(row / row.sum(), shown.classes, strict=True), reverse=True)
            taken = ", ".join(f"{share:.0%} {other}" for share, other in order if share > 0)
            said.append(f"{name} ({row.sum():,} images): taken for {taken}.")
    return f"What the test images of each class were taken for by {shown.head}. " + " ".join(said)


def reliability(shown):
    """How far the probabilities can be trusted."""
    sure, right = shown.probabilities.max(1).mean(), np.mean(shown.probabilities.argmax(1) == shown.true)
    return (
        f"How often a class is the true one against the probability that {shown.head} gives it, beside the 1:1 line. "
        f"The most probable class has {sure:.2f} on average and is right for {right:.2f} of the images; the expected "
        f"calibration error is {shown.calibration_error():.3f}."
    )


def roc(scores):
    """The area under the curve and two recalls of each class, by the best head."""
    values = {row: score[0] for row in scores.rows if (score := scores.get(row, MACRO, "auc"))}
    if not values:
        return ""
    row, said = max(values, key=values.get), []
    for target in scores.targets:
        auc, recall = (scores.get(row, target, metric) for metric in ("auc", "recall_at_fpr_1"))
        if auc and recall:
            said.append(f"{target}: AUC {_number(auc[0], 'auc')}, {recall[0]:.0%} at 1 % false positives.")
    words = f"The share of each class that is found against the share of all others let in, by {row.encoder} "
    return words + f"({row.protocol}), mean of the seeds. " + " ".join(said)


def umap(space):
    """How far each encoder has ordered the lenses by each parameter: what neighbours on the map tell of it.

    That is the R2 of predicting a lens by the mean of its NEIGHBOURS nearest ones.
    """
    which = chosen(space)
    said = []
    shares = {e: _shared_by_neighbours(np.asarray(p)[which], space.labels, which) for e, p in space.points.items()}
    for target in (t for t in space.labels if t not in space.classes):
        known = {e: share[target] for e, share in shares.items() if np.isfinite(share[target])}
        said += [f"{target}: " + ", ".join(f"{e} {max(v, 0):.2f}" for e, v in known.items()) + "."] if known else []
    if not said:
        return ""
    others = ", ".join(f"{len(images.names)} of {images.name}" for images in space.overlaid)
    others = f" Other images are drawn into it: {others}." if others else ""
    words = (
        f"A map of {len(which)} test lenses.{others} The share of a parameter's variance that the {NEIGHBOURS} nearest "
    )
    return words + "lenses on the map explain (1: the map is ordered by it, 0: it is not): " + " ".join(said)


def _shared_by_neighbours(points, labels, which):
    """{target: R2 of the mean of the nearest lenses on a map}, NaN where it is not defined. Points (n, 2)."""
    far = np.square(points[:, None] - points[None]).sum(-1)
    np.fill_diagonal(far, np.inf)
    nearest = np.argsort(far, axis=1, kind="stable")[:, : min(NEIGHBOURS, max(len(points) - 1, 1))]
    out = {}
    for target, values in labels.items():
        label = np.asarray(values, dtype=float)[which]
        finite = np.isfinite(label)
        if finite.sum() < 3 or np.ptp(label[finite]) == 0:
            out[target] = np.nan
            continue
        weight = finite[nearest].sum(1)
        mean = np.where(finite, label, 0.0)[nearest].sum(1) / np.maximum(weight, 1)
        used = finite & (weight > 0)
        out[target] = 1 - np.mean(np.square(label - mean)[used]) / np.var(label[used])
    return out


def super_resolution(scores):
    """How far images on a finer grid are from their targets: the decoder with the highest PSNR, and interpolation."""
    psnr = {f"{row.encoder} ({row.protocol})": score[0] for row in scores.rows if (score := _psnr(scores, row))}
    plain = [score[0] for row in scores.all_rows if row.encoder == "bicubic" and (score := _psnr(scores, row))]
    if not psnr:
        return ""
    best = max(psnr, key=psnr.get)
    words = "Test images on large pixels, interpolated, as the best decoders have them, their targets and residuals. "
    words += f"{best} reaches a PSNR of {psnr[best]:.2f} dB"
    return words + (f", bicubic interpolation {plain[0]:.2f} dB." if plain else ".")


def _psnr(scores, row):
    return scores.get(row, "image", "psnr")


def reconstructions(table):
    """Errors of reconstructed lenses, and how like the mean lens reconstructed noise is. Args: table: of a report."""
    if table is None:
        return ""
    said = [
        f"{name}: with {masked:.0%} of the patches hidden, the mean squared error of these is {error:.2g}; the "
        f"correlation with the mean lens is {lens:.2f} for lenses and {noise:.2f} for noise."
        for name, masked, error, lens, noise in table[
            ["encoder", "masked", "MSE masked", "r lens", "r noise"]
        ].itertuples(index=False)
    ]
    return "Rows of test lenses and of pure noise, masked and reconstructed. " + " ".join(said)


def training_curves(histories):
    """How the loss of every encoder went, and whether its features are alive at the end."""
    said = []
    for encoder, history in histories.items():
        if not len(history) or "loss" not in history:
            continue
        first, last = history["loss"].iloc[0], history["loss"].iloc[-1]
        went = "falls" if last < first else "rises" if last > first else "stays"
        words = f"{encoder}: the loss {went} from {first:.3g} to {last:.3g} at step {history['step'].iloc[-1]:,}"
        for column, name in HEALTH.items():
            if column in history and np.isfinite(history[column].iloc[-1]):
                words += f"; the {name} ends at {history[column].iloc[-1]:.2g}"
        said.append(words + ".")
    return " ".join(said)


def real_lenses(real):
    """The real lenses that are shown, how many are doubtful, and how predictions agree with published values."""
    if real.table is None:
        return ""
    n = len(real.table)
    words = f"{n} real {'lens' if n == 1 else 'lenses'} as the network saw {'it' if n == 1 else 'them'}"
    if "theta_E" in real.table:
        words += f", each with the circle of the predicted Einstein radius ({_range('theta_E', real.table['theta_E'])})"
    doubtful = int((real.table["flags"] != "").sum()) if "flags" in real.table else 0
    said = [words + (f"; {doubtful} of {n} marked as doubtful." if doubtful else ".")]
    if real.summary is not None and "bias" in real.summary:
        for row in real.summary.itertuples(index=False):
            bias = plus_minus(row.bias, row.scatter / row.n**0.5, "#.2g") + after_number(row.target)
            more = f", correlation {row.correlation:.2f}" if np.isfinite(row.correlation) else ""
            lenses = "1 lens" if row.n == 1 else f"{row.n} lenses"
            said.append(f"{row.target}, predicted minus published: {bias} for {lenses}{more}.")
    return " ".join(said)
