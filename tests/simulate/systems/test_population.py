"""Populations: a parameter has its own stream of numbers, tables are drawn jointly, one parameter follows another."""

import numpy as np
import pytest
from scipy import stats

from lenstream.configs.components import EPL, SERSIC_ELLIPSE
from lenstream.configs.parameters import Distribution
from lenstream.simulate.core import philox
from lenstream.simulate.core.philox import Draw
from lenstream.simulate.systems.population import draw_component, draw_parameter

INDICES = np.arange(20_000, dtype=np.uint64)


def drawn_epl(indices=INDICES, path="lens_mass.0", purpose=philox.LENS, attempt=0, drawn=None, **settings):
    component = EPL(**{"profile": "EPL", "theta_E": {"uniform": (0.8, 1.6)}} | settings)
    return draw_component(component, path, Draw(1, purpose, indices, attempt), drawn)


def drawn_light(drawn, purpose=philox.LENS_LIGHT, **settings):
    component = SERSIC_ELLIPSE(**{"profile": "SERSIC_ELLIPSE", "magnitude": 19, "R_sersic": 1} | settings)
    return draw_component(component, "lens_light.0", Draw(1, purpose, INDICES), drawn)


def test_a_component_draws_what_it_is_told():
    component = EPL(profile="EPL", theta_E=1.1, e1_e2={"rayleigh": (0.1, 0.3)})
    values = draw_component(component, "lens_mass.0", Draw(1, philox.LENS, np.arange(10)))
    assert set(values) == {"theta_E", "gamma", "e1", "e2", "center_x", "center_y"}
    assert (values["theta_E"] == 1.1).all()
    assert len(np.unique(values["e1"])) == 10


def test_changing_one_parameter_leaves_the_others():
    def drawn(**changes):
        settings = {"profile": "EPL", "theta_E": {"uniform": (0.8, 1.6)}, "gamma": {"uniform": (1.8, 2.2)}}
        return draw_component(EPL(**settings | changes), "lens_mass.0", Draw(1, philox.LENS, np.arange(10)))

    before, after = drawn(), drawn(gamma=2.0, center_x={"normal": (0, 0.1)})
    np.testing.assert_array_equal(before["theta_E"], after["theta_E"])


def test_draws_are_what_they_have_always_been():
    lens = drawn_epl(
        np.array([17]),
        theta_E={"loguniform": (0.8, 1.6)},
        gamma={"truncnormal": (2.0, 0.2, 1.5, 2.5)},
        e1_e2={"rayleigh": (0.15, 0.4)},
        center_x={"normal": (0, 0.05)},
    )
    before = {
        "theta_E": 1.5064169724877585,
        "gamma": 2.173635024438699,
        "e1": -0.004096643649581973,
        "e2": -0.13259191766397055,
        "center_x": -0.04100242580352134,
    }
    assert {name: float(lens[name][0]) for name in before} == pytest.approx(before, rel=1e-12)


