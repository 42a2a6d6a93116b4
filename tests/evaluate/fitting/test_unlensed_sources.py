"""Sources on stamps against lenstronomy's light, and against what was drawn."""

import numpy as np
import pytest
from lenstronomy.LightModel.light_model import LightModel

from lenstream.configs.load import load
from lenstream.evaluate.fitting.unlensed_sources import STAMP, unlensed_sources
from lenstream.simulate.bridge import to_lenstronomy
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

ROUND = "{{profile: SERSIC_ELLIPSE, magnitude: {m}, R_sersic: {R}, n_sersic: {n}, center_x: {x}, center_y: 0.1}}"
GALAXY = (
    "{profile: INTERPOL, catalogue: procedural, n_galaxies: 20, magnitude: 22, R_half: {uniform: [0.2, 0.4]}, "
    "center_x: {normal: [0, 0.1]}}"
)


def measured(source, n=6, extra=()):
    scene = make_scene(load("tiny", [f"simulate.source=[{source}]", *extra]).simulate, 3)
    systems = draw(scene, np.arange(n), Views())
    return unlensed_sources(scene, systems), scene, systems


def test_a_sersic_profile_has_its_place_size_and_flux():
    """An exponential disc to within 5 % of its light and 4 % of its radius, which are those within the stamp."""
    found, scene, _ = measured(ROUND.format(m=23, R=0.3, n=1, x=-0.2), n=1)
    flux = 10 ** (0.4 * (scene.instrument.magnitude_zero_point - 23))
    np.testing.assert_allclose(found.centre, [[-0.2, 0.1]], atol=1e-12)
    np.testing.assert_allclose(found.flux, flux, rtol=0.05)
    np.testing.assert_allclose(found.R_half, 0.3, rtol=0.04)


def test_two_components_are_one_source():
    """Two equal discs side by side have their middle between them and all of their light."""
    pair = ", ".join(ROUND.format(m=23, R=0.2, n=0.5, x=x) for x in (-0.15, 0.25))
    found, scene, _ = measured(pair, n=1)
    flux = 2 * 10 ** (0.4 * (scene.instrument.magnitude_zero_point - 23))
    np.testing.assert_allclose(found.centre, [[0.05, 0.1]], atol=1e-12)
    np.testing.assert_allclose(found.flux, flux, rtol=0.01)
    image = found.images[0, 0]
    np.testing.assert_allclose(image, image[:, ::-1], atol=1e-3 * image.max())
    assert image[STAMP // 2].argmax() != pytest.approx(STAMP // 2, abs=3)  # two peaks


@pytest.mark.parametrize(
    "source",
    [
        "{profile: DOUBLE_SERSIC, magnitude: 22, bulge_fraction: 0.3, R_sersic: 0.3, n_sersic: 1, R_bulge: 0.15, "
        "n_bulge: 1.5, e1: 0.2, e2: 0.1, center_x: {normal: [0, 0.1]}}",
        f"{GALAXY}, {ROUND.format(m=23, R=0.2, n=1, x=0.1)}",
    ],
)
def test_images_are_lenstronomys(source):
    found, scene, systems = measured(source)
    place = np.arange(STAMP) - 0.5 * (STAMP - 1)
    for i in range(3):
        model = to_lenstronomy(scene, systems, i)
        light = LightModel(model["kwargs_model"]["source_light_model_list"])
        y, x = np.meshgrid(*[place * found.pixel_scale[i] + found.centre[i, axis] for axis in (1, 0)], indexing="ij")
        expected = light.surface_brightness(x, y, model["kwargs_source"]) * found.pixel_scale[i] ** 2 / found.flux[i, 0]
        inner = slice(1, -1), slice(1, -1)
        # That of the middle of a pixel is not its mean where light is steep
        np.testing.assert_allclose(found.images[i, 0][inner], expected[inner], atol=0.08 * expected.max())


def test_galaxy_images_have_their_drawn_size_and_flux():
    """As they have when they are the only source, and so are not measured."""
    found, _, systems = measured(GALAXY)
    source = systems.source[0]
    np.testing.assert_allclose(found.centre[:, 0], source["center_x"][:, 0], atol=1e-12)
    np.testing.assert_allclose(found.R_half, source["R_half"][:, 0], rtol=0.03)
    np.testing.assert_allclose(found.flux, source["amp"][:, 0] * source["scale"] ** 2, rtol=0.03)


def test_stamps_are_galaxies_like_others():
    stamps = measured(GALAXY)[0].stamps()
    assert stamps.images.shape == (6, 1, STAMP, STAMP)
    np.testing.assert_allclose(stamps.images.sum(axis=(1, 2, 3)), 1, rtol=1e-5)
    edges = stamps.images[:, :, [0, -1]], stamps.images[..., [0, -1]]
    assert not any(edge.any() for edge in edges)
    assert (stamps.R_half > 5).all()
    assert (stamps.R_half < 10).all()


def test_components_of_other_colors_look_different_in_each_band():
    """A red disc beside a blue one, in bands with pixels of their own: each band has its light where it is bright."""
    discs = [
        ROUND.format(m=23, R=0.2, n=0.5, x=x).replace("}", f", colors: {{i: {c}}}}}") for x, c in ((-0.2, -2), (0.2, 2))
    ]
    bands = "simulate.bands={r: {}, i: {image: {num_pix: 20, pixel_scale: 0.24}, magnitude_zero_point: 25}}"
    found, *_ = measured(", ".join(discs), 1, [bands])
    fluxes = [sum(10 ** (0.4 * (zero - 23 - c)) for c in own) for zero, own in ((25.94, (0, 0)), (25, (-2, 2)))]
    np.testing.assert_allclose(found.flux, [fluxes], rtol=0.02)
    left = found.images[0, :, :, : STAMP // 2].sum(axis=(1, 2))
    assert left[0] == pytest.approx(0.5, abs=0.02)
    assert left[1] > 0.8
    assert found.stamps().images.shape == (1, 2, STAMP, STAMP)
