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


def opened_labelled(config, evaluates):
    """The `Examples` of `evaluate.data`; None if encoders are judged by simulated lenses, or not at all."""
    if not evaluates or config.evaluate is None or config.evaluate.data is None:
        return None
    from .evaluate.tasks.examples import Examples

    return Examples(config)


def shapes(images, examples, scene):
    """Bands and pixels along an edge of all images that networks see: sorted pairs.

    Args: images, examples: of `opened` and `opened_labelled`, or None. scene: of the simulation, or None.
    """
    found = {(images.bands, images.num_pix)} if images is not None else set()
    if examples is not None:
        found.add(examples.shape)
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
    if config.evaluate is None or not evaluates or config.evaluate.judged_by_files:
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
    needed = {"labelled": evaluate.seeds * max(evaluate.n_labels), "test": evaluate.n_test}
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
    for split, n, key in (
        ("labelled", evaluate.seeds * max(evaluate.n_labels), "n_labels"),
        ("test", evaluate.n_test, "n_test"),
    ):
        there = examples.count(split)
        if there < n:
            times = f" ({evaluate.seeds} seeds)" if split == "labelled" else ""
            instead = "fewer" if there >= LEAST[key] else f"more images, as {key} is {LEAST[key]} at least"
            yield f"evaluate.{key}: {n} {split} images{times}, but {where} has {there}; expected {instead}"
            return
    yield from _about_seen_tests(config, examples, images)
    bands = images.bands if images is not None else len(scene.bands) if scene is not None else examples.shape[0]
    if examples.shape[0] != bands:
        yield f"{where}: its images have {examples.shape[0]} bands, those that encoders are trained on {bands}"
    drawn = {split: examples.values(split, MOST_LOOKED_AT) for split in ("labelled", "test")}
    for target in evaluate.targets:
        for split, values in drawn.items():
            unknown = int((~np.isfinite(values[target])).sum())
            if unknown:
                yield f"evaluate.targets: {target} has no value in {unknown} of {len(values[target])} {split} images"
            elif np.ptp(values[target]) <= NEGLIGIBLE * np.abs(values[target]).max():
                yield f"evaluate.targets: {target} is {values[target][0]:g} in all {split} images"


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
            f"{data.test_path or data.path}; expected others, such as a dataset of lenstream simulate --split test (or "
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
