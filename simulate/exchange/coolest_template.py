"""A lens system in lenstronomy's terms as a template of COOLEST, the standard of lens models.

The template names pixel images by keys, which `files.coolest_files.write_coolest` turns into FITS files. Images, noise
and amplitudes are in electrons/s. The PSF is written as pixels whatever it is, as readers of COOLEST take nothing else;
so is an image of a galaxy, at the brightness of its surface times the area of an image's pixel.
"""

from typing import NamedTuple

import numpy as np

from ...errors import DataError
from ..detector.instrument import FWHM_PER_SIGMA
from . import coolest_profiles as profiles

PERCENTILES = (50.0, 16.0, 84.0)
SAMPLES = 4096  # of normal laws
FINER = 4  # pixels on a side of a grid to one of a galaxy's image that is turned
UNKNOWN = (0.5, 1.5)  # redshifts of lens and source where they are not known: readers tell both by them


class Described(NamedTuple):
    """What a template says of a system beside its model and image."""

    mode: str = "MOCK"  # or MAP, a fit
    redshifts: tuple | None = None  # of lens and source
    cosmology: tuple | None = None  # H0 [km/s/Mpc], Om0: flat LambdaCDM
    gain: float = 1.0  # electrons per count of the terms
    zero_point: float | None = None  # AB magnitude of one electron per second
    exposure_time: float | None = None  # s
    instrument: str = ""
    band: str = ""
    origin: tuple = ("00h00m00s", "+00d00m00s")  # right ascension and declination of the image's centre
    meta: dict = {}  # noqa: RUF012  (never changed)


def coolest_template(terms, described=None, samples=None):
    """A COOLEST template of a system, and the pixels of its images: (dict, key -> array (n, n)).

    Args:
        terms: of lenstronomy, as `bridge.to_lenstronomy` gives them, x to the right; `kwargs_data` may have a noise_map
            in place of background_rms and exposure_time.
        described: `Described`.
        samples: for kwargs_lens, kwargs_source and kwargs_lens_light, by that name, a list with a dict of posterior
            samples for each profile, parameter -> (m,), {} where there are none. None: no posterior.

    Raises: DataError for what COOLEST has no counterpart of, and for values outside of what it defines.
    """
    described, samples = described or Described(), samples or {}
    model, data, images = terms["kwargs_model"], terms["kwargs_data"], {}
    scale = float(data["transform_pix2angle"][0][0])
    grid = _grid("image", data["image_data"] * described.gain, scale, images)
    z_lens, z_source = described.redshifts or UNKNOWN
    names, lens = model["lens_model_list"], terms["kwargs_lens"]
    mass, fields = [], []
    for k, (name, values) in enumerate(zip(names, lens, strict=True)):
        profiles.check_has_counterpart(name, f"kwargs_lens.{k}")
        of_profile = _profile(profiles.coolest_mass, name, values, _of(samples, "kwargs_lens", k), f"kwargs_lens.{k}")
        (fields if of_profile["type"] in profiles.FIELDS else mass).append(of_profile)
    moved = sum((profiles.constant_deflection(n, v) for n, v in zip(names, lens, strict=True)), np.zeros(2))
    source, lens_light = (
        [
            _light(name, values, _of(samples, f"kwargs_{group}", k), f"{group}_{k}", scale, described.gain, by, images)
            for k, (name, values) in enumerate(zip(names, terms[f"kwargs_{group}"], strict=True))
        ]
        for group, names, by in (
            ("source", model["source_light_model_list"], moved),
            ("lens_light", model["lens_light_model_list"], np.zeros(2)),
        )
    )
    entities = [_galaxy("lens", z_lens, mass, lens_light)]
    entities += (
        [{"type": "MassField", "name": "external field", "redshift": z_lens, "mass_model": fields}] if fields else []
    )
    entities.append(_galaxy("source", z_source, [], source))
    noise = _grid("noise", _noise(data) * described.gain, scale, images)
    psf, sampling = _psf(terms, scale, images)
    template = {
        "standard": "COOLEST",
        "mode": described.mode,
        "coordinates_origin": dict(zip(("ra", "dec"), described.origin, strict=True)),
        "lensing_entities": _with_ids(entities),
        "observation": {
            "pixels": grid,
            "noise": {"type": "NoiseMap", "noise_map": noise},
            "exposure_time": described.exposure_time,
            "mag_zero_point": described.zero_point,
            "mag_sky_brightness": None,
        },
        "instrument": {
            "name": described.instrument,
            "band": described.band,
            "pixel_size": scale,
            "readout_noise": 0.0,
            "psf": psf,
        },
        "meta": {
            "written by": "LenStream",
            "redshifts": "as given" if described.redshifts else "not known: placeholders, which tell lens from source",
        }
        | sampling
        | described.meta,
    }
    if "likelihood_mask" in terms:
        mask = _grid("mask", np.asarray(terms["likelihood_mask"], bool), scale, images)
        template["likelihoods"] = [{"type": "ImagingDataLikelihood", "mask": mask}]
    if described.cosmology is not None:
        H0, Om0 = described.cosmology
        template["cosmology"] = {"H0": H0, "Om0": Om0, "astropy_name": "FlatLambdaCDM"}
    return template, images


