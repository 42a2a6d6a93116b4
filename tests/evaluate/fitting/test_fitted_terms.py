"""Fits in lenstronomy's terms: its images of lens light and source are those of the fit."""

import numpy as np
import pytest
from lenstronomy.Data.imaging_data import ImageData
from lenstronomy.Data.psf import PSF
from lenstronomy.ImSim.image_model import ImageModel
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel

from lenstream.evaluate.fitting.fitted_terms import fitted_terms
from lenstream.evaluate.fitting.image_model import inverse_variance
from lenstream.evaluate.fitting.refine import ALL, Refined
from lenstream.simulate.bridge import to_lenstronomy
from lenstream.simulate.profiles.declaration import MAX_ELLIPTICITY

DOUBLE = (
    "simulate.lens_light=[{profile: DOUBLE_SERSIC, magnitude: {normal: [19.5, 0.3]}, R_sersic: {uniform: [0.5, 1]}, "
    "R_bulge: 0.3, bulge_fraction: {uniform: [0.2, 0.6]}, e1: {uniform: [-0.2, 0.2]}, e2: {uniform: [-0.2, 0.2]}}, "
    "{profile: SERSIC_ELLIPSE, magnitude: 21, R_sersic: 0.4, n_sersic: 1.5, center_x: {uniform: [-1, 1]}}]"
)
RED = "simulate.lens_light.0.colors={i: {uniform: [-0.8, -0.6]}}"
FAST = {"n": 2, "components": 8, "samples": 300}


def parts_of_image(case, parameters, band):
    """Light and lensed source of parameters (p,) in a band, by the fit and by lenstronomy: each (n, n)."""
    observed = case.observed(0)
    weights = inverse_variance(observed, observed.image)
    at = case.model.posterior(observed, weights, parameters, ALL, derivatives=False)
    nothing = dict.fromkeys(Refined._fields)
    found = Refined(**nothing | {"parameters": parameters, "model": at.model, "coefficients": at.coefficients})
    terms = to_lenstronomy(case.scene, case.systems, 0, band=band)
    terms |= fitted_terms(case.model, observed, found, case.scene, band)
    model = terms["kwargs_model"]
    data = {n: v for n, v in terms["kwargs_data"].items() if n not in ("background_rms", "exposure_time")}
    images = ImageModel(
        ImageData(**data),
        PSF(**terms["kwargs_psf"]),
        LensModel(model["lens_model_list"]),
        LightModel(model["source_light_model_list"]),
        LightModel(model["lens_light_model_list"]),
        kwargs_numerics=terms["kwargs_numerics"],
    )
    own = terms["kwargs_lens"], terms["kwargs_source"], terms["kwargs_lens_light"]
    theirs = images.image(*own, source_add=False), images.image(*own, lens_light_add=False)
    shape, pixels = data["image_data"].shape, case.model.pixels[band]
    light = np.broadcast_to(at.light, at.model.shape)
    ours = (a.ravel()[pixels].reshape(shape) for a in (light, at.model - light))
    return tuple(ours), theirs


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("profiles", ["one", "double"])
def test_light_of_the_lens_is_lenstronomys(make_case, galaxy, light, bands, profiles, several):
    """With the same rays in a pixel, in each band."""
    lights = light if profiles == "one" else DOUBLE
    case = make_case(galaxy, "simulate.image.rays=3", lights, *([*bands, RED] if several else ()), **FAST)
    for band in range(len(case.scene.bands)):
        (ours, _), (theirs, _) = parts_of_image(case, case.truths[0], band)
        assert theirs.max() > 0.1
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6 * theirs.max())


def test_light_that_is_too_flat_is_cut_as_in_the_fit(make_case, galaxy, light):
    case = make_case(galaxy, "simulate.image.rays=3", light, **FAST)
    names, parameters = case.free.names(), case.truths[0].copy()
    parameters[[names.index("lens_light_e1"), names.index("lens_light_e2")]] = 0.8 * MAX_ELLIPTICITY
    (ours, _), (theirs, _) = parts_of_image(case, parameters, 0)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6 * theirs.max())


def test_the_source_is_that_of_the_fit_in_each_band(make_case, galaxy, bands):
    """A fit has rays of its own: where they lie is all that differs."""
    case = make_case(galaxy, "simulate.image.rays=adaptive", *bands, **FAST)
    for band in range(2):
        (_, ours), (_, theirs) = parts_of_image(case, case.truths[0], band)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.02 * theirs.max())
        assert ours.sum() == pytest.approx(theirs.sum(), rel=2e-3)
