"""A run's first figure: two different views of one lens each, with that lens's own values."""

import numpy as np

from lenstream.configs.load import load
from lenstream.evaluate.show import figures, pairs
from lenstream.simulate.labels import labels
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views, view_of
from lenstream.simulate.systems.scene import make_scene


def test_pairs_are_the_two_views_of_the_first_lenses(tmp_path, monkeypatch):
    config, given = load("tiny"), []
    monkeypatch.setattr(figures, "pairs", lambda *args: given.append(args))
    scene = make_scene(config.simulate, config.seed)
    pairs.draw_pairs(scene, tmp_path / "pairs.png")
    ((images, values, path),) = given
    assert path == tmp_path / "pairs.png" and len(images) == pairs.SHOWN
    systems = draw(scene, np.arange(pairs.SHOWN), Views(2))
    np.testing.assert_array_equal(images[:, 0], render(scene, view_of(systems, 0))[:, 0])
    clean = [render(scene, view_of(systems, v), noise=False)[:, 0] for v in (0, 1)]
    for v in (0, 1):  # each image is that of its view with noise
        off = [((images[:, v] - other) ** 2).mean((1, 2)) for other in clean]
        assert (off[v] < off[1 - v]).all()
    np.testing.assert_array_equal(values["theta_E"], labels(systems)["theta_E"])
    assert all(v.shape == (pairs.SHOWN,) for v in values.values())
