"""Systems fitted in threads: the same whatever the threads, and errors that hold on other galaxies."""

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.evaluate.fitting import fitted_systems
from lenstream.evaluate.fitting.fitted_systems import Fits, error_scales, fit_systems
from lenstream.evaluate.fitting.free_parameters import free_parameters, true_values
from lenstream.evaluate.fitting.source_shapes import source_shapes
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene


@pytest.fixture(scope="module")
def fits():
    scene = make_scene(load("demo", ["simulate.image={num_pix: 32, pixel_scale: 0.14}"]).simulate, 1)
    shapes = source_shapes(scene, 30)
    free = free_parameters(scene, shapes)
    return Fits(scene, shapes, free, np.ones(len(free.places)))


def fitted(fits, jobs, **options):
    found = {}
    indices = np.arange(4, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"])
    fit_systems(fits, indices, jobs(fits, indices), lambda key, *rest: found.update({key: rest}), **options)
    return found


def from_the_truth(fits, indices):
    true = true_values(fits.free, draw(fits.scene, indices, Views()), fits.shapes)[:, : len(fits.free.places)]
    return [(f"lens {i}", i, true[i : i + 1]) for i in range(len(indices))]


def test_each_system_is_fitted_once_and_the_same_in_any_number_of_threads(fits):
    one, two = (fitted(fits, from_the_truth, threads=threads) for threads in (1, 2))
    assert sorted(one) == sorted(two) == [f"lens {i}" for i in range(4)]
    for key, (found, n_pixels) in one.items():
        assert n_pixels == 32**2 and np.isfinite(found.log_posterior)
        np.testing.assert_array_equal(found.parameters, two[key][0].parameters)


def test_fits_of_one_system_share_what_they_need(fits):
    """Whatever lies between them; the same in any number of threads, and between two stops."""

    def twice(fits, indices):
        jobs = from_the_truth(fits, indices)
        return [*jobs, *((f"again {key}", i, proposals + 0.002) for key, i, proposals in jobs)]

    one, two = (fitted(fits, twice, threads=threads) for threads in (1, 2))
    assert len(one) == len(two) == 8
    for key, (found, _) in one.items():
        np.testing.assert_array_equal(found.parameters, two[key][0].parameters)
    alike = [np.array_equal(one[f"lens {i}"][0].parameters, one[f"again lens {i}"][0].parameters) for i in range(4)]
    assert sum(alike) >= 3
    asked = []
    stopped = fitted(fits, twice, stop=lambda: asked.append(1) or len(asked) > 3)
    assert list(stopped) == ["lens 0", "again lens 0", "lens 1"]


def test_stopped_fits_are_not_made(fits):
    asked = []
    found = fitted(fits, from_the_truth, stop=lambda: asked.append(1) or len(asked) > 2)
    assert len(found) == 2


def test_errors_are_scaled_to_hold_68_per_cent(fits, monkeypatch):
    monkeypatch.setattr(fitted_systems, "N_CALIBRATION", 6)
    pulls = np.linspace(0.5, 3.0, 6)
    names = fits.free.names()

    def fit(fits, indices, jobs, keep, threads, stop):
        assert indices[0] == FIRST_INDEX["validation"]
        true = true_values(fits.free, draw(fits.scene, indices, Views()), fits.shapes)
        for i, _, proposals in jobs:
            sigma = 0.1 * np.arange(1, len(names) + 1)
            np.testing.assert_array_equal(proposals[0], true[i, : len(fits.free.places)])
            off = np.full(len(names), pulls[i]) * sigma
            off[names.index("gamma")] *= 0.1
            keep(i, Found(true[i] - off, np.diag(sigma**2)), 1)

    class Found:
        def __init__(self, parameters, covariance):
            self.parameters, self.covariance = parameters, covariance

    monkeypatch.setattr(fitted_systems, "fit_systems", fit)
    scales = dict(zip(names, error_scales(fits, 1), strict=False))
    assert scales["theta_E"] == pytest.approx(np.quantile(pulls, 0.6827))
    assert scales["gamma"] == 1  # errors are never made smaller


def test_without_any_fit_errors_are_laplaces(fits, monkeypatch):
    monkeypatch.setattr(fitted_systems, "fit_systems", lambda *_: None)
    assert (error_scales(fits, 1) == 1).all()


def test_several_bands_are_fitted_together(monkeypatch, colored):
    """Each system's pixels in the order of the bands, with lost ones left out."""
    seen = []

    def refine(model, observed, proposals, climbs):
        seen.append(observed)
        return proposals

    monkeypatch.setattr(fitted_systems, "refine", refine)
    fits = Fits(colored.scene, colored.shapes, colored.free, np.ones(6))
    kept = []
    fit_systems(fits, colored.systems.indices[:2], [(i, i, i) for i in (0, 1)], lambda *found: kept.append(found))
    assert kept == [(0, 0, 1600), (1, 1, 1600)]
    for i, observed in enumerate(seen):
        np.testing.assert_allclose(observed.image, colored.images[i], rtol=1e-6)
        np.testing.assert_array_equal(observed.background, colored.observed(i).background)
        np.testing.assert_array_equal(observed.exposure, colored.observed(i).exposure)
