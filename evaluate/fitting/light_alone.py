"""The light of the lens as an image calls for it, whatever else shines: where a fit begins.

Arcs are brighter than nothing, never darker: what is above the light by far more than the noise counts less and less.
"""

import numpy as np

CUTS = (np.inf,) * 3 + (10.0,) * 2 + (3.0,) * 2 + (1.5,) * 3  # sigma above which a pixel counts less, step by step
DAMPING, HARDER, SOFTER = 1e-2, 10.0, 10.0
MOST_TRIES = 5


def light_alone(model, observed, weights):
    """The parameters (q,) of the lens's light at the maximum of their posterior alone, and its image (n, n) [counts/s].

    Args: model: `image_model.ImageModel` with a light. observed: `image_model.Observed`. weights: inverse variances of
        the pixels, (n, n).
    """
    free, light = model.free, model.light
    if not free.light:
        return np.zeros(0), light.image(np.zeros(0))
    mean, low, high, root = *(values[free.of_light] for values in (free.mean, free.low, free.high)), _root(free)
    inverse = np.linalg.pinv(root)

    def at(z):
        parameters = np.clip(mean + root @ z, low, high)
        return inverse @ (parameters - mean), parameters, light.image(parameters)

    here, damping = at(np.zeros(root.shape[1])), DAMPING
    for cut in CUTS:
        z, parameters, image = here
        own = _counting(observed.image - image, weights, cut)
        by = light.derivatives(parameters, image) @ root
        gradient = by.T @ (own * (observed.image - image)).ravel() - z
        curvature = by.T @ (own.ravel()[:, None] * by) + np.eye(len(z))
        value = _misfit(observed, own, here)
        for _ in range(MOST_TRIES):
            there = at(z + np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), gradient))
            if _misfit(observed, own, there) < value:
                here, damping = there, damping / SOFTER
                break
            damping *= HARDER
    return here[1:]


def _root(free):
    """A root of the covariance of the light's parameters, (q, d): each column a direction that varies."""
    left, values, _ = np.linalg.svd(free.directions[free.of_light] / free.spread[free.of_light, None], False)
    kept = values > 1e-6
    return free.spread[free.of_light, None] * left[:, kept] * values[kept]


def _counting(residual, weights, cut):
    """The weights of pixels, less where a residual is more than `cut` sigma above 0, as of a Cauchy law."""
    above = np.maximum(residual * np.sqrt(weights), 0.0) / cut
    return weights / (1.0 + above**2)


def _misfit(observed, weights, at):
    z, _, image = at
    return float(((observed.image - image) ** 2 * weights).sum() + z @ z)
