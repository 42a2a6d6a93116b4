"""Selection: systems that miss a cut are drawn anew, as a pure function of their index.

Attempt 0, 1, 2, ... of an index are other draws of the same Philox streams; the first that passes is the system. A view
whose source is redrawn goes through attempts of its own, behind the lens that view 0 has settled.
"""

from dataclasses import replace

import numpy as np

from ..errors import LenStreamError
from . import lens_equation as derived
from .detector.instrument import counts_per_second
from .render import render_all, tracer
from .systems import substructure
from .systems.scene import Lenses, View, Views, assemble, band_magnitude, draw_lens, draw_view, present


class SelectionError(LenStreamError):
    """A selection refuses a system again and again."""


def draw_selected(scene, indices, views):
    """`scene.draw` for a scene with a selection; raises SelectionError after `max_attempts` refused draws."""
    lens, first = _first_that_pass(scene, indices, views)
    others = []
    for v in range(1, views.n):
        fixed = {"source", "lens_light", "psf"}.isdisjoint(views.redraw)
        others.append(first if fixed else _view_that_passes(scene, lens, views, v, first))
    return assemble(scene, lens, [first, *others], views)


def quantities(scene, systems):
    """What selections cut on, of every image: dict of float64 (n, v).

    arc_snr, magnification, and image_separation [arcsec]; NaN where a system has no source or no deflector.
    """
    n, n_views = len(systems.indices), systems.views.n
    arcs = render_all(scene, systems, noise=False, arcs=True).arcs
    flux = flux_before_lensing(scene, systems)
    with np.errstate(divide="ignore", invalid="ignore"):
        magnification = np.where(flux > 0, arcs[..., 0].sum(2) / flux, np.nan)
    snr = np.sqrt(arcs[..., 1].sum(2))  # bands add in quadrature
    out = {"arc_snr": snr, "magnification": magnification, "image_separation": np.full((n, n_views), np.nan)}
    if scene.config.selection is not None and scene.config.selection.image_separation_min is not None:
        half = 0.5 * scene.config.image.num_pix * scene.instrument.pixel_scale
        for v in range(n_views):
            x, y = (np.nan_to_num(systems.source[0][name][:, v]) for name in ("center_x", "center_y"))
            images = derived.image_positions(tracer(scene, systems), x, y, half)
            out["image_separation"][:, v] = derived.image_separation(images)
    for values in out.values():
        values[~_is_lens(scene, systems.kind)] = np.nan
    return out


def flux_before_lensing(scene, systems):
    """Total flux of the source before lensing, over all bands [counts/s], float64 (n, v); 0 without a source."""
    total = np.zeros((len(systems.indices), systems.views.n))
    for component, values in zip(scene.config.source, systems.source, strict=True):
        for b, tool in enumerate(scene.bands.values()):
            magnitude = band_magnitude(scene, component, values, b)
            total += np.nan_to_num(counts_per_second(magnitude, tool.magnitude_zero_point))
    return total


def _is_lens(scene, kind):
    """Which systems have a deflector and a source; the others are not selected."""
    config = scene.config
    mass = np.any([present(scene, c, kind) for c in config.lens_mass], axis=0)
    return mass & np.any([present(scene, c, kind) for c in config.source], axis=0)


def _passes(scene, lens, view):
    """Which systems pass all cuts, bool (n,)."""
    cuts = scene.config.selection
    passed = ~_is_lens(scene, lens.kind)
    if passed.all():
        return passed
    systems = assemble(scene, lens, [view], Views())
    values = quantities(scene, systems)
    good = np.ones(len(passed), bool)
    for name in ("arc_snr", "magnification", "image_separation"):
        least = getattr(cuts, f"{name}_min")
        if least is not None:
            good &= values[name][:, 0] >= least
    return passed | good


def _first_that_pass(scene, indices, views):
    """Lenses with their view 0, each at its first attempt that passes."""
    pending, found = np.arange(len(indices)), []
    for attempt in range(scene.config.selection.max_attempts):
        lens = draw_lens(scene, indices[pending], attempt)
        view = draw_view(scene, lens, views, 0, attempt)
        passed = _passes(scene, lens, view)
        found.append((pending[passed], _take_lenses(lens, passed), _take_view(view, passed)))
        pending = pending[~passed]
        if not len(pending):
            break
    _give_up(scene, indices, pending)
    order = np.argsort(np.concatenate([where for where, _, _ in found]))
    lens = _join_lenses([lens for _, lens, _ in found])
    return _take_lenses(lens, order), _take_view(_join_views([view for _, _, view in found]), order)


def _view_that_passes(scene, lens, views, v, first):
    """A further view of lenses, each at its first attempt that passes."""
    pending, found = np.arange(len(lens.indices)), []
    for attempt in range(scene.config.selection.max_attempts):
        rest = _take_lenses(lens, pending)
        view = draw_view(scene, rest, views, v, attempt, _take_view(first, pending))
        passed = _passes(scene, rest, view)
        found.append((pending[passed], _take_view(view, passed)))
        pending = pending[~passed]
        if not len(pending):
            break
    _give_up(scene, lens.indices, pending)
    order = np.argsort(np.concatenate([where for where, _ in found]))
    return _take_view(_join_views([view for _, view in found]), order)


def _give_up(scene, indices, pending):
    if not len(pending):
        return
    cuts = scene.config.selection
    asked = ", ".join(f"{n} {v:g}" for n, v in cuts if n.endswith("_min") and v is not None)
    raise SelectionError(
        f"simulate.selection: system {indices[pending[0]]} missed the cuts ({asked}) {cuts.max_attempts} times, and "
        f"{1 - len(pending) / len(indices):.0%} of the {len(indices)} systems of its batch passed in as many draws: "
        "loosen the cuts, make lenses and sources brighter, or raise max_attempts"
    )


def acceptance(systems):
    """The fraction of drawn systems that a selection kept (of view 0)."""
    return len(systems.attempt) / float((systems.attempt[:, 0] + 1).sum())


def _take(group, which):
    return tuple({n: v[which] for n, v in values.items()} for values in group)


def _join(groups):
    return tuple({n: np.concatenate([v[n] for v in same]) for n in same[0]} for same in zip(*groups, strict=True))


def _take_lenses(lens, which):
    halos = tuple(substructure.take(h, which) for h in lens.halos)
    return replace(
        lens, indices=lens.indices[which], kind=lens.kind[which], lens_mass=_take(lens.lens_mass, which), halos=halos
    )


def _join_lenses(lenses):
    return Lenses(
        indices=np.concatenate([lens.indices for lens in lenses]),
        kind=np.concatenate([lens.kind for lens in lenses]),
        lens_mass=_join([lens.lens_mass for lens in lenses]),
        halos=tuple(substructure.join(same) for same in zip(*(lens.halos for lens in lenses), strict=True)),
    )


def _take_view(view, which):
    (optics,) = _take((view.optics,), which)
    return View(view.attempt[which], _take(view.lens_light, which), _take(view.source, which), optics)


def _join_views(views):
    (optics,) = _join([(view.optics,) for view in views])
    return View(
        attempt=np.concatenate([view.attempt for view in views]),
        lens_light=_join([view.lens_light for view in views]),
        source=_join([view.source for view in views]),
        optics=optics,
    )
