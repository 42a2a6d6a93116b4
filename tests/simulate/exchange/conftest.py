"""The readers of COOLEST that are not ours."""

import pytest

from .coolest_images import coolest_images


@pytest.fixture
def by_lenstronomy(monkeypatch):
    """A function: the terms that lenstronomy's own interface reads from a COOLEST file."""
    pytest.importorskip("coolest")
    from lenstronomy.Util.coolest_interface import create_lenstronomy_from_coolest

    def read(path):
        monkeypatch.chdir(path.parent)  # it looks for images in the current folder
        found = create_lenstronomy_from_coolest(str(path.with_suffix("")))
        return found | found["kwargs_result"]

    return read


@pytest.fixture
def by_coolest():
    """A function: the images of a file's lensed source and of its lens's light, by the coolest package."""
    return coolest_images
