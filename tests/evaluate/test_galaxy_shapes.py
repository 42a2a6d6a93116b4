"""Components of a scene's galaxies: computed once, for scenes of the same galaxies alone."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.evaluate import galaxy_shapes as module
from lenstream.evaluate.fitting.source_shapes import source_shapes
from lenstream.evaluate.galaxy_shapes import galaxy_shapes
from lenstream.evaluate.shape_derivatives import shapes_of
from lenstream.simulate.galaxies import principal_components
from lenstream.simulate.galaxies.stamps import TRAIN, take
from lenstream.simulate.systems.scene import make_scene, with_config

SOURCE = ("source", 0)
GALAXY = "simulate.source=[{profile: INTERPOL, catalogue: procedural, n_galaxies: 60, magnitude: 24, R_half: 0.3}]"


@pytest.fixture
def scene(monkeypatch):
    monkeypatch.setattr(principal_components, "SAMPLES", 200)
    return make_scene(load("tiny", [GALAXY]).simulate, 3)


@pytest.fixture
def computed(monkeypatch):
    """How many components were asked for, each time that some were computed."""
    asked = []

    def counted(stamps, n, *rest):
        asked.append(n)
        return principal_components.galaxy_components(stamps, n, *rest)

    monkeypatch.setattr(module, "galaxy_components", counted)
    return asked


def test_shapes_are_those_of_stamps_for_training_alone(scene):
    training = take(scene.stamps, scene.pools[SOURCE][TRAIN])
    expected, found = principal_components.galaxy_components(training, 12, 3), galaxy_shapes(scene, SOURCE, 12)
    np.testing.assert_array_equal(found.basis, expected.basis)
    assert found.texture == expected.texture


def test_the_limit_and_a_fit_compute_them_once(scene, computed):
    limit, fit = shapes_of(scene, 10)[SOURCE], source_shapes(scene)
    assert computed == [module.COMPONENTS]
    np.testing.assert_array_equal(limit.basis[:, 0].transpose(1, 2, 0), fit.stamps[:, :, 1:11])
    np.testing.assert_array_equal(limit.variances, fit.variances[:10])


def test_scenes_that_share_their_galaxies_share_them(scene, computed):
    narrow = with_config(scene, scene.config.model_copy(update={"lens_mass": scene.config.lens_mass[:1]}))
    assert galaxy_shapes(narrow, SOURCE, 5) is galaxy_shapes(scene, SOURCE, 5)
    assert computed == [5]


def test_others_have_their_own(scene):
    found = galaxy_shapes(scene, SOURCE, 5)
    images = scene.stamps.images[::-1].copy()
    assert len(galaxy_shapes(scene, SOURCE, 4).variances) == 4
    assert not np.array_equal(galaxy_shapes(replace(scene, seed=4), SOURCE, 5).basis, found.basis)
    fewer = replace(scene, pools={SOURCE: [scene.pools[SOURCE][TRAIN][::2]] * 3})
    assert not np.array_equal(galaxy_shapes(fewer, SOURCE, 5).basis, found.basis)
    turned = replace(scene, stamps=replace(scene.stamps, images=images))
    assert not np.array_equal(galaxy_shapes(turned, SOURCE, 5).basis, found.basis)


def test_nothing_is_kept_of_galaxies_that_are_gone(scene):
    stamps = replace(scene.stamps)
    galaxy_shapes(replace(scene, stamps=stamps), SOURCE, 2)
    gone = weakref.ref(stamps)
    del stamps
    gc.collect()
    assert gone() is None
