"""Doubts about fits of real lenses: each where it belongs and nowhere else, with what was measured."""

from dataclasses import replace

import numpy as np
import pytest

from lenstream.evaluate.fitting.free_parameters import SIZE, X, Y
from lenstream.evaluate.real.fit_doubts import MEANINGS, NetworkValue, doubts_of_fit, images_of
from lenstream.evaluate.real.fit_images import fit_image
from lenstream.evaluate.real.lens_fits import fit_lens, population_proposals
from lenstream.files.cutout_layout import Planes

from .planted import SCALE, N, kernel

NETWORK = NetworkValue(1.1, 0.02)


@pytest.fixture(scope="module")
def image(planted):
    planes = planted.planes(2)
    good = np.ones(planes["IMAGE"].shape, bool)
    read = Planes(planes["IMAGE"], planes["NOISE"], good, planes["LENSLIGHT"], ({},), "", ())
    return fit_image("a", read, kernel(), SCALE, N * SCALE, SCALE)


@pytest.fixture(scope="module")
def fit(planted, image):
    return fit_lens(planted.fits, image, lambda free: population_proposals(planted.fits, free, 16, 5))


@pytest.fixture
def doubts(planted, fit, image):
    """A function: flag -> found of a fit, an image and a network's value, with what is given in place of them."""

    def found(network=None, of=fit, seen=image, **changes):
        of = of._replace(found=of.found._replace(**changes))
        return dict(doubts_of_fit(of, seen, planted.fits.error_scales, network))

    return found


def changed(fit, name, value):
    """The parameters of a fit with another value of one."""
    parameters = fit.found.parameters.copy()
    parameters[fit.free.names().index(name)] = value
    return parameters


def test_a_good_fit_is_not_doubted(doubts):
    assert doubts() == {}
    assert doubts(NETWORK) == {}


def test_a_lens_that_could_not_be_fitted(doubts, fit, image):
    nothing = np.full_like(fit.found.parameters, np.nan)
    assert doubts(NETWORK, parameters=nothing) == {"not_fitted": ""}
    assert list(doubts(seen=image._replace(kernel=None), parameters=nothing)) == ["not_fitted", "no_psf"]


def test_an_ascent_that_was_cut_short(doubts):
    assert doubts(converged=False) == {"not_converged": ""}


@pytest.mark.parametrize(("chi2", "found"), [(1.49, {}), (1.51, {"misfit": "chi2 1.5"}), (7.0, {"misfit": "chi2 7"})])
def test_a_model_that_leaves_more_than_noise(doubts, chi2, found):
    assert doubts(chi2=chi2) == found


@pytest.mark.parametrize(("strength", "found"), [(9.0, {}), (12.0, {"lens_light_left": "12 times"})])
def test_light_of_the_lens_that_is_left(doubts, fit, strength, found):
    assert doubts(parameters=changed(fit, "log_light_remains", np.log(strength))) == found


def test_a_fit_without_subtracted_light_has_none_left(doubts, fit, planted, image):
    plain = image._replace(light=None)
    own = fit_lens(planted.fits, plain, lambda free: population_proposals(planted.fits, free, 16, 5))
    assert not own.free.remains
    assert doubts(of=own, seen=plain) == {}


@pytest.mark.parametrize("of_theta_E", [0.8, 1.04, 1.06, 1.3])
@pytest.mark.parametrize("lack", [0.0, 49.0, 51.0])
def test_another_maximum_that_is_nearly_as_high(doubts, fit, of_theta_E, lack):
    own = fit.found.parameters[fit.free.names().index("theta_E")]
    ends = [
        (fit.found.parameters, fit.found.log_posterior),
        (changed(fit, "theta_E", of_theta_E * own), fit.found.log_posterior - lack),
        (changed(fit, "theta_E", 0.5 * own), fit.found.log_posterior - 60.0),
    ]
    expected = lack < 50 and abs(of_theta_E - 1) > 0.05
    found = doubts(of=fit._replace(ends=ends))
    assert found == ({"other_maximum": f"theta_E {of_theta_E * own:.2f}"} if expected else {})


def test_of_several_others_the_highest_is_named(doubts, fit):
    best = fit.found.log_posterior
    ends = [(changed(fit, "theta_E", value), best - lack) for value, lack in ((0.81, 20.0), (1.55, 3.0), (0.9, 40.0))]
    assert doubts(of=fit._replace(ends=ends)) == {"other_maximum": "theta_E 1.55"}


@pytest.mark.parametrize(("name", "side"), [("gamma", "low"), ("gamma", "high"), ("e1", "high"), ("gamma2", "low")])
def test_a_parameter_at_the_end_of_its_range(doubts, fit, name, side):
    p = fit.free.names().index(name)
    width = fit.free.high[p] - fit.free.low[p]
    end, inwards = getattr(fit.free, side)[p], width if side == "low" else -width
    assert doubts(parameters=changed(fit, name, end + 0.005 * inwards))["end_of_range"] == name
    assert "end_of_range" not in doubts(parameters=changed(fit, name, end + 0.02 * inwards))


