"""Classes of a simulation that encoders are trained on and judged by: key path and sentence of each mistake."""

from ..errors import nearest
from .evaluation import NO_CLASSES, merged


def of_training(config):
    """Whether the classes that encoders are trained on are drawn, by the stream."""
    names, where = config.pretrain.classes, ("pretrain", "classes")
    if names is None:
        return
    drawn = config.simulate.drawn_classes() if config.simulate is not None and config.pretrain.data is None else []
    for name in names:
        if name not in drawn:
            there = ", ".join(drawn) or "none, as only streams of a simulation with classes have some"
            yield where, f'no class "{name:.60}" is drawn, expected some of {there}.{nearest(name, drawn)}'
    if len(names) < 2 and any(e.method == "supervised" for e in config.pretrain.encoders.values()):
        yield where, "supervised learns to tell classes apart; expected two at least, or none to be named"


def of_evaluation(config):
    """Whether a simulation has the classes that are to be told apart."""
    evaluate, simulate = config.evaluate, config.simulate
    of_files = evaluate.learns_from_files and evaluate.judged_by_files
    learnt = not of_files or any(e.method == "supervised" for e in config.pretrain.encoders.values())
    if evaluate.task != "classification" or simulate is None or not learnt:
        return
    if evaluate.targets != ["class"]:
        yield ("evaluate", "targets"), f"the class of simulated lenses is called class, got {evaluate.targets[0]:.60}"
    if len(simulate.drawn_classes()) < 2:
        there = ", ".join(simulate.drawn_classes()) or "none"
        yield ("evaluate", "task"), f"a classification needs two of simulate.classes that are drawn, there is {there}"
    yield from _about_merged(evaluate.merge, simulate.drawn_classes())
    for name in merged(simulate.drawn_classes(), evaluate.merge)[0]:
        if name in NO_CLASSES:
            where = ("evaluate", "merge") if name in evaluate.merge else ("simulate", "classes")
            yield where, f"{name} is no class in results.csv but all of them together; expected another name"


def _about_merged(merge, drawn):
    """Whether classes that count as one are there, each in one of them, and leave two to be told apart."""
    members = [name for group in merge.values() for name in group]
    for name in members:
        if name not in drawn:
            yield ("evaluate", "merge"), f'no class "{name:.60}" is drawn.{nearest(name, drawn)}'
        elif members.count(name) > 1:
            yield ("evaluate", "merge"), f"{name} is in two of them; expected each class in one"
    for name in merge:
        if name in drawn and name not in merge[name]:
            yield ("evaluate", "merge"), f"{name} is the name of a class that is not in it; expected another name"
    if merge and len(drawn) >= 2 and len(set(drawn) - set(members)) + len(merge) < 2:
        yield ("evaluate", "merge"), "all classes would be one; expected two that are told apart"
