"""The two Einstein radii of a deflector as a whole, whatever it consists of: by mean convergence and by critical curve.

For an isothermal ellipsoid of axis ratio 0.5 and theta_E = 1.2 they are 1.1649 and 1.2: literature calls either the
effective Einstein radius, so names here say which.
"""

import numpy as np

from .core.compiled import cached

N_ANGLES = 64  # on a circle: the mean deflection of an axis ratio of 0.2 is then good to 1e-9
# Where half as many angles give another mean, by more than UNEVEN of it, as with a second deflector on the circle
MORE_ANGLES, UNEVEN = 256, 3e-5
# Where the critical curve is looked for, on a first and, where it has corners, on a second look: in how many
# directions, and at which radii, as their ln over the guess
FIRST = 48, np.log(2.0) * np.array([-3, -2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.75, 3.5])
SECOND = 192, np.log(2.0) * np.linspace(-3, 3.5, 40)
SMOOTH = 3e-3  # of the radius: as far as that from every second direction may be off
STEP = 1e-7  # of the radius, over which deflections are differenced


def mean_kappa_radius(trace, center_x=0.0, center_y=0.0, guess=1.0, trace_of=None):
    """The Einstein radius by mean convergence: of the circle in which the mean of kappa is 1; float64 (n,) [arcsec].

    By Gauss's theorem the mean convergence in a circle is the mean radial deflection on it over its radius, so shear
    does not enter and mass sheets do; it is lenstronomy's `LensProfileAnalysis.effective_einstein_radius`. It is good
    to 1e-9 with one deflector, in the middle of the circle, and to 3e-4 with more, which may lie on the
    circle.

    Args:
        trace: `trace(x, y) -> alpha_x, alpha_y`, float64 (n, m) [arcsec], row i for system i, as of `render.tracer`.
        center_x, center_y: of the circle, (n,) or a number [arcsec].
        guess: (n,) [arcsec], such as the main deflector's theta_E; the radius is sought between guess/256 and 8 guess,
            and up to 16,384 guess where the mean convergence is still above 1 there.
        trace_of: trace_of(rows) is a `trace` of some of the systems only, for those that need a second look; None: all
            get one where any does.

    Returns: 0 where there is no such radius; the outermost where there are several.
    """
    guess, *centre = np.broadcast_arrays(np.atleast_1d(np.float64(guess)), center_x, center_y)
    scale = np.where(guess > 0, guess, 1.0)
    radius, smooth = _radius_by_mean(trace, centre, scale, N_ANGLES)
    rows = np.flatnonzero(~smooth)
    if len(rows) and trace_of is None:
        radius[rows] = _radius_by_mean(trace, centre, scale, MORE_ANGLES)[0][rows]
    elif len(rows):
        radius[rows] = _radius_by_mean(trace_of(rows), [c[rows] for c in centre], scale[rows], MORE_ANGLES)[0]
    return radius


