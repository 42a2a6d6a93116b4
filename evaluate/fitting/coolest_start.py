"""A lens model of a COOLEST file as the start of a fit."""

import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import DataError
from ...simulate.exchange.coolest_terms import drawn_lenses

ROUNDING = 1e-9  # of a range, by which a value may lie outside: a file has q and phi in place of e1 and e2
POWER_LAWS = ("EPL", "SIE", "SIS")  # which stand for each other: a start needs no slope


class CoolestStart(NamedTuple):
    """Where a fit begins, as `start_of_coolest` reads it from a file."""

    path: Path

    def __call__(self, free):
        return start_of_coolest(self.path, free)

    def key(self):
        """A number that changes with what the file says."""
        return zlib.crc32(self.path.read_bytes())


def start_of_coolest(path, free, n=32):
    """Lenses that a COOLEST file proposes for a fit, float64 (at most n, parameters of the lens), as `refine` takes.

    The first is the lens of the point estimates; the others are draws of the errors that the file gives, none where it
    gives none. What the file does not say is at the population's mean. Angles and lengths are those of the image's
    array, from its middle, as everywhere here: the file's image has to be that of the fit, or have its middle and axes.

    Args: free: `free_parameters.FreeParameters`.

    Raises: DataError as `coolest_terms.from_coolest`, for a deflector that the fit has not, and for a value outside of
        the population's range, beyond which no fit goes.
    """
    profiles, lenses = drawn_lenses(path, n)
    at = _places(path, profiles, free.profiles)
    out = np.tile(free.mean[: len(free.places)], (n, 1))
    for p, (k, name) in enumerate(free.places):
        if k in at:
            out[:, p] = [lens[at[k]].get(name, mean) for lens, mean in zip(lenses, out[:, p], strict=True)]
    low, high = free.low[: len(free.places)], free.high[: len(free.places)]
    names = free.names()[: len(free.places)]
    outside = [
        f"{name} is {value:.4g}, and the population has {lowest:.4g} to {highest:.4g}"
        for name, value, lowest, highest in zip(names, out[0], low, high, strict=True)
        if not lowest - ROUNDING * (highest - lowest) <= value <= highest + ROUNDING * (highest - lowest)
    ]
    if outside:
        raise DataError(f"{path} is no start of this fit: {'; '.join(outside)}")
    out = np.clip(out, low, high)
    return out if (out[1:] != out[0]).any() else out[:1]


def _places(path, profiles, wanted):
    """Which deflector of the file each of the fit's is, for those that the file has: a dict of their numbers."""
    left, at = list(range(len(wanted))), {}
    for j, profile in enumerate(profiles):
        same = [k for k in left if wanted[k] == profile or {wanted[k], profile} <= set(POWER_LAWS)]
        if not same:
            raise DataError(f"{path}: its {profile} is not in the lens that is fitted, {', '.join(wanted)}")
        at[same[0]] = j
        left.remove(same[0])
    return at
