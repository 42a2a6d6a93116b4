"""The shapes of galaxies as a mean galaxy and principal components: a linear model of a source of unknown shape.

A galaxy of a scene is seen turned at random and perhaps mirrored, and scaled to a half-light radius of its own. So the
population of shapes is that of the galaxies in all positions, brought to one half-light radius and one flux.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh

from ..core import philox
from ..core.compiled import cached
from ..core.numerics import compiled
from ..profiles import interpol

# The common grid. On a side of 8.5 half-light radii, 0.1 per cent of the light of procedural galaxies is lost.
SIDE, R_HALF = 78, 9.0
SAMPLES = 3000  # images of turned galaxies, about: many times the components that anybody needs
LEAST_TURNS = 4  # of each galaxy
SEEN = 1e-9  # of the largest variance: components below it are rounding

_constants, _place, _brightness = (compiled(f) for f in (interpol.constants, interpol.place, interpol.brightness))


@dataclass(frozen=True)
class GalaxyComponents:
    """Galaxies as `mean` + sum of c_i `basis`_i with independent c_i of mean 0 and variance `variances`_i.

    All are images of side s as those of `stamps.Stamps`, with the middle at (s - 1) / 2, zero on their outermost ring,
    drawn bilinearly as INTERPOL does. Bands lie side by side: a galaxy has one set of coefficients for all of them.
    """

    mean: np.ndarray  # float64 (b, s, s): each band sums to 1
    basis: np.ndarray  # float64 (k, b, s, s): orthonormal over bands and pixels; each band sums to 0
    variances: np.ndarray  # float64 (k,): of the coefficients, falling
    explained: np.ndarray  # float64 (k,): each component's share of the variance of the population
    R_half: float  # half-light radius that the galaxies were scaled to, in pixels of the grid
    # Mean and standard deviation, over galaxies, of the logarithm of the rms of c_i / sqrt(variance_i): some galaxies
    # are smooth, others clumpy, in all their components
    texture: tuple[float, float]

    def first(self, n):
        """The first n components; their texture is that of all."""
        return replace(self, basis=self.basis[:n], variances=self.variances[:n], explained=self.explained[:n])


def galaxy_components(stamps, n_most, seed, numbers=None):
    """The mean and the first principal components of galaxies turned and mirrored at random, of one size and flux.

    Args:
        stamps: `stamps.Stamps`. n_most: so many components at most; there are fewer where the galaxies span fewer.
        seed: of the angles. numbers: of the stamps that count, such as those for training; None: all. The components
            are those of stamps that are just these (`stamps.take`).

    Returns: GalaxyComponents. Every galaxy counts the same. Of more than `SAMPLES` / `LEAST_TURNS` galaxies (a b-th of
        that with b bands) so many are taken, evenly through the stamps.
    """
    numbers = np.arange(len(stamps.names)) if numbers is None else np.asarray(numbers)
    n, samples = len(numbers), SAMPLES // stamps.images.shape[1]
    ranks = np.linspace(0, n - 1, min(n, max(1, samples // LEAST_TURNS))).round().astype(int)
    chosen = numbers[ranks]
    shapes = _turned(stamps.images[chosen], stamps.R_half[chosen], ranks, -(-samples // len(chosen)), seed)
    flat = shapes.reshape(len(shapes), -1)
    mean = flat.mean(axis=0)
    flat -= mean
    lit = np.flatnonzero(flat.any(axis=0))  # the corners are dark in most
    flat = np.ascontiguousarray(flat[:, lit])
    wide = len(flat) < len(lit)
    scatter = (flat @ flat.T if wide else flat.T @ flat) / len(flat)
    last = len(scatter) - 1
    variances, vectors = eigh(scatter, subset_by_index=[max(0, last + 1 - n_most), last]) if n_most else _none(last + 1)
    variances, vectors = variances[::-1], vectors[:, ::-1]
    kept = variances > SEEN * variances.max(initial=0.0)
    variances, vectors = variances[kept], vectors[:, kept]
    if wide:
        vectors = flat.T @ vectors / np.sqrt(len(flat) * variances)
    strengths = np.sqrt(np.mean((flat @ vectors) ** 2 / variances, axis=1)) if len(variances) else np.ones(1)
    strengths = np.log(np.maximum(strengths, 1e-3))
    basis = np.zeros((len(variances), len(mean)))
    basis[:, lit] = vectors.T
    return GalaxyComponents(
        mean=mean.reshape(shapes.shape[1:]),
        basis=basis.reshape(-1, *shapes.shape[1:]),
        variances=variances,
        explained=variances / np.trace(scatter),
        R_half=R_HALF,
        texture=(float(strengths.mean()), float(strengths.std())),
    )


def _none(size):
    return np.zeros(0), np.zeros((size, 0))


def _turned(images, R_half, numbers, turns, seed):
    """Galaxies (n, b, size, size) in several positions each on the common grid, float64 (n * turns, b, SIDE, SIDE).

    The angles of a galaxy are evenly spaced from a random one on; every second position is mirrored.
    """
    draw = philox.Draw(seed, philox.GALAXY, numbers)
    first = philox.uniforms(draw, [philox.slot_of("turn")])[:, 0]
    angles = 2.0 * math.pi * (first[:, None] + np.arange(turns) / turns)
    shapes = np.zeros((len(images), turns, images.shape[1], SIDE, SIDE))
    _draw_turned(np.ascontiguousarray(images, np.float32), R_half / R_HALF, angles, shapes)
    return shapes.reshape(-1, *shapes.shape[2:])


@cached
def _draw_turned(images, shrunk, angles, out):
    """Fill `out` (n, turns, b, side, side) with galaxies (n, b, size, size), `shrunk` (n,) times, turned by `angles`.

    A pixel is the mean of INTERPOL over it, in steps of at most one pixel of the galaxy's image.
    """
    n, turns, bands, side, _ = out.shape
    size = images.shape[-1]
    p, row, middle = np.zeros(16), np.zeros(7), 0.5 * (side - 1)
    for k in range(n):
        steps = max(1, int(np.ceil(shrunk[k])))
        for turn in range(turns):
            row[0], row[3], row[4], row[6] = 1.0, angles[k, turn], 1.0 / shrunk[k], 1.0 - 2.0 * (turn % 2)
            _constants(row, size, p)
            for band in range(bands):
                stamp, total = images[k, band].reshape(size * size), 0.0
                for i in range(1, side - 1):
                    for j in range(1, side - 1):
                        light = 0.0
                        for sub in range(steps * steps):
                            y = i - middle + (sub // steps + 0.5) / steps - 0.5
                            x = j - middle + (sub % steps + 0.5) / steps - 0.5
                            first, s, t = _place(x, y, p, size)
                            if first >= 0:
                                light += _brightness(first, s, t, p, stamp, size)
                        out[k, turn, band, i, j] = light
                        total += light
                for i in range(side):
                    for j in range(side):
                        out[k, turn, band, i, j] /= total
