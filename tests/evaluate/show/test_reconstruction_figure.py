"""The figure of reconstructions: rows of lenses and of noise for each encoder, light and dark."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from lenstream.evaluate.reconstruction import ARRAYS
from lenstream.evaluate.show import figures
from lenstream.evaluate.show.reconstruction_figure import reconstruction_figure
from lenstream.evaluate.show.themes import dark_twin


def arrays(n, bands):
    rng = np.random.default_rng(0)
    shown = {key: rng.normal(size=(n, bands, 16, 16)).astype(np.float32) for key in ARRAYS}
    return shown | {key: rng.random((n, 1, 16, 16)) < 0.5 for key in ("masked", "noise_masked")}


@pytest.mark.parametrize(("n", "bands", "encoders"), [(1, 1, 1), (3, 3, 2)])
def test_it_is_drawn_for_any_number_of_lenses_bands_and_encoders(tmp_path, n, bands, encoders):
    reconstruction_figure({f"mae{k}": arrays(n, bands) for k in range(encoders)}, tmp_path / "x.png")
    for path in (tmp_path / "x.png", dark_twin(tmp_path / "x.png")):
        image = Image.open(path)
        assert np.asarray(image.convert("L")).std() > 3 and max(image.size) < 4000


def test_each_panel_shows_what_stands_above_it(tmp_path, monkeypatch):
    """Two lenses and one image of noise: input, what is seen of it, output, both together, and the residual."""
    drawn, shown = [], arrays(3, 2)
    monkeypatch.setattr(Figure, "savefig", lambda fig, *a, **k: drawn.append(fig))
    monkeypatch.setattr(figures, "save_dark", lambda *a: None)
    reconstruction_figure({"mae": shown}, tmp_path / "x.png")
    panels = [ax.images[0].get_array() for ax in drawn[0].findobj(Axes) if ax.images and ax.get_label() != "<colorbar>"]
    rows = [("", 0), ("", 1), ("noise_", 0)]
    assert len(panels) == 5 * len(rows)
    for (prefix, k), row in zip(rows, np.split(np.array([p.filled(np.nan) for p in panels]), len(rows)), strict=True):
        image, masked, predicted = (shown[f"{prefix}{key}"][k] for key in ("images", "masked", "predicted"))
        mean, hidden = image.mean(0), masked[0]
        np.testing.assert_allclose(row[0], mean, rtol=1e-5)
        np.testing.assert_allclose(row[1], np.where(hidden, np.nan, mean), rtol=1e-5)
        np.testing.assert_allclose(row[2], predicted.mean(0), rtol=1e-5)
        np.testing.assert_allclose(row[3], np.where(hidden, predicted.mean(0), mean), rtol=1e-5)
        np.testing.assert_allclose(row[4], predicted.mean(0) - mean, atol=1e-6)
