"""Shapes of sources: from the galaxies for training, or from sources that are drawn."""

import numpy as np
import pytest

from lenstream.errors import ConfigError
from lenstream.evaluate.fitting import source_shapes as module
from lenstream.simulate.galaxies import principal_components
from lenstream.simulate.galaxies.stamps import TRAIN, take


def test_shapes_are_the_components_of_the_galaxies_for_training(galaxies, monkeypatch):
    monkeypatch.setattr(principal_components, "SAMPLES", 800)
    scene, shapes = galaxies.scene, galaxies.shapes
    training = take(scene.stamps, scene.pools["source", 0][TRAIN])
    expected = principal_components.galaxy_components(training, 24, scene.seed)
    np.testing.assert_array_equal(shapes.stamps[:, :, 0], expected.mean[0])
    np.testing.assert_array_equal(shapes.stamps[:, :, 5], expected.basis[4, 0])
    np.testing.assert_array_equal(shapes.variances, expected.variances)


def test_a_galaxy_has_the_place_size_and_flux_it_was_drawn_with(galaxies):
    source, drawn = galaxies.systems.source[0], galaxies.shapes.drawn(galaxies.systems)
    np.testing.assert_array_equal(drawn[:, 0], source["center_x"][:, 0])
    np.testing.assert_array_equal(drawn[:, 2], np.log(source["R_half"][:, 0]))
    magnitude = galaxies.scene.instrument.magnitude_zero_point - 2.5 / np.log(10) * drawn[:, 3]
    np.testing.assert_allclose(magnitude, source["magnitude"][:, 0], rtol=1e-12)


def test_shapes_of_parametric_sources_come_from_draws(make_case, monkeypatch):
    """The mean of Sersic sources that are turned at random is round; what is drawn is what is measured."""
    monkeypatch.setattr(module, "DRAWN", 60)
    case = make_case(n=3, components=5)
    mean = case.shapes.stamps[:, :, 0]
    assert mean.sum() == pytest.approx(1)
    np.testing.assert_allclose(mean, np.rot90(mean), atol=0.02 * mean.max())
    drawn, source = case.shapes.drawn(case.systems), case.systems.source[0]
    np.testing.assert_allclose(drawn[:, 1], source["center_y"][:, 0], atol=1e-12)
    np.testing.assert_allclose(np.exp(drawn[:, 2]), source["R_sersic"][:, 0], rtol=0.15)
    flux = 10 ** (0.4 * (case.scene.instrument.magnitude_zero_point - 23))
    assert (np.exp(drawn[:, 3]) < flux).all()  # without the light beyond the stamp
    assert (np.exp(drawn[:, 3]) > 0.85 * flux).all()


def test_a_scene_that_cannot_be_fitted_is_refused(make_case):
    galaxy = "{profile: INTERPOL, catalogue: procedural, n_galaxies: 40, magnitude: 20, R_half: 0.5}"
    with pytest.raises(ConfigError, match=r"simulate\.lens_light\.0\.profile: "):
        make_case(f"simulate.lens_light=[{galaxy}]")


def test_fewer_components_than_asked_for_where_galaxies_span_fewer(make_case):
    one = "profile: INTERPOL, catalogue: procedural, n_galaxies: 20, galaxy: 3, magnitude: 22, R_half: 0.3"
    shapes = make_case(f"simulate.source=[{{{one}}}]", n=1, components=30, samples=8).shapes
    assert 0 < len(shapes.variances) < 8
    assert shapes.stamps.shape[2] == len(shapes.variances) + 1


def test_galaxies_of_one_band_look_the_same_in_all(colored):
    """But for their flux."""
    shapes, source = colored.shapes, colored.systems.source[0]
    assert shapes.of_band(1) is shapes.of_band(0)
    drawn = shapes.drawn(colored.systems)
    assert drawn.shape == (4, 6)
    color = -2.5 / np.log(10) * (drawn[:, 0] - drawn[:, 4])  # the zero points are equal
    np.testing.assert_allclose(color, source["color_i"][:, 0], rtol=1e-9)


def test_parametric_sources_have_a_shape_in_each_band(make_case, monkeypatch):
    """A small knot in the middle of a disc that only the second band shows."""
    monkeypatch.setattr(module, "DRAWN", 40)
    disc = "{profile: SERSIC_ELLIPSE, magnitude: 23, R_sersic: 0.4, n_sersic: 1, colors: {i: 0}}"
    knot = "{profile: SERSIC_ELLIPSE, magnitude: 28, R_sersic: 0.1, n_sersic: 1, colors: {i: {normal: [-5, 0.2]}}}"
    case = make_case(
        f"simulate.source=[{disc}, {knot}]", "simulate.bands={r: {}, i: {}}", n=1, components=3, samples=80
    )
    r, i = (case.shapes.of_band(b) for b in (0, 1))
    assert r.shape == i.shape
    assert r[:, :, 0].sum() == pytest.approx(1)
    assert i[:, :, 0].sum() == pytest.approx(1)
    assert i[:, :, 0].max() > 2 * r[:, :, 0].max()
