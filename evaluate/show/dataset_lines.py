"""What `lenstream inspect` says of a dataset that LenStream wrote: only what is shown is read, and no galaxies."""

from dataclasses import replace

import numpy as np

from ...configs.components import DEFLECTION_MAP
from ...configs.quantities import find
from ...errors import DataError
from ...extras import need
from ...files import own_archives
from ...simulate.archive.description import config_of, load
from ...simulate.archive.formats import format_of
from ...simulate.archive.label_file import PARQUET, first_labels
from ...simulate.archive.ledger import read_entries
from ...simulate.archive.rows import BLOCKS, Rows
from ...simulate.archive.shard_blocks import ONE_BY_ONE
from ...simulate.systems.scene import make_scene, without_files
from .image_set_lines import MOST_LABELS, line, spread

LOOKED_AT = 4096  # systems whose labels are


def opened(path):
    """The `Description` of a dataset, and a `Scene` of its bands that draws nothing.

    Raises: DataError for what is damaged, ConfigError for a config that this version does not know, MissingExtra for
    packages.
    """
    described = load(path)
    need("archive", f"{path}, a dataset,")
    return described, without_files(config_of(path).simulate, described.seed)


def dataset_lines(path, described, scene):
    """Lines on a dataset, by what `opened` says of it. Raises: Unreadable for labels that are damaged."""
    shards, written = len(described.shards), len(read_entries(path))
    last = described.start + described.count - 1
    differ = f", of which differ {', '.join(described.redraw)}" if described.views > 1 else ""
    yield line("layout", f"{own_archives.KIND}, format {described.format}, {_shards(shards)}")
    if written < shards:
        yield line("state", f"{written:,} of {_shards(shards)} are written; the command that began it goes on with it")
    yield line("indices", f"{described.start:,} to {last:,}, seed {described.seed}")
    if described.split:
        yield line("split", described.split)
    yield line("views", f"{described.views}{differ}")
    yield line("bands", f"{len(scene.bands)} ({', '.join(filter(None, scene.bands)) or 'not named'})")
    for k, grid in enumerate(scene.grids):
        size, of = grid.config.image.num_pix, f" ({', '.join(grid.bands)})" if len(scene.grids) > 1 else ""
        words = f"{size} x {size}, of {grid.instrument.pixel_scale:.4g} arcsec{of}"
        yield line("pixels" if k == 0 else "", words)
    yield from _label_lines(path, described, scene, written)
    yield line("made by", f"LenStream {described.lenstream}; lenstream verify {path} looks for damage")


def first_images(path, most):
    """The first images of a dataset: arrays (bands, rows, columns) of its first pixel grid, and a text for each.

    Of several views the first one is taken. Raises: DataError if nothing is written yet, or what is read is damaged.
    """
    described, scene = opened(path)
    if described.format in BLOCKS:
        rows = Rows(path)
        places = np.arange(min(most, len(rows)))
        array = next(iter(rows.images))
        return list(rows.read([array], places)[array][:, 0]), [f"{index}" for index in rows.indices(places)]
    shards = {shard.number: shard for shard in described.shards}
    done = [shards[number] for number in sorted(read_entries(path)) if number in shards]
    if not done:
        raise DataError(f"{path}: none of its {_shards(len(shards))} is written yet")
    first = replace(done[0], count=min(done[0].count, most)) if described.format in ONE_BY_ONE else done[0]
    held = format_of(described.format).read(path, described, _of_shapes(path, scene), first)
    images = next(iter(held.images.values()))[:most, 0]
    return list(images), [f"{index}" for index in held.indices[:most]]


def _of_shapes(path, scene):
    """A scene whose images have the shapes of those of a dataset, and no labels of sources, for which it reads nothing.

    With one of the deflectors that come in files, those are read.
    """
    config = config_of(path).simulate
    if any(isinstance(deflector, DEFLECTION_MAP) for deflector in config.lens_mass):
        return make_scene(config, scene.seed)
    changes = {"lens_mass": config.lens_mass, "classes": config.classes, "selection": None}
    return replace(scene, config=scene.config.model_copy(update=changes))


def _shards(number):
    return "1 shard" if number == 1 else f"{number:,} shards"


def _label_lines(path, described, scene, written):
    """Lines on classes and labels of the first systems."""
    if not written:
        return
    labels = _labels(path, described)
    n = len(labels["class"])
    of = f"of the first {n // described.views:,} systems" if n < described.count * described.views else ""
    classes = scene.config.classes
    if classes:
        counts = np.bincount(labels["class"][:: described.views].astype(int), minlength=len(classes))
        yield line(
            "classes", ", ".join(f"{name} {n:,}" for name, n in zip(classes, counts, strict=True)) + (of and f" ({of})")
        )
    if of:
        yield line("labels", of)
    shown = [name for name in labels if name != "class"]
    for k, name in enumerate(shown[:MOST_LABELS]):
        known = find(name)
        unit = f" {known.unit}" if known and known.unit else ""
        yield line("labels" if k == 0 and not of else "", f"{name} {spread(labels[name], unit)}")
    if len(shown) > MOST_LABELS:
        yield line("", f"and {len(shown) - MOST_LABELS} more")


def _labels(path, described):
    """The labels of the first systems: name -> values, one for every image."""
    if (path / PARQUET).is_file():
        return first_labels(path, LOOKED_AT * described.views)
    rows = Rows(path)
    found = rows.read(list(rows.labels), np.arange(min(LOOKED_AT, len(rows))))
    return {n: v.ravel() if v.ndim == 2 else np.repeat(v, described.views) for n, v in found.items()}
