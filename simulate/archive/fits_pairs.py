"""FITS pairs as LenSiam reads them: pairs/000012.fits for index 12, both images of a system in one cube.

The primary array is (rows, columns, 2), its header has theta_E, e1, e2, center_x, center_y, gamma, gamma1, gamma2 and
all other labels by their names; those that differ between the images are called view0 source_magnitude and so on. Where
the instrument loses pixels an extension MASK of the same shape is 1 there.
"""

import numpy as np

from ...errors import ConfigError
from ...files import fits_plain
from ...files.fits_writing import card, image_extension, primary_image, wrong_sums
from ...files.unreadable import Unreadable, reading
from .chunks import part_of
from .image_facts import flux_unit
from .label_cards import label_in, label_writer
from .many_files import write_many
from .room import room_for

NAME = "fits-pairs"
EXTRA = None
OPENING = "astropy.io.fits.open('{path}/pairs/...')"
SHARD_BYTES = 1 << 24  # small, as a shard is many files
VIEWS = 2


def check(description, scene):
    """Raises: ConfigError for what makes no pairs of one band."""
    problems = []
    if description.views != VIEWS:
        problems.append(f"fits-pairs: a file holds two images of a lens, got {description.views}: expected --views 2")
    if len(scene.bands) != 1:
        names = ", ".join(scene.bands)
        problems.append(
            f"fits-pairs: a file holds one band, and the config has {names}: expected one, or --format fits"
        )
    if problems:
        raise ConfigError(problems)


def begin(folder, description, scene):
    """There is no file without a pair."""
    return []


def shard_files(description, scene, shard):
    return [_file(index) for index in range(shard.first, shard.first + shard.count)]


def _file(index):
    return f"pairs/{index:06d}.fits"


def write(folder, description, samples, shard):
    """Write the files of a shard, each whole or not at all. Raises: OSError that names one."""
    names = shard_files(description, samples.scene, shard)
    write_many(folder, ((name, _content(description, samples, i)) for i, name in enumerate(names)))
    return names


def read(folder, description, scene, shard):
    """The `Stored` of a shard. Raises: Unreadable that names the file."""
    stored = room_for(scene, description, shard)
    fill(folder, description, scene, part_of(shard), stored.images | stored.masks | stored.labels)
    return stored


def read_labels(folder, description, scene, shard):
    """As `read`, without images and masks."""
    stored = room_for(scene, description, shard, images=False)
    fill(folder, description, scene, part_of(shard), stored.labels)
    return stored


def fill(folder, description, scene, part, out):
    """Read some arrays of the systems of a `chunks.Picked`.

    out: arrays by the names of images, masks and labels; of images and masks as many views are read as they have.
    Raises: Unreadable that names the file.
    """
    pixels = {"images", "mask"} & out.keys()
    for row, place in zip(part.rows.tolist(), part.places.tolist(), strict=True):
        path = folder / _file(part.shard.first + row)
        hdus = fits_plain.read(path) if pixels else {"": fits_plain.first(path)}
        with reading(path, "FITS"):
            if hdus[""]["INDEX"] != part.shard.first + row:
                raise Unreadable(path, "FITS", "it is that of another system")
            for name, values in out.items():
                if name in pixels:
                    cube = hdus["MASK" if name == "mask" else ""].pixels
                    values[place, :, 0] = np.moveaxis(cube, -1, 0)[: values.shape[1]]
                else:
                    values[place] = _label(hdus[""], name, values.ndim)


def _label(header, name, axes):
    """A label, or those of both views if it has two axes."""
    return label_in(header, name) if axes == 1 else [label_in(header, f"view{view} {name}") for view in range(VIEWS)]


def finish(folder, description, scene):
    """Nothing is made of all shards."""
    return []


def damaged(folder, description, scene, shard):
    """The HDUs whose checksums are wrong, of every file that is there."""
    names = shard_files(description, scene, shard)
    return [f"{name}: {piece}" for name in names if (folder / name).exists() for piece in wrong_sums(folder / name)]


def _content(description, samples, i):
    """The bytes of a file."""
    (instrument,) = samples.scene.bands.values()
    of_lens = {n: v for n, v in samples.labels.items() if v.ndim == 1}
    of_view = {n: v for n, v in samples.labels.items() if v.ndim == 2}
    unit = flux_unit(samples.scene)
    cards = [
        *label_writer(of_lens)(i, 0),
        card("INDEX", int(samples.indices[i]), "of the system: with the seed it says which"),
        card("SEED", description.seed, "of every random number"),
        card("CONFIG", description.name, "by name"),
        *([card("BUNIT", unit, "in every pixel")] if unit else []),
        card("PIXSCALE", float(instrument.pixel_scale), "[arcsec]"),
        card("MAGZERO", float(instrument.magnitude_zero_point), "[mag(AB)] of one count/s"),
        *(c for v in range(VIEWS) for c in label_writer(of_view, f"view{v} {{}}")(i, v)),
    ]
    out = primary_image(np.moveaxis(samples.images["images"][i, :, 0], 0, -1), cards)
    if samples.masks:
        lost = samples.masks["mask"][i, :, 0].view(np.uint8)
        out += image_extension("MASK", np.moveaxis(lost, 0, -1))
    return out
