"""Where fits begin: lenses that are proposed, each with the source that their image calls for."""

import numpy as np

from .ascent import posterior_or_none
from .image_model import FLUX, SIZE, X, Y

BRIGHT = 3.0  # pixels above that many background rms are carried back to the source
CAP = 80  # percentile of bright pixels beyond which a pixel counts no more
SIZES = (0.5, 0.8, 1.2)  # half-light radii that are tried, in rms radii of what is carried back
FEW = 15  # components


def first_look(model, observed, weights, lens):
    """The best of some parameters (p,) for a proposed lens, and their `PosteriorAt`; None if it cannot be the lens.

    Bright pixels are carried back to the source plane; where they meet is the source. lens: its parameters, in the
    order of `free.places`.
    """
    free = model.free
    bright = np.flatnonzero((observed.image > BRIGHT * observed.background) & observed.good)
    if not len(bright):
        return None
    axis = (np.arange(model.n) + 0.5 - 0.5 * model.n) * model.pixel_scale
    x, y = axis[bright % model.n], axis[bright // model.n]
    light = observed.image.ravel()[bright]
    centre, radius = _meeting(model.source_positions(lens, x, y)[0], np.minimum(light, np.percentile(light, CAP)))
    best = None
    for size in SIZES:
        parameters = free.mean.copy()
        parameters[: len(lens)], parameters[[X, Y]] = lens, centre
        parameters[SIZE] = np.log(max(size * radius, 1e-6))
        parameters = np.clip(parameters, free.low, free.high)
        images, _ = model.unit_images(parameters, 0)
        mean = images[:, :, 0]
        scale = (mean**2 * weights).sum()
        if scale > 0:
            flux = (mean * observed.image * weights).sum() / scale
            parameters[FLUX] = np.clip(np.log(max(flux, 1e-9)), free.low[FLUX], free.high[FLUX])
        found = posterior_or_none(model, observed, weights, parameters, FEW, derivatives=False)
        if found is not None and (best is None or found.value > best[1].value):
            best = parameters, found
    return best


def _meeting(positions, light):
    """The middle (2,) and rms radius of most of the light at source positions (2, n)."""
    own = light
    for _ in range(3):
        centre = (positions * own).sum(axis=1) / own.sum()
        away = ((positions - centre[:, None]) ** 2).sum(axis=0)
        radius = np.sqrt((own * away).sum() / own.sum())
        own = np.where(away <= (1.5 * radius) ** 2, light, 0.0)
    return centre, radius
