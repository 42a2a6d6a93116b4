"""Drawing systems: from an index to the parameters, a pure function of (config, seed, index, attempt), before any cut.

`selection.draw` is the draw with cuts: it finds the attempt of each system that passes them.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ...configs.components import INTERPOL, SHEAR
from ...configs.parameters import Distribution
from ...errors import ArgumentError
from ..core import arguments, philox
from ..core.philox import Draw
from ..galaxies import stamps as galaxies
from . import population, substructure
from .amplitudes import with_amplitude
from .scene import FIRST_INDEX, PARTS, Scene

MOST_VIEWS = 1024  # more, in a batch of any size, is a slip
REDRAWN = ("source", "noise", "psf", "lens_light")  # what may differ between images of a system


@dataclass(frozen=True)
class Views:
    """How many images of each system, and what is drawn anew for each."""

    n: int = 1
    redraw: frozenset[str] = frozenset({"source", "noise"})  # of `REDRAWN`

    def __post_init__(self) -> None:
        """Raises: ArgumentError for a number of images that cannot be, or a part that cannot be drawn anew."""
        object.__setattr__(self, "n", arguments.whole_number("Views: n", self.n, 1, MOST_VIEWS))
        object.__setattr__(self, "redraw", arguments.words_among("Views: redraw", self.redraw, REDRAWN))

    def stream(self, what: str, view: int) -> int:
        """The number of the random stream that `what` takes in a view: its own if redrawn, else that of view 0."""
        return view if what in self.redraw else 0


@dataclass(frozen=True)
class Systems:
    """The parameters of n systems with v views in b bands; arrays are float64 unless said otherwise.

    Light is rendered by its `amp` (and `scale`): after a change of a magnitude, radius or index,
    `amplitudes.with_amplitude` gives those that belong to it. `render` refuses what a profile cannot be rendered with.
    """

    indices: np.ndarray  # uint64 (n,)
    views: Views
    bands: tuple[str, ...]  # their names, in their order
    attempt: np.ndarray  # int64 (n, v): how many draws a selection has refused before
    class_number: np.ndarray  # int64 (n,): of its class in `simulate.classes`, 0 if there are none
    lens_mass: tuple[dict[str, np.ndarray], ...]  # one dict of (n,) arrays per deflector
    halos: tuple[substructure.Halos, ...]  # one per substructure
    source: tuple[dict[str, np.ndarray], ...]  # one dict of (n, v) arrays per component; amp has the shape (n, v, b)
    lens_light: tuple[dict[str, np.ndarray], ...]  # one dict per component, of shapes as for the source
    optics: dict[str, np.ndarray]  # fwhm [arcsec], beta, kernel (a number) and exposure_time [s]: (n, v, b)


def draw_systems(scene: Scene, indices: ArrayLike, views: Views, attempts: ArrayLike = 0) -> Systems:
    """The parameters of the systems `indices` (integers, shape (n,)), whether they pass the cuts of a selection or not.

    attempts: integers (n, v), or one for all: how many draws of each view were refused before. Deflectors, and what is
    not drawn anew for a view, are those of the attempt of view 0.
    """
    indices = arguments.system_indices(indices)
    attempts = np.array(np.broadcast_to(attempts, (len(indices), views.n)), dtype=np.int64)
    numbers = class_numbers(scene, indices)
    draw = Draw(scene.seed, philox.LENS, indices, attempts[:, 0])
    mass = _draw_lens_mass(scene, draw)
    halos = _draw_substructure(scene, draw, mass[0], numbers)
    seen = [_draw_view(scene, draw, mass, views, 0)]
    for view in range(1, views.n):
        seen.append(_draw_view(scene, draw._replace(attempt=attempts[:, view]), mass, views, view, seen[0]))
    return Systems(
        indices=indices,
        views=views,
        bands=tuple(scene.bands),
        attempt=attempts,
        class_number=numbers,
        lens_mass=_where_present(scene, "lens_mass", mass, numbers),
        halos=halos,
        source=_where_present(scene, "source", _stacked([view.source for view in seen]), numbers),
        lens_light=_where_present(scene, "lens_light", _stacked([view.lens_light for view in seen]), numbers),
        optics=_stacked([(view.optics,) for view in seen])[0],
    )


def check_drawn(scene: object, systems: object) -> None:
    """Raises: ArgumentError if these are no `Scene` and no `Systems`, as where they are exchanged."""
    arguments.of_type("scene", scene, Scene, "a Scene, from make_scene")
    arguments.of_type("systems", systems, Systems, "the Systems that draw returns")


def rows_of(systems: Systems, rows: np.ndarray | list[int]) -> Systems:
    """Some of a batch of systems; rows: their numbers in it, integers (m,)."""

    def only(group):
        return tuple({name: value[rows] for name, value in values.items()} for values in group)

    return replace(
        systems,
        indices=systems.indices[rows],
        attempt=systems.attempt[rows],
        class_number=systems.class_number[rows],
        lens_mass=only(systems.lens_mass),
        halos=tuple(substructure.halos_of(halos, rows) for halos in systems.halos),
        source=only(systems.source),
        lens_light=only(systems.lens_light),
        optics=only((systems.optics,))[0],
    )


def view_of(systems: Systems, view: int) -> Systems:
    """`Systems` with a single one of the views of some systems."""

    def only_view(group):
        return tuple({name: values[:, [view]] for name, values in component.items()} for component in group)

    return Systems(
        indices=systems.indices,
        views=Views(1, systems.views.redraw),
        bands=systems.bands,
        attempt=systems.attempt[:, [view]],
        class_number=systems.class_number,
        lens_mass=systems.lens_mass,
        halos=systems.halos,
        source=only_view(systems.source),
        lens_light=only_view(systems.lens_light),
        optics=only_view((systems.optics,))[0],
    )


def by_grid(scene: Scene, systems: Systems) -> list[tuple[Scene, Systems]]:
    """A scene and its systems for each pixel grid: `scene.grids`, and `systems` in their bands."""
    return [(grid, in_bands(systems, grid)) for grid in scene.grids]


def in_bands(systems: Systems, scene: Scene) -> Systems:
    """Systems with the bands of a scene of the same simulation, which may have some of theirs (see `scene.only_bands`).

    Raises: ArgumentError if they lack one.
    """
    names = tuple(scene.bands)
    if names == systems.bands:
        return systems
    if not set(names) <= set(systems.bands):
        has, wanted = (", ".join(map(repr, bands)) for bands in (systems.bands, names))
        raise ArgumentError(
            f"the systems were drawn for the bands {has}, but the scene has {wanted}: draw them from it"
        )
    numbers = [systems.bands.index(name) for name in names]

    def only_these(group):  # `take` keeps the order in memory, for another of which kernels would be compiled anew
        return tuple(
            {n: np.take(v, numbers, axis=-1) if v.ndim == 3 else v for n, v in values.items()} for values in group
        )

    return replace(
        systems,
        bands=names,
        source=only_these(systems.source),
        lens_light=only_these(systems.lens_light),
        optics=only_these((systems.optics,))[0],
    )


def present(scene, component, class_number):
    """In which systems a component occurs, bool (n,), from the number of each system's class."""
    if component.only is None:
        return np.ones(len(class_number), bool)
    return np.isin(class_number, [k for k, name in enumerate(scene.config.classes) if name in component.only])


