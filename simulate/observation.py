"""Observation: instruments by lenstronomy's names, background noise, zero point and PSF."""

import importlib
import pkgutil
from dataclasses import dataclass

import numpy as np

from ..errors import ConfigError, DataError, nearest

FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True)
class Instrument:
    """What turns a surface brightness into counts/s with noise."""

    pixel_scale: float  # arcsec
    exposure_time: float  # s, all exposures together
    magnitude_zero_point: float  # AB magnitude of one count/s
    background: float  # rms per pixel [counts/s]
    fwhm: object  # arcsec: None, a number or a Distribution, of the Gaussian PSF
    truncation: float  # sigma
    psf_kernel: np.ndarray  # float64 (k, k), sums to one; (1, 1) unless the PSF is a pixel kernel


def preset(name):
    """lenstronomy's settings of an instrument and band, e.g. "Euclid/VIS", as for its SingleBand class.

    Raises: ConfigError for a name that lenstronomy does not have.
    """
    from lenstronomy.SimulationAPI import ObservationConfig

    instruments = [m.name for m in pkgutil.iter_modules(ObservationConfig.__path__)]
    telescope, _, band = name.partition("/")
    if telescope not in instruments or not band:
        raise ConfigError(
            [
                f'simulate.observation.instrument: no instrument "{name}"; expected NAME/BAND with NAME one of '
                f"{', '.join(instruments)}.{nearest(telescope, instruments)}"
            ]
        )
    module = importlib.import_module(f"lenstronomy.SimulationAPI.ObservationConfig.{telescope}")
    try:
        settings = dict(getattr(module, telescope)(band=band).kwargs_single_band())
    except ValueError as error:
        raise ConfigError([f"simulate.observation.instrument: {error}"]) from None
    return settings


def read_psf(path, size=None):
    """A PSF kernel from a FITS file, cut to `size` pixels about its centre and normalised; float64 (k, k), k odd.

    Raises: DataError if the file is absent, broken, not a square odd-sided image of finite numbers, or sums to zero.
    """
    from astropy.io import fits

    try:
        kernel = np.asarray(fits.getdata(path), dtype=float)
    except (OSError, TypeError, IndexError) as error:
        raise DataError(f"simulate.observation.psf.file: cannot read {path} as a FITS image ({error})") from None
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or kernel.shape[0] % 2 == 0:
        raise DataError(
            f"simulate.observation.psf.file: {path} has shape {kernel.shape}, expected square and odd-sided"
        )
    if size is not None and size < len(kernel):
        cut = (len(kernel) - size) // 2
        kernel = kernel[cut:-cut, cut:-cut]
    if not np.isfinite(kernel).all() or kernel.sum() <= 0:
        raise DataError(f"simulate.observation.psf.file: {path} must hold finite numbers with a positive sum")
    return kernel / kernel.sum()


def instrument(config, pixel_scale=None):
    """The `Instrument` of an observation config (`configs.observation.Observation`), pixel scale given or the preset's.

    Raises: ConfigError listing every number that neither the preset nor the config gives; DataError for a PSF file.
    """
    known = preset(config.instrument) if config.instrument else {}
    names = (
        "exposure_time",
        "num_exposures",
        "magnitude_zero_point",
        "read_noise",
        "sky_brightness",
        "background_noise",
    )
    known |= {n: getattr(config, n) for n in names if getattr(config, n) is not None}
    known |= {"pixel_scale": pixel_scale} if pixel_scale is not None else {}
    problems = [
        f"simulate.observation.{n}: missing" for n in ("exposure_time", "magnitude_zero_point") if n not in known
    ]
    if "pixel_scale" not in known:
        problems.append("simulate.image.pixel_scale: missing, and no instrument gives it")
    if config.background_noise is None and not ("read_noise" in known and "sky_brightness" in known):
        problems.append(
            "simulate.observation: give background_noise, or read_noise and sky_brightness, or an instrument"
        )
    fwhm, truncation, kernel = known.get("seeing"), 5.0, np.ones((1, 1))
    if config.psf is not None:
        psf = config.psf
        fwhm, truncation = (psf.fwhm if psf.kind == "gaussian" else 0.0), psf.truncation
        kernel = read_psf(psf.file, psf.size) if psf.kind == "pixel" else kernel
    if fwhm is None:
        problems.append("simulate.observation.psf: the PSF's fwhm is missing, and no instrument gives it")
    if problems:
        raise ConfigError(problems)
    exposure_time = known["exposure_time"] * known.get("num_exposures", 1)
    zero_point = known["magnitude_zero_point"]
    background = config.background_noise
    if background is None:
        background = background_rms(
            known["read_noise"],
            exposure_time,
            counts_per_second(known["sky_brightness"], zero_point),
            known["pixel_scale"],
            known.get("num_exposures", 1),
        )
    return Instrument(known["pixel_scale"], exposure_time, zero_point, background, fwhm, truncation, kernel)


def background_rms(read_noise, exposure_time, sky, pixel_scale, num_exposures):
    """rms of the background per pixel [counts/s], as lenstronomy's `data_util.bkg_noise`.

    read_noise [electrons] per exposure, exposure_time [s] in total, sky [counts/s/arcsec^2], pixel_scale [arcsec].
    """
    variance = num_exposures * read_noise**2 + exposure_time * sky * pixel_scale**2
    return float(np.sqrt(variance) / exposure_time)


def counts_per_second(magnitude, zero_point):
    """Flux [counts/s] of an AB magnitude (array or float)."""
    return 10.0 ** (-0.4 * (np.asarray(magnitude) - zero_point))
