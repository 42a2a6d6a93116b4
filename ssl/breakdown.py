"""What is said of a training that broke down: which images to look at, what is left, and what to do."""

from .batch_order import batch_at

NAMED = 3  # images


def way_on(steps, kept, state, is_bad):
    """What is left of a training that broke down after so many steps, and what to do.

    kept: the step of the checkpoint on the disk, or None. state: its path. is_bad: it has weights that are not finite.
    """
    if steps == 0:
        return "no weight has moved yet, so it is these images, or the weights that it starts from"
    left = "there is no checkpoint yet"
    if kept is not None:
        which = "checkpoint, with weights that are not finite either," if is_bad else "good checkpoint,"
        left = f"the last {which} of step {kept}, is {state}"
    return (
        f"{left}. The same command would end here again: start anew with a lower lr, a longer warmup or clip, by "
        "--overwrite, or name=... for a run of its own"
    )


def samples_of(step, batch_size, images, seed):
    """The images of a step, to look at; images: those in files, or None for simulated ones."""
    first = step * batch_size
    if images is None:
        return f"samples {first} to {first + batch_size - 1}"
    names = [images.name_of(k) for k in batch_at(seed, first, batch_size, len(images), images.ordered)]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more} in {images.root}"
