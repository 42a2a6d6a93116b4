"""Which values of an image count: neither NaN nor infinite, no number that stands for a missing pixel, no padding."""

import numpy as np

ABSURD_FLUX = 1e20  # -1e30 and the like mark missing pixels; also keeps sums finite as float32
ABSURD_NOISE = 1e7  # surveys write 1e8 and the like into the noise of bad pixels; no detector has a pixel this noisy
SENTINELS = (-99.0, -999.0, -9999.0, -99999.0, -32768.0)  # what stands for a missing pixel where NaN does not exist
ZEROS = 0.01  # share of zeros elsewhere from which on 0 is a flux like others
MOST = 0.6  # share of an image that padding may have: a square in a square leaves a half, at most
EMPTY = 0.1  # zeros at the border are padding if the pixels next to them scatter by more than this share of the image


def is_flux(values):
    """Where an array holds a flux: neither NaN, nor infinite, nor a number so large that it marks a missing pixel."""
    return np.abs(values) < ABSURD_FLUX


def is_noise(values):
    """Where an array holds an rms: positive, and not so large that it marks a bad pixel."""
    return (values > 0) & (values < ABSURD_NOISE)


def without_absurd(values):
    """A floating-point array as it is, but NaN where a value is not `is_flux` or is one of `SENTINELS`.

    -99 and the like count as such only if no other value lies between it and its half: in counts that scatter by as
    much, -99 is a flux like others.
    """
    good = is_flux(values)
    lowest = np.min(values, where=good, initial=0.0)
    for sentinel in SENTINELS:
        if lowest <= sentinel:
            here = values == sentinel
            if here.any() and not ((values > sentinel) & (values <= sentinel / 2) & good).any():
                good &= ~here
    return values if good.all() else np.where(good, values, values.dtype.type(np.nan))


def box_of(good):
    """The smallest box (slice of rows, slice of columns) around the True pixels of (rows, columns)."""
    rows, columns = (np.flatnonzero(good.any(axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def is_padding(image):
    """Where an image (rows, columns) was filled up with zeros: runs of exact 0 from its border inwards.

    Light that fades to 0 at the border is none, nor is an image of zeros alone: the pixels next to the zeros have to
    differ from 0 as much as others do. Nor are counts, of which a few are 0 anywhere.
    """
    zero = image == 0
    if not (zero[[0, -1]].any() or zero[:, [0, -1]].any()):
        return np.zeros(image.shape, dtype=bool)
    runs = [np.logical_and.accumulate(turned, axis=0) for turned in (zero, zero[::-1], zero.T, zero.T[::-1])]
    border = runs[0] | runs[1][::-1] | runs[2].T | runs[3][::-1].T
    others = image[~border & np.isfinite(image)]
    if (
        not min(image.shape) / 2 <= border.sum() <= MOST * image.size
        or np.count_nonzero(others == 0) > ZEROS * others.size
    ):
        return np.zeros(image.shape, dtype=bool)
    near = np.zeros(image.shape, dtype=bool)
    near[1:] |= border[:-1]
    near[:-1] |= border[1:]
    near[:, 1:] |= border[:, :-1]
    near[:, :-1] |= border[:, 1:]
    near &= ~border & np.isfinite(image)
    if not near.any() or np.median(np.abs(image[near])) <= EMPTY * 1.4826 * np.median(np.abs(others)):
        return np.zeros(image.shape, dtype=bool)
    return border
