"""Sentences on how the images to learn from differ from those for tests, and which of these encoders saw before."""

import numpy as np

from ...ssl.normalize import statistics
from .same_pixels import fingerprints, shared

LOOKED_AT = 200  # images of each side
MUCH = 2.0  # a factor between two noises, or two pixels, that is worth a sentence


def differences(examples):
    """Sentences on noise, pixels and targets that are others in the tests than in what is learnt from.

    Images come to networks in the unit of their files: nothing is scaled to fit. examples: `examples.Examples`.
    """
    if examples.judged is examples.learnt:
        return
    one, other = (_name(examples, side) for side in ("learnt", "judged"))
    learnt = examples.labelled("labelled", min(LOOKED_AT, examples.count("labelled")))
    tests = examples.labelled("test", min(LOOKED_AT, examples.count("test")))
    noise = [float(statistics(data.images.numpy()).noise.mean()) for data in (learnt, tests)]
    if max(noise) > MUCH * min(noise):
        yield (
            f"evaluate.data: the noise of a pixel is {noise[0]:.3g} in {one} and {noise[1]:.3g} in {other}, each in "
            "its own unit: networks see both as they are, so scores tell of that, too"
        )
    scales = [_pixel_scale(examples, images) for images in (examples.learnt, examples.judged)]
    if None not in scales and not np.isclose(*scales, rtol=0.02):
        yield f"evaluate.data: a pixel is {scales[0]:.3g} arcsec in {one} and {scales[1]:.3g} in {other}"
    shapes = examples.shapes
    if shapes[0] != shapes[1]:
        yield f"evaluate.data: images are {shapes[0][1]} pixels wide in {one} and {shapes[1][1]} in {other}"
    for target, values in learnt.true.items():
        if examples.classes:
            continue
        low, high = float(values.min()), float(values.max())
        outside = float(((tests.true[target] < low) | (tests.true[target] > high)).float().mean())
        if outside > 0.5:
            yield (
                f"evaluate.data: {target} is {low:.3g} to {high:.3g} in {one}, and beyond that in {outside:.0%} of the "
                f"tests ({other}); is its unit the same?"
            )


def seen_tests(config, examples, images):
    """A sentence if encoders are trained, without labels, on images that are tests, by their pixels.

    images: of the training (`ssl.data.open_images`), None for the stream.
    """
    if images is None or examples.judged is None or (images.ordered and examples.judged.ordered):
        return
    if images.num_pix != examples.judged.num_pix or images.bands != examples.judged.bands:
        return
    tests = examples.places("test")
    prints = fingerprints(examples.judged)
    seen = len(shared(fingerprints(images), [prints[k] for k in tests]))
    if seen:
        yield (
            f"evaluate.data: encoders are trained on {seen:,} of {len(tests):,} test images without their labels "
            f"(pretrain.data: {config.pretrain.data.path}), as is common; scores on images that no training saw may "
            "be lower"
        )


def classes_without_tests(examples, n_test):
    """A sentence if some classes are those of none of the first n_test test images in files.

    Where all are of one class, that is a mistake of its own. examples: `examples.Examples`.
    """
    if examples.judged is None or not examples.classes:
        return
    (numbers,) = examples.values("test", n_test).values()
    there = np.unique(numbers[np.isfinite(numbers)]).astype(int)
    missing = [name for k, name in enumerate(examples.classes) if k not in there]
    if missing and len(there) > 1:
        yield (
            f"evaluate.data: none of {len(numbers):,} test images of {examples.judged.root} is {' or '.join(missing)}, "
            "which has no score of its own then; means over classes are of the others"
        )


def _name(examples, side):
    images = getattr(examples, side)
    return "simulated lenses" if images is None else str(images.root)


def _pixel_scale(examples, images):
    if images is None:
        return examples.stream.instrument.pixel_scale
    return images.scene.instrument.pixel_scale if images.scene is not None else images.pixel_scale
