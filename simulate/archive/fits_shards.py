"""FITS: a file for every image, fits/000000/000012.fits for index 12, a thousand systems to a folder.

The primary header has INDEX, SEED and the labels; each band has the extensions IMAGE, IVAR, MASK (1 where a pixel is
lost) and PSF, called IMAGE_VIS and so on where bands have names. IMAGE says BUNIT, EXPTIME, MAGZERO (the AB magnitude
of one count/s), FILTER and a WCS of the pixels' size, North up and East to the left, at a made-up place. A system with
several views has a file for each, 000012_0.fits, 000012_1.fits: readers of cut-outs expect one image in a file.
"""

import functools

import numpy as np

from ...errors import ConfigError
from ...files.fits import opened
from ...files.fits_writing import LONGEST, card, image_extension, primary, wrong_sums
from ...files.unreadable import Unreadable
from ..core.arguments import shown
from ..systems.draw import by_grid
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
    endings = [f"_{view}" for view in range(description.views)] if description.views > 1 else [""]
    for index in range(shard.first, shard.first + shard.count):
        folder = f"fits/{(index - description.start) // FOLDER:06d}"
        yield [f"{folder}/{index:06d}{ending}.fits" for ending in endings]


def write(folder, description, samples, shard):
    """Write the files of a shard, each whole or not at all. Raises: OSError that names one."""
    headers, extensions = _primary_of(description, samples), _extensions_of(samples)
    places = _places(description, shard)
    write_many(folder, ((name, headers(*at) + b"".join(extensions(*at))) for at, name in places))
    return shard_files(description, samples.scene, shard)


def read(folder, description, scene, shard):
    """The `Stored` of a shard. Raises: Unreadable that names the file."""
    stored = room_for(scene, description, shard)
    for at, name in _places(description, shard):
        with opened(folder / name) as hdus:
            _check_is(folder / name, hdus[0].header, shard, at)
            _read_pixels(hdus, scene, stored, at)
            _read_labels(hdus, stored.labels, at)
    return stored


def read_labels(folder, description, scene, shard):
    """As `read`, without images and masks."""
    stored = room_for(scene, description, shard, images=False)
    for at, name in _places(description, shard):
        with opened(folder / name) as hdus:
            _check_is(folder / name, hdus[0].header, shard, at)
            _read_labels(hdus, stored.labels, at)
    return stored


def _places(description, shard):
    """Pairs of (row, view) and the file of each image."""
    for i, files in enumerate(_names(description, shard)):
        for view, name in enumerate(files):
            yield (i, view), name


def _check_is(path, header, shard, at):
    if (header["INDEX"], header.get("VIEW", 0)) != (shard.first + at[0], at[1]):
        raise Unreadable(path, "FITS", "it is that of another system or view")


def _read_labels(hdus, labels, at):
    for label, values in labels.items():
        values[at[: values.ndim]] = label_in(hdus[0].header, label)


def _read_pixels(hdus, scene, stored, at):
    """Images and masks of all bands of an open file, into the arrays of a `Stored`; at: the row and the view."""
    for array, grid in image_names(scene).items():
        for b, band in enumerate(grid.bands):
            stored.images[array][(*at, b)] = hdus[extension_name("IMAGE", band)].data
            if stored.masks:
                stored.masks[mask_of(array)][(*at, b)] = hdus[extension_name("MASK", band)].data != 0


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
    units = {"IMAGE": unit, "IVAR": f"1/({unit})^2" if unit else "", "MASK": ""}

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
