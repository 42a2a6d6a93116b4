"""A file of COOLEST as the `simulate` section of a config: a population of one system, whose parameters are fixed."""

from pathlib import Path

import numpy as np

from ...errors import DataError
from ...files.coolest_files import read_coolest
from ..profiles.sersic import total_flux
from .coolest_terms import from_coolest

NO_POISSON = 1e9  # s: an exposure so long that the light has no noise of its own


def coolest_section(path):
    """The `simulate` section of a system in a COOLEST file, and sentences on what it has from elsewhere: (dict, list).

    Amplitudes become magnitudes by the zero point; the PSF is that of the file beside the template.

    Raises: DataError with a sentence for everything that has no counterpart, as `from_coolest`; and for images of
        galaxies, which a config takes from a catalogue.
    """
    template, terms = read_coolest(path), from_coolest(path)
    observation, said, problems = template["observation"], [], []
    zero_point = observation.get("mag_zero_point")
    if zero_point is None:
        problems.append("observation.mag_zero_point is not given, and magnitudes need it")
    model, light = terms["kwargs_model"], {}
    for group in ("source", "lens_light"):
        names = model["source_light_model_list" if group == "source" else "lens_light_model_list"]
        if "INTERPOL" in names:
            problems.append(
                f"{group}: an image of a galaxy is in a config by its catalogue only; from_coolest reads it"
            )
        parametric = [v for n, v in zip(names, terms[f"kwargs_{group}"], strict=True) if n != "INTERPOL"]
        light[group] = [_light(values, zero_point or 0.0) for values in parametric]
    if not terms["kwargs_source"]:
        problems.append("there is no light behind the lens")
    if "kwargs_data" not in terms:
        problems.append("observation.pixels names no image, so there is no pixel grid")
    if problems:
        raise DataError(f"{path}: {'; '.join(problems)}")
    data = terms["kwargs_data"]
    section = {
        "image": {
            "num_pix": len(data["image_data"]),
            "pixel_scale": float(data["transform_pix2angle"][0][0]),
            "rays": (template.get("meta") or {}).get("rays along a side of a pixel", "adaptive"),
        },
        "cosmology": _cosmology(template, terms["redshifts"]),
        "lens_mass": [{"profile": n} | v for n, v in zip(model["lens_model_list"], terms["kwargs_lens"], strict=True)],
        **{group: components for group, components in light.items() if components},
        "observation": {
            "magnitude_zero_point": zero_point,
            **_noise(observation, data, said),
            **_psf(path, template, said),
        },
    }
    return section, said


def _light(values, zero_point):
    flux = values["amp"] * float(total_flux(values["R_sersic"], values["n_sersic"]))
    magnitude = zero_point - 2.5 * np.log10(max(flux, 1e-30))
    return {"profile": "SERSIC_ELLIPSE", "magnitude": float(magnitude)} | {
        n: v for n, v in values.items() if n != "amp"
    }


def _cosmology(template, redshifts):
    own = template.get("cosmology") or {}
    named = dict(zip(("z_lens", "z_source"), redshifts, strict=True))
    return (named if 0 < redshifts[0] < redshifts[1] else {}) | {n: own[n] for n in ("H0", "Om0") if n in own}


def _noise(observation, data, said):
    """Exposure time and background of a config."""
    exposure, background = observation.get("exposure_time"), data.get("background_rms")
    if not isinstance(exposure, int | float) or exposure <= 0:
        exposure = NO_POISSON
        said.append("observation.exposure_time is not given as a number: the light has no noise of its own")
    if background is None and data.get("noise_map") is not None:
        background = float(np.nanmin(data["noise_map"]))
        said.append("the noise is a map, of which the background has the smallest value")
    if background is None:
        background = 0.0
        said.append("the noise has no counterpart: there is none but that of the light")
    return {"exposure_time": float(exposure), "background_noise": background}


def _psf(path, template, said):
    psf, pixel_size = template["instrument"].get("psf") or {}, template["instrument"].get("pixel_size")
    if psf.get("type") == "GaussianPSF":
        return {"psf": {"kind": "gaussian", "fwhm": psf["fwhm"] * pixel_size}}
    if psf.get("type") != "PixelatedPSF" or not (psf["pixels"].get("fits_file") or {}).get("path"):
        said.append("the PSF has no counterpart: there is none")
        return {"psf": {"kind": "none"}}
    low, high = psf["pixels"]["field_of_view_x"]
    finer = round(pixel_size * psf["pixels"]["num_pix_x"] / abs(high - low))
    file = Path(path).parent / psf["pixels"]["fits_file"]["path"]
    return {"psf": {"kind": "pixel", "file": str(file), "supersampling": finer}}
