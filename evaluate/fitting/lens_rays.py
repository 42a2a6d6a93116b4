"""Where rays arrive behind the lens of a fit, and behind lenses whose parameters are a little further."""

import numpy as np

from ...simulate.cpu import kernel
from ...simulate.kernel_arguments import Tables
from ...simulate.profiles import registry
from ...simulate.render import _workspace, pack_maps
from .free_parameters import STEP, columns_of


class LensRays:
    """Traces rays through lenses of one scene; it fills tables of its own, so a thread needs one.

    free: `free_parameters.FreeParameters`.
    """

    def __init__(self, scene, free):
        self._free, self._places = free, columns_of(free)
        self._maps = pack_maps(scene, np.float64)
        self._tables = self._make_tables(1 + len(free.places))
        self._work = _workspace(self._make_tables(1), np.float64)

    def _make_tables(self, n):
        """The kernel's tables of n lenses without light, with the parameters that do not vary."""
        k = len(self._free.profiles)
        numbers, rows = np.empty((n, k), np.int64), np.zeros((n, k, registry.N_PARAMETERS))
        n_maps = 0
        for j, (profile, constants) in enumerate(zip(self._free.profiles, self._free.constants, strict=True)):
            numbers[:, j] = registry.MASS_NUMBERS[profile]
            for name, value in (registry.MASS[profile].always | {"map": n_maps} | constants).items():
                if name in registry.MASS_PARAMETERS[profile]:
                    rows[:, j, registry.MASS_PARAMETERS[profile].index(name)] = value
            n_maps += registry.MASS[profile].rays == "map"
        nothing, no_light = np.zeros((0, registry.N_PARAMETERS)), np.zeros((n, 1, 0, registry.N_PARAMETERS))
        first, no_profiles = np.zeros(n + 1, np.int64), np.zeros((n, 1, 0), np.int64)
        return Tables(numbers, rows, first, first[:0], nothing, no_profiles, no_light, no_profiles, no_light)

    def positions(self, lens, x, y, moved=False):
        """Where rays at x, y (rays,) arrive, (m, 2, rays) [arcsec], for m = 1 lens.

        moved: also for lenses that each have one parameter a `STEP` further.
        """
        n = len(self._tables.deflectors) if moved else 1
        tables = self._tables._replace(
            deflector_profiles=self._tables.deflector_profiles[:n],
            deflectors=self._tables.deflectors[:n],
            halo_first=self._tables.halo_first[: n + 1],
        )
        for p, (k, column) in enumerate(self._places):
            tables.deflectors[:, k, column] = lens[p]
            if moved:
                tables.deflectors[1 + p, k, column] += STEP * self._free.spread[p]
        at = np.broadcast_to(np.stack([x, y])[:, None], (2, n, x.size)).copy()
        alpha = np.empty_like(at)
        kernel.trace(tables, self._maps, at[0], at[1], self._work, alpha[0], alpha[1])
        return (at - alpha).transpose(1, 0, 2)
