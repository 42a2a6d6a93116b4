"""What can be checked of images in files before anything is trained: those to train on, and those to judge by."""

import numpy as np

from .learnable_targets import NEGLIGIBLE

MOST_LOOKED_AT = 2000  # labelled images of each part
LEAST = {"n_labels": 10, "n_test": 20}  # that the config allows


def opened(config):
    """The images in files of a training (`ssl.data.open_images`), of which one was read; None for the stream."""
    from .ssl.data import open_images

    images = open_images(config)
    if images is not None:
        images.read(0)
    return images


def opened_labelled(config, evaluates, scene=None):
    """The `Examples` of `evaluate.data`; None without it, or if encoders are not judged at all.

    scene: of the simulation, in the bands that networks see, if there is one.
    """
    if not evaluates or config.evaluate is None or config.evaluate.data is None:
        return None
    from .evaluate.tasks.examples import Examples

    return Examples(config, scene)


def shapes(images, examples, scene):
    """Bands and pixels along an edge of all images that networks see: sorted pairs.

    Args: images, examples: of `opened` and `opened_labelled`, or None. scene: of the simulation, or None.
    """
    found = {(images.bands, images.num_pix)} if images is not None else set()
    if examples is not None:
        found.update(examples.shapes)
    elif scene is not None:
        found.add((len(scene.bands), scene.config.image.num_pix))
    bands = images.bands if images is not None else len(scene.bands)
    return sorted(shape for shape in found if shape[0] == bands)  # of others a sentence says so


def about_training(config, images, scene, evaluates):
    """Whether images fill a batch, hold what the probes need, and are not silently judged as if they were simulated."""
    if images is None:
        return
    from .ssl.probe import folder_problem

    pre, path = config.pretrain, config.pretrain.data.path
    if len(images) < pre.batch_size:
        yield (
            f"pretrain.batch_size: {pre.batch_size} images a step, but {path} has {len(images)}, so that images would "
            f"be in a batch twice; expected {len(images)} at most, or more images"
        )
    if pre.probe_every and images.scene is None and (problem := folder_problem(images, config.seed)):
        yield f"pretrain.probe_every: {problem}"
    if config.evaluate is None or not evaluates or config.evaluate.pairs_in_files:
        return
    if config.evaluate.data is not None:
        if not (config.evaluate.learns_from_files and config.evaluate.judged_by_files):
            yield from _about_seen_lenses(config, images)
        return
    yield from _about_judging(config, images)
    if scene is not None and images.bands != len(scene.bands):
        yield (
            f"pretrain.data: the images of {path} have {images.bands} bands, those of the simulation "
            f"{len(scene.bands)}: expected as many (pretrain.bands chooses), as encoders are judged by them, or "
            "evaluate: null"
        )


def _about_judging(config, images):
    """Whether encoders would be judged by simulated lenses that are others than those they saw, or the very same."""
    from .ssl.data import other_simulation, sees_what_is_simulated

    path = config.pretrain.data.path
    if sees_what_is_simulated(config):
        yield from _about_seen_lenses(config, images)
        return
    if config.evaluate.judged_on is not None:
        return
    if images.scene is None:
        yield (
            f"evaluate: encoders trained on the images of {path} would be judged on simulated lenses, of which they "
            "have seen none; expected evaluate=null (or lenstream pretrain), or evaluate.judged_on=simulated if that "
            "is what you want"
        )
    else:
        yield (
            f"evaluate: encoders trained on the dataset {path} would be judged on other lenses than it has "
            f"({other_simulation(config)}); expected the simulate of {path}/config.yaml, evaluate=null, or "
            "evaluate.judged_on=simulated if that is what you want"
        )


def _about_seen_lenses(config, images):
    """Whether a dataset holds the lenses that the stream gives to heads and tests."""
    from .simulate.systems.scene import FIRST_INDEX

    if images.scene is None or images.scene.seed != config.seed:
        return
    evaluate = config.evaluate
    needed = {} if evaluate.learns_from_files else {"labelled": evaluate.seeds * max(evaluate.n_labels)}
    needed |= {} if evaluate.judged_by_files else {"test": evaluate.n_test}
    first, last = (int(images.numbers([place])[0]) for place in (0, len(images) - 1))
    for split, n in needed.items():
        if first < FIRST_INDEX[split] + n and last >= FIRST_INDEX[split]:
            yield (
                f"pretrain.data.path: {config.pretrain.data.path} holds {split} lenses by which encoders are judged; "
                "expected a dataset of the split train"
            )


