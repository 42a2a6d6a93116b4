"""Lists of the files of each split, beside the images: pickles of names, read without unpickling, or text."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from ..errors import DataError
from . import pickled
from .image_sets import SPLITS, ImageSet, split_of
from .label_tables import IDS
from .paths import usable
from .suffixes import has_suffix, stem
from .unreadable import Unreadable, check_is_file, reading

PICKLES = (".pkl", ".pickle", ".p")
TEXTS = (".txt", ".lst", ".list")
SHOWN = 3
MOST_LISTS, MOST_NAMES = 1000, 10_000_000  # in a pickle, which may hold one list many times


def with_splits(images: ImageSet, others):
    """A set with the splits that lists beside it give, and those of the other files that are no such lists.

    A list is a pickle (a list, tuple, set or array of names, or dicts of them by split or class) or a text with a name
    a line, some of which are there: train_log.txt is none. Which split it is says its name (train.pkl, val_lenses.txt)
    or a key of its dict. Raises: DataError for a list that cannot be read, or a name of no image or of several.
    """
    paths = [path for path in others if has_suffix(path, PICKLES) or _is_called_so(path)]
    listed = set(paths)
    found, left = {}, [path for path in others if path not in listed]
    index = _by_name(images.names) if paths else {}
    for path in paths:
        for words, names in _lists_if_any(path):
            split = next((split_of(word) for word in words if split_of(word)), None)
            if split is not None and (has_suffix(path, PICKLES) or _is_list(path, names, index)):
                found.setdefault(split, []).append((path, words, names))
            elif path not in left:
                left.append(path)
    if not found:
        return images, left
    splits = {split: _numbers(lists, index, images) for split, lists in found.items()}
    said = ", ".join(f"{split} {len(numbers):,}" for split, numbers in splits.items())
    files = ", ".join(dict.fromkeys(path.name for lists in found.values() for path, _, _ in lists))
    return replace(images, splits=images.splits | splits, notes=(*images.notes, f"splits by {files}: {said}")), left


_SPLITTING = set(SPLITS)


def _is_called_so(path):
    return has_suffix(path, TEXTS) and bool(_words(path.stem) & _SPLITTING)


def _is_list(path, names, index):
    """Whether a text is a list: it is called as a split alone, or some of its names are there."""
    return bool(split_of(path.stem)) or any(called in index for name in names for called in _calls(name))


def _words(text):
    return set(re.split(r"[^a-z0-9]+", str(text).lower()))


def _lists_if_any(path):
    """As `_lists`; a pickle of something else, whose name says nothing of splits, gives an empty list."""
    try:
        yield from _lists(path)
    except Unreadable:
        if _words(path.stem) & _SPLITTING:
            raise
        yield (), []


def _lists(path):
    """Pairs (words, names): the words of a file's name and of the keys that lead to a list, and the list."""
    words = tuple(re.split(r"[^a-z0-9]+", path.stem.lower()))
    if has_suffix(path, PICKLES):
        yield from _in_pickle(path, pickled.unboxed(pickled.read(path, "a list of names")), words, Counter())
        return
    check_is_file(path, "a list of names")
    with reading(path, "a list of names"):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    names = [line.split(",")[0].strip() for line in lines if line.strip() and not line.startswith("#")]
    yield words, names


def _in_pickle(path, held, words, met, depth=0):
    """As `_lists`. met: how many lists, dicts and names there were so far."""
    met["lists"] += 1
    met["names"] += held.size if isinstance(held, np.ndarray) else len(held) if isinstance(held, list | tuple) else 0
    if met["lists"] > MOST_LISTS or met["names"] > MOST_NAMES:
        raise Unreadable(path, "a list of names", f"it holds more than {MOST_LISTS:,} lists or {MOST_NAMES:,} names")
    if isinstance(held, dict) and depth < 3:
        for key, inner in held.items():
            yield from _in_pickle(path, pickled.unboxed(inner), (*words, str(key).lower()), met, depth + 1)
        return
    if isinstance(held, np.ndarray) and held.ndim == 1:
        held = held.astype(str).tolist() if held.dtype.kind in "US" else held.tolist()
    plain = [pickled.unboxed(name) for name in held] if isinstance(held, list | tuple) else None
    if plain is None or not all(isinstance(name, str | int) and not isinstance(name, bool) for name in plain):
        raise Unreadable(path, "a list of names", "it holds something else than names")
    yield words, [str(name) for name in plain]


