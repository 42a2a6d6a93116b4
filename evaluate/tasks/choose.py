"""Which task a config asks for."""

from .classification import make_classification
from .regression import make_regression
from .super_resolution import make_super_resolution

_MAKERS = {
    "regression": make_regression,
    "classification": make_classification,
    "super_resolution": make_super_resolution,
}  # value of the key evaluate.task -> its maker


def make_task(config, scene):
    """The `task.Task` by which a config judges encoders. Args: scene: of its simulation, or None without one."""
    return _MAKERS[config.evaluate.task](config, scene)
