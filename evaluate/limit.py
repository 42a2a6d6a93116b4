"""The information limit (Cramer-Rao bound): the smallest error that any method can reach on the test images.

The Cramer-Rao bound of the pixels' likelihood, from the simulator's own derivatives at the true parameters. All other
drawn parameters (the source's and the lens light's too) are marginalised, and a Gaussian with the covariance of the
population is the prior. Taken as known are the PSF, the noise's level, the subhalos (their effect on an image is in it,
but not what it costs not to know them) and, in the first of two limits, the shape of every galaxy image. In the second
one the coefficients of the principal components of the training galaxies are further unknowns.
"""

from typing import NamedTuple

import numpy as np

from ..configs.names import plain_names
from ..simulate.packing import noise_levels
from ..simulate.selection import draw
from ..simulate.systems.draw import Views, by_grid, rows_of
from .image_derivatives import image_and_derivatives
from .population_prior import population_of
from .shape_derivatives import shape_derivatives, shapes_of

CHUNK = 125  # systems at a time: bounds the memory of their derivatives
ROOM = 2**24  # derivatives at a time, where there are those by shapes
N_COMPONENTS = 100  # of a galaxy's shape: with twice as many, bounds of the demo grow by less than 1 per cent


class Bounds(NamedTuple):
    """The smallest standard deviations of an estimate of each target: dicts of target to float64 (n,), in its unit."""

    known: dict  # the shape of every galaxy image is known
    any_shape: dict  # it is that of any galaxy; empty where the galaxies are no images


def cramer_rao(scene, indices, targets, threads=1, progress=lambda done: None):
    """The bounds of `limits` with known shapes, which cost about half of the time of both."""
    return limits(scene, indices, targets, threads, progress, n_components=0).known


def limits(scene, indices, targets, threads=1, progress=lambda done: None, n_components=N_COMPONENTS):
    """The smallest standard deviation that an estimate of each target can have, as `Bounds`.

    Args:
        scene: from `simulate.systems.scene`. indices: of the test systems, shape (n,).
        targets: names of lens parameters. threads: for rendering. progress: called with the number of systems done.
        n_components: of a galaxy image's shape.
    """
    population, shapes = population_of(scene), shapes_of(scene, n_components)
    places = plain_names(draw(scene, [0], Views()).lens_mass)
    wanted = [("lens_mass", *places[t]) for t in targets]
    free = [t for t, where in zip(targets, wanted, strict=True) if where in population.places]
    rows = [population.places.index(where) for where in wanted if where in population.places]
    known, any_shape = [], []
    for first in range(0, len(indices), CHUNK):
        systems = draw(scene, indices[first : first + CHUNK], Views())
        information = _information(scene, systems, population, shapes, threads)
        known.append(_bounds(information, population, rows, with_shapes=False))
        any_shape.append(_bounds(information, population, rows, with_shapes=True))
        progress(min(first + CHUNK, len(indices)))

    def by_target(bounds):
        values = dict(zip(free, np.concatenate(bounds).T, strict=True))
        return {t: values.get(t, np.zeros(len(indices))) for t in targets}

    return Bounds(by_target(known), by_target(any_shape) if shapes else {})


def fisher(mean, derivatives, background, exposure_time):
    """Fisher matrices of images with Gaussian noise of variance background^2 + max(mean, 0) / exposure_time.

    Args: mean (n, pixels) [counts/s]; derivatives (n, p, pixels), per unit of each parameter; background [counts/s] and
        exposure_time [s]: numbers, or arrays that go with mean.
    Returns: float64 (n, p, p): sum D_i D_j / V + sum dV_i dV_j / (2 V^2), the second from the Poisson variance.
    """
    weighted = derivatives * _root_of_weight(mean, background, exposure_time)[:, None]
    return weighted @ weighted.transpose(0, 2, 1)


def _root_of_weight(mean, background, exposure_time):
    """The root of what a pixel's derivatives count, (n, pixels): 1 / V + (dV / dmean)^2 / (2 V^2)."""
    variance = background**2 + np.maximum(mean, 0) / exposure_time
    of_variance = np.where(mean > 0, 1.0 / np.asarray(exposure_time), 0.0) / variance
    return np.sqrt(1.0 / variance + 0.5 * of_variance**2)


def _bounds(information, population, rows, with_shapes):
    """Bounds (n, targets) from the Fisher matrices of parameters and shapes; rows: the targets' places among the first.

    Parameters are written as `population.root` @ z and shapes by their coefficients: all have unit normals as prior.
    """
    p = len(population.spread)
    root = population.root
    matrix = root.T @ information[:, :p, :p] @ root + np.eye(root.shape[1])
    if with_shapes:
        shared = information[:, p:, :p] @ root
        own = information[:, p:, p:] + np.eye(information.shape[1] - p)
        matrix -= shared.transpose(0, 2, 1) @ np.linalg.solve(own, shared)
    variance = np.einsum("tz,nzt->nt", root[rows], np.linalg.solve(matrix, root[rows].T[None]))
    return np.sqrt(variance) * population.spread[rows]


def _information(scene, systems, population, shapes, threads):
    """Fisher matrices (n, p + k, p + k) of all images of systems, of p parameters per spread and k shapes."""
    size = len(population.spread) + sum(len(s.variances) for s in shapes.values())
    total = np.zeros((len(systems.indices), size, size))
    for grid, own in by_grid(scene, systems):
        mean, derivatives = image_and_derivatives(grid, own, population.places, population.spread, threads)
        background, exposure, gain = (
            np.repeat(a, grid.config.image.num_pix**2, axis=1) for a in noise_levels(grid, own)
        )
        at_once = max(1, ROOM // (size * mean.shape[1])) if shapes else len(mean)
        for first in range(0, len(mean), at_once):
            part = slice(first, first + at_once)
            rows = np.arange(len(mean))[part]
            of_all = derivatives[part]
            if shapes:
                of_all = np.concatenate([of_all, shape_derivatives(grid, rows_of(own, rows), shapes, threads)], axis=1)
            total[part] += fisher(mean[part], of_all, background[part], (exposure * gain)[part])
    return total