def _by_name(names):
    """{what a file may be called: its numbers}: its path, the end of that, its name, its name without suffix."""
    index = {}
    for number, name in enumerate(names):
        for called in _calls(name):
            index.setdefault(called, []).append(number)
    return index


def _calls(name):
    """What a file may be called, the surest first."""
    parts = PurePosixPath(str(name).replace("\\", "/")).parts
    bare = (*parts[:-1], *(stem(part) for part in parts[-1:]))
    return list(dict.fromkeys("/".join(some[-n:]) for n in (len(parts), 2, 1) for some in (parts, bare)))


def _classes_in(words, classes):
    """Numbers of the classes that words name, several words together too: of non_lenses it is nonlenses, not lenses."""
    words, found = [part for word in words for part in re.split(r"[^a-z0-9]+", word)], []
    plain = {k: re.sub(r"[^a-z0-9]", "", name.lower()) for k, name in enumerate(classes)}
    for k in sorted(plain, key=lambda k: -len(plain[k])):
        ends = [(i, j) for j in range(len(words) + 1) for i in range(j) if "".join(words[i:j]) == plain[k] != ""]
        if ends:
            found.append(k)
            words[slice(*ends[0])] = ["|"]  # a word that no class has
    return found


def _numbers(lists, index, images):
    """The numbers of the images that lists name, int64, in order."""
    out, missing, several = [], [], []
    for path, words, names in lists:
        classes = _classes_in(words, images.classes)
        for name in names:
            found = next((index[called] for called in _calls(name) if called in index), [])
            if classes and len(found) > 1:
                found = [k for k in found if images.labels["class"][k] in classes]
            if len(found) == 1:
                out.append(found[0])
            else:
                (several if found else missing).append((path, name))
    for faults, why in ((missing, "are not there"), (several, "are there more than once, so name their folders")):
        if faults:
            shown = ", ".join(name for _, name in faults[:SHOWN])
            raise DataError(f"{faults[0][0]}: {len(faults):,} of its images {why}, e.g. {shown}")
    return np.array(sorted(set(out)), dtype=np.int64)


def listed(images: ImageSet, lists):
    """The numbers of the images that lists of names hold, {part: int64 (n,)}. lists: {part: path of a file}.

    A list is a text or a CSV with a name a line, a JSON, or a pickle of names, read without unpickling; of one with
    lists by split, those of other splits are left out. Raises: DataError for a list that cannot be read, a name of no
    image or of several, or an image in two lists.
    """
    index, found = _by_name(images.names), {}
    for part, path in lists.items():
        path = usable(path)
        of_part = [(path, words, names) for words, names in _given(path) if _split_in(words) in (None, part)]
        found[part] = _numbers(of_part, index, images)
        if not len(found[part]):
            raise DataError(f"{path}: holds no name of an image; expected those of the part {part}")
    parts = list(found)
    for k, part in enumerate(parts):
        for other in parts[:k]:
            both = np.intersect1d(found[part], found[other])
            if len(both):
                raise DataError(
                    f"{lists[part]}: {len(both):,} of its images are also in {lists[other]}, e.g. "
                    f"{images.names[both[0]]}; expected each in one part"
                )
    return found


def _given(path):
    """As `_lists`, without the words of the file's name that say a split: it is known which it is."""
    words = tuple(word for word in re.split(r"[^a-z0-9]+", path.stem.lower()) if word not in SPLITS)
    if has_suffix(path, PICKLES):
        yield from _in_pickle(path, pickled.unboxed(pickled.read(path, "a list of names")), words, Counter())
        return
    check_is_file(path, "a list of names")
    with reading(path, "a list of names"):
        text = path.read_text(encoding="utf-8-sig")
        held = json.loads(text) if has_suffix(path, (".json",)) else None
    if held is not None:
        yield from _in_pickle(path, held, words, Counter())
        return
    rows = [line.split(",") for line in text.splitlines() if line.strip() and line[0] != "#"]
    head = [cell.strip().strip('"').lower() for cell in rows[0]] if rows else []
    column = next((head.index(name) for name in IDS if name in head), None)
    rows = rows if column is None else rows[1:]
    yield words, [row[column or 0].strip().strip('"') for row in rows if len(row) > (column or 0)]


def _split_in(words):
    return next((split_of(word) for word in words if split_of(word)), None)
