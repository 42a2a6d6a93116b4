"""The parameters of a batch of systems on a GPU, and the constants of their profiles that rays need."""

from typing import NamedTuple

import numpy as np
import torch
from numba import cuda, float64

from ..cpu import deflection, light
from ..kernel_arguments import Maps, Tables
from ..profiles import epl
from ..profiles.registry import ABSENT, LIGHT_NUMBERS, MASS_NUMBERS, N_PARAMETERS
from .kernels import THREADS, blocks_for, kernel, to_device

MAX_TERMS = epl.MAX_TERMS  # a name of this file: the size of a local array

TOLERANCE = {torch.float32: epl.SINGLE, torch.float64: epl.DOUBLE}


class Parameters(NamedTuple):
    """`kernel_arguments.Tables` on the device: n systems, L layers, H subhalos."""

    deflector_profiles: torch.Tensor  # int64 (n, k)
    deflectors: torch.Tensor  # float64 (n, k, N_PARAMETERS)
    halo_profiles: torch.Tensor  # int64 (H, 1)
    halos: torch.Tensor  # float64 (H, 1, N_PARAMETERS)
    source_profiles: torch.Tensor  # int64 (n L, k)
    sources: torch.Tensor  # float64 (n L, k, N_PARAMETERS)
    light_profiles: torch.Tensor  # int64 (n L, k)
    lights: torch.Tensor  # float64 (n L, k, N_PARAMETERS)


class Profiles(NamedTuple):
    """Which profiles a scene has, by the numbers of `profiles.registry`."""

    deflectors: frozenset
    halos: frozenset
    lights: frozenset


class BatchDeflectors(NamedTuple):
    """All that deflects the rays of a batch of systems; the first axis of the lens is the system."""

    lens: deflection.Lens
    halo_first: torch.Tensor  # int64 (n + 1,)
    halos: deflection.Lens  # of all systems
    maps: Maps


class Constants(NamedTuple):
    """What `deflection.prepare` and `light.prepare` make of the parameters, in one type."""

    deflectors: BatchDeflectors
    sources: light.Light  # (n L, ...)
    lights: light.Light  # (n L, ...), not lensed
    stamps: torch.Tensor  # (s, side, side)


def profiles_of(scene, systems):
    """The `Profiles` of a scene; not of the batch, so that nothing is compiled for a batch that lacks some."""
    config = scene.config
    galaxies = [component.profile for component in (*config.source, *config.lens_light)]
    return Profiles(
        frozenset(MASS_NUMBERS[component.profile] for component in config.lens_mass),
        frozenset(MASS_NUMBERS[halos.profile] for halos in systems.halos),
        frozenset(LIGHT_NUMBERS[profile] for profile in galaxies),
    )


def rows_of(tables, part):
    """The `kernel_arguments.Tables` of some systems, a slice with start and stop."""
    first = tables.halo_first[part.start : part.stop + 1]
    halos = slice(first[0], first[-1])
    own = {n: getattr(tables, n)[part] for n in tables._fields if not n.startswith("halo")}
    return Tables(
        halo_first=first - first[0], halo_profiles=tables.halo_profiles[halos], halos=tables.halos[halos], **own
    )


def parameters(tables, device):
    """`Parameters` and halo_first from a `kernel_arguments.Tables` of numpy arrays."""
    host = []
    for profiles, rows in (
        (tables.deflector_profiles, tables.deflectors),
        (tables.halo_profiles[:, None], tables.halos[:, None]),
        (tables.source_profiles, tables.sources),
        (tables.light_profiles, tables.lights),
    ):
        n, k = int(np.prod(profiles.shape[:-1])), profiles.shape[-1]
        # A component that is absent where there is none: arrays of no size are a special case on the way to a device.
        shape = max(n, 1), max(k, 1)
        padded_profiles = np.full(shape, ABSENT, np.int64)
        padded_rows = np.zeros((*shape, N_PARAMETERS))
        padded_profiles[:n, :k], padded_rows[:n, :k] = profiles.reshape(n, k), rows.reshape(n, k, N_PARAMETERS)
        host += [padded_profiles, padded_rows]
    return Parameters(*(to_device(a, device) for a in host)), to_device(tables.halo_first, device)


def constants(given, halo_first, maps, stamps, stream):
    """`Constants` in the type of the stamps, computed on the device.

    Args: given: `Parameters`. maps: `kernel_arguments.Maps`. stamps: (s, side, side). Both of one type, on the device.
    """
    device, dtype, side = stamps.device, stamps.dtype, stamps.shape[1]

    def empty_lens(profiles, n_terms):
        n, k = profiles.shape
        numbers = torch.zeros(n, k, 3, dtype=torch.int64, device=device)
        values = torch.zeros(n, k, N_PARAMETERS, dtype=dtype, device=device)
        return deflection.Lens(numbers, values, torch.zeros(n, k, n_terms, dtype=dtype, device=device))

    def empty_light(profiles):
        n, k = profiles.shape
        values = torch.zeros(n, k, N_PARAMETERS, dtype=dtype, device=device)
        return light.Light(torch.full_like(profiles, ABSENT), values, torch.zeros_like(profiles))

    main, halos = empty_lens(given.deflector_profiles, MAX_TERMS), empty_lens(given.halo_profiles, 1)
    sources, lights = empty_light(given.source_profiles), empty_light(given.light_profiles)
    for target, profiles, rows in (
        (main, given.deflector_profiles, given.deflectors),
        (halos, given.halo_profiles, given.halos),
    ):
        _prepare_lenses(stream, blocks_for(len(profiles)), (profiles, rows, maps.grids), TOLERANCE[dtype], target)
    for target, profiles, rows in (
        (sources, given.source_profiles, given.sources),
        (lights, given.light_profiles, given.lights),
    ):
        _prepare_lights(stream, blocks_for(len(profiles)), (profiles, rows), side, target)
    flat = deflection.Lens(*(values.flatten(0, 1) for values in halos))
    return Constants(BatchDeflectors(main, halo_first, flat, maps), sources, lights, stamps)


@kernel
def _prepare_lenses(given, tolerance, lens):
    profiles, rows, grids = given
    i = cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if i >= profiles.shape[0]:
        return
    scratch = cuda.local.array(MAX_TERMS, float64)
    own = deflection.Lens(lens.numbers[i], lens.constants[i], lens.coefficients[i])
    deflection.prepare(profiles[i], rows[i], grids, tolerance, own, scratch)


@kernel
def _prepare_lights(given, side, lights):
    profiles, rows = given
    i = cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if i >= profiles.shape[0]:
        return
    scratch = cuda.local.array(N_PARAMETERS, float64)
    own = light.Light(lights.profiles[i], lights.constants[i], lights.stamps[i])
    light.prepare(profiles[i], rows[i], side, own, scratch)
