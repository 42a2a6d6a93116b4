"""Ordinary image augmentations: batched, on the device, on float flux with any number of bands.

Every augmentation says which lens parameters it leaves as they are; what it changes can no longer be learnt from pairs
that differ by it.
"""

import math

import torch
from torch.nn import functional as F

# Lens parameters that an augmentation changes: the image after it is that of a lens with other values.
CHANGES = {
    "crop": ("theta_E", "center_x", "center_y"),
    "flip": ("e1", "e2", "gamma1", "gamma2", "center_x", "center_y"),
    "brightness": (),
    "blur": (),
}


def augment(images, generator):
    """SimSiam's recipe for one band or many: random resized crop, flips, brightness, blur.

    Args:
        images: float (n, bands, h, w) [counts/s]. generator: torch.Generator on the images' device.

    Returns: a new tensor of the same shape; every image gets its own augmentation.
    """
    images = crop_and_flip(images, generator)
    images = brightness(images, generator)
    return blur(images, generator)


def crop_and_flip(images, generator, area=(0.2, 1.0), ratio=(3 / 4, 4 / 3)):
    """A random part of each image, resized to the full size and flipped along each axis half of the time."""
    n = len(images)

    def uniform(low, high):
        return low + (high - low) * torch.rand(n, generator=generator, device=images.device)

    side = uniform(*area).sqrt()
    aspect = torch.exp(uniform(math.log(ratio[0]), math.log(ratio[1]))).sqrt()
    width, height = (side * aspect).clamp(max=1.0), (side / aspect).clamp(max=1.0)
    shift_x, shift_y = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    flip_x, flip_y = uniform(0, 1).round() * 2 - 1, uniform(0, 1).round() * 2 - 1
    zero = torch.zeros_like(width)
    matrix = torch.stack(
        [torch.stack([width * flip_x, zero, shift_x], 1), torch.stack([zero, height * flip_y, shift_y], 1)], 1
    )
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def brightness(images, generator, spread=0.4, probability=0.8):
    """Each image's flux multiplied by a factor between 1 - spread and 1 + spread, with the given probability."""
    n = len(images)
    factor = 1 + spread * (2 * torch.rand(n, generator=generator, device=images.device) - 1)
    chosen = torch.rand(n, generator=generator, device=images.device) < probability
    return images * torch.where(chosen, factor, 1.0)[:, None, None, None]


def blur(images, generator, sigma=(0.1, 1.0), probability=0.5):
    """Gaussian blur of random width in pixels, with the given probability; at the edges weights are renormalised."""
    n, _, h, w = images.shape
    low, high = sigma
    width = low + (high - low) * torch.rand(n, generator=generator, device=images.device)
    chosen = torch.rand(n, generator=generator, device=images.device) < probability
    width = torch.where(chosen, width, 1e-3)  # so narrow that only the pixel itself counts

    def matrix(size):
        place = torch.arange(size, device=images.device, dtype=images.dtype)
        weights = torch.exp(-0.5 * ((place[:, None] - place) / width[:, None, None]) ** 2)
        return (weights / weights.sum(-1, keepdim=True))[:, None]

    return matrix(h) @ images @ matrix(w).transpose(-1, -2)  # two small products: a convolution per image is slower


def destroyed(targets):
    """Which of the targets the augmentations change: dict of target to the names of the augmentations."""
    found = {t: [name for name, changed in CHANGES.items() if t in changed] for t in targets}
    return {t: names for t, names in found.items() if names}
