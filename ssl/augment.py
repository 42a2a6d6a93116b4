"""Image augmentations (crop, flip, rotate, blur, ...): batched, on the device, for any number of bands.

Every image gets its own, from `methods.base.Draws`, so the same whichever rank or part of a batch it is in. Images are
float32 (n, bands, h, w) throughout; geometric steps are float32 (n, 3, 3) matrices that say where in the image a point
of the view lies, x to the right and y along the rows, the image spanning -1 to 1.
"""

import math
import re

import torch
from torch.nn import functional as F

from ..configs.encoder import Augment

RATIO = 4 / 3  # most by which a crop stretches one axis over the other
FIRST, SECOND, LOCAL = range(3)  # which view of a system is made, as in `blur_probability`
# Lens parameters that an augmentation changes: the view is an image of a lens with other values, which pairs that
# differ by it teach to ignore. A zoom changes lengths, a stretch at constant area is a shear to first order, and
# neither changes slopes and convergences. A mirrored axis turns the position angle phi into -phi or 180 deg - phi.
_PLACES = ("center_x", "center_y", "ra_0", "dec_0")
_TURNED = ("e1", "e2", "gamma1", "gamma2", "phi_m", *_PLACES)
CHANGES = {
    "crop": ("theta_E", "Rs", "alpha_Rs", "r_trunc", "a_m", "r_E", *_TURNED),
    "flip": ("e2", "gamma2", "phi_m", *_PLACES),
    "rot90": _TURNED,
    "rotate": _TURNED,
    "shift": _PLACES,
    "brightness": (),
    "blur": (),
    "noise": (),
    "solarise": (),
}


def augment(images, settings: Augment, draws, size=None, view=FIRST):
    """A view of every image, in this order: crop, flip, rot90, rotate, shift, brightness, blur, noise, solarise.

    The first five are one interpolation, and none without crop and rotate: pixels then only change places.

    Args: size: pixels along the edges of the (square) views; None keeps that of the images. view: FIRST, SECOND or
    LOCAL.

    Returns: float32 (n, bands, h, w), or (n, bands, size, size); the images themselves if nothing is set.
    """
    images = _geometric(images, settings, draws, size)
    if settings.brightness:
        images = brightness(images, settings.brightness, draws, settings.brightness_probability)
    if settings.blur:
        images = blur(images, settings.blur, draws, settings.blur_probability[view])
    if settings.noise:
        images = noise(images, settings.noise, draws)
    if settings.solarise:
        images = solarise(images, settings.solarise, draws)
    return images


def destroyed(targets, settings: Augment):
    """Which targets the settings' augmentations change: dict of target to the names of those augmentations."""
    on = [name for name in CHANGES if getattr(settings, name)]
    changing = {t: [name for name in on if {t, re.sub(r"_\d+$", "", t)} & set(CHANGES[name])] for t in targets}
    return {t: names for t, names in changing.items() if names}


def _geometric(images, settings, draws, size):
    h, w = images.shape[-2:]
    aspect = w / h if size is None else 1.0
    steps = []
    if settings.crop:
        steps.append(crop(settings.crop, draws))
    if settings.flip:
        steps.append(flip(draws))
    if settings.rot90:
        steps.append(rot90(draws, aspect))
    if settings.rotate:
        steps.append(rotate(settings.rotate, draws, aspect))
    if settings.shift:
        steps.append(shift(settings.shift, draws, (h, w) if size is None else (size, size)))
    if not steps and size is None:
        return images
    matrix = torch.eye(3, device=images.device).expand(len(images), 3, 3)
    for step in steps:  # what comes first stands left: it is the last on the way from the view to the image
        matrix = matrix @ step
    if size is None:
        return warp(images, matrix, (h, w), exact=not (settings.crop or settings.rotate))
    shown = math.sqrt(max(settings.crop or (1.0,))) * max(h, w)
    return warp(images, matrix, (size, size), finer=max(1, round(shown / size)))


def warp(images, matrix, shape, exact=False, finer=1):
    """Images seen through geometric steps: bilinear, or the nearest pixel if `exact`.

    Args: shape: (h, w) of the result. finer: samples along the edge of each pixel, whose mean it becomes; more than 1
        where pixels become larger, or their noise would stay as strong and fine structure alias.
    """
    height, width = shape[0] * finer, shape[1] * finer
    x = (2 * torch.arange(width, device=images.device) + 1) / width - 1
    y = (2 * torch.arange(height, device=images.device)[:, None] + 1) / height - 1
    a = matrix[:, :2, :, None, None]
    grid = a[:, :, 0] * x + (a[:, :, 1] * y + a[:, :, 2])  # F.affine_grid is five times as slow on a CPU
    # Beyond the border the image is mirrored: noise goes on as it is, so that neither black corners nor streaks tell
    # by how much an image was turned. (Repeating the border is also unknown to older torch on Apple's GPUs.)
    out = F.grid_sample(
        images,
        grid.permute(0, 2, 3, 1),
        mode="nearest" if exact else "bilinear",
        padding_mode="reflection",
        align_corners=False,
    )
    return F.avg_pool2d(out, finer) if finer > 1 else out


