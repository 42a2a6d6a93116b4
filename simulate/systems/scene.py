"""A scene: a simulation config made ready to draw systems from and to render.

``Scene`` holds what is the same for every system (grid, instruments, galaxy stamps, deflection maps); ``draw`` makes
the parameters of the systems with given indices, a pure function of (config, seed, index).
"""

from dataclasses import dataclass

import numpy as np

from ...configs.components import DEFLECTION_MAP, DOUBLE_SERSIC, INTERPOL, SERSIC_ELLIPSE, SHEAR
from ...configs.keys import Distribution
from ...configs.schema import Simulation
from ...errors import ConfigError, DataError
from ..core import philox
from ..detector.instrument import FWHM_PER_SIGMA, Instrument, counts_per_second, instrument
from ..galaxies import catalogues
from ..galaxies import stamps as galaxies
from ..profiles import sersic
from . import population, substructure
from .deflection_maps import read_map

# Index ranges that never meet. Which galaxies a system may have depends on its range: those of the test lenses are
# seen nowhere else.
FIRST_INDEX = {"pretrain": 0, "labelled": 1 << 40, "test": 1 << 41, "validation": 1 << 42}


@dataclass(frozen=True)
class Scene:
    """A simulation config with its instruments, galaxy stamps and deflection maps."""

    config: Simulation
    seed: int
    bands: dict  # name (empty if there is one without a name) -> Instrument
    stamps: galaxies.Stamps | None
    pools: dict  # (group, k) of each INTERPOL component -> stamp numbers for training, validation and tests
    maps: tuple  # deflection_maps.DeflectionMap of each gridded deflector, in the order of lens_mass

    @property
    def instrument(self) -> Instrument:
        """That of the first band."""
        return next(iter(self.bands.values()))


@dataclass(frozen=True)
class Views:
    """How many images of each system, and what is drawn anew for each."""

    n: int = 1
    redraw: frozenset = frozenset({"source", "noise"})

    def stream(self, what, view):
        """The number of the random stream that `what` takes in a view: its own if redrawn, else that of view 0."""
        return view if what in self.redraw else 0


@dataclass(frozen=True)
class Systems:
    """The parameters of n systems with v views in b bands; arrays are float64 unless said otherwise."""

    indices: np.ndarray  # uint64 (n,)
    views: Views
    attempt: np.ndarray  # int64 (n, v): how many draws a selection has refused before
    kind: np.ndarray  # int64 (n,): number of the class
    lens_mass: tuple  # one dict of (n,) arrays per deflector
    halos: tuple  # one `substructure.Halos` per substructure
    source: tuple  # one dict of (n, v) arrays per component; amp has the shape (n, v, b)
    lens_light: tuple  # the same
    optics: dict  # fwhm [arcsec], beta, kernel (a number) and exposure_time [s]: (n, v, b)


def make_scene(config, seed=0):
    """A `Scene` from a `configs.schema.Simulation`; reads or makes the galaxy stamps.

    Raises: ConfigError for a missing number of the observation, DataError for a catalogue or PSF that cannot be read.
    """
    observations, bands, problems = config.band_observations(), {}, []
    for name, observation in observations.items():
        path = f"simulate.bands.{name}" if name else "simulate.observation"
        scale = next(iter(bands.values())).pixel_scale if bands else config.image.pixel_scale
        try:
            bands[name] = instrument(observation, scale, path)
        except ConfigError as error:
            problems += error.problems
    if len({tool.supersampling for tool in bands.values()}) > 1:
        problems.append("simulate.bands: the PSFs of all bands need the same supersampling")
    if problems:
        raise ConfigError(problems)
    fine = next(iter(bands.values())).supersampling
    if config.image.rays != "adaptive" and config.image.rays % fine:
        raise ConfigError([f"simulate.image.rays: must be a multiple of the PSF's supersampling, {fine}"])

    read, pools = [], {}
    for group in ("source", "lens_light"):
        for k, component in enumerate(getattr(config, group)):
            if isinstance(component, INTERPOL):
                stamps = _read_galaxies(component, seed, config.cosmology, f"simulate.{group}.{k}", len(bands))
                first, part = sum(len(r.names) for r in read), galaxies.split(stamps.names)
                pools[group, k] = [first + np.flatnonzero(part == p) for p in _PARTS]
                if not len(pools[group, k][galaxies.TEST]):  # too few galaxies to hold any back
                    pools[group, k] = [first + np.arange(len(part))] * 3
                read.append(stamps)
    maps = tuple(read_map(c.file) for c in config.lens_mass if isinstance(c, DEFLECTION_MAP))
    return Scene(config, seed, bands, galaxies.join(read) if read else None, pools, maps)


