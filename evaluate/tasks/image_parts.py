"""Which of the images in files are to learn from, which to choose strengths by, and which for tests."""

import re
from pathlib import Path

import numpy as np

from ...configs.labelled_images import Split
from ...errors import DataError, nearest
from ...files.image_sets import split_of
from ...ssl.folder import say_once
from .class_targets import classes_of
from .same_pixels import fingerprints, shared
from .splits import TEST_SHARE, divide, objects

WHERE = "evaluate.data"


def parts_of(config, images, tests, known, classes):
    """Places of the images of each part, {"labelled", "validation", "test": int64 (n,)}, in order; "test" only if it is
    a part of them.

    A given part is that of `split.lists`, or else that which a folder or a list beside the images says; what no part
    has is split by shares. Images of one object, and those of the same pixels, are in one part.

    Args:
        config: `configs.schema.Config`. images: to learn from. tests: those of `evaluate.data.test_path`, the images
        themselves if tests are a part of them, or None for simulated ones. known: places whose targets are known.
        classes: numbers of the classes (n,) that are learnt, or None.

    Raises: DataError for lists that do not fit, and for an image or an object in two given parts.
    """
    data = config.evaluate.data
    other_tests = tests is not images and tests is not None
    known = np.setdiff1d(known, _judged_within(images, data)) if other_tests else known
    if images.ordered and data.split == Split():  # a dataset of LenStream, in the order of the stream
        n_test = round(TEST_SHARE * len(known)) if tests is images else 0
        parts = {"labelled": known[: len(known) - n_test], "test": known[len(known) - n_test :]}
    else:
        parts = _split(config, images, tests is images, known, classes)
    if other_tests:
        _refuse_shared(images, parts, tests, data.split.by)
    return {"validation": np.array([], dtype=np.int64)} | parts


def _split(config, images, within, known, classes):
    """As `parts_of`, of the images to learn from alone; within: tests are a part of them."""
    split = config.evaluate.data.split
    given = _given(images, split, within)
    shares = {}
    if within and "test" not in given:
        if split.lists is not None and split.lists.train is not None and split.test is None:
            raise DataError(f"{WHERE}.split.lists: holds no test; expected lists.test, or a share as split.test")
        shares["test"] = split.test or TEST_SHARE
    if split.validation is not None and "validation" not in given:
        shares["validation"] = split.validation
    names = [images.name_of(k) for k in range(len(images))]
    of_object = objects(names, *_groupings(images, split.by))
    elsewhere = [given[part] for part in ("validation", "test") if part in given]
    rest = given.get("labelled", np.setdiff1d(np.arange(len(images)), np.concatenate([[], *elsewhere]).astype(int)))
    rest = np.intersect1d(rest, known)
    strata = _strata(images, split.stratify, classes)
    of_rest = {"labelled": rest}
    if shares:
        found = divide([names[k] for k in rest], _renumbered(of_object[rest]), strata[rest], shares, config.seed)
        of_rest = {part or "labelled": rest[places] for part, places in found.items()}
    parts = {part: np.intersect1d(places, known) for part, places in (given | of_rest).items()}
    _refuse_split_objects(images, parts, of_object, split)
    if "labelled" in given:
        out = len(images) - len(np.unique(np.concatenate([*given.values()])))
        if out:
            say_once(f"{WHERE}: {out:,} of {len(images):,} images of {images.root} are in no list, and are left out")
    return parts


def _given(images, split, within):
    """The parts that lists or folders say, {part: places}; "labelled" if they say what to learn from."""
    called = {"train": "labelled", "validation": "validation", "test": "test"}
    said = {split_of(name): places for name, places in images.splits.items()}
    if split.lists is not None:
        paths = {part: path for part, path in split.lists if path is not None}
        return {called[part]: places for part, places in images.listed(paths).items()}
    found = {called[name]: places for name, places in said.items() if name in called}
    anew = {"test": split.test, "validation": split.validation}
    if any(anew[part] is not None for part in anew if part in found):
        say_once(f"{WHERE}.split: the parts that {images.root} has are not taken, as shares are given")
        return {}
    return found if within else {part: places for part, places in found.items() if part != "test"}


