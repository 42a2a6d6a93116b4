"""The shapes of made-up galaxies: bulges, discs, arms, rings, tidal tails, dust and clumps, as surface brightness.

Every galaxy is a function of numbers between 0 and 1, by name (`NAMES`), and of a few random fields (`Sky`).
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import fft
from scipy.special import i0e, ndtri

N_CLUMPS, KNOTS = 24, 3  # complexes of star formation, knots of each
# Numbers between 0 and 1 of each galaxy; a name is also the name of its random stream, so it stays as it is. "kind"
# chooses the morphology.
NAMES = (
    *("kind", "radius", "angle", "handed", "inclination", "bulge", "bulge_radius", "bulge_index", "boxiness", "halo"),
    *("outskirts", "arms", "pitch", "pitch_change", "arm_strength", "arm_width", "arm_phase", "uneven", "bar"),
    *("bar_length", "texture", "patches", "clumps", "clump_light", "dust", "dust_offset", "dust_width", "bend"),
    *("lopsided", "ring_radius", "ring_width", "ring_light", "ratio", "separation", "side", "tails", "tail_length"),
    *(f"clump_{what}_{i}" for what in ("radius", "angle", "size", "light") for i in range(N_CLUMPS)),
    *(f"knot_{what}_{i}" for what in ("x", "y", "size", "light") for i in range(N_CLUMPS * KNOTS)),
)
RINGS, SECTORS, LATTICE = 32, 64, 16  # grids of random numbers: ln of the radius, angle; side of those over the sky
N_WHITE = RINGS * SECTORS + 3 * LATTICE**2
SOFTENING = 0.6  # pixels: rounds off cusps, which one sample a pixel could not follow


@dataclass(frozen=True)
class Morphology:
    """What galaxies of one morphology consist of; each pair is a range."""

    share: float  # of galaxies, relative to the other morphologies that are asked for
    bulge: tuple[float, float]  # share of the light; the rest is the disc's
    arm_strength: tuple[float, float] = (0.0, 0.0)
    texture: tuple[float, float] = (0.0, 0.0)  # rms of the logarithm of the disc's surface brightness, along its shear
    patches: tuple[float, float] = (0.0, 0.0)  # rms of that logarithm for patches as large as the disc
    warp: float = 0.0  # rms displacement of places in the disc, in half-light radii
    clumps: tuple[int, int] = (0, 0)
    clump_light: tuple[float, float] = (0.0, 0.0)  # share of the disc's light
    disturbed: float = 0.0  # largest bend and lopsidedness; 1 is irregular
    ring_light: tuple[float, float] = (0.0, 0.0)  # share of the disc's light
    pair: bool = False  # two galaxies with tails


@dataclass(frozen=True)
class Sky:
    """Where a galaxy is drawn: pixels, and random fields over them of zero mean and unit rms, about."""

    place: np.ndarray  # (pixels,) along either axis, pixels from the middle
    size: int  # side of the stamp to be, pixels: the unit of all that is not the galaxy's own
    fields: list  # three of (pixels, pixels)
    polar: np.ndarray  # (RINGS, SECTORS), over the logarithm of the radius and the angle, periodic in both


def make_sky(white, pixels, size):
    """A `Sky` of pixels x pixels for a stamp of that size, from N_WHITE numbers between 0 and 1."""
    white = ((white - 0.5) * np.sqrt(12.0)).astype(np.float32)
    polar, sky = _filters()
    cut = RINGS * SECTORS
    lattices = fft.irfft2(fft.rfft2(white[cut:].reshape(3, LATTICE, LATTICE)) * sky)
    splines = _splines(pixels, size)
    return Sky(
        place=(np.arange(pixels) - 0.5 * (pixels - 1)).astype(np.float32),
        size=size,
        fields=[splines @ lattice @ splines.T for lattice in lattices],
        polar=fft.irfft2(fft.rfft2(white[:cut].reshape(RINGS, SECTORS)) * polar),
    )


@cache
def _filters():
    """Amplitudes of the Fourier modes of the polar grid and of the grids over the sky, falling to small scales."""
    radial, around = 6.0 * np.fft.fftfreq(RINGS) * RINGS / 5.0, np.fft.rfftfreq(SECTORS) * SECTORS
    polar = (1.0 + (radial[:, None] ** 2 + around**2) / 9.0) ** -0.7
    across = np.fft.fftfreq(LATTICE) * LATTICE
    sky = (1.0 + (across[:, None] ** 2 + across[: LATTICE // 2 + 1] ** 2) / 4.0) ** -1.5
    return _unit(polar, SECTORS), _unit(sky, LATTICE)


def _unit(amplitude, columns):
    amplitude[0, 0] = 0.0
    both = np.full(amplitude.shape[1], 2.0)  # rfft2 leaves half of the modes out
    both[[0, -1]] = 1.0
    return (amplitude / np.sqrt((amplitude**2 * both).sum() / (len(amplitude) * columns))).astype(np.float32)


@cache
def _splines(pixels, size):
    """Cubic B-splines over a lattice with a period of 1.6 stamps, shape (pixels, LATTICE)."""
    place = (np.arange(pixels) - 0.5 * (pixels - 1)) * LATTICE / (1.6 * size)
    away = np.abs((place[:, None] - np.arange(LATTICE) + LATTICE / 2) % LATTICE - LATTICE / 2)
    basis = np.where(away < 1.0, 4.0 - 6.0 * away**2 + 3.0 * away**3, np.maximum(2.0 - away, 0.0) ** 3)
    return (basis / 6.0).astype(np.float32)


def _polar(grid, turn, theta):
    """The polar grid at a logarithm of the radius and an angle, bilinear; its period is a factor of 150 in radius."""
    i, s = _cell(turn * np.float32(RINGS / 5.0), RINGS)
    j, t = _cell(theta * np.float32(SECTORS / (2.0 * math.pi)), SECTORS)
    flat, above, right = grid.ravel(), (i + 1) % RINGS * SECTORS, (j + 1) % SECTORS
    i *= SECTORS
    low = flat.take(i + j) * (1.0 - t) + flat.take(i + right) * t
    high = flat.take(above + j) * (1.0 - t) + flat.take(above + right) * t
    return low * (1.0 - s) + high * s


def _cell(position, n):
    whole = np.floor(position)
    return whole.astype(np.int32) % n, position - whole


def between(u, span):
    """From the first of the pair at u = 0 to the second at u = 1."""
    return span[0] + u * (span[1] - span[0])


def radius(x, y):
    """sqrt(x^2 + y^2), arrays of one shape or that broadcast."""
    return np.sqrt(x * x + y * y)  # numpy's hypot takes five times as long


# Galaxies. Sums of surface brightness over the sky are 1, about.


def surface_brightness(u, other, morphology, sky):
    """Surface brightness over the sky, float32, of a galaxy with numbers `u`, or a pair with `other` for the second."""
    half = sky.size * between(u["radius"], (0.1, 0.17))
    if not morphology.pair:
        return _galaxy(u, morphology, sky, half, (0.0, 0.0), None)
    ratio, apart = between(u["ratio"], (0.25, 1.0)), half * between(u["separation"], (0.7, 1.7))
    c, s = math.cos(2.0 * math.pi * u["side"]), math.sin(2.0 * math.pi * u["side"])
    first, second = apart * ratio / (1.0 + ratio), apart / (1.0 + ratio)
    light = _galaxy(u, morphology, sky, 0.65 * half, (-first * c, -first * s), (-c, -s))
    return light + ratio * _galaxy(other, morphology, sky, 0.65 * half * ratio**0.4, (second * c, second * s), (c, s))


def _galaxy(u, morphology, sky, half, centre, away):
    """One galaxy; `away` is the direction away from the other of a pair, or None."""
    x, y = sky.place[None, :] - np.float32(centre[0]), sky.place[:, None] - np.float32(centre[1])
    c, s = math.cos(2.0 * math.pi * u["angle"]), math.sin(2.0 * math.pi * u["angle"])
    hand = 1.0 if u["handed"] < 0.5 else -1.0
    frame = np.array(((c, s), (-hand * s, hand * c)), np.float32)
    along, across = frame[0, 0] * x + frame[0, 1] * y, frame[1, 0] * x + frame[1, 1] * y
    share = between(u["bulge"], morphology.bulge)
    light = 0.0
    if share > 0.0:
        light = share * _bulge(u, along, across, half, share == 1.0)
    if share < 1.0:
        away = None if away is None else frame @ np.array(away)
        light = light + (1.0 - share) * _disc(u, morphology, sky, along, across, frame, half, centre, away)
    return light


def _bulge(u, along, across, half, elliptical):
    """A Sersic profile, with a little boxiness for ellipticals; sums to 1."""
    q = 1.0 - (0.55 if elliptical else 0.35) * u["inclination"]
    n = between(u["bulge_index"], (2.0, 5.0) if elliptical else (1.0, 4.0))
    size = half if elliptical else half * between(u["bulge_radius"], (0.15, 0.45))
    a2, b2 = along * along * q, across * across / q
    r2 = a2 + b2 + SOFTENING**2
    if elliptical:
        r2 *= 1.0 + 0.12 * (u["boxiness"] - 0.5) * (1.0 - 8.0 * a2 * b2 / r2**2)
    light = np.exp(-(2.0 * n - 0.33) * (r2 / size**2) ** (0.5 / n))
    return light / light.sum()


def _disc(u, morphology, sky, along, across, frame, half, centre, away):
    """An inclined exponential disc with what its morphology has of arms, bar, ring, tails, texture, clumps and dust."""
    q = between(u["inclination"], (1.0, 0.28))
    h = half / 1.55 * between(u["inclination"], (1.0, 1.3))  # a circle about an inclined disc holds more light
    thick = across / max(q, 0.6)
    across = across / q
    halo = np.exp(-radius(along, thick) / (1.9 * h)) * between(u["halo"] ** 2, (0.01, 0.06))
    if morphology.disturbed:
        across = across + morphology.disturbed * (u["bend"] - 0.5) * along**2 / half
    along, across = along + morphology.warp * half * sky.fields[0], across + morphology.warp * half * sky.fields[1]
    r = np.sqrt(along * along + across * across + SOFTENING**2)
    theta, turn = np.arctan2(across, along), np.log(r / h)
    # Discs break: beyond a few scale lengths most fall more steeply.
    light = np.exp(-r / h - np.maximum(r / h - between(u["outskirts"], (1.5, 4.0)), 0.0))
    inner = r * r / (r * r + (0.7 * h) ** 2)  # arms and texture fade towards the middle
    wind = _wind(u, turn)
    grain = _polar(sky.polar, turn, theta - 0.8 * wind) if morphology.texture[1] else 0.0
    strength = between(u["arm_strength"], morphology.arm_strength)
    dust = 0.0
    if strength > 0.0:
        arms = _arms(u, strength, inner, theta, wind, grain)
        light *= arms[0]
        dust = arms[1]
    if morphology.arm_strength[0] > 0.0 and u["bar"] < 0.4:
        light += _bar(u, r, theta, h)
    patches = between(u["patches"], morphology.patches) * sky.fields[2]
    if morphology.texture[1]:
        light *= np.exp(inner * (between(u["texture"], morphology.texture) * grain + patches))
    if morphology.disturbed:
        light *= 1.0 + morphology.disturbed * (2.0 * u["lopsided"] - 1.0) * np.tanh(along / half)
    light += halo
    light /= light.sum()
    ring = None
    if morphology.ring_light[1]:
        ring = half * between(u["ring_radius"], (0.85, 1.25)), half * between(u["ring_width"], (0.1, 0.25))
        share = between(u["ring_light"], morphology.ring_light)
        light = (1.0 - share) * light + share * _ring(u, *ring, r, theta, grain, patches)
    if away is not None:
        share = between(u["tails"], (0.1, 0.3))
        light = (1.0 - share) * light + share * _tails(u, r, theta, turn, h, grain, math.atan2(away[1] / q, away[0]))
    if q < 0.5 and u["dust"] > 0.5:  # a lane across the near side
        lane = (across * q / half - between(u["dust_offset"], (-0.12, 0.12))) / between(u["dust_width"], (0.1, 0.2))
        dust = dust + 3.0 * (u["dust"] - 0.4) * np.exp(-0.5 * lane**2 - 0.3 * (along / h) ** 2 + 0.5 * grain)
    light *= np.exp(-dust)
    number = round(between(u["clumps"], morphology.clumps))
    if number:
        share = between(u["clump_light"], morphology.clump_light)
        spots = _spots(u, number, h, ring, strength > 0.0)
        spots = frame.T @ (spots * np.array((1.0, q))[:, None]) + np.array(centre)[:, None]
        light = (1.0 - share) * light + share * _clumps(u, spots, morphology.warp * half, h, sky, centre)
    return light


def _wind(u, turn):
    """The angle by which an arm has turned at a logarithm of the radius: a spiral whose pitch angle changes slowly."""
    opening = math.tan(math.radians(between(u["pitch"], (12.0, 35.0))))
    return (turn + 0.3 * (u["pitch_change"] - 0.5) * turn * turn) / opening


def _arms(u, strength, inner, theta, wind, grain):
    """The factor by which arms change the light, and the dust along their inner edges."""
    number, phase = _arm_numbers(u)
    wave = number * (theta - wind) + phase + 0.6 * grain
    width = between(u["arm_width"], (0.6, 2.6))
    strength = strength * inner * (1.0 - 0.5 * u["uneven"] * (1.0 + np.cos(theta - 2.0 * phase)) / 2.0)
    # i0e is the mean over the angle: arms move light about and add none.
    factor = 1.0 + strength * (np.exp(width * (np.cos(wave) - 1.0)) / float(i0e(width)) - 1.0)
    if u["dust"] > 0.5:
        return factor, 0.0
    return factor, 1.6 * u["dust"] * inner * np.exp(4.0 * (np.cos(wave + 0.9) - 1.0) + 0.4 * grain)


def _arm_numbers(u):
    return 2 if u["arms"] < 0.7 else 3 if u["arms"] < 0.85 else 4, 2.0 * math.pi * u["arm_phase"]


def _bar(u, r, theta, h):
    number, phase = _arm_numbers(u)
    turned = theta + phase / number  # the bar ends where arms begin
    bar = (r / (h * between(u["bar_length"], (0.7, 1.3)))) ** 2 * (np.cos(turned) ** 2 + 8.0 * np.sin(turned) ** 2)
    return np.exp(-bar * np.sqrt(bar)) * (0.2 + u["bar"])


def _ring(u, middle, width, r, theta, grain, patches):
    """A ring of stars as a collision or a resonance leaves it: brighter on one side, ragged; sums to 1."""
    uneven = 1.0 + 0.8 * u["uneven"] * np.cos(theta - 2.0 * math.pi * u["arm_phase"])
    light = np.exp(-0.5 * ((r - middle) / width) ** 2 + 0.4 * grain + patches) * uneven
    return light / light.sum()


def _tails(u, r, theta, turn, h, grain, away):
    """A tidal tail that leaves the disc on the side away from the other galaxy, and a bridge towards it; sums to 1.

    As in the encounters of Toomre & Toomre (1972, ApJ 178, 623), both are open arms that start beyond the disc.
    """
    opening = math.tan(math.radians(between(u["tail_length"], (35.0, 65.0))))
    curve = theta - away - (turn - 0.4) / opening + 0.15 * grain
    narrow = between(u["ring_width"], (5.0, 14.0))
    tail = np.exp(narrow * (np.cos(curve) - 1.0)) + 0.4 * np.exp(1.5 * narrow * (-np.cos(curve) - 1.0))
    far = (r / (1.3 * h)) ** 4
    light = tail * far / (1.0 + far) * np.exp(-r / (h * between(u["tail_length"], (1.5, 3.0))))
    return light / light.sum()


def _spots(u, number, h, ring, on_arms):
    """Places of star formation in the plane of the disc, shape (2, number), on arms or the ring where it has them."""
    r, turn = (np.array([u[f"clump_{what}_{i}"] for i in range(number)]) for what in ("radius", "angle"))
    r = h * between(np.sqrt(r), (0.2, 2.4)) if ring is None else ring[0] + ring[1] * ndtri(np.clip(r, 0.02, 0.98))
    angle = 2.0 * math.pi * turn
    if on_arms and ring is None:
        arms, phase = _arm_numbers(u)
        on_arm = np.floor(arms * turn)  # the whole part chooses the arm, the rest scatters about it
        scatter = 0.3 * ndtri(np.clip(arms * turn - on_arm, 1e-3, 1.0 - 1e-3))
        angle = _wind(u, np.log(r / h)) + (2.0 * math.pi * on_arm - phase + scatter) / arms
    return np.array((r * np.cos(angle), r * np.sin(angle)))


def _clumps(u, spots, warp, h, sky, centre):
    """Star-forming complexes of a few knots each, about places on the sky, shape (2, number); sums to 1, about."""
    number = spots.shape[1]
    size, light = (np.array([u[f"clump_{what}_{i}"] for i in range(number)]) for what in ("size", "light"))
    light = np.exp(0.8 * ndtri(light) - 0.6 * radius(*(spots - np.array(centre)[:, None])) / h)
    size = sky.size * between(size**2, (0.012, 0.035))
    knots = np.array([[u[f"knot_{what}_{i}"] for i in range(number * KNOTS)] for what in ("x", "y", "size", "light")])
    spots, size, light = (np.repeat(a, KNOTS, axis=-1) for a in (spots, size, light))
    spots = spots + 1.2 * size * ndtri(np.clip(knots[:2], 0.02, 0.98))
    size = np.maximum(size * between(knots[2], (0.5, 1.3)), 0.8)
    light = (light * knots[3] / size**2).astype(np.float32)
    # A round Gaussian is a product of one along x and one along y: the sum over knots is a product of matrices.
    columns, rows = (np.exp(-0.5 * ((sky.place[:, None] - at) / size).astype(np.float32) ** 2) for at in spots)
    image = (rows * light) @ columns.T
    return image / max(image.sum(), np.float32(1e-30))
