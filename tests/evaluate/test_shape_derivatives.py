"""Images of components against what the renderer makes of stamps that are the mean and the mean plus a component."""

from dataclasses import replace

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.evaluate.shape_derivatives import shape_derivatives, shapes_of
from lenstream.simulate.galaxies import principal_components
from lenstream.simulate.galaxies.stamps import TRAIN
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views, by_grid
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene, with_config

GALAXY = (
    "{{profile: INTERPOL, catalogue: procedural, n_galaxies: 30, magnitude: {mag}, R_half: {{uniform: [0.2, 0.4]}}, "
    "center_x: {{normal: [0, 0.1]}}}}"
)
SOURCE = f"simulate.source=[{GALAXY.format(mag=23)}]"
LIGHT = f"simulate.lens_light=[{GALAXY.format(mag=21)}]"
BANDS = "simulate.bands={r: {}, i: {image: {pixel_scale: 0.3}}}"


@pytest.fixture(scope="module", autouse=True)
def few_samples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(principal_components, "SAMPLES", 400)
        yield


def scene_of(*overrides):
    return make_scene(load("tiny", [SOURCE, "simulate.image.rays=4", *overrides]).simulate, 3)


def drawn_with(scene, systems, where, shapes, coefficients):
    """The images of systems whose galaxy is the mean plus components times their standard deviations."""
    group, number = where
    light = np.einsum("k,kbij->bij", coefficients * np.sqrt(shapes.variances), shapes.basis) + shapes.mean
    images = light[None].astype(np.float64)
    stamps = replace(
        scene.stamps, images=images, R_half=np.array([shapes.R_half]), names=("mean",), pixel_scale=np.ones(1)
    )
    values = getattr(systems, group)[number]
    scale = values["R_half"] / shapes.R_half
    flux = values["amp"] * values["scale"][..., None] ** 2
    own = values | {"stamp": 0 * scale, "scale": scale, "amp": flux / scale[..., None] ** 2, "phi_G": 0 * scale}
    own |= {"parity": np.ones_like(scale)}
    changed = replace(systems, **{group: (own,)})
    if group == "source" and systems.lens_light:  # dark, but on a stamp that is there
        other = {n: 0 * v if n in ("stamp", "amp") else v for n, v in systems.lens_light[0].items()}
        changed = replace(changed, lens_light=(other,))
    return render(replace(scene, stamps=stamps), changed, noise=False, dtype=np.float64)


TWO = "simulate.bands={r: {}, i: {magnitude_zero_point: 26.5, psf: {kind: gaussian, fwhm: 0.3}}}"


def in_two_bands(scene):
    """The scene with galaxies that look another way in each of its bands."""
    images = scene.stamps.images
    both = np.concatenate([images, images[:, :, ::-1]], axis=1)
    return replace(scene, stamps=replace(scene.stamps, images=both, magnitude=np.repeat(scene.stamps.magnitude, 2, 1)))


@pytest.mark.parametrize(
    ("overrides", "change"),
    [
        ([], None),
        (["simulate.observation.psf={kind: moffat, fwhm: 0.3, beta: 3}"], None),
        ([TWO], None),
        ([TWO], in_two_bands),
    ],
    ids=["one band", "Moffat", "two bands", "two bands of shapes"],
)
def test_an_image_changes_with_a_coefficient_as_the_derivative_says(overrides, change):
    scene = scene_of(*overrides)
    scene = change(scene) if change else scene
    systems = draw(scene, np.arange(5), Views())
    ((where, shapes),) = shapes_of(scene, 6).items()
    assert where == ("source", 0)
    assert shapes.basis.shape[1] == (2 if change else 1)
    found = shape_derivatives(scene, systems, {where: shapes}, 1)
    assert found.shape == (5, 6, len(scene.bands) * 32 * 32)
    for k in range(6):
        with_it, without = (drawn_with(scene, systems, where, shapes, c * np.eye(6)[k]) for c in (1.0, 0.0))
        expected = (with_it - without)[:, 0].reshape(5, -1)
        np.testing.assert_allclose(found[:, k], expected, atol=2e-4 * np.abs(expected).max())


def test_lens_light_is_not_lensed_and_counts_after_the_source():
    scene = scene_of(LIGHT)
    systems = draw(scene, np.arange(3), Views())
    shapes = shapes_of(scene, 4)
    assert list(shapes) == [("source", 0), ("lens_light", 0)]
    found = shape_derivatives(scene, systems, shapes, 1)
    assert found.shape[1] == 8
    empty = {n: 0 * v if n in ("amp",) else v for n, v in systems.source[0].items()} | {"stamp": np.zeros((3, 1))}
    dark = replace(systems, source=(empty,))
    where, own = ("lens_light", 0), shapes["lens_light", 0]
    images = [drawn_with(scene, dark, where, own, c * np.eye(4)[2]) for c in (1.0, 0.0)]
    expected = (images[0] - images[1])[:, 0].reshape(3, -1)
    np.testing.assert_allclose(found[:, 6], expected, atol=2e-4 * np.abs(expected).max())


def test_all_pixel_grids_share_the_coefficients():
    scene = scene_of(BANDS)
    systems, shapes = draw(scene, np.arange(2), Views()), shapes_of(scene, 3)
    whole = drawn_with(scene, systems, ("source", 0), shapes["source", 0], np.array([0.0, 1.0, 0.0]))
    mean = drawn_with(scene, systems, ("source", 0), shapes["source", 0], np.zeros(3))
    for (grid, own), with_it, without in zip(by_grid(scene, systems), whole, mean, strict=True):
        found = shape_derivatives(grid, own, shapes, 1)[:, 1]
        expected = (with_it - without).reshape(2, -1)
        np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())


def test_adaptive_rays_are_met_by_few_fixed_ones():
    """As in most recipes: rays of the derivative are fewer than those of the image."""
    scene = scene_of("simulate.image.rays=adaptive")
    systems, shapes = draw(scene, np.arange(3), Views()), shapes_of(scene, 3)
    found = shape_derivatives(scene, systems, shapes, 1)
    images = [drawn_with(scene, systems, ("source", 0), shapes["source", 0], c * np.eye(3)[0]) for c in (1.0, 0.0)]
    expected = (images[0] - images[1])[:, 0].reshape(3, -1)
    np.testing.assert_allclose(found[:, 0], expected, atol=0.03 * np.abs(expected).max())


def test_shapes_are_those_of_training_galaxies_alone():
    """The components do not change with the galaxies that tests see."""
    scene = scene_of()
    images = scene.stamps.images.copy()
    held_back = np.setdiff1d(np.arange(len(images)), scene.pools["source", 0][TRAIN])
    test = draw(scene, FIRST_INDEX["test"] + np.arange(20), Views()).source[0]["stamp"].astype(int)
    assert np.isin(test, held_back).all()
    images[held_back] = 0
    changed = replace(scene, stamps=replace(scene.stamps, images=images))
    before, after = (shapes_of(s, 3)["source", 0] for s in (scene, changed))
    np.testing.assert_array_equal(before.basis, after.basis)


def test_a_galaxy_that_is_the_same_in_all_systems_has_a_known_shape():
    scene = scene_of()
    component = scene.config.source[0].model_copy(update={"galaxy": 4})
    assert shapes_of(with_config(scene, scene.config.model_copy(update={"source": [component]})), 5) == {}
    assert shapes_of(scene, 0) == {}


def test_threads_change_nothing():
    scene = scene_of()
    systems, shapes = draw(scene, np.arange(40), Views()), shapes_of(scene, 2)
    one, two = (shape_derivatives(scene, systems, shapes, threads) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)
