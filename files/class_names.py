"""Folders whose files say in their names what they show: lens_001.fits beside nonlens_001.fits."""

import itertools
import re
from dataclasses import replace
from pathlib import PurePosixPath

from ..errors import DataError
from .image_sets import ImageSet, numbered
from .suffixes import stem

WORDS = {  # word in a file's name -> class
    **dict.fromkeys(("lens", "lenses", "lensed", "positive", "pos"), "lens"),
    **dict.fromkeys(("nonlens", "nonlenses", "notlens", "nolens", "unlensed", "negative", "neg"), "nonlens"),
    **dict.fromkeys(("nosub", "nosubstructure"), "no_sub"),
    **dict.fromkeys(("cdm", "sphere", "subhalo"), "cdm"),
    **dict.fromkeys(("axion", "vort", "vortex"), "axion"),
}
NOT = ("non", "not", "no")  # before lens or sub, as a word of its own


def with_classes_by_name(images: ImageSet):
    """A set with the class in each file's name, if there are no folders of classes and all names have such a word.

    Otherwise the set as it is. Names with one class in all of them say nothing, either.
    """
    if images.classes or "class" in images.labels:
        return images
    found = [_class_of(name) for name in images.names]
    if None in found or len(set(found)) < 2:
        return images
    classes, numbers = numbered(found)
    return replace(
        images,
        kind="images with classes in their names",
        what=f"{images.what}, with the class in each file's name",
        classes=classes,
        labels=images.labels | {"class": numbers},
    )


def with_classes_by_pattern(images: ImageSet, pattern):
    """A set with the class that a pattern's group finds in the path of each file: "^([a-z]+)_" in lens_001.fits.

    Files in which it finds none have no class. It takes the place of classes that folders give.
    Raises: DataError if it finds less than two classes.
    """
    found = [re.search(pattern, str(name)) for name in images.names]
    classes, numbers = numbered([match and (match[1] or None) for match in found])
    if len(classes) < 2:
        of = f"one class, {classes[0]}," if classes else "no class"
        raise DataError(
            f'{images.path}: the pattern "{pattern}" finds {of} in the names of {len(images):,} images, e.g. '
            f"{images.names[0]}; expected two at least"
        )
    without = int((numbers < 0).sum())
    said = f"classes by the pattern {pattern}: {', '.join(classes[:8])}{', ...' if len(classes) > 8 else ''}"
    more = (f"{said}; {without:,} of {len(images):,} images have none" if without else said,)
    return replace(images, classes=classes, labels=images.labels | {"class": numbers}, notes=(*images.notes, *more))


def _class_of(name):
    """The class that a file's name says, or None."""
    words = [word for word in re.split(r"[^a-z]+", stem(PurePosixPath(str(name)).name).lower()) if word]
    joined = [a + b for a, b in itertools.pairwise(words) if a in NOT]
    return next((WORDS[word] for word in (*joined, *words) if word in WORDS), None)


def meant(name: str) -> str:
    """The class that the name of a folder or a class stands for, in our words: "no_sub" of "no_substructure".

    A name that says nothing to us is given back.
    """
    return "no_sub" if name.lower() == "no" else _class_of(name) or name