_PARTS = (galaxies.TRAIN, galaxies.VALIDATION, galaxies.TEST)


def _read_galaxies(component, seed, cosmology, path, n_bands):
    from astropy.cosmology import FlatLambdaCDM

    universe = FlatLambdaCDM(H0=cosmology.H0, Om0=cosmology.Om0)
    pool = catalogues.read(component, seed, cosmology.z_source, universe)
    for key, known in (("R_half", pool.pixel_scale), ("magnitude", pool.magnitude)):
        if getattr(component, key) is None and not np.isfinite(known).all():
            raise DataError(f"{path}.{key}: the catalogue {component.catalogue} does not give it, so it must be given")
    if pool.images.shape[1] not in (1, n_bands):
        raise DataError(
            f"{path}.catalogue: {component.catalogue} has {pool.images.shape[1]} bands, expected 1 or the {n_bands} "
            "of this simulation"
        )
    return pool


def draw(scene, indices, views):
    """The parameters of the systems `indices` (integers, shape (n,)) as `Systems`: a pure function of each index.

    Raises: SelectionError (of `selection`) if the scene's selection refuses a system too often.
    """
    indices = np.ascontiguousarray(indices, dtype=np.uint64)
    if scene.config.selection is not None:
        from ..selection import draw_selected

        return draw_selected(scene, indices, views)
    lens = draw_lens(scene, indices, 0)
    first = draw_view(scene, lens, views, 0, 0)
    others = [draw_view(scene, lens, views, v, 0, first) for v in range(1, views.n)]
    return assemble(scene, lens, [first, *others], views)


@dataclass(frozen=True)
class Lenses:
    """What all views of n systems share."""

    indices: np.ndarray
    kind: np.ndarray
    lens_mass: tuple
    halos: tuple


@dataclass(frozen=True)
class View:
    """What one view of n systems has of its own: dicts of (n,) arrays, amp and those of optics (n, b)."""

    attempt: np.ndarray
    lens_light: tuple
    source: tuple
    optics: dict


def draw_lens(scene, indices, attempt):
    """The deflectors of systems, at an attempt of a selection, as `Lenses`."""
    config, seed = scene.config, scene.seed
    kind = np.zeros(len(indices), np.int64)
    if config.classes:
        u = philox.uniforms(seed, philox.LENS, indices, [philox.slot_of("class")])[:, 0]  # a class is not drawn again
        edges = np.cumsum(list(config.classes.values()))
        kind = np.minimum(np.searchsorted(edges / edges[-1], u, side="right"), len(edges) - 1)
    mass, drawn = [], {}
    for k, component in enumerate(config.lens_mass):
        purpose, path = philox.ENVIRONMENT if isinstance(component, SHEAR) else philox.LENS, f"lens_mass.{k}"
        values = population.draw_component(component, path, seed, purpose, indices, attempt, drawn.__getitem__)
        drawn |= {f"{path}.{name}": value for name, value in values.items()}
        mass.append(values)
    halos = tuple(
        substructure.draw_halos(
            component,
            f"substructure.{k}",
            seed,
            indices,
            attempt,
            config.cosmology,
            mass[0],
            present(scene, component, kind),
        )
        for k, component in enumerate(config.substructure)
    )
    return Lenses(indices, kind, tuple(mass), halos)


