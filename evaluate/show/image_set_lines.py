"""What `lenstream inspect` says of a set of images: its layout, labels, classes, splits and pixels, line by line."""

import numpy as np

HEAD = 12  # columns of a line's heading
LISTED = 6  # names in a line
MOST_LABELS = 40


def line(head, words):
    """A line with its heading."""
    return f"{head:<{HEAD}}{words}"


def set_lines(images):
    """Lines on a `files.image_sets.ImageSet`, from what its headers say."""
    each = f", {images.views} views of each system" if images.views > 1 else ""
    yield line("layout", images.kind)
    yield line("images", f"{len(images):,}{each}")
    known = [band for band in images.bands if band]
    yield line("bands", f"{len(images.bands)} ({', '.join(known) if known else 'not named'})")
    yield line("pixels", f"{images.height} x {images.width}, {_scale(images)}")
    if images.finer is not None:
        yield line("finer", f"{images.finer.height} x {images.finer.width} pixels of the same systems")
    if images.classes:
        yield line("classes", _classes(images))
    if images.splits:
        yield line("splits", ", ".join(f"{name} {len(numbers):,}" for name, numbers in images.splits.items()))
    labels = [name for name in images.labels if name != "class"]
    for k, name in enumerate(labels[:MOST_LABELS]):
        yield line("labels" if k == 0 else "", f"{name} {spread(images.labels[name])}")
    if len(labels) > MOST_LABELS:
        yield line("", f"and {len(labels) - MOST_LABELS} more")


def _scale(images):
    return "of unknown size" if images.pixel_scale is None else f"of {images.pixel_scale:.4g} arcsec"


def _classes(images):
    numbers = images.labels["class"]
    counts = [f"{name} {int((numbers == k).sum()):,}" for k, name in enumerate(images.classes)]
    without = int((numbers < 0).sum())
    more = [f"and {len(counts) - 2 * LISTED} more"] if len(counts) > 2 * LISTED else []
    return ", ".join([*counts[: 2 * LISTED], *more, *([f"without one {without:,}"] if without else [])])


def spread(values, unit=""):
    """The range of numbers (n,) and how many there are not: "0.8 to 1.6 arcsec, 3 of 100 NaN"."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    missing = len(values) - len(finite)
    nan = f", {missing:,} of {len(values):,} NaN" if missing else ""
    if not len(finite):
        return f"NaN in all of {len(values):,}"
    low, high = finite.min(), finite.max()
    return (f"{low:.4g}{unit}" if low == high else f"{low:.4g} to {high:.4g}{unit}") + nan


def survey_lines(images, seen):
    """Lines on the pixels of some images, by a `Survey`."""
    n = len(seen.numbers)
    whole = f"{n:,} of {len(images):,} images" if n < len(images) else f"all {n:,} images" if n > 1 else "the one image"
    low, middle, high = seen.fluxes
    yield line("fluxes", f"1 % below {low:.3g}, half below {middle:.3g}, 99 % below {high:.3g} (median image)")
    lost = f"{seen.lost:.2%} of the pixels, in {seen.with_lost:,} of {whole}" if seen.with_lost else f"none in {whole}"
    yield line("bad pixels", lost)
    if seen.empty:
        yield line("empty", f"{len(seen.empty):,} of {whole} hold one value, or none: {_some(images, seen.empty)}")
    if seen.equal:
        pairs = ", ".join(f"{images.names[a]} and {images.names[b]}" for a, b in seen.equal[:3])
        yield line("twice", f"{len(seen.equal):,} of {whole} are the same as another: {pairs}")
    else:
        yield line("twice", f"none of {whole}")


def _some(images, numbers):
    return ", ".join(str(images.names[k]) for k in numbers[:3])


def note_lines(images):
    """Lines on what is read and what is not."""
    for k, note in enumerate(images.notes):
        yield line("notes" if k == 0 else "", note)
