"""Folders whose files say in their names what they show: lens_001.fits beside nonlens_001.fits."""

import itertools
import re
from dataclasses import replace
from pathlib import PurePosixPath

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
