"""Ascents on a paraboloid, whose top is known, and on posteriors of images."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.linalg import LinAlgError

from lenstream.evaluate.fitting.ascent import NEAR, ascend, ascend_reweighted, nearest, posterior_or_none
from lenstream.evaluate.fitting.free_parameters import FreeParameters
from lenstream.evaluate.fitting.image_model import PosteriorAt, inverse_variance


def paraboloid(top, curvature, low=-100.0, high=100.0, directions=None):
    """A model whose posterior is -1/2 (p - top) curvature (p - top); it keeps where it was looked at."""
    n, top = len(top), np.array(top, float)
    directions = np.eye(n) if directions is None else directions
    free = FreeParameters((), (), (), np.zeros(n), directions, np.full(n, low), np.full(n, high), np.ones(n))
    seen = []

    def posterior(_observed, _weights, parameters, _k, derivatives=True):
        off = top - parameters
        value = -0.5 * off @ curvature @ off
        seen.append((parameters.copy(), value))
        gradient, bent = directions.T @ curvature @ off, directions.T @ curvature @ directions
        return PosteriorAt(value, 0.0, np.zeros((2, 2)), np.zeros(0), (), gradient, bent)

    return SimpleNamespace(free=free, posterior=posterior, with_derivatives=lambda found: found, seen=seen)


STEEP = np.array([[400.0, 30.0, 0.0], [30.0, 9.0, 1.0], [0.0, 1.0, 0.5]])
WEIGHTS = np.ones((2, 2))


def test_the_top_of_a_paraboloid_is_found():
    model = paraboloid([1.0, -2.0, 3.0], STEEP)
    end = ascend(model, None, WEIGHTS, np.array([5.0, 5.0, -9.0]), 0, 20)
    assert end.converged
    assert end.posterior.value > -0.02
    np.testing.assert_allclose(end.parameters, [1, -2, 3], atol=0.3)  # sqrt(2 * 0.02 / 0.5)


def test_an_ascent_that_comes_near_a_known_end_ends_there():
    """Without the steps that are left; one that leads elsewhere goes on."""
    model, start = paraboloid([1.0, -2.0, 3.0], STEEP), np.array([50.0, 50.0, -90.0])
    end = ascend(model, None, WEIGHTS, start, 0, 20)
    other = end._replace(parameters=end.parameters + 20.0)
    assert not ascend(model, None, WEIGHTS, start, 0, 2).converged
    assert ascend(model, None, WEIGHTS, start, 0, 2, [other, end]) is end
    elsewhere = ascend(model, None, WEIGHTS, start, 0, 20, [other])
    np.testing.assert_array_equal(elsewhere.parameters, end.parameters)


def test_nearness_is_in_standard_deviations_a_direction():
    model = paraboloid([0.0, 0.0, 0.0], np.diag([4.0, 1.0, 1.0]))
    end = ascend(model, None, WEIGHTS, np.zeros(3), 0, 5)
    edge = np.sqrt(3.0) * NEAR  # of three directions together
    assert nearest(model, np.array([0.0, 0.99 * edge, 0.0]), [end], NEAR) is end
    assert nearest(model, np.array([0.0, 1.01 * edge, 0.0]), [end], NEAR) is None
    assert nearest(model, np.array([0.505 * edge, 0.0, 0.0]), [end], NEAR) is None
    assert nearest(model, np.array([0.505 * edge, 0.0, 0.0]), [end], 2 * NEAR) is end
    assert nearest(model, np.zeros(3), [], NEAR) is None


def test_few_steps_are_not_enough():
    assert not ascend(paraboloid([1.0, -2.0, 3.0], STEEP), None, WEIGHTS, np.array([50.0, 50.0, -90.0]), 0, 1).converged


def test_the_range_is_kept():
    """A top outside of the range: every place that was looked at lies within, and the end at the edge."""
    model = paraboloid([1.0, -2.0, 30.0], np.diag([4.0, 9.0, 0.5]), high=10.0)
    end = ascend(model, None, WEIGHTS, np.zeros(3), 0, 20)
    assert all((p <= 10.0).all() for p, _ in model.seen)
    np.testing.assert_allclose(end.parameters, [1, -2, 10], atol=0.15)


def test_tied_parameters_stay_tied():
    """The second is twice the first, wherever the start and the top are."""
    model = paraboloid([1.0, 5.0], np.eye(2), directions=np.array([[1.0], [2.0]]))
    end = ascend(model, None, WEIGHTS, np.array([7.0, -3.0]), 0, 20)
    for p, _ in model.seen:
        assert p[1] == pytest.approx(2 * p[0], abs=1e-12)
    assert end.parameters[0] == pytest.approx(11 / 5, abs=0.2)  # nearest to (1, 5)


@pytest.mark.parametrize("i", range(3))
def test_ascents_of_images_go_up_only_and_end_where_it_is_flat(galaxies, i):
    case, start = galaxies, galaxies.truths[i].copy()
    start[:2] += 0.05
    observed = case.observed(i)
    weights = inverse_variance(observed, case.clean[i])
    values = [case.model.posterior(observed, weights, start, 24, derivatives=False).value]
    values += [ascend(case.model, observed, weights, start, 24, steps).posterior.value for steps in (1, 2, 4, 40)]
    assert values == sorted(values)
    assert values[-1] > values[0] + 5
    end = ascend(case.model, observed, weights, start, 24, 40)
    assert end.converged
    # What a further step of Newton would gain; kinks of bilinear stamps leave some
    gain = 0.5 * end.posterior.gradient @ np.linalg.solve(end.posterior.curvature, end.posterior.gradient)
    assert gain < 0.1
    assert ((end.parameters >= case.free.low - 1e-9) & (end.parameters <= case.free.high + 1e-9)).all()


def test_the_noise_is_that_of_the_model_at_last(galaxies):
    case, observed = galaxies, galaxies.observed(1)
    start = inverse_variance(observed, observed.image)
    end = ascend_reweighted(case.model, observed, start, case.truths[1], 24, 30)
    np.testing.assert_allclose(end.weights, inverse_variance(observed, end.posterior.model), rtol=5e-2)
    assert np.abs(end.weights / start - 1).max() > 0.05


def test_what_overflows_is_no_posterior(galaxies):
    case, observed = galaxies, galaxies.observed(0)
    weights, wild = inverse_variance(observed, observed.image), case.truths[0].copy()
    wild[-2] = 1e4
    assert posterior_or_none(case.model, observed, weights, wild, 5) is None
    assert posterior_or_none(case.model, observed, weights, np.full_like(wild, np.nan), 5) is None
    assert posterior_or_none(case.model, observed, weights, case.truths[0], 5).value < 0


def test_a_start_without_a_posterior_is_said():
    def posterior(*_):
        raise LinAlgError

    model = paraboloid([1.0], np.eye(1))
    model.posterior = posterior
    with pytest.raises(LinAlgError):
        ascend(model, None, WEIGHTS, np.zeros(1), 0, 5)
