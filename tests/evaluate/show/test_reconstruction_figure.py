"""The figure of reconstructions: rows of lenses and of noise for each encoder, light and dark."""

import numpy as np
import pytest
from PIL import Image

from lenstream.evaluate.reconstruction import ARRAYS
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
