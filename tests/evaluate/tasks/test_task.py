"""Labelled data of a task: as asked for, and never shared between splits and seeds."""

import numpy as np
import torch

from lenstream.configs.load import load
from lenstream.evaluate.tasks.task import labelled_systems
from lenstream.simulate.labels import labels
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene


def test_labelled_systems_of_splits_and_seeds_never_meet():
    config = load("tiny")
    scene = make_scene(config.simulate, 3)
    sets = [
        labelled_systems(scene, ["theta_E", "e1"], split, 50, skip=skip)
        for split, skip in (("labelled", 0), ("labelled", 50), ("test", 0))
    ]
    indices = np.concatenate([s.indices for s in sets])
    assert len(np.unique(indices)) == 150
    assert indices.min() >= 1 << 40  # far above where training streams begin
    for found in sets:
        assert found.images.shape == (50, 1, 32, 32)
        known = labels(draw(scene, found.indices, Views()))
        assert list(found.true) == ["theta_E", "e1"]
        for target, values in found.true.items():
            assert values.dtype == torch.float32
            np.testing.assert_allclose(values.numpy(), known[target], rtol=1e-6)


def test_the_first_of_them():
    config = load("tiny")
    found = labelled_systems(make_scene(config.simulate, 3), ["gamma"], "test", 9)
    few = found.first(4)
    assert torch.equal(few.images, found.images[:4]) and torch.equal(few.true["gamma"], found.true["gamma"][:4])
    np.testing.assert_array_equal(few.indices, found.indices[:4])
