"""What the Python API refuses, in one sentence, and what it takes."""

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.errors import ArgumentError
from lenstream.simulate.core.arguments import system_indices, whole_number, words_among
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.stream import LensStream
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene


@pytest.mark.parametrize("given", [[0, 5], (0, 5), np.array([0, 5], np.int32), np.array([0, 5], "u8"), range(0, 10, 5)])
def test_whole_indices_of_any_kind(given):
    indices = system_indices(given)
    assert indices.dtype == np.uint64 and list(indices) == [0, 5]


def test_the_largest_index_and_none():
    assert system_indices([2**64 - 1])[0] == 2**64 - 1
    assert system_indices([]).shape == (0,)
    assert system_indices(7).shape == (1,)


@pytest.mark.parametrize("given", [[-1], -1, [0.5], [1.0], [2**70], [True], "12", [[1, 2]], None, [None]])
def test_other_indices_are_one_sentence(given):
    with pytest.raises(ArgumentError, match="indices: expected whole numbers from 0") as caught:
        system_indices(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [-1, 4, 0.5, 1.0, True, "1", None, 2**70])
def test_whole_numbers(value):
    with pytest.raises(ArgumentError, match="threads: expected a whole number from 0 to 3, got"):
        whole_number("threads", value, 0, 3)
    assert whole_number("threads", np.int32(3), 0, 3) == 3


def test_words():
    assert words_among("redraw", ["a"], ("a", "b")) == {"a"}
    with pytest.raises(ArgumentError, match="redraw: expected a set of words out of a, b, got 'a'"):
        words_among("redraw", "a", ("a", "b"))


@pytest.fixture(scope="module")
def scene():
    return make_scene(load("w1", ["simulate.image.num_pix=16"]).simulate, 1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda scene: Views(redraw=["sourc"]), "got 'sourc'. Did you mean \"source\"?"),
        (lambda scene: Views(redraw="source"), "Views: redraw: expected a set of words"),
        (lambda scene: Views(0), "Views: n: expected a whole number of at least 1, got 0"),
        (lambda scene: make_scene(scene.config, 2**70), "seed: expected a whole number from 0 to 4294967295"),
        (lambda scene: make_scene(scene.config, -1), "seed: expected"),
        (lambda scene: make_scene(load("w1")), "Did you mean config.simulate?"),
        (lambda scene: draw(scene, [-1], Views()), "indices: expected"),
        (lambda scene: draw(scene, [0.5], Views()), "indices: expected"),
        (
            lambda scene: render(scene, draw(scene, [0], Views()), threads=0),
            "threads: expected a whole number of at least 1",
        ),
        (lambda scene: render(scene, draw(scene, [0], Views()), rays=0), "rays (or adaptive): expected"),
        (lambda scene: render(scene, draw(scene, [0], Views()), rays="adaptiv"), "rays (or adaptive): expected"),
        (lambda scene: render(scene, draw(scene, [0], Views()), dtype="int32"), "dtype: expected float32 or float64"),
        (lambda scene: LensStream(scene, 0), "batch_size: expected"),
        (lambda scene: LensStream(scene, 4, threads=0), "threads: expected"),
        (lambda scene: LensStream(scene, 4, start=-1), "start: expected"),
        (lambda scene: LensStream(scene, 4, world=2, rank=2), "rank: expected a whole number from 0 to 1, got 2"),
        (lambda scene: LensStream(scene, 5, world=2), "batch_size 5 cannot be shared equally by 2 ranks"),
    ],
)
def test_the_api_says_what_it_cannot_take(scene, call, said):
    with pytest.raises(ArgumentError) as caught:
        call(scene)
    assert said in str(caught.value) and isinstance(caught.value, ValueError)


def test_views_take_any_set_of_words():
    assert Views(2, ["noise", "source"]) == Views(2, frozenset({"source", "noise"})) == Views(2)
    assert hash(Views(2, {"psf"})) == hash(Views(2, ("psf",)))
