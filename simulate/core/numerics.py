"""How functions are compiled with numba, and fast scalar maths (exp2, log2, ...) for float32 and float64.

``math.exp`` and ``math.log`` are calls that stop a loop from vectorising. In float32 these are replaced by short
polynomials on the bits of the number (relative error below 2e-7); in float64, used for parity tests and
derivatives, the exact library functions are kept.
"""

import functools
import math
from types import FunctionType

import numpy as np
from numba import njit, types
from numba.extending import overload

from ..profiles.scalar import LN_2, LOG2_E, atan_ratio, exp2, log1p, log2, real  # noqa: F401

# No "reassoc": the rounding trick in exp2 relies on the order of its additions.
FASTMATH = {"contract", "nnan", "ninf", "nsz", "arcp", "afn"}
# error_model="numpy": a check for division by zero is a branch, and a branch stops a loop from vectorising.
# _nrt=False: numba counts the references to every array and every part of one that is handed on, one atomic operation
# each, which took a sixth of the time and slowed threads that share an array. These functions only borrow arrays: they
# make none and return none.
row_function = njit(fastmath=FASTMATH, error_model="numpy", _nrt=False)  # a loop over rays or pixels
chunk_function = njit(_nrt=False)  # hands a chunk of rays from loop to loop
sum_function = njit(fastmath=True, error_model="numpy", _nrt=False)  # adds up in any order, many numbers at once
ray_function = njit(fastmath=FASTMATH, error_model="numpy", inline="always")  # what is done for one of them
branch_function = njit(_nrt=False, inline="always")  # chooses between loops, see `chain`


@functools.cache
def compiled(function):
    """The numba function of one that is marked by `profiles.scalar`, as are the functions that it calls."""
    known, names = function.__globals__, function.__code__.co_names
    helpers = {n: compiled(known[n]) for n in names if hasattr(known.get(n), "done_per")}
    copy = FunctionType(function.__code__, known | helpers, function.__name__, function.__defaults__)
    return {"system": njit, "ray": ray_function}[function.done_per](copy)


def chain(branches, otherwise, compiler):
    """f(number, work) that gives branches[number](work), or otherwise(work) where there is no such branch.

    branches: compiled functions by number. work: a tuple of arguments. compiler: e.g. `branch_function`. It becomes a
    chain of comparisons, as a compiled function cannot take another one out of a dictionary.
    """

    @compiler
    def found(asked, work):
        return otherwise(work)

    for number in sorted(branches, reverse=True):
        found = _either(number, branches[number], found, compiler)
    return found


def _either(number, own, other, compiler):
    @compiler
    def either(asked, work):
        if asked == number:
            return own(work)
        return other(asked, work)

    return either


@overload(real, inline="always")
def _real(x, constant):
    floating = np.float32 if x == types.float32 else np.float64
    return lambda x, constant: floating(constant)


@row_function
def _exp2_float32(x):
    x = max(x, np.float32(-125.0))
    magic = np.float32(12582912.0)  # 1.5 * 2**23: adding it rounds to the nearest integer
    shifted = x + magic
    f = x - (shifted - magic)
    p = np.float32(1.535336188319500e-4)
    p = p * f + np.float32(1.339887440266574e-3)
    p = p * f + np.float32(9.618437357674640e-3)
    p = p * f + np.float32(5.550332471162809e-2)
    p = p * f + np.float32(2.402264791363012e-1)
    p = p * f + np.float32(6.931472028550421e-1)
    p = p * f + np.float32(1.0)
    exponent = np.int32(np.int32(np.float32(shifted).view(np.int32) << np.int32(23)) + np.int32(0x3F800000))
    return p * exponent.view(np.float32)


@overload(exp2, inline="always")
def _exp2(x):
    if x == types.float32:
        return lambda x: _exp2_float32(x)
    return lambda x: np.exp2(x)


@row_function
def _log2_float32(x):
    # Every step is cast back: numba adds int32 in 64 bits, which halves the width of a vector.
    bits = np.int32(np.float32(x).view(np.int32) + np.int32(0x3F800000 - 0x3F3504F3))
    exponent = np.float32(np.int32(np.int32(bits >> np.int32(23)) - np.int32(127)))
    fraction = np.int32(bits & np.int32(0x007FFFFF))
    m = np.int32(fraction + np.int32(0x3F3504F3)).view(np.float32)  # sqrt(1/2) <= m < sqrt(2)
    z = m - np.float32(1.0)
    p = np.float32(0.12541118264198303)  # log2(1 + z) / z, error of the product below 1e-8; a division costs more
    p = p * z + np.float32(-0.2103029042482376)
    p = p * z + np.float32(0.21737967431545258)
    p = p * z + np.float32(-0.23851951956748962)
    p = p * z + np.float32(0.28765666484832764)
    p = p * z + np.float32(-0.3607212007045746)
    p = p * z + np.float32(0.48092252016067505)
    p = p * z + np.float32(-0.7213471531867981)
    p = p * z + np.float32(1.442694902420044)
    return exponent + z * p


@overload(log2, inline="always")
def _log2(x):
    if x == types.float32:
        return lambda x: _log2_float32(x)
    return lambda x: np.log2(x)


@row_function
def _log1p_float32(x):
    one = np.float32(1.0)
    w = one + x
    return np.float32(LN_2) * _log2_float32(w) + (x - (w - one)) / w  # the second term is what the rounding of w lost


@overload(log1p, inline="always")
def _log1p(x):
    if x == types.float32:
        return lambda x: _log1p_float32(x)
    return lambda x: np.log1p(x)


@row_function
def _atan_ratio_float32(t):
    p = np.float32(-0.0035096655065802)  # smallest largest relative error, 2.4e-8, on -.172 to 1
    p = p * t + np.float32(0.01831610534201894)
    p = p * t + np.float32(-0.04429821814610459)
    p = p * t + np.float32(0.07023767619194858)
    p = p * t + np.float32(-0.09050334262642808)
    p = p * t + np.float32(0.1113994097664544)
    p = p * t + np.float32(-0.14290862107387944)
    p = p * t + np.float32(0.19999754628249447)
    p = p * t + np.float32(-0.3333327510892885)
    return p * t + np.float32(1.0000000051167492)


@row_function
def _atan_ratio_float64(t):
    root = math.sqrt(max(abs(t), 1e-300))
    return (math.atan(root) if t > 0.0 else math.atanh(min(root, 1.0))) / root


@overload(atan_ratio, inline="always")
def _atan_ratio(t):
    if t == types.float32:
        return lambda t: _atan_ratio_float32(t)
    return lambda t: _atan_ratio_float64(t)
