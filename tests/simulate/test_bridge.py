"""The bridge to lenstronomy: its own classes take what the bridge gives, and make the same image and amplitudes."""

import numpy as np
import pytest
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel
from lenstronomy.SimulationAPI.sim_api import SimAPI
from lenstronomy.Util.util import make_grid_with_coordtransform

from lenstream.errors import ArgumentError
from lenstream.simulate.bridge import lenstronomy_image_model, to_lenstronomy
from lenstream.simulate.render import render, tracer
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views

from ..lenstronomy_model import model_of

SMALL = {"num_pix": 24, "pixel_scale": 0.16, "rays": 2}


@pytest.fixture(scope="module")
def mixed(scene_with, observed, tmp_path_factory):
    """Every profile of deflector and of light, subhalos, two bands with different PSFs, two views."""
    y, x = np.meshgrid(np.linspace(-3, 3, 31), np.linspace(-3, 3, 31), indexing="ij")
    path = tmp_path_factory.mktemp("map") / "field.npz"
    np.savez(path, f_x=0.1 * np.tanh(x), f_y=0.1 * np.tanh(y), pixel_scale=0.2)
    centre = {"center_x": {"normal": (0, 0.05)}, "center_y": {"normal": (0, 0.05)}}
    sersic = {"profile": "SERSIC_ELLIPSE", "magnitude": 23, "R_sersic": {"uniform": (0.1, 0.3)}} | centre
    return scene_with(
        image=SMALL,
        lens_mass=[
            {"profile": "EPL", "theta_E": 0.8, "gamma": {"uniform": (1.7, 2.3)}, "e1": 0.1} | centre,
            {"profile": "SHEAR", "gamma1": 0.03, "gamma2": -0.02},
            {"profile": "INTERPOL", "file": str(path)} | centre,
            {"profile": "MULTIPOLE", "m": 4, "a_m": 0.02, "phi_m": 0.3} | centre,
            {"profile": "SIE", "theta_E": 0.2, "e2": 0.1, "center_x": 0.9},
            {"profile": "TNFW", "Rs": 0.3, "alpha_Rs": 0.1, "r_trunc": 1, "center_y": 0.9},
        ],
        substructure=[{"kind": "CDM", "n_mean": 5, "m_min": 1e8, "m_max": 1e9, "r_max": 2}],
        source=[sersic, {"profile": "INTERPOL", "n_galaxies": 4, "magnitude": 24, "R_half": 0.2}],
        lens_light=[
            {
                "profile": "DOUBLE_SERSIC",
                "magnitude": 21,
                "bulge_fraction": 0.3,
                "R_sersic": 0.6,
                "R_bulge": 0.2,
                "e1": 0.2,
                "colors": {"g": 1.0},
            }
        ],
        bands={"r": {}, "g": {"psf": {"kind": "moffat", "fwhm": 0.3, "beta": 3, "size": 9}}},
    )


def test_the_image_of_lenstronomys_classes_is_ours(mixed):
    systems = draw(mixed, np.arange(2), Views(2))
    ours = render(mixed, systems, dtype=np.float64)
    for i, v, b in np.ndindex(2, 2, 2):
        terms = to_lenstronomy(mixed, systems, i, v, b)
        model = lenstronomy_image_model(mixed, systems, i, v, band=b)
        theirs = model.image(terms["kwargs_lens"], terms["kwargs_source"], terms["kwargs_lens_light"])
        np.testing.assert_allclose(ours[i, v, b], theirs, rtol=0, atol=1e-8 * theirs.max())


def test_lens_model_and_light_model_take_the_terms_as_they_are(mixed):
    systems = draw(mixed, np.arange(2), Views())
    terms = to_lenstronomy(mixed, systems, 1)
    model = terms["kwargs_model"]
    x, y = np.random.default_rng(0).uniform(-1.5, 1.5, (2, 50))
    lens = LensModel(model["lens_model_list"], profile_kwargs_list=model["lens_profile_kwargs_list"])
    assert len(model["lens_model_list"]) == 6 + np.diff(systems.halos[0].first)[1]
    alpha = np.stack(tracer(mixed, systems)(np.tile(x, (2, 1)), np.tile(y, (2, 1))))[:, 1]
    np.testing.assert_allclose(alpha, lens.alpha(x, y, terms["kwargs_lens"]), atol=1e-9)
    for group, n in (("source", 2), ("lens_light", 2)):
        light = LightModel(model[f"{group}_light_model_list".replace("light_light", "light")])
        assert len(terms[f"kwargs_{group}"]) == n
        assert light.surface_brightness(x, y, terms[f"kwargs_{group}"]).max() > 0
    total = np.sum(light.total_flux(terms["kwargs_lens_light"]))  # of disc and bulge together
    assert total == pytest.approx(10 ** (-0.4 * (21 - mixed.instrument.magnitude_zero_point)), rel=1e-6)


