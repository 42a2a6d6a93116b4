"""exp2, log2 and log1p of `simulate.profiles.scalar` in float64 on CUDA, which has them under other names."""

import math

from numba import types
from numba.extending import overload

from ..profiles import scalar


@overload(scalar.exp2, inline="always", target="cuda")
def _exp2(x):
    if x == types.float64:
        return lambda x: math.pow(2.0, x)


@overload(scalar.log2, inline="always", target="cuda")
def _log2(x):
    if x == types.float64:
        return lambda x: math.log2(x)


@overload(scalar.log1p, inline="always", target="cuda")
def _log1p(x):
    if x == types.float64:
        return lambda x: math.log1p(x)
