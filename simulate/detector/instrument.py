"""The instrument of an observation, ready for rendering: pixel scale, zero point, background, PSF and blank sky."""

from dataclasses import dataclass, replace

import numpy as np

from ...configs.instruments import NUMBERS, OBSERVATION, known_numbers, preset  # noqa: F401  (documented as here)
from ...errors import ConfigError, DataError
from ...files.paths import usable
from ...files.plain_images import read_images
from ...files.suffixes import IMAGES, data_files
from ..core.distributions import quantile

FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
# FWHM: the radius of a Moffat kernel whose size is not given. It cuts 1 % of the light at beta = 2.5, 0.04 % at 4.
MOFFAT_REACH = 4.0
LARGEST_KERNEL = 1001  # pixels, of a Moffat whose size is not given


@dataclass(frozen=True)
class BlankSky:
    """Images of blank sky, one after the other in one array."""

    folder: str
    pixels: np.ndarray  # float32 (all pixels,) [counts/s]; NaN where there is none
    first: np.ndarray  # int64 (m,), the first pixel of each image
    shapes: np.ndarray  # int64 (m, 2), rows and columns


@dataclass(frozen=True)
class Instrument:
    """What turns a surface brightness into counts/s with noise. A count is an electron or an ADU."""

    pixel_scale: float  # arcsec
    exposure_time: float  # s, all exposures together; the median if it is drawn
    single_exposure_time: object  # s, of one exposure: a number or a Distribution
    num_exposures: int
    magnitude_zero_point: float  # AB magnitude of one count/s
    background: float  # rms per pixel [counts/s]
    read_noise: float | None  # electrons, of one read-out; None: the background was given as such
    sky_rate: float | None  # electrons/s/pixel; None: the background was given as such
    gain: float  # electrons per count
    psf_kind: str  # gaussian, moffat, pixel or none
    fwhm: object  # arcsec, of gaussian and moffat: a number or a Distribution; 0 for the rest
    beta: object  # of moffat: a number or a Distribution; 0 for the rest
    truncation: float  # radius of a Gaussian [sigma]
    kernels: np.ndarray  # float64 (m, k, k), k odd, each sums to one; m = 0 unless the PSF is pixel
    supersampling: int  # the PSF is applied on pixels finer by this; the kernels' own pixels are as fine
    within_pixels: bool  # with adaptive rays, the PSF acts on where in a pixel the light lies, see `simulate.moments`
    psf_size: int  # side of a Moffat kernel [fine pixels], odd; 0 for the rest
    noise_correlation: float  # of neighbouring pixels
    noise_scale: float  # rms of a pixel's noise over that of electrons counted in it alone
    sky: BlankSky | None  # instead of Gaussian background
    bad_pixels: float  # fraction
    cosmic_rays: float  # mean number in an image
    cosmic_rays_up_to: float  # s, the longest exposure that they hit
    masked_disks: object  # a `configs.observation.Disks` or None
    mask_value: float  # of lost pixels, NaN or 0

    @property
    def loses_pixels(self):
        """Whether there are masks: pixels may be bad, hit by cosmic rays, in a masked disk, or absent in the sky."""
        if self.bad_pixels > 0 or self.cosmic_rays > 0 or self.masked_disks is not None:
            return True
        return self.sky is not None and bool(np.isnan(self.sky.pixels).any())

    def on_finer_pixels(self, fine):
        """The instrument with its PSF applied on pixels finer by `fine`; a kernel from a file keeps its own."""
        if self.psf_kind == "pixel":
            return self
        size = self.psf_size * fine // self.supersampling
        size += (size + 1) % 2 if size else 0  # odd
        return replace(self, supersampling=fine, within_pixels=False, psf_size=size)

    def narrowest(self):
        """The smallest FWHM that the PSF may be drawn with [arcsec]; of a law without an end, its 0.001 quantile."""
        if not hasattr(self.fwhm, "support"):
            return self.fwhm
        lowest = self.fwhm.support()[0]
        return lowest if lowest > 0.0 and np.isfinite(lowest) else float(quantile(self.fwhm, 1e-3))


