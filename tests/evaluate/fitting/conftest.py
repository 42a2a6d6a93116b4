"""A small scene of galaxies behind lenses, with its fit made ready once."""

from types import SimpleNamespace

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.evaluate.fitting.free_parameters import free_parameters, true_values
from lenstream.evaluate.fitting.image_model import Observed, image_model
from lenstream.evaluate.fitting.source_shapes import source_shapes
from lenstream.simulate.galaxies import principal_components
from lenstream.simulate.packing import noise_levels
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

GALAXY = (
    "simulate.source=[{profile: INTERPOL, catalogue: procedural, n_galaxies: 60, magnitude: {uniform: [23.5, 24.5]}, "
    "R_half: {uniform: [0.15, 0.4]}, center_x: {normal: [0, 0.1]}, center_y: {normal: [0, 0.1]}}]"
)

BANDS = "simulate.bands={r: {}, i: {image: {num_pix: 24, pixel_scale: 0.2}, psf: {kind: gaussian, fwhm: 0.25}}}"
COLOR = "simulate.source.0.colors={i: {normal: [-0.5, 0.3]}}"
LIGHT = (
    "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: {normal: [19.5, 0.3]}, R_sersic: {uniform: [0.5, 1]}, "
    "n_sersic: {uniform: [2, 5]}, e1: {follow: {parameter: lens_mass.0.e1, scatter: 0.1, low: -0.6, high: 0.6}}, "
    "e2: {follow: {parameter: lens_mass.0.e2, scatter: 0.1, low: -0.6, high: 0.6}}, center_x: {normal: [0, 0.03]}, "
    "center_y: {normal: [0, 0.03]}}]"
)


def case(*overrides, recipe="tiny", n=12, components=24, samples=800):
    """A scene, its fit (shapes, free, model) and n test lenses: systems, images, clean, truths, observed(i)."""
    config = load(recipe, list(overrides))
    scene = make_scene(config.simulate, config.seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(principal_components, "SAMPLES", samples)
        shapes = source_shapes(scene, components)
    free = free_parameters(scene, shapes)
    systems = draw(scene, FIRST_INDEX["test"] + np.arange(n), Views())
    optics = {name: values[0, 0] for name, values in systems.optics.items()}
    model = image_model(scene, free, shapes, optics)
    images, clean = (_of_all_bands(scene, render(scene, systems, noise=noise)) for noise in (True, False))
    pixels = [n**2 for n in scene.num_pix.values()]
    levels = (level[0] for level in noise_levels(scene, systems))
    background, exposure, gain = (float(v[0]) if len(v) == 1 else np.repeat(v, pixels) for v in levels)

    def observed(i, image=None):
        image = images[i] if image is None else image
        return Observed(image, background, exposure * gain, np.ones(image.shape, bool))

    truths = true_values(free, systems, shapes)
    return SimpleNamespace(
        scene=scene,
        shapes=shapes,
        free=free,
        model=model,
        systems=systems,
        images=images,
        clean=clean,
        truths=truths,
        observed=observed,
    )


def _of_all_bands(scene, images):
    """Images of systems as a fit has them: of one band (n, side, side), of several (n, pixels)."""
    if len(scene.bands) == 1:
        return images.reshape(len(images), *images.shape[-2:]).astype(float)
    of_grids = images if isinstance(images, tuple) else (images,)
    found = {
        name: own[:, 0, b].reshape(len(own), -1)
        for grid, own in zip(scene.grids, of_grids, strict=True)
        for b, name in enumerate(grid.bands)
    }
    return np.concatenate([found[name] for name in scene.bands], axis=1).astype(float)


@pytest.fixture(scope="session")
def make_case():
    return case


@pytest.fixture(scope="session")
def galaxy():
    return GALAXY


@pytest.fixture(scope="session")
def galaxies():
    """EPL and shear before real-looking galaxies, 32 x 32 pixels, 24 components."""
    return case(GALAXY, "simulate.image.rays=adaptive")


@pytest.fixture(scope="session")
def of_all_bands():
    return _of_all_bands


@pytest.fixture(scope="session")
def bands():
    """Two bands with pixels of their own, and a galaxy of any colour."""
    return [BANDS, COLOR]


@pytest.fixture(scope="session")
def light():
    return LIGHT


@pytest.fixture(scope="session")
def lit():
    """The same behind light that follows the mass loosely, some ten times as bright as the arcs."""
    return case(GALAXY, "simulate.image.rays=adaptive", LIGHT)


@pytest.fixture(scope="session")
def colored():
    """Galaxies of any colour and lenses with light in two bands with pixels of their own."""
    noisy = "simulate.observation.background_noise=0.04"
    return case(GALAXY, "simulate.image.rays=adaptive", LIGHT, BANDS, COLOR, noisy, n=4)
