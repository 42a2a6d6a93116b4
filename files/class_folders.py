"""Folders of images, of which sub-folders may be classes and splits: DeepLense's, real cut-outs, anybody's."""

from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from .image_files import ZARR
from .image_sets import numbered, of_files, split_numbers
from .object_arrays import Mass

DEEPLENSE = {"no_sub", "no", "no_substructure", "cdm", "sub", "sphere", "subhalo", "axion", "vort", "vortex"}
LENSES = {"lens", "lenses", "nonlens", "nonlenses", "non_lens", "non_lenses", "not_lens", "not_lenses"}


def recognise(place):
    """The `ImageSet` of a folder or file of images, or None if a `dataset_layouts.Contents` has none."""
    if not place.images:
        return None
    found = of_files(place.path, "images", "", place.images, notes=place.notes)
    return described(with_classes(found, dict(zip(place.images, place.classes, strict=True))))


def with_classes(images, class_of):
    """A set with what its folders say: classes and splits; and the masses that stand in files of DeepLense.

    class_of: {path: class or None} of the files of the set.
    """
    sources, ends = images.read.sources, images.read.ends
    counts = np.diff(ends, prepend=0)
    labels, classes = dict(images.labels), ()
    notes = images.notes
    if any(class_of.values()):
        classes, numbers = numbered([class_of[source.path] for source in sources])
        labels["class"] = np.repeat(numbers, counts)
        outside = int((labels["class"] < 0).sum())
        if outside:
            notes = (*notes, f"{outside:,} images lie in no sub-folder, and have no class")
    masses = [s.place.value if isinstance(s.place, Mass) else np.nan for s in sources]
    if any(isinstance(source.place, Mass) for source in sources):
        labels["mass"] = np.repeat(np.array(masses), counts)
    splits = split_numbers(images.names)
    return replace(images, labels=labels, classes=classes, splits=splits, notes=notes)


def described(images):
    """A set of files with words for what it is."""
    lower = {name.lower().replace("-", "_") for name in images.classes}
    form = images.read.sources[0].form
    if lower and lower <= DEEPLENSE:
        kind, what = "DeepLense folder", "images of DeepLense, in a sub-folder for each kind of dark matter"
    elif lower and lower <= LENSES:
        kind, what = "lenses and others", "cut-outs in a sub-folder of lenses and one of others"
    elif images.classes:
        kind, what = "images in classes", f"images in {len(images.classes)} sub-folders, which are classes"
    elif form == ZARR:
        kind, what = "Zarr group", "a Zarr group with an array of images"
    elif len(images.read.sources) == 1:
        one = len(images) == 1
        kind = f"{form} {'image' if one else 'array'}"
        what = f"one image in a {form} file" if one else f"{len(images):,} images in one {form} file"
    else:
        suffixes = sorted({PurePosixPath(str(name)).suffix.split("[")[0] for name in images.names})
        kind, what = "folder of images", f"a folder of images ({', '.join(suffixes[:4])})"
    return replace(images, kind=kind, what=what)
