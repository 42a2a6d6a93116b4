"""FITS: a file for every image, fits/000000/000012.fits for index 12, a thousand systems to a folder.

The primary header has INDEX, SEED and the labels; each band has the extensions IMAGE, IVAR, MASK (1 where a pixel is
lost) and PSF, called IMAGE_VIS and so on where bands have names. IMAGE says BUNIT, EXPTIME, MAGZERO (the AB magnitude
of one count/s), FILTER and a WCS of the pixels' size, North up and East to the left, at a made-up place. A system with
several views has a file for each, 000012_0.fits, 000012_1.fits: readers of cut-outs expect one image in a file.
"""

import functools

import numpy as np

from ...errors import ConfigError
from ...files import fits_plain
from ...files.fits_writing import LONGEST, card, image_extension, primary, wrong_sums
from ...files.unreadable import Unreadable, reading
from ..core.arguments import shown
from ..systems.draw import by_grid
from .chunks import part_of
from .image_facts import flux_unit, has_noise_model, inverse_variance, mask_of, psf_kernels, psf_widths
from .label_cards import label_in, label_writer
from .many_files import write_many
from .room import room_for
from .samples import image_names

NAME = "fits"
EXTRA = None
OPENING = "astropy.io.fits.open('{path}/fits/000000/...')"
SHARD_BYTES = 1 << 24  # small, as a shard is many files, and of an interrupted one all are written again
FOLDER = 1000  # systems
PLACE = 180.0, 0.0  # deg: right ascension and declination, which no simulated lens has


def check(description, scene):
    """Raises: ConfigError for names of bands that extensions cannot have, or that would have the same ones."""
    problems, taken = [], {}
    for band in scene.bands:
        quoted = extension_name("IMAGE", band).replace("'", "''")
        if not (quoted.isascii() and quoted.isprintable()) or len(quoted) > LONGEST or band != band.strip():
            problems.append(
                f"fits: extensions are called after bands, and {shown(band)} cannot be one: expected a name of "
                f"printable ASCII, at most {LONGEST - len('IMAGE_')} letters"
            )
        if (twin := taken.setdefault(band.upper(), band)) != band:
            problems.append(f"fits: {twin} and {band} would be one extension, as FITS takes no notice of case")
    if problems:
        raise ConfigError(problems)


def begin(folder, description, scene):
    """There is no file without an image."""
    return []


def shard_files(description, scene, shard):
    return [name for names in _names(description, shard) for name in names]


def _names(description, shard):
    """The files of each system, one a view."""
    return [_files(description, index) for index in range(shard.first, shard.first + shard.count)]


def _files(description, index):
    endings = [f"_{view}" for view in range(description.views)] if description.views > 1 else [""]
    folder = f"fits/{(index - description.start) // FOLDER:06d}"
    return [f"{folder}/{index:06d}{ending}.fits" for ending in endings]


def write(folder, description, samples, shard):
    """Write the files of a shard, each whole or not at all. Raises: OSError that names one."""
    headers, extensions = _primary_of(description, samples), _extensions_of(samples)
    places = _places(description, shard)
    write_many(folder, ((name, headers(*at) + b"".join(extensions(*at))) for at, name in places))
    return shard_files(description, samples.scene, shard)


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
    pixels = _pixels_of(scene, out)
    views = max(values.shape[1] if values.ndim > 1 else 1 for values in out.values())
    for row, place in zip(part.rows.tolist(), part.places.tolist(), strict=True):
        for view, name in enumerate(_files(description, part.shard.first + row)[:views]):
            hdus = fits_plain.read(folder / name) if pixels else {"": fits_plain.first(folder / name)}
            with reading(folder / name, "FITS"):
                _check_is(folder / name, hdus[""], part.shard.first + row, view)
                for array, values in out.items():
                    if values.ndim == 1 and view == 0:
                        values[place] = label_in(hdus[""], array)
                    elif values.ndim == 2:
                        values[place, view] = label_in(hdus[""], array)
                    elif values.ndim > 2 and view < values.shape[1]:
                        for b, extension in enumerate(pixels[array]):
                            values[place, view, b] = hdus[extension].pixels


def _pixels_of(scene, names):
    """The extensions of the bands of each array of images and masks that is among some names."""
    found = {}
    for array, grid in image_names(scene).items():
        found[array] = [extension_name("IMAGE", band) for band in grid.bands]
        found[mask_of(array)] = [extension_name("MASK", band) for band in grid.bands]
    return {array: extensions for array, extensions in found.items() if array in names}


def _places(description, shard):
    """Pairs of (row, view) and the file of each image."""
    for i, files in enumerate(_names(description, shard)):
        for view, name in enumerate(files):
            yield (i, view), name


def _check_is(path, header, index, view):
    if (header["INDEX"], header.get("VIEW", 0)) != (index, view):
        raise Unreadable(path, "FITS", "it is that of another system or view")


def finish(folder, description, scene):
    """Nothing is made of all shards."""
    return []


