"""LenStream: strong lenses simulated on the fly and streamed into self-supervised training."""

import importlib
from typing import TYPE_CHECKING, Any

from .openmp import wait_briefly

if TYPE_CHECKING:
    from .configs.load import load as load_config
    from .loading import load_encoder
    from .simulate.bridge import to_lenstronomy
    from .simulate.dataset import LensDataset
    from .simulate.exchange.coolest_bridge import to_coolest
    from .simulate.exchange.coolest_terms import from_coolest
    from .simulate.label_table import label_table
    from .simulate.labels import labels
    from .simulate.render import render
    from .simulate.selection import draw
    from .simulate.stream import LensStream
    from .simulate.systems.draw import Views
    from .simulate.systems.scene import make_scene

wait_briefly()  # before anything imports torch

__version__: str
__all__ = [
    "LensDataset",
    "LensStream",
    "Views",
    "draw",
    "from_coolest",
    "label_table",
    "labels",
    "load_config",
    "load_encoder",
    "make_scene",
    "render",
    "to_coolest",
    "to_lenstronomy",
]
_HOMES = {
    "LensDataset": "simulate.dataset",
    "LensStream": "simulate.stream",
    "Views": "simulate.systems.draw",
    "draw": "simulate.selection",
    "from_coolest": "simulate.exchange.coolest_terms",
    "label_table": "simulate.label_table",
    "labels": "simulate.labels",
    "load_config": "configs.load",
    "load_encoder": "loading",
    "make_scene": "simulate.systems.scene",
    "render": "simulate.render",
    "to_coolest": "simulate.exchange.coolest_bridge",
    "to_lenstronomy": "simulate.bridge",
}
_NEED_TRAINING = ("LensDataset", "LensStream", "load_encoder")  # names that the simulator alone does not have
del __all__  # it is for type checkers; which names there are is found out when somebody asks


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used, so that `import lenstream` costs nothing."""
    if name == "__all__":
        return [name for name in _HOMES if name not in _NEED_TRAINING or _can_train()]
    if name == "__version__":
        return _version()
    if name not in _HOMES:
        from .errors import nearest

        hint = nearest(name, _HOMES)
        raise AttributeError(f"module 'lenstream' has no attribute {name!r}{'.' if hint else ''}{hint}")
    if name in _NEED_TRAINING:
        from .extras import need

        need("train", f"lenstream.{name}")
    module = importlib.import_module(f".{_HOMES[name]}", __name__)
    return getattr(module, "load" if name == "load_config" else name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__"), "__all__", "__version__"})


def _can_train() -> bool:
    from .extras import MissingExtra, need

    try:
        need("train", "lenstream")
    except MissingExtra:
        return False
    return True


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lenstream")
    except PackageNotFoundError:  # a checkout that is on Python's path, and not installed
        return "unknown"
