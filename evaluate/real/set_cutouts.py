"""Read the lenses of a data set of any layout that `files.dataset_layouts` knows onto the pixels of a network.

FITS cut-outs, a lens a file or a few, are read by `cutouts.read_cutouts`; everything else is read here, image by image,
with its bands chosen by name and its noise measured at the edge, but for datasets of LenStream, which say theirs.
"""

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...configs.training import Folder
from ...errors import ConfigError, DataError, grouped
from ...files import image_files, lensiam_pairs, own_archives
from ...files.band_places import of_network
from ...files.cutout_layout import Planes, read_planes
from ...files.dataset_layouts import identify, place_of
from ...files.file_groups import group, lenses_in
from ...files.image_sets import ImageSet, ReadFiles
from ...files.paths import usable
from ...files.roles import FILTER
from ...files.suffixes import FITS, has_suffix, stem, visible
from ...ssl.archive_images import ArchiveImages
from .cutouts import ALL, fits_files, in_sight, on_pixels, read_cutouts


class Lenses(NamedTuple):
    """The lenses at some places."""

    cutouts: list  # of `cutouts.Cutout`
    skipped: list  # (name, one sentence why)
    labels: dict  # name of a column -> values of each lens, None where there is none
    notes: list  # sentences on sets that were read
    files: list  # places whose FITS cut-outs were read


class _Set(NamedTuple):
    """A set to be read."""

    images: ImageSet
    noise: np.ndarray | None  # rms of each band [counts/s], if the set says it


def read_lenses(images, num_pix, pixel_scale, input_pixel_scale, light, bands, asked=ALL):
    """The `Lenses` of FITS cut-outs, of data sets of any layout, or of several of both.

    Args: images: a path or a list of them. The others are those of `cutouts.read_cutouts`.
    Raises: DataError for what cannot be read, without one image that can be used, or pixels of unknown size.
    """
    known, files = look_at(images, bands)
    several = len(known) + len(files) > 1
    cutouts, skipped, labels, notes = [], [], [], []
    if files:
        given = images if not known else files
        cutouts, skipped = read_cutouts(given, num_pix, pixel_scale, input_pixel_scale, light, bands, asked)
        labels, more = _labels_of_files(files, cutouts)
        notes += more
    for place, found in known.items():
        if input_pixel_scale is None and found.images.pixel_scale is None and not _files_of(found.images):
            raise DataError(
                f"{place}: nothing in it says how large its pixels are; give it in arcsec as --pixel-scale or "
                "real_lenses.pixel_scale"
            )
        settings = num_pix, pixel_scale, input_pixel_scale, light
        here, left, rows = _read(found, settings, bands, asked, place if several else None)
        cutouts, skipped, labels = cutouts + here, skipped + left, labels + rows
        notes += [f"{place}: {found.images.what}", *found.images.notes]
        if found.images.finer is not None:
            notes.append("of each pair the image with large pixels; name the folder of the others to read those")
    return Lenses(cutouts, skipped, _columns(labels), notes, files)


def _with_place(place, name):
    """The name of an image among those of several places; one that has the name of its file, as a.npy[3], stays."""
    return name if name.partition("[")[0] == place.name else f"{place.name}/{name}"


def look_at(images, bands):
    """The sets {place: `_Set`} among images, a path or a list, and the places of FITS cut-outs.

    Raises: DataError if there is nothing at a place, or what cannot be read.
    """
    places = [usable(place) for place in (images if isinstance(images, list | tuple) else [images])]
    known = {place: found for place in dict.fromkeys(places) if (found := set_at(place, bands)) is not None}
    files = [place for place in places if place not in known]
    if files:
        fits_files(files if known else images, bands)
    return known, files


def set_at(path, bands):
    """The `_Set` at a path; None for FITS cut-outs of a lens a file or a few, and for what is not there.

    Raises: DataError for a data set that cannot be read, or a folder that holds none.
    """
    if not path.exists():
        return None
    if (path / own_archives.FILE).is_file():
        return _own(path, bands)
    place = place_of(path)
    fits = [image for image in place.images if has_suffix(image, FITS)]
    if fits and not any(_holds_several(image) for image in fits) and _are_cutouts(path, fits, bands):
        return None
    if not fits and path.is_file() and not place.images and has_suffix(path, FITS):
        return None
    return _Set(identify(path), None)


def _are_cutouts(path, fits, bands):
    """Whether all images are seen where a folder is taken as one of cut-outs, which may lie in a sub-folder each."""
    if path.is_file() or any(image.parent == path for image in fits):
        return True
    if all(FILTER.fullmatch(stem(image).upper()) for image in fits):  # bands of a lens in a folder, g.fits and r.fits
        return True
    try:
        return set(fits) <= {file for lens in lenses_in(path, bands)[0] for file in lens.files}
    except DataError:
        return False


def _holds_several(path):
    """Whether a FITS file is a pair of LenSiam's or a stack."""
    try:
        lensiam_pairs.look(path)
    except DataError:
        try:
            return image_files.look(path).layout.count > 1
        except DataError:  # who reads it says so
            return False
    return True


