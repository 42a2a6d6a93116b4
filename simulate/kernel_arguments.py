"""The arguments of the compiled renderer for a batch of systems: named tuples of numbers and arrays.

`packing` and `psf_packing` fill them. They stand apart because a kernel is compiled anew after a change in any file
that it imports.
"""

from typing import NamedTuple

import numpy as np

ADAPTIVE = 0  # in place of a number of rays


class Frame(NamedTuple):
    """The pixel grid."""

    num_pix: int  # on a side
    pixel_scale: float  # arcsec
    rays: int  # along a pixel's side, or ADAPTIVE
    tolerance: float  # of the peak, for ADAPTIVE
    supersampling: int  # the PSF is applied on pixels finer by that


class Tables(NamedTuple):
    """Parameters of n systems with L layers (views in each of the bands); rows are float64.

    Profiles are their numbers in `profiles.registry`: of MASS_NUMBERS or LIGHT_NUMBERS, or ABSENT.
    """

    deflector_profiles: np.ndarray  # (n, k)
    deflectors: np.ndarray  # (n, k, N_PARAMETERS), in the order of MASS_PARAMETERS
    halo_first: np.ndarray  # (n + 1,): system i has subhalos first[i] to first[i + 1]
    halo_profiles: np.ndarray  # (subhalos,)
    halos: np.ndarray  # (subhalos, N_PARAMETERS)
    source_profiles: np.ndarray  # (n, L, k)
    sources: np.ndarray  # (n, L, k, N_PARAMETERS), in the order of LIGHT_PARAMETERS
    light_profiles: np.ndarray  # (n, L, k), not lensed
    lights: np.ndarray  # (n, L, k, N_PARAMETERS)


class Maps(NamedTuple):
    """Gridded deflections, see `profiles.deflection_map`."""

    grids: np.ndarray  # float64 (m, 5)
    coefficients: np.ndarray  # (m, largest side^2 * 2), of the type of the rays
    sides: np.ndarray  # int32 (m,)


class Blur(NamedTuple):
    """The point-spread function of every layer."""

    sigma: np.ndarray  # (n, L), of a Gaussian [fine pixels]; 0: none
    truncation: float  # its radius in sigma
    kernel: np.ndarray  # (n, L): number in `kernels`, or -1 for the Gaussian
    kernels: np.ndarray  # (m, supersampling^2, k, k) from `psf.phase_kernels`, of the type of the image
    # A layer with taps of its own has neither of those above: it keeps moments of the light in a pixel, see `moments`.
    degree: int  # of the moments; 0: no layer has any
    which: np.ndarray  # int64 (n, L): number in `taps`, or -1 for a layer that keeps the mean of every pixel only
    # (m, most terms, degree + 1, 2 r + 1), of the type of the image: the PSF is the sum over its terms of
    # taps along x * taps along y; tap [a, r + d] belongs to moment a of a pixel and to the pixel d further on
    taps: np.ndarray
    terms: np.ndarray  # int64 (m,): how many terms each has; beyond, taps are 0
    core: np.ndarray  # (n, L, 2), of the type of the image: the PSF near its middle, see `refinement.seen`


class KernelArguments(NamedTuple):
    """All that images of n systems with L layers follow from."""

    frame: Frame
    tables: Tables
    maps: Maps  # of the type of the images
    exact_maps: Maps  # float64
    stamps: np.ndarray  # (s, side, side) galaxy images, of the type of the images
    blur: Blur
    variance: np.ndarray  # float64 (n, L, 2): background rms [counts/s], exposure time [s] times electrons per count
    exact_halos: bool  # trace every subhalo ray by ray
    tiled: bool  # rays go tile by tile, for subhalos that are interpolated
