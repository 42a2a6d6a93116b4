"""No config can draw an ellipse that cannot be rendered: constants, laws, joint laws, tables, what follows another."""

import pytest

from lenstream.configs.load import load
from lenstream.errors import ConfigError

BOX = {"uniform": [-0.6, 0.6]}


def follows(parameter, **law):
    return {"follow": {"parameter": parameter, **law}}


def problems(source=None, lens=None, tmp_path=None):
    changes = []
    for path, values in (("source.0", source), ("lens_mass.0", lens)):
        if values is not None:
            joint = values if "e1_e2" in values else {"e1_e2": None, **values}
            changes += [f"simulate.{path}.{name}={str(v).replace('None', 'null')}" for name, v in joint.items()]
    try:
        load("w1", changes)
    except ConfigError as error:
        return error.problems
    return []


GOOD = {
    "constants at the edge": {"e1": 0.54, "e2": -0.72},
    "a box inside": {"e1": BOX, "e2": BOX},
    "cut normals": {"e1": {"truncnormal": [0, 0.2, -0.5, 0.5]}, "e2": {"truncnormal": [0, 0.2, -0.5, 0.5]}},
    "light as mass": {"e1": follows("lens_mass.0.e1"), "e2": follows("lens_mass.0.e2")},
    "light across mass": {"e1": follows("lens_mass.0.e2", factor=-2), "e2": follows("lens_mass.0.e1", factor=2)},
    "scatter with ends": {"e1": follows("lens_mass.0.e1", scatter=0.1, low=-0.5, high=0.5)},
    "follows a number of its own": {"e1": follows("source.0.e2", factor=0.5, offset=0.1), "e2": 0.4},
    "follows a size": {"e1": follows("source.0.center_x", factor=2)},
    "joint": {"e1_e2": {"rayleigh": [0.3, 0.89]}},
}
BAD = {
    "a constant": ({"e1": 0.95}, "up to 0.95"),
    "two constants": ({"e1": 0.7, "e2": 0.7}, "up to 0.99"),
    "a corner of a box": ({"e1": {"uniform": [-0.7, 0.7]}, "e2": {"uniform": [-0.7, 0.2]}}, "up to 0.99"),
    "a normal": ({"e1": {"normal": [0, 0.1]}}, "without end"),
    "a part of a mixture": (
        {"e1": {"mixture": [{"weight": 1, **BOX}, {"weight": 0.01, "normal": [0, 0.1]}]}},
        "without",
    ),
    "light flatter than mass": (
        {"e1": follows("lens_mass.0.e1", factor=3), "e2": follows("lens_mass.0.e2", factor=3)},
        "up to 1.2",
    ),
    "scatter": ({"e1": follows("lens_mass.0.e1", scatter=0.01)}, "without end"),
    "scatter with one end": ({"e1": follows("lens_mass.0.e1", scatter=0.01, low=-0.5)}, "without end"),
    "offset": ({"e1": follows("lens_mass.0.e1", offset=0.6)}, "up to 1"),
    "another quantity": ({"e1": follows("lens_mass.0.theta_E")}, "up to 1.6"),
    "a chain": ({"e1": follows("source.0.e2", factor=2), "e2": follows("lens_mass.0.e2", factor=1.2)}, "up to 1.07"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_rendered_is_accepted(name):
    assert problems(GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_is_one_sentence_that_says_how_far_it_goes(name):
    values, said = BAD[name]
    (problem,) = problems(values)
    assert "source.0: e1 and e2 can be drawn with |e| = hypot(e1, e2) " in problem and said in problem
    assert "at most 0.9" in problem and "truncnormal" in problem and "\n" not in problem


def test_the_rows_of_a_table_are_looked_at_together(tmp_path):
    table = tmp_path / "shapes.csv"
    table.write_text("e1,e2\n0.8,0.1\n0.1,-0.8\n")
    laws = {name: {"table": {"file": str(table), "column": name}} for name in ("e1", "e2")}
    assert problems(laws) == problems(lens=laws) == []
    table.write_text("e1,e2\n0.8,0.1\n0.8,-0.8\n")
    (problem,) = problems(lens=laws)
    assert "lens_mass.0" in problem and "up to 1.13" in problem


def test_what_follows_something_wrong_is_said_once():
    for problem in problems({"e1": follows("source.0.e2"), "e2": follows("source.0.e1")}):
        assert "follows itself" in problem and "hypot" not in problem
    (problem,) = problems({"e1": follows("source.7.e2")})
    assert "hypot" not in problem
