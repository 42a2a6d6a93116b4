"""The posterior of the parameters of one image, with the galaxy's shape integrated out, and its derivatives.

An image is flux * (mean galaxy + sum of c_i components), lensed and behind the PSF: linear in the c_i, which have
normal priors, so their integral is exact (variable projection with the evidence of the linear part, as Suyu+ 2006 and
Vegetti & Koopmans 2009 for sources on pixels). What is left is a function of some dozen parameters, whose logarithm is

    -1/2 [chi2(c) + c' L^-1 c + ln det(F' W F + L^-1) + ln det L + (p - mean)' C^-1 (p - mean)]

with F the components' images, W the inverse variances of the pixels, L the prior of c, C that of the parameters p. The
light of the lens has its parameters among them: the image is what it leaves. Patterns that a subtraction of that light
may have left are further columns of F, with the strength of their prior among the parameters.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from . import linear_part
from .band_images import BandImages
from .free_parameters import FLUX, SIZE, STEP, TEXTURE, X
from .lens_light import lens_light
from .lens_rays import LensRays
from .pixel_response import pixel_response


class Observed(NamedTuple):
    """An image with what its noise follows from; of several bands the pixels of one after the other, (N,)."""

    image: np.ndarray  # float64 (n, n) or (N,) [counts/s]
    background: float | np.ndarray  # rms [counts/s]; of several bands (N,)
    exposure: float | np.ndarray  # [s], times electrons per count; of several bands (N,)
    good: np.ndarray  # bool (n, n) or (N,): pixels that count


class PosteriorAt(NamedTuple):
    """The logarithm of the posterior at some parameters."""

    value: float
    chi2: float  # of all good pixels
    model: np.ndarray  # as the image [counts/s]
    coefficients: np.ndarray  # (k,): of the components
    parts: tuple = ()  # what derivatives follow from
    gradient: np.ndarray | None = None  # (d,): by the independent directions of `FreeParameters`
    curvature: np.ndarray | None = None  # (d, d): minus its second derivatives, by Gauss and Newton
    light: np.ndarray | float = 0.0  # as the image: of the lens, and what is left of it [counts/s], in the model too


class _Fit(NamedTuple):
    """What a posterior came from; images are those of pixels that are lit and count, in units of their noise."""

    parameters: np.ndarray
    rays: list  # of each band, from `BandImages.on_stamp`
    counts: list  # of lit pixels of each band
    lit: np.ndarray  # numbers of the pixels among those of all bands
    root_weight: np.ndarray  # 1 / noise
    parts: np.ndarray  # (lit, k): the components' images
    root: np.ndarray  # of their matrix
    found: np.ndarray  # (k,): their coefficients
    variances: np.ndarray  # (k,): of these
    seen: np.ndarray  # (lit,): the model
    left: np.ndarray  # (lit,): what it leaves
    off: np.ndarray  # (d,): from the middle of the prior
    k: int  # components of the source; behind them are patterns of what subtracted light left
    light: np.ndarray | float  # of the lens's profiles, as the image [counts/s]
    beside: tuple = ()  # with light of the lens: numbers, 1 / noise and what is left of other pixels that count


def image_model(scene, free, shapes, optics, remains=None):
    """The `ImageModel` of an image of a scene.

    Args: free: `free_parameters.FreeParameters`. shapes: `source_shapes.SourceShapes`. optics: fwhm [arcsec], beta,
        kernel and exposure_time of the image in each band, (b,). remains: `light_remains.Remains` of light of the lens
        that was subtracted, of which `free` then has the strength; None: none.
    """
    finest = min(instrument.pixel_scale for instrument in scene.bands.values())
    responses = []
    for b, (name, instrument) in enumerate(scene.bands.items()):
        times = math.ceil(instrument.pixel_scale / finest - 1e-6)  # rays are as close in all bands
        of_band = {what: values[b] for what, values in optics.items()}
        responses.append(pixel_response(instrument, of_band, scene.num_pix[name], times))
    return ImageModel(scene, free, shapes, responses, lens_light(scene, free, optics), remains)


class ImageModel:
    """Evaluates posteriors of images of one scene; it fills tables of its own, so a thread needs one.

    free, shapes: as for `image_model`. responses: a `pixel_response.PixelResponse` for each band. light:
    `lens_light.LensLight`, None without light of the lens. remains: as for `image_model`.
    """

    def __init__(self, scene, free, shapes, responses, light=None, remains=None):
        self.free, self.shapes, self.responses, self.light, self.remains = free, shapes, responses, light, remains
        self.bands = [
            BandImages(scene.num_pix[name], instrument.pixel_scale, response, shapes.of_band(b), shapes.R_half)
            for b, ((name, instrument), response) in enumerate(zip(scene.bands.items(), responses, strict=True))
        ]
        ends = np.cumsum([0, *(band.n**2 for band in self.bands)]).tolist()
        self.pixels = [slice(first, end) for first, end in pairwise(ends)]  # of each band
        self.shape = (self.bands[0].n,) * 2 if len(self.bands) == 1 else (ends[-1],)  # of an image
        colors = free.of_colors
        self._strength = range(free.of_remains.start, free.of_remains.stop)
        self.of_flux = [FLUX, *range(colors.start, colors.stop)]  # where the flux in each band stands
        self._lens = LensRays(scene, free)

    def source_positions(self, lens, x, y, moved=False):
        """As `LensRays.positions`."""
        return self._lens.positions(lens, x, y, moved)

    def arriving(self, lens):
        """Where the rays of all fine pixels arrive behind a lens, for each band (2, rays) [arcsec]."""
        found = {band.grid: band for band in self.bands}
        found = {grid: self.source_positions(lens, band.x, band.y)[0] for grid, band in found.items()}
        return [found[band.grid] for band in self.bands]

    def posterior(self, observed, weights, parameters, k, derivatives=True):
        """The `PosteriorAt` of parameters (p,) with k components (or all there are).

        weights: inverse variance of every pixel, as the image; where it is 0 a pixel may hold anything, NaN too.

        Raises: LinAlgError where numbers overflow.
        """
        free, k = self.free, min(k, len(self.shapes.variances))
        light = 0.0 if self.light is None else self.light.image(parameters[free.of_light])
        observed = observed._replace(image=observed.image - light)
        images, lit, rays, factors = [], [], [], []
        for band, flux, own, beta in zip(self.bands, self.of_flux, self.pixels, self.arriving(parameters), strict=True):
            of_band = band.room(0, k + 1)
            rays.append(band.unit_images(parameters, k, beta, of_band.reshape(band.n, band.n, k + 1))[1])
            counting = weights.ravel()[own] > 0
            if self.remains is None:  # patterns of what is left of a galaxy are everywhere
                counting &= of_band[:, 0] != 0
            numbers = np.flatnonzero(counting)
            into = band.room(1, k + 1)[: len(numbers)]
            images.append(np.take(of_band, numbers, axis=0, out=into, mode="clip"))  # "raise" copies once more
            lit.append(numbers + own.start)
            factors.append(math.exp(parameters[flux]) * np.sqrt(weights.ravel()[lit[-1]]))
        counts = [len(numbers) for numbers in lit]
        images, lit, factor = joined(images), joined(lit), joined(factors)
        root_weight = np.sqrt(weights.ravel()[lit])  # residuals and components in units of the noise
        data, mean = observed.image.ravel()[lit] * root_weight, images[:, 0] * factor
        parts = images[:, 1:] * factor[:, None]
        variances = self.shapes.variances[:k] * math.exp(2.0 * parameters[TEXTURE])
        if self.remains is not None:
            parts = np.hstack([parts, self.remains.images[lit] * root_weight[:, None]])
            of_remains = self.remains.variances * math.exp(2.0 * parameters[free.of_remains][0])
            variances = np.concatenate([variances, of_remains])
        root, found = linear_part.cholesky(linear_part.gram(parts, 1.0 / variances), parts.T @ (data - mean))
        seen = mean + parts[:, :k] @ found[:k]
        left = data - seen - parts[:, k:] @ found[k:]
        chi2 = chi2_of_dark(observed, weights) - float((data**2).sum() - (left**2).sum())
        strength = float((found**2 / variances).sum())
        off = free.inverse() @ (parameters - free.mean)
        evidence = 2.0 * np.log(np.diag(root)).sum() + np.log(variances).sum()
        value = -0.5 * (chi2 + strength + evidence + off @ off)
        model = np.zeros(self.pixels[-1].stop)
        model[lit] = seen / root_weight
        beside = () if self.light is None else _beside(observed, weights, lit)
        pixels = counts, lit, root_weight
        fit = _Fit(parameters, rays, *pixels, parts, root, found, variances, seen, left, off, k, light, beside)
        if self.remains is not None:
            light = light + (self.remains.images @ found[k:]).reshape(self.shape)
        posterior = PosteriorAt(value, chi2, model.reshape(self.shape) + light, found[:k], fit, light=light)
        return self.with_derivatives(posterior) if derivatives else posterior

    def with_derivatives(self, posterior):
        """A `PosteriorAt` with its gradient and curvature."""
        fit, along = posterior.parts, self.free.directions
        moved = self._moved(fit)
        by_parameter = self._derivatives(fit, moved)
        if self.light is None:
            slope, curvature = _projected(by_parameter, fit)
        else:
            own = self.free.of_light
            by_light = self.light.derivatives(fit.parameters[own], fit.light)
            by_parameter[:, own] = by_light[fit.lit] * fit.root_weight[:, None]
            slope, curvature = _projected(by_parameter, fit)
            pixels, root_weight, left = fit.beside
            by_light = by_light[pixels] * root_weight[:, None]
            slope[own] += by_light.T @ left
            curvature[own, own] += by_light.T @ by_light
        determinant, fixed = self._of_determinant(fit, moved)
        slope -= determinant
        strength = fit.found**2 / fit.variances
        for of, own in ((TEXTURE, np.s_[: fit.k]), *((of, np.s_[fit.k :]) for of in self._strength)):
            slope[of] = (strength[own] - fixed[own]).sum()
            curvature[of, of] += 2.0 * max(fixed[own].sum(), 1.0)
        return posterior._replace(
            parts=(),
            gradient=along.T @ slope - fit.off,
            curvature=along.T @ curvature @ along + np.eye(along.shape[1]),
        )

    def _moved(self, fit):
        """By how much the rays of each band move on the stamp with each parameter of the lens, (lens's, 2, rays)."""
        steps, out = STEP * self.free.spread[: len(self.free.places)], []
        for band, (own, _, pixel) in zip(self.bands, fit.rays, strict=True):
            positions = self.source_positions(fit.parameters, band.x[own], band.y[own], moved=True)
            out.append((positions[1:] - positions[0]) / (steps[:, None, None] * pixel))
        return out

    def _of_bands(self, fit):
        """Of each band: its images, where its flux stands, its rays, which of the lit pixels are its, their numbers."""
        ends = np.cumsum([0, *fit.counts])
        for b, (band, own) in enumerate(zip(self.bands, self.pixels, strict=True)):
            rows = slice(ends[b], ends[b + 1])
            yield band, self.of_flux[b], fit.rays[b], rows, fit.lit[rows] - own.start

    def _derivatives(self, fit, moved):
        """The image's derivatives by all parameters in units of the noise, (lit, p)."""
        out, n_lens = np.zeros((len(fit.lit), len(self.free.mean))), len(self.free.places)
        for (band, flux, rays, rows, lit), of_band in zip(self._of_bands(fit), moved, strict=True):
            area = math.exp(fit.parameters[flux]) * band.area(rays[2])
            images = band.slopes(rays, fit.found[: fit.k], of_band)[lit] * (area * fit.root_weight[rows, None])
            out[rows, :n_lens], out[rows, X : SIZE + 1] = images[:, :n_lens], images[:, n_lens:]
            out[rows, flux] = fit.seen[rows]
        out[:, SIZE] -= 2.0 * fit.seen
        return out

    def _of_determinant(self, fit, moved):
        """Half the derivatives of ln det(F' W F + L^-1) by the parameters, (p,), and how far data fix each component.

        The trace of (F' W F + L^-1)^-1 F' W dF needs no dF: its weights of the images are pulled back to the rays.
        """
        k, n_lens = fit.k, len(self.free.places)
        inverse, out = linear_part.inverse(fit.root), np.zeros(len(self.free.mean))
        fixed = 1.0 - np.diag(inverse) / fit.variances
        for (band, flux, rays, rows, lit), of_band in zip(self._of_bands(fit), moved, strict=True):
            of_lit = np.matmul(fit.parts[rows], inverse[:, :k], out=band.room(1, k)[: len(lit)])
            out[flux] = fixed[:k].sum() if len(self.bands) == 1 else (of_lit * fit.parts[rows, :k]).sum()
            of_lit *= fit.root_weight[rows, None]
            weights = band.room(0, k)
            weights[:] = 0.0
            weights[lit] = of_lit
            pulled = band.pulled(rays, weights, of_band, math.exp(fit.parameters[flux]))
            out[:n_lens] += pulled[:n_lens]
            out[X : SIZE + 1] += pulled[n_lens:]
        out[SIZE] -= 2.0 * fixed[:k].sum()
        return out, fixed


def joined(pieces):
    """Arrays of all bands, one after the other."""
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _projected(by_parameter, fit):
    """Slope (p,) and curvature (p, p) of -chi2 / 2 with the linear coefficients at their best for all parameters."""
    shared = fit.parts.T @ by_parameter
    return by_parameter.T @ fit.left, by_parameter.T @ by_parameter - shared.T @ linear_part.solved(fit.root, shared)


def _beside(observed, weights, lit):
    """Numbers, 1 / noise and the image in units of it of the pixels that count beside those that are lit."""
    others = weights.ravel() > 0
    others[lit] = False
    others = np.flatnonzero(others)
    root_weight = np.sqrt(weights.ravel()[others])
    return others, root_weight, observed.image.ravel()[others] * root_weight


def inverse_variance(observed, model):
    """The weight of every pixel, as the image: 1 / noise variance of a model [counts/s], 0 where it does not count.

    Without a background the noise of a dark pixel is that of a single electron.
    """
    variance = observed.background**2 + np.fmax(model, 0.0) / observed.exposure
    return np.where(observed.good, 1.0 / np.maximum(variance, observed.exposure**-2), 0.0)


def chi2_of_dark(observed, weights):
    """The chi2 of an image without any light in the model."""
    return float((np.where(weights > 0, observed.image, 0.0) ** 2 * weights).sum())
