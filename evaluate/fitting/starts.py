"""Where fits begin: lenses that are proposed, each with the source that their image calls for."""

import numpy as np

from .ascent import posterior_or_none
from .image_model import FLUX, SIZE, X, Y

BRIGHT = 3.0  # pixels above that many background rms are carried back to the source
CAP = 80  # percentile of bright pixels beyond which a pixel counts no more
SIZES = (0.5, 0.8, 1.2)  # half-light radii that are tried, in rms radii of what is carried back
FEW = 15  # components
PROMISING = 12  # proposals that are looked at with components


def first_looks(model, observed, weights, proposals):
    """The best of some parameters (p,) for each promising one of proposed lenses, and its `PosteriorAt`, best first.

    Bright pixels are carried back to the source plane; where they meet is the source. Lenses are promising where the
    mean galaxy there fits best. proposals: their parameters (m, lens's), in the order of `free.places`.
    """
    bright = np.flatnonzero((observed.image > BRIGHT * observed.background) & observed.good)
    if not len(bright):
        return []
    fits = sorted((_with_mean_galaxy(model, observed, weights, lens, bright) for lens in proposals), key=_gain)
    looks = []
    for parameters, _ in fits[-PROMISING:]:
        found = posterior_or_none(model, observed, weights, parameters, FEW)
        looks += [] if found is None else [(parameters, found._replace(parts=()))]
    return sorted(looks, key=lambda look: -look[1].value)


def _with_mean_galaxy(model, observed, weights, lens, bright):
    """Parameters (p,) for a lens with the source that its image calls for, and what of chi2 the mean galaxy explains.

    bright: numbers of the pixels that are carried back.
    """
    free = model.free
    axis = (np.arange(model.n) + 0.5 - 0.5 * model.n) * model.pixel_scale
    x, y = axis[bright % model.n], axis[bright // model.n]
    light = observed.image.ravel()[bright]
    centre, radius = _meeting(model.source_positions(lens, x, y)[0], np.minimum(light, np.percentile(light, CAP)))
    start = free.mean.copy()
    start[: len(lens)], start[[X, Y]] = lens, centre
    best, most = start, -np.inf
    beta = model.arriving(np.clip(start, free.low, free.high))
    several = np.tile(start, (len(SIZES), 1))
    several[:, SIZE] = np.log(np.maximum(np.array(SIZES) * radius, 1e-6))
    several = np.clip(several, free.low, free.high)
    images = model.mean_images(several, beta)
    for parameters, mean in zip(several, np.moveaxis(images, 2, 0), strict=True):
        along, scale = (mean * observed.image * weights).sum(), (mean**2 * weights).sum()
        flux = max(along / scale, 1e-9) if scale > 0 else 1.0
        parameters[FLUX] = np.clip(np.log(flux), free.low[FLUX], free.high[FLUX])
        flux = np.exp(parameters[FLUX])
        gain = 2.0 * flux * along - flux**2 * scale
        if gain > most:
            best, most = parameters, gain
    return best, most


def _gain(fit):
    return fit[1]


def _meeting(positions, light):
    """The middle (2,) and rms radius of most of the light at source positions (2, n)."""
    own = light
    for _ in range(3):
        centre = (positions * own).sum(axis=1) / own.sum()
        away = ((positions - centre[:, None]) ** 2).sum(axis=0)
        radius = np.sqrt((own * away).sum() / own.sum())
        own = np.where(away <= (1.5 * radius) ** 2, light, 0.0)
    return centre, radius
