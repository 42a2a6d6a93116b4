"""Defects of published datasets: drawn as their code draws them; and the recipes that use them choose their mode."""

import numpy as np
import pytest
from lenstronomy.Data.imaging_data import ImageData
from lenstronomy.Data.psf import PSF
from lenstronomy.ImSim.image_model import ImageModel
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel
from lenstronomy.Util.util import make_grid_with_coordtransform
from pydantic import TypeAdapter
from scipy import stats

from lenstream.configs import overrides, recipes
from lenstream.configs.dark_matter import Cosmology, Substructure
from lenstream.simulate.detector import defects
from lenstream.simulate.systems import cosmology

MODELS = (1, 2, 3, 4)


def recipe(k, *wanted):
    """The settings of a DeepLense recipe after its mode was chosen."""
    found = recipes.read(f"deeplense_model_{k}")
    assert not overrides.apply(found, [f"mode={mode}" for mode in wanted])
    return found.values


@pytest.fixture(scope="module")
def model_1():
    """A noise-free image of Model I as released, by lenstronomy, (150, 150) [counts/s]."""
    lens = [{"theta_E": 1.2817, "e1": 0.1, "e2": 0, "center_x": 0, "center_y": 0}, {"gamma1": 0.05, "gamma2": 0}]
    source = {"amp": 20, "R_sersic": 0.25, "n_sersic": 1, "e1": -0.1, "e2": 0.1, "center_x": 0.1, "center_y": 0.2}
    _, _, ra, dec, _, _, transform, _ = make_grid_with_coordtransform(150, 0.05, subgrid_res=1, inverse=False)
    model = ImageModel(
        ImageData(np.zeros((150, 150)), ra_at_xy_0=ra, dec_at_xy_0=dec, transform_pix2angle=transform),
        PSF("GAUSSIAN", fwhm=0.087, pixel_size=0.05, truncation=3),
        LensModel(["SIE", "SHEAR"]),
        LightModel(["SERSIC_ELLIPSE"]),
    )
    return model.image(lens, [source]).astype(np.float32)


def applied(name, images, indices, exposure=1500.0, background=0.01, streams=None, **rest):
    streams = range(images.shape[1]) if streams is None else streams
    return defects.apply(name, images, exposure, background, 3, list(streams), np.asarray(indices), **rest)


def test_model_1_draws_clipped_counts_a_second_time(model_1):
    n = 60
    images = np.broadcast_to(model_1, (n, 1, 150, 150))
    exposure = 10 ** np.random.default_rng(0).uniform(3, 3.5, (n, 1))
    counts = applied("double_poisson", images, np.arange(n), exposure)
    assert (counts == np.rint(counts)).all() and counts.min() == 0
    # The same by numpy, as the released code does it.
    rng = np.random.default_rng(1)
    time = exposure[..., None, None]
    noisy = images + rng.normal(size=images.shape) * np.sqrt(np.abs(images) / time)
    noisy += rng.normal(size=images.shape) * 0.01
    theirs = rng.poisson((time * noisy).clip(min=0))
    assert (counts == 0).mean() == pytest.approx((theirs == 0).mean(), abs=0.003)
    assert (counts == 0).mean() == pytest.approx(0.44, abs=0.05)
    bright = model_1 > 0.05
    ours_rate, theirs_rate = (c[:, 0][:, bright] / exposure for c in (counts, theirs))
    np.testing.assert_allclose(ours_rate.mean(), theirs_rate.mean(), rtol=2e-3)
    np.testing.assert_allclose(
        (ours_rate - images[:, 0][:, bright]).std(), (theirs_rate - images[:, 0][:, bright]).std(), rtol=0.01
    )


@pytest.mark.parametrize("mean", [0.05, 0.7, 4.0, 9.9, 10.1, 37.0, 1200.0])
def test_poisson_numbers_have_their_law(mean):
    n = 40_000
    drawn = np.array([defects.poisson(mean, tuple(map(np.uint32, (i, 0, 1, 2))), np.uint32(1)) for i in range(n)])
    law = stats.poisson(mean)
    assert drawn.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / n))
    low, high = law.ppf(0.001), law.ppf(0.999)
    edges = np.unique(np.concatenate([np.linspace(low, high, 25).round(), [low, high + 1]]))
    seen = np.histogram(drawn, edges)[0]
    expected = np.diff(law.cdf(edges - 1))
    assert stats.chisquare(seen, expected / expected.sum() * seen.sum()).pvalue > 1e-3


def test_model_2_returns_twice_the_model(model_1):
    images = np.stack([model_1, model_1.T])[:, None]
    np.testing.assert_array_equal(applied("doubled_model", images, [0, 1]), 2 * images)