@pytest.mark.parametrize("band", [0, 1])
def test_the_simulation_api_makes_the_same_image(mixed, band):
    systems = draw(mixed, np.arange(1), Views())
    terms = to_lenstronomy(mixed, systems, 0, band=band)
    instrument = list(mixed.bands.values())[band]
    psf = terms["kwargs_psf"]
    single_band = {
        "pixel_scale": instrument.pixel_scale,
        "exposure_time": instrument.exposure_time,
        "magnitude_zero_point": instrument.magnitude_zero_point,
        "background_noise": instrument.background,
        "num_exposures": 1,
        "psf_type": psf["psf_type"],
    }
    single_band |= {"seeing": psf["fwhm"], "truncation": 5} if "fwhm" in psf else {}
    single_band |= {n: psf[n] for n in ("kernel_point_source",) if n in psf}
    api = SimAPI(mixed.config.image.num_pix, single_band, terms["kwargs_model"])
    model = api.image_model_class(terms["kwargs_numerics"])
    theirs = model.image(terms["kwargs_lens"], terms["kwargs_source"], terms["kwargs_lens_light"])
    ours = render(mixed, systems, dtype=np.float64)[0, 0, band]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8 * theirs.max())


def test_amplitudes_are_those_of_lenstronomys_magnitudes(scene_with):
    """SimAPI.magnitude2amplitude, an independent way from a magnitude to an amplitude."""
    shape = {"R_sersic": {"uniform": (0.1, 0.4)}, "n_sersic": {"uniform": (0.7, 4)}, "e1": 0.2}
    scene = scene_with(image=SMALL, source=[{"profile": "SERSIC_ELLIPSE", "magnitude": {"uniform": (20, 25)}} | shape])
    systems = draw(scene, np.arange(5), Views())
    for i in range(5):
        terms = to_lenstronomy(scene, systems, i)
        single_band = {"pixel_scale": 0.16, "exposure_time": 100, "magnitude_zero_point": 25.96, "background_noise": 1}
        single_band |= {"num_exposures": 1, "psf_type": "NONE"}
        api = SimAPI(24, single_band, {"source_light_model_list": ["SERSIC_ELLIPSE"]})
        (given,) = terms["kwargs_source"]
        by_magnitude = {n: v for n, v in given.items() if n != "amp"}
        by_magnitude["magnitude"] = float(systems.source[0]["magnitude"][i, 0])
        _, (theirs,), _ = api.magnitude2amplitude(kwargs_source_mag=[by_magnitude])
        assert given["amp"] == pytest.approx(theirs["amp"], rel=1e-6)


def test_adaptive_rays_are_given_as_eight_by_eight(scene_with, observed):
    psf = {"kind": "gaussian", "fwhm": 0.3, "supersampling": 1}
    scene = scene_with(image=SMALL | {"rays": "adaptive"}, observation=observed(psf=psf))
    systems = draw(scene, [0], Views())
    terms = to_lenstronomy(scene, systems, 0)
    assert terms["kwargs_numerics"]["supersampling_factor"] == 8
    model = lenstronomy_image_model(scene, systems)
    theirs = model.image(terms["kwargs_lens"], terms["kwargs_source"], terms["kwargs_lens_light"])
    assert np.abs(render(scene, systems)[0, 0] - theirs).max() < 0.02 * theirs.max()


def test_what_is_absent_from_a_class_is_absent_for_lenstronomy(everything):
    systems = draw(everything, np.arange(12), Views())
    for i, number in enumerate(systems.class_number):
        model = to_lenstronomy(everything, systems, i, band=1)["kwargs_model"]
        n = np.diff(systems.halos[0].first)[i]
        assert model["lens_model_list"] == [["EPL", "SHEAR"], ["EPL"] + n * ["TNFW"], []][number]
        assert model["source_light_model_list"] == [["SERSIC_ELLIPSE", "INTERPOL"], ["SERSIC_ELLIPSE"], []][number]
        assert len(model["lens_light_model_list"]) == [2, 0, 2][number]


def test_a_psf_within_pixels_is_given_on_pixels_nine_times_as_fine(scene_with, observed):
    for psf in ({"kind": "gaussian", "fwhm": 0.3}, {"kind": "moffat", "fwhm": 0.3, "beta": 3}):
        scene = scene_with(image=SMALL | {"rays": "adaptive"}, observation=observed(psf=psf))
        systems = draw(scene, [0], Views())
        terms = to_lenstronomy(scene, systems, 0)
        assert terms["kwargs_numerics"]["supersampling_factor"] == 9
        assert terms["kwargs_numerics"]["supersampling_convolution"]
        theirs = lenstronomy_image_model(scene, systems).image(
            terms["kwargs_lens"], terms["kwargs_source"], terms["kwargs_lens_light"]
        )
        assert np.abs(render(scene, systems, noise=False)[0, 0] - theirs).max() < 0.01 * theirs.max()


