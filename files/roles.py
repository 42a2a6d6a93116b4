"""Roles of the parts of an image file (image, noise, mask, lens light, PSF): their names, and which values count."""

import numpy as np

# EXTNAME in capitals, of a FITS image by its role; of several that are there, the first in this list counts.
ROLES = {
    "image": ("IMAGE", "SCI"),
    "noise": ("NOISE", "ERR"),  # rms in the unit of the image
    "mask": ("MASK",),  # 0 where a pixel is good
    "light": ("LENSLIGHT",),  # a model of the lens galaxy, in the unit of the image
    "psf": ("PSF",),
}
ABSURD_FLUX = 1e20  # -1e30 and the like mark missing pixels; also keeps sums finite as float32
ABSURD_NOISE = 1e7  # surveys write 1e8 and the like into the noise of bad pixels; no detector has a pixel this noisy


def named(images, role):
    """The `fits.FitsImage` that goes by a role, or None."""
    return next((image for name in ROLES[role] for image in images if image.name == name), None)


def chosen(images, role):
    """The `fits.FitsImage` that goes by a role, or else the first of the images; None if there is none at all."""
    return named(images, role) or next(iter(images), None)


def is_flux(values):
    """Where an array holds a flux: neither NaN, nor infinite, nor a number so large that it marks a missing pixel."""
    return np.abs(values) < ABSURD_FLUX


def is_noise(values):
    """Where an array holds an rms: positive, and not so large that it marks a bad pixel."""
    return (values > 0) & (values < ABSURD_NOISE)


def without_absurd(values):
    """A floating-point array as it is, but NaN where `is_flux` is False."""
    good = is_flux(values)
    return values if good.all() else np.where(good, values, values.dtype.type(np.nan))
