"""A file of COOLEST, the standard of lens models, in lenstronomy's terms, with x to the right as here."""

import numpy as np

from ...errors import DataError
from ...files.coolest_files import read_coolest, read_grid
from . import coolest_profiles as profiles

GRID_KEYS = ("field_of_view_x", "field_of_view_y")


def from_coolest(path):
    """A system of a COOLEST file in lenstronomy's terms, those of `bridge.to_lenstronomy` that the file has.

    Returns: dict with `kwargs_model`, `kwargs_lens`, `kwargs_source`, `kwargs_lens_light`, with `redshifts` of lens and
        source, and where the file has them `kwargs_data` (image_data, its pixel grid and noise_map or background_rms),
        `likelihood_mask`, `kwargs_psf` and `kwargs_numerics`. Amplitudes are in the file's electrons/s/arcsec^2.
        COOLEST is silent on what lies between the pixels of a galaxy's image: its brightness is bilinear there.

    Raises: DataError with a sentence for everything that has no counterpart here.
    """
    template = read_coolest(path)
    found, problems = _System(path, template), []
    for i, entity in enumerate(template["lensing_entities"]):
        for group in ("mass", "light"):
            for k, profile in enumerate(entity.get(f"{group}_model") or ()):
                try:
                    found.add(group, entity, profile, f"lensing_entities.{i}.{group}_model.{k}")
                except DataError as error:
                    problems.append(str(error))
    if not found.terms["kwargs_lens"]:
        problems.append("no lensing entity has a mass profile")
    if problems:
        raise DataError(f"{path}: {'; '.join(problems)}")
    return found.terms | _data(path, template["observation"]) | _psf(path, template) | _mask(path, template)


def drawn_lenses(path, n):
    """n lenses of the normal errors that a COOLEST file gives to the parameters of its mass profiles.

    The first is that of the point estimates. Parameters without percentiles, or that are fixed, stay where they are.
    The others are independent of each other, as COOLEST says nothing of their covariance.

    Returns: the profiles' names, as of lenstronomy, and a list of n `kwargs_lens`, with lengths from the middle of the
        observation's pixels, where the file has any.
    Raises: DataError as `from_coolest`.
    """
    terms, template = from_coolest(path), read_coolest(path)
    found = [p for entity in template["lensing_entities"] for p in entity.get("mass_model") or ()]
    normal = np.random.Generator(np.random.Philox(0)).standard_normal
    drawn = [(p["type"], _drawn_values(p, n, normal)) for p in found]
    lenses = [terms["kwargs_lens"]]
    lenses += [[profiles.lenstronomy_mass(kind, own[k], path)[1] for kind, own in drawn] for k in range(1, n)]
    pixels = template["observation"].get("pixels") or {}
    middle = [0.5 * sum(pixels.get(key) or (0.0, 0.0)) for key in GRID_KEYS]
    for values in (values for lens in lenses for values in lens):
        values |= {c: values[c] - at for c, at in zip(profiles.CENTRE, middle, strict=True) if c in values}
    return terms["kwargs_model"]["lens_model_list"], lenses


def _drawn_values(profile, n, normal):
    """Draws of a profile's parameters, n dicts of parameter -> value."""
    out = [_values(profile) for _ in range(n)]
    for name, held in profile["parameters"].items():
        stats = held.get("posterior_stats") or {}
        low, high = (stats.get(f"percentile_{p}th") for p in (16, 84))
        if low is None or high is None or held.get("fixed"):
            continue
        lowest, highest = profiles.ALLOWED.get(name, (-np.inf, np.inf))
        for values, off in zip(out, 0.5 * (high - low) * normal(n), strict=True):
            values[name] = float(np.clip(values[name] + off, lowest, highest))
    return out


