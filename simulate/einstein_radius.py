"""The effective Einstein radius of a deflector as a whole, whatever it consists of."""

import numpy as np

N_ANGLES = 64  # on a circle: the mean deflection of an axis ratio of 0.2 is then good to 1e-9


def einstein_radius(trace, center_x=0.0, center_y=0.0, guess=1.0):
    """The effective Einstein radius: of the circle within which the mean convergence is 1; float64 (n,) [arcsec].

    By Gauss's theorem the mean convergence in a circle is the mean radial deflection on it over its radius, so shear
    does not enter and mass sheets do; it is lenstronomy's `LensProfileAnalysis.effective_einstein_radius`.

    Args:
        trace: `trace(x, y) -> alpha_x, alpha_y`, float64 (n, m) [arcsec], row i for system i, as of `render.tracer`.
        center_x, center_y: of the circle, (n,) or a number [arcsec].
        guess: (n,) [arcsec], such as the main deflector's theta_E; the radius is sought between guess/256 and 8 guess.

    Returns: 0 where there is no such radius; the outermost where there are several.
    """
    guess, center_x, center_y = np.broadcast_arrays(np.atleast_1d(np.float64(guess)), center_x, center_y)
    scale = np.where(guess > 0, guess, 1.0)
    steps = np.log(2.0) * np.arange(-8, 4)
    coarse = _log_mean_convergence(trace, center_x, center_y, scale[:, None] * np.exp(steps), N_ANGLES // 2)
    crosses = (coarse[:, :-1] >= 0) & (coarse[:, 1:] < 0)
    inner = crosses.shape[1] - 1 - np.argmax(crosses[:, ::-1], axis=1)
    found, rows = crosses.any(1), np.arange(len(scale))
    # Illinois's false position in logarithms, in which a power law is a straight line
    low, high = steps[inner], steps[inner + 1]
    f_low, f_high = np.where(found, coarse[rows, inner], 1.0), np.where(found, coarse[rows, inner + 1], -1.0)
    side, x, going = np.zeros(len(scale)), low, found
    for _ in range(60):
        last = x
        x = np.where(going, (low * f_high - high * f_low) / np.where(going, f_high - f_low, 1.0), last)
        going = going & (np.abs(x - last) >= 1e-8)  # a system ends at the same step whatever else is in the batch
        if not going.any():
            break
        f = _log_mean_convergence(trace, center_x, center_y, (scale * np.exp(x))[:, None], N_ANGLES)[:, 0]
        below = f >= 0
        f_high = np.where(below & (side > 0), 0.5 * f_high, f_high)
        f_low = np.where(~below & (side < 0), 0.5 * f_low, f_low)
        low, f_low = np.where(below, x, low), np.where(below, f, f_low)
        high, f_high = np.where(below, high, x), np.where(below, f_high, f)
        side = np.where(below, 1, -1)
    return np.where(found, scale * np.exp(x), 0.0)


def _log_mean_convergence(trace, center_x, center_y, radii, n_angles):
    """ln of the mean convergence in circles of `radii`, (n, k)."""
    angle = 2.0 * np.pi * (np.arange(n_angles) + 0.5) / n_angles
    cos, sin = np.cos(angle), np.sin(angle)
    x = center_x[:, None, None] + radii[:, :, None] * cos
    y = center_y[:, None, None] + radii[:, :, None] * sin
    alpha_x, alpha_y = (a.reshape(x.shape) for a in trace(x.reshape(len(x), -1), y.reshape(len(x), -1)))
    outwards = (alpha_x * cos + alpha_y * sin).sum(-1)  # a product of matrices would round differently for another n
    return np.log(np.maximum(outwards / (n_angles * radii), 1e-300))
