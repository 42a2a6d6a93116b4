"""Labels as a table with units, for FITS, ECSV and CSV files and for pandas: a row for every image."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..configs.quantities import quantity
from .core.arguments import of_type
from .labels import all_labels, labels
from .systems.draw import Systems
from .systems.scene import Scene

if TYPE_CHECKING:
    from astropy.table import QTable

COUNTS = ("class", "n_halos")  # labels that are whole numbers; every system has them


def label_table(scene: Scene, of: Any, derived: bool = True) -> "QTable":
    """The labels of systems as an `astropy.table.QTable` with units, ready for ``write`` to FITS, ECSV and CSV.

    Args:
        scene: that the systems were drawn from; a stream has it as `LensStream.scene`.
        of: `Systems` of `selection.draw`, a `stream.Batch`, or samples of `simulate.archive`.
        derived: of `Systems`, also what `labels.derived_labels` gives, for which they are rendered; a batch has what
            its stream was asked for.

    Returns: a row for every system with the columns index and all labels by name. Systems with several views have a row
        for every image, with the column view, from 0, and the lens's labels again in each. index, view, class and
        n_halos are whole numbers, all else is float64 in the unit of the label (magnitudes, which are AB, in mag), NaN
        where a system lacks it. Every column has its meaning as description. Its `meta`
        has CONFIG, the config's name, SEED, and of each class its name as CLASS0, CLASS1, ... For pandas, ``to_pandas``
        gives a frame. astropy reads NaN from FITS files as masked values.

    Raises: ArgumentError for what has no labels.
    """
    of_type("scene", scene, Scene, "a Scene, from make_scene")
    of_type("derived", derived, bool | np.bool_, "True or False")
    from astropy.table import Column, QTable
    from astropy.units import Quantity, Unit

    indices, values = _indices_and_labels(scene, of, derived)
    views = max((value.shape[1] for value in values.values() if value.ndim == 2), default=1)
    columns: dict[str, Any] = {"index": np.repeat(indices, views)}
    if views > 1:
        columns["view"] = np.tile(np.arange(views), len(indices))
    for name, value in values.items():
        column = value.ravel() if value.ndim == 2 else np.repeat(value, views)
        known = quantity(name)
        if known.unit:
            unit = Unit(known.unit)  # FITS has magnitudes, but none that say they are AB
            columns[name] = Quantity(column.astype(float), getattr(unit, "function_unit", unit))
        else:
            columns[name] = Column(np.rint(column).astype(np.int64) if name in COUNTS else column.astype(float))
        columns[name].info.description = known.meaning
    return QTable(columns, meta=_meta(scene))


def _indices_and_labels(scene, of, derived):
    """Integers (n,), and the labels of these systems: dict of arrays (n,) or (n, v)."""
    if isinstance(of, Systems):
        indices = of.indices
        values = all_labels(scene, of) if derived else labels(of) | {"class": of.class_number}
    else:  # a Batch, which this does not import as torch comes with it, or what a dataset stores
        of_type("of", getattr(of, "labels", None), dict, "the Systems that draw returns, or a Batch of a stream")
        indices = _array(of.indices)
        values = {name: _array(value) for name, value in of.labels.items()}
    return (indices if np.any(indices > np.iinfo(np.int64).max) else indices.astype(np.int64)), values


def _array(value):
    """A tensor, of any device, or an array as an array."""
    return value.cpu().numpy() if hasattr(value, "cpu") else np.asarray(value)


def _meta(scene):
    """Where the systems are from, under names that FITS takes as keywords."""
    names = {f"CLASS{number}": name for number, name in enumerate(scene.config.classes)}
    return {"CONFIG": scene.name, "SEED": scene.seed} | names