def _radius_by_mean(trace, centre, scale, n_angles):
    """`mean_kappa_radius` with so many angles, and whether half of them give the same; two (n,) arrays."""

    def log_mean(steps, n_angles):
        return _log_mean_convergence(trace, *centre, scale[:, None] * np.exp(steps), n_angles)

    steps = np.log(2.0) * np.arange(-8, 4)
    coarse = log_mean(steps, n_angles // 2)
    if (coarse[:, -1] >= 0).any():  # far larger than guessed, as under a mass sheet
        further = np.log(2.0) * np.arange(4, 15)
        steps, coarse = np.append(steps, further), np.append(coarse, log_mean(further, n_angles // 2), axis=1)
    crosses = (coarse[:, :-1] >= 0) & (coarse[:, 1:] < 0)
    inner = crosses.shape[1] - 1 - np.argmax(crosses[:, ::-1], axis=1)
    found, rows = crosses.any(1), np.arange(len(scale))
    ends = np.where(found, coarse[rows, inner], 1.0), np.where(found, coarse[rows, inner + 1], -1.0)
    x = _roots(lambda x: log_mean(x[:, None], n_angles)[:, 0], (steps[inner], steps[inner + 1]), ends, found)
    even = np.abs(log_mean(x[:, None], n_angles // 2)[:, 0]) <= UNEVEN  # 0 with all of them
    return np.where(found, scale * np.exp(x), 0.0), even | ~found


def critical_curve_radius(trace, center_x=0.0, center_y=0.0, guess=1.0, trace_of=None):
    """The Einstein radius by area: sqrt(A / pi), A inside the tangential critical curve; float64 (n,) [arcsec].

    The curve is where 1 - kappa - |gamma| is 0, so whatever `trace` deflects by enters: shear, too. It is the one
    around the centre, with what has merged with it; curves of their own around other deflectors are not counted.
    It is good to 1e-4 where the curve is smooth, and to 3e-3 where a small deflector makes corners or a gap.

    Args:
        trace, center_x, center_y: as for `mean_kappa_radius`.
        guess: (n,) [arcsec], such as what that gives; the curve is sought between guess/8 and 11 guess.
        trace_of: trace_of(rows) is a `trace` of some of the systems only, for those that need a second look; None: all
            get one.

    Returns: 0 where there is no such curve, or where it does not close.
    """
    guess, *centre = np.broadcast_arrays(np.atleast_1d(np.float64(guess)), center_x, center_y)
    scale = np.where(guess > 0, guess, 1.0)
    radius, smooth = _radius_on(*FIRST, trace, centre, scale)
    rows = np.flatnonzero(~smooth)
    if len(rows) and trace_of is None:
        radius[rows] = _radius_on(*SECOND, trace, centre, scale)[0][rows]
    elif len(rows):
        radius[rows] = _radius_on(*SECOND, trace_of(rows), [c[rows] for c in centre], scale[rows])[0]
    return radius


def _radius_on(n_directions, steps_out, trace, centre, scale):
    """`critical_curve_radius` on one look, and whether half of its directions give the same; two (n,) arrays."""
    angle = 2.0 * np.pi * (np.arange(n_directions) + 0.5) / n_directions

    def eigenvalue(steps, angle=angle):
        return _tangential_eigenvalue(trace, centre, angle, scale[:, None, None] * np.exp(steps))

    blocks = np.split(angle, n_directions // FIRST[0])  # so that the memory for rays stays small
    coarse = np.concatenate([eigenvalue(steps_out, block) for block in blocks], axis=1)
    inside = _connected(coarse < 0)
    edges, radius2 = inside[..., 1:] != inside[..., :-1], np.zeros(coarse.shape[:2])
    simple = (edges.sum(-1) == 1).all(-1)
    while edges.any():  # from the outermost edge in every direction inwards: nearly always there is only one
        found = edges.any(-1)
        k = np.where(found, edges.shape[-1] - 1 - np.argmax(edges[..., ::-1], axis=-1), 0)
        low, high = (np.take_along_axis(coarse, j[..., None], axis=-1)[..., 0] for j in (k, k + 1))
        sign = np.where(low < 0, 1.0, -1.0)  # an edge outwards, or the far side of a gap
        ends = np.where(found, -sign * low, 1.0), np.where(found, -sign * high, -1.0)

        def towards(x, sign=sign):
            return -sign * eigenvalue(x[..., None])[..., 0]

        x = _roots(towards, (steps_out[k], steps_out[k + 1]), ends, found)
        radius2 += np.where(found, sign * np.exp(2.0 * x), 0.0)
        np.put_along_axis(edges, k[..., None], False, axis=-1)
    whole, half = (np.sqrt(mean_square(radius2[:, ::s], angle[::s], simple)) for s in (1, 2))
    closed = ~inside[..., -1].any(-1)
    return np.where(closed, scale * whole, 0.0), ~closed | (np.abs(whole - half) <= SMOOTH * whole)


def _roots(f, ends, f_ends, going):
    """Where functions cross 0, by Illinois's false position; all arrays of one shape.

    Of a logarithm of the radius: in logarithms a power law is a straight line. f: of all of them at once; f_ends: its
    values at both `ends`, the first >= 0 and the second < 0. going: bool, those that are wanted.
    """
    (low, high), (f_low, f_high) = ends, f_ends
    side, x = np.zeros(low.shape), low
    for _ in range(60):
        last = x
        x = np.where(going, (low * f_high - high * f_low) / np.where(going, f_high - f_low, 1.0), last)
        going = going & (np.abs(x - last) >= 1e-8)  # a system ends at the same step whatever else is in the batch
        if not going.any():
            break
        value = f(x)
        below = value >= 0
        f_high = np.where(below & (side > 0), 0.5 * f_high, f_high)
        f_low = np.where(~below & (side < 0), 0.5 * f_low, f_low)
        low, f_low = np.where(below, x, low), np.where(below, value, f_low)
        high, f_high = np.where(below, high, x), np.where(below, f_high, value)
        side = np.where(below, 1, -1)
    return x


def _log_mean_convergence(trace, center_x, center_y, radii, n_angles):
    """ln of the mean convergence in circles of `radii`, (n, k)."""
    angle = 2.0 * np.pi * (np.arange(n_angles) + 0.5) / n_angles
    cos, sin = np.cos(angle), np.sin(angle)
    x = center_x[:, None, None] + radii[:, :, None] * cos
    y = center_y[:, None, None] + radii[:, :, None] * sin
    alpha_x, alpha_y = (a.reshape(x.shape) for a in trace(x.reshape(len(x), -1), y.reshape(len(x), -1)))
    outwards = (alpha_x * cos + alpha_y * sin).sum(-1)  # a product of matrices would round differently for another n
    return np.log(np.maximum(outwards / (n_angles * radii), 1e-300))


def _tangential_eigenvalue(trace, centre, angle, radii):
    """1 - kappa - |gamma| at `radii` (n, directions or 1, k) from a centre, by differences of deflections."""
    radii = np.ascontiguousarray(np.broadcast_to(radii, (len(radii), angle.size, radii.shape[2])))
    x, y = np.empty((2, len(radii), 3 * radii[0].size))
    _place_rays(*centre, np.cos(angle), np.sin(angle), radii, x, y)
    out = np.empty(radii.shape)
    _difference(x, y, *trace(x, y), out.reshape(len(radii), -1))
    return out


@cached
def _place_rays(center_x, center_y, cos, sin, radii, x, y):
    """Fill x and y with three rays a point: the point itself, one beside it and one above."""
    for i in range(radii.shape[0]):
        m = 0
        for d in range(radii.shape[1]):
            for k in range(radii.shape[2]):
                r = radii[i, d, k]
                x[i, m : m + 3] = center_x[i] + r * cos[d]
                y[i, m : m + 3] = center_y[i] + r * sin[d]
                x[i, m + 1] += STEP * r
                y[i, m + 2] += STEP * r
                m += 3


@cached
def _difference(x, y, alpha_x, alpha_y, out):
    """Fill `out` with 1 - kappa - |gamma| from the deflections of the rays of `_place_rays`."""
    for i in range(out.shape[0]):
        for p in range(out.shape[1]):
            m = 3 * p
            across, upwards = x[i, m + 1] - x[i, m], y[i, m + 2] - y[i, m]
            xx, yx = (alpha_x[i, m + 1] - alpha_x[i, m]) / across, (alpha_y[i, m + 1] - alpha_y[i, m]) / across
            xy, yy = (alpha_x[i, m + 2] - alpha_x[i, m]) / upwards, (alpha_y[i, m + 2] - alpha_y[i, m]) / upwards
            out[i, p] = 1.0 - 0.5 * (xx + yy + np.sqrt((xx - yy) ** 2 + (xy + yx) ** 2))


def _connected(negative):
    """Of the cells (n, directions, radii) that are marked, those that hang together with marked innermost ones."""
    joined = np.logical_and.accumulate(negative, axis=-1)
    while (negative & ~joined).any():
        grown = joined | np.roll(joined, 1, axis=1) | np.roll(joined, -1, axis=1)
        grown[..., 1:] |= joined[..., :-1]
        grown[..., :-1] |= joined[..., 1:]
        grown &= negative
        if (grown == joined).all():
            break
        joined = grown
    return joined


def mean_square(radius2, angle, simple):
    """The mean of r^2 over all directions, (n,), from that in some of them, `angle` (directions,), (n, directions).

    1 / r^2 of an ellipse is a constant and one wave, whose mean of r^2 is known; so where there is one radius in every
    direction (`simple`) only what is left of r^2 is summed, which makes flat curves exact, too.
    """
    plain = np.maximum(radius2.mean(-1), 0.0)
    u = 1.0 / np.where(simple[:, None], radius2, 1.0)
    constant, a, b = (w * (u * wave).mean(-1) for w, wave in ((1, 1.0), (2, np.cos(2 * angle)), (2, np.sin(2 * angle))))
    least = constant - np.hypot(a, b)
    fits = simple & (least > 0.25 * u.min(-1))
    constant, a, b = (np.where(fits, v, w) for v, w in ((constant, 1.0), (a, 0.0), (b, 0.0)))
    wave = constant[:, None] + a[:, None] * np.cos(2 * angle) + b[:, None] * np.sin(2 * angle)
    ellipse = 1.0 / np.sqrt(constant**2 - a**2 - b**2)
    return np.where(fits, ellipse + (radius2 - 1.0 / wave).mean(-1), plain)
