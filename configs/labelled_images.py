"""Settings of labelled images in files: where they and their labels are, and how they are split into parts."""

import re

from pydantic import model_validator

from .keys import Section, key

_NAMES = "file of names of images, one a line (text, CSV, JSON, or a pickle of names)"


class Lists(Section):
    """Which image is in which part, by lists of names."""

    train: str | None = key(f"{_NAMES}, to learn from; empty: all that are in no other list", "-", None)
    validation: str | None = key(f"{_NAMES}, by which strengths and early stops are chosen", "-", None)
    test: str | None = key(f"{_NAMES}, to be judged by", "-", None)


class Split(Section):
    """How the images of `path` are split by the config's seed, and by the names of the files."""

    test: float | None = key(
        "share of images for tests; empty: those that are called test, or else 0.2", "-", None, gt=0, lt=1
    )
    validation: float | None = key(
        "share of images by which strengths and early stops are chosen; empty: those that are called validation, "
        "or else none",
        "-",
        None,
        gt=0,
        lt=1,
    )
    by: str | None = key(
        "column of the labels that names objects: images of one are in one part; empty: an image is an object",
        "-",
        None,
    )
    stratify: str | None = key(
        "column with classes that all parts hold in equal shares; empty: the classes that are learnt, if any", "-", None
    )
    lists: Lists | None = key("lists of names in place of shares", "-", None)

    @model_validator(mode="after")
    def parts_are_not_given_twice(self):
        if self.lists is not None:
            for part in ("test", "validation"):
                if getattr(self, part) is not None and getattr(self.lists, part) is not None:
                    raise ValueError(f"{part} is a share and lists.{part} a file; expected one of the two")
            if self.lists == Lists():
                raise ValueError("lists holds no file; expected train, validation or test")
        elif (self.test or 0) + (self.validation or 0) >= 1:
            raise ValueError(f"test {self.test:g} and validation {self.validation:g} leave no images to learn from")
        return self


class LabelledImages(Section):
    """Images with labels instead of simulated ones."""

    path: str | None = key(
        "images to learn from: a dataset of `lenstream simulate`, or images with labels (`lenstream inspect` says what "
        "is read); empty: simulated lenses",
        "-",
        None,
    )
    labels: str | None = key(
        "table of their labels, by names of files (CSV, ECSV, FITS, Parquet); empty: the one that lies beside them",
        "-",
        None,
    )
    class_from: str | None = key(
        "pattern (regular expression) whose one group is the class in names of files, such as ^([a-z]+)_; empty: the "
        "sub-folder, or a word such as lens and nonlens in all names",
        "-",
        None,
    )
    test_path: str | None = key(
        "other images to be judged by; empty: a part of `path`, or simulated lenses (`evaluate.judged_on`)", "-", None
    )
    test_labels: str | None = key("table of the labels of `test_path`", "-", None)
    size: int | None = key(
        "pixels that are cut from the centre; empty: `pretrain.data.size`, or those of the simulated lenses beside "
        "which they are learnt from or judged by",
        "pixels",
        None,
        ge=8,
    )
    split: Split = key("parts of the images of `path`", default=Split())

    @property
    def judged(self):
        """Where the images are by which encoders are judged, if they are in files."""
        return self.test_path or self.path

    @model_validator(mode="after")
    def belongs_together(self):
        if self.path is None and self.test_path is None:
            raise ValueError("names no images; expected path, to learn from, or test_path, to be judged by, or both")
        if self.labels is not None and self.path is None:
            raise ValueError("labels are those of path, which is empty; expected test_labels, or path")
        if self.test_labels is not None and self.test_path is None:
            raise ValueError("test_labels are those of test_path, which is empty; expected labels, or test_path")
        if self.path is None and self.split != Split():
            raise ValueError("split is about the images of path, which is empty; expected no split, or path")
        of_lists = self.split.lists is not None and self.split.lists.test is not None
        if self.test_path is not None and (self.split.test is not None or of_lists):
            raise ValueError("the test images are those of test_path, and of split; expected one of the two")
        if self.class_from is not None:
            _check_pattern(self.class_from)
        return self


def _check_pattern(pattern):
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f'class_from "{pattern}" is no pattern ({error})') from None
    if groups != 1:
        raise ValueError(f'class_from "{pattern}" has {groups} groups; expected one in brackets, which is the class')
