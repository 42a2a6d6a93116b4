"""Cut-outs of lenses in image files: the image with its noise, good pixels and model of the lens light, by name.

`roles` knows the names, `bad_pixels` the flags, `weights` the noise, `units` the units and `values` the absurd values.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from . import bad_pixels, fits, weights
from .bands import one_a_band, wanted_bands
from .parts import Part, parts_of, preference, role_of_file
from .roles import COMPANIONS, in_words
from .units import rate_factor
from .unreadable import Unreadable
from .values import is_flux, is_noise, without_absurd

SMALLEST = 8  # pixels along an edge: what is smaller and has no name is no image of a lens
NOISE = ("rms", "variance", "variance part", "invvar", "weight")  # the first that is there gives the noise
BRIGHT = 3.0  # times the noise
ZERO_IS_BAD = ("invvar", "weight")  # a pixel without weight is bad, whatever gives the noise


class Planes(NamedTuple):
    """What was read of one lens. Arrays are (rows, columns), or (bands, rows, columns) where several were asked for."""

    image: np.ndarray  # float64, in the unit of the file (counts/s where it can be had); any number where not good
    noise: np.ndarray | None  # float64, rms in the unit of the image; None if there is none; any number where not good
    good: np.ndarray  # bool: a flux, in no mask, and with a usable noise if there is one
    light: np.ndarray | None  # float64, a model of the lens galaxy in the unit of the image; None if there is none
    headers: tuple  # that describe the image: of the first band's image, then of its file
    used: str  # what was used for what
    ignored: tuple[str, ...]  # names of what was not used


class Band(NamedTuple):
    """What belongs to one band of a lens."""

    image: Part
    companions: dict[str, list[Part]]  # by kind, of `roles.COMPANIONS`


class LensLayout(NamedTuple):
    """Which part of the files of a lens is what."""

    bands: list[Band]
    words: str  # how bands were found
    ignored: tuple[str, ...]  # names of the other parts


def read_planes(files, bands=1):
    """The `Planes` of one lens.

    Args:
        files: path of a FITS file, or paths of several that hold one lens.
        bands: how many bands are wanted, or their names: those of a network. One gives 2-D arrays.

    Raises: DataError, a sentence about "it", if a file cannot be read, holds no such image, or shapes differ.
    """
    try:
        layout = find_layout(files, bands)
        axes = layout.bands[0].image.axes
        if len(axes) not in (2, 3):
            raise DataError(f"its image has {len(axes)} axes, shape {axes}: expected a 2-D image, or a cube of bands.")
        held = _arrays([part for band in layout.bands for part in _all_parts(band)])
    except Unreadable as error:
        raise DataError(f"it cannot be read as FITS ({error.reason}).") from None
    shapes = dict.fromkeys(band.image.shape for band in layout.bands)
    if len(shapes) > 1:
        raise DataError(f"the images of its bands have the shapes {', '.join(map(str, shapes))}: expected one shape.")
    images, noises, good, lights, said = zip(*(_read_band(band, held) for band in layout.bands), strict=True)
    for role, planes in (("noise", noises), ("model of the lens light", lights)):
        if len({plane is None for plane in planes}) > 1:
            raise DataError(f"only some of its bands have a {role}: expected all or none.")
    one = len(layout.bands) == 1
    names = ", ".join(dict.fromkeys(band.image.name for band in layout.bands))
    words = [f"image {names}", layout.words, *dict.fromkeys(word for band in said for word in band)]
    return Planes(
        _stacked(images, one),
        _stacked(noises, one),
        _stacked(good, one),
        _stacked(lights, one),
        layout.bands[0].image.headers,
        "; ".join(filter(None, words)),
        layout.ignored,
    )


def _stacked(planes, one):
    """Planes of bands as an array (bands, rows, columns), or (rows, columns) of the only one; None without any."""
    return None if planes[0] is None else planes[0] if one else np.stack(planes)


def find_layout(files, bands=1):
    """The `LensLayout` of the files of a lens, from their headers alone. Arguments and errors: as for `read_planes`."""
    files = [Path(files)] if isinstance(files, str | Path) else list(files)
    wanted = wanted_bands(bands)
    parts = parts_of(files, wanted or ())
    images, words = one_a_band(_images(files, parts), wanted)
    found = [Band(image, {kind: _companions(parts, image, kind) for kind in COMPANIONS}) for image in images]
    used = {part.name for band in found for part in _all_parts(band)}
    return LensLayout(found, words, tuple(dict.fromkeys(part.name for part in parts if part.name not in used)))


def _images(files, parts):
    """The parts that are images, whatever their band."""
    images = [part for part in parts if part.kind == "image"]
    plain = [part for part in images if not part.rest]
    for band in {part.band for part in plain}:
        same = [part for part in plain if part.band == band]
        subtracted = [part for part in same if "BGSUB" in part.name.upper()]
        if len({part.hdu for part in same}) > 1 and subtracted:  # as Euclid has VIS beside VIS_BGSUB
            plain = [part for part in plain if part not in same or part in subtracted]
    if plain or len(images) == 1:
        return plain or images
    if not images:
        images = [part for part in parts if not part.kind]
        images = [part for part in images if (1, *sorted(part.axes))[-2] >= SMALLEST] or images
        first = [part for part in images if part.hdu == 0]
        if first:  # the primary image is the image, unless another is called so
            others = [part for part in images if part.hdu and part.name.startswith("the image in")]
            images = first if not others else images
    if not images:
        kind = role_of_file(files[0])[0] if len(files) == 1 else ""
        held = ", ".join(dict.fromkeys(part.name for part in parts)) or "no image at all"
        said = f" and, by its name, is a {in_words(kind)}" if kind in (*COMPANIONS, "psf") else ""
        raise DataError(
            f"it holds no image of a lens: expected an extension IMAGE or SCI, or one 2-D image; it has {held}{said}."
        )
    if len(files) == 1 and not any(part.kind for part in parts):
        kind, _ = role_of_file(files[0])
        if kind in (*COMPANIONS, "psf"):
            raise DataError(f"by its name it is a {in_words(kind)}, and there is no image of that name beside it.")
    return images


def _companions(parts, image, kind):
    """The parts of a kind that belong to an image, the best first."""
    found = [part for part in parts if part.kind == kind and part.band in ("", image.band)]
    exact = [part for part in found if part.band == image.band]
    found = exact or found
    if image.plane is not None and image.planes > 1:
        found = [part for part in found if part.planes == 1 or part.plane == image.plane]
        single = [part for part in found if part.planes == 1 and not part.band]
        if single and kind != "mask":
            raise DataError(
                f"its {in_words(kind)} {single[0].name} has one band, and its image {image.planes}: expected as many."
            )
    if len({part.version for part in found}) > 1:
        found = [part for part in found if part.version == image.version]
    found = sorted(found, key=preference)
    for part in found[: None if kind in ("mask", "variance part") else 1]:
        if part.shape != image.shape:
            raise DataError(
                f"its {in_words(kind)} ({part.name}) has shape {part.shape}: expected {image.shape} as the image."
            )
    return found if kind in ("mask", "variance part") else found[:1]


def flags_of_mask(mask, band):
    """The `bad_pixels.Flags` of a mask of a `Band`, by its name, its headers and what lies beside it."""
    beside = [part.name for parts in band.companions.values() for part in parts] + [band.image.name]
    return bad_pixels.flags_of(mask.name, mask.headers, beside)


def _all_parts(band):
    """The parts of a band that are used."""
    used = [band.image, *(part for kind in ("mask", "light", *ZERO_IS_BAD) for part in band.companions[kind])]
    noise = next((kind for kind in NOISE if band.companions[kind]), None)
    return used + [part for part in band.companions.get(noise, []) if part not in used]


def _arrays(parts):
    """{(path, hdu, plane): array (rows, columns)}, each file and image read once."""
    out = {}
    for path in dict.fromkeys(part.path for part in parts):
        here = [part for part in parts if part.path == path]
        numbers = list(dict.fromkeys(part.hdu for part in here))
        whole = dict(zip(numbers, fits.read(path, *numbers), strict=True))
        for part in here:
            out[path, part.hdu, part.plane] = whole[part.hdu] if part.plane is None else whole[part.hdu][part.plane]
    return out


def _read_band(band, held):
    """Image, noise, good and light of a band, and words on what was used."""

    def plane(part):
        return np.asarray(held[part.path, part.hdu, part.plane], dtype=np.float64)

    words, factor = [], rate_factor(band.image.headers)
    image = without_absurd(plane(band.image))
    good = is_flux(image * factor)
    if factor != 1.0:
        words.append(f"divided by {1.0 / factor:g} s")
    plain = []
    for part in band.companions["mask"]:
        flags = flags_of_mask(part, band)
        bad = bad_pixels.is_bad(np.asarray(held[part.path, part.hdu, part.plane]), flags)
        if flags is bad_pixels.ANY:
            plain.append((part.name, bad))
        good &= ~bad
        words.append(f"bad pixels {bad_pixels.describe(part.name, flags)}")
    for kind in ZERO_IS_BAD:
        for part in band.companions[kind]:
            good &= plane(part) > 0
    noise, said = _noise(band, plane, image, good)
    for name, bad in plain:
        rms = weights.edge_rms(image, is_flux(image)) if noise is None else noise
        with np.errstate(invalid="ignore"):
            bad_pixels.check_way_round(bad, name, image > BRIGHT * rms)
    if noise is not None:
        noise = noise * factor
        good &= is_noise(noise)
    words += said
    lights = band.companions["light"]
    light = plane(lights[0]) * factor if lights else None
    if lights:
        words.append(f"lens light {lights[0].name}")
    return image * factor, noise, good, light, words


def _noise(band, plane, image, good):
    """The rms of a band in the unit of its file, or None, and words on where it comes from."""
    kind = next((kind for kind in NOISE if band.companions[kind]), None)
    words = [f"bad pixels where {band.companions[k][0].name} is 0" for k in ZERO_IS_BAD if band.companions[k]]
    if kind is None:
        return None, ["noise measured at the edge"]
    parts = band.companions[kind]
    if kind == "weight":
        certain = "WGT" in parts[0].name.upper()  # of DES
        found = (
            weights.from_plane("invvar", parts[0].name, plane(parts[0]))
            if certain
            else weights.from_weight(parts[0].name, plane(parts[0]), parts[0].headers, image, good)
        )
    else:
        name = " + ".join(part.name for part in parts)
        found = weights.from_plane(kind, name, sum(plane(part) for part in parts))
    more = ["noise measured at the edge"] if found.rms is None else []
    return found.rms, [found.words, *more, *words]
