"""Scalar maths of mass and light profiles in plain Python, and two marks that say how a function is compiled.

A profile's file holds formulas only: it needs no compiler, so settings and documents can be made from it in no time.
`core.numerics` compiles the functions that are marked here, and has faster code for the maths below.
"""

import math

LOG2_E = math.log2(math.e)
LN_2 = math.log(2.0)


def per_system(function):
    """Mark a function as work that is done once for every system."""
    function.done_per = "system"
    return function


def per_ray(function):
    """Mark a function as work that is done for every ray: its order of operations may be changed for speed."""
    function.done_per = "ray"
    return function


def real(x, constant):
    """`constant` in the floating type of `x`, so that a literal does not turn float32 arithmetic into float64."""
    return type(x)(constant)


def exp2(x):
    """2**x for one number; compiled float32 is clamped from below to normal numbers, and x must not be above 126."""
    return type(x)(2.0**x)


def log2(x):
    """log2(x) for one positive number; float32: a normal one."""
    return type(x)(math.log2(x))


def log1p(x):
    """ln(1 + x) for one number above -1, exact to rounding for small x."""
    return type(x)(math.log1p(x))


def atan_ratio(t):
    """atan(sqrt(t)) / sqrt(t), which below zero is atanh(sqrt(-t)) / sqrt(-t), for t > -1; float32: -.172 <= t <= 1."""
    root = math.sqrt(max(abs(float(t)), 1e-300))
    return type(t)((math.atan(root) if t > 0 else math.atanh(root)) / root)
