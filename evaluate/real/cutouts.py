"""Read images of real lenses (FITS) and resample them onto the pixels that the network was trained on.

`files.cutout_layout` finds the image, its noise, bad pixels and lens light in a file, or in several files of one lens.
Images have the sky subtracted and the lens at the centre of the array, (n - 1) / 2 on both axes. Their unit does not
matter, as the network sees them in units of their noise. Arrays are kept as they are: x = column to the right, y = row
upwards, which is the simulator's convention, so e1 and e2 refer to the array's axes and not to North.

About the noise: output variances add the input variances as if pixels were independent. Where a drizzled image's
neighbours correlate, the scatter of binned pixels is larger than that; where the file's noise map is an over-estimate,
it is smaller. Nothing is tuned to a survey here: the noise is what the file says.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ...errors import DataError, grouped
from ...files.cutout_layout import read_planes
from ...files.file_groups import in_words, lenses_of
from ...files.pixel_scale import KEYS, header_pixel_scale
from ...files.values import is_flux, is_padding
from ...files.weights import edge_rms
from ...progress import bar
from .file_facts import FileFacts, measure_file
from .fitted_light import fit_light

_NOTHING = np.zeros(0, dtype=np.float32)
MIN_COVERED = 0.5  # an output pixel needs valid input on this fraction of its area, else it is filled
MIN_FIELD = 0.5  # the file's field has to cover this fraction of the area that the network sees
MAX_FIELD = 30.0  # a field so many times as wide as the network's is no cut-out, or its pixel scale is wrong
FITTED = ("fit", "fit_all")  # ways with the lens light by which it may be fitted
MAX_PIXEL = 5.0  # pixels so many times as large as the network's show no arcs, or their scale is wrong


@dataclass(frozen=True)
class Cutout:
    """The image of a real lens and its noise, on the network's pixels."""

    name: str  # the file's name without its suffix
    # float32 (num_pix, num_pix), or (bands, num_pix, num_pix) for a network of several bands:
    image: np.ndarray  # counts/s per output pixel, or the file's unit; finite; filled pixels are 0
    noise: np.ndarray  # rms in the unit of the image, finite and positive
    masked: float  # fraction of output pixels without enough valid input (these are filled)
    light_subtracted: bool  # a model of the lens light was subtracted: the file's, or a fitted one, as `used` says
    pixel_scale: float | None  # arcsec, of the output pixels; None: not known, lengths are in pixels
    used: str = ""  # which parts of the file were used, and for what
    ignored: tuple[str, ...] = ()  # names of the parts that were not
    filled: np.ndarray | None = None  # bool (num_pix, num_pix), pixels without enough valid input; None: not known
    facts: FileFacts | None = None  # of the file; None: not known
    sky: float = 0.0  # counts/s per output pixel, subtracted from the image as its edge showed it

    @property
    def pixel(self) -> float:
        """Size of an output pixel, in the `unit` of lengths."""
        return 1.0 if self.pixel_scale is None else self.pixel_scale

    @property
    def unit(self) -> str:
        """The unit of lengths, as it stands behind a number."""
        return " pixels" if self.pixel_scale is None else '"'


class Asked(NamedTuple):
    """Which cut-outs are read, and what of each is kept, so that not all have to fit into memory."""

    names: frozenset[str] | None = None  # of images, of which all views are read; None: all
    kept: Callable[[Cutout], Cutout] = lambda cutout: cutout  # called in the order in which they are read

    def wants(self, name):
        """Whether an image is one of those."""
        return self.names is None or name in self.names


ALL = Asked()


def without_pixels(cutout):
    """What is small of a `Cutout`: its name, and in words what was used."""
    return replace(cutout, image=_NOTHING, noise=_NOTHING, filled=None, facts=None)


def read_cutouts(folder, num_pix, pixel_scale, input_pixel_scale=None, light="subtract", bands=1, asked=ALL):
    """Read every lens of a folder of FITS files onto num_pix x num_pix pixels of `pixel_scale` arcsec, centred on it.

    Args:
        folder: the folder, whose FITS files are read in the order of their names; or a file, or a list of both.
        num_pix: output pixels on a side.
        pixel_scale: size of an output pixel, arcsec.
        input_pixel_scale: size of the files' pixels, arcsec; None reads it from each header.
        light: of the lens galaxy, as `configs.schema.RealLenses.lens_light` says it.
        bands: how many bands the network has, or their names.
        asked: the `Asked` for; without it all of them, whole.

    Returns:
        The list of Cutout, and a list of (file name, one sentence why) for the files that were skipped.

    Raises:
        DataError: no such folder, no FITS file in it, or not one file that can be used.
    """
    if input_pixel_scale is not None and not 0 < input_pixel_scale < np.inf:
        raise DataError(f"real_lenses.pixel_scale is {input_pixel_scale:g}: expected a positive number of arcsec.")
    lenses = fits_files(folder, bands)
    wanted = [lens for lens in lenses if asked.wants(lens.name)]
    cutouts, skipped, known = [], [], set()
    for lens in in_sight(wanted, light):
        try:
            if lens.name in known:
                raise DataError(f"another file of the name {lens.name} was read already.")
            cutout = _read_one(lens, num_pix, pixel_scale, input_pixel_scale, light, bands)
        except DataError as error:
            skipped.append((lens.files[0].name, str(error)))
            continue
        known.add(lens.name)
        cutouts.append(asked.kept(cutout))
    if not cutouts and asked.names is None:
        reasons = "; ".join(grouped(skipped))
        raise DataError(f"None of the {len(lenses)} FITS files in {in_words(folder)} can be used: {reasons}.")
    return cutouts, skipped


