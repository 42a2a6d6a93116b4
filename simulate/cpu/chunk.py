"""The array that holds a chunk of rays: what each row is, and how a loop over rays reads a profile's constants."""

from ..core.numerics import ray_function

# The rows of the array that a chunk of rays lives in: image plane, source plane, then scratch space.
X, Y, BETA_X, BETA_Y, SCRATCH = 0, 1, 2, 3, 4
N_ROWS = SCRATCH + 6


@ray_function
def unpack(p, k):
    """A profile's constants as a tuple: held in registers, never re-read inside the loop over rays."""
    return p[k, 0], p[k, 1], p[k, 2], p[k, 3], p[k, 4], p[k, 5], p[k, 6], p[k, 7], p[k, 8], p[k, 9]
