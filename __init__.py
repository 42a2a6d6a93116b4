"""LenStream: strong lenses simulated on the fly and streamed into self-supervised training."""

import importlib

_PUBLIC = {
    "LensStream": "simulate.stream",
    "Views": "simulate.systems.draw",
    "draw": "simulate.selection",
    "labels": "simulate.labels",
    "load_config": "configs.load",
    "make_scene": "simulate.systems.scene",
    "render": "simulate.render",
    "to_lenstronomy": "simulate.bridge",
}
__all__ = list(_PUBLIC)


def __getattr__(name):
    """Public names are imported when they are first used, so that `import lenstream` costs nothing."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lenstream' has no attribute {name!r}")
    module = importlib.import_module(f".{_PUBLIC[name]}", __name__)
    return getattr(module, "load" if name == "load_config" else name)