def in_sight(lenses, light):
    """Lenses one after the other, with a progress bar where light may be fitted, which takes seconds for each."""
    with bar("lens light", len(lenses), show=light in FITTED) as running:
        for done, lens in enumerate(lenses, 1):
            yield lens
            running.update(done)


def overlap_matrix(n_in, scale_in, n_out, scale_out):
    """Fraction of each input pixel's length that falls into each output pixel, on one axis with a common centre.

    Shape (n_out, n_in); columns of input pixels inside the output field sum to 1, so flux is conserved.
    """
    edges_in = (np.arange(n_in + 1) - n_in / 2) * scale_in
    edges_out = (np.arange(n_out + 1) - n_out / 2) * scale_out
    upper = np.minimum(edges_out[1:, None], edges_in[None, 1:])
    lower = np.maximum(edges_out[:-1, None], edges_in[None, :-1])
    return np.clip(upper - lower, 0, None) / scale_in


def resample(image, variance, valid, scale_in, num_pix, pixel_scale):
    """Flux per output pixel, its variance and the covered fraction of each output pixel.

    Args:
        image, variance, valid: (ny, nx); flux and variance per input pixel, and True where they can be used.
        scale_in, pixel_scale: input and output pixel, arcsec.
        num_pix: output pixels on a side.

    Returns:
        flux, variance and covered, float64 (num_pix, num_pix). Partly covered pixels are scaled up to their full area;
        pixels that nothing covers are 0. The variance counts input pixels as independent.
    """
    rows = overlap_matrix(image.shape[0], scale_in, num_pix, pixel_scale)
    columns = overlap_matrix(image.shape[1], scale_in, num_pix, pixel_scale)
    covered = rows @ valid.astype(float) @ columns.T * (scale_in / pixel_scale) ** 2
    scale_up = np.divide(1.0, covered, out=np.zeros_like(covered), where=covered > 0)
    flux = rows @ np.where(valid, image, 0.0) @ columns.T * scale_up
    spread = rows**2 @ np.where(valid, variance, 0.0) @ (columns**2).T * scale_up**2
    return flux, spread, covered


def fits_files(folder, bands=1):
    """The lenses in the FITS files of a folder or a list, as `files.file_groups.LensFiles`; DataError without any."""
    return lenses_of(folder, bands)[0]


def _read_one(lens, num_pix, pixel_scale, input_pixel_scale, light, bands):
    """The files of a lens as a Cutout; DataError with the reason where they cannot be used."""
    planes = read_planes(lens.files, bands)
    return on_pixels(lens.name, planes, num_pix, pixel_scale, input_pixel_scale, light)


def on_pixels(name, planes, num_pix, pixel_scale, input_pixel_scale=None, light="subtract"):
    """The `Cutout` of a lens that was read as `files.cutout_layout.Planes`.

    The other arguments are those of `read_cutouts`. Raises: DataError with the reason where it cannot be used.
    """
    _check_valid(planes.good)
    scale_in = input_scale(planes.headers, input_pixel_scale)
    check_field(planes.image.shape[-2:], scale_in, num_pix, pixel_scale)
    planes = with_light_as_asked(planes, light, scale_in)
    image, valid, noise = planes.image, planes.good, planes.noise
    light_subtracted = light != "as_is" and planes.light is not None
    if light_subtracted:
        valid = valid & is_flux(planes.light)
        image = image - planes.light
    _check_valid(valid)
    with_bands = [None if a is None else a.reshape(-1, *image.shape[-2:]) for a in (image, noise, valid)]
    noises = with_bands[1] if noise is not None else [None] * len(with_bands[0])
    grids = [
        _on_grid(one, rms, there, scale_in, num_pix, pixel_scale)
        for one, rms, there in zip(with_bands[0], noises, with_bands[2], strict=True)
    ]
    flux, rms, filled = (
        np.stack(part).reshape(*image.shape[:-2], num_pix, num_pix) for part in zip(*grids, strict=True)
    )
    return Cutout(
        name=name,
        image=flux.astype(np.float32),
        noise=rms.astype(np.float32),
        masked=float(filled.mean()),
        light_subtracted=light_subtracted,
        pixel_scale=float(pixel_scale),
        used=planes.used,
        ignored=planes.ignored,
        filled=filled,
        facts=measure_file(planes, valid, scale_in),
    )


