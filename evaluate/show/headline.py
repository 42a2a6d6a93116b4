"""The result of a run in one sentence, and one more for what else it was asked for."""

from markupsafe import Markup

from ..results import ALL, FINETUNED, MACRO, RANDOM, SUPERVISED
from . import metrics
from .metrics import shown
from .tables import MeanScores, show_r2, show_rmse, symbol


def headline(results, refined=None):
    """HTML: the result in one sentence, and more for the other parameters, from the numbers of the first task.

    Args: results: of `results.frame`. refined: that of refined estimates, whose best is said last.
    """
    scores = MeanScores(results[results["task"] == results["task"].iloc[0]] if len(results) else results)
    best = scores.best()
    if best is None:
        return "No encoder has been evaluated.", ""
    if scores.lead(scores.targets[0]) != "r2":
        return _headline_of_another_task(scores, best)
    target, *others = scores.targets
    frozen = best.protocol not in FINETUNED
    who = "frozen {} features recover" if frozen else "fine-tuned {} recovers"
    who = Markup(who).format(best.encoder)
    who = "training from scratch recovers" if best.encoder == SUPERVISED else who
    words = Markup("With {} labels, {} {}").format(f"{scores.n_labels:,}", who, symbol(target))
    r2, rmse = (scores.get(best, target, metric) for metric in ("r2", "rmse"))
    words += f" with R² = {show_r2(r2[0])}" if r2 else ""
    words += f" (RMSE {show_rmse(rmse[0], target)})" if rmse else ""
    words += _beside(scores, best, target)
    limits = scores.limits(target, "r2")
    words += f"; the images allow at best {_in_brackets(limits)}." if limits else "."
    parts = [(t, scores.get(best, t, "r2"), scores.limit(t, "r2")) for t in others]
    parts = [symbol(t) + f" {show_r2(f[0])}" + (f" (at best {show_r2(m[0])})" if m else "") for t, f, m in parts if f]
    more = [Markup("The other parameters, in R²: {}.").format(Markup(", ").join(parts))] if parts else []
    return words, Markup(" ").join([*more, *_refined(refined, best.encoder)])


def _refined(refined, encoder):
    """[how many lenses are right, refined from the best start]; empty without refined estimates or without a limit.

    encoder: the one to be named among equals.
    """
    if refined is None:
        return []
    known = {(s.encoder, s.metric): s.value for s in refined[refined["target"] == ALL].itertuples()}
    right = {start: value for (start, metric), value in known.items() if metric == "within_3_limits"}
    if not right:
        return []
    start = max(right, key=lambda name: (right[name], name == encoder))
    before = known.get((start, "within_3_limits_of_start"))
    was = "" if before is None else f" ({before:.0%} before)"
    words = "Refined by the simulator from {}, {} of test lenses are within 3 sigma of the limit in all parameters"
    return [Markup(words).format(start, f"{right[start]:.0%}") + was + "."]


def _in_brackets(limits):
    """'0.999' of one limit, '0.998 (0.999 if the shape of the galaxy were known)' of two."""
    first, *others = (show_r2(mean) for mean, _ in limits.values())
    return first + "".join(f" ({other} if the shape of the galaxy were known)" for other in others)


def _beside(scores, best, target):
    """What the baselines reach, for the end of a sentence."""
    frozen = best.protocol if best.protocol not in FINETUNED else next((r.protocol for r in scores.rows), "ridge")
    beside = {"random features reach": (RANDOM, frozen), "training from scratch": (SUPERVISED, "finetune")}
    beside = {w: scores.at_most_labels(*who) for w, who in beside.items()} | {r.encoder: r for r in scores.alone}
    lead = scores.lead(target)
    found = {w: scores.get(row, target, lead) for w, row in beside.items() if row != best}
    parts = [f"{w} {shown(score[0], lead, target)}" for w, score in found.items() if score]
    return f"; {', '.join(parts)}" if parts else ""


def _headline_of_another_task(scores, best):
    """The headline where there are no parameters: of classes by their mean, of images by what leads."""
    target = MACRO if MACRO in scores.targets else scores.targets[0]
    lead, score = scores.lead(target), scores.get(best, target, scores.lead(target))
    who = Markup("frozen {} features reach" if best.protocol not in FINETUNED else "fine-tuned {} reaches")
    who = "training from scratch reaches" if best.encoder == SUPERVISED else who.format(best.encoder)
    others = [(t, scores.lead(t), scores.get(best, t, scores.lead(t))) for t in scores.told() if t != target]
    of_classes = "a mean" if any(t != ALL for t, *_ in others) else "an"  # of two classes both are the same
    name = f"{of_classes} {metrics.of(lead).name} of" if target == MACRO else metrics.of(lead).name
    words = Markup("With {} labels, {} {} {}").format(
        f"{scores.n_labels:,}", who, name, shown(score[0], lead, target) if score else "that is not known"
    )
    words += _beside(scores, best, target) + "."
    parts = [f"{_of_target(t, m)} {shown(score[0], m, t)}" for t, m, score in others if score]
    if [t for t, *_ in others] == [ALL]:
        return words, f"The accuracy is {parts[0].split()[-1]}." if parts else ""
    return words, f"One by one: {', '.join(parts)}." if parts else ""


def _of_target(target, metric):
    """'lens' of the AUC of the class lens, 'accuracy' of that over all."""
    return metrics.of(metric).name if metric == "accuracy" else target
