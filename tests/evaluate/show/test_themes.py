"""Figures on dark paper: every colour can be seen, and colours that mean something stay."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from PIL import Image

from lenstream.evaluate.show import figures, themes


def test_contrast_is_that_of_wcag():
    assert themes.contrast("black", "white") == pytest.approx(21)
    assert themes.contrast("#777777", "white") == pytest.approx(4.48, abs=0.01)
    assert themes.contrast("#0000ff", "white") == themes.contrast("white", "#0000ff") == pytest.approx(8.59, abs=0.01)


@pytest.mark.parametrize("colour", [*figures.COLOURS.values(), *figures.OTHER_COLOURS, figures.LIMIT_COLOUR])
def test_colours_of_encoders_can_be_read_as_words_on_either_paper(colour):
    assert themes.contrast(colour, "white") >= 4.5
    assert themes.contrast(themes.on_dark(colour), themes.PAPER) >= 4.5


def test_encoders_are_told_apart_on_dark_paper():
    dark = np.array([themes.on_dark(c)[:3] for c in figures.COLOURS.values()])
    far = np.abs(dark[:, None] - dark[None]).sum(-1) + 9 * np.eye(len(dark))
    assert far.min() > 0.25


def test_greys_change_places_and_transparency_stays():
    assert themes.on_dark("white") == pytest.approx(to_rgba(themes.PAPER))
    assert themes.on_dark("black") == pytest.approx(to_rgba(themes.INK))
    assert themes.on_dark((0, 0, 0, 0.3))[3] == 0.3


@pytest.fixture
def fig():
    figure = Figure((2, 2), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def test_all_that_is_drawn_is_drawn_on_dark_paper(fig, tmp_path):
    ax = fig.subplots()
    (line,) = ax.plot([0, 1], [0, 1], "o-", color="#222222", markerfacecolor="white")
    dots = ax.scatter([0, 1], [1, 0], c=[0.0, 1.0], cmap="viridis")
    label = ax.text(0, 0, "doubtful", color="white", backgroundcolor="#c2410c")
    title = ax.set_title("title")
    colours = dots.to_rgba([0.0, 1.0])
    themes.save_dark(fig, tmp_path / "a.png", 50)
    assert themes.contrast(line.get_color(), themes.PAPER) > 4.5
    assert line.get_markerfacecolor() == pytest.approx(to_rgba(themes.PAPER))
    assert themes.contrast(title.get_color(), themes.PAPER) > 10
    assert label.get_color() == "white"  # on its own, coloured label
    np.testing.assert_array_equal(dots.to_rgba([0.0, 1.0]), colours)
    picture = np.asarray(Image.open(tmp_path / "a_dark.png").convert("RGB"))
    np.testing.assert_allclose(picture[0, 0] / 255, to_rgba(themes.PAPER)[:3], atol=0.01)
    assert (picture.min(-1) > 230).mean() < 0.1  # nothing is left on white


def test_every_figure_of_a_report_has_a_twin(tmp_path):
    figures.pairs(np.ones((1, 2, 8, 8)), {}, tmp_path / "pairs.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pairs.png", "pairs_dark.png"]
    assert themes.dark_twin(tmp_path / "pairs.png").exists()
    light, dark = (Image.open(tmp_path / name) for name in ("pairs.png", "pairs_dark.png"))
    assert light.size == dark.size
