"""Distributions in configs: what they allow, and one clear sentence for each mistake."""

import numpy as np
import pytest
from pydantic import ValidationError

from lenstream.configs.components import EPL, SERSIC_ELLIPSE
from lenstream.configs.cuts import Selection
from lenstream.configs.follow import check_follow
from lenstream.configs.observation import Observation
from lenstream.configs.parameters import Distribution, Ellipticity
from lenstream.configs.schema import Simulation

PART = {"weight": 0.7, "uniform": (1, 2)}


def said(make, **settings):
    """The one mistake in some settings, in words."""
    with pytest.raises(ValidationError) as caught:
        make(**settings)
    (error,) = caught.value.errors()
    return error["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("settings", "support"),
    [
        ({"uniform": (1, 2)}, (1, 2)),
        ({"normal": (1, 2)}, (-np.inf, np.inf)),
        ({"lognormal": (1, 0.2)}, (0, np.inf)),
        ({"lognormal": (1, 0.2, 0.5, 2)}, (0.5, 2)),
        ({"mixture": [PART, {"weight": 0.3, "beta": (1, 2, 1.5, 4)}]}, (1, 4)),
        ({"mixture": [PART, {"weight": 0.3, "lognormal": (1, 2)}]}, (0, np.inf)),
        ({"follow": {"parameter": "lens_mass.0.e1"}}, (-np.inf, np.inf)),
        ({"follow": {"parameter": "lens_mass.0.e1", "low": 0.5}}, (0.5, np.inf)),
    ],
)
def test_support(settings, support):
    assert Distribution(**settings).support() == support


def test_support_of_a_table_is_that_of_its_column(tmp_path):
    (tmp_path / "t.csv").write_text("theta_E, gamma\n1.5,2\n0.7,2.1\n")
    table = {"table": {"file": str(tmp_path / "t.csv"), "column": "theta_E"}}
    assert Distribution(**table).support() == (0.7, 1.5)
    (tmp_path / "t.csv").write_text("theta_E, gamma\n1.5,2\n-0.7,2.1\n0,1\n")  # a changed file is read again
    assert "theta_E must lie between 0 and 100, but -0.7 to 1.5" in said(EPL, profile="EPL", theta_E=table)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give exactly one of uniform, normal"),
        ({"uniform": (1, 2), "mixture": [PART]}, "give exactly one of"),
        ({"lognormal": (1,)}, "median and dex"),
        ({"lognormal": (1, 0.1, 2)}, "median and dex"),
        ({"lognormal": (-1, 0.1)}, "the median must be positive"),
        ({"lognormal": (1, 0)}, "the standard deviation must be positive"),
        ({"lognormal": (1, 0.1, 0, 2)}, "the lowest value must be positive"),
        ({"lognormal": (1, 0.1, 3, 2)}, "the lowest value must be below the highest"),
        ({"mixture": []}, "at least 1 item"),
        ({"mixture": [{"uniform": (1, 2)}]}, "Field required"),
        ({"mixture": [PART | {"weight": 0}]}, "greater than 0"),
        ({"mixture": [PART | {"uniform": (2, 1)}]}, "the lowest value must be below the highest"),
        ({"normal": (float("nan"), 1)}, "finite number"),
        ({"follow": {"parameter": "lens_mass.0.e1", "low": 1, "high": 0}}, "low must be below high"),
        ({"table": {"file": "nowhere.csv", "column": "a"}}, "there is no catalogue nowhere.csv"),
    ],
)
def test_a_mistake_in_a_distribution_is_one_sentence(settings, message):
    assert message in said(Distribution, **settings)


def test_joint_ellipticity_is_rayleigh_or_follows():
    both = {"rayleigh": (0.1, 0.3), "follow": {"component": "lens_mass.0"}}
    assert "exactly one of rayleigh, follow" in said(Ellipticity, **both)
    assert "exactly one of rayleigh, follow" in said(Ellipticity)
    assert "less than 0.9" in said(Ellipticity, follow={"component": "lens_mass.0", "largest": 0.95})


