"""Many images are read as they are, and a long reading moves a bar."""

import numpy as np
import pytest
import torch

from lenstream.evaluate.tasks import reading


class Numbered:
    """A set whose image at a place has the place in every pixel."""

    bands, num_pix = 2, 3

    def read_all(self, places):
        return np.stack([np.full((2, 3, 3), place, dtype=np.float32) for place in places])


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 200])
def test_images_come_in_the_order_of_their_places(n):
    places = np.random.default_rng(0).permutation(300)[:n]
    images = reading.read_many(Numbered(), places)
    assert images.shape == (n, 2, 3, 3) and images.dtype == torch.float32
    assert images[:, 1, 2, 0].tolist() == places.tolist()


def test_a_bar_moves_where_there_are_many(capfd, monkeypatch):
    monkeypatch.setattr(reading, "MANY", 200)
    reading.read_many(Numbered(), np.arange(199))
    assert capfd.readouterr().err == ""
    reading.read_many(Numbered(), np.arange(200))
    said = capfd.readouterr().err.splitlines()
    assert said[0] == "reading images: 64/200" and said[-1] == "reading images: 200/200"