def test_several_at_their_ends_are_all_named(doubts, fit):
    high = fit.free.high.copy()
    high[fit.free.names().index("e2")] = fit.found.parameters[fit.free.names().index("e2")]
    high[fit.free.names().index("gamma")] = fit.found.parameters[fit.free.names().index("gamma")]
    assert doubts(of=fit._replace(free=replace(fit.free, high=high))) == {"end_of_range": "e2, gamma"}


def test_arcs_that_reach_the_edge(doubts, fit):
    arcs = fit.found.model - fit.found.light
    model = fit.found.model.copy()
    model[0, 5] += 0.05 * arcs.sum()
    assert doubts(model=model) == {"cut_image": "5%"}
    model = fit.found.model.copy()
    model[0, 5] += 0.01 * arcs.sum()
    assert doubts(model=model) == {}
    light = fit.found.light.copy()
    light[0, 5] -= 0.05 * arcs.sum()
    assert "cut_image" in doubts(light=light)  # light of the lens is no arc
    both = fit.found.model + light - fit.found.light
    assert doubts(light=light, model=both) == {}


def test_images_of_the_source_are_counted(fit):
    """As a circle of rays tells: two or four of a lens with a source near its middle, one far from it."""
    half = 0.5 * N * SCALE
    assert images_of(fit, half) in (2, 4)
    far = fit.found.parameters.copy()
    far[[X, Y]] = 1.1, 0.3
    assert images_of(fit._replace(found=fit.found._replace(parameters=far)), half) == 1


def test_a_source_with_one_image(doubts, fit):
    parameters = fit.found.parameters.copy()
    parameters[[X, Y]] = 1.1, 0.3
    assert doubts(parameters=parameters) == {"single_image": "1"}


@pytest.mark.parametrize("far", [-3.0, 1.9, 2.1])
def test_a_source_that_is_larger_than_others(doubts, fit, far):
    """By two standard deviations of the population's ln(R_half); one that is small is not doubted."""
    size = fit.free.mean[SIZE] + far * fit.free.spread[SIZE]
    parameters = changed(fit, "source_log_R_half", size)
    assert doubts(parameters=parameters) == ({"large_source": f"{np.exp(size):.2g} arcsec"} if far > 2 else {})


@pytest.mark.parametrize(("factor", "found"), [(0.4, "0.4"), (0.6, None), (1.5, None), (1.7, "1.7")])
def test_noise_that_is_not_that_of_its_map(doubts, image, factor, found):
    assert doubts(seen=image._replace(noise_factor=factor)) == ({} if found is None else {"noise_map": found})


def test_an_image_without_a_psf(doubts, image):
    assert doubts(seen=image._replace(kernel=None)) == {"no_psf": ""}


def test_a_network_that_says_something_else(doubts, fit, planted):
    value, sigma = fit.of_lens(planted.fits.error_scales)["theta_E"]
    both = np.hypot(sigma, 0.02)
    near, far = NetworkValue(value - 2.9 * both, 0.02), NetworkValue(value + 3.1 * both, 0.02)
    assert doubts(near) == {}
    assert doubts(far) == {"unlike_network": f"{far.theta_E:.2f} and {value:.2f}"}
    scaled = dict(doubts_of_fit(fit, fit_image_of(doubts), 20 * planted.fits.error_scales, far))
    assert scaled == {}  # the error that is quoted counts


def fit_image_of(doubts):
    """The image that a function of `doubts` has by default."""
    return doubts.__defaults__[2]


def test_every_doubt_has_a_meaning(doubts, fit, image):
    """All at once, but for the one that leaves no others, and that of unsubtracted light, of `refined_lenses`."""
    parameters = changed(fit, "log_light_remains", np.log(20.0))
    parameters[[X, Y]] = 1.1, 0.3
    parameters[fit.free.names().index("e1")] = fit.free.high[fit.free.names().index("e1")]
    parameters[SIZE] = fit.free.mean[SIZE] + 3.0 * fit.free.spread[SIZE]
    model = fit.found.model.copy()
    model[0] += 1.0
    ends = [(changed(fit, "theta_E", 0.81), fit.found.log_posterior - 1.0)]
    found = doubts(
        NetworkValue(0.5, 0.01),
        fit._replace(ends=ends),
        image._replace(kernel=None, noise_factor=2.0),
        parameters=parameters,
        model=model,
        chi2=2.0,
        converged=False,
    )
    assert {*found, "not_fitted", "light_not_subtracted"} == set(MEANINGS)
    assert all(meaning and "\n" not in meaning for meaning in MEANINGS.values())
