"""What share of a point of light on fine pixels each pixel gets behind the PSF: a few separable terms of taps.

A pixel integrates the PSF over its square. The two-dimensional response is a sum of products of one along x and one
along y (a Gaussian is one product; others by a singular-value decomposition), which costs far less than a kernel.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import erf

from ...simulate.detector import psf
from ...simulate.detector.instrument import FWHM_PER_SIGMA

REACH = 5.0  # of a Gaussian, in sigma
LEFT_OUT = 1e-4  # of the light, by the terms that are not kept
MOST_TERMS = 12
WITHIN = 3  # samples of a Moffat along the side of a fine pixel


class PixelResponse(NamedTuple):
    """Light at fine row y and column x adds taps_y[t, y, p] * taps_x[t, x, q] to pixel (first[y] + p, first[x] + q)."""

    fine: int  # fine pixels along the side of a pixel
    first: np.ndarray  # int64 (num_pix * fine,): the first pixel that a fine row or column reaches; may lie outside
    taps_y: np.ndarray  # float64 (terms, num_pix * fine, width)
    taps_x: np.ndarray  # float64 (terms, num_pix * fine, width)


def pixel_response(instrument, optics, num_pix, times=1):
    """The `PixelResponse` of an image of num_pix pixels on a side.

    Args: instrument: `simulate.detector.instrument.Instrument`. optics: fwhm [arcsec], beta and kernel of the image.
        times: as many more fine pixels along a side, where pixels are coarse for what they show.
    """
    fine = 2 * times
    if instrument.psf_kind == "gaussian" and optics["fwhm"] > 0:
        sigma = optics["fwhm"] / FWHM_PER_SIGMA / instrument.pixel_scale
        return _with_edges_repeated(num_pix, fine, _of_gaussian(fine, sigma))
    if instrument.psf_kind == "moffat":
        response = _of_moffat(fine, instrument, optics)
    elif instrument.psf_kind == "pixel":
        fine = instrument.supersampling * (2 if instrument.supersampling == 1 else 1) * times
        response = _of_kernel(fine, instrument.kernels[int(optics["kernel"])], instrument.supersampling)
    else:
        return _separable(fine, num_pix, [_of_gaussian(fine, 0.0)] * 2)
    left, values, right = np.linalg.svd(response)
    total = np.cumsum(values**2) / np.sum(values**2)
    kept = min(int(np.searchsorted(total, 1 - LEFT_OUT**2)) + 1, MOST_TERMS)
    rows, columns = (left[:, :kept] * np.sqrt(values[:kept])).T, right[:kept] * np.sqrt(values[:kept])[:, None]
    return _separable(fine, num_pix, (rows, columns))


def _separable(fine, num_pix, responses):
    """The `PixelResponse` from responses along y and along x, each (terms, 2 r + fine).

    Entry r + d of a response is for light whose fine pixel is d further on than the first fine pixel of a pixel.
    """
    places = np.arange(num_pix * fine)
    reach = (np.shape(responses[0])[1] - fine) // 2
    first = -((reach + fine - 1 - places) // fine)  # the lowest pixel whose response holds the place
    width = (2 * reach + fine - 1) // fine + 1
    offset = reach + places[:, None] - (first[:, None] + np.arange(width)) * fine
    there = (offset >= 0) & (offset < 2 * reach + fine)
    taps = [np.where(there, np.asarray(r)[:, np.clip(offset, 0, 2 * reach + fine - 1)], 0.0) for r in responses]
    return PixelResponse(fine, first, *(np.ascontiguousarray(t) for t in taps))


def _with_edges_repeated(num_pix, fine, response):
    """`_separable` as the renderer has it for a Gaussian: beyond the frame the light at its edge goes on.

    What the rows beyond would add to a pixel is added to the outermost row's share. response: (1, 2 r + fine).
    """
    within = _separable(fine, num_pix, [response] * 2)
    first, taps = within.first, within.taps_y.copy()
    width, reach = taps.shape[2], (response.shape[1] - fine) // 2
    for row, beyond in ((0, range(-reach, 0)), (len(first) - 1, range(len(first), len(first) + reach))):
        for tap in range(width):
            offsets = reach + np.array(beyond, int) - (first[row] + tap) * fine
            taps[0, row, tap] += response[0, offsets[(offsets >= 0) & (offsets < response.shape[1])]].sum()
    return PixelResponse(fine, first, taps, taps.copy())


def _of_gaussian(fine, sigma):
    """The response to a Gaussian of `sigma` pixels, (1, 2 r + fine)."""
    reach = math.ceil(REACH * sigma * fine)
    place = (np.arange(-reach, reach + fine) + 0.5) / fine  # within the pixel from 0 to 1
    if sigma == 0.0:
        return np.ones((1, fine))

    def below(z):
        return 0.5 * (1.0 + erf(z / (sigma * math.sqrt(2.0))))

    response = below(1.0 - place) - below(-place)
    return (response * fine / response.sum())[None]


def _of_moffat(fine, instrument, optics):
    """The response to a Moffat PSF, (2 r + fine, 2 r + fine)."""
    steps = fine * WITHIN
    size = instrument.psf_size * steps | 1
    kernel = psf.moffat_kernels(
        np.array([optics["fwhm"]]), np.array([optics["beta"]]), instrument.pixel_scale / steps, size
    )[0]
    response = _summed_over_a_pixel(kernel, steps)  # of light at each sample
    middle = WITHIN // 2
    reach = (response.shape[0] - steps) // 2 // WITHIN
    start = (response.shape[0] - steps) // 2 - reach * WITHIN + middle
    return response[start::WITHIN, start::WITHIN][: 2 * reach + fine, : 2 * reach + fine]


def _of_kernel(fine, kernel, supersampling):
    """The response to a kernel on pixels finer by `supersampling`, (2 r + fine, 2 r + fine)."""
    response = _summed_over_a_pixel(kernel / kernel.sum(), supersampling)
    return np.kron(response, np.ones((fine // supersampling,) * 2))


def _summed_over_a_pixel(kernel, steps):
    """From a kernel (k, k) to the light that a pixel of steps x steps samples gets, (k - 1 + steps,) * 2.

    Entry r + d is for light at the sample d further on than the first one of the pixel, with r = (k - 1) / 2.
    """
    padded = np.pad(kernel[::-1, ::-1], steps - 1)  # the kernel at (sample of the pixel - light)
    sums = np.cumsum(np.cumsum(np.pad(padded, ((1, 0), (1, 0))), axis=0), axis=1)
    return sums[steps:, steps:] - sums[:-steps, steps:] - sums[steps:, :-steps] + sums[:-steps, :-steps]
