"""Conventions of COOLEST, both ways: by the coolest package's profiles and measurements, and lenstronomy's writer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel as Lights

from lenstream.files.coolest_files import write_coolest
from lenstream.simulate.exchange.coolest_profiles import (
    coolest_mass,
    coolest_sersic,
    lenstronomy_mass,
    lenstronomy_sersic,
)
from lenstream.simulate.exchange.coolest_template import Described, coolest_template
from lenstream.simulate.exchange.coolest_terms import from_coolest

from .coolest_images import coolest_images
from .random_systems import DEFLECTORS, SCALE, SERSIC, SHEAR, N, image_of, numbers, one_system

X, Y = (a.ravel() for a in np.meshgrid(np.linspace(-2.1, 2.0, 12), np.linspace(-1.9, 2.2, 12)))
ELLIPSE = {
    "q": numbers(0.4, 1.0),
    "phi": numbers(-89.0, 90.0),
    "center_x": numbers(-0.3, 0.3),
    "center_y": numbers(-1, 1),
}
PEMD = st.fixed_dictionaries({"theta_E": numbers(0.4, 1.5), "gamma": numbers(1.5, 2.5)} | ELLIPSE)
THEIR_SERSIC = st.fixed_dictionaries(
    {"I_eff": numbers(0.1, 5), "theta_eff": numbers(0.2, 1), "n": numbers(0.6, 4)} | ELLIPSE
)
THEIR_SHEAR = st.fixed_dictionaries({"gamma_ext": numbers(0, 0.2), "phi_ext": numbers(-89.0, 90.0)})
MIDDLE = {"center_x": 0.0, "center_y": 0.0}
FEW = settings(max_examples=25)


@pytest.fixture(scope="module")
def mass():
    """The mass profiles of the coolest package's own."""
    return pytest.importorskip("coolest.api.profiles.mass")


@pytest.fixture(scope="module")
def light():
    return pytest.importorskip("coolest.api.profiles.light")


@FEW
@given(values=st.fixed_dictionaries(DEFLECTORS["EPL"]), shear=SHEAR)
def test_our_lenses_deflect_as_its_profiles(mass, values, shear):
    for name, own in (("EPL", values), ("SHEAR", shear)):
        kind, parameters, _ = coolest_mass(name, own)
        theirs = getattr(mass, kind)().deflection(X, Y, **parameters)
        np.testing.assert_allclose(theirs, LensModel([name]).alpha(X, Y, [own]), rtol=0, atol=1e-9)


@FEW
@given(pemd=PEMD, shear=THEIR_SHEAR, kappa=numbers(-0.2, 0.2))
def test_its_lenses_deflect_as_ours(mass, pemd, shear, kappa):
    for kind, own in (("PEMD", pemd), ("ExternalShear", shear), ("ConvergenceSheet", {"kappa_s": kappa})):
        name, values = lenstronomy_mass(kind, own, "here")
        theirs = getattr(mass, kind)().deflection(X, Y, **own)
        np.testing.assert_allclose(LensModel([name]).alpha(X, Y, [values]), theirs, rtol=0, atol=1e-9)


@FEW
@given(values=SERSIC, theirs=THEIR_SERSIC)
def test_light_is_as_bright_both_ways(light, values, theirs):
    ours = Lights(["SERSIC_ELLIPSE"])
    for own, parameters in ((values, coolest_sersic(values)[1]), (lenstronomy_sersic(theirs, "here")[1], theirs)):
        expected = light.Sersic().evaluate_surface_brightness(X, Y, **parameters)
        np.testing.assert_allclose(ours.surface_brightness(X, Y, [own]), expected, rtol=1e-6)


@pytest.mark.parametrize("phi", [-60.0, 35.0])
def test_it_measures_what_was_written(tmp_path, phi):
    """Its Einstein radius by mass, slope, half-light radius and light know nothing of a template's parameters."""
    pytest.importorskip("coolest")
    from coolest.api.analysis import Analysis
    from coolest.api.util import get_coolest_object

    terms = one_system()
    _, lens = lenstronomy_mass("PEMD", {"theta_E": 1.0, "gamma": 1.8, "q": 0.7, "phi": phi} | MIDDLE, "here")
    _, of_light = lenstronomy_sersic({"I_eff": 1.0, "theta_eff": 0.5, "n": 1.0, "q": 0.6, "phi": phi} | MIDDLE, "here")
    terms["kwargs_lens"][0], terms["kwargs_lens_light"] = lens, [of_light]
    terms["kwargs_model"]["lens_light_model_list"] = ["SERSIC_ELLIPSE"]
    write_coolest(tmp_path / "a.json", *coolest_template(terms))
    analysis = Analysis(get_coolest_object(str(tmp_path / "a")), str(tmp_path), supersampling=5)
    of_lens = {"entity_selection": [0]}
    assert analysis.effective_einstein_radius(**of_lens) == pytest.approx(1.0, rel=0.04)  # the major axis is 1.2
    assert abs(analysis.effective_radial_slope(r_eval=1.0, **of_lens)) == pytest.approx(
        0.8, rel=0.06
    )  # by radii 0.1" apart
    assert analysis.effective_radius_light(center=(0, 0), **of_lens) == pytest.approx(0.5, rel=0.05)
    light = coolest_images(tmp_path / "a.json")[1]
    y, x = (np.indices(light.shape) - (N - 1) / 2) * SCALE
    xx, yy, xy = ((light * a).sum() for a in (x * x, y * y, x * y))
    from_y = np.degrees(np.arctan2(2 * xy, xx - yy)) / 2 - 90
    assert abs((from_y - phi + 90) % 180 - 90) < 3.0  # the frame is square


