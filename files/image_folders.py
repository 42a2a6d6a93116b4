"""Folders of images to train on: which files there are, their classes, and what is left out."""

import os
from collections import Counter
from typing import NamedTuple

from ..errors import DataError
from . import zarr_groups
from .file_groups import SPLITS, counted, group
from .image_files import ZARR
from .parts import role_of_file
from .paths import usable
from .suffixes import FITS, IMAGES, has_suffix, visible


class Found(NamedTuple):
    """The images of a folder."""

    files: list  # pairs (path, class or None), sorted by path
    notes: list[str]  # sentences on folders that are no classes, and on files that are not read


def find(root, beside=None):
    """The image files and Zarr groups below a folder, or the group that it is.

    The class is the name of the sub-folder of `root`, or of a sub-folder of train, val or test, which are splits and no
    classes. Sub-folders 000, 001, ... are parts of a large set and no classes, nor is a sub-folder with the files of
    one lens (data.fits, noise_map.fits). Names that begin with a
    dot are left out.

    Args: beside: sentences on files that are no images, such as lists of splits; None: all of them are left out.
    Raises: DataError if there is no folder or no image.
    """
    root = usable(root)
    if not root.is_dir():
        raise DataError(f"pretrain.data.path: there is no folder {root}")
    found, others = search(root)
    if not found.files:
        raise DataError(f"pretrain.data.path: {root} holds no image; expected files in {', '.join(IMAGES)} or a {ZARR}")
    splits = _splits(root, (path for path, _ in found.files))
    return found._replace(notes=_notes(root, found, _left_out(root, others) if beside is None else beside, splits))


def search(root):
    """As `find`, and the paths of the files that are no images; these and splits are not in the notes.

    A folder may hold no image.
    Raises: DataError if a folder cannot be read.
    """
    if zarr_groups.is_group(root):
        return Found([(root, None)], []), []
    found, others, companions, lens_folders = [], [], [], set()
    for folder, paths in _folders(root, {_real(root)}):
        images = []
        for path in paths:
            (images if zarr_groups.is_group(path) or has_suffix(path, IMAGES) else others).append(path)
        beside, one_lens = _companions(folder, images)
        companions += sorted(beside)
        lens_folders |= {folder} if one_lens else set()
        found += [path for path in images if path not in beside]
    found = sorted(found)
    splits = _splits(root, found)
    classes = [_class_of(path, root, splits, lens_folders) for path in found]
    notes = _beside(companions)
    if are_numbers(classes):
        notes.append(f"sub-folders are numbers, such as {min(filter(None, classes))}, and no classes")
        classes = [None] * len(found)
    return Found(list(zip(found, classes, strict=True)), notes), others


def are_numbers(folders):
    """Whether names of sub-folders (None: none) number the parts of a set, as 000 and 001; 0 and 1 may be classes."""
    names = {name for name in folders if name is not None}
    return bool(names) and all(name.isdecimal() and len(name) > 1 for name in names) and len({*map(len, names)}) == 1


def _splits(root, paths):
    """The sub-folders that are splits."""
    firsts = {path.relative_to(root).parts[0] for path in paths if len(path.relative_to(root).parts) > 1}
    return {name for name in firsts if name.lower() in SPLITS}


def _folders(folder, seen):
    """A folder and all below it, each with its files and Zarr groups."""
    here = []
    try:
        held = visible(folder)
    except OSError as error:
        raise DataError(f"pretrain.data.path: {folder} cannot be read ({error.strerror})") from None
    for path in held:
        if os.path.isdir(path) and not zarr_groups.is_group(path):  # False, too, for what may not be looked at
            if _real(path) not in seen:  # links may lead in circles
                yield from _folders(path, seen | {_real(path)})
        else:
            here.append(path)
    yield folder, here


def _real(path):
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a link to itself
        return path


def _companions(folder, images):
    """The set of files that are a noise map, mask or PSF of an image beside them, and whether all are one lens."""
    lenses = group([path for path in images if has_suffix(path, FITS)], folder.name)
    beside = {path for lens in lenses if len(lens.files) > 1 for path in lens.files if path != _image_of(lens)}
    one = len(lenses) == 1 and len(lenses[0].files) > 1 and len(images) == len(lenses[0].files)
    return beside, one


def _image_of(lens):
    return next(path for path in lens.files if role_of_file(path)[0] in ("", "image"))


def _class_of(path, root, splits, lens_folders):
    names = path.relative_to(root).parts[:-1]
    if names and names[0] in splits:
        names = names[1:]
    if len(names) == 1 and path.parent in lens_folders:
        return None
    return names[0] if names else None


def _beside(companions):
    if not companions:
        return []
    return [f"{len(companions)} noise maps, masks and PSFs beside images are not read, such as {companions[0].name}"]


def _left_out(root, others):
    if not others:
        return []
    return [f"{len(others)} files in {root} are not images that can be read, and are left out: {counted(others)}"]


def _notes(root, found, beside, splits):
    notes = []
    if splits:
        firsts = Counter(path.relative_to(root).parts[0] for path, _ in found.files)
        counts = ", ".join(f"{name} ({firsts[name]} files)" for name in sorted(splits))
        notes.append(
            f"{counts} are splits, not classes: all are trained on; name one of them in the path to take it alone"
        )
    return [*notes, *found.notes, *beside]