def draw_view(scene, lens, views, view, attempt, first=None):
    """What a view of `lens` has of its own, at an attempt, as `View`; what is not redrawn is that of the `first`."""
    config, indices = scene.config, lens.indices
    drawn = {f"lens_mass.{k}.{n}": v for k, values in enumerate(lens.lens_mass) for n, v in values.items()}
    out = {}
    for group, purpose in (("lens_light", philox.LENS_LIGHT), ("source", philox.SOURCE)):
        if first is not None and group not in views.redraw:
            out[group] = getattr(first, group)
        else:
            key = purpose + views.stream(group, view)
            out[group] = tuple(
                _draw_light(scene, group, k, component, key, indices, attempt, drawn)
                for k, component in enumerate(getattr(config, group))
            )
        drawn |= {f"{group}.{k}.{n}": v for k, values in enumerate(out[group]) for n, v in values.items()}
    optics = first.optics if first is not None and "psf" not in views.redraw else None
    optics = optics or _draw_optics(scene, philox.OBSERVATION + views.stream("psf", view), indices, attempt)
    return View(np.full(len(indices), attempt), out["lens_light"], out["source"], optics)


def assemble(scene, lens, seen, views):
    """`Systems` from `Lenses` and the `View` of each view."""

    def there(group, k, values):
        """NaN where the component does not occur."""
        is_there = present(scene, getattr(scene.config, group)[k], lens.kind)
        return values if is_there.all() else {n: np.where(_along(is_there, v), v, np.nan) for n, v in values.items()}

    def stacked(group):
        components = zip(*(getattr(s, group) for s in seen), strict=True)
        return tuple(
            there(group, k, {n: np.stack([c[n] for c in same], axis=1) for n in same[0]})
            for k, same in enumerate(components)
        )

    return Systems(
        indices=lens.indices,
        views=views,
        attempt=np.stack([s.attempt for s in seen], axis=1),
        kind=lens.kind,
        lens_mass=tuple(there("lens_mass", k, values) for k, values in enumerate(lens.lens_mass)),
        halos=lens.halos,
        source=stacked("source"),
        lens_light=stacked("lens_light"),
        optics={n: np.stack([s.optics[n] for s in seen], axis=1) for n in seen[0].optics},
    )


def _along(flags, values):
    """Flags (n,) with axes of one added, to go with values of shape (n, ...)."""
    return flags.reshape(-1, *[1] * (values.ndim - 1))


def present(scene, component, kind):
    """In which systems a component occurs, bool (n,), from the number of each system's class."""
    if component.only is None:
        return np.ones(len(kind), bool)
    return np.isin(kind, [k for k, name in enumerate(scene.config.classes) if name in component.only])


def _draw_light(scene, group, k, component, purpose, indices, attempt, drawn):
    path, seed = f"{group}.{k}", scene.seed
    values = population.draw_component(component, path, seed, purpose, indices, attempt, drawn.__getitem__)
    drawn |= {f"{path}.{name}": value for name, value in values.items()}
    if isinstance(component, INTERPOL):
        slots = [philox.slot_of(f"{path}.{what}") for what in ("stamp", "parity")]
        u = philox.uniforms(seed, purpose, indices, slots, attempt)
        pools, part = scene.pools[group, k], _part(indices)
        stamp = np.zeros(len(indices), np.int64)
        for p in _PARTS:
            chosen = np.minimum((u[:, 0] * len(pools[p])).astype(np.int64), len(pools[p]) - 1)
            stamp = np.where(part == p, pools[p][chosen], stamp)
        values["stamp"] = stamp.astype(float)
        values["parity"] = np.where((u[:, 1] < 0.5) & component.parity, -1.0, 1.0)
        values.setdefault("R_half", scene.stamps.R_half[stamp] * scene.stamps.pixel_scale[stamp])
        values.setdefault("magnitude", scene.stamps.magnitude[stamp, 0])
    for band in list(scene.bands)[1:]:
        color = component.colors.get(band, 0.0)
        place = f"{path}.colors.{band}"
        values[f"color_{band}"] = population.draw_parameter(color, place, seed, purpose, indices, attempt)
    return with_amplitude(scene, component, values)