def test_what_lenstronomy_writes_is_read(tmp_path, by_lenstronomy):
    """Its results after a fit, in its own frame, in which x is to the left."""
    terms = one_system()
    write_coolest(tmp_path / "a.json", *coolest_template(terms, Described(mode="MAP")))
    theirs = by_lenstronomy(tmp_path / "a.json")
    from lenstronomy.Util.coolest_interface import update_coolest_from_lenstronomy

    lens, shear, source = theirs["kwargs_lens"][0], theirs["kwargs_lens"][1], theirs["kwargs_source"][0]
    lens |= {"theta_E": 1.05, "gamma": 1.9, "e1": -0.05, "e2": 0.15, "center_x": 0.08, "center_y": 0.03}
    shear |= {"gamma1": -0.02, "gamma2": 0.06}
    source |= {"R_sersic": 0.3, "e1": 0.1, "e2": -0.2, "center_x": -0.1, "center_y": 0.05}
    update_coolest_from_lenstronomy(str(tmp_path / "a"), theirs["kwargs_result"])
    expected = image_of(theirs | {"kwargs_numerics": terms["kwargs_numerics"]})
    found = from_coolest(tmp_path / "a_update.json")
    np.testing.assert_allclose(image_of(found), expected, rtol=0, atol=1e-9 * expected.max())
    assert found["kwargs_lens"][0]["theta_E"] == pytest.approx(1.05)
    assert found["kwargs_lens"][0]["center_x"] == pytest.approx(-0.08)


def test_a_template_that_the_coolest_package_made_is_read(tmp_path):
    """With an SIE, of which the package has no formula: it is a PEMD of slope 2."""
    pytest.importorskip("coolest")
    from coolest.api.profiles.mass import PEMD, ExternalShear
    from coolest.template.classes.coordinates import CoordinatesOrigin
    from coolest.template.classes.galaxy import Galaxy
    from coolest.template.classes.instrument import Instrument
    from coolest.template.classes.lensing_entity_list import LensingEntityList
    from coolest.template.classes.mass_field import MassField
    from coolest.template.classes.mass_light_model import LightModel, MassModel
    from coolest.template.classes.observation import Observation
    from coolest.template.classes.parameter import PointEstimate
    from coolest.template.json import JSONSerializer
    from coolest.template.standard import COOLEST

    lens, shear, source = MassModel("SIE"), MassModel("ExternalShear"), LightModel("Sersic")
    values = {"theta_E": 1.1, "q": 0.8, "phi": 20.0, "center_x": 0.1, "center_y": 0.0}
    for model, own in (
        (lens, values),
        (shear, {"gamma_ext": 0.05, "phi_ext": -30.0}),
        (source, {"I_eff": 2.0, "theta_eff": 0.3, "n": 1.0, "q": 0.9, "phi": 0.0} | MIDDLE),
    ):
        for name, value in own.items():
            model[0].parameters[name].set_point_estimate(PointEstimate(value))
    entities = (
        Galaxy("a lens", 0.3, mass_model=lens),
        MassField("shear", 0.3, mass_model=shear),
        Galaxy("a source", 1.2, light_model=source),
    )
    origin = CoordinatesOrigin("00h00m00s", "+00d00m00s")
    made = COOLEST(
        "MAP",
        origin,
        LensingEntityList(*entities),
        Observation(),
        Instrument(SCALE),
    )
    JSONSerializer(str(tmp_path / "made"), obj=made).dump_simple()
    found = from_coolest(tmp_path / "made.json")
    assert found["kwargs_model"]["lens_model_list"] == ["SIE", "SHEAR"] and found["redshifts"] == (0.3, 1.2)
    theirs = np.add(PEMD().deflection(X, Y, gamma=2.0, **values), ExternalShear().deflection(X, Y, 0.05, -30.0))
    ours = LensModel(["SIE", "SHEAR"]).alpha(X, Y, found["kwargs_lens"])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
    assert found["kwargs_source"][0]["amp"] == 2.0 and "kwargs_data" not in found