class _System:
    """The terms of a template, to which its profiles are added one by one."""

    def __init__(self, path, template):
        z = [e.get("redshift") for e in template["lensing_entities"]]
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in z):
            raise DataError(f"{path}: a lensing entity has no redshift, which tells a lens from a source")
        self.path, self.lens, self.source = path, min(z, default=0.0), max(z, default=0.0)
        self.area = (template["instrument"].get("pixel_size") or 0.0) ** 2
        lists = ("lens_model_list", "source_light_model_list", "lens_light_model_list")
        self.terms = {"kwargs_model": {name: [] for name in lists}, "redshifts": (self.lens, self.source)}
        self.terms |= {"kwargs_lens": [], "kwargs_source": [], "kwargs_lens_light": []}

    def add(self, group, entity, profile, where):
        """Add one profile. Raises: DataError for what has no counterpart here."""
        kind, z = profile.get("type"), entity["redshift"]
        if z not in (self.lens, self.source):
            raise DataError(f"{where}: lenses at several redshifts have no counterpart here, and {z:g} is a third one")
        if group == "mass" and z == self.source and self.source > self.lens:
            raise DataError(f"{where}: mass at the redshift of the source has no counterpart here")
        if group == "mass":
            at, (name, values) = "lens", profiles.lenstronomy_mass(kind, _values(profile), where)
        else:
            at = "source" if z == self.source and self.source > self.lens else "lens_light"
            name, values = self._light(kind, profile, where)
        self.terms["kwargs_model"][f"{at}_model_list" if at != "source" else "source_light_model_list"].append(name)
        self.terms[f"kwargs_{at}"].append(values)

    def _light(self, kind, profile, where):
        if kind == "Sersic":
            return profiles.lenstronomy_sersic(_values(profile), where)
        if kind != "PixelatedRegularGrid":
            raise DataError(
                f"{where}: the light profile {kind} has no counterpart here; expected Sersic or PixelatedRegularGrid"
            )
        grid = profile["parameters"]["pixels"]
        pixels = read_grid(self.path, grid, where)
        if pixels is None or not self.area:
            raise DataError(f"{where}: there are no pixels, or instrument.pixel_size is not given")
        (x, y), scale = _place(grid, pixels, where)
        same = {"image": pixels / self.area, "amp": 1.0, "phi_G": 0.0, "scale": scale}
        return "INTERPOL", same | {"center_x": x, "center_y": y}


def _values(profile):
    """Parameter -> point estimate of a profile."""
    parameters = profile.get("parameters") or {}
    return {name: (held.get("point_estimate") or {}).get("value") for name, held in parameters.items()}


def _place(grid, pixels, where):
    """The centre of a grid (x, y) and its pixel [arcsec]."""
    spans = [grid.get(key) or (0.0, 0.0) for key in GRID_KEYS]
    sizes = [abs(span[1] - span[0]) / n for span, n in zip(spans, pixels.shape[::-1], strict=True)]
    if not (np.isclose(*sizes, rtol=1e-6) and sizes[0] > 0 and pixels.shape[0] == pixels.shape[1]):
        raise DataError(f"{where}: expected a square grid of square pixels, got {pixels.shape} of {sizes} arcsec")
    return [0.5 * (span[0] + span[1]) for span in spans], sizes[0]


def _data(path, observation):
    """kwargs_data of a template's observation; {} where it has no image."""
    where = "observation.pixels"
    image = read_grid(path, observation["pixels"], where) if observation.get("pixels") else None
    if image is None:
        return {}
    (x, y), scale = _place(observation["pixels"], image, where)
    first, noise = 0.5 * (1 - len(image)) * scale, observation.get("noise") or {}
    data = {"image_data": image, "ra_at_xy_0": x + first, "dec_at_xy_0": y + first}
    data["transform_pix2angle"] = scale * np.eye(2)
    if noise.get("type") == "NoiseMap":
        data["noise_map"] = read_grid(path, noise["noise_map"], "observation.noise")
    elif noise.get("type") == "UniformGaussianNoise":
        data["background_rms"] = float(noise["std_dev"])
    return {"kwargs_data": data}


def _mask(path, template):
    for likelihood in template.get("likelihoods") or ():
        mask = read_grid(path, likelihood.get("mask") or {}, "likelihoods")
        if mask is not None:
            return {"likelihood_mask": mask != 0}
    return {}


def _psf(path, template):
    """kwargs_psf and kwargs_numerics; {} where no PSF is given."""
    psf, pixel_size = template["instrument"].get("psf") or {}, template["instrument"].get("pixel_size")
    rays = (template.get("meta") or {}).get("rays along a side of a pixel", 1)
    numerics = {"supersampling_factor": rays, "supersampling_convolution": False, "supersampling_kernel_size": None}
    if psf.get("type") == "GaussianPSF":
        kwargs = {"psf_type": "GAUSSIAN", "fwhm": psf["fwhm"] * pixel_size, "truncation": 5, "pixel_size": pixel_size}
        return {"kwargs_psf": kwargs, "kwargs_numerics": numerics}
    kernel = read_grid(path, psf["pixels"], "instrument.psf") if psf.get("type") == "PixelatedPSF" else None
    if kernel is None:
        return {}
    ratio = pixel_size / _place(psf["pixels"], kernel, "instrument.psf")[1]
    if not np.isclose(ratio, round(ratio), rtol=1e-6) or len(kernel) % 2 == 0:
        raise DataError(
            f"{path}: instrument.psf: expected an odd number of pixels, a whole number of which fit into one of the "
            f"image, got {len(kernel)} of 1/{ratio:.6g}"
        )
    kwargs = {"psf_type": "PIXEL", "kernel_point_source": kernel}
    if round(ratio) > 1:
        kwargs["point_source_supersampling_factor"] = round(ratio)
        finer = {"supersampling_factor": round(ratio), "supersampling_convolution": True}
    return {"kwargs_psf": kwargs, "kwargs_numerics": numerics | (finer if round(ratio) > 1 else {})}
