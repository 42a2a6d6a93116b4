"""Classes as targets: their names, and the number of each image's class among those that are learnt."""

import numpy as np

from ...configs.evaluation import NO_CLASSES
from ...errors import DataError, nearest, short
from ...files.label_tables import MOST_CLASSES

TARGETS = "evaluate.targets"


def names_in(images, target):
    """The names of the classes in a column that images in files have, in order of their numbers.

    Raises: DataError for a column that holds no few classes, or one that is called as what is of all of them.
    """
    names = classes_of(images, target, TARGETS)[0]
    if len(names) > MOST_CLASSES:  # of sub-folders
        raise DataError(
            f"evaluate.targets: {images.root} has {len(names):,} classes, e.g. {short(names[0])}; expected "
            f"{MOST_CLASSES} at most"
        )
    for name in names:
        if name in NO_CLASSES:
            raise DataError(
                f"evaluate.targets: {target} of {images.root} has a class {name}, which is all of them together in "
                "results.csv; expected another name"
            )
    return names


def names_simulated(scene):
    """The names of the classes of a simulation, in its order, without those that never occur."""
    return tuple(name for name, frequency in scene.config.classes.items() if frequency > 0)


def numbers_in(images, target, names):
    """The number of the class of each image among some names, float (n,), NaN where it is not known.

    Raises: DataError for images of a class that is none of them.
    """
    own, numbers = classes_of(images, target, TARGETS)
    return _renumbered(numbers, own, names, images.root)


def numbers_simulated(scene, values, names):
    """The same of simulated systems. values: their label "class" (n,), a number in `simulate.classes`."""
    return _renumbered(np.asarray(values).astype(int), tuple(scene.config.classes), names, "the simulation")


def classes_of(images, column, key):
    """The names of the classes in a column, and their number for each image, int (n,), -1 where it is not known.

    key: of the config, which names the column. Raises: DataError for a column that holds no few classes.
    """
    found = images.classes_of(column)
    if found is None:
        raise DataError(
            f"{key}: the column {column} of {images.root} has no few classes; expected one of words or whole numbers, "
            f"with 2 to {MOST_CLASSES} different ones"
        )
    return found


def _renumbered(numbers, own, names, root):
    """Numbers among `own` names as numbers among `names`, float with NaN for -1."""
    there = [own[k] for k in np.unique(numbers[numbers >= 0])]
    unknown = [name for name in there if name not in names]
    if unknown:
        raise DataError(
            f'evaluate.data: the class "{unknown[0]}" of {root} is none of those to learn from; expected some of '
            f"{', '.join(names)}.{nearest(unknown[0], names)}"
        )
    places = np.array([names.index(name) if name in names else -1 for name in own] + [-1])  # -1 stays
    found = places[numbers].astype(float)
    return np.where(found < 0, np.nan, found)
