"""LenStream: strong lenses simulated on the fly and streamed into self-supervised training."""

import importlib
from typing import TYPE_CHECKING, Any

from .openmp import wait_briefly

if TYPE_CHECKING:
    from .configs.load import load as load_config
    from .simulate.bridge import to_lenstronomy
    from .simulate.labels import labels
    from .simulate.render import render
    from .simulate.selection import draw
    from .simulate.stream import LensStream
    from .simulate.systems.draw import Views
    from .simulate.systems.scene import make_scene

wait_briefly()  # before anything imports torch

__all__ = [
    "LensStream",
    "Views",
    "draw",
    "labels",
    "load_config",
    "make_scene",
    "render",
    "to_lenstronomy",
]
_HOMES = {
    "LensStream": "simulate.stream",
    "Views": "simulate.systems.draw",
    "draw": "simulate.selection",
    "labels": "simulate.labels",
    "load_config": "configs.load",
    "make_scene": "simulate.systems.scene",
    "render": "simulate.render",
    "to_lenstronomy": "simulate.bridge",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used, so that `import lenstream` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lenstream' has no attribute {name!r}")
    if name == "LensStream":
        from .extras import need

        need("train", "lenstream.LensStream")
    module = importlib.import_module(f".{_HOMES[name]}", __name__)
    return getattr(module, "load" if name == "load_config" else name)
