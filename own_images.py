"""Fit the runs of a reproduction to images of the user's: labels, tests and steps follow how many there are."""

from .configs.load import check
from .errors import ConfigError
from .files.class_names import meant

ALL = "all"  # as `n_labels` and `n_test` have it
_FEWEST = {"n_labels": 10, "n_test": 20}  # that a config allows


def fitted(config, full, reproduction):
    """A run's config whose sizes are those of the images that it names, and sentences on what was changed.

    Args: config: `configs.schema.Config` with `evaluate.data`, named by the run. full: the same at full scale, where
    there are as many passes through the images as the source had; smaller ones have as many at most.
    Raises: ConfigError for images without the classes that the table names, or too few; DataError for images that
    cannot be read.
    """
    from .evaluate.tasks.examples import Examples

    examples, path = Examples(config), config.evaluate.data.path
    _need_classes(examples.classes, reproduction, config, path)
    n_images, source = len(examples.learnt), reproduction.runs[config.name].images
    values, said = config.model_dump(), []
    said += _fit_labels(values["evaluate"], examples.count("labelled"), examples.count("test"), path)
    said += _fit_batch(values["pretrain"], n_images)
    passes = n_images / source if source else 1.0
    said += _fit_steps(values["pretrain"], passes * full.pretrain.steps, config == full, n_images)
    return check(values, path), [f"{config.name}: {sentence}" for sentence in said]


def _need_classes(there, reproduction, config, path):
    """Refuse images without classes, or without one that a row of the run has a published number of."""
    if config.evaluate.task != "classification":
        return
    if len(there) < 2:
        expected = "a folder for each class, or others that `lenstream inspect` knows"
        raise ConfigError([f"data={path}: its images have no classes; expected {expected}"])
    known = {meant(name) for name in there}
    columns = {name for row in reproduction.rows if row.run == config.name for name in row.published}
    wanted = {reproduction.columns[name].target for name in columns} - {"all", "macro", "image"}
    if missing := sorted(wanted - known):
        expected = f"a class for {missing[0]}, of which the table has a number"
        raise ConfigError([f"data={path}: its classes are {', '.join(there)}; expected {expected}"])


def _fit_labels(evaluate, n_labelled, n_test, path):
    """Keep the numbers of labels and tests that there are images for, in a config's values; yields what was changed."""
    if n_labelled < _FEWEST["n_labels"] or n_test < _FEWEST["n_test"]:
        least = f"{_FEWEST['n_labels']} and {_FEWEST['n_test']} at least"
        raise ConfigError([f"data={path}: {n_labelled} images to learn from and {n_test} for tests; expected {least}"])
    wanted = evaluate["n_labels"]
    kept = [n for n in wanted if not isinstance(n, int) or n <= n_labelled]
    if len(kept) < len(wanted):
        evaluate["n_labels"] = kept if ALL in kept else [*kept, ALL]
        yield f"{_listed(evaluate['n_labels'])} of {n_labelled:,} images to learn from, instead of {_listed(wanted)}"
    if evaluate["n_test"] != ALL and n_test < evaluate["n_test"]:
        yield f"{n_test:,} test images instead of {evaluate['n_test']:,}"
        evaluate["n_test"] = ALL


def _fit_batch(pretrain, n_images):
    """Have no image in a batch twice; yields what was changed."""
    if pretrain["batch_size"] > n_images:
        batch = n_images - n_images % pretrain["accumulate"]
        yield f"batches of {batch} instead of {pretrain['batch_size']}, as there are {n_images:,} images"
        pretrain["batch_size"] = batch


def _fit_steps(pretrain, wanted, full, n_images):
    """Have a training take so many steps, or fewer if it is not at full scale; yields what was changed."""
    before = pretrain["steps"]
    factor = wanted / before if full else min(wanted / before, 1.0)
    for section in (pretrain, *pretrain["encoders"].values()):
        for name in ("steps", "warmup", "teacher_warmup", "freeze_last"):
            if section.get(name):
                section[name] = max(1, round(section[name] * factor))
    if pretrain["steps"] != before:
        yield f"{pretrain['steps']:,} steps instead of {before:,}, for {n_images:,} images"


def _listed(numbers):
    return ", ".join(f"{n:,}" if isinstance(n, int) else str(n) for n in numbers)
