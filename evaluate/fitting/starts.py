"""Where fits begin: lenses that are proposed, each with the source that their image calls for.

The light of the lens is fitted alone first, and what it leaves is the source's.
"""

import numpy as np

from .ascent import posterior_or_none
from .free_parameters import SIZE, X, Y
from .light_alone import light_alone

BRIGHT = 3.0  # pixels above that many background rms are carried back to the source
CAP = 80  # percentile of bright pixels beyond which a pixel counts no more
SIZES = (0.5, 0.8, 1.2)  # half-light radii that are tried, in rms radii of what is carried back
FEW = 15  # components
PROMISING = 12  # proposals that are looked at with components
SURER = 100.0  # how much more is known of the lens's light than of the lens, where one follows the other


def first_looks(model, observed, weights, proposals):
    """The best of some parameters (p,) for each promising one of proposed lenses, and its `PosteriorAt`, best first.

    Bright pixels are carried back to the source plane; where they meet is the source. Lenses are promising where the
    mean galaxy there fits best. proposals: their parameters (m, lens's), in the order of `free.places`.
    """
    values, light = ((), 0.0) if model.light is None else light_alone(model, observed, weights)
    remainder = observed._replace(image=observed.image - light)
    noise = np.hypot(observed.background, np.sqrt(np.maximum(light, 0.0) / observed.exposure))
    bright = np.flatnonzero((remainder.image > BRIGHT * noise) & observed.good)
    if not len(bright):
        return []
    bright = _of_clearest_band(model, remainder.image**2 * weights, bright)
    starts = _starts(model.free, proposals, values)
    fits = sorted((_with_mean_galaxy(model, remainder, weights, start, bright) for start in starts), key=_gain)
    looks = []
    for parameters, _ in fits[-PROMISING:]:
        found = posterior_or_none(model, observed, weights, parameters, FEW)
        looks += [] if found is None else [(parameters, found._replace(parts=()))]
    return sorted(looks, key=lambda look: -look[1].value)


def _of_clearest_band(model, signal, bright):
    """The number of the band where bright pixels have most signal to noise, and their numbers in it."""
    of_band = [bright[(bright >= own.start) & (bright < own.stop)] for own in model.pixels]
    b = int(np.argmax([signal.ravel()[numbers].sum() for numbers in of_band]))
    return b, of_band[b] - model.pixels[b].start


def _starts(free, proposals, light):
    """Parameters (m, p) of proposed lenses with their light (q,), and a source in the middle of the prior.

    Where the lens follows its light, it is moved to where that is: an image tells it at once.
    """
    starts = np.tile(free.mean, (len(proposals), 1))
    starts[:, : len(free.places)] = proposals
    if not len(light):
        return starts
    starts[:, free.of_light] = light
    known = np.s_[: free.of_light.stop]
    scale = np.ones(free.of_light.stop) / free.spread[known]
    scale[free.of_light] *= SURER
    z = np.linalg.pinv(scale[:, None] * free.directions[known]) @ (scale * (starts - free.mean)[:, known]).T
    starts[:, known] = free.mean[known] + (free.directions[known] @ z).T
    return starts


def _with_mean_galaxy(model, observed, weights, start, bright):
    """Parameters (p,) for a lens with the source that its image calls for, and what of chi2 the mean galaxy explains.

    observed: without light of the lens. start: parameters (p,), of which those of the lens and its light stay.
    bright: number of a band and numbers of its pixels that are carried back.
    """
    free, (b, bright) = model.free, bright
    light = observed.image.ravel()[model.pixels[b]][bright]
    arrived = model.source_positions(start, *model.bands[b].pixel_places(bright))[0]
    centre, radius = _meeting(arrived, np.minimum(light, np.percentile(light, CAP)))
    start[[X, Y]] = centre
    best, most = start, -np.inf
    beta = model.arriving(np.clip(start, free.low, free.high))
    several = np.tile(start, (len(SIZES), 1))
    several[:, SIZE] = np.log(np.maximum(np.array(SIZES) * radius, 1e-6))
    several = np.clip(several, free.low, free.high)
    images = [band.mean_images(several, own) for band, own in zip(model.bands, beta, strict=True)]
    for m, parameters in enumerate(several):
        gain = sum(_with_flux(model, observed, weights, parameters, own[:, :, m], b) for b, own in enumerate(images))
        if gain > most:
            best, most = parameters, gain
    return best, most


def _with_flux(model, observed, weights, parameters, mean, b):
    """Set the flux in band b to that of the mean galaxy, with an image `mean` for 1; what of chi2 it explains there."""
    band, own, at, free = model.bands[b], model.pixels[b], model.of_flux[b], model.free
    image, weights = (values.ravel()[own].reshape(band.n, band.n) for values in (observed.image, weights))
    along, scale = (mean * image * weights).sum(), (mean**2 * weights).sum()
    flux = max(along / scale, 1e-9) if scale > 0 else 1.0
    parameters[at] = np.clip(np.log(flux), free.low[at], free.high[at])
    flux = np.exp(parameters[at])
    return 2.0 * flux * along - flux**2 * scale


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