def make_instrument(config, pixel_scale=None, path=OBSERVATION):
    """The `Instrument` of an observation config (`configs.observation.Observation`), pixel scale given or the preset's.

    path: of the section, for messages.

    Raises: ConfigError listing every number that neither the preset nor the config gives; DataError for a PSF or sky
        that cannot be read.
    """
    known = known_numbers(config, pixel_scale, path)
    known |= {n: getattr(config, n) for n in NUMBERS if getattr(config, n) is not None}
    known |= {"pixel_scale": pixel_scale} if pixel_scale is not None else {}
    has_background = config.background_noise is not None or config.sky_cutouts is not None
    from_sky = config.background_noise is None and "read_noise" in known and "sky_brightness" in known
    problems = [f"{path}.{n}: missing" for n in ("exposure_time", "magnitude_zero_point") if n not in known]
    if "pixel_scale" not in known:
        problems.append("simulate.image.pixel_scale: missing, and no instrument gives it")
    if not (has_background or from_sky):
        problems.append(f"{path}: give background_noise, or read_noise and sky_brightness, or an instrument")
    if config.data_count_unit == "ADU" and "ccd_gain" not in known:
        problems.append(f"{path}.ccd_gain: missing, and counts in ADU need it")
    fwhm, problem = _fwhm(config, known, path)
    problems += [problem] if problem else []
    psf = config.psf
    kind = psf.kind if psf else "gaussian"
    automatic = psf is None or psf.supersampling == "auto"
    supersampling = 1 if automatic else psf.supersampling
    psf_size = 0
    if not problems and config.psf is not None and config.psf.kind == "moffat":
        psf_size = config.psf.size or _moffat_size(fwhm, known["pixel_scale"] / supersampling)
        if config.psf.size is None and psf_size > LARGEST_KERNEL:
            problems.append(f"{path}.psf.size: missing, and 4 FWHM of the widest Moffat PSF need {psf_size} pixels")
    if problems:
        raise ConfigError(problems)

    gain = float(known["ccd_gain"]) if config.data_count_unit == "ADU" else 1.0
    typical, num_exposures = known["exposure_time"], known.get("num_exposures", 1)
    if not isinstance(typical, int | float):
        typical = float(quantile(typical, 0.5))
    exposure_time = typical * num_exposures
    zero_point, scale = known["magnitude_zero_point"], known["pixel_scale"]
    read_noise, sky_rate, background = None, None, config.background_noise
    if from_sky:
        read_noise = float(known["read_noise"])
        sky_rate = float(counts_per_second(known["sky_brightness"], zero_point)) * scale**2
        background = background_rms(read_noise, exposure_time, sky_rate / scale**2, scale, num_exposures) / gain
        background *= config.noise_scale
    return Instrument(
        pixel_scale=scale,
        exposure_time=exposure_time,
        single_exposure_time=known["exposure_time"],
        num_exposures=num_exposures,
        magnitude_zero_point=zero_point - 2.5 * np.log10(gain),
        background=0.0 if background is None else background,
        read_noise=read_noise,
        sky_rate=sky_rate,
        gain=gain,
        psf_kind=kind,
        fwhm=fwhm,
        beta=psf.beta if kind == "moffat" else 0.0,
        truncation=psf.truncation if psf else 5.0,
        kernels=read_kernels(psf.file, psf.size, f"{path}.psf.file") if kind == "pixel" else np.zeros((0, 1, 1)),
        supersampling=supersampling,
        within_pixels=automatic and kind in ("gaussian", "moffat"),
        psf_size=psf_size,
        noise_correlation=config.noise_correlation,
        noise_scale=config.noise_scale,
        sky=read_sky(config.sky_cutouts, f"{path}.sky_cutouts") if config.sky_cutouts else None,
        bad_pixels=config.bad_pixels,
        cosmic_rays=config.cosmic_rays,
        cosmic_rays_up_to=np.inf if config.cosmic_rays_up_to is None else config.cosmic_rays_up_to,
        masked_disks=config.masked_disks,
        mask_value=float(config.mask_value),
    )


def _fwhm(config, known, path):
    """The PSF's full width at half maximum, 0 where it has none, and what is wrong or None."""
    if config.psf is not None:
        if config.psf.kind in ("pixel", "none"):
            return 0.0, None
        fwhm = config.psf.fwhm if config.psf.fwhm is not None else known.get("seeing")
        return fwhm, None if fwhm is not None else f"{path}.psf: the PSF's fwhm is missing, and no instrument gives it"
    fwhm = known.get("seeing")
    if known.get("psf_type", "GAUSSIAN") != "GAUSSIAN":
        seeing = "" if fwhm is None else f" (fwhm {fwhm:g} arcsec unless given)"
        return fwhm, (
            f"{path}.psf: lenstronomy has no PSF for {config.instrument} (its psf_type is {known['psf_type']}): "
            f"give kind: pixel with a file, or kind: gaussian{seeing}"
        )
    return fwhm, None if fwhm is not None else f"{path}.psf: the PSF's fwhm is missing, and no instrument gives it"


