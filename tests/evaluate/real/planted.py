"""Lenses of a small population in files, as a telescope's would be, for tests of their fits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits

from lenstream.configs.load import load
from lenstream.evaluate.fitting.source_shapes import source_shapes
from lenstream.evaluate.real import lens_fits
from lenstream.simulate.galaxies import principal_components
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

SCALE, N, BACKGROUND = 0.15, 32, 0.02  # arcsec, pixels of the network, counts/s
WIDE = 48  # pixels of a file
COMPONENTS, SAMPLES = 24, 800
GALAXY = (
    "simulate.source=[{profile: INTERPOL, catalogue: procedural, n_galaxies: 60, magnitude: {uniform: [23, 24]}, "
    "R_half: {uniform: [0.15, 0.4]}, center_x: {normal: [0, 0.1]}, center_y: {normal: [0, 0.1]}}]"
)
LIGHT = (
    "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: {normal: [18, 0.3]}, R_sersic: {uniform: [0.5, 1]}, "
    "n_sersic: {uniform: [2, 4]}, e1: {follow: {parameter: lens_mass.0.e1, scatter: 0.05, low: -0.6, high: 0.6}}, "
    "e2: {follow: {parameter: lens_mass.0.e2, scatter: 0.05, low: -0.6, high: 0.6}}}]"
)


def kernel(fwhm=0.3, side=13):
    """A Gaussian PSF on the file's pixels, (side, side)."""
    axis = (np.arange(side) - side // 2) * SCALE
    along = np.exp(-0.5 * (axis / (fwhm / 2.3548)) ** 2)
    return along[:, None] * along / along.sum() ** 2


class Planted:
    """A population, what the fits of its lenses have in common, and images of lenses of it."""

    def __init__(self, folder, patch):
        fits.writeto(folder / "kernel.fits", kernel())
        psf = f"simulate.observation.psf={{kind: pixel, file: {folder / 'kernel.fits'}}}"
        self.overrides = [GALAXY, LIGHT, psf, "simulate.image.rays=4", "simulate.selection={magnification_min: 2}"]
        self.config = load("tiny", self.overrides)
        self.scene = make_scene(self.config.simulate, self.config.seed)
        patch.setattr(principal_components, "SAMPLES", SAMPLES)
        patch.setattr(lens_fits, "source_shapes", lambda scene: source_shapes(scene, COMPONENTS))
        self.fits = lens_fits.prepare(self.scene)
        wide = load("tiny", [*self.overrides, f"simulate.image.num_pix={WIDE}"])
        self._wide = make_scene(wide.simulate, wide.seed)

    def system(self, i):
        """Number i of the population's test lenses."""
        return draw(self.scene, [FIRST_INDEX["test"] + i], Views())

    def truth(self, i):
        """The true parameters of a lens, name -> value."""
        system, free = self.system(i), self.fits.free
        names = free.names()[: len(free.places)]
        return {name: float(system.lens_mass[k][own][0]) for name, (k, own) in zip(names, free.places, strict=True)}

    def planes(self, i, noise=True):
        """IMAGE, NOISE, PSF, LENSLIGHT and MASK of a lens in its middle, name -> array, on WIDE x WIDE pixels."""
        system = self.system(i)
        dark = tuple({n: 0 * v if n == "amp" else v for n, v in own.items()} for own in system.source)
        clean, light = (
            render(self._wide, own, noise=False).reshape(WIDE, WIDE).astype(float)
            for own in (system, replace(system, source=dark))
        )
        rms = np.sqrt(BACKGROUND**2 + clean / 2000.0)
        image = clean + np.random.default_rng(i).normal(size=clean.shape) * rms * noise
        mask = np.zeros(clean.shape, np.uint8)
        return {"IMAGE": image, "NOISE": rms, "PSF": kernel(), "LENSLIGHT": light, "MASK": mask}


def write(path, planes, scale=SCALE):
    """Write planes, name -> array, as a FITS file of several extensions; its path."""
    primary = fits.PrimaryHDU()
    if scale:
        primary.header["PIXSCALE"] = scale
    fits.HDUList([primary, *(fits.ImageHDU(plane, name=name) for name, plane in planes.items())]).writeto(path)
    return Path(path)
