"""COOLEST files as starts of fits: the lens of the file, with its errors, where the fit has its parameters."""

import json

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.evaluate.fitting.coolest_start import start_of_coolest
from lenstream.evaluate.fitting.refine import refine
from lenstream.files.coolest_files import write_coolest
from lenstream.simulate.exchange.coolest_bridge import to_coolest
from lenstream.simulate.exchange.coolest_template import Described, coolest_template, normal_samples
from lenstream.simulate.exchange.coolest_terms import drawn_lenses

LENS = {"theta_E": 1.1, "gamma": 2.1, "e1": 0.1, "e2": -0.05, "center_x": 0.02, "center_y": 0.01}


def terms(lens=None, profiles=("EPL", "SHEAR"), shear=(0.02, -0.03)):
    lens = LENS if lens is None else lens
    shear = [dict(zip(("gamma1", "gamma2"), shear, strict=True))] if len(profiles) == 2 else []
    model = {"lens_model_list": list(profiles), "source_light_model_list": [], "lens_light_model_list": []}
    grid = {"ra_at_xy_0": -0.7, "dec_at_xy_0": -0.7, "transform_pix2angle": 0.1 * np.eye(2)}
    data = {"image_data": np.ones((15, 15)), "noise_map": np.ones((15, 15))} | grid
    return {"kwargs_model": model, "kwargs_lens": [lens, *shear], "kwargs_data": data} | {
        "kwargs_source": [],
        "kwargs_lens_light": [],
    }


@pytest.fixture
def written(tmp_path):
    """A function that writes a lens, with samples of its posterior if there are any, and gives the path."""

    def write(of, samples=None):
        template, images = coolest_template(of, Described(mode="MAP"), samples and {"kwargs_lens": samples})
        write_coolest(tmp_path / "a.json", template, images)
        return tmp_path / "a.json"

    return write


def in_words(free, row):
    return dict(zip(free.names(), row, strict=False))


def test_a_simulated_system_is_its_own_start(galaxies, tmp_path):
    """And the fit from there arrives at the truth."""
    to_coolest(tmp_path / "a.json", galaxies.scene, galaxies.systems, 2)
    found = start_of_coolest(tmp_path / "a.json", galaxies.free)
    np.testing.assert_allclose(found, galaxies.truths[2:3, : found.shape[1]], rtol=0, atol=1e-12)
    fitted = refine(galaxies.model, galaxies.observed(2), found)
    errors = np.sqrt(np.diag(fitted.covariance))[: found.shape[1]]
    assert fitted.converged and (np.abs(fitted.parameters[: found.shape[1]] - found[0]) < 5 * errors).all()


def test_what_the_file_is_unsure_of_is_drawn(galaxies, written):
    samples = [normal_samples(LENS, {"theta_E": 0.03, "e1": 0.02, "e2": 0.02}), {}]
    found = start_of_coolest(written(terms(), samples), galaxies.free, 400)
    names = galaxies.free.names()
    assert in_words(galaxies.free, found[0])["theta_E"] == pytest.approx(1.1)
    spread = dict(zip(names, found.std(0), strict=False))
    assert spread["theta_E"] == pytest.approx(0.03, rel=0.15) and 0.01 < spread["e1"] < 0.04
    assert spread["gamma"] < 1e-12 and spread["gamma1"] < 1e-12
    np.testing.assert_array_equal(found, start_of_coolest(written(terms(), samples), galaxies.free, 400))
    low, high = galaxies.free.low[: found.shape[1]], galaxies.free.high[: found.shape[1]]
    assert (found >= low).all() and (found <= high).all()


def test_what_the_file_does_not_say_is_the_mean(galaxies, written):
    isothermal = {name: value for name, value in LENS.items() if name != "gamma"}
    found = start_of_coolest(written(terms(isothermal, ("SIE",))), galaxies.free)
    assert len(found) == 1
    own, mean = in_words(galaxies.free, found[0]), in_words(galaxies.free, galaxies.free.mean)
    assert (own["theta_E"], own["e1"], own["gamma"]) == pytest.approx((1.1, 0.1, 2.0))
    assert own["gamma1"] == mean["gamma1"]


def test_lengths_are_from_the_middle_of_the_image(written):
    path = written(terms())
    template = json.loads(path.read_text())
    for key, by in (("field_of_view_x", 0.4), ("field_of_view_y", -0.3)):
        template["observation"]["pixels"][key] = [v + by for v in template["observation"]["pixels"][key]]
    for name, by in (("center_x", 0.4), ("center_y", -0.3)):
        template["lensing_entities"][0]["mass_model"][0]["parameters"][name]["point_estimate"]["value"] += by
    path.write_text(json.dumps(template))
    _, ((lens, shear),) = drawn_lenses(path, 1)
    assert lens == pytest.approx(LENS) and shear == pytest.approx({"gamma1": 0.02, "gamma2": -0.03})


def test_what_the_fit_has_not_is_refused(galaxies, written):
    path = written(terms(profiles=("EPL", "CONVERGENCE"), shear=(0.0, 0.0)) | {"kwargs_lens": [LENS, {"kappa": 0.1}]})
    with pytest.raises(DataError, match=r"a.json: its CONVERGENCE is not in the lens that is fitted, EPL, SHEAR"):
        start_of_coolest(path, galaxies.free)
    path = written(terms(LENS | {"theta_E": 4.0}))
    with pytest.raises(DataError, match=r"a.json is no start of this fit: theta_E is 4, and the population has"):
        start_of_coolest(path, galaxies.free)