def test_distributions_survive_plain_values(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    for settings in (
        {"lognormal": (1, 0.2, 0.5, 2)},
        {"mixture": [PART, {"weight": 0.3, "normal": (0, 1)}]},
        {"table": {"file": str(tmp_path / "t.csv"), "column": "a"}},
        {"follow": {"parameter": "lens_mass.0.e1", "scatter": 0.1}},
    ):
        one = Distribution(**settings)
        assert Distribution.model_validate(one.model_dump(mode="json", exclude_none=True)) == one


LENS = {"profile": "EPL", "theta_E": {"uniform": (0.8, 1.6)}, "e1_e2": {"rayleigh": (0.1, 0.3)}}
GALAXY = {"profile": "SERSIC_ELLIPSE", "magnitude": 20.0, "R_sersic": 0.5}
NOISE = {"exposure_time": 100, "magnitude_zero_point": 25, "background_noise": 0.01}


def problems(lens=None, light=None, source=None, fwhm=0.1):
    """Mistakes in what follows what, in a scene with one lens, shear, one light component and two sources."""
    valid = Simulation(
        image={"num_pix": 32, "pixel_scale": 0.1},
        lens_mass=[LENS, {"profile": "SHEAR"}],
        lens_light=[GALAXY],
        source=[GALAXY, GALAXY],
        observation=NOISE | {"psf": {"kind": "gaussian", "fwhm": 0.1}},
    )
    changes = {  # made after the checks of the whole, so that what is tested is check_follow alone
        "lens_mass": [EPL(**LENS | (lens or {})), valid.lens_mass[1]],
        "lens_light": [SERSIC_ELLIPSE(**GALAXY | (light or {}))],
        "source": [SERSIC_ELLIPSE(**GALAXY | (source or {})), valid.source[1]],
        "observation": Observation(**NOISE | {"psf": {"kind": "gaussian", "fwhm": fwhm}}),
    }
    return list(check_follow(valid.model_copy(update=changes)))


def following(parameter, **law):
    return {"follow": {"parameter": parameter} | law}


def test_what_may_follow():
    assert problems() == []
    assert (
        problems(light={"e1_e2": {"follow": {"component": "lens_mass.0"}}, "center_x": following("lens_mass.0.e1")})
        == []
    )
    assert problems(source={"center_x": following("lens_light.0.e2"), "e1": following("lens_mass.1.gamma1")}) == []
    size = following("source.0.magnitude", low=0.1, high=1)
    assert problems(source={"magnitude": {"normal": (24, 1)}, "R_sersic": size}) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"light": {"e1": following("lens_mass.0.theta_e")}},
            'simulate.lens_light.0.e1.follow.parameter: "lens_mass.0.theta_e" is not a parameter that this simulation '
            'draws. Did you mean "lens_mass.0.theta_E"?',
        ),
        ({"light": {"e1": following("q")}}, "Expected a parameter by its place"),
        ({"light": {"e1": following("source.0.e1")}}, "is drawn later than lens_light.0"),
        ({"source": {"e1": following("source.1.e1")}}, "is drawn later than source.0"),
        ({"light": {"e1": following("lens_light.0.e1")}}, "follows itself"),
        (
            {"light": {"e1": following("lens_light.0.center_x"), "center_x": following("lens_light.0.e1")}},
            "follows itself",
        ),
        ({"light": {"e1_e2": {"follow": {"component": "lens_mas.0"}}}}, 'Did you mean "lens_mass.0"?'),
        ({"light": {"e1_e2": {"follow": {"component": "lens_mass.1"}}}}, "(SHEAR) has no e1 and e2"),
        ({"light": {"e1_e2": {"follow": {"component": "lens_light.0"}}}}, "follows itself"),
        ({"light": {"e1_e2": {"follow": {"component": "source.0"}}}}, "is drawn later than lens_light.0"),
        (
            {"light": {"colors": {"r": following("lens_light.0.magnitude")}}},
            "simulate.lens_light.0.colors.r.follow: only parameters of profiles",
        ),
        ({"fwhm": following("lens_mass.0.theta_E", low=0.1, high=1)}, "simulate.observation.psf.fwhm.follow: only"),
    ],
)
def test_what_may_not_follow(settings, message):
    found = problems(**settings)
    assert found and all("\n" not in p for p in found)
    assert message in found[0]


