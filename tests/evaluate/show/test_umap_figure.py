"""The map of features: deterministic, the same with other images in it, which lie where they belong and are named."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from lenstream.evaluate.show import umap_figure
from lenstream.evaluate.show.umap_figure import Overlaid

from .test_figures import check, texts


@pytest.fixture
def drawn(monkeypatch):
    """A list that gets every Figure that is written."""
    written, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda fig, *args, **more: (written.append(fig), save(fig, *args, **more)))
    return written


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_umap(rng, tmp_path):
    """The one test that pays for the import of umap-learn: deterministic, two columns, a constant feature allowed."""
    features = rng.normal(size=(40, 5))
    features[:, 0] = 3.0
    points = umap_figure.umap_points(features, seed=1)
    assert points.shape == (40, 2) and points.dtype == np.float32 and np.isfinite(points).all()
    np.testing.assert_array_equal(points, umap_figure.umap_points(features, seed=1))
    umap_figure.umap(
        {"lensiam": points, "b": points}, {"theta_E": features[:, 1], "e1": features[:, 2]}, tmp_path / "a.png"
    )
    check(tmp_path / "a.png")


def test_umap_colours_have_symbol_and_unit(rng, tmp_path, drawn):
    umap_figure.umap(
        {"a": rng.normal(size=(30, 2))}, {"alpha_Rs": rng.random(30), "e1_1": rng.random(30)}, tmp_path / "a.png"
    )
    words = texts(drawn[0])
    assert r"$\alpha_{R_s}$ [arcsec]" in words and "$e_{1,1}$" in words


def overlaid(name, points, encoders=("a",)):
    n = len(points)
    features = dict.fromkeys(encoders, np.zeros((n, 2)))
    return Overlaid(
        name, [f"{k}" for k in range(n)], np.zeros((n, 8, 8)), features, {}, dict.fromkeys(encoders, points)
    )


def test_other_images_come_to_lie_among_those_that_they_are_like(rng):
    centres = np.repeat([[0.0] * 5, [8.0] * 5], 40, axis=0)
    features = centres + rng.normal(size=(80, 5))
    near_first, near_second = rng.normal(size=(6, 5)), 8 + rng.normal(size=(3, 5))
    points, there = umap_figure.placed(features, {"first": near_first, "second": near_second}, seed=1)
    np.testing.assert_array_equal(points, umap_figure.umap_points(features, seed=1))  # they do not move the map
    middle = points[:40].mean(0), points[40:].mean(0)
    for name, own, other in (("first", *middle), ("second", *middle[::-1])):
        assert (np.linalg.norm(there[name] - own, axis=1) < np.linalg.norm(there[name] - other, axis=1)).all()
    _, alone = umap_figure.placed(features, {"second": near_second}, seed=1)
    np.testing.assert_array_equal(alone["second"], there["second"])
    assert there["first"].dtype == np.float32 and there["first"].shape == (6, 2)


def test_every_set_has_a_mark_of_its_own_and_its_name_in_the_legend(rng, tmp_path, drawn):
    sets = [overlaid("mine$x$", rng.normal(size=(3, 2))), overlaid("a" * 60, rng.normal(size=(1200, 2)))]
    umap_figure.umap({"a": rng.normal(size=(30, 2))}, {"e1": rng.random(30)}, tmp_path / "a.png", sets)
    check(tmp_path / "a.png")
    assert [t.get_text() for t in drawn[0].legends[0].get_texts()] == [r"mine\$x\$ (3)", f"{'a' * 31}… (1,200)"]
    lenses, *others = drawn[0].axes[0].collections
    assert [len(points.get_offsets()) for points in others] == [3, 1200] and len(lenses.get_offsets()) == 30
    assert not np.array_equal(others[0].get_paths()[0].vertices, others[1].get_paths()[0].vertices)
    marks = umap_figure.styles(20)
    assert len({(mark.marker, mark.colour) for mark in marks}) == 20


def test_classes_are_named_at_their_colours(rng, tmp_path, drawn):
    number = rng.integers(0, 3, 30)
    names = {"class": ["no_sub", "cdm", "ax$ion"]}
    umap_figure.umap({"a": rng.normal(size=(30, 2))}, {"class": number}, tmp_path / "a.png", (), names)
    words = texts(drawn[0])
    assert {"no_sub", "cdm", r"ax\$ion"} <= set(words)
    colours = drawn[0].axes[0].collections[0].get_facecolor()
    assert len({tuple(colour) for colour in colours}) == 3
