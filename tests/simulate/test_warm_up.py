"""Compiling ahead: what the first images need is there already."""

import subprocess
import sys

import pytest

CODE = """
import inspect
import numpy as np
from lenstream import Views, draw, labels, load_config, make_scene, render
from lenstream.simulate.cpu import kernel
from lenstream.simulate.labels import all_labels
from lenstream.simulate.warm_up import compile_ahead

compiled = [inspect.getclosurevars(entry).nonlocals["entry"] for entry in (kernel.render, kernel.trace)]
compile_ahead("{what}")
before = [len(entry.signatures) for entry in compiled]
for recipe in ("w1", "tiny"):
    scene = make_scene(load_config(recipe).simulate, 1)
    systems = draw(scene, np.arange(3), Views(2))
    if "{what}" == "labels":
        all_labels(scene, systems)
    else:
        render(scene, systems, dtype="{what}", threads=2)
print(before, [len(entry.signatures) for entry in compiled])
"""


@pytest.mark.parametrize(
    ("what", "expected"), [("float32", "[1, 0] [1, 0]"), ("float64", "[1, 0] [1, 0]"), ("labels", "[1, 1] [1, 1]")]
)
def test_other_scenes_need_nothing_more(what, expected):
    """How many types the renderer and the tracer are compiled for, before and after other scenes are rendered."""
    code = CODE.replace("{what}", what)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == expected
