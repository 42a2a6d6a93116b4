"""From the PSFs of systems to the arrays that the renderers of CPU and GPU blur every layer with."""

import numpy as np

from . import moments
from .detector import psf
from .detector.instrument import FWHM_PER_SIGMA
from .kernel_arguments import Blur

MOFFAT_SHARPNESS = 0.75
# The core that counts for a wider PSF: of such a one, all light that makes a peak would have to be added up.
WIDE = 0.4, 0.25


def pack_blur(scene, systems, dtype, adaptive):
    """The PSF of every layer as `kernel_arguments.Blur`, in the dtype of the images; adaptive: whether rays are."""
    n, fine = len(systems.indices), scene.instrument.supersampling
    sigma = _gaussian_sigma(scene, systems) * fine
    numbers, bank = _kernels(scene, systems, adaptive)
    side = max((k.shape[1] for k in bank), default=1)
    kernels = [np.pad(k, [(0, 0)] + 2 * [2 * ((side - k.shape[1]) // 2,)]) for k in bank]
    kernels = psf.phase_kernels(np.concatenate(kernels), fine) if kernels else np.ones((1, fine * fine, 1, 1))
    degree, which, taps, terms = _taps(scene, systems) if adaptive else _no_taps(sigma.shape)
    return Blur(
        sigma.reshape(n, -1),
        float(scene.instrument.truncation),
        numbers.reshape(n, -1),
        kernels.astype(dtype),
        degree,
        which.reshape(n, -1),
        np.ascontiguousarray(taps, dtype),
        terms,
        _cores(sigma, bank, numbers, taps, which).reshape(n, -1, 2).astype(dtype),
    )


def _gaussian_sigma(scene, systems):
    """Standard deviation of the Gaussian PSF in pixels, float64 (n, v, b); 0 where the PSF is another."""
    gaussian = [instrument.psf_kind == "gaussian" for instrument in scene.bands.values()]
    return np.where(gaussian, systems.optics["fwhm"], 0.0) / FWHM_PER_SIGMA / scene.instrument.pixel_scale


def _distinct(systems, b):
    """The different pairs of FWHM and beta of band `b`, (m, 2), and the number of each system's and view's, (n, v)."""
    fwhm, beta = systems.optics["fwhm"][..., b], systems.optics["beta"][..., b]
    pairs, numbers = np.unique(np.stack([fwhm.ravel(), beta.ravel()], axis=1), axis=0, return_inverse=True)
    return pairs, numbers.reshape(fwhm.shape)


def _kernels(scene, systems, adaptive):
    """The PSFs that are kernels of pixels: the number of every layer's (n, v, b), or -1, and kernels of each band."""
    numbers, bank = np.full(systems.optics["fwhm"].shape, -1), []
    for b, instrument in enumerate(scene.bands.values()):
        if instrument.psf_kind == "pixel":
            numbers[..., b] = sum(map(len, bank)) + systems.optics["kernel"][..., b].astype(int)
            bank.append(instrument.kernels)
        elif instrument.psf_kind == "moffat" and not (adaptive and instrument.within_pixels):
            pairs, own = _distinct(systems, b)
            numbers[..., b] = sum(map(len, bank)) + own
            scale = instrument.pixel_scale / scene.instrument.supersampling
            bank.append(psf.moffat_kernels(*pairs.T, scale, instrument.psf_size))
    return numbers, bank


def _cores(sigma, bank, numbers, taps, which):
    """The core of every layer's PSF, see `refinement.seen`: float64 (n, v, b, 2)."""
    sigma = np.maximum(sigma, 1e-3)
    beside = np.exp(-0.5 / sigma**2)
    own = 1.0 / (1.0 + 2.0 * np.exp(-0.5 * (np.arange(1, 8) / sigma[..., None]) ** 2).sum(-1))
    out = np.stack([own, own * beside], axis=-1)
    of_kernels = [_core(k[:, k.shape[1] // 2, k.shape[1] // 2 :]) for k in bank]
    if of_kernels:
        out = np.where((numbers >= 0)[..., None], np.concatenate(of_kernels)[numbers], out)
    if len(taps):
        r = taps.shape[3] // 2
        along = np.einsum("mt,mtd->md", taps[:, :, 0, r], taps[:, :, 0, r : r + 2])
        out = np.where((which >= 0)[..., None], _core(along)[which], out)
    return np.stack([np.maximum(out[..., 0], WIDE[0]), np.clip(out[..., 1], 0.0, WIDE[1])], axis=-1)


def _core(row):
    """Cores of PSFs from their pixel in the middle and the one beside it, (m, 2 or more): float64 (m, 2)."""
    beside = row[:, 1] if row.shape[1] > 1 else np.zeros(len(row))
    own = np.sqrt(np.maximum(row[:, 0], WIDE[0] ** 2))
    return np.stack([own, beside / own], axis=-1)


def _no_taps(shape):
    """What `_taps` gives where no layer keeps moments; shape: (n, v, b)."""
    return 0, np.full(shape, -1), np.zeros((0, 1, 1, 3)), np.zeros(0, np.int64)


def _taps(scene, systems):
    """The PSFs that act on where in a pixel the light lies: degree, which (n, v, b), taps and terms of a `Blur`."""
    scale, shape = scene.instrument.pixel_scale, systems.optics["fwhm"].shape
    within = {b: t for b, t in enumerate(scene.bands.values()) if t.within_pixels}
    if not within:
        return _no_taps(shape)
    # of all bands of the grid, so that an image does not depend on which of them are asked for
    beside = [t for t in (scene.whole or scene).bands.values() if t.within_pixels and t.pixel_scale == scale]
    degree = max(moments.degree_for(_narrowest_sigma(t) / scale) for t in beside)
    which, bank = np.full(shape, -1), []
    for b, instrument in within.items():
        pairs, numbers = _distinct(systems, b)
        which[..., b] = len(bank) + numbers
        if instrument.psf_kind == "moffat":
            bank += [moments.moffat_taps(f / scale, beta, instrument.psf_size, degree) for f, beta in pairs]
        else:
            sigma = pairs[:, 0] / FWHM_PER_SIGMA / scale
            bank += list(moments.gaussian_taps(sigma, instrument.truncation, degree)[:, None])
    terms, side = np.array([len(t) for t in bank]), max(t.shape[2] for t in bank)
    taps = np.zeros((len(bank), terms.max(), degree + 1, side))
    for k, t in enumerate(bank):
        edge = (side - t.shape[2]) // 2
        taps[k, : len(t), :, edge : edge + t.shape[2]] = t
    return degree, which, taps, terms


def _narrowest_sigma(instrument):
    """The sigma [arcsec] that decides the degree: the smallest one; a Moffat has a sharper peak than its FWHM says."""
    sharp = MOFFAT_SHARPNESS if instrument.psf_kind == "moffat" else 1.0
    return instrument.narrowest() / FWHM_PER_SIGMA * sharp
