"""First looks at lenses that are proposed: the source is where the image of a true lens comes from."""

import numpy as np
import pytest

from lenstream.evaluate.fitting.free_parameters import SIZE, X, Y
from lenstream.evaluate.fitting.image_model import inverse_variance
from lenstream.evaluate.fitting.starts import PROMISING, first_looks


def look(case, i, lens=None, observed=None):
    observed = case.observed(i) if observed is None else observed
    lens = case.truths[i, : len(case.free.places)] if lens is None else lens
    return looks_at(case, observed, [lens])[0]


def looks_at(case, observed, lenses):
    return first_looks(case.model, observed, inverse_variance(observed, observed.image), np.array(lenses))


@pytest.mark.parametrize("i", range(12))
def test_the_source_of_a_true_lens_is_found(galaxies, i):
    """Within a pixel of the image, and with half to twice its size, about."""
    parameters, found = look(galaxies, i)
    truth = galaxies.truths[i]
    assert np.hypot(*(parameters - truth)[[X, Y]]) < 0.15
    assert abs(parameters[SIZE] - truth[SIZE]) < np.log(2.5)
    np.testing.assert_array_equal(parameters[: len(galaxies.free.places)], truth[: len(galaxies.free.places)])
    assert found.gradient is None


def test_the_true_lens_looks_better_than_others(galaxies):
    own = look(galaxies, 2)[1].value
    others = [look(galaxies, 2, galaxies.truths[i, :6])[1].value for i in range(12) if i != 2]
    assert own > max(others)


def test_the_best_come_first_and_the_hopeless_not_at_all(galaxies):
    lenses = np.concatenate([galaxies.truths[:, :6], galaxies.truths[:, :6] + 0.01])
    looks = looks_at(galaxies, galaxies.observed(2), lenses)
    values = [found.value for _, found in looks]
    assert len(looks) == PROMISING
    assert values == sorted(values, reverse=True)
    assert abs(looks[0][0][:6] - galaxies.truths[2, :6]).max() < 0.011


def test_parameters_are_within_their_range(galaxies):
    lens = galaxies.free.high[:6] + 1.0
    parameters, _ = look(galaxies, 0, lens)
    assert (parameters <= galaxies.free.high).all()
    assert (parameters >= galaxies.free.low).all()


def test_a_dark_image_has_no_source(galaxies):
    dark = galaxies.observed(0, np.zeros((32, 32)))
    lenses = galaxies.truths[:3, :6]
    assert looks_at(galaxies, dark, lenses) == []
    assert looks_at(galaxies, galaxies.observed(0)._replace(good=np.zeros((32, 32), bool)), lenses) == []


def test_a_single_bright_pixel_is_looked_at(galaxies):
    image = np.zeros((32, 32))
    image[5, 7] = 10.0
    assert np.isfinite(look(galaxies, 0, observed=galaxies.observed(0, image))[1].value)


@pytest.mark.parametrize("i", range(6))
def test_the_source_is_found_behind_light_of_the_lens(lit, i):
    parameters, _ = look(lit, i)
    truth, n_lens = lit.truths[i], len(lit.free.places)
    assert np.hypot(*(parameters - truth)[[X, Y]]) < 0.2
    assert abs(parameters[SIZE] - truth[SIZE]) < np.log(3)
    np.testing.assert_allclose(parameters[:n_lens], truth[:n_lens], rtol=1e-6)


def test_a_lens_that_follows_its_light_is_put_where_the_light_is(make_case, galaxy, light):
    tied = light.replace("scatter: 0.1, low: -0.6, high: 0.6", "scatter: 0")
    case = make_case(galaxy, "simulate.image.rays=adaptive", tied, n=3, components=4, samples=100)
    names = case.free.names()
    e1, theta_E = names.index("e1"), names.index("theta_E")
    lens = case.truths[1, :6].copy()
    lens[[e1, theta_E]] += 0.2, 0.05
    parameters, _ = look(case, 1, lens)
    assert abs(parameters[e1] - case.truths[1, e1]) < 0.02
    assert parameters[e1] == pytest.approx(parameters[names.index("lens_light_e1")], abs=1e-4)
    assert parameters[theta_E] == pytest.approx(lens[theta_E], abs=1e-9)


def test_light_without_a_source_is_not_looked_at(lit):
    light = lit.model.light.image(lit.truths[0, lit.free.of_light])
    assert looks_at(lit, lit.observed(0, light), lit.truths[:3, :6]) == []


def test_the_band_with_most_signal_tells_where_the_source_is(colored):
    """Whichever it is, lenses, places and sizes are the same, within their errors."""
    for b in (0, 1):
        observed = colored.observed(1)
        noisy = observed.background.copy()
        noisy[colored.model.pixels[1 - b]] *= 3
        image = observed.image + np.random.default_rng(0).normal(size=1600) * np.sqrt(noisy**2 - observed.background**2)
        parameters, _ = look(colored, 1, observed=observed._replace(image=image, background=noisy))
        assert np.hypot(*(parameters - colored.truths[1])[[X, Y]]) < 0.2
        fluxes = colored.model.of_flux
        assert np.abs(parameters - colored.truths[1])[fluxes].max() < 1.0
