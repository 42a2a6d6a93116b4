"""Laws in words, and the parameters of a population under the names of their labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lenstream.configs.drawn_laws import drawn, law
from lenstream.configs.load import load
from lenstream.configs.parameters import Distribution
from lenstream.simulate.labels import labels
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.6647, "1.6647"),
        (1e12, "1e+12"),
        ({"uniform": [-0.35, 0.35]}, "U(-0.35, 0.35)"),
        ({"normal": [0, 0.03]}, "N(0, 0.03)"),
        ({"truncnormal": [2.0, 0.2, 1.5, 2.5]}, "N(2, 0.2) within 1.5 to 2.5"),
        ({"lognormal": [1.2, 0.13]}, "log-normal, median 1.2, 0.13 dex"),
        ({"lognormal": [1.2, 0.13, 0.6, 2.2]}, "log-normal, median 1.2, 0.13 dex within 0.6 to 2.2"),
        ({"loguniform": [0.1, 0.4]}, "log-uniform, 0.1 to 0.4"),
        ({"beta": [2, 3, 0, 1]}, "beta(2, 3) within 0 to 1"),
        (
            {"mixture": [{"weight": 1, "uniform": [-2, -1]}, {"weight": 3, "normal": [0, 1]}]},
            "0.25 of U(-2, -1), 0.75 of N(0, 1)",
        ),
        ({"follow": {"parameter": "lens_mass.0.theta_E"}}, "lens_mass.0.theta_E"),
        (
            {"follow": {"parameter": "a.0.b", "factor": -1.5, "offset": 21.1, "scatter": 0.4, "low": 18, "high": 20.5}},
            "21.1 - 1.5 x a.0.b + N(0, 0.4), at least 18, at most 20.5",
        ),
        ({"follow": {"parameter": "a.0.b", "factor": 2, "offset": -3}}, "-3 + 2 x a.0.b"),
    ],
)
def test_laws_in_words(value, words):
    assert law(value if isinstance(value, float) else Distribution(**value)) == words


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_numbers_can_be_read_back(low, width):
    found = law(Distribution(uniform=(low, low + width)))
    read = [float(word) for word in found.removeprefix("U(").removesuffix(")").split(", ")]
    np.testing.assert_allclose(read, [low, low + width], rtol=1e-5, atol=0)


@pytest.mark.parametrize("recipe", ["tiny", "w4", "deeplense_model_1", "lens_finding"])
def test_every_drawn_label_has_a_law(recipe):
    config = load(recipe)
    for light in (*config.simulate.source, *config.simulate.lens_light):
        light.__dict__.update({"n_galaxies": 10} if hasattr(light, "n_galaxies") else {})  # or they would take seconds
    scene = make_scene(config)
    known = {parameter.name for parameter in drawn(config.simulate)}
    made = set(labels(draw(scene, np.arange(4), Views())))
    assert made - known <= {"half_length", "angle"} | {n for n in made if n.endswith("phi_G")}, made - known


def test_names_units_and_classes():
    found = {p.name: p for p in drawn(load("lens_finding").simulate)}
    assert found["theta_E"].unit == "arcsec" and found["theta_E"].only == ("lens",)
    assert found["theta_E"].law == "log-normal, median 1.2, 0.13 dex within 0.6 to 2.2"
    assert found["lens_light_e1"].law.startswith("|e| 0.9 times that of lens_mass.0 + N(0, 0.05), at most 0.5")
    assert found["lens_light_color_g"].law == "N(2.5, 0.2) within 1.7 to 3.2"
    assert found["source_magnitude"].law == "N(24.5, 1) within 22 to 26.5"
    assert found["lens_light_magnitude_1"].only == ("spiral",)
    assert {p.law for n, p in found.items() if n in ("e1", "e2")} == {"N(0, 0.12) with |e| < 0.4"}


def test_subhalos_are_not_mistaken_for_the_lens():
    found = {p.name: p.law for p in drawn(load("w4").simulate)}
    assert found["theta_E"] == "U(0.8, 1.6)" and found["subhalo theta_E"] == "log-uniform, 0.001 to 0.01"