def test_model_4_clips_and_divides_by_the_highest_pixel_of_all_bands(model_1):
    images = np.stack([model_1, 0.3 * model_1, 2 * model_1])[None]
    out = applied("clipped_over_peak", images, [4], bands=3)
    assert out.min() == 0 and out.max() == 1 and out.shape == images.shape
    assert out[0, 0].max() < 0.8  # one scale for all bands
    own = applied("clipped_over_peak", images, [4], bands=1)
    assert (own.max(axis=(2, 3)) == 1).all()
    dark = np.zeros((1, 1, 8, 8), dtype=np.float32)
    assert (applied("clipped_over_peak", dark, [0], background=0.0) == 0).all()
    # The noise beneath is lenstronomy's.
    flat = np.full((1, 1, 200, 200), 1.0, dtype=np.float32)
    noisy = applied("clipped_over_peak", flat, [0], exposure=100.0, background=0.05)
    rms = noisy[0, 0, 1:].std() / noisy[0, 0, 1:].mean()
    assert rms == pytest.approx(np.sqrt(0.05**2 + 1.0 / 100), rel=0.02)


@pytest.mark.parametrize("name", defects.NAMES)
def test_an_image_is_a_pure_function_of_its_index(name, model_1):
    indices = np.array([9, 2**40, 3, 77], dtype=np.uint64)
    images = np.broadcast_to(model_1, (4, 2, 150, 150))
    batch = applied(name, images, indices)
    order = [2, 0, 3, 1]
    np.testing.assert_array_equal(applied(name, images, indices[order]), batch[order])
    np.testing.assert_array_equal(applied(name, images[:1], indices[1:2]), batch[1:2])
    same = (batch[0, 0] == batch[0, 1]).all(), (batch[0, 0] == batch[1, 0]).all()
    assert same == ((name == "doubled_model"),) * 2
    assert (applied(name, images, indices, streams=[0, 0])[:, 1] == batch[:, 0]).all()


def test_an_unknown_defect_is_refused(model_1):
    with pytest.raises(ValueError, match='no defect "double"; there are double_poisson'):
        applied("double", model_1[None, None], [0])


# The recipes


@pytest.mark.parametrize("k", MODELS)
def test_the_recipes_say_what_the_public_code_does(k):
    corrected, released = recipe(k), recipe(k, "as_released")
    assert corrected["mode"] == "corrected" and released["mode"] == "as_released"
    assert "modes" not in corrected and "modes" not in released
    for values in (corrected, released):
        parts = TypeAdapter(list[Substructure]).validate_python(values["simulate"]["substructure"])
        assert [p.only for p in parts] == [["cdm"], ["axion"]]
        assert set(values["simulate"]["classes"]) == {"no_sub", "cdm", "axion"}
    assert "defect" not in corrected["simulate"]["observation"]
    assert released["simulate"]["observation"]["defect"] in defects.NAMES
    where = cosmology.geometry(Cosmology(**corrected["simulate"]["cosmology"]))
    right = float(cosmology.einstein_radius_point_mass(where, 1e12))
    theta_E = corrected["simulate"]["lens_mass"][0]["theta_E"]
    assert theta_E == (1.5 if k == 4 else pytest.approx(right, abs=1e-4))
    # Main lens, shear and subhalos shrink together: SIE deflections as theta_E, point masses as theta_E squared.
    shrink = 1.0 if k == 1 else 0.634315
    distances = 1.0 if k == 4 else 0.59273
    lens, shear = released["simulate"]["lens_mass"]
    assert lens["theta_E"] == pytest.approx(theta_E * np.sqrt(distances) * shrink, rel=2e-4)  # lenstronomy's G Msun
    assert shear["gamma1"] == pytest.approx(0.05 * shrink, rel=1e-5)
    for part in released["simulate"]["substructure"]:
        assert part["deflection_factor"] == pytest.approx(distances * shrink, rel=1e-5)


def test_the_magnitude_of_model_1_is_the_amplitude_of_the_released_source():
    values = recipe(1)["simulate"]
    source = {k: v for k, v in values["source"][0].items() if k not in ("profile", "magnitude", "center_x", "center_y")}
    model = LightModel(["SERSIC_ELLIPSE"])
    (flux,) = model.total_flux([source | {"amp": 20, "center_x": 0, "center_y": 0}])
    zero_point = values["observation"]["magnitude_zero_point"]
    assert values["source"][0]["magnitude"] == pytest.approx(zero_point - 2.5 * np.log10(flux), abs=1e-3)