def about_labelled(config, examples, images, scene):
    """Whether there are enough labelled images, with bands that networks take, and targets that can be learnt."""
    if examples is None:
        return
    evaluate, where = config.evaluate, "evaluate.data"
    asked = examples.amounts(evaluate)
    for split, n, key in (("labelled", max(asked.n_labels), "n_labels"), ("test", asked.n_test, "n_test")):
        there = examples.count(split)
        if there < max(n, LEAST[key]):
            instead = "fewer, or all" if there >= LEAST[key] else f"more images, as {key} is {LEAST[key]} at least"
            yield f"evaluate.{key}: {n} {split} images, but {where} has {there}; expected {instead}"
            return
    if min(asked.n_labels) < LEAST["n_labels"]:
        least = f"{min(asked.n_labels)} of {examples.count('labelled')} labelled images"
        yield f"evaluate.n_labels: the smallest share is {least}; expected {LEAST['n_labels']} at least"
    yield from _about_seen_tests(config, examples, images)
    bands = images.bands if images is not None else len(scene.bands) if scene is not None else examples.shape[0]
    for held in (examples.learnt, examples.judged):
        if held is not None and held.bands != bands:
            yield f"{where}: images of {held.root} have {held.bands} bands, those that encoders are trained on {bands}"
            return
    of_files = [split for split, held in (("labelled", examples.learnt), ("test", examples.judged)) if held is not None]
    drawn = {split: examples.values(split, MOST_LOOKED_AT) for split in of_files}
    yield from _about_few_labels(evaluate, examples, asked.n_labels)
    for target in evaluate.targets:
        for split, values in drawn.items():
            unknown = int((~np.isfinite(values[target])).sum())
            if unknown:
                yield f"evaluate.targets: {target} has no value in {unknown} of {len(values[target])} {split} images"
            elif np.ptp(values[target]) <= NEGLIGIBLE * np.abs(values[target]).max():
                yield f"evaluate.targets: {target} is {_in_words(examples, values[target][0])} in all {split} images"
    _say_differences(config, examples, images)


def _about_few_labels(evaluate, examples, n_labels):
    """Whether the fewest labels of each seed are of two classes at least."""
    if evaluate.task != "classification" or examples.learnt is None:
        return
    target, few = evaluate.targets[0], min(n_labels)
    if np.ptp(examples.values("labelled", MOST_LOOKED_AT)[target]) == 0:  # which is said as such
        return
    for seed in range(evaluate.seeds):
        found = np.unique(examples.pool_values(max(n_labels), seed)[target][:few])
        if len(found) == 1 and np.isfinite(found[0]):
            yield (
                f"evaluate.n_labels: all of {few} labelled images of a seed are {_in_words(examples, found[0])}; "
                "expected more, so that there is something to tell apart"
            )
            return


def _in_words(examples, value):
    """A value of a target: the name of a class, or a number."""
    return examples.classes[int(value)] if examples.classes else f"{value:g}"


def _say_differences(config, examples, images):
    """Say what does not hinder, but is to be known: other pixels or classes, tests seen before without their labels."""
    from .evaluate.tasks.comparisons import classes_without_tests, differences, seen_tests
    from .ssl.folder import say_once

    without = classes_without_tests(examples, examples.amounts(config.evaluate).n_test)
    for note in (*differences(examples), *without, *seen_tests(config, examples, images)):
        say_once(note)


def _about_seen_tests(config, examples, images):
    """Whether the test lenses of a dataset are among those that encoders are trained on."""
    from .configs.differences import difference
    from .configs.instruments import numbers

    pre = config.pretrain
    if examples.simulated is None or (images is not None and images.scene is None):
        return
    if images is None:
        simulate, seed, first = config.simulate, config.seed, 0
        last = max(pre.steps_of(name) for name in pre.encoders) * pre.batch_size - 1
    else:
        simulate, seed = images.config.simulate, images.scene.seed
        first, last = (int(images.numbers([place])[0]) for place in (0, len(images) - 1))
    if seed != examples.simulated[1] or difference(numbers(simulate), numbers(examples.simulated[0])):
        return
    tested = examples.numbers("test")
    seen = int(((tested >= first) & (tested <= last)).sum())
    if seen:
        data = config.evaluate.data
        yield (
            f"evaluate.data: encoders are trained on {seen} of {len(tested)} test lenses of "
            f"{data.judged}; expected others, such as a dataset of lenstream simulate --split test (or "
            "labelled, to learn from)"
        )


def about_views(name, settings, method, images):
    """Whether images in files have the views that a method compares. method: `ssl.methods.base.Method`."""
    if images is None:
        return
    from .ssl.data import problem_of_views

    problem = problem_of_views(name, settings, method.n_views, images)
    if problem:
        yield problem