@pytest.mark.parametrize(
    ("law", "asked"),
    [
        ({}, None),  # a factor of 1: the other's range is this one's
        ({"factor": 80}, "64 to 128"),
        ({"factor": 0, "offset": 0.1}, None),
        ({"factor": -1, "offset": 2}, None),
        ({"factor": -1, "offset": 1}, "-0.6 to 0.2"),
        ({"scatter": 0.1}, "-inf to inf"),
        ({"scatter": 0.1, "low": 0.1}, "0.1 to inf"),
        ({"scatter": 0.1, "low": 0.1, "high": 3}, None),
        ({"factor": -1, "offset": 1, "low": 0.1}, None),
    ],
)
def test_the_range_of_what_follows_is_that_of_what_it_follows(law, asked):
    found = problems(source={"R_sersic": following("lens_mass.0.theta_E", **law)})  # theta_E: 0.8 to 1.6
    if asked is None:
        assert found == []
    else:
        assert [f"R_sersic must lie between 0.001 and 100, but {asked} is asked for" in f for f in found] == [True]


def test_a_chain_and_a_shape_have_ranges_too():
    chain = {"R_sersic": following("source.0.n_sersic", factor=100), "n_sersic": following("lens_mass.0.theta_E")}
    assert "R_sersic must lie between 0.001 and 100, but 80 to 160" in problems(source=chain)[0]
    shape = {"n_sersic": following("lens_mass.0.e1", factor=20, offset=4)}  # |e1| <= 0.3, of e1_e2
    assert "n_sersic must lie between 0.3 and 8, but -2 to 10" in problems(source=shape)[0]
    assert problems(source={"n_sersic": following("lens_mass.0.e1", factor=10, offset=4)}) == []


def test_a_psf_of_one_band_cannot_follow_either():
    psf = {"psf": {"kind": "gaussian", "fwhm": following("lens_mass.0.theta_E", low=0.1, high=1)}}
    with pytest.raises(ValidationError, match=r"bands\.r\.psf\.fwhm\.follow: only parameters of profiles"):
        Simulation(
            image={"num_pix": 32, "pixel_scale": 0.1},
            bands={"g": {}, "r": psf},
            lens_mass=[LENS],
            source=[GALAXY],
            observation=NOISE | {"psf": {"kind": "gaussian", "fwhm": 0.1}},
        )


def test_a_selection_needs_a_cut():
    assert "give at least one of arc_snr_min" in said(Selection, max_attempts=3)
    assert "greater than 0" in said(Selection, magnification_min=-1)
    assert Selection(arc_snr_min=10).max_attempts == 100


@pytest.mark.parametrize("value", ["1e-6", "-100", "1e12", "{normal: [1000, 100]}", "{uniform: [-1, 5]}"])
def test_an_exposure_time_is_checked_like_any_drawn_number(problems, value):
    (problem,) = problems(f"simulate.observation.exposure_time={value}", recipe="tiny")
    assert "simulate.observation" in problem and "exposure_time" in problem


@pytest.mark.parametrize(("fwhm", "beta"), [("-0.1", 2), ("1e9", 2), ("{normal: [0.2, 0.01]}", 2), ("0.2", 0.5)])
def test_the_numbers_of_a_psf_are_checked_like_any_drawn_number(problems, fwhm, beta):
    psf = f"simulate.observation.psf={{kind: moffat, fwhm: {fwhm}, beta: {beta}}}"
    (problem,) = problems(psf, recipe="tiny")
    assert "simulate.observation.psf" in problem and ("beta" if beta < 1 else "fwhm") in problem


def test_a_part_of_a_batch_holds_two_systems_at_least(problems):
    (problem,) = problems("pretrain.batch_size=16", "pretrain.accumulate=16", recipe="tiny")
    assert "accumulate: 16 equal parts of at least 2 cannot be made of a batch of 16" in problem