def _moffat_size(fwhm, pixel_scale):
    largest = fwhm.support()[1] if hasattr(fwhm, "support") else fwhm
    return 2 * int(np.ceil(MOFFAT_REACH * largest / pixel_scale)) + 1


def background_rms(read_noise, exposure_time, sky, pixel_scale, num_exposures):
    """rms of the background per pixel [electrons/s], as lenstronomy's `data_util.bkg_noise`.

    read_noise [electrons] per exposure, exposure_time [s] in total, sky [electrons/s/arcsec^2], pixel_scale [arcsec].
    """
    variance = num_exposures * read_noise**2 + exposure_time * sky * pixel_scale**2
    return np.sqrt(variance) / exposure_time


def background_at(instrument, exposure_time):
    """rms of an instrument's background [counts/s] at other total exposure times [s]; the same shape.

    A background that was given as such stays as it is.
    """
    if instrument.read_noise is None:
        return np.full_like(exposure_time, instrument.background)
    sky = instrument.sky_rate / instrument.pixel_scale**2
    rms = background_rms(instrument.read_noise, exposure_time, sky, instrument.pixel_scale, instrument.num_exposures)
    return instrument.noise_scale * rms / instrument.gain


def electrons_per_count(instrument):
    """Electrons in a count, as many as the noise of light in a pixel looks like: more where resampling smooths it."""
    return instrument.gain / instrument.noise_scale**2


def counts_per_second(magnitude, zero_point):
    """Flux [counts/s] of an AB magnitude (array or float)."""
    return 10.0 ** (-0.4 * (np.asarray(magnitude) - zero_point))


def read_kernels(path, size=None, key=f"{OBSERVATION}.psf.file"):
    """PSF kernels from a file with one image or a cube of them, or from all such files of a folder, by name.

    A file is FITS (its extension PSF, or else its first image), .npy or .npz. Each kernel is cut to `size` pixels about
    its centre and normalised; smaller ones get a border of zeros.

    Returns: float64 (m, k, k), k odd. Raises: DataError if a file is absent, broken, not square and odd-sided, not
        finite, or sums to zero; key names the setting.
    """
    kernels = [_checked_kernel(image, size, f"{key}: {file}") for file, image in _images(path, "psf", key)]
    side = max(len(k) for k in kernels)
    return np.stack([np.pad(k, (side - len(k)) // 2) for k in kernels])


def _checked_kernel(kernel, size, where):
    if kernel.shape[0] != kernel.shape[1] or kernel.shape[0] % 2 == 0:
        raise DataError(f"{where} has a kernel of shape {kernel.shape}, expected square and odd-sided")
    if size is not None and size < len(kernel):
        cut = (len(kernel) - size) // 2
        kernel = kernel[cut:-cut, cut:-cut]
    if not np.isfinite(kernel).all() or kernel.sum() <= 0:
        raise DataError(f"{where} must hold finite numbers with a positive sum")
    return kernel / kernel.sum()


def read_sky(folder, key=f"{OBSERVATION}.sky_cutouts"):
    """Images of blank sky [counts/s], background subtracted, from a folder of FITS, .npy and .npz files.

    A file holds one image or a cube of them (.npz: any number of either; FITS: in its extension IMAGE or SCI, or else
    its first image). Pixels that are not finite, or of an absurd value, count as absent.

    Returns: `BlankSky`. Raises: DataError if there is no image, or one cannot be read; key names the setting.
    """
    images = []
    for file, image in _images(folder, "image", key):
        if not np.isfinite(image).any():
            raise DataError(f"{key}: {file} holds an image without a finite pixel")
        images.append(image.astype(np.float32))
    sizes = np.array([i.size for i in images], dtype=np.int64)
    return BlankSky(
        folder=str(folder),
        pixels=np.concatenate([i.ravel() for i in images]),
        first=np.cumsum(sizes) - sizes,
        shapes=np.array([i.shape for i in images], dtype=np.int64),
    )


def _images(path, role, key):
    """Pairs (file, float64 (rows, columns)) of all images of a file, or of the files of a folder by name."""
    path = usable(path)
    try:
        for file in data_files(path, IMAGES, "images") if path.is_dir() else [path]:
            yield from ((file, image) for image in read_images(file, role))
    except DataError as error:
        raise DataError(f"{key}: {error}") from None
