"""Refined estimates of test lenses: starts, scores with known answers, and work that is stopped and goes on."""

import numpy as np
import pandas as pd
import pytest

from lenstream.configs.evaluation import Refine
from lenstream.configs.load import load
from lenstream.evaluate.fitting.fitted_systems import Fits
from lenstream.evaluate.fitting.free_parameters import free_parameters
from lenstream.evaluate.fitting.source_shapes import source_shapes
from lenstream.evaluate.tasks import refined
from lenstream.files.growing_rows import rows_so_far
from lenstream.progress import Stopped
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

SETTINGS = Refine(lenses=10, proposals=3)
INDICES = np.arange(3, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"])
START = refined.Start({"theta_E": (np.array([1.15, 0.92, 1.21]), 0.03)}, {})
STARTS = {"network": START, "population": refined.NOTHING}


@pytest.fixture(scope="module")
def scene():
    return make_scene(load("demo", ["simulate.image={num_pix: 32, pixel_scale: 0.14}"]).simulate, 1)


@pytest.fixture(scope="module")
def shapes(scene):
    return source_shapes(scene, 40)


@pytest.fixture(scope="module")
def free(scene, shapes):
    return free_parameters(scene, shapes)


@pytest.fixture(scope="module")
def fits(scene, shapes, free):
    return Fits(scene, shapes, free, np.full(len(free.places), 1.25))


@pytest.fixture(scope="module")
def table(fits, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    return refined.refine_lenses(
        fits, INDICES, {"network": START, "population": refined.NOTHING}, SETTINGS, path, threads=2
    )


def test_there_is_one_row_a_start_and_lens(table):
    assert list(table.start) == ["network"] * 3 + ["population"] * 3
    assert list(table["index"]) == [int(i) for i in INDICES] * 2
    assert {"theta_E", "theta_E_sigma", "gamma", "e1", "chi2", "converged", "agreeing", "seconds"} <= set(table)
    assert ((table.chi2 > 0.7) & (table.chi2 < 1.4))[table.start == "network"].all()
    assert (table.theta_E_sigma > 0).all()
    np.testing.assert_allclose(table.chi2_sigma, (table.chi2 - 1) * (32**2 / 2) ** 0.5)


def test_quoted_errors_are_scaled(fits, table, tmp_path):
    plain = fits._replace(error_scales=np.ones(len(fits.free.places)))
    again = refined.refine_lenses(plain, INDICES, {"network": START}, SETTINGS, tmp_path / "rows.jsonl")
    np.testing.assert_allclose(table.gamma_sigma[:3], 1.25 * again.gamma_sigma)
    np.testing.assert_array_equal(table.gamma[:3], again.gamma)


def test_stopped_work_goes_on_and_is_what_it_would_have_been(fits, table, tmp_path):
    path, asked = tmp_path / "rows.jsonl", []

    def stop():
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(Stopped, match="stopped the refinement at 2 of 6"):
        refined.refine_lenses(fits, INDICES, STARTS, SETTINGS, path, stop=stop)
    done = rows_so_far(path)
    assert len(done) == 2
    again = refined.refine_lenses(fits, INDICES, STARTS, SETTINGS, path)
    assert again.seconds[0] == done[0]["seconds"]  # it was not made anew
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), table.drop(columns="seconds"))


def test_a_lens_that_was_stopped_between_two_starts_is_made_anew(fits, table, tmp_path):
    """As its starts share work: the rows are those of work that was not stopped."""
    path, starts = tmp_path / "rows.jsonl", {"network": START, "population": refined.NOTHING}
    refined.refine_lenses(fits, INDICES, starts, SETTINGS, path)
    rows = path.read_text().splitlines(keepends=True)
    spoiled = rows[2].replace('"chi2": ', '"chi2": 9')
    path.write_text("".join([rows[0], rows[1], spoiled]))  # the first lens, and one start of the second
    again = refined.refine_lenses(fits, INDICES, starts, SETTINGS, path)
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), table.drop(columns="seconds"))


def test_proposals_scatter_about_the_prediction_by_its_error(fits, free):
    column = free.names().index("theta_E")
    start = refined.Start({"theta_E": (np.array([1.0, 1.4]), 0.05), "not_of_the_lens": (np.zeros(2), 1.0)}, {})
    found = refined.proposals(fits, start, 2000, 2)
    assert found.shape == (2, 2000, len(free.places))
    assert list(found[:, 0, column]) == [1.0, 1.4]  # the first is the prediction itself
    np.testing.assert_allclose(found[:, :, column].mean(1), [1.0, 1.4], atol=0.005)
    np.testing.assert_allclose(found[:, :, column].std(1), 0.05, rtol=0.05)
    other = free.names().index("gamma")
    np.testing.assert_allclose(found[0, :, other].std(), free.spread[other], rtol=0.05)
    assert (found >= free.low[: len(free.places)]).all() and (found <= free.high[: len(free.places)]).all()


