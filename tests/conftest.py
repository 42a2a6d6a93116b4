"""What tests of several rooms share."""

import sys
from pathlib import Path

import pytest
from hypothesis import settings

from lenstream.configs.load import load
from lenstream.errors import ConfigError

settings.register_profile("no clock", deadline=None)  # a busy machine is no failure
settings.load_profile("no clock")

# Files of minutes, which begin first: last, they would have one process at work and the other waiting.
LONGEST = ("test_run_pipeline.py", "simulate/gpu/test_simulated.py", "ssl/test_distributed.py", "test_extending.py")


def pytest_collection_modifyitems(items):
    """Put the tests of the longest files first; all others stay in their order."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


@pytest.fixture(scope="session")
def tiny_config():
    return load("tiny")


@pytest.fixture
def run_folder(tmp_path):
    """The folder of a run of `tiny_config`, which is not there yet."""
    from lenstream.runs import RunFolder

    return RunFolder(tmp_path / "runs" / "tiny")


@pytest.fixture
def problems():
    """A function: the sentences with which a recipe is refused for its overrides."""

    def found(*overrides, recipe="demo"):
        with pytest.raises(ConfigError) as caught:
            load(recipe, overrides)
        return caught.value.problems

    return found


@pytest.fixture
def another_lenstronomy(tmp_path, monkeypatch):
    """A function that puts other numbers in the place of the installed lenstronomy's.

    It takes the name of a telescope and pairs of texts, old and new, in the file that describes it; without pairs, this
    lenstronomy does not know the telescope. All others are gone.
    """

    def install(telescope, *changes):
        from lenstronomy.SimulationAPI import ObservationConfig

        text = (Path(ObservationConfig.__path__[0]) / f"{telescope}.py").read_text()
        folder = tmp_path / f"lenstronomy{len(list(tmp_path.glob('lenstronomy*')))}"
        folder.mkdir()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        if changes:
            (folder / f"{telescope}.py").write_text(text)
        monkeypatch.setattr(ObservationConfig, "__path__", [str(folder)])
        for name in [n for n in sys.modules if n.startswith(f"{ObservationConfig.__name__}.")]:
            monkeypatch.delitem(sys.modules, name)

    return install
