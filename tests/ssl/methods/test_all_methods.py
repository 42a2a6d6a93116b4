"""The list of methods: it has what a config may ask for, each with the module that does it."""

import re
from pathlib import Path
from typing import get_args

import pytest
import torch

from lenstream.configs.methods import AnyEncoder
from lenstream.simulate.labels import moments
from lenstream.ssl.methods.all_methods import METHODS, names
from lenstream.ssl.methods.base import Draws, Method, Step
from lenstream.ssl.normalize import binned
from lenstream.ssl.untrained import make_method

from ..tiny import scene_of, tiny

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "training.md"
SECTIONS = get_args(get_args(AnyEncoder)[0])


def test_the_list_and_the_schema_name_the_same_methods():
    assert set(METHODS) == set(SECTIONS)
    assert len(names()) == len(set(names()))
    assert {"simsiam", "lensiam", "rotation", "noise", "mae", "supervised"} <= set(names())


@pytest.mark.parametrize("name", names())
def test_every_method_is_made_from_its_settings(name):
    config = tiny(name)
    scene = scene_of(config)
    method = make_method(config, "tiny", scene)
    assert isinstance(method, Method)
    assert type(method) is METHODS[type(config.pretrain.encoders["tiny"])]
    assert method.needs_labels == (name == "supervised")
    if method.needs_labels:
        mean, _ = moments(scene, config.evaluate.targets)
        assert method.mean.tolist() == pytest.approx(list(mean))


@pytest.mark.parametrize("name", ["simsiam", "byol", "dino", "ibot", "mae"])
def test_binned_views_are_those_of_fewer_pixels(name):
    """Patches, masks and targets are counted on the pixels that the backbone sees."""
    config = tiny(name, "pretrain.backbone.bin=2", "simulate.image.num_pix=64")
    if own := config.pretrain.encoders["tiny"].backbone:  # a ViT, whose img_size 32 counts those pixels, too
        config = tiny(name, "simulate.image.num_pix=64", backbone=own.model_dump() | {"bin": 2})
    torch.manual_seed(0)
    method = make_method(config, "tiny", scene_of(config))
    views = [torch.randn(8, 1, 64, 64) for _ in range(2)] + [torch.randn(8, 1, 32, 32)] * 2 * (name == "dino")
    fine, _ = method(views, Step(0, 0.0, Draws(0, 8)))
    method = make_method(config, "tiny", scene_of(config))
    method.network.normalize.bin = 1
    if name in ("dino", "ibot", "byol"):
        method.teacher.network.normalize.bin = 1
    coarse, _ = method([binned(view, 2) for view in views], Step(0, 0.0, Draws(0, 8)))
    torch.testing.assert_close(fine, coarse)


def test_the_guide_has_a_row_for_every_method():
    rows = re.findall(r"^\| ([a-z, ]+) \|", GUIDE.read_text(), re.MULTILINE)
    assert set(names()) <= {name for row in rows for name in row.split(", ")}