def _own(path, bands):
    """A dataset that LenStream wrote; of bands that lie on several pixel grids those of the network."""
    folder = Folder(path=str(path))
    try:
        images = ArchiveImages(folder)
    except ConfigError:
        images = ArchiveImages(folder, list(bands))
    background = np.array([band.background for band in images.scene.bands.values()])  # the grid knows no noise
    every = np.arange(len(images))
    found = ImageSet(
        path=path,
        kind=own_archives.KIND,
        what=f"{len(images):,} systems that LenStream simulated",
        names=[str(number) for number in images.numbers(every)],
        views=images.held_views,
        bands=tuple(images.grid.bands),
        height=images.num_pix,
        width=images.num_pix,
        read=lambda number: images.batch([number]).images[0].numpy(),
        pixel_scale=images.grid.instrument.pixel_scale,
        labels=images.labels(images.label_names, every),
        classes=tuple(images.classes),
    )
    return _Set(found, background if (background > 0).all() else None)


def _files_of(images):
    """The files of each lens of a set of FITS files, with noise maps and masks beside the images; {} of other sets."""
    if not isinstance(images.read, ReadFiles) or len(images.read.sources) != len(images) or images.finer is not None:
        return {}
    paths = [source.path for source in images.read.sources if source.form == "FITS"]
    together = {}
    for folder in {path.parent for path in paths}:
        lenses = group([path for path in visible(folder) if has_suffix(path, FITS)], folder.name)
        together |= {path: lens.files for lens in lenses for path in lens.files}
    return {path: together.get(path, (path,)) for path in paths}


def _read(found, settings, bands, asked, place):
    """The cut-outs of a set, those that cannot be used with the reason, and the labels of each that can.

    settings: pixels along an edge, their size and that of the set's, arcsec, or None: that of each header, and what
    is done about the lens light. asked: `cutouts.Asked`. place: of the set, where there are several.
    """
    num_pix, pixel_scale, scale, light = settings
    images, cutouts, skipped, rows = found.images, [], [], []
    twice = {name for name, n in Counter(map(str, images.names)).items() if n > 1}
    files, labels = _files_of(images), _labels(images)
    sources = images.read.sources if files else ()
    of_set = num_pix, pixel_scale, scale or images.pixel_scale, light
    for number, name in in_sight(list(enumerate(map(str, images.names))), light):
        name = f"{name}[{number}]" if name in twice else name
        if not asked.wants(name if place is None else _with_place(place, name)):
            continue
        try:
            if files and sources[number].path in files:
                planes = read_planes(files[sources[number].path], bands)
                found_here = [on_pixels(name, planes, *settings)]
            else:
                views = images.read(number)
                names = [name] if len(views) == 1 else [f"{name}[{k}]" for k in range(len(views))]
                planes = [_planes(found, view, bands) for view in views]
                found_here = [on_pixels(n, p, *of_set) for n, p in zip(names, planes, strict=True)]
        except DataError as error:
            skipped.append((name, str(error)))
            continue
        if place is not None:
            found_here = [replace(cutout, name=_with_place(place, cutout.name)) for cutout in found_here]
        cutouts += [asked.kept(cutout) for cutout in found_here]
        rows += [labels[number]] * len(found_here)
    if not cutouts and asked.names is None:
        why = "; ".join(grouped(skipped, "images"))
        raise DataError(f"None of the {len(images):,} images of {images.path} can be used: {why}.")
    return cutouts, skipped, rows


def _planes(found, view, bands):
    """One view (bands, rows, columns) as `Planes` of the network's bands."""
    places, words = of_network(found.images.bands, bands)
    image, noise = view[places].astype(float), None
    if found.noise is not None:
        noise = np.broadcast_to(found.noise[places, None, None], image.shape)
    one = len(places) == 1
    image, noise = (None if plane is None else plane[0] if one else plane for plane in (image, noise))
    measured = "noise measured at the edge" if noise is None else ""
    used = "; ".join(filter(None, (f"image of {found.images.kind}", words, measured)))
    return Planes(np.nan_to_num(image), noise, np.isfinite(image), None, (), used, ())


def _labels(images):
    """What a set says of each of its systems: a list of {column: value}."""
    columns = {f"{name}_label": values.tolist() for name, values in images.labels.items()}
    if images.classes and "class" in images.labels:
        numbers = np.nan_to_num(images.labels["class"], nan=-1).astype(int)
        columns["class_label"] = [images.classes[k] if k >= 0 else None for k in numbers]
    if images.splits:
        columns["split"] = [None] * len(images)
        for split, numbers in images.splits.items():
            for number in numbers:
                columns["split"][number] = split
    return [{name: values[k] for name, values in columns.items()} for k in range(len(images))]


def _labels_of_files(places, cutouts):
    """The labels of each cut-out of FITS files, by the tables, names and lists there, and sentences on them."""
    known, notes = {}, []
    for place in places:
        try:
            images = identify(place)
        except DataError as error:  # cut-outs without a table that fits are predicted, too
            notes += [f"labels beside the cut-outs are not read: {error}"] if place.is_dir() else []
            continue
        known |= {stem(str(name)): row for name, row in zip(images.names, _labels(images), strict=True)}
        notes += [note for note in images.notes if note.startswith(("labels by", "splits by"))]
    return [known.get(cutout.name, {}) for cutout in cutouts], notes


def _columns(rows):
    """Columns {name: list} of dicts, with None where one has no value."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
