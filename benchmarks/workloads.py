"""The workloads W1 to W4 of the benchmarks, as LenStream scenes and as arrays that other simulators can read."""

import dataclasses
import json

import numpy as np

from lenstream.configs.load import available, load
from lenstream.errors import ConfigError
from lenstream.simulate.bridge import to_lenstronomy
from lenstream.simulate.galaxies.procedural import procedural
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

SEED = 1
STAMP_SIZE = 128  # pixels: W3's galaxy images
MEANING = {
    "W1": "EPL + SHEAR, one Sersic source, 64x64 pixels of .08 arcsec, 2x2 rays a pixel, Gaussian PSF, no noise",
    "W2": "W1 with background and Poisson noise",
    "W3": "W1 with an image of 128x128 pixels as the source, one of 50 galaxies",
    "W4": "W1 with 100 SIS subhalos in every system",
}
GALAXY = (
    "{profile: INTERPOL, n_galaxies: 50, magnitude: 23, R_half: {uniform: [0.1, 0.4]}, "
    "center_x: {uniform: [-0.15, 0.15]}, center_y: {uniform: [-0.15, 0.15]}}"
)


def scenes():
    """Scenes by name; without W4 where there is no recipe for it."""
    out = {
        "W1": scene("w1"),
        "W2": scene("w1", "simulate.observation.noise=true"),
        "W3": dataclasses.replace(scene("w1", f"simulate.source=[{GALAXY}]"), stamps=procedural(SEED, 50, STAMP_SIZE)),
    }
    return out | ({"W4": scene("w4")} if "w4" in available() else {})


def scene(recipe, *overrides, rays=2):
    """The scene of a recipe with some keys replaced."""
    return make_scene(load(recipe, [f"simulate.image.rays={rays}", *overrides]).simulate, SEED)


def with_rays(recipe, rays, *overrides):
    """`scene` with another setting of rays, or None if this LenStream does not know the setting."""
    try:
        return scene(recipe, *overrides, rays=rays)
    except ConfigError:
        return None


def first_systems(scene, n):
    """The systems with indices 0 to n - 1, one view each."""
    return draw(scene, np.arange(n), Views())


def write_systems(path, scene, n):
    """The first n systems of a scene as an .npz file that needs nothing of LenStream to be read.

    It holds `meta`, a JSON text (grid, PSF, noise, and the profiles of each group in order); for every profile and
    parameter an array (n, number of components with that profile) named group/PROFILE/parameter, in lenstronomy's
    names and units; and `images`, (galaxies, size, size), which the parameter `image` of INTERPOL numbers.
    """
    systems = first_systems(scene, n)
    pool, arrays = {}, {}
    for i in range(n):
        terms = to_lenstronomy(scene, systems, i)
        model, psf = terms["kwargs_model"], terms["kwargs_psf"]
        groups = {"lens": model["lens_model_list"], "source": model["source_light_model_list"]}
        for group, profiles in groups.items():
            for profile, values in zip(profiles, terms[f"kwargs_{group}"], strict=True):
                for key, value in values.items():
                    if key == "image":
                        value, _ = pool.setdefault(value.tobytes(), (len(pool), value))
                    arrays.setdefault(f"{group}/{profile}/{key}", []).append(value)
    config = scene.config
    meta = groups | {
        "num_pix": config.image.num_pix,
        "pixel_scale": config.image.pixel_scale,
        "rays": config.image.rays,
        "fwhm": psf["fwhm"],
        "truncation": psf["truncation"],
        "background": config.observation.background_noise,
        "exposure_time": config.observation.exposure_time,
        "noise": config.observation.noise,
    }
    images = np.array([image for _, image in pool.values()]) if pool else np.zeros((0, 1, 1))
    np.savez(path, meta=json.dumps(meta), images=images, **{k: np.reshape(v, (n, -1)) for k, v in arrays.items()})