def _part(indices):
    """Which part of the galaxies the systems of some indices may have."""
    out = np.full(len(indices), galaxies.TRAIN)
    out[indices >= FIRST_INDEX["test"]] = galaxies.TEST
    out[indices >= FIRST_INDEX["validation"]] = galaxies.VALIDATION
    return out


def with_amplitude(scene, component, values):
    """`values` with what follows from them: amp [counts/s/arcsec^2] of each band, and the scale of a stamp [arcsec].

    amp has one more axis than the rest, for the bands. For a DOUBLE_SERSIC it is the disc's; amp_bulge is the bulge's.
    """
    tools = enumerate(scene.bands.values())
    magnitudes = [(band_magnitude(scene, component, values, b), tool.magnitude_zero_point) for b, tool in tools]
    flux = np.stack([counts_per_second(*pair) for pair in magnitudes], axis=-1)
    if isinstance(component, INTERPOL):
        scale = values["R_half"] / scene.stamps.R_half[values["stamp"].astype(np.int64)]
        return values | {"scale": scale, "amp": flux / scale[..., None] ** 2}
    of_sersic = sersic.total_flux(values["R_sersic"], values["n_sersic"])[..., None]
    if isinstance(component, DOUBLE_SERSIC):
        share = values["bulge_fraction"][..., None]
        of_bulge = sersic.total_flux(values["R_bulge"], values["n_bulge"])[..., None]
        return values | {"amp": (1.0 - share) * flux / of_sersic, "amp_bulge": share * flux / of_bulge}
    return values | {"amp": flux / of_sersic}


def band_magnitude(scene, component, values, b):
    """The magnitude of a light component in band number `b`: that in the first band, and the colours."""
    if b == 0:
        return values["magnitude"]
    magnitude = values["magnitude"] + values[f"color_{list(scene.bands)[b]}"]
    if isinstance(component, INTERPOL) and scene.stamps.magnitude.shape[1] > 1:
        own = scene.stamps.magnitude[np.nan_to_num(values["stamp"]).astype(np.int64)]
        magnitude = magnitude + np.nan_to_num(own[..., b] - own[..., 0])
    return magnitude


def parts(component, values):
    """The profiles of lenstronomy that a light component consists of: pairs of a name and its parameters.

    A DOUBLE_SERSIC is two SERSIC_ELLIPSE; any other is itself.
    """
    if not isinstance(component, DOUBLE_SERSIC):
        return [(component.profile, values)]
    bulge = values | {"amp": values["amp_bulge"], "R_sersic": values["R_bulge"], "n_sersic": values["n_bulge"]}
    bulge |= {name: values[name] * values["roundness"] for name in ("e1", "e2")}
    name = SERSIC_ELLIPSE.model_fields["profile"].annotation.__args__[0]
    return [(name, values), (name, bulge)]


def _draw_optics(scene, purpose, indices, attempt):
    """PSF and exposure of every band: fwhm, beta, kernel (a number) and exposure_time, each (n, b)."""
    columns = []
    for band, tool in scene.bands.items():

        def number(value, name, band=band):
            place = f"{name}.{band}" if band else name
            return population.draw_parameter(value, place, scene.seed, purpose, indices, attempt)

        which = number(Distribution(uniform=(0.0, 1.0)), "psf.kernel") * len(tool.kernels)
        columns.append(
            {
                "fwhm": number(tool.fwhm, "psf.fwhm"),
                "beta": number(tool.beta, "psf.beta"),
                "kernel": np.minimum(np.floor(which), max(len(tool.kernels) - 1, 0)),
                "exposure_time": number(tool.one_exposure, "exposure_time") * tool.num_exposures,
            }
        )
    return {name: np.stack([c[name] for c in columns], axis=1) for name in columns[0]}


def psf_sigma(scene, systems):
    """Standard deviation of the Gaussian PSF in pixels, float64 (n, v, b); 0 where the PSF is another."""
    gaussian = [tool.psf_kind == "gaussian" for tool in scene.bands.values()]
    return np.where(gaussian, systems.optics["fwhm"], 0.0) / FWHM_PER_SIGMA / scene.instrument.pixel_scale
