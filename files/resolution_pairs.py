"""Pairs for super-resolution, as DeepLense has them: a folder LR and a folder HR with files of the same names."""

from dataclasses import replace

from ..errors import DataError
from .class_folders import with_classes
from .image_folders import are_numbers
from .image_sets import of_files, split_of

COARSE, FINE = ("lr", "low", "low_resolution", "lowres"), ("hr", "high", "high_resolution", "highres")
SHOWN = 3


def recognise(place):
    """The `ImageSet` of the images with large pixels, with the others as `finer`; None for any other folder.

    Raises: DataError if a file has no partner.
    """
    coarse, fine = {}, {}
    for path in place.images:
        parts = path.relative_to(place.path).parts if path != place.path else ()
        at = next((k for k, part in enumerate(parts[:-1]) if part.lower() in COARSE + FINE), None)
        if at is None:
            return None
        side = coarse if parts[at].lower() in COARSE else fine
        side["/".join(parts[:at] + parts[at + 1 :])] = path
    if not coarse or not fine:
        return None
    odd = sorted(set(coarse) ^ set(fine))
    if odd:
        raise DataError(
            f"{place.path}: {len(odd):,} images have no partner of the other resolution, e.g. {', '.join(odd[:SHOWN])}"
        )
    names = sorted(coarse)
    large, small = (
        of_files(place.path, "resolution pairs", "", [side[name] for name in names]) for side in (coarse, fine)
    )
    if len(large) != len(small):
        raise DataError(f"{place.path}: holds {len(large):,} images of low and {len(small):,} of high resolution")
    folders = [_class_of(name) for name in names]
    classes = dict(zip((coarse[name] for name in names), folders, strict=True))
    large = with_classes(large, {} if None in folders or are_numbers(folders) else classes)
    return replace(
        large,
        kind="resolution pairs",
        what=f"pairs of images with {large.height} x {large.width} and {small.height} x {small.width} pixels",
        notes=(*place.notes, *large.notes),
        finer=small,
    )


def _class_of(name):
    """The folder of a file, below that of a split; None without one."""
    folders = name.split("/")[:-1]
    folders = folders[1:] if folders and split_of(folders[0]) else folders
    return folders[0] if folders else None