def test_attempts_are_different_and_repeatable():
    first, second, again = (drawn_epl(attempt=a)["theta_E"] for a in (0, 1, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    np.testing.assert_array_equal(second, again)


@pytest.fixture
def catalogue(tmp_path):
    """Two thousand galaxies whose columns depend on each other."""
    rng = np.random.default_rng(3)
    sigma = rng.normal(230, 40, 2000)
    path = tmp_path / "galaxies.csv"
    rows = np.column_stack([sigma, (sigma / 230) ** 2, 25 - sigma / 46])
    np.savetxt(path, rows, delimiter=",", header="sigma,theta_E,magnitude", comments="", fmt="%.17g")
    return str(path), rows


def test_parameters_of_a_table_are_drawn_jointly(catalogue):
    file, rows = catalogue
    theta_E = {"table": {"file": file, "column": "theta_E"}}
    magnitude = {"table": {"file": file, "column": "magnitude"}}
    lens, light = drawn_epl(theta_E=theta_E), drawn_light(None, magnitude=magnitude)
    source = drawn_light(None, philox.SOURCE, magnitude=magnitude)
    np.testing.assert_allclose(light["magnitude"], 25 - 5 * np.sqrt(lens["theta_E"]), rtol=1e-12)
    np.testing.assert_array_equal(source["magnitude"], light["magnitude"])
    counts = np.bincount(np.searchsorted(np.sort(rows[:, 1]), lens["theta_E"]), minlength=2000)
    assert stats.chisquare(counts).pvalue > 1e-3  # every row as often as any other
    color = Distribution(**magnitude)
    alone = draw_parameter(color, "lens_light.0.colors.g", Draw(1, philox.LENS_LIGHT, INDICES))
    np.testing.assert_array_equal(alone, light["magnitude"])
    for view, purpose in ((1, philox.LENS_LIGHT), (2, philox.SOURCE)):
        redrawn = drawn_light(None, purpose + view, magnitude=magnitude)
        assert (redrawn["magnitude"] == light["magnitude"]).mean() < 0.01
    np.testing.assert_array_equal(
        drawn_light(None, philox.SOURCE + 1, magnitude=magnitude)["magnitude"],
        drawn_light(None, philox.LENS_LIGHT + 1, magnitude=magnitude)["magnitude"],
    )
    assert (drawn_epl(theta_E=theta_E, attempt=1)["theta_E"] == lens["theta_E"]).mean() < 0.01


def test_a_lone_parameter_has_the_stream_of_its_path():
    lens = drawn_epl()
    alone = draw_parameter(Distribution(uniform=(0.8, 1.6)), "lens_mass.0.theta_E", Draw(1, philox.LENS, INDICES))
    np.testing.assert_array_equal(alone, lens["theta_E"])
    assert (draw_parameter(2, "lens_mass.0.theta_E", Draw(1, philox.LENS, INDICES)) == 2.0).all()


def test_following_has_the_line_and_the_scatter_asked_for():
    lens = drawn_epl()
    drawn = {"lens_mass.0.theta_E": lens["theta_E"]}.__getitem__
    law = {"parameter": "lens_mass.0.theta_E", "factor": -2, "offset": 22, "scatter": 0.3}
    light = drawn_light(drawn, magnitude={"follow": law})
    residual = light["magnitude"] - (22 - 2 * lens["theta_E"])
    assert stats.kstest(residual, stats.norm(0, 0.3).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(residual, lens["theta_E"])[0, 1]) < 0.03
    clipped = drawn_light(drawn, magnitude={"follow": law | {"low": 19.5, "high": 20}})["magnitude"]
    np.testing.assert_array_equal(clipped, np.clip(light["magnitude"], 19.5, 20))
    exact = drawn_light(drawn, magnitude={"follow": law | {"scatter": 0}})["magnitude"]
    np.testing.assert_allclose(exact, 22 - 2 * lens["theta_E"], rtol=1e-15)


def test_parameters_of_one_component_follow_each_other_in_any_order():
    lens = drawn_epl(
        theta_E={"follow": {"parameter": "lens_mass.0.gamma", "factor": 0.5, "low": 0, "high": 9}},
        gamma={"follow": {"parameter": "lens_mass.0.center_y", "offset": 2, "low": 1.5, "high": 2.5}},
        center_y={"uniform": (-0.1, 0.1)},
    )
    np.testing.assert_allclose(lens["gamma"], 2 + lens["center_y"])
    np.testing.assert_allclose(lens["theta_E"], 0.5 * lens["gamma"])
    light = drawn_epl(center_x={"follow": {"parameter": "lens_mass.0.e1"}}, e1_e2={"rayleigh": (0.1, 0.3)})
    np.testing.assert_array_equal(light["center_x"], light["e1"])


def test_light_follows_the_shape_of_the_mass():
    lens = drawn_epl(e1_e2={"rayleigh": (0.15, 0.4)})
    drawn = {f"lens_mass.0.{n}": v for n, v in lens.items()}.__getitem__
    law = {"component": "lens_mass.0", "factor": 0.9, "scatter": 0.04, "angle_scatter": 0.17, "largest": 0.35}
    light = drawn_light(drawn, e1_e2={"follow": law})

    def shape(values):
        return np.hypot(values["e1"], values["e2"]), 0.5 * np.arctan2(values["e2"], values["e1"])

    (mass_modulus, mass_phi), (modulus, phi) = shape(lens), shape(light)
    assert modulus.max() <= 0.35 + 1e-12
    free = (modulus > 1e-9) & (modulus < 0.35 - 1e-9) & (np.abs(0.9 * mass_modulus - 0.17) < 0.05)
    assert (modulus - 0.9 * mass_modulus)[free].std() == pytest.approx(0.04, rel=0.05)
    turned = (phi - mass_phi + 0.5 * np.pi) % np.pi - 0.5 * np.pi
    assert stats.kstest(turned[modulus > 1e-9], stats.norm(0, 0.17).cdf).pvalue > 1e-3
    same = drawn_light(drawn, e1_e2={"follow": {"component": "lens_mass.0", "scatter": 0, "angle_scatter": 0}})
    np.testing.assert_allclose(same["e1"], lens["e1"], atol=1e-14)
    np.testing.assert_allclose(same["e2"], lens["e2"], atol=1e-14)


@pytest.mark.parametrize("part", [slice(0, 1), slice(500, 900), slice(19_999, None)])
def test_a_draw_depends_on_its_own_index_only(part, catalogue):
    def drawn(indices):
        return drawn_epl(
            indices,
            theta_E={"table": {"file": catalogue[0], "column": "theta_E"}},
            gamma={"mixture": [{"weight": 1, "uniform": (1.8, 2)}, {"weight": 1, "truncnormal": (2, 0.1, 1.9, 2.2)}]},
            center_x={"follow": {"parameter": "lens_mass.0.gamma", "scatter": 0.1}},
            center_y={"lognormal": (0.1, 0.3)},
        )

    whole, alone = drawn(INDICES), drawn(INDICES[part])
    for name in whole:
        np.testing.assert_array_equal(whole[name][part], alone[name])