def _groupings(images, by):
    """Values by which images are of one object: those of a column, and those of their pixels."""
    prints = fingerprints(images)
    twice = len(prints) - len(set(prints))
    if twice:
        first, second = _first_twice(prints)
        say_once(
            f"{WHERE}: {twice:,} of {len(prints):,} images of {images.root} have the pixels of another, e.g. "
            f"{images.name_of(second)} those of {images.name_of(first)}; they are in one part with it"
        )
    if by is None:
        return [prints]
    return [prints, _column(images, by, "by").tolist()]


def _first_twice(prints):
    seen = {}
    return next((seen[p], k) for k, p in enumerate(prints) if seen.setdefault(p, k) != k)


def _column(images, name, key):
    values = images.column(name)
    if values is None:
        known = images.columns
        raise DataError(
            f"{WHERE}.split.{key}: no column {name} among the labels of {images.root}, which has "
            f"{', '.join(known) or 'none'}.{nearest(name, known)}"
        )
    return values


def _strata(images, stratify, classes):
    """Numbers of the classes that parts hold in equal shares, int64 (n,)."""
    if stratify is None:
        return np.zeros(len(images), dtype=np.int64) if classes is None else np.nan_to_num(classes, nan=-1).astype(int)
    _column(images, stratify, "stratify")
    return classes_of(images, stratify, f"{WHERE}.split.stratify")[1]


def _renumbered(of_object):
    """Objects among some images: each is called by the place of its first one."""
    first = {}
    return np.array([first.setdefault(int(number), k) for k, number in enumerate(of_object)], dtype=np.int64)


def _refuse_split_objects(images, parts, of_object, split):
    """Refuse given parts of which two hold images of one object."""
    part_of = {}
    for part, places in parts.items():
        for place in map(int, places):
            part_of.setdefault(int(of_object[place]), {}).setdefault(part, place)
    torn = [held for held in part_of.values() if len(held) > 1]
    if torn:
        (one, a), (other, b) = list(torn[0].items())[:2]
        of = "have the same pixels" if split.by is None else f"have the same pixels, or the same {split.by}"
        how_many = f"{len(torn):,} objects are" if len(torn) > 1 else "1 object is"
        raise DataError(
            f"{WHERE}: {how_many} in two parts of {images.root}, e.g. {images.name_of(a)} ({one}) and "
            f"{images.name_of(b)} ({other}) {of}; expected each in one part"
        )


def _refuse_shared(images, parts, tests, by):
    """Refuse test images that are among those to learn from, by their pixels or their objects."""
    places = np.concatenate([parts["labelled"], parts.get("validation", parts["labelled"][:0])])
    of_stream = images.ordered and tests.ordered  # whose numbers say it without a look at them
    learnt, judged = ((i.numbers(range(len(i))).tolist() if of_stream else fingerprints(i)) for i in (images, tests))
    if of_stream and (images.scene.seed != tests.scene.seed or images.config.simulate != tests.config.simulate):
        return
    pairs = shared([learnt[k] for k in places], judged)
    if pairs:
        a, b = pairs[0]
        raise DataError(
            f"{WHERE}: {len(pairs):,} of {len(tests):,} test images are among those to learn from, e.g. "
            f"{images.name_of(places[a])} of {images.root} and {tests.name_of(b)} of {tests.root} have the same "
            "pixels; expected others"
        )
    if by is not None and tests.column(by) is not None:
        of_learnt = set(_column(images, by, "by")[places].tolist()) - {""}
        both = sorted(set(tests.column(by).tolist()) & of_learnt)
        if both:
            raise DataError(
                f"{WHERE}.split.by: {len(both):,} objects of {tests.root} are among those to learn from, e.g. "
                f"{both[0]}; expected others"
            )


def _judged_within(images, data):
    """The places of the images of `path` that are those of `test_path`. Raises: DataError if they cannot be told."""
    path, test = (Path(place).resolve() for place in (data.path, data.test_path))
    where = f"{WHERE}.test_path: {data.test_path}"
    if path.is_relative_to(test):
        raise DataError(f"{where} holds the images of evaluate.data.path, to learn from; expected others, or none")
    if not test.is_relative_to(path):
        return []
    below = test.relative_to(path).as_posix()
    inside = re.compile(rf"{re.escape(below)}(/|\[|$)")
    places = [k for k in range(len(images)) if inside.match(images.name_of(k))]
    called = images.splits.get("test") if below.lower() in ("test", "testing") else None
    if not places and called is None:
        raise DataError(
            f"{where} lies in evaluate.data.path, and which of its images are those cannot be told; expected others"
        )
    return places or called
