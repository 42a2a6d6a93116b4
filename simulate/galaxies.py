"""Galaxies as images: the stamps that the INTERPOL profile draws, and a maker of galaxies for those who have none.

Made-up galaxies are ellipticals, bulges with smooth discs, spirals, clumpy discs and irregulars. They are there for
their structure, from spiral arms to dust lanes, not for their statistics: no survey was fitted.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import i0e, ndtri

from ..errors import DataError
from . import philox


@dataclass(frozen=True)
class Stamps:
    """Galaxies of one catalogue, as square images of one size.

    images: float32, shape (n, size, size); each sums to 1, is >= 0, is 0 on its outermost ring of pixels and has the
        centroid of its light in the middle, at ((size - 1) / 2, (size - 1) / 2). Rows go up, columns to the right.
    R_half: shape (n,), radius of the circle about the middle that holds half of the light, in stamp pixels.
    pixel_scale: shape (n,), arcsec per stamp pixel; NaN for made-up galaxies, which have no size of their own.
    magnitude: shape (n,), AB; NaN for made-up galaxies.
    names: the n galaxies' names.
    """

    images: np.ndarray
    R_half: np.ndarray
    pixel_scale: np.ndarray
    magnitude: np.ndarray
    names: tuple[str, ...]


@cache
def _rings(size):
    """Share of each pixel's light within radii of 0.5, 1.0, 1.5, ... pixels of the middle, shape (size, size * size).

    The light of a pixel is a bilinear tent over two by two pixels, as INTERPOL draws it.
    """
    fine = (np.arange(8) - 3.5) / 4.0
    tent = 1.0 - np.abs(fine)
    weights = np.outer(tent, tent) / tent.sum() ** 2
    place = np.arange(size) - 0.5 * (size - 1)
    rings = np.zeros((size + 1, size * size), np.float32)
    pixels = np.arange(size * size)
    for i, dy in enumerate(fine):
        for j, dx in enumerate(fine):
            ring = 2.0 * np.hypot((place + dy)[:, None], (place + dx)[None, :]).ravel()
            rings[np.minimum(ring.astype(int), size), pixels] += weights[i, j]  # the last one is all that is beyond
    return np.cumsum(rings[:-1], axis=0, dtype=np.float32)


def half_light_radii(images):
    """Radius of the circle about the middle that holds half of the light of each image, in pixels.

    Args: images: shape (n, size, size); light beyond the circle of radius size / 2 counts in the total only.
    Returns: float64, shape (n,).
    """
    size = images.shape[-1]
    rings, radii = _rings(size), 0.5 * np.arange(size + 1)
    out = np.empty(len(images))
    for k, image in enumerate(images):  # one by one: a product of matrices would round differently for another n
        light = np.concatenate(([0.0], rings @ np.asarray(image, np.float32).ravel()))
        # Within a ring of half a pixel the light goes as the area.
        out[k] = np.sqrt(np.interp(0.5 * float(image.sum(dtype=float)), light, radii**2))
    return out


def procedural(seed, n, size=64):
    """Made-up galaxies 0 to n - 1; each is a pure function of (seed, its number, size), whatever n is.

    Args: seed: below 2**32; n: how many; size: pixels on a side, 16 or more.
    Returns: Stamps, half-light radii of about size/12 to size/6 pixels, without pixel scale and magnitude.
    Raises: DataError if the size is too small.
    """
    if size < 16:
        raise DataError(f"Stamps of {size} pixels are too small for made-up galaxies: expected a size of 16 or more.")
    numbers = philox.uniforms(seed, philox.GALAXY, np.arange(n), _SLOTS)
    images = np.empty((n, size, size), np.float32)
    for k in range(n):
        images[k] = _image(dict(zip(_NAMES, numbers[k].tolist(), strict=True)), size)
    nothing = np.full(n, np.nan)
    return Stamps(
        images=images,
        R_half=half_light_radii(images),
        pixel_scale=nothing,
        magnitude=nothing.copy(),
        names=tuple(f"procedural-{seed}-{k}" for k in range(n)),
    )


N_CLUMPS, N_WAVES = 24, 6
_NAMES = (
    "kind",
    "radius",
    "angle",
    "inclination",
    "bulge",
    "bulge_radius",
    "bulge_index",
    "boxiness",
    "outskirts",
    "arms",
    "pitch",
    "arm_strength",
    "arm_width",
    "arm_phase",
    "wobble",
    "wobble_phase",
    "bar",
    "bar_length",
    "texture",
    "clumps",
    "clump_light",
    "dust",
    "dust_offset",
    "dust_width",
    "bend",
    "lopsided",
    *(f"clump_{what}_{i}" for i in range(N_CLUMPS) for what in ("radius", "angle", "size", "light")),
    *(f"wave_{what}_{i}" for i in range(N_WAVES) for what in ("number", "winding", "phase")),
)
_SLOTS = [philox.slot_of(name) for name in _NAMES]
SOFTENING = 0.6  # pixels: rounds off cusps, which one sample a pixel could not follow


@dataclass(frozen=True)
class _Kind:
    """What galaxies of a kind are made of; each pair is a range."""

    share: float  # of all galaxies
    bulge: tuple[float, float]  # share of the light; the rest is the disc's
    arm_strength: tuple[float, float]
    texture: tuple[float, float]  # rms of the logarithm of the disc's surface brightness
    clumps: tuple[int, int]
    clump_light: tuple[float, float]  # share of the light
    disturbed: float = 0.0  # largest bend and lopsidedness; 1 is irregular


_KINDS = (
    _Kind(0.18, (1.0, 1.0), (0.0, 0.0), (0.0, 0.0), (0, 0), (0.0, 0.0)),  # ellipticals
    _Kind(0.16, (0.1, 0.6), (0.0, 0.0), (0.0, 0.15), (0, 0), (0.0, 0.0)),  # smooth discs
    _Kind(0.34, (0.02, 0.3), (0.5, 0.95), (0.1, 0.35), (6, 24), (0.02, 0.15), 0.3),  # spirals
    _Kind(0.18, (0.0, 0.15), (0.0, 0.3), (0.3, 0.6), (5, 16), (0.1, 0.35), 0.5),  # clumpy discs
    _Kind(0.14, (0.0, 0.05), (0.0, 0.0), (0.3, 0.7), (3, 14), (0.1, 0.45), 1.0),  # irregulars
)
_SHARES = np.cumsum([kind.share for kind in _KINDS])


def _between(u, span):
    return span[0] + u * (span[1] - span[0])


def _image(u, size):
    """One normalised image from the uniform numbers `u`, by name."""
    # Clumps and dust move the centroid: coarse drawings tell where it is, the fine one is drawn about it.
    middle = np.zeros(2)
    for pixel in (2, 2, 1):
        place = pixel * (np.arange(size // pixel) - 0.5 * (size // pixel - 1))
        image = _draw(u, place[None, :] + middle[0], place[:, None] + middle[1], size)
        image *= _fall(np.hypot(place[:, None], place[None, :]), 0.3 * size, 0.5 * size - 1.5)
        moved = np.array((image.sum(0) @ place, image.sum(1) @ place)) / image.sum()
        middle = middle + moved
    image = _softened(image, -moved[1], -moved[0])
    return image / image.sum()


def _softened(image, rows, columns):
    """The image moved up to half a pixel and smoothed, rms 0.7 pixel: one sample a pixel leaves steps in thin arms."""
    for axis, move in ((0, rows), (1, columns)):
        move = min(max(move, -0.5), 0.5)
        width = 0.5 + move**2  # the three numbers have mean `move` and variance 1/2 and none is negative
        kernel = np.array((0.5 * (width - move), 1.0 - width, 0.5 * (width + move)))
        image = np.moveaxis(image, axis, 0)
        moved = kernel[1] * image
        moved[1:] += kernel[2] * image[:-1]
        moved[:-1] += kernel[0] * image[1:]
        image = np.moveaxis(moved, 0, axis)
    return image


def _fall(r, start, end):
    """One within `start`, zero beyond `end`, smooth between."""
    t = np.clip((end - r) / (end - start), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _draw(u, x, y, size):
    """Surface brightness at x, shape (1, columns), and y, shape (rows, 1), in pixels from the middle."""
    kind = _KINDS[min(int(np.searchsorted(_SHARES, u["kind"])), len(_KINDS) - 1)]
    half = size * _between(u["radius"], (0.1, 0.17))
    c, s = np.cos(2.0 * np.pi * u["angle"]), np.sin(2.0 * np.pi * u["angle"])
    along, across = c * x + s * y, c * y - s * x
    share = _between(u["bulge"], kind.bulge)
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape))
    if share > 0.0:
        total += share * _bulge(u, along, across, half, elliptical=share == 1.0)
    if share < 1.0:
        total += (1.0 - share) * _disc(u, kind, along, across, (x, y), (c, s), half, size)
    return total


def _bulge(u, along, across, half, elliptical):
    """A Sersic profile, with a little boxiness for ellipticals; sums to 1."""
    q = 1.0 - (0.55 if elliptical else 0.35) * u["inclination"]
    n = _between(u["bulge_index"], (2.0, 5.0) if elliptical else (1.0, 4.0))
    radius = half if elliptical else half * _between(u["bulge_radius"], (0.12, 0.4))
    a2, b2 = along**2 * q, across**2 / q
    r2 = a2 + b2 + SOFTENING**2
    if elliptical:
        r2 *= 1.0 + 0.12 * (u["boxiness"] - 0.5) * (1.0 - 8.0 * a2 * b2 / r2**2)
    light = np.exp(-(2.0 * n - 0.33) * (r2 / radius**2) ** (0.5 / n))
    return light / light.sum()


def _disc(u, kind, along, across, position, direction, half, size):
    """An inclined exponential disc with what its kind has of arms, bar, texture, clumps and dust; sums to about 1."""
    q = _between(u["inclination"], (1.0, 0.3))
    h = half / 1.55 * _between(u["inclination"], (1.0, 1.3))  # a circle about an inclined disc holds more light
    across = across / q
    if kind.disturbed:
        across = across + kind.disturbed * (u["bend"] - 0.5) * 1.2 * along**2 / half
    r = np.sqrt(along**2 + across**2 + SOFTENING**2)
    theta, turn = np.arctan2(across, along), np.log(r / h)
    # Discs break: beyond a few scale lengths most fall more steeply.
    light = np.exp(-r / h - np.maximum(r / h - _between(u["outskirts"], (1.5, 4.0)), 0.0))
    arms, pitch = 2 if u["arms"] < 0.7 else 3 if u["arms"] < 0.85 else 4, np.radians(_between(u["pitch"], (12.0, 32.0)))
    inner = r**2 / (r**2 + (0.7 * h) ** 2)  # arms and texture fade towards the middle
    strength = _between(u["arm_strength"], kind.arm_strength)
    phase = 2.0 * np.pi * u["arm_phase"]
    dust = 0.0
    if strength > 0.0:
        wobble = u["wobble"] * np.sin(theta + 2.0 * turn + 2.0 * np.pi * u["wobble_phase"])
        wave = arms * (theta - turn / np.tan(pitch)) + phase + wobble
        width = _between(u["arm_width"], (1.0, 4.0))
        # i0e is the mean over the angle: arms move light about and add none.
        light *= 1.0 + strength * inner * (np.exp(width * (np.cos(wave) - 1.0)) / i0e(width) - 1.0)
        if u["dust"] < 0.5:  # along the inner edge of the arms
            dust = 2.0 * u["dust"] * inner * np.exp(4.0 * (np.cos(wave + 0.9) - 1.0))
    if kind.arm_strength[0] > 0.0 and u["bar"] < 0.4:
        length = h * _between(u["bar_length"], (0.7, 1.3))
        turned = theta + phase / arms  # the bar ends where arms begin
        bar = (r / length) ** 2 * (np.cos(turned) ** 2 + 8.0 * np.sin(turned) ** 2)
        light += np.exp(-(bar**1.5)) * (0.3 + u["bar"])
    texture = _between(u["texture"], kind.texture)
    if texture > 0.0:
        light *= np.exp(texture * inner * _waves(u, theta, turn))
    if kind.disturbed:
        light *= 1.0 + kind.disturbed * (2.0 * u["lopsided"] - 1.0) * np.tanh(along / half)
    if q < 0.5 and u["dust"] > 0.5:  # a lane across the near side
        lane = (across * q / half - _between(u["dust_offset"], (-0.12, 0.12))) / _between(u["dust_width"], (0.1, 0.2))
        dust = dust + 3.0 * (u["dust"] - 0.4) * np.exp(-0.5 * lane**2 - 0.3 * (along / h) ** 2)
    light *= np.exp(-dust)
    light /= light.sum()
    number = round(_between(u["clumps"], kind.clumps))
    if number:
        fraction = _between(u["clump_light"], kind.clump_light)
        around = None if strength == 0.0 else (arms, pitch, phase)
        light = (1.0 - fraction) * light + fraction * _clumps(u, number, position, direction, q, h, size, around)
    return light


def _waves(u, theta, turn):
    """A random field of unit rms that follows the shear of a rotating disc."""
    theta, turn, total = theta.astype(np.float32), turn.astype(np.float32), 0.0  # its cosine is five times faster
    for i in range(N_WAVES):
        number = 1 + int(6.0 * u[f"wave_number_{i}"])
        winding = number * _between(u[f"wave_winding_{i}"], (0.5, 3.0))
        total = total + np.cos(number * theta - winding * turn + 2.0 * np.pi * u[f"wave_phase_{i}"])
    return total * np.sqrt(2.0 / N_WAVES)


def _clumps(u, number, position, direction, q, h, size, around):
    """Round star-forming clumps in the plane of the disc, on its arms where it has some; sums to about 1."""
    x, y = position
    places = range(number)
    r, turn, width, light = (
        np.array([u[f"clump_{what}_{i}"] for i in places]) for what in ("radius", "angle", "size", "light")
    )
    r = h * _between(np.sqrt(r), (0.2, 2.8))
    angle = 2.0 * np.pi * turn
    if around is not None:
        arms, pitch, phase = around
        on_arm = np.floor(arms * turn)  # the whole part chooses the arm, the rest scatters about it
        scatter = 0.25 * ndtri(np.clip(arms * turn - on_arm, 1e-3, 1.0 - 1e-3))
        angle = np.log(r / h) / np.tan(pitch) + (2.0 * np.pi * on_arm - phase + scatter) / arms
    along, across = r * np.cos(angle), q * r * np.sin(angle)
    c, s = direction
    width = np.maximum(size * _between(width**2, (0.012, 0.035)), 0.8)
    light = np.exp(0.8 * ndtri(light) - 0.4 * r / h)
    # A round Gaussian is a product of one along x and one along y: the sum over clumps is a product of matrices.
    rows = np.exp(-0.5 * ((y - (s * along + c * across)) / width) ** 2)
    columns = np.exp(-0.5 * ((x.T - (c * along - s * across)) / width) ** 2)
    image = (rows * (light / width**2)) @ columns.T
    return image / max(image.sum(), 1e-300)
