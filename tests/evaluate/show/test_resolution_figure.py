"""The figure of super-resolution: a panel of each image and residual, light and dark, for any number of systems."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from lenstream.evaluate.show.resolution_figure import resolution_figure
from lenstream.evaluate.show.themes import dark_twin


@pytest.mark.parametrize(("n", "bands"), [(1, 1), (6, 3)])
def test_all_panels_are_there(tmp_path, monkeypatch, n, bands):
    rng, drawn, saved = np.random.default_rng(0), [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda fig, *a, **k: (drawn.append(fig), saved(fig, *a, **k)))
    target = rng.random((n, bands, 16, 16))
    images = target.reshape(n, bands, 8, 2, 8, 2).mean((-3, -1))
    predicted = {"bicubic": target + 0.1, "mine, frozen": target + 0.01 * np.ptp(target.sum(1), (1, 2)).min() / bands}
    resolution_figure(images, target, predicted, tmp_path / "x.png")
    words = [text.get_text() for text in drawn[0].findobj(Text)]
    for title in ("input", "bicubic", "mine,\nfrozen", "target", "bicubic\n\N{MINUS SIGN} target"):
        assert words.count(title) == 1
    assert sum(word.endswith(" dB") for word in words) == 2 * min(n, 4)
    if n == 1:
        assert "40.0 dB" in words  # an error of 1 % of the range
    for path in (tmp_path / "x.png", dark_twin(tmp_path / "x.png")):
        assert np.asarray(Image.open(path).convert("L")).std() > 3
