"""COOLEST files: lenstronomy's interface, the coolest package and our reader make the same image of them."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from lenstream.errors import DataError
from lenstream.files.coolest_files import write_coolest
from lenstream.simulate.exchange.coolest_template import Described, coolest_template, normal_samples, psf_kernel
from lenstream.simulate.exchange.coolest_terms import from_coolest

from .random_systems import SCALE, N, image_of, one_system, systems

RANDOM = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(folder, terms, *more):
    write_coolest(folder / "a.json", *coolest_template(terms, *more))
    return folder / "a.json"


@RANDOM
@given(terms=systems((2, 2)))
def test_lenstronomy_reads_the_same_image(tmp_path, by_lenstronomy, terms):
    theirs = by_lenstronomy(written(tmp_path, terms))
    theirs["kwargs_numerics"] = terms["kwargs_numerics"]
    expected = terms["kwargs_data"]["image_data"]
    np.testing.assert_allclose(image_of(theirs), expected, rtol=0, atol=1e-7 * expected.max())  # its SIE has a core
    np.testing.assert_array_equal(theirs["kwargs_data"]["image_data"], expected)
    noise = np.sqrt(0.01**2 + expected / 900.0)
    np.testing.assert_allclose(theirs["kwargs_data"]["noise_map"], noise)


@RANDOM
@given(terms=systems((1, 1)))
def test_the_coolest_package_reads_the_same_image(tmp_path, by_coolest, terms):
    source, light = by_coolest(written(tmp_path, terms), terms["kwargs_numerics"]["supersampling_factor"])
    expected = image_of(terms, lens_light_add=False)
    np.testing.assert_allclose(source, expected, rtol=0, atol=1e-7 * expected.max())
    sharp = terms | {"kwargs_psf": {"psf_type": "NONE"}, "kwargs_numerics": {"supersampling_factor": 1}}
    expected = image_of(sharp, source_add=False)
    np.testing.assert_allclose(light, expected, rtol=0, atol=1e-7 * expected.max())


@RANDOM
@given(terms=systems((2, 1)))
def test_our_reader_gives_back_the_system(tmp_path, terms):
    found = from_coolest(written(tmp_path, terms))
    expected = terms["kwargs_data"]["image_data"]
    np.testing.assert_allclose(image_of(found), expected, rtol=0, atol=1e-7 * expected.max())
    lens, own = found["kwargs_lens"][0], terms["kwargs_lens"][0]
    assert lens == pytest.approx({"gamma": 2.0, "e1": 0.0, "e2": 0.0} | own, abs=1e-12)
    assert found["redshifts"] == (0.5, 1.5)


@pytest.mark.parametrize("psf", ["NONE", "GAUSSIAN", "finer GAUSSIAN"])
def test_any_psf_is_written_as_pixels(tmp_path, by_lenstronomy, by_coolest, psf):
    terms = one_system()
    finer = 3 if psf.startswith("finer") else 1
    terms["kwargs_psf"] = {"psf_type": psf.split()[-1], "fwhm": 0.3, "truncation": 4.0, "pixel_size": SCALE}
    terms["kwargs_numerics"] |= {"supersampling_factor": 3, "supersampling_convolution": finer > 1}
    expected = image_of(terms)
    path = written(tmp_path, terms)
    reach = (
        0 if psf == "NONE" else len(psf_kernel(terms["kwargs_psf"], terms["kwargs_numerics"], SCALE)[0]) // 2 // finer
    )
    inner = slice(reach + 1, N - reach - 1)  # lenstronomy's Gaussian repeats the pixels at the edge
    theirs = by_lenstronomy(path) | {"kwargs_numerics": terms["kwargs_numerics"]}
    for image in (image_of(theirs), by_coolest(path, 3)[0]):
        np.testing.assert_allclose(image[inner, inner], expected[inner, inner], rtol=0, atol=1e-9 * expected.max())


@pytest.mark.parametrize(("angle", "tolerance"), [(0.0, 1e-9), (0.4, 0.02)])
def test_an_image_of_a_galaxy_is_a_grid(tmp_path, by_coolest, angle, tolerance):
    terms = one_system()
    stamp = np.random.default_rng(1).uniform(0, 1, (9, 9)) * np.linspace(0.2, 1, 9)
    galaxy = {"image": stamp, "amp": 3.0, "phi_G": angle, "scale": 0.07, "center_x": 0.1, "center_y": -0.05}
    terms["kwargs_model"]["source_light_model_list"], terms["kwargs_source"] = ["INTERPOL"], [galaxy]
    terms["kwargs_numerics"]["supersampling_factor"] = 3
    terms["kwargs_numerics"]["supersampling_factor"] = 3
    expected = image_of(terms)
    path = written(tmp_path, terms)
    for image in (by_coolest(path, 3)[0], image_of(from_coolest(path))):
        np.testing.assert_allclose(image, expected, rtol=0, atol=tolerance * expected.max())


def test_counts_become_electrons(tmp_path, by_coolest):
    terms = one_system()
    (plain,), (gained,) = (by_coolest(written(tmp_path, terms, Described(gain=gain)))[:1] for gain in (1.0, 2.5))
    np.testing.assert_allclose(gained, 2.5 * plain)
    data = from_coolest(tmp_path / "a.json")["kwargs_data"]
    assert data["image_data"][0, 0] == 2.5
    assert data["noise_map"][0, 0] == pytest.approx(2.5 * np.hypot(0.01, 1 / 30))


def test_statistics_are_those_of_the_samples(tmp_path):
    """Near the horizontal, where a position angle of -90 degrees is one of 90."""
    terms, rng = one_system(), np.random.default_rng(2)
    terms["kwargs_lens"][0] |= {"e1": 0.2, "e2": 0.01}
    own = terms["kwargs_lens"][0]
    drawn = normal_samples(own, {"theta_E": 0.02, "e1": 0.02, "e2": 0.05})
    template, _ = coolest_template(terms, Described(mode="MAP"), {"kwargs_lens": [drawn, {}]})
    parameters = template["lensing_entities"][0]["mass_model"][0]["parameters"]
    stats = parameters["theta_E"]["posterior_stats"]
    assert stats["mean"] == pytest.approx(0.9, abs=1e-4) and stats["median"] == pytest.approx(0.9, abs=1e-4)
    assert stats["percentile_84th"] - 0.9 == pytest.approx(0.02 * 0.99446, rel=0.01)
    assert parameters["gamma"]["posterior_stats"]["mean"] is None
    phi = parameters["phi"]["posterior_stats"]
    e1, e2 = rng.normal(0.2, 0.02, 40_000), rng.normal(0.01, 0.05, 40_000)
    value = 90 - (180 - np.degrees(np.arctan2(0.01, 0.2)) / 2) % 180
    assert parameters["phi"]["point_estimate"]["value"] == pytest.approx(value) and value < -85
    expected = np.percentile(np.degrees(np.arctan2(e2, e1)) / 2 - 90, [16, 50, 84])
    found = [phi["percentile_16th"], phi["median"], phi["percentile_84th"]]
    np.testing.assert_allclose(found, expected, atol=0.15)


def test_the_template_has_the_keys_and_numbers_of_the_coolest_package(tmp_path):
    """Read and written by it, the template is still the same."""
    pytest.importorskip("coolest")
    from coolest.template.json import JSONSerializer

    terms = one_system()
    terms["likelihood_mask"] = np.arange(N * N).reshape(N, N) % 7 > 0
    described = Described("MAP", (0.3, 2.0), (70.0, 0.3), 1.0, 25.5, 900.0, "HST/WFC3_F160W", "F160W")
    path = written(tmp_path, terms, described)
    ours = json.loads(path.read_text())
    read = JSONSerializer(str(path.with_suffix(""))).load(verbose=False)
    JSONSerializer(str(tmp_path / "again"), obj=read).dump_simple()
    theirs = json.loads((tmp_path / "again.json").read_text())
    assert theirs["meta"].pop("coolest.__version__")
    assert theirs == ours
    assert theirs["likelihoods"] and from_coolest(path)["likelihood_mask"].sum() == terms["likelihood_mask"].sum()


def test_what_coolest_has_not_is_refused():
    terms = one_system()
    terms["kwargs_model"]["lens_model_list"][1] = "TNFW"
    with pytest.raises(DataError, match=r"the mass profile TNFW has no counterpart in COOLEST; expected EPL, SIE"):
        coolest_template(terms)
    terms = one_system()
    terms["kwargs_source"][0]["n_sersic"] = 0.4
    with pytest.raises(DataError, match=r"source_0: COOLEST has n of a Sersic from 0.5 to 10, but it is 0.4"):
        coolest_template(terms)
    terms["kwargs_model"]["source_light_model_list"] = ["SHAPELETS"]
    with pytest.raises(DataError, match="the light profile SHAPELETS has no counterpart"):
        coolest_template(terms)


@pytest.mark.parametrize("pixel_scale", [0.05, 0.11, 0.03962, 1 / 3, 0.2])
@pytest.mark.parametrize("finer", [1, 2, 3, 5, 7, 9])
def test_lenstronomy_finds_how_fine_the_psf_is(tmp_path, by_lenstronomy, pixel_scale, finer):
    """It cuts the ratio of both pixels, e.g. 8.9999999, down to a whole number."""
    terms = one_system()
    terms["kwargs_data"]["transform_pix2angle"] = pixel_scale * np.eye(2)
    terms["kwargs_psf"] = {"psf_type": "PIXEL", "kernel_point_source": np.ones((21, 21)) / 441}
    terms["kwargs_psf"] |= {"point_source_supersampling_factor": finer} if finer > 1 else {}
    assert by_lenstronomy(written(tmp_path, terms))["kwargs_psf"]["point_source_supersampling_factor"] == finer
