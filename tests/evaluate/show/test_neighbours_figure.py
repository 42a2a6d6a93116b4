"""The figure of neighbours: each image with those that are like it, nearest first, with their own names and labels."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from lenstream.evaluate.show import neighbours_figure
from lenstream.evaluate.show.figures import stretch
from lenstream.evaluate.show.themes import dark_twin
from lenstream.evaluate.similar import NearestImages, SearchedSet


def searched(name, n, seed, **labels):
    images = np.random.default_rng(seed).normal(size=(n, 2, 8, 8)).astype(np.float32)
    return SearchedSet(name, [f"{name}{k}" for k in range(n)], images, None, labels)


def drawn(path, monkeypatch, found, *sets):
    """The figure of two images, and what it is of: image and words below it of each panel, its title."""
    figs, saved = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda fig, *a, **k: (figs.append(fig), saved(fig, *a, **k)))
    thumbnails = {(k, i): image.sum(0) for k, of in enumerate(sets) for i, image in enumerate(of.images)}
    queries = searched("q$", 2, 9)
    neighbours_figure.draw(queries, sets, found, thumbnails, path)
    panels = [ax for ax in figs[0].findobj(Axes) if ax.images]
    return queries, [(np.asarray(ax.images[0].get_array()), ax.get_xlabel(), ax.get_title()) for ax in panels]


def test_neighbours_stand_beside_their_image_nearest_first(tmp_path, monkeypatch):
    sets = searched("test", 4, 0, theta_E=np.array([0.5, 1.0, 1.5, np.nan])), searched("mine", 2, 1)
    found = [
        NearestImages(1, 0.5, [(0, 2), (1, 0), (0, 3)], np.array([0.9, 0.25, -0.5])),
        NearestImages(0, 0.5, [(1, 1)], np.array([0.125])),
    ]
    queries, panels = drawn(tmp_path / "x.png", monkeypatch, found, *sets)
    expected = [
        (queries.images[1], ["q\\$1"], ""),
        (sets[0].images[2], ["test2", "in test", "1.5"], "0.900"),
        (sets[1].images[0], ["mine0", "in mine"], "0.250"),
        (sets[0].images[3], ["test3", "in test"], "\N{MINUS SIGN}0.500"),
        (queries.images[0], ["q\\$0"], ""),
        (sets[1].images[1], ["mine1", "in mine"], "0.125"),
    ]
    assert len(panels) == len(expected)
    for (image, words, title), (source, lines, cosine) in zip(panels, expected, strict=True):
        np.testing.assert_allclose(image, stretch(source.sum(0)), rtol=1e-5)
        assert len(words.splitlines()) == len(lines) and title == cosine
        assert all(part in line for part, line in zip(lines, words.splitlines(), strict=True)), words
    for path in (tmp_path / "x.png", dark_twin(tmp_path / "x.png")):
        assert np.asarray(Image.open(path).convert("L")).std() > 3


def test_few_of_many_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(neighbours_figure, "SHOWN", 1)
    monkeypatch.setattr(neighbours_figure, "COLUMNS", 2)
    found = [NearestImages(k, 0.5, [(0, 0), (0, 1), (0, 2)], np.array([0.9, 0.8, 0.7])) for k in range(2)]
    _, panels = drawn(tmp_path / "x.png", monkeypatch, found, searched("test", 3, 0))
    assert [words.splitlines()[0] for _, words, _ in panels] == ["q\\$0", "test0", "test1"]