def crop(area, draws):
    """A random part of each image, with the image's shape but for a stretch of up to 4/3.

    Args: area: of that part over the image's, lowest and highest; every area between is as likely.
    """
    u = draws.uniform(4)
    area = area[0] + (area[1] - area[0]) * u[:, 0]
    stretch = (2 * u[:, 1] - 1) * (-area.log()).clamp(max=math.log(RATIO))  # what fits into the image
    side = torch.stack([(area * stretch.exp()).sqrt(), (area / stretch.exp()).sqrt()], 1)
    shift = (2 * u[:, 2:] - 1) * (1 - side)
    return _matrix(side[:, 0], 0, 0, side[:, 1], shift)


def flip(draws):
    """Mirror each axis with a chance of one half."""
    sign = 1 - 2 * (draws.uniform(2) < 0.5).float()
    return _matrix(sign[:, 0], 0, 0, sign[:, 1])


def rot90(draws, aspect=1.0):
    """A turn by 0, 90, 180 or 270 degrees. Args: aspect: the view's width over its height."""
    quarter = (4 * draws.uniform()).long()
    cos, sin = torch.tensor([[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0]], device=quarter.device)[:, quarter]
    return _matrix(cos, -sin / aspect, sin * aspect, cos)


def rotate(degrees, draws, aspect=1.0):
    """A turn about the centre by up to so many degrees, either way. Args: aspect: the view's width over its height."""
    angle = math.radians(degrees) * (2 * draws.uniform() - 1)
    cos, sin = angle.cos(), angle.sin()
    return _matrix(cos, -sin / aspect, sin * aspect, cos)


def shift(share, draws, shape):
    """A shift by whole pixels, along each axis up to a share of its edge. Args: shape: (h, w) of the view."""
    pixels = torch.tensor([shape[1], shape[0]], device=draws.generator.device)
    whole = ((2 * draws.uniform(2) - 1) * share * pixels).round()
    one = torch.ones(len(whole), device=whole.device)
    return _matrix(one, 0, 0, one, 2 * whole / pixels)


def _matrix(xx, xy, yx, yy, shift=None):
    """Matrices (n, 3, 3) from their elements, (n,) or 0, and a shift (n, 2)."""
    out = torch.zeros(len(xx), 3, 3, device=xx.device)
    out[:, 0, 0], out[:, 0, 1], out[:, 1, 0], out[:, 1, 1], out[:, 2, 2] = xx, xy, yx, yy, 1
    if shift is not None:
        out[:, :2, 2] = shift
    return out


def brightness(images, spread, draws, share=1.0):
    """Flux times a factor between 1 - spread and 1 + spread, for a share of the images."""
    u = draws.uniform(2)
    factor = torch.where(u[:, 0] < share, 1 + spread * (2 * u[:, 1] - 1), 1.0)
    return images * factor[:, None, None, None]


def blur(images, sigma, draws, share=1.0):
    """Gaussian blur for a share of the images; what would come from beyond the border is left out of the mean.

    Args: sigma: lowest and highest standard deviation [pixels].
    """
    u = draws.uniform(2)
    width = sigma[0] + (sigma[1] - sigma[0]) * u[:, 1, None]

    def matrix(size):
        place = torch.arange(size, device=images.device)
        weights = torch.exp(-0.5 * (place / width) ** 2)[:, (place[:, None] - place).abs()]
        return (weights / weights.sum(-1, keepdim=True))[:, None]

    h, w = images.shape[-2:]
    rows = matrix(h)
    columns = rows if h == w else matrix(w)
    blurred = rows @ images @ columns.transpose(-1, -2)  # two small products: a convolution per image is slower
    return torch.where((u[:, 0] < share)[:, None, None, None], blurred, images)


def noise(images, strength, draws):
    """Gaussian noise with a standard deviation of `strength` times highest minus lowest value of each image."""
    spread = images.amax((1, 2, 3), keepdim=True) - images.amin((1, 2, 3), keepdim=True)
    return images + strength * spread * draws.normal(*images.shape[1:])


def solarise(images, share, draws):
    """For a share of the images, pixels above half of the image's peak become peak minus pixel."""
    peak = images.amax((1, 2, 3), keepdim=True)
    chosen = (draws.uniform() < share)[:, None, None, None]
    return torch.where(chosen & (images > peak / 2), peak - images, images)
