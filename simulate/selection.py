"""Drawing systems that pass the cuts of a selection: others are drawn again, as a pure function of their index.

Attempt 0, 1, 2, ... of an index are other draws of the same streams of numbers; the first that passes is the system. A
view for which anything is drawn anew goes through attempts of its own, behind the lens that view 0 has settled.
"""

import numpy as np
from numpy.typing import ArrayLike

from ..errors import LenStreamError
from . import arcs
from .core.arguments import of_type, system_indices
from .render import render_all
from .systems.draw import Systems, Views, draw_systems, view_of
from .systems.scene import Scene


class SelectionError(LenStreamError):
    """A selection refuses a system again and again."""


def draw(scene: Scene, indices: ArrayLike, views: Views | None = None) -> Systems:
    """The parameters of the systems `indices` (integers, shape (n,)) as `Systems`: a pure function of each index.

    views: how many images of each, and what differs between them; None is one image.

    Raises: SelectionError if the scene's selection refuses a system `max_attempts` times; ArgumentError for indices
    that are not whole, or negative.
    """
    views = Views() if views is None else views
    of_type("scene", scene, Scene, "a Scene, from make_scene")
    of_type("views", views, Views, "Views, such as Views(n=2)")
    indices = system_indices(indices)
    # A scene of some bands has the systems that pass in all of them
    attempts = 0 if scene.config.selection is None else find_attempts(scene.whole or scene, indices, views)
    return draw_systems(scene, indices, views, attempts)


def find_attempts(scene, indices, views):
    """The first attempt of every view at which it passes the cuts of the scene's selection, int64 (n, v).

    Raises: SelectionError if there is none among the first `max_attempts`.
    """
    attempts = np.zeros((len(indices), views.n), np.int64)
    for view in range(views.n):
        if view > 0 and {"source", "lens_light", "psf"}.isdisjoint(views.redraw):
            attempts[:, view] = attempts[:, 0]  # it is the same image
        else:
            _find_attempts_of_last(scene, indices, Views(view + 1, views.redraw), attempts[:, : view + 1])
    return attempts


def _find_attempts_of_last(scene, indices, views, attempts):
    """Fill the last column of attempts (n, v), where those of the views before are found."""
    pending = np.arange(len(indices))
    for attempt in range(scene.config.selection.max_attempts):
        attempts[pending, -1] = attempt
        systems = draw_systems(scene, indices[pending], views, attempts[pending])
        pending = pending[~_passes(scene, view_of(systems, views.n - 1))]
        if not len(pending):
            return
    _give_up(scene, indices, pending)


def _passes(scene, systems):
    """Which systems of one view pass all cuts, bool (n,); those that are no lenses are not cut."""
    passed = ~arcs.is_lens(scene, systems)
    if passed.all():
        return passed
    values, cuts = quantities(scene, systems), scene.config.selection
    good = np.ones(len(passed), bool)
    for name, value in values.items():
        least = getattr(cuts, f"{name}_min")
        if least is not None:
            good &= value[:, 0] >= least
    return passed | good


def _give_up(scene, indices, pending):
    cuts = scene.config.selection
    asked = ", ".join(f"{n} {v:g}" for n, v in cuts if n.endswith("_min") and v is not None)
    raise SelectionError(
        f"simulate.selection: system {indices[pending[0]]} missed the cuts ({asked}) {cuts.max_attempts} times, and "
        f"{1 - len(pending) / len(indices):.0%} of the {len(indices)} systems of its batch passed in as many draws: "
        "loosen the cuts, make lenses and sources brighter, or raise max_attempts"
    )


def quantities(scene, systems):
    """What selections cut on, of every image: dict of float64 (n, v).

    arc_snr, magnification, and image_separation [arcsec], the last only if the scene's selection cuts on it; NaN where
    a system has no source or no deflector.
    """
    measured = render_all(scene, systems, noise=False, arcs=True).arcs
    out = {
        "arc_snr": arcs.arc_snr(scene, systems, measured),
        "magnification": arcs.magnification(scene, systems, measured),
    }
    cuts = scene.config.selection
    if cuts is not None and cuts.image_separation_min is not None:
        out["image_separation"] = arcs.image_separation(scene, systems)
    return out


def acceptance(systems):
    """The fraction of drawn systems that a selection kept (of view 0)."""
    return len(systems.attempt) / float((systems.attempt[:, 0] + 1).sum())