def class_numbers(scene, indices):
    """The number of the class of every system, int64 (n,); a refused system keeps it at its next attempt."""
    if not scene.config.classes:
        return np.zeros(len(indices), np.int64)
    u = philox.uniforms(Draw(scene.seed, philox.LENS, indices), [philox.slot_of("class")])[:, 0]
    edges = np.cumsum(list(scene.config.classes.values()))
    return np.minimum(np.searchsorted(edges / edges[-1], u, side="right"), len(edges) - 1)


def _draw_lens_mass(scene, draw):
    """The parameters of every deflector, whether it is present or not: a tuple of dicts of (n,) arrays."""
    mass, drawn = [], {}
    for k, component in enumerate(scene.config.lens_mass):
        own = draw._replace(purpose=philox.ENVIRONMENT) if isinstance(component, SHEAR) else draw
        mass.append(population.draw_component(component, f"lens_mass.{k}", own, drawn.__getitem__))
        drawn |= _by_path("lens_mass", k, mass[-1])
    return tuple(mass)


def _draw_substructure(scene, draw, main, class_number):
    """`substructure.Halos` of every substructure; main: the parameters of the first deflector."""
    own, cosmology = draw._replace(purpose=philox.ENVIRONMENT), scene.config.cosmology
    return tuple(
        substructure.draw_halos(c, f"substructure.{k}", own, cosmology, main, present(scene, c, class_number))
        for k, c in enumerate(scene.config.substructure)
    )


class _View(NamedTuple):
    """What one view of n systems has of its own: dicts of (n,) arrays; amp and those of optics are (n, b)."""

    lens_light: tuple
    source: tuple
    optics: dict