def test_the_data_is_the_rendered_image_on_its_grid(mixed):
    systems = draw(mixed, np.arange(2), Views(2))
    ours = render(mixed, systems)
    for i, v, b in np.ndindex(2, 2, 2):
        terms = to_lenstronomy(mixed, systems, i, v, b)
        data, (name, instrument) = terms["kwargs_data"], list(mixed.bands.items())[b]
        np.testing.assert_allclose(data["image_data"], ours[i, v, b], rtol=1e-6, atol=1e-7 * ours.max())
        assert data["background_rms"] == instrument.background and data["exposure_time"] == instrument.exposure_time
        _, _, ra, dec, _, _, transform, _ = make_grid_with_coordtransform(
            mixed.num_pix[name], instrument.pixel_scale, subgrid_res=1, inverse=False
        )
        assert (data["ra_at_xy_0"], data["dec_at_xy_0"]) == pytest.approx((ra, dec), abs=1e-12)
        np.testing.assert_allclose(data["transform_pix2angle"], transform, atol=1e-12)
        assert "likelihood_mask" not in terms


@pytest.mark.parametrize(
    "observation",
    [
        {"instrument": "LSST/i"},
        {"instrument": "Euclid/VIS", "data_count_unit": "ADU", "ccd_gain": 3.5},
        {"instrument": "HST/WFC3_F160W", "exposure_time": {"uniform": (1000, 9000)}, "bad_pixels": 0.02},
    ],
)
def test_lenstronomy_finds_our_noise_as_large_as_it_expects(scene_with, observation):
    """Its own likelihood of a noisy image, given its own image of the system: a reduced chi^2 of 1."""
    scene = scene_with(
        image={"num_pix": 40},
        observation=observation | {"noise": True},
        lens_light=[{"profile": "SERSIC_ELLIPSE", "magnitude": 19, "R_sersic": 0.8, "n_sersic": 4}],
    )
    systems, chi2 = draw(scene, np.arange(3)), []
    for i in range(3):
        terms = to_lenstronomy(scene, systems, i)
        images = model_of(terms)
        mask = terms.get("likelihood_mask", np.ones((40, 40), bool))
        assert mask.all() == ("bad_pixels" not in observation)
        theirs = images.image(terms["kwargs_lens"], terms["kwargs_source"], terms["kwargs_lens_light"])
        assert np.isfinite(images.Data.log_likelihood(theirs, mask))
        assert images.Data.log_likelihood(theirs, mask) > images.Data.log_likelihood(0.9 * theirs, mask)
        chi2.append(np.mean(images.reduced_residuals(theirs)[mask] ** 2))
    assert np.mean(chi2) == pytest.approx(1, abs=4 * np.sqrt(2 / (3 * 40 * 40)))


def test_one_of_two_pixel_grids_and_a_system_that_is_not_the_first(two_grids):
    systems = draw(two_grids, np.arange(3), Views(2))
    images = render(two_grids, systems)
    for band, own in enumerate((images[0][:, :, 0], images[1][:, :, 0], images[0][:, :, 1])):
        terms = to_lenstronomy(two_grids, systems, 2, 1, band)
        assert terms["kwargs_data"]["image_data"].shape == own.shape[-2:]
        there = terms.get("likelihood_mask", True) & np.isfinite(own[2, 1])
        scale = own[2, 1].max()
        np.testing.assert_allclose(terms["kwargs_data"]["image_data"] * there, own[2, 1] * there, atol=1e-5 * scale)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((-1,), "i: expected a whole number from 0 to 1, got -1"),
        ((2,), "i: expected a whole number from 0 to 1, got 2"),
        ((0.5,), "i: expected a whole number from 0 to 1, got 0.5"),
        ((0, 2), "view: expected a whole number from 0 to 1, got 2"),
        ((0, 0, "g"), "band: expected a whole number from 0 to 1, got 'g'"),
    ],
)
def test_a_system_that_is_not_there_is_refused(mixed, numbers, said):
    with pytest.raises(ArgumentError, match=said):
        to_lenstronomy(mixed, draw(mixed, [0, 1], Views(2)), *numbers)
    with pytest.raises(ArgumentError, match="scene: expected a Scene"):
        to_lenstronomy(draw(mixed, [0]), mixed, 0)


def test_every_view_and_band_has_the_psf_that_is_drawn_for_it(scene_with, observed):
    psf = {"kind": "gaussian", "fwhm": {"uniform": (0.1, 0.4)}}
    scene = scene_with(image=SMALL, bands={"r": {"psf": psf}, "g": {"psf": psf}})
    systems = draw(scene, np.arange(2), Views(2, frozenset({"psf"})))
    for i, v, b in np.ndindex(2, 2, 2):
        given = to_lenstronomy(scene, systems, i, v, b)["kwargs_psf"]["fwhm"]
        assert given == systems.optics["fwhm"][i, v, b]
    assert len(np.unique(systems.optics["fwhm"])) == 8