def damaged(folder, description, scene, shard):
    """The extensions whose checksums are wrong, of every file that is there."""
    names = shard_files(description, scene, shard)
    return [f"{name}: {piece}" for name in names if (folder / name).exists() for piece in wrong_sums(folder / name)]


def extension_name(what, band):
    """IMAGE, or IMAGE_VIS of a band with a name."""
    return f"{what}_{band}" if band else what


def _primary_of(description, samples):
    """A function of row and view that gives the bytes of a primary HDU."""
    scene, cards = samples.scene, label_writer(samples.labels)
    end = [
        card("SEED", description.seed, "of every random number"),
        card("CONFIG", description.name, "by name"),
        card("CREATOR", f"LenStream {description.lenstream}"),
        *(card(f"CLASS{k}", name, f"name of class {k}") for k, name in enumerate(scene.config.classes)),
    ]

    def hdu(i, view):
        own = [card("INDEX", int(samples.indices[i]), "of the system: with the seed it says which")]
        if description.views > 1:
            own.append(card("VIEW", view, "number of the image of the system"))
        return primary([*own, *end, *cards(i, view)])

    return hdu


def _extensions_of(samples):
    """A function of row and view that gives the bytes of all extensions, one by one."""
    scene, bands = samples.scene, []
    inverse = inverse_variance(samples) if has_noise_model(scene) else {}
    for (array, images), (grid, systems) in zip(samples.images.items(), by_grid(scene, samples.systems), strict=True):
        lost = samples.masks.get(mask_of(array), np.zeros(images.shape, bool)).view(np.uint8)
        parts = {"IMAGE": images} | ({"IVAR": inverse[array]} if inverse else {}) | {"MASK": lost}
        kernel, widths = _kernel_hdus(grid), psf_widths(grid, systems)
        exposures = systems.optics["exposure_time"]
        for b, band in enumerate(grid.bands):
            cards = _cards_of(scene, grid, band)
            bands.append((b, band, parts, cards, exposures, widths, systems.optics, kernel))

    def hdus(i, view):
        for b, band, parts, cards, exposures, widths, optics, kernel in bands:
            at = i, view, b
            for what, pixels in parts.items():
                facts = (float(exposures[at]), float(widths[at])) if what == "IMAGE" else (0.0, 0.0)
                yield image_extension(extension_name(what, band), pixels[at], cards(what, *facts))
            yield kernel(b, *(float(optics[name][at]) for name in ("fwhm", "beta", "kernel")))

    return hdus


def _kernel_hdus(grid):
    """A function of band number, FWHM, beta and kernel number that gives the bytes of an extension PSF."""
    kernels, instruments = psf_kernels(grid), list(grid.bands.items())

    @functools.lru_cache(4096)
    def hdu(b, fwhm, beta, number):
        band, instrument = instruments[b]
        scale = instrument.pixel_scale / instrument.supersampling
        cards = [card("PIXSCALE", float(scale), "[arcsec] size of its pixels")]
        cards.append(card("OVERSAMP", instrument.supersampling, "of its pixels to a side of the image's"))
        pixels = kernels(b, fwhm, beta, number).astype(np.float32)
        return image_extension(extension_name("PSF", band), pixels, cards)

    return hdu


def _cards_of(scene, grid, band):
    """A function of the extension's kind, exposure time [s] and PSF's FWHM [arcsec] that gives its cards."""
    instrument, size, unit = grid.bands[band], grid.num_pix[band], flux_unit(scene)
    step = float(instrument.pixel_scale) / 3600.0
    wcs = [card("WCSAXES", 2)]
    for axis, (kind, place, sign) in enumerate((("RA---TAN", PLACE[0], -1), ("DEC--TAN", PLACE[1], 1)), start=1):
        wcs += [card(f"CTYPE{axis}", kind), card(f"CUNIT{axis}", "deg"), card(f"CRVAL{axis}", place, "made up")]
        wcs += [card(f"CRPIX{axis}", (size + 1) / 2, "middle of the image"), card(f"CDELT{axis}", sign * step)]
    wcs.append(card("RADESYS", "ICRS"))
    filters = [card("FILTER", band)] if band else []
    units = {"IMAGE": unit, "IVAR": f"s2 {unit.removesuffix('/s')}-2", "MASK": ""}  # there is IVAR of rates alone

    @functools.lru_cache(4096)
    def cards(what, exposure, width):
        own = [card("BUNIT", units[what], "in every pixel")] if units[what] else []
        if what == "IMAGE":
            own.append(card("EXPTIME", exposure, "[s] all exposures together"))
            own.append(card("MAGZERO", float(instrument.magnitude_zero_point), "[mag(AB)] of one count/s"))
            own.append(card("GAIN", float(instrument.gain), "electrons in a count"))
            own.append(card("PSF_FWHM", width, "[arcsec]"))
        return ("".join([*own, *filters, *wcs]),)

    return cards
