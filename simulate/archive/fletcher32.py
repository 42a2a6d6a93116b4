"""The Fletcher-32 checksum of HDF5, with which each chunk of a file ends."""

import numpy as np

from ..core.compiled import cached

MODULUS = 65535  # of both of its sums
PIECE = 256  # words whose weighted sum is below 2^32, so that they are added as 32-bit numbers, several at a time
WEIGHTS = np.arange(PIECE, 0, -1, dtype=np.uint32)


def is_sound(data):
    """Whether bytes, uint8 (n,), end with the checksum of those before."""
    if len(data) <= 4:
        return False
    words = data[:-4] if len(data) % 2 == 0 else np.append(data[:-4], np.uint8(0))
    first, second = _sums(words.view("<u2"), WEIGHTS)
    said = int.from_bytes(data[-4:].tobytes(), "little")
    # The sums are of words with the high byte first: modulo 2^16 - 1, exchanging the two is multiplying by 2^8.
    return ((second * 256 - (said >> 16)) % MODULUS, (first * 256 - (said & 0xFFFF)) % MODULUS) == (0, 0)


@cached
def _sums(words, weights):
    """The sum of words, and that of its values after each word, both modulo MODULUS."""
    first, second = 0, 0
    for start in range(0, len(words), PIECE):
        piece = words[start : start + PIECE]
        n = len(piece)
        own = weights[PIECE - n :]
        plain, weighted = np.uint32(0), np.uint32(0)
        for k in range(n):
            plain = np.uint32(plain + piece[k])
            weighted = np.uint32(weighted + own[k] * piece[k])
        second = (second + n * first + np.int64(weighted)) % MODULUS
        first = (first + np.int64(plain)) % MODULUS
    return first, second
