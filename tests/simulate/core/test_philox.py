"""The random generator: published vectors, moments, and streams that do not meet."""

import numpy as np
import pytest
from numba import njit

from lenstream.simulate.core.philox import NOISE, SOURCE, Draw, philox4x32, slot_of, uniforms

# Random123's known answers for philox4x32-10 (kat_vectors): counter, key, words.
VECTORS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@njit
def _block(counter, key):
    return philox4x32(counter[0], counter[1], counter[2], counter[3], key[0], key[1])


@pytest.mark.parametrize(("counter", "key", "words"), VECTORS)
def test_published_vectors(counter, key, words):
    assert _block(np.array(counter, np.uint32), np.array(key, np.uint32)) == words


def test_uniforms_are_uniform():
    u = uniforms(Draw(1, 0, np.arange(200_000)), [slot_of("theta_E")])[:, 0]
    assert 0 < u.min() < u.max() < 1
    assert abs(u.mean() - 0.5) < 4 * np.sqrt(1 / 12 / u.size)
    assert abs(u.var() - 1 / 12) < 4 * np.sqrt(1 / 180 / u.size)
    counts = np.histogram(u, 50, (0, 1))[0]
    assert ((counts - 4000) ** 2 / 4000).sum() < 100  # chi-square of 49 degrees of freedom


@pytest.mark.parametrize(
    "other", [{"seed": 2}, {"purpose": 1}, {"slots": [slot_of("gamma")]}, {"attempt": 1}], ids=lambda o: next(iter(o))
)
def test_streams_that_differ_in_one_part_are_uncorrelated(other):
    def drawn(slots=(0,), seed=1, purpose=0, attempt=0):
        return uniforms(Draw(seed, purpose, np.arange(20_000), attempt), slots)[:, 0]

    a, b = drawn(), drawn(**other)
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(20_000)


def test_an_entry_depends_on_its_own_arguments_only():
    slots = [slot_of(n) for n in ("a", "b", "c")]
    many = uniforms(Draw(7, SOURCE, np.arange(1000)), slots)
    alone = uniforms(Draw(7, SOURCE, [123]), slots[1:2])
    assert many[123, 1] == alone[0, 0]


def test_indices_use_all_64_bits():
    u = uniforms(Draw(1, NOISE, [5, 5 + (1 << 32), 5 + (1 << 40), 5 + (1 << 63)]), [0])[:, 0]
    assert len(set(u)) == 4


def test_every_system_may_be_at_an_attempt_of_its_own():
    indices, attempts, slots = np.arange(50), np.arange(50) % 3, [slot_of("a"), slot_of("b")]
    together = uniforms(Draw(7, SOURCE, indices, attempts), slots)
    for attempt in range(3):
        expected = uniforms(Draw(7, SOURCE, indices, attempt), slots)
        np.testing.assert_array_equal(together[attempts == attempt], expected[attempts == attempt])
        assert not np.isin(together[attempts != attempt], expected).any()