def test_proposals_of_the_population_know_nothing_of_the_image(fits, free):
    found = refined.proposals(fits, refined.NOTHING, 500, 2)
    off = (found.mean((0, 1)) - free.mean[: len(free.places)]) / free.spread[: len(free.places)]
    assert np.abs(off).max() < 0.15
    assert not np.array_equal(found[0], found[1])


def with_samples(of_first, n_lenses=2):
    """A start with samples of the first lens only, of two targets that go together."""
    drawn = {"e1": of_first[None], "gamma": 2 + of_first[None] / 2, "all": np.zeros((1, len(of_first)))}
    return refined.Start({"e1": (np.full(n_lenses, 0.05), 0.01), "gamma": (np.full(n_lenses, 2.0), 0.01)}, drawn)


def test_samples_of_a_posterior_are_the_proposals(fits, free):
    samples = np.linspace(-0.3, 0.3, 7)
    found = refined.proposals(fits, with_samples(samples), 6, 2)
    e1, gamma = (free.names().index(name) for name in ("e1", "gamma"))
    np.testing.assert_allclose(found[0, :, e1], [0.05, *samples[:5]])  # the mean comes first
    np.testing.assert_allclose(found[0, :, gamma], [2.0, *(2 + samples[:5] / 2)])  # as they go together
    assert np.abs(found[1, :, e1] - 0.05).max() < 0.05  # without samples: the prediction with its spread
    many = refined.proposals(fits, with_samples(samples), 20, 2)
    np.testing.assert_allclose(many[0, 1:8, e1], samples)
    assert np.abs(many[0, 8:, e1] - 0.05).max() < 0.05
    other, plain = free.names().index("center_x"), refined.proposals(fits, refined.NOTHING, 6, 2)
    np.testing.assert_array_equal(found[:, 1:, other], plain[:, 1:, other])  # what it does not know: the population


class Found:
    """An estimate of a lens: values of its parameters with errors that do not go together."""

    def __init__(self, free, **known):
        self.parameters, self.covariance = free.mean.copy(), np.diag(free.spread**2)
        for name, (value, sigma) in known.items():
            place = free.names().index(name)
            self.parameters[place], self.covariance[place, place] = value, sigma**2


def test_the_share_of_samples_that_agree_is_that_of_the_quoted_errors(fits, free):
    rng = np.random.default_rng(0)
    drawn = {"e1": rng.normal(0.1, 0.04, (1, 4000)), "theta_E": rng.normal(1.2, 0.02, (1, 4000))}
    drawn["all"] = -0.5 * (((drawn["e1"] - 0.1) / 0.04) ** 2 + ((drawn["theta_E"] - 1.2) / 0.02) ** 2)
    of_all = fits._replace(error_scales=np.ones(len(free.places)))
    same = Found(free, e1=(0.1, 0.04), theta_E=(1.2, 0.02))
    assert refined.agreement(of_all, drawn, 0, same) == {
        "effective_share": pytest.approx(1, abs=1e-9),
        "chance_of_distance": pytest.approx(1, abs=1e-3),
    }
    scaled = Found(free, e1=(0.1, 0.04 / 1.25), theta_E=(1.2, 0.02 / 1.25))  # quoted errors are 1.25 times as large
    assert refined.agreement(fits, drawn, 0, scaled)["effective_share"] == pytest.approx(1, abs=1e-9)
    half = Found(free, e1=(0.1, 0.02), theta_E=(1.2, 0.02))
    known = 0.5 * np.sqrt(2 - 0.25)
    assert refined.agreement(of_all, drawn, 0, half)["effective_share"] == pytest.approx(known, rel=0.05)
    away = Found(free, e1=(0.5, 0.02), theta_E=(1.2, 0.02))
    assert refined.agreement(of_all, drawn, 0, away)["chance_of_distance"] < refined.APART
    narrow = Found(free, e1=(0.12, 1e-4), theta_E=(1.2, 1e-4))  # hardly a sample falls into it, but it may be right
    found = refined.agreement(of_all, drawn, 0, narrow)
    assert found["effective_share"] < 0.01 and found["chance_of_distance"] > 0.5
    assert refined.agreement(of_all, drawn, 1, same) == {}  # of this lens there are no samples
    assert refined.agreement(of_all, {}, 0, same) == {}
    assert refined.agreement(of_all, drawn | {"mass": drawn["e1"]}, 0, same) == {}  # which no fit knows


def test_a_start_with_a_posterior_has_the_share_in_its_rows(fits, tmp_path):
    start = with_samples(np.linspace(-0.3, 0.3, 50), 3)
    table = refined.refine_lenses(fits, INDICES, {"a": start, "population": refined.NOTHING}, SETTINGS, tmp_path / "r")
    assert np.isfinite(table.effective_share[0]) and table.effective_share[1:].isna().all()
    assert 1 / 50 <= table.effective_share[0] <= 1


