"""A scene: what is the same for every system of a simulation, read and made ready once.

``Scene`` holds the config with its instruments, galaxy stamps and deflection maps; `draw` goes on from an index to the
parameters of a system.
"""

from dataclasses import dataclass

import numpy as np

from ...configs.components import DEFLECTION_MAP, INTERPOL
from ...configs.schema import Simulation
from ...errors import ArgumentError, ConfigError, DataError
from ..core import arguments
from ..detector.instrument import Instrument, make_instrument
from ..galaxies import catalogues
from ..galaxies import stamps as galaxies
from .deflection_maps import read_map

# Index ranges that never meet. Which galaxies a system may have depends on its range: those of the test lenses are
# seen nowhere else.
FIRST_INDEX = {"pretrain": 0, "labelled": 1 << 40, "test": 1 << 41, "validation": 1 << 42}
LARGEST_SEED = 2**32 - 1
PARTS = (galaxies.TRAIN, galaxies.VALIDATION, galaxies.TEST)


@dataclass(frozen=True)
class Scene:
    """A simulation config with its instruments, galaxy stamps and deflection maps."""

    config: Simulation
    seed: int
    bands: dict[str, Instrument]  # by name, which is empty if there is one without a name
    stamps: galaxies.Stamps | None
    # Of each INTERPOL component, by (group, number): which stamps are for training, for validation and for tests
    pools: dict[tuple[str, int], list[np.ndarray]]
    maps: tuple  # deflection_maps.DeflectionMap of each gridded deflector, in the order of lens_mass

    @property
    def instrument(self) -> Instrument:
        """That of the first band."""
        return next(iter(self.bands.values()))


def make_scene(config: Simulation, seed: int = 0) -> Scene:
    """A `Scene` from a `configs.schema.Simulation`; reads or makes the galaxy stamps.

    Raises: ConfigError for a missing number of the observation, DataError for a catalogue or PSF that cannot be read,
    ArgumentError for a seed that is no whole number below 2^32.
    """
    if not isinstance(config, Simulation):
        hint = " Did you mean config.simulate?" if hasattr(config, "simulate") else ""
        raise ArgumentError(f"config: expected a configs.schema.Simulation, got {type(config).__name__}.{hint}")
    seed = arguments.whole_number("seed", seed, 0, LARGEST_SEED)
    bands = _make_instruments(config)
    stamps, pools = _read_all_galaxies(config, seed, len(bands))
    maps = tuple(read_map(c.file) for c in config.lens_mass if isinstance(c, DEFLECTION_MAP))
    return Scene(config, seed, bands, stamps, pools, maps)


def _make_instruments(config):
    """The `Instrument` of every band, by name."""
    bands, problems = {}, []
    for name, observation in config.band_observations().items():
        path = f"simulate.bands.{name}" if name else "simulate.observation"
        scale = next(iter(bands.values())).pixel_scale if bands else config.image.pixel_scale
        try:
            bands[name] = make_instrument(observation, scale, path)
        except ConfigError as error:
            problems += error.problems
    if len({instrument.supersampling for instrument in bands.values()}) > 1:
        problems.append("simulate.bands: the PSFs of all bands need the same supersampling")
    if problems:
        raise ConfigError(problems)
    fine = next(iter(bands.values())).supersampling
    if config.image.rays != "adaptive" and config.image.rays % fine:
        raise ConfigError([f"simulate.image.rays: must be a multiple of the PSF's supersampling, {fine}"])
    return bands


def _read_all_galaxies(config, seed, n_bands):
    """The stamps of all INTERPOL components together (None without any), and the pools of each, as in `Scene`."""
    read, pools = [], {}
    for group in ("source", "lens_light"):
        for k, component in enumerate(getattr(config, group)):
            if isinstance(component, INTERPOL):
                stamps = _read_galaxies(component, seed, config.cosmology, f"simulate.{group}.{k}", n_bands)
                first, part = sum(len(r.names) for r in read), galaxies.split(stamps.names)
                pools[group, k] = [first + np.flatnonzero(part == p) for p in PARTS]
                if not len(pools[group, k][galaxies.TEST]):  # too few galaxies to hold any back
                    pools[group, k] = [first + np.arange(len(part))] * 3
                read.append(stamps)
    return galaxies.join(read) if read else None, pools


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