def psf_kernel(kwargs_psf, kwargs_numerics, pixel_scale):
    """The kernel of a PSF of lenstronomy, float64 (k, k), and how much finer its pixels are than the image's.

    A Gaussian is that which lenstronomy applies, on the pixels on which it does.
    """
    finer = kwargs_numerics["supersampling_factor"] if kwargs_numerics.get("supersampling_convolution") else 1
    if kwargs_psf["psf_type"] == "NONE":
        return np.pad(np.ones((1, 1)), 1), 1
    if kwargs_psf["psf_type"] == "PIXEL":
        return np.asarray(kwargs_psf["kernel_point_source"]), kwargs_psf.get("point_source_supersampling_factor", 1)
    sigma = kwargs_psf["fwhm"] / FWHM_PER_SIGMA / (pixel_scale / finer)
    reach = int(kwargs_psf["truncation"] * sigma + 0.5)  # as scipy's gaussian_filter
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    return np.outer(weights, weights), finer


def _psf(terms, scale, images):
    """The PSF of a template, and how finely images are sampled; one of no type where it is not known."""
    if "kwargs_psf" not in terms:
        return {"type": None, "description": None}, {}
    kernel, factor = psf_kernel(terms["kwargs_psf"], terms["kwargs_numerics"], scale)
    rays = int(terms["kwargs_numerics"]["supersampling_factor"])
    sampling = {"rays along a side of a pixel": rays, "PSF pixels along a side of a pixel": factor}
    pixels = _grid("psf", kernel, scale / factor, images)
    return {"type": "PixelatedPSF", "description": None, "pixels": pixels}, sampling


def normal_samples(values, sigmas):
    """Samples of independent normal parameters, name -> (m,), as `joint_samples`.

    Args: values, sigmas: name -> number; those without a finite sigma stay where they are.
    """
    spread = [sigma if np.isfinite(sigma := sigmas.get(name, 0.0)) else 0.0 for name in values]
    return dict(zip(values, joint_samples(list(values.values()), np.diag(np.square(spread))), strict=True))


def joint_samples(mean, covariance):
    """Samples of a normal law, float64 (p, SAMPLES): evenly spread, and always the same."""
    from scipy.stats import norm, qmc

    u = qmc.Sobol(len(mean), scramble=True, rng=np.random.Generator(np.random.Philox(0))).random(SAMPLES)
    normal = norm.ppf(np.clip(u, 0.25 / SAMPLES, 1.0 - 0.25 / SAMPLES))
    values, along = np.linalg.eigh(covariance)
    return np.asarray(mean)[:, None] + along @ (np.sqrt(np.maximum(values, 0.0))[:, None] * normal.T)


def _of(samples, group, k):
    """The samples of a profile; {} where there are none."""
    return samples[group][k] if samples.get(group) else {}


def _galaxy(name, redshift, mass, light):
    return {"type": "Galaxy", "name": name, "redshift": redshift, "mass_model": mass, "light_model": light}


def _profile(convert, name, values, samples, where):
    """A profile of COOLEST as its template has it, with its statistics."""
    by = (name,) if name else ()
    kind, parameters, fixed = convert(*by, values)
    profiles.check_ranges(kind, parameters, where)
    drawn = convert(*by, {n: np.asarray(v) for n, v in (values | samples).items()})[1] if samples else {}
    return {
        "type": kind,
        "parameters": {
            n: {
                "point_estimate": {"value": float(value)},
                "posterior_stats": _statistics(n, float(value), drawn.get(n)),
                "prior": {"type": None},
                "fixed": n in fixed,
            }
            for n, value in parameters.items()
        },
    }