def test_the_summary_of_shares():
    of_posterior = {
        "effective_share": [0.5, 0.2, 0.001, 0.3, np.nan],
        "chance_of_distance": [1, 0.02, 0.9, 0.005, np.nan],
    }
    table = rows([0.0] * 5, **of_posterior)
    found = refined.scores(table, {"e1": np.zeros(5)}, {})
    assert found["all", "effective_share"] == pytest.approx(0.25)
    assert found["all", "apart"] == pytest.approx(0.25)
    without = refined.scores(rows([0.0]), {"e1": np.zeros(1)}, {})
    assert not {"effective_share", "apart"} & {metric for _, metric in without}


def rows(errors, sigma=0.1, **others):
    n = len(errors)
    known = {"converged": True, "chi2_sigma": 0.0, "agreeing": 1.0, "seconds": 0.5} | others
    return pd.DataFrame({"e1": np.asarray(errors, float), "e1_sigma": sigma} | known, index=range(n))


def test_the_scores_of_estimates_at_the_limit():
    rng = np.random.default_rng(0)
    n = 20000
    table = rows(0.1 * rng.standard_normal(n))
    table["e2"], table["e2_sigma"] = 0.2 * rng.standard_normal(n), 0.1
    true, bounds = {"e1": np.zeros(n), "e2": np.zeros(n)}, {"e1": np.full(n, 0.1), "e2": np.full(n, 0.1)}
    found = refined.scores(table, true, bounds)
    assert found["e1", "rmse"] == pytest.approx(0.1, rel=0.02) and found["e1", "nmad"] == pytest.approx(0.1, rel=0.03)
    assert found["e1", "error_over_limit"] == pytest.approx(1, rel=0.03)
    assert found["e2", "error_over_limit"] == pytest.approx(2, rel=0.03)
    assert found["e1", "coverage_68"] == pytest.approx(0.68, abs=0.01)
    assert found["e1", "coverage_95"] == pytest.approx(0.95, abs=0.01)
    assert found["e2", "coverage_68"] == pytest.approx(0.381, abs=0.01)  # errors twice as large as quoted
    assert found["e1", "within_3_limits"] == pytest.approx(0.9973, abs=0.002)
    assert found["e2", "within_3_limits"] == pytest.approx(0.8664, abs=0.01)  # 1.5 sigma
    assert found["all", "within_3_limits"] == pytest.approx(0.9973 * 0.8664, abs=0.01)
    assert found["all", "seconds"] == 0.5 and found["all", "trusted"] == 1


def test_an_estimate_that_failed_counts_as_wrong():
    table = rows([0.0, 0.0, np.nan, 0.0], converged=[True, True, False, True])
    found = refined.scores(table, {"e1": np.zeros(4)}, {"e1": np.full(4, 0.1)})
    assert found["e1", "within_3_limits"] == found["all", "within_3_limits"] == found["all", "trusted"] == 0.75
    assert found["e1", "rmse"] == 0 and found["e1", "coverage_68"] == 1  # of those that are known


def test_starts_and_limit_are_scored_on_the_same_lenses():
    table = rows([0.0, 0.1, np.nan, 0.1])
    bounds = {"e1": np.array([0.1, 0.2, 99.0, 0.2])}
    start = refined.Start({"e1": (np.array([0.2, -0.7, 99.0, 0.5]), 0.3)}, {})
    found = refined.scores(table, {"e1": np.zeros(4)}, bounds, start)
    assert found["e1", "rmse_of_start"] == pytest.approx(np.sqrt((0.04 + 0.49 + 0.25) / 3))  # where the fit succeeded
    assert found["e1", "limit"] == pytest.approx(np.sqrt((0.01 + 0.04 + 0.04) / 3))
    assert found["all", "within_3_limits_of_start"] == 0.75 and found["all", "within_3_limits"] == 0.75
    assert found["all", "lenses"] == 4
    of_population = refined.scores(table, {"e1": np.zeros(4)}, bounds, refined.NOTHING)
    assert of_population == {key: value for key, value in found.items() if not key[1].endswith("of_start")}


def test_without_a_limit_nothing_is_said_of_it():
    found = refined.scores(rows([0.1, 0.2]), {"e1": np.zeros(2)}, {})
    assert not [key for key in found if "limit" in key[1]]


def test_what_is_trusted():
    table = rows(
        [0, 0, 0, 0], chi2_sigma=[1.0, 5.0, 1.0, 1.0], agreeing=[1, 1, 0.3, 1], converged=[True, True, True, False]
    )
    assert list(refined.trusted(table)) == [True, False, False, False]