def with_light_as_asked(planes, light, scale):
    """`Planes` with the lens light fitted, if `RealLenses.lens_light` asks for it. scale: of their pixels [arcsec]."""
    fit = light == "fit_all" or (light == "fit" and planes.light is None)
    return _with_fitted_light(planes, scale) if fit else planes


def _with_fitted_light(planes, scale):
    """`Planes` with the light that was fitted to each band; without light, and with the reason, where that fails."""
    shape = planes.image.shape
    words = [word for word in planes.used.split("; ") if not word.startswith("lens light ")]
    bands = [None if a is None else a.reshape(-1, *shape[-2:]) for a in (planes.image, planes.noise, planes.good)]
    lights = []
    try:
        for band, (image, good) in enumerate(zip(bands[0], bands[2], strict=True)):
            if planes.noise is None:
                good = good & ~is_padding(image)
            noise = np.full(image.shape, sky_noise(image, good)) if planes.noise is None else bands[1][band]
            lights.append(fit_light(image, noise, good, scale))
    except DataError as error:
        return planes._replace(light=None, used="; ".join([*words, f"lens light not fitted: {error}"]))
    return planes._replace(light=np.reshape(lights, shape), used="; ".join([*words, "lens light fitted"]))


def _on_grid(image, noise, valid, scale_in, num_pix, pixel_scale):
    """Flux and rms on the network's pixels, and where they were filled; of one band."""
    if noise is None:
        valid = valid & ~is_padding(image)
        noise = np.full(image.shape, sky_noise(image, valid))
    flux, variance, covered = resample(image, noise**2, valid, scale_in, num_pix, pixel_scale)
    filled = covered < MIN_COVERED
    if filled.all():
        raise DataError("not one pixel near the lens is valid: all are masked, not finite or without a usable noise.")
    # The sky is at 0: a network that knows arcs on an empty sky takes a hole at that level for sky.
    flux[filled] = 0.0
    rms = np.sqrt(variance)
    rms[filled] = np.median(rms[~filled])
    return flux, rms, filled


def input_scale(headers, given=None):
    """Pixel size in arcsec: what is given, or else from the header of the image or of the file. Raises: DataError."""
    if given is not None:
        return float(given)
    scale = header_pixel_scale(headers)
    if scale is None:
        bare = next((f"{key} = {h[key]}" for h in headers for key in ("CDELT1", "CD1_1") if key in h), None)
        if bare is not None and not bare.endswith((" = 1.0", " = 1")):  # 1 is what stands there if nobody set it
            raise DataError(
                f"its header has {bare} without a CTYPE or CUNIT by which that is an angle: give the size of a pixel "
                "in arcsec as --pixel-scale or real_lenses.pixel_scale."
            )
        raise DataError(
            f"its header has no pixel scale ({', '.join(KEYS)}, or CDELT or CD of the sky): "
            "give it in arcsec as --pixel-scale or real_lenses.pixel_scale."
        )
    return scale


def _check_valid(valid):
    """DataError where no pixel can be used."""
    if not valid.any():
        raise DataError("not one pixel is valid: all are masked, not finite or without a usable noise.")


def check_field(shape, scale_in, num_pix, pixel_scale):
    """Raises: DataError where a file shows too little of what the network sees, or so much that its scale is wrong.

    shape: (rows, columns) of the file. scale_in: arcsec of its pixels. num_pix, pixel_scale: of the network.
    """
    side = num_pix * pixel_scale
    height, width = (n * scale_in for n in shape)
    if scale_in > MAX_PIXEL * pixel_scale or max(height, width) > MAX_FIELD * side:
        raise DataError(
            f"its pixels of {scale_in:.4g} arcsec make a field of {width:.4g} x {height:.4g} arcsec, and the network's "
            f"are {pixel_scale:.4g} arcsec and {side:.3g} x {side:.3g}: expected a cut-out of about that field, and a "
            "pixel scale in arcsec (its header's, or real_lenses.pixel_scale), not in mas or degrees."
        )
    seen = min(height / side, 1.0) * min(width / side, 1.0)
    if seen < MIN_FIELD:
        raise DataError(
            f"its pixels of {scale_in:.3g} arcsec make a field of {width:.3g} x {height:.3g} arcsec, which "
            f"covers {seen:.0%} of the {side:.3g} x {side:.3g} arcsec that the network sees: expected "
            f"at least {MIN_FIELD:.0%}."
        )


def sky_noise(image, valid):
    """Rms per pixel of an image without a noise map, from a frame around its edge (no Poisson noise of the lens).

    DataError where too few pixels are valid or nothing varies.
    """
    rms = edge_rms(image, valid)
    if not rms > 0:
        raise DataError(
            "its noise cannot be measured at the edge of the image: add an extension NOISE (rms in counts/s)."
        )
    return rms
