"""Made-up galaxies, for those who have no catalogue: ellipticals, discs, spirals, clumpy, irregular, rings and mergers.

They are there for their structure, from spiral arms to dust lanes and tidal tails. No survey was fitted; a test keeps
their concentration, asymmetry and Gini coefficient (Conselice 2003, ApJS 147, 1; Lotz+ 2004, AJ 128, 163), as seen
through the noise of COSMOS, beside those of COSMOS galaxies.
"""

import numpy as np

from ...errors import DataError, nearest
from ..core import philox
from .morphology import N_WHITE, NAMES, Morphology, make_sky, radius, surface_brightness
from .stamps import Stamps, half_light_radii

SMALLEST = 16  # pixels on a side
MARGIN = 0.125  # of the side: so much larger on each side is a galaxy drawn, before its light is centred and cropped
MORPHOLOGIES = {
    "elliptical": Morphology(0.18, bulge=(1.0, 1.0)),
    "disc": Morphology(0.16, bulge=(0.05, 0.5), texture=(0.03, 0.15), patches=(0.0, 0.2), warp=0.05),
    "spiral": Morphology(
        share=0.34,
        bulge=(0.0, 0.25),
        arm_strength=(0.25, 0.75),
        texture=(0.1, 0.35),
        patches=(0.1, 0.3),
        warp=0.15,
        clumps=(4, 20),
        clump_light=(0.01, 0.08),
        disturbed=0.25,
    ),
    "clumpy": Morphology(
        share=0.18,
        bulge=(0.0, 0.2),
        arm_strength=(0.0, 0.3),
        texture=(0.15, 0.4),
        patches=(0.2, 0.5),
        warp=0.2,
        clumps=(4, 14),
        clump_light=(0.05, 0.2),
        disturbed=0.5,
    ),
    "irregular": Morphology(
        share=0.14,
        bulge=(0.0, 0.05),
        texture=(0.15, 0.45),
        patches=(0.4, 0.9),
        warp=0.25,
        clumps=(2, 12),
        clump_light=(0.02, 0.2),
        disturbed=0.9,
    ),
    "ring": Morphology(
        share=0.1,
        bulge=(0.05, 0.35),
        texture=(0.1, 0.3),
        patches=(0.2, 0.5),
        warp=0.1,
        clumps=(4, 18),
        clump_light=(0.03, 0.15),
        disturbed=0.4,
        ring_light=(0.4, 0.85),
    ),
    "merger": Morphology(
        share=0.1,
        bulge=(0.05, 0.5),
        arm_strength=(0.0, 0.6),
        texture=(0.1, 0.3),
        patches=(0.2, 0.5),
        warp=0.1,
        clumps=(2, 10),
        clump_light=(0.02, 0.12),
        disturbed=0.4,
        pair=True,
    ),
}
DEFAULT_MORPHOLOGIES = ("elliptical", "disc", "spiral", "clumpy", "irregular")
_SLOTS = [philox.slot_of(name) for name in NAMES]


def procedural(seed, n, size=64, morphologies=DEFAULT_MORPHOLOGIES):
    """Made-up galaxies 0 to n - 1; each is a pure function of (seed, its number, size, morphologies), whatever n is.

    Args: seed: below 2**32; n: how many; size: pixels on a side, 16 or more; morphologies: names in `MORPHOLOGIES`,
        drawn by their shares.
    Returns: Stamps of one band, half-light radii of about size/12 to size/6 pixels, without pixel scale, magnitude and
        redshift.
    Raises: DataError if the size is too small or a morphology is unknown.
    """
    if size < SMALLEST:
        raise DataError(
            f"Stamps of {size} pixels are too small for made-up galaxies: expected a size of {SMALLEST} or more."
        )
    for name in morphologies:
        if name not in MORPHOLOGIES:
            raise DataError(
                f'There is no morphology "{name}" of made-up galaxies: expected {", ".join(MORPHOLOGIES)}.'
                f"{nearest(name, MORPHOLOGIES)}"
            )
    if not morphologies:
        raise DataError(
            f"No morphology of made-up galaxies is given: expected one or more of {', '.join(MORPHOLOGIES)}."
        )
    images = np.empty((n, 1, size, size), np.float32)
    numbers = philox.uniforms(philox.Draw(seed, philox.GALAXY, np.arange(n)), _SLOTS)
    for k in range(n):
        images[k, 0] = _image(seed, k, dict(zip(NAMES, numbers[k].tolist(), strict=True)), size, morphologies)
    return Stamps(
        images=images,
        R_half=half_light_radii(images[:, 0]),
        pixel_scale=np.full(n, np.nan),
        magnitude=np.full((n, 1), np.nan),
        redshift=np.full(n, np.nan),
        names=tuple(f"procedural-{seed}-{k}" for k in range(n)),
    )


def _image(seed, k, u, size, morphologies):
    """Galaxy `k`, normalised and centred; `u` are its numbers by name."""
    shares = np.cumsum([MORPHOLOGIES[name].share for name in morphologies])
    chosen = min(int(np.searchsorted(shares / shares[-1], u["kind"])), len(morphologies) - 1)
    morphology = MORPHOLOGIES[morphologies[chosen]]
    other = None
    if morphology.pair:
        other = philox.uniforms(philox.Draw(seed, philox.GALAXY, [k], attempt=1), _SLOTS)[0]
        other = dict(zip(NAMES, other.tolist(), strict=True))
    margin = int(np.ceil(MARGIN * size))
    white = philox.uniforms(philox.Draw(seed, philox.GALAXY + 1, [k]), np.arange(N_WHITE))[0]
    sky = make_sky(white, size + 2 * margin, size)
    return _stamp(surface_brightness(u, other, morphology, sky), sky.place, margin, size)


def _stamp(light, place, margin, size):
    """A drawing cut to size x size pixels about the centroid of its light, sum 1, edge 0."""
    middle = np.zeros(2)  # of the tapered light: clumps, dust and tails move it
    for _ in range(3):
        x, y = np.clip(middle, 1 - margin, margin - 1).astype(np.float32)
        tapered = light * _fall(radius(place - x, (place - y)[:, None]), 0.3 * size, 0.5 * size - 2.0)
        sums = tapered.sum(0), tapered.sum(1)
        middle = np.array([line @ place for line in sums]) / sums[0].sum()
    column, row = np.clip(np.round(middle).astype(int), 1 - margin, margin - 1)
    image = tapered[margin + row : margin + row + size, margin + column : margin + column + size]
    image = _softened(image, row - middle[1], column - middle[0])
    image[[0, -1]] = image[:, [0, -1]] = 0.0
    return image / image.sum(dtype=float)


def _fall(r, start, end):
    """One within `start`, zero beyond `end`, smooth between."""
    t = np.clip((end - r) / (end - start), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _softened(image, rows, columns):
    """The image moved up to half a pixel and smoothed, rms 0.7 pixel: one sample a pixel leaves steps in thin arms."""
    for axis, move in ((0, rows), (1, columns)):
        move = min(max(move, -0.5), 0.5)
        width = 0.5 + move**2  # the three numbers have mean `move` and variance 1/2 and none is negative
        kernel = np.array((0.5 * (width - move), 1.0 - width, 0.5 * (width + move)), np.float32)
        image = np.moveaxis(image, axis, 0)
        moved = kernel[1] * image
        moved[1:] += kernel[2] * image[:-1]
        moved[:-1] += kernel[0] * image[1:]
        image = np.moveaxis(moved, 0, axis)
    return image
