"""The lens equation: the images of a point in the source plane, and the magnification of points in the image plane.

Everything is computed from a ray tracer that the caller gives, so any combination of profiles will do:
`trace(x, y) -> alpha_x, alpha_y`, float64 (n, m) arrays, row i for system i; positions and deflections in arcsec.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from .core.compiled import cached

MAX_IMAGES = 7
FAINTEST = 1e-2  # images with less magnification, at the centre of a steep lens, are left out
LEVELS = 5  # how often cells that may hold an image are divided
DIVISIONS = 3  # of a cell along its side; odd, so that no node falls on a lens in the middle
N_CANDIDATES = 16  # triangles a system; some hold the singular centre of a deflector instead of an image
MARGIN = 1.0  # of the bend; 1/8 is enough where the map is smooth, 0.85 around a singular centre inside a cell
STEP = 1e-5  # arcsec: half the distance over which deflections are differenced


@dataclass(frozen=True)
class Images:
    """Images of a point source in n systems, brightest first; arrays are padded with NaN."""

    x: np.ndarray  # float64 (n, MAX_IMAGES) [arcsec]
    y: np.ndarray
    magnification: np.ndarray  # signed: negative for saddle points
    count: np.ndarray  # int64 (n,)


def image_positions(trace, source_x, source_y, half_width, n_grid=24):
    """The images of a point, as `Images`: all with |x|, |y| < half_width and a magnification of at least 1/100.

    Cells of a grid that may hold an image are divided, and divided again; the last are cut into triangles, and those
    whose image in the source plane holds the source give the starting points of a Newton search. Two images that merge
    inside one triangle, right beside a critical curve, are not told apart.

    Args:
        trace: the ray tracer, trace(x, y) -> alpha_x, alpha_y. source_x, source_y: float64 (n,) [arcsec].
        half_width: of the square that is searched [arcsec]. n_grid: nodes along its side; even, so that none falls on a
            lens in the middle.
    """
    fine = 2.0 * half_width / (n_grid - 1)
    cells, along = np.zeros((len(source_x), 1, 2), np.int64), np.arange(n_grid)
    for level in range(LEVELS + 1):
        # Nodes by their number on the grid of this level, so that neighbours share theirs to the last bit
        first = np.maximum(cells, 0)[..., None, None]
        row, column = np.broadcast_arrays(first[:, :, 0] + along[:, None], first[:, :, 1] + along)
        x, y = ((fine * a - half_width).reshape(len(cells), -1) for a in (column, row))
        alpha_x, alpha_y = trace(x, y)
        beta_x, beta_y = (x - alpha_x).reshape(row.shape), (y - alpha_y).reshape(row.shape)
        if level < LEVELS:
            cells = _possible_cells(beta_x, beta_y, cells, source_x, source_y)
            cells, along, fine = np.where(cells < 0, -1, DIVISIONS * cells), np.arange(DIVISIONS + 1), fine / DIVISIONS
    column, row = _triangles_around(beta_x, beta_y, cells, source_x, source_y)
    x, y = fine * column - half_width, fine * row - half_width
    x, y, magnification = _newton(trace, x, y, source_x[:, None], source_y[:, None], fine)
    seen = (np.maximum(np.abs(x), np.abs(y)) < half_width) & (np.abs(magnification) >= FAINTEST)
    return _brightest(x, y, np.where(seen, magnification, np.nan), 0.1 * fine)


@njit
def _bends(a, out):
    """How far a map bends from node to node: the larger second difference; at the border that of the node beside it."""
    rows, columns = a.shape
    for r in range(rows):
        for c in range(columns):
            k, m = min(max(r, 1), rows - 2), min(max(c, 1), columns - 2)
            along_x = abs(a[k, m - 1] - 2.0 * a[k, m] + a[k, m + 1])
            along_y = abs(a[k - 1, m] - 2.0 * a[k, m] + a[k + 1, m])
            out[r, c] = max(along_x, along_y)


@njit
def _may_hold(a, bends, r, c, at):
    """Whether a map of a cell may take the value `at`, which may go beyond the corners by what it bends."""
    p, q, s, t = a[r, c], a[r, c + 1], a[r + 1, c], a[r + 1, c + 1]
    bend = max(max(bends[r, c], bends[r, c + 1]), max(bends[r + 1, c], bends[r + 1, c + 1]))
    margin = MARGIN * max(bend, abs(p - q - s + t))
    return min(min(p, q), min(s, t)) - margin <= at <= max(max(p, q), max(s, t)) + margin


@cached
def _possible_cells(beta_x, beta_y, patches, source_x, source_y):
    """Row and column of the cells whose image may hold the source: int64 (n, k, 2), padded with -1.

    beta_x, beta_y: (n, p, side, side), of patches whose first nodes are `patches` (n, p, 2), padded with -1.
    """
    n, _, rows, columns = beta_x.shape
    cells = np.full((n, patches.shape[1] * (rows - 1) * (columns - 1), 2), -1)
    bends_x, bends_y = np.empty((rows, columns)), np.empty((rows, columns))
    most = 1
    for i in range(n):
        found = 0
        for k in range(patches.shape[1]):
            if patches[i, k, 0] < 0:
                break
            a, b = beta_x[i, k], beta_y[i, k]
            _bends(a, bends_x)
            _bends(b, bends_y)
            for r in range(rows - 1):
                for c in range(columns - 1):
                    if _may_hold(a, bends_x, r, c, source_x[i]) and _may_hold(b, bends_y, r, c, source_y[i]):
                        cells[i, found, 0], cells[i, found, 1] = patches[i, k, 0] + r, patches[i, k, 1] + c
                        found += 1
        most = max(most, found)
    return cells[:, :most].copy()


@njit
def _crosses(px, py, qx, qy, x, y):
    """Whether the line from (x, y) to the right meets the edge from p to q."""
    return (py <= y) != (qy <= y) and x < px + (y - py) * (qx - px) / (qy - py)


@cached
def _triangles_around(beta_x, beta_y, cells, source_x, source_y):
    """Where on the fine grid (column, row) linear interpolation puts the source: float64 (n, k), NaN-padded.

    Every edge is tested from its lower to its higher node, so two triangles that share it agree to the last bit, and a
    source on an edge lies in exactly one of them. beta_x, beta_y: (n, cells, DIVISIONS + 1, DIVISIONS + 1).
    """
    n, side = len(beta_x), beta_x.shape[2] - 1
    out_column, out_row = np.full((n, N_CANDIDATES), np.nan), np.full((n, N_CANDIDATES), np.nan)
    most = 1
    for i in range(n):
        found = 0
        x, y = source_x[i], source_y[i]
        for k in range(cells.shape[1]):
            if cells[i, k, 0] < 0:
                break
            for r in range(side):
                for c in range(side):
                    px, py = beta_x[i, k, r : r + 2, c : c + 2], beta_y[i, k, r : r + 2, c : c + 2]
                    ax, bx, cx, dx = px[0, 0], px[0, 1], px[1, 0], px[1, 1]
                    ay, by, cy, dy = py[0, 0], py[0, 1], py[1, 0], py[1, 1]
                    diagonal = _crosses(bx, by, cx, cy, x, y)
                    first = _crosses(ax, ay, bx, by, x, y) ^ _crosses(ax, ay, cx, cy, x, y) ^ diagonal
                    second = _crosses(bx, by, dx, dy, x, y) ^ _crosses(cx, cy, dx, dy, x, y) ^ diagonal
                    row, column = cells[i, k, 0] + r, cells[i, k, 1] + c
                    if first and found < N_CANDIDATES:
                        u, v = _inside(bx - ax, by - ay, cx - ax, cy - ay, x - ax, y - ay)
                        out_column[i, found], out_row[i, found] = column + u, row + v
                        found += 1
                    if second and found < N_CANDIDATES:
                        u, v = _inside(cx - dx, cy - dy, bx - dx, by - dy, x - dx, y - dy)
                        out_column[i, found], out_row[i, found] = column + 1 - u, row + 1 - v
                        found += 1
        most = max(most, found)
    return out_column[:, :most].copy(), out_row[:, :most].copy()


@njit
def _inside(ux, uy, vx, vy, x, y):
    """How far along u and along v the point (x, y) lies."""
    det = ux * vy - uy * vx
    if det == 0.0:
        return 1.0 / 3.0, 1.0 / 3.0
    return (x * vy - y * vx) / det, (ux * y - uy * x) / det


def _newton(trace, x, y, source_x, source_y, cell):
    """Roots of the lens equation from starting points x, y (n, k): x, y, magnification; NaN where there is none."""
    missing = np.isnan(x)
    # what is not to be searched stays at a harmless place: rays of NaN need not be cheap
    x, y = np.where(missing, 0.61 * cell, x), np.where(missing, 0.73 * cell, y)
    off_x, off_y, jacobian = _lens_equation(trace, x, y, source_x, source_y)
    damping = np.ones_like(x)
    for _ in range(25):
        away = np.hypot(off_x, off_y)
        open_ = ~missing & (away > 1e-10) & (damping > 1e-3)
        if not open_.any():
            break
        a, b, c, d = jacobian
        det = a * d - b * c
        det = np.where(np.abs(det) < 1e-12, 1e-12, det)
        step_x, step_y = (d * off_x - b * off_y) / det, (a * off_y - c * off_x) / det
        length = np.hypot(step_x, step_y)
        factor = np.where(open_, damping * np.minimum(1.0, cell / np.maximum(length, 1e-300)), 0.0)
        new_x, new_y = x - factor * step_x, y - factor * step_y
        new_off_x, new_off_y, new_jacobian = _lens_equation(trace, new_x, new_y, source_x, source_y)
        better = open_ & (np.hypot(new_off_x, new_off_y) < away)
        x, y = np.where(better, new_x, x), np.where(better, new_y, y)
        off_x, off_y = np.where(better, new_off_x, off_x), np.where(better, new_off_y, off_y)
        jacobian = [np.where(better, new, old) for new, old in zip(new_jacobian, jacobian, strict=True)]
        damping = np.where(better, np.minimum(1.0, 2.0 * damping), np.where(open_, 0.5 * damping, damping))
    a, b, c, d = jacobian
    good = ~missing & (np.hypot(off_x, off_y) < 1e-7)
    with np.errstate(divide="ignore"):
        magnification = np.where(good, 1.0 / (a * d - b * c), np.nan)
    return np.where(good, x, np.nan), np.where(good, y, np.nan), magnification


def _lens_equation(trace, x, y, source_x, source_y):
    """How far from the source the rays at x, y (n, k) arrive, and the Jacobian by central differences: four arrays."""
    rays_x = np.concatenate([x, x + STEP, x - STEP, x, x], axis=1)
    rays_y = np.concatenate([y, y, y, y + STEP, y - STEP], axis=1)
    alpha_x, alpha_y = trace(rays_x, rays_y)
    beta_x, beta_y = (np.split(a, 5, axis=1) for a in (rays_x - alpha_x, rays_y - alpha_y))
    jacobian = [(b[k] - b[k + 1]) / (2.0 * STEP) for b in (beta_x, beta_y) for k in (1, 3)]
    return beta_x[0] - source_x, beta_y[0] - source_y, jacobian


def magnification_at(trace, x, y):
    """Signed magnification of points at x, y in the image plane, float64 (n, k) [arcsec]; by central differences."""
    a, b, c, d = _lens_equation(trace, x, y, 0.0, 0.0)[2]
    return 1.0 / (a * d - b * c)


def _brightest(x, y, magnification, closest):
    """`Images` of the MAX_IMAGES brightest roots; of several closer than `closest` [arcsec] the brightest counts."""
    order = np.argsort(-np.abs(magnification), axis=1)  # NaN goes last
    x, y, magnification = (np.take_along_axis(a, order, axis=1) for a in (x, y, magnification))
    for k in range(1, x.shape[1]):
        twin = np.hypot(x[:, :k] - x[:, k : k + 1], y[:, :k] - y[:, k : k + 1]) < closest
        magnification[(twin & np.isfinite(magnification[:, :k])).any(1), k] = np.nan
    order = np.argsort(-np.abs(magnification), axis=1)[:, :MAX_IMAGES]
    x, y, magnification = (np.take_along_axis(a, order, axis=1) for a in (x, y, magnification))
    there = np.isfinite(magnification)
    return Images(np.where(there, x, np.nan), np.where(there, y, np.nan), magnification, there.sum(1))


def image_separation(images):
    """The largest distance between two images of a system, 0 if there are fewer than two; float64 (n,) [arcsec]."""
    across = np.hypot(images.x[:, :, None] - images.x[:, None, :], images.y[:, :, None] - images.y[:, None, :])
    return np.nan_to_num(across).max((1, 2))
