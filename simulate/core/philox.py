"""Philox4x32-10: random numbers as a pure function of a key and a counter.

Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3" (SC'11). Nothing is carried from one
draw to the next, so sample 12345 is the same whatever was drawn before it, and wherever.

key = (seed, purpose), counter = (index low, index high, attempt, slot).
"""

import zlib
from typing import NamedTuple

import numpy as np
from numba import njit

from .compiled import cached

# Purposes: what a stream of numbers is for. A view adds its number, so views never share a stream.
LENS = 0
ENVIRONMENT = 1
SOURCE = 0x1000
OBSERVATION = 0x2000
NOISE = 0x3000
LENS_LIGHT = 0x4000
GALAXY = 0x5000
SUBTRACTION = 0x6000


class Draw(NamedTuple):
    """What decides the random numbers of n systems, but for the slot that each parameter has for itself."""

    seed: int  # below 2**32
    purpose: int  # one of the constants above, plus the number of the view where it has streams of its own
    indices: np.ndarray  # integers (n,) below 2**64: the systems
    attempt: np.ndarray | int = 0  # integers (n,) below 2**32, or one for all: how often a selection refused each


@njit(inline="always")
def philox4x32(c0, c1, c2, c3, k0, k1):
    """The ten-round Philox4x32 block function: four counter words and two key words (uint32) to four random words."""
    mask = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    for _ in range(10):
        p0 = np.uint64(0xD2511F53) * np.uint64(c0)
        p1 = np.uint64(0xCD9E8D57) * np.uint64(c2)
        c0 = np.uint32((p1 >> half) ^ np.uint64(c1) ^ np.uint64(k0))
        c2 = np.uint32((p0 >> half) ^ np.uint64(c3) ^ np.uint64(k1))
        c1 = np.uint32(p1 & mask)
        c3 = np.uint32(p0 & mask)
        k0 = np.uint32((np.uint64(k0) + np.uint64(0x9E3779B9)) & mask)
        k1 = np.uint32((np.uint64(k1) + np.uint64(0xBB67AE85)) & mask)
    return c0, c1, c2, c3


def slot_of(name):
    """The counter slot of a named parameter: a checksum, so that adding a parameter leaves all others as they were."""
    return zlib.crc32(name.encode())


@cached
def _uniforms(seed, purpose, indices, attempt, slots):
    out = np.empty((indices.size, slots.size))
    for i in range(indices.size):
        low = np.uint32(indices[i] & np.uint64(0xFFFFFFFF))
        high = np.uint32(indices[i] >> np.uint64(32))
        for j in range(slots.size):
            a, b, _, _ = philox4x32(low, high, attempt[i], slots[j], np.uint32(seed), np.uint32(purpose))
            bits = (np.uint64(a) << np.uint64(20)) ^ (np.uint64(b) >> np.uint64(12))  # 52 bits: 1 - u is never 0
            out[i, j] = (np.float64(bits) + 0.5) * (1.0 / 4503599627370496.0)
    return out


def uniforms(draw, slots):
    """Uniform numbers in the open interval (0, 1).

    Args:
        draw: a `Draw` of n systems. slots: parameter slots, shape (k,), integers below 2**32 (see `slot_of`).

    Returns: float64 array of shape (n, k); each entry depends on its own system, attempt and slot only.
    """
    indices, attempt = counters(draw)
    return _uniforms(draw.seed, draw.purpose, indices, attempt, np.asarray(slots, dtype=np.uint32))


def counters(draw):
    """The indices, uint64 (n,), and attempts, uint32 (n,), of a `Draw` as compiled functions take them."""
    indices = np.ascontiguousarray(draw.indices, dtype=np.uint64)
    # a copy: numba would compile anew for an array that cannot be written
    return indices, np.array(np.broadcast_to(draw.attempt, indices.shape), dtype=np.uint32)
