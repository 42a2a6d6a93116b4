"""Images of lenses as colours: one band through a colour map, several as red to blue, lost pixels turquoise."""

import numpy as np
from matplotlib.colors import to_rgb

from .figures import SKY

LOST = "#2FD6C4"  # a pixel without a value
BANDS = "ugrizyYJHK"  # in the order of wavelength


def by_wavelength(bands):
    """Names of bands, the longest wavelength first: letters as in astronomy (g, LSST_r), or as given if unknown."""
    last = [b[-1:] for b in bands]
    return sorted(bands, key=lambda b: -BANDS.index(b[-1])) if all(c and c in BANDS for c in last) else list(bands)


def weights(images):
    """Weights of bands, float64 (b,), that make images (n, b, H, W) white on average: 1 / median share of the light."""
    light = np.nansum(np.abs(images), axis=(2, 3), dtype=float)
    shares = light / np.maximum(light.sum(1, keepdims=True), 1e-30)
    return 1.0 / np.maximum(np.median(shares, axis=0), 1e-30)


def coloured(image, lost, bands, weight):
    """An image (b, H, W) as colours (H, W, 3) in 0 to 1; one band through a colour map, several as red to blue.

    Several bands: a pixel has the colour of its fluxes times `weight` (b,) and the brightness of the brightest of them,
    so that no colour is lost by clipping (after Lupton+ 2004, PASP 116, 133).
    """
    image = np.where(lost, np.nan, np.asarray(image, dtype=float))
    image = image - np.array([_sky(band) for band in image])[:, None, None]
    if len(image) == 1:
        out = SKY["cmap"](np.nan_to_num(_brightness(image[0])))[..., :3]
    else:
        image = (image * weight[:, None, None])[[bands.index(b) for b in by_wavelength(bands)]]
        three = [part.mean(0) for part in np.array_split(image, 3)] if len(image) > 2 else _two(image)
        channels = np.stack(three, axis=-1)
        brightest = channels.max(-1)
        # Below the noise a ratio of fluxes means nothing: there, colours fade to grey.
        grey = 0.75 * _sky(np.abs(channels.mean(-1)))
        light = np.clip(channels, 0, None) + max(grey, 1e-30)
        out = np.nan_to_num(light / light.max(-1, keepdims=True) * _brightness(brightest)[..., None])
    out[lost] = to_rgb(LOST)
    return out


def _two(image):
    return [image[0], image.mean(0), image[1]]


def _sky(image):
    """The sky level: the median of the outermost pixels (H, W) that have a value."""
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    edge = edge[np.isfinite(edge)]
    return np.median(edge) if edge.size else 0.0


def _brightness(image):
    """Sky-subtracted pixels (H, W) to 0 to 1, linear in the noise, logarithmic above: arcs show beside bright cores."""
    seen = image[np.isfinite(image)]
    peak = max(seen.max(initial=0.0), 1e-30)
    noise = 1.4826 * _sky(np.abs(image))
    soft = max(2.0 * noise, min(np.percentile(seen, 95), peak) / 4 if seen.size else 0.0, peak / 1000)
    low, high = np.arcsinh(-0.5), np.arcsinh(peak / soft)
    return np.clip((np.arcsinh(image / soft) - low) / (high - low), 0, 1)
