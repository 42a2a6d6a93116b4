"""How far images are from what the config means: the error of too few rays, and that of the PSF on whole pixels."""

from dataclasses import replace

import numpy as np

from ...simulate.render import render_all
from ...simulate.selection import draw
from ...simulate.systems.draw import Views, by_grid

FINE = 9  # the PSF on pixels finer by that counts as the truth
CONVERGED = 0.05  # of the config's tolerance, and at most MOST: rays that count as the truth
MOST = 1e-4
RAYS = 32  # rays along a pixel's side that count as the truth beside a fixed number of rays
KNOWN_WITHIN_PIXELS = ("gaussian", "moffat")  # a kernel in a file is known on its own pixels only


def with_rays(scene, rays, tolerance=None):
    """The scene with other rays (a number or "adaptive") and, if given, another tolerance."""
    update = {"rays": rays} | ({} if tolerance is None else {"tolerance": tolerance})
    image = scene.config.image.model_copy(update=update)
    return replace(scene, config=scene.config.model_copy(update={"image": image}))


def converged(scene, fine=FINE):
    """The scene with rays that count as the truth and the PSF on pixels finer by `fine`; kernels in files as they are.

    Where a band has such a kernel, all bands keep their pixels.
    """
    instruments = scene.bands.values()
    if any(t.psf_kind == "pixel" for t in instruments):
        fine = scene.instrument.supersampling
    bands = {name: t.on_finer_pixels(fine) for name, t in scene.bands.items()}
    return with_rays(replace(scene, bands=bands), "adaptive", _tight(scene))


def _tight(scene):
    return max(min(CONVERGED * scene.config.image.tolerance, MOST), 1e-6)


def image_errors(scene, indices):
    """Errors of noise-free images of systems: float64 (n,) of the rays, and (n,) of the PSF; of the peak of each band.

    The first is against converged rays with the PSF as the config has it. The second is that of the PSF alone: such
    images against those with the PSF on pixels 9 times as fine; None where no PSF is known within its pixels.
    """
    grids = by_grid(scene, draw(scene, indices, Views()))
    of_rays, of_psf = zip(*(_errors_of_grid(grid, systems) for grid, systems in grids), strict=True)
    known = [errors for errors in of_psf if errors is not None]
    return np.max(of_rays, axis=0), np.max(known, axis=0) if known else None


def _errors_of_grid(scene, systems):
    """`image_errors` of systems in bands that share a pixel grid."""
    own, same_psf, truth = _with_the_truth(scene, systems)
    return _worst(own, same_psf), None if truth is None else _worst(same_psf, truth)


def error_maps(scene, systems):
    """Where noise-free images are wrong: float32 (n, v, b, H, W) by the rays, and by the PSF; of the peak of each band.

    As `image_errors`, of which each is the largest modulus; the second is None where no PSF is known within its pixels.
    scene: of bands that share a pixel grid.
    """
    own, same_psf, truth = _with_the_truth(scene, systems)
    return _of_peak(own, same_psf), None if truth is None else _of_peak(same_psf, truth)


def _with_the_truth(scene, systems):
    """Images of systems, those with converged rays, and those with a converged PSF too, which may be None."""
    own = _images(scene, systems)
    if scene.config.image.rays == "adaptive":
        same_psf = _images(with_rays(scene, "adaptive", _tight(scene)), systems)
    else:
        same_psf = _images(with_rays(scene, RAYS + -RAYS % scene.instrument.supersampling), systems)
    known = any(t.psf_kind in KNOWN_WITHIN_PIXELS for t in scene.bands.values())
    return own, same_psf, _images(converged(scene), systems) if known else None


def _images(scene, systems):
    return render_all(scene, systems, noise=False).images


def _of_peak(images, truth):
    return (images - truth) / np.maximum(np.abs(truth).max((3, 4), keepdims=True), 1e-30)


def _worst(images, truth):
    return np.abs(_of_peak(images, truth)).max((1, 2, 3, 4)).astype(float)
