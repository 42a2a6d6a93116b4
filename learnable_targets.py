"""Whether every target is known of every system and differs between them, so that it can be learnt and judged."""

import numpy as np

from .simulate.systems.scene import FIRST_INDEX

N_DRAWN = 500  # systems whose labels are looked at
MOST_TESTED = 2000  # test lenses of which that is done
FEWEST = 2  # test systems of each class
NEGLIGIBLE = 1e-5  # spread of a target, over its largest value: below it float32 has some ten different numbers


def target_problems(config, scene):
    """Sentences on targets, or on classes that a probe tells apart, that cannot be learnt or judged.

    Args: config: `configs.schema.Config` with `pretrain`. scene: of its simulation.
    """
    from .simulate.labels import labels

    without_targets = config.evaluate is None or config.evaluate.task == "super_resolution"
    if without_targets and _probes_lenses(config):
        halves = [_drawn(scene, split, N_DRAWN).class_number for split in ("labelled", "validation")]
        if min(len(np.unique(half)) for half in halves) < 2:
            there = f"all of {N_DRAWN} systems are of one of" if scene.config.classes else "there are none in"
            yield (
                f"pretrain.probe_every: without evaluate a probe tells classes apart, and {there} simulate.classes; "
                "expected 0, or evaluate with targets"
            )
    if config.evaluate is None or not _needs_drawn_targets(config) or config.evaluate.task == "super_resolution":
        return
    if config.evaluate.task == "classification":
        yield from _about_classes(config.evaluate, scene)
        return
    n_test = MOST_TESTED if config.evaluate.n_test == "all" else min(config.evaluate.n_test, MOST_TESTED)
    splits = {"labelled": N_DRAWN, "test": n_test}
    drawn = {split: labels(_drawn(scene, split, n)) for split, n in splits.items()}
    for target in config.evaluate.targets:
        if target not in drawn["test"]:
            yield f'evaluate.targets: "{target}" is not a label of this simulation; it has {", ".join(drawn["test"])}'
            continue
        if drawn["test"][target].ndim > 1:
            yield f"evaluate.targets: {target} may differ between views; expected a parameter of the lens"
            continue
        others = [t for t in config.evaluate.targets if t != target]
        leave_out = f"leave it out (evaluate.targets={others})".replace("'", "") if others else "evaluate=null"
        of_target = {split: values[target] for split, values in drawn.items()}
        problem = _about_target(scene.config, target, of_target, leave_out)
        if problem:
            yield f"evaluate.targets: {problem}"


def _about_classes(evaluate, scene):
    """Whether every seed learns of two classes at least, and the test lenses have some of every class."""
    from .configs.evaluation import merged
    from .simulate.systems.draw import class_numbers
    from .ssl.methods.supervised import number_of_classes

    drawn = scene.config.drawn_classes()
    if len(drawn) < 2:  # told when a config is loaded
        return
    names, number_of = merged(drawn, evaluate.merge)[0], np.array(number_of_classes(scene.config, evaluate.merge))

    def numbers(split, n):
        return number_of[class_numbers(scene, np.arange(n, dtype=np.uint64) + np.uint64(FIRST_INDEX[split]))]

    if not evaluate.learns_from_files:
        most = max(evaluate.n_labels)
        pools = numbers("labelled", evaluate.seeds * most).reshape(evaluate.seeds, most)[:, : min(evaluate.n_labels)]
        alone = next((pool for pool in pools if len(np.unique(pool)) < 2), None)
        if alone is not None:
            yield (
                f"evaluate.n_labels: all of {len(alone)} labelled systems of a seed are {names[alone[0]]}; expected "
                "more, so that there is something to tell apart"
            )
    if evaluate.judged_by_files:
        return
    tested = np.bincount(numbers("test", evaluate.n_test), minlength=len(names))
    few = [f"{n} {name}" for name, n in zip(names, tested, strict=True) if n < FEWEST]
    if few:
        yield (
            f"evaluate.n_test: among {evaluate.n_test} test systems are {', '.join(few)}, too few to judge by; "
            f"expected {FEWEST} of each of simulate.classes, so more test systems"
        )


def _needs_drawn_targets(config):
    """Whether targets are labels of simulated lenses, and not only of images in files."""
    supervised = any(encoder.method == "supervised" for encoder in config.pretrain.encoders.values())
    of_files = config.evaluate.learns_from_files and config.evaluate.judged_by_files
    return not of_files or supervised or _probes_lenses(config)


def _probes_lenses(config):
    """Whether probes are of simulated lenses."""
    from .ssl.data import trains_on_archive

    pre = config.pretrain
    return bool(pre.probe_every) and (pre.data is None or trains_on_archive(config))


def _drawn(scene, split, n):
    """n systems of a split, as they are drawn before any selection."""
    from .simulate.systems.draw import Views, draw_systems

    return draw_systems(scene, np.arange(n, dtype=np.uint64) + np.uint64(FIRST_INDEX[split]), Views())


def _about_target(simulation, target, drawn, leave_out):
    """Why a target cannot be learnt or judged, in words, or None; drawn: its values in each split."""
    drawn = {split: values.astype(np.float32) for split, values in drawn.items()}  # as networks learn it
    unknown = np.mean(~np.isfinite(np.concatenate(list(drawn.values()))))
    if unknown > 0:
        classes = ", ".join(_without(simulation.lens_mass, simulation.classes)) or "some"
        return (
            f"{target} has no value in {f'{unknown:.0%}' if unknown >= 0.01 else 'some'} of the systems (classes "
            f"without it: {classes}), so it cannot be learnt; {leave_out}, or simulate lenses only"
        )
    constant = [split for split, values in drawn.items() if np.ptp(values) <= NEGLIGIBLE * np.abs(values).max()]
    if not constant:
        return None
    value = drawn[constant[0]][0]
    low, high = sorted((0.9 * value, 1.1 * value)) if value else (-0.1, 0.1)
    where = "every system" if len(constant) == 2 else f"every one of {len(drawn[constant[0]])} {constant[0]} systems"
    use = "judge by it" if constant == ["test"] else "learn of it"
    instead = f"draw it, e.g. {{uniform: [{low:g}, {high:g}]}}"
    return f"{target} is {value:g} in {where}, so there is nothing to {use}; {leave_out}, or {instead}"


def _without(components, classes):
    """The classes in which a component is absent."""
    return [name for name in classes if any(c.only and name not in c.only for c in components)]
