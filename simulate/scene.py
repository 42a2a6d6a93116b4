"""A scene: a simulation config made ready to draw systems from and to render.

``Scene`` holds what is the same for every system (grid, instrument, galaxy stamps); ``draw`` makes the parameters of
the systems with given indices, a pure function of (config, seed, index).
"""

from dataclasses import dataclass

import numpy as np

from ..configs.keys import Distribution
from ..configs.names import plain_names
from ..configs.profiles import INTERPOL, SHEAR
from ..configs.schema import Simulation
from ..errors import DataError
from . import galaxies, philox, population
from .observation import FWHM_PER_SIGMA, Instrument, counts_per_second, instrument
from .profiles import sersic


@dataclass(frozen=True)
class Scene:
    """A simulation config with its instrument and its galaxy stamps."""

    config: Simulation
    seed: int
    instrument: Instrument
    stamps: galaxies.Stamps | None
    first_stamp: dict  # (group, k) of each INTERPOL component -> (first stamp, number of stamps)


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
    """The parameters of n systems with v views; arrays are float64."""

    indices: np.ndarray  # uint64 (n,)
    views: Views
    lens_mass: tuple  # one dict of (n,) arrays per deflector
    source: tuple  # one dict of (n, v) arrays per component
    lens_light: tuple  # the same
    fwhm: np.ndarray  # (n, v) arcsec; 0 where the PSF is a kernel or none


def make_scene(config, seed=0):
    """A `Scene` from a `configs.schema.Simulation`; reads or makes the galaxy stamps.

    Raises: ConfigError for a missing number of the observation, DataError for a catalogue or PSF that cannot be read.
    """
    pools, first_stamp, count = [], {}, 0
    for group in ("source", "lens_light"):
        for k, component in enumerate(getattr(config, group)):
            if isinstance(component, INTERPOL):
                pool = _read_galaxies(component, seed, f"simulate.{group}.{k}")
                first_stamp[group, k] = count, len(pool.images)
                count += len(pool.images)
                pools.append(pool)
    stamps = _join(pools) if pools else None
    return Scene(config, seed, instrument(config.observation, config.image.pixel_scale), stamps, first_stamp)


def _read_galaxies(component, seed, path):
    if component.catalogue == "procedural":
        pool = galaxies.procedural(seed, component.n_galaxies)
    else:
        from . import catalogues

        pool = catalogues.read_cosmos(component.catalogue, limit=component.n_galaxies)
    for key, known in (("R_half", pool.pixel_scale), ("magnitude", pool.magnitude)):
        if getattr(component, key) is None and not np.isfinite(known).all():
            raise DataError(f"{path}.{key}: the catalogue {component.catalogue} does not give it, so it must be given")
    return pool


def _join(pools):
    """Several pools as one, padded with zeros to the largest stamp (an odd difference moves stamps by half a pixel)."""
    size = max(p.images.shape[1] for p in pools)

    def pad(images):
        low = (size - images.shape[1]) // 2
        high = size - images.shape[1] - low
        return np.pad(images, ((0, 0), (low, high), (low, high)))

    if len(pools) == 1:
        return pools[0]
    return galaxies.Stamps(
        images=np.concatenate([pad(p.images) for p in pools]),
        R_half=np.concatenate([p.R_half for p in pools]),
        pixel_scale=np.concatenate([p.pixel_scale for p in pools]),
        magnitude=np.concatenate([p.magnitude for p in pools]),
        names=tuple(n for p in pools for n in p.names),
    )


def draw(scene, indices, views):
    """The parameters of the systems `indices` (integers, shape (n,)) as `Systems`: a pure function of each index."""
    indices = np.ascontiguousarray(indices, dtype=np.uint64)
    config, seed = scene.config, scene.seed

    def mass(k, component):
        purpose = philox.ENVIRONMENT if isinstance(component, SHEAR) else philox.LENS
        return population.draw_component(component, f"lens_mass.{k}", seed, purpose, indices)

    def light(group, purpose, k, component):
        drawn = []
        for v in range(views.n):
            key = purpose + views.stream(group, v)
            values = population.draw_component(component, f"{group}.{k}", seed, key, indices)
            drawn.append(_with_amplitude(scene, group, k, component, values, key, indices))
        return {name: np.stack([d[name] for d in drawn], axis=1) for name in drawn[0]}

    return Systems(
        indices=indices,
        views=views,
        lens_mass=tuple(mass(k, c) for k, c in enumerate(config.lens_mass)),
        source=tuple(light("source", philox.SOURCE, k, c) for k, c in enumerate(config.source)),
        lens_light=tuple(light("lens_light", philox.LENS_LIGHT, k, c) for k, c in enumerate(config.lens_light)),
        fwhm=np.stack([_fwhm(scene, views.stream("psf", v), indices) for v in range(views.n)], axis=1),
    )


def _fwhm(scene, stream, indices):
    fwhm = scene.instrument.fwhm
    if not isinstance(fwhm, Distribution):
        return np.full(len(indices), float(fwhm))
    u = philox.uniforms(scene.seed, philox.OBSERVATION + stream, indices, [philox.slot_of("psf.fwhm")])[:, 0]
    return population.quantile(fwhm, u)


def _with_amplitude(scene, group, k, component, values, purpose, indices):
    """Add the amplitude, and for a galaxy image its stamp and pixel scale, to drawn parameters."""
    if not isinstance(component, INTERPOL):
        return with_amplitude(scene, component, values)
    first, count = scene.first_stamp[group, k]
    u = philox.uniforms(scene.seed, purpose, indices, [philox.slot_of(f"{group}.{k}.stamp")])[:, 0]
    stamp = first + np.minimum((u * count).astype(np.int64), count - 1)
    values = values | {"stamp": stamp.astype(float)}
    values.setdefault("R_half", scene.stamps.R_half[stamp] * scene.stamps.pixel_scale[stamp])
    values.setdefault("magnitude", scene.stamps.magnitude[stamp])
    return with_amplitude(scene, component, values)


def with_amplitude(scene, component, values):
    """`values` with the parameters that follow from others: amp [counts/s/arcsec^2]; for a stamp, scale [arcsec]."""
    flux = counts_per_second(values["magnitude"], scene.instrument.magnitude_zero_point)
    if isinstance(component, INTERPOL):
        scale = values["R_half"] / scene.stamps.R_half[values["stamp"].astype(np.int64)]
        return values | {"scale": scale, "amp": flux / scale**2}
    return values | {"amp": flux / sersic.total_flux(values["R_sersic"], values["n_sersic"])}


def labels(systems):
    """The parameters that an analysis asks for: dict of float64 arrays, (n,) for the lens and (n, v) for the rest.

    Names are those of `configs.names.plain_names`; the source's begin with source_, the lens light's with lens_light_.
    """
    out = {}
    for group, prefix in (("lens_mass", ""), ("source", "source_"), ("lens_light", "lens_light_")):
        drawn = getattr(systems, group)
        out |= {plain: drawn[k][name] for plain, (k, name) in plain_names(drawn, prefix).items()}
    return out


def moments(scene, targets, n=4096):
    """Mean and standard deviation of lens parameters over the population, two float64 arrays (len(targets),)."""
    values = labels(draw(scene, np.arange(n), Views()))
    table = np.stack([values[t] for t in targets], axis=1)
    return table.mean(0), table.std(0)


def psf_sigma(scene, systems):
    """Standard deviation of the Gaussian PSF in pixels, float64 (n, v)."""
    return systems.fwhm / FWHM_PER_SIGMA / scene.instrument.pixel_scale
