"""Light of the lens found under the arcs, which do not pull it."""

import numpy as np
import pytest

from lenstream.evaluate.fitting import light_alone as module
from lenstream.evaluate.fitting.image_model import inverse_variance
from lenstream.evaluate.fitting.light_alone import light_alone


def alone(case, i, image=None):
    observed = case.observed(i, image)
    return light_alone(case.model, observed, inverse_variance(observed, observed.image))


def off(case, i, image):
    """How much the light's image is off where there are arcs, in units of the arcs."""
    arcs = case.clean[i] - (light := case.model.light.image(case.truths[i, case.free.of_light]))
    where = arcs > 0.2 * arcs.max()
    return np.abs((image - light)[where]).sum() / arcs[where].sum()


def test_arcs_do_not_pull_the_light(lit, monkeypatch):
    robust = [off(lit, i, alone(lit, i)[1]) for i in range(12)]
    monkeypatch.setattr(module, "CUTS", (np.inf,) * 10)
    pulled = [off(lit, i, alone(lit, i)[1]) for i in range(12)]
    assert np.median(robust) < 0.1
    assert max(robust) < 0.3
    assert np.median(pulled) > 3 * np.median(robust)


def test_without_arcs_it_is_the_light_within_its_errors(lit):
    own = lit.free.of_light
    for i in range(4):
        truth = lit.truths[i, own]
        light = lit.model.light.image(truth)
        noise = np.random.default_rng(i).normal(size=light.shape) * np.sqrt(0.02**2 + light / 2000)
        observed = lit.observed(i, light + noise)
        weights = inverse_variance(observed, light)
        found, image = light_alone(lit.model, observed, weights)
        chi2 = ((image - light) ** 2 * weights).sum()
        assert chi2 < 100  # of a thousand pixels; noise counts less where it is positive
        assert (np.abs(found - truth) < 0.4 * lit.free.spread[own]).all()
        np.testing.assert_array_equal(image, lit.model.light.image(found))


def test_where_no_pixel_counts_it_is_that_of_the_population(lit):
    observed = lit.observed(0)
    found, _ = light_alone(lit.model, observed, np.zeros(observed.image.shape))
    np.testing.assert_allclose(found, lit.free.mean[lit.free.of_light], rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, 1e6])
def test_light_of_pixels_that_do_not_count_is_not_seen(lit, value):
    """As `refine` hands it over, with zeros in place of what is lost."""
    observed = lit.observed(0)
    weights = inverse_variance(observed, observed.image)
    weights[3:8, 3:8] = 0.0
    image = observed.image.copy()
    image[3:8, 3:8] = 0.0 if np.isnan(value) else value
    one = light_alone(lit.model, observed, weights)
    other = light_alone(lit.model, observed._replace(image=image), weights)
    np.testing.assert_allclose(one[0], other[0], rtol=1e-10)


def test_light_that_is_known_is_drawn(make_case, galaxy):
    light = "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: 19, R_sersic: 0.5, n_sersic: 4}]"
    case = make_case(galaxy, light, n=1, components=4, samples=100)
    found, image = alone(case, 0)
    assert found.shape == (0,)
    np.testing.assert_array_equal(image, case.model.light.image(found))
