"""What the Python API refuses, in one sentence, and what it takes."""

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.errors import ArgumentError
from lenstream.simulate.bridge import to_lenstronomy
from lenstream.simulate.core.arguments import system_indices, whole_number, words_among
from lenstream.simulate.labels import labels
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.stream import LensStream
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene


@pytest.mark.parametrize("given", [[0, 5], (0, 5), np.array([0, 5], np.int32), np.array([0, 5], "u8"), range(0, 10, 5)])
def test_whole_indices_of_any_kind(given):
    indices = system_indices(given)
    assert indices.dtype == np.uint64 and list(indices) == [0, 5]


@pytest.mark.parametrize(
    "given", [[[1], [2, 3]], {1, 2}, {"a": 1}, [2**63, -1], np.ones((2, 2), int), iter([1]), "1" * 99]
)
def test_what_is_no_list_of_numbers_is_one_short_sentence(given):
    with pytest.raises(ArgumentError, match="indices: expected whole numbers from 0") as caught:
        system_indices(given)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 160


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
        (lambda scene: Views(0), "Views: n: expected a whole number from 1 to 1024, got 0"),
        (lambda scene: LensStream(scene, 10**12), "batch_size: expected a whole number from 1 to 16777216"),
        (lambda scene: to_lenstronomy(scene, draw(scene, []), 0), "systems: expected one or more"),
        (lambda scene: make_scene(scene.config, 2**70), "seed: expected a whole number from 0 to 4294967295"),
        (lambda scene: make_scene(scene.config, -1), "seed: expected"),
        (lambda scene: make_scene(7), "config: expected a Config or its simulate, a dict of either, the name"),
        (lambda scene: make_scene(load("w1"), seed="1"), "seed: expected a whole number from 0 to 4294967295, got '1'"),
        (
            lambda scene: Views(2, [["source"]]),
            "Views: redraw: expected source, noise, psf, lens_light, got ['source']",
        ),
        (lambda scene: Views(2, None), "Views: redraw: expected a set of words"),
        (lambda scene: Views(np.nan), "Views: n: expected a whole number from 1 to 1024, got nan"),
        (lambda scene: draw(load("w1"), [0]), "scene: expected a Scene, from make_scene, got a value of type Config"),
        (lambda scene: draw(scene, [0], 2), "views: expected Views, such as Views(n=2), got 2"),
        (
            lambda scene: render(draw(scene, [0]), scene),
            "scene: expected a Scene, from make_scene, got a value of type",
        ),
        (lambda scene: render(scene, [0]), "systems: expected the Systems that draw returns, got [0]"),
        (lambda scene: render(scene, draw(scene, [0]), noise="no"), "noise: expected True, False, or None for"),
        (lambda scene: render(scene, draw(scene, [0]), exact_halos=1), "exact_halos: expected True or False, got 1"),
        (lambda scene: labels(scene), "systems: expected the Systems that draw returns, got a value of type Scene"),
        (lambda scene: LensStream(7, 4), "config: expected a Config or its simulate"),
        (lambda scene: LensStream(scene, 4, seed=2), "seed: the scene was made with the seed 1, got 2"),
        (lambda scene: LensStream(scene, 4, views=2), "views: expected Views"),
        (lambda scene: LensStream(scene, 4, derived="yes"), "derived: expected True or False, got 'yes'"),
        (
            lambda scene: LensStream(scene, 4, start=2**63),
            "start: expected a whole number from 0 to 9223372036854775807",
        ),
        (
            lambda scene: LensStream(scene, 4, device="cdua"),
            "device: expected cpu, cuda or cuda:N, or another of torch",
        ),
        (lambda scene: LensStream(scene, 4, device=None), "device: expected cpu"),
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
    assert "\n" not in str(caught.value)


def test_views_take_any_set_of_words():
    assert Views(2, ["noise", "source"]) == Views(2, frozenset({"source", "noise"})) == Views(2)
    assert hash(Views(2, {"psf"})) == hash(Views(2, ("psf",)))