def _statistics(name, value, samples):
    """Mean, median and percentiles of samples (m,); of an angle those around its value, so that they are in order."""
    if samples is None or np.ndim(samples) == 0 or np.ptp(samples) == 0.0:
        return dict.fromkeys(("mean", "median", "percentile_16th", "percentile_84th"))
    if name.startswith("phi"):
        samples = value + 90.0 - (90.0 - (samples - value)) % 180.0
    median, low, high = (float(p) for p in np.percentile(samples, PERCENTILES))
    return {"mean": float(np.mean(samples)), "median": median, "percentile_16th": low, "percentile_84th": high}


def _light(name, values, samples, key, pixel_scale, gain, moved, images):
    """A light profile of COOLEST; moved: what is added to its place (x, y)."""
    values = values | {n: values[n] + by for n, by in zip(profiles.CENTRE, moved, strict=True)}
    samples = samples | {n: samples[n] + by for n, by in zip(profiles.CENTRE, moved, strict=True) if n in samples}
    if name in ("SERSIC_ELLIPSE", "SERSIC"):
        values, samples = ({n: v * gain if n == "amp" else v for n, v in of.items()} for of in (values, samples))
        return _profile(profiles.coolest_sersic, "", values, samples, key)
    if name == "INTERPOL":
        pixels, scale, centre = _upright(values)
        pixels = pixels * (gain * pixel_scale**2)
        return {"type": "PixelatedRegularGrid", "parameters": {"pixels": _grid(key, pixels, scale, images, centre)}}
    raise DataError(
        f"{key}: the light profile {name} has no counterpart in COOLEST; expected SERSIC_ELLIPSE or INTERPOL"
    )


def _upright(values):
    """An image of a galaxy on a grid along x and y, with its pixel [arcsec] and centre; zero at its outermost pixels.

    It is the image itself, bilinear between pixels; one that is turned is interpolated on finer pixels.
    """
    image, scale = np.pad(values["image"], 1) * values["amp"], values["scale"]
    centre = (values["center_x"], values["center_y"])
    if values["phi_G"] % (2.0 * np.pi) == 0.0:
        return image, scale, centre
    from lenstronomy.LightModel.Profiles.interpolation import Interpol

    half = 0.5 * (len(image) - 1) * (abs(np.cos(values["phi_G"])) + abs(np.sin(values["phi_G"])))
    axis = np.arange(-np.ceil(half * FINER), np.ceil(half * FINER) + 1) * scale / FINER
    x, y = np.meshgrid(axis, axis)
    at_zero = values | {"center_x": 0.0, "center_y": 0.0}
    return np.pad(Interpol().function(x.ravel(), y.ravel(), **at_zero).reshape(x.shape), 1), scale / FINER, centre


def _grid(key, pixels, pixel_size, images, centre=(0.0, 0.0)):
    """A grid of a template, whose pixels (n, n) are put to `images` by their key.

    Its field is a hair narrow, as lenstronomy cuts the ratio of an image's pixel to a PSF's down to a whole number.
    """
    images[key] = pixels
    half = 0.5 * len(pixels) * pixel_size * (1.0 - 2e-13 if key == "psf" else 1.0)
    return {
        "fits_file": {"path": key},
        "field_of_view_x": [centre[0] - half, centre[0] + half],
        "field_of_view_y": [centre[1] - half, centre[1] + half],
        "num_pix_x": len(pixels),
        "num_pix_y": len(pixels),
    }


def _noise(data):
    """The rms of every pixel, (n, n): lenstronomy's, of the image itself."""
    if data.get("noise_map") is not None:
        return np.asarray(data["noise_map"], float)
    return np.sqrt(data["background_rms"] ** 2 + np.maximum(data["image_data"], 0.0) / data["exposure_time"])


def _with_ids(entities):
    """Number profiles and parameters as the coolest package does."""
    for i, entity in enumerate(entities):
        for group in ("mass", "light"):
            for k, profile in enumerate(entity.get(f"{group}_model", [])):
                profile["id"] = f"{i}-{entity['type'].lower()}-{group}-{k}-{profile['type']}"
                for name, parameter in profile["parameters"].items():
                    parameter["id"] = f"{profile['id']}-{name}"
    return entities