def _draw_view(scene, draw, mass, views, view, first=None):
    """The light and the optics of a view as `_View`; what is not drawn anew for it is that of the `first`.

    draw: its purpose does not count. mass: from `_draw_lens_mass`, which light may follow.
    """
    drawn, light = {}, {}
    for k, values in enumerate(mass):
        drawn |= _by_path("lens_mass", k, values)
    for group, purpose in (("lens_light", philox.LENS_LIGHT), ("source", philox.SOURCE)):
        own, components = draw._replace(purpose=purpose + views.stream(group, view)), []
        for k in range(len(getattr(scene.config, group))):
            is_new = first is None or group in views.redraw
            components.append(_draw_light(scene, group, k, own, drawn) if is_new else getattr(first, group)[k])
            drawn |= _by_path(group, k, components[-1])
        light[group] = tuple(components)
    if first is not None and "psf" not in views.redraw:
        return _View(**light, optics=first.optics)
    own = draw._replace(purpose=philox.OBSERVATION + views.stream("psf", view))
    return _View(**light, optics=_draw_optics(scene, own))


def _by_path(group, k, values):
    """The parameters of a component by their paths, such as "lens_mass.0.theta_E"."""
    return {f"{group}.{k}.{name}": value for name, value in values.items()}


def _draw_light(scene, group, k, draw, drawn):
    """The parameters of a light component, with its amplitudes; drawn: those of earlier components, by their paths."""
    component, path = getattr(scene.config, group)[k], f"{group}.{k}"
    values = population.draw_component(component, path, draw, drawn.__getitem__)
    if isinstance(component, INTERPOL):
        u = philox.uniforms(draw, [philox.slot_of(f"{path}.{what}") for what in ("stamp", "parity")])
        stamp = _choose_stamps(scene.pools[group, k], u[:, 0], draw.indices)
        values["stamp"] = stamp.astype(float)
        values["parity"] = np.where(((u[:, 1] < 0.5) & component.parity) | component.mirrored, -1.0, 1.0)
        values.setdefault("R_half", scene.stamps.R_half[stamp] * scene.stamps.pixel_scale[stamp])
        values.setdefault("magnitude", scene.stamps.magnitude[stamp, 0])
    for band in scene.band_names[1:]:
        color = component.colors.get(band, 0.0)
        values[f"color_{band}"] = population.draw_parameter(color, f"{path}.colors.{band}", draw)
    return with_amplitude(scene, component, values)


def _choose_stamps(pools, u, indices):
    """A stamp for every system from the pool of its range of indices, int64 (n,)."""
    part = np.full(len(indices), galaxies.TRAIN)
    part[indices >= FIRST_INDEX["test"]] = galaxies.TEST
    part[indices >= FIRST_INDEX["validation"]] = galaxies.VALIDATION
    stamp = np.zeros(len(indices), np.int64)
    for p in PARTS:
        chosen = np.minimum((u * len(pools[p])).astype(np.int64), len(pools[p]) - 1)
        stamp = np.where(part == p, pools[p][chosen], stamp)
    return stamp


def _draw_optics(scene, draw):
    """PSF and exposure of every band: fwhm, beta, kernel (a number) and exposure_time, each (n, b)."""
    columns = []
    for band, instrument in scene.bands.items():

        def number(value, name, band=band):
            return population.draw_parameter(value, f"{name}.{band}" if band else name, draw)

        which = number(Distribution(uniform=(0.0, 1.0)), "psf.kernel") * len(instrument.kernels)
        columns.append(
            {
                "fwhm": number(instrument.fwhm, "psf.fwhm"),
                "beta": number(instrument.beta, "psf.beta"),
                "kernel": np.minimum(np.floor(which), max(len(instrument.kernels) - 1, 0)),
                "exposure_time": number(instrument.single_exposure_time, "exposure_time") * instrument.num_exposures,
            }
        )
    return {name: np.stack([c[name] for c in columns], axis=1) for name in columns[0]}


def _stacked(seen):
    """Of the dicts of each view, one after the other, a tuple of dicts whose arrays have the view as second axis."""
    return tuple({n: np.stack([c[n] for c in same], axis=1) for n in same[0]} for same in zip(*seen, strict=True))


def _where_present(scene, group, drawn, class_number):
    """The parameters of the components of a group, NaN in the systems that lack the component."""
    out = []
    for component, values in zip(getattr(scene.config, group), drawn, strict=True):
        there = present(scene, component, class_number)
        if not there.all():
            values = {n: np.where(there.reshape(-1, *[1] * (v.ndim - 1)), v, np.nan) for n, v in values.items()}
        out.append(values)
    return tuple(out)
