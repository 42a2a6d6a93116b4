"""A scene: what is the same for every system of a simulation, read and made ready once.

``Scene`` holds the config with its instruments, galaxy stamps and deflection maps; `draw` goes on from an index to the
parameters of a system.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...configs import load as configs
from ...configs.components import DEFLECTION_MAP, INTERPOL
from ...configs.observation import PSF
from ...configs.schema import Config, Simulation
from ...errors import ConfigError, DataError
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
LEAST_PIXELS, MOST_PIXELS = 4, 4096  # on a side of an image, as `configs.observation.Image` allows


@dataclass(frozen=True)
class Scene:
    """A simulation config with its instruments, galaxy stamps and deflection maps.

    Bands may have pixel grids of their own: `grids` has a scene for each, and a scene with one grid is its own. A scene
    of some bands (see `only_bands`) has the systems of the whole one, with images in these bands.
    """

    config: Simulation  # its `image` is the grid of the bands, where they share one
    seed: int
    bands: dict[str, Instrument]  # by name, which is empty if there is one without a name
    num_pix: dict[str, int]  # of each band: pixels on a side
    stamps: galaxies.Stamps | None
    # Of each INTERPOL component, by (group, number): which stamps are for training, for validation and for tests
    pools: dict[tuple[str, int], list[np.ndarray]]
    maps: tuple  # deflection_maps.DeflectionMap of each gridded deflector, in the order of lens_mass
    whole: "Scene | None" = None  # with all bands of the simulation, if this has only some of them
    name: str = ""  # of the config, if it came with its simulation

    @property
    def instrument(self) -> Instrument:
        """That of the first band."""
        return next(iter(self.bands.values()))

    @property
    def band_names(self) -> list[str]:
        """The names of all bands of the simulation, whether this scene has them or not."""
        return list((self.whole or self).bands)

    @property
    def band_numbers(self) -> list[int]:
        """The number of each band of this scene among all bands of the simulation, from 0."""
        return [self.band_names.index(name) for name in self.bands]

    @property
    def grids(self) -> tuple["Scene", ...]:
        """A scene for each pixel grid, of the bands that share it, in the order of their first bands."""
        shared: dict[tuple[int, float], list[str]] = {}
        for name, instrument in self.bands.items():
            shared.setdefault((self.num_pix[name], instrument.pixel_scale), []).append(name)
        return (self,) if len(shared) == 1 else tuple(_of_bands(self, names) for names in shared.values())


Simulated = Config | Simulation | Mapping[str, Any] | str | Path  # what a scene can be made from


def make_scene(config: Simulated, seed: int | None = None) -> Scene:
    """A `Scene` of a simulation; reads or makes the galaxy stamps.

    Args:
        config: `configs.schema.Config` or its `Simulation`, a dict with the keys of either, the name of a recipe, or
            the path of a YAML file.
        seed: of every random number, below 2^32; None takes the config's, and 0 for a simulation alone.

    Raises: ConfigError for a mistake in the config or a missing number of the observation, DataError for a catalogue or
    PSF that cannot be read, ArgumentError for what is no config, and for a seed that is no whole number below 2^32.
    """
    simulation, name, own_seed = _simulation_of(config)
    seed = arguments.whole_number("seed", own_seed if seed is None else seed, 0, LARGEST_SEED)
    scene = replace(_without_files(simulation, seed, *_make_instruments(simulation)), name=name)
    stamps, pools = _read_all_galaxies(simulation, seed, len(scene.bands))
    maps = tuple(read_map(c.file) for c in simulation.lens_mass if isinstance(c, DEFLECTION_MAP))
    return replace(scene, stamps=stamps, pools=pools, maps=maps)


def without_files(simulation: Simulation, seed: int = 0) -> Scene:
    """A `Scene` with the bands and pixel grids of a simulation alone, for which nothing is read: it draws nothing.

    Raises: ConfigError as `make_scene`.
    """
    plain = {"psf": PSF(kind="none"), "sky_cutouts": None, "background_noise": 1.0}
    bands = {
        name: {key: value for key, value in own.items() if key not in plain} for name, own in simulation.bands.items()
    }
    observation = simulation.observation.model_copy(update=plain)
    empty: dict[str, list[Any]] = {"lens_mass": [], "source": [], "lens_light": [], "substructure": []}
    changes = {"observation": observation, "bands": bands, **empty}
    return make_scene(simulation.model_copy(update=changes), seed)


def with_config(scene: Scene, config: Simulation, like: Scene | None = None) -> Scene:
    """The scene of another config with the same galaxies and deflection maps, which are not read again.

    Args:
        scene: of all bands. config: of the same bands and components as its config, with other numbers; its
            components may name another `galaxy`, and `lens_light` may be empty.
        like: a scene whose instruments are taken over if its observation is the same.
    """
    same = like is not None and (config.observation, config.bands) == (like.config.observation, like.config.bands)
    instruments = (like.bands, like.num_pix) if like is not None and same else _make_instruments(config)
    pools = {}
    for (group, k), parts in scene.pools.items():
        if getattr(config, group):
            chosen, before = getattr(config, group)[k].galaxy, getattr(scene.config, group)[k].galaxy
            first = min(map(min, parts)) - (before or 0)
            pools[group, k] = parts if chosen is None else [np.array([first + chosen])] * 3
    new = _without_files(config, scene.seed, *instruments)
    return replace(new, stamps=scene.stamps, pools=pools, maps=scene.maps)


def _without_files(config, seed, bands, num_pix):
    """A `Scene` without galaxies and deflection maps. Raises: ConfigError for bands that do not go together."""
    scene = Scene(config, seed, bands, num_pix, None, {}, ())
    problems = [problem for grid in scene.grids for problem in _problems_of_grid(grid)]
    if len(scene.grids) > 1:
        problems += _needs_one_grid(config)
    else:
        scene = replace(scene, config=_with_image(scene, list(bands)))
    if problems:
        raise ConfigError(problems)
    return scene


def _simulation_of(config):
    """The `Simulation` of what `make_scene` takes, with the name and the seed of its config."""
    if isinstance(config, Simulation):
        return config, "", 0
    if isinstance(config, Mapping):
        whole = "simulate" in config
        loaded = configs.check({"name": "unnamed"} | dict(config if whole else {"simulate": dict(config)}), "config")
        return _its_simulation(loaded), loaded.name if "name" in config and whole else "", loaded.seed
    if isinstance(config, str | Path):
        config = configs.load(config)
    kinds = "a Config or its simulate, a dict of either, the name of a recipe or the path of a YAML file"
    arguments.of_type("config", config, Config, kinds)
    return _its_simulation(config), config.name, config.seed


def _its_simulation(config):
    if config.simulate is None:
        raise ConfigError(
            [f"{config.name}: it has no simulate, as it trains on images in files: there is nothing to draw"]
        )
    return config.simulate


def only_bands(scene: Scene, names: list[str], path: str = "bands") -> Scene:
    """A scene of some bands that share a pixel grid, in the order of `names`: the same systems, with fewer images.

    Draws, cuts of a selection and noise are those of the scene with all bands. path: of the names, for messages.

    Raises: ConfigError for a name that is not there or is given twice, and for bands of several grids.
    """
    whole = scene.whole or scene
    known = ", ".join(filter(None, whole.bands)) or "none with a name"
    problems = [f'{path}: no band "{n}", expected one of {known}' for n in names if n not in whole.bands]
    if len(set(names)) < len(names) or not names:
        problems.append(f"{path}: expected names of bands, each once, got {names}")
    if not problems and list(names) != list(whole.bands):
        if len(_of_bands(whole, names).grids) > 1:
            grids = describe_grids(whole)
            problems.append(f"{path}: {' and '.join(names)} lie on several pixel grids, expected one of {grids}")
        problems += _needs_one_grid(whole.config)
    if problems:
        raise ConfigError(problems)
    if list(names) == list(scene.bands):
        return scene
    return whole if list(names) == list(whole.bands) else _of_bands(whole, names)


def describe_grids(scene: Scene) -> str:
    """The pixel grids of a scene in words, such as: VIS: 64 x 64 pixels of 0.1"; Y, J: 21 x 21 pixels of 0.3"."""
    grids = [(", ".join(g.bands), g.config.image.num_pix, g.instrument.pixel_scale) for g in scene.grids]
    return "; ".join(f'{names}: {size} x {size} pixels of {scale:g}"' for names, size, scale in grids)


def _of_bands(scene, names):
    """A scene of some of the bands of a scene."""
    bands = {name: scene.bands[name] for name in names}
    num_pix = {name: scene.num_pix[name] for name in names}
    whole, config = scene.whole or scene, _with_image(scene, names)
    return replace(scene, config=config, bands=bands, num_pix=num_pix, whole=whole)


def _with_image(scene, names):
    """The config of a scene, with the grid of the first of some bands where that is another than the common one."""
    num_pix, scale = scene.num_pix[names[0]], scene.bands[names[0]].pixel_scale
    image = scene.config.image
    if num_pix == image.num_pix and image.pixel_scale in (None, scale):
        return scene.config
    return scene.config.model_copy(
        update={"image": image.model_copy(update={"num_pix": num_pix, "pixel_scale": scale})}
    )


def _make_instruments(config):
    """The `Instrument` of every band, and its pixels on a side, by name."""
    bands, num_pix, problems, images = {}, {}, [], config.band_images()
    for name, observation in config.band_observations().items():
        path, image = f"simulate.bands.{name}" if name else "simulate.observation", images[name]
        scale = config.image.pixel_scale if image.pixel_scale is None else image.pixel_scale
        if scale is None and observation.instrument is None and bands:
            scale = next(iter(bands.values())).pixel_scale
        try:
            bands[name] = make_instrument(observation, scale, path)
        except ConfigError as error:
            problems += error.problems
            continue
        num_pix[name] = _num_pix(config.image, image, bands)
        if not LEAST_PIXELS <= num_pix[name] <= MOST_PIXELS:
            problems.append(
                f'{path}.image.num_pix: missing, and {num_pix[name]} pixels of {bands[name].pixel_scale:g}" would show '
                f"the field of simulate.image: expected {LEAST_PIXELS} to {MOST_PIXELS}"
            )
    if problems:
        raise ConfigError(problems)
    return bands, num_pix


def _num_pix(common, image, bands):
    """Pixels on a side of the last of `bands`: as given, or as many as come nearest to the field of all.

    common: `configs.observation.Image`, whose pixel is that of the first band unless it says so. image: `BandImage`.
    """
    first, last = (list(bands.values())[k].pixel_scale for k in (0, -1))
    scale = first if common.pixel_scale is None else common.pixel_scale
    return round(common.num_pix * scale / last) if image.num_pix is None else image.num_pix


def _problems_of_grid(scene):
    """Sentences about what does not go together on one pixel grid."""
    fine = scene.instrument.supersampling
    if len({instrument.supersampling for instrument in scene.bands.values()}) > 1:
        names = ", ".join(scene.bands)
        yield f"simulate.bands: the PSFs of {names}, which share a pixel grid, need the same supersampling"
    elif scene.config.image.rays != "adaptive" and scene.config.image.rays % fine:
        of = f" of {', '.join(scene.bands)}" if scene.whole else ""
        yield f"simulate.image.rays: must be a multiple of the PSF's supersampling{of}, {fine}"


def _needs_one_grid(config):
    """A sentence if the bands of a config cannot be taken apart."""
    if config.observation.defect == "clipped_over_peak":
        yield (
            "simulate.observation.defect: clipped_over_peak divides all bands by the brightest pixel of all, so they "
            "need one pixel grid and stay together"
        )


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
                if component.galaxy is not None:
                    if component.galaxy >= len(part):
                        has = f"{len(part)} {'galaxy' if len(part) == 1 else 'galaxies'}"
                        raise ConfigError(
                            [
                                f"simulate.{group}.{k}.galaxy: {component.galaxy} is not among the {has} of "
                                f"{component.catalogue}, whose numbers are 0 to {len(part) - 1}"
                            ]
                        )
                    pools[group, k] = [np.array([first + component.galaxy])] * 3
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
