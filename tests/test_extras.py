"""What a light installation can do, and what it says of the rest."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lenstream.errors import LenStreamError
from lenstream.extras import FOR_USERS, MODULES, MissingExtra, need

ROOT = Path(__file__).resolve().parents[1]
IMPORT_NAMES = {"scikit-learn": "sklearn", "umap-learn": "umap", "pillow": "PIL", "numba-cuda": "numba_cuda"}
# Of the packages of the training, those that the simulator's own packages do not bring.
HEAVY = ("torch", "torchvision", "timm", "lightly", "lightning", "umap", "safetensors", "tensorboard", "bokeh")
HIDE = f"""
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
"""


def without_training(script, *arguments):
    """What a script does where the packages of `lenstream[train]` cannot be imported."""
    return subprocess.run([sys.executable, "-c", HIDE + script, *arguments], capture_output=True, text=True)


def test_the_extras_are_those_of_the_project():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, modules in MODULES.items():
        names = [re.match(r"[A-Za-z0-9_.-]+", r)[0] for r in extras[extra]]
        brought = {IMPORT_NAMES.get(name, name) for name in names if name != "lenstream"}
        assert brought <= {*modules, *FOR_USERS.get(extra, ())}, extra
        assert set(FOR_USERS.get(extra, ())) <= brought, extra
    assert set(MODULES) | {"all", "docs", "test"} == set(extras)


def test_what_is_installed_is_not_missing():
    need("train", "training")


@pytest.mark.parametrize(("extra", "module"), [(e, m) for e in MODULES for m in MODULES[e]])
def test_what_is_missing_is_named_with_the_command_that_installs_it(extra, module, monkeypatch):
    monkeypatch.setattr("lenstream.extras._is_installed", lambda name: name != module)
    with pytest.raises(MissingExtra) as error:
        need(extra, "This")
    assert str(error.value) == (
        f"This needs lenstream[{extra}], as {module} is not installed: pip install 'lenstream[{extra}]'"
    )
    assert isinstance(error.value, LenStreamError) and isinstance(error.value, ImportError)


def test_a_hidden_package_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match="as torch is not installed"):
        need("train", "This")


def test_the_simulator_needs_none_of_the_training(tmp_path):
    script = """
import numpy as np
import lenstream.evaluate.limit
from lenstream import Views, draw, labels, load_config, make_scene, render, to_lenstronomy
from lenstream.simulate.bridge import lenstronomy_image

scene = make_scene(load_config("w1", ["simulate.image.num_pix=16"]).simulate, seed=1)
systems = draw(scene, np.arange(4), Views(n=2))
assert render(scene, systems).shape == (4, 2, 16, 16)
assert labels(systems)["theta_E"].shape == (4,)
assert to_lenstronomy(scene, systems, i=3)["kwargs_lens"]
assert lenstronomy_image(scene, systems, 0).shape == (16, 16)
"""
    result = without_training(script)
    assert result.returncode == 0, result.stderr


def test_a_preview_needs_none_of_the_training(tmp_path):
    script = "from lenstream.run_pipeline import main; main(sys.argv[1:])"
    picture = tmp_path / "sheet.png"
    size = ["simulate.image.num_pix=16", "simulate.source.0.n_galaxies=20"]
    result = without_training(script, "preview", "demo", *size, "--out", str(picture))
    assert result.returncode == 0, result.stderr
    assert picture.stat().st_size > 10_000


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "tiny"],
        ["run", "demo", "--scale", "tiny"],
        ["predict", "--run", "nowhere", "--images", "nowhere"],
    ],
    ids=" ".join,
)
def test_commands_that_need_the_training_say_so_at_once(arguments, tmp_path):
    script = "import os; os.chdir(sys.argv[1]); from lenstream.run_pipeline import main; main(sys.argv[2:])"
    result = without_training(script, str(tmp_path), *arguments)
    assert result.returncode == 2, result.stderr
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("lenstream: ") and sentence.endswith("pip install 'lenstream[train]'")
    assert "torch" in sentence
    assert not list(tmp_path.iterdir())


def test_the_stream_for_training_says_what_it_needs():
    result = without_training("from lenstream import LensStream")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(
        "lenstream.extras.MissingExtra: lenstream.LensStream needs lenstream[train], as torch is not installed"
    )
