"""The posterior of the parameters of one image, with the galaxy's shape integrated out, and its derivatives.

An image is flux * (mean galaxy + sum of c_i components), lensed and behind the PSF: linear in the c_i, which have
normal priors, so their integral is exact (variable projection with the evidence of the linear part, as Suyu+ 2006 and
Vegetti & Koopmans 2009 for sources on pixels). What is left is a function of some dozen parameters, whose logarithm is

    -1/2 [chi2(c) + c' L^-1 c + ln det(F' W F + L^-1) + ln det L + (p - mean)' C^-1 (p - mean)]

with F the components' images, W the inverse variances of the pixels, L the prior of c, C that of the parameters p. The
light of the lens has its parameters among them: the image is what it leaves.
"""

import math
from typing import NamedTuple

import numpy as np

from ...simulate.cpu import kernel
from ...simulate.kernel_arguments import Tables
from ...simulate.profiles import registry
from ...simulate.render import _workspace, pack_maps
from . import linear_part, source_kernels
from .free_parameters import SOURCE, STEP, columns_of

X, Y, SIZE, FLUX, TEXTURE = range(-len(SOURCE), 0)


class Observed(NamedTuple):
    """An image with what its noise follows from."""

    image: np.ndarray  # float64 (n, n) [counts/s]
    background: float  # rms [counts/s]
    exposure: float  # [s], times electrons per count
    good: np.ndarray  # bool (n, n): pixels that count


class PosteriorAt(NamedTuple):
    """The logarithm of the posterior at some parameters."""

    value: float
    chi2: float  # of all good pixels
    model: np.ndarray  # (n, n) [counts/s]
    coefficients: np.ndarray  # (k,): of the components
    parts: tuple = ()  # what derivatives follow from
    gradient: np.ndarray | None = None  # (d,): by the independent directions of `FreeParameters`
    curvature: np.ndarray | None = None  # (d, d): minus its second derivatives, by Gauss and Newton
    light: np.ndarray | float = 0.0  # (n, n): of the lens [counts/s], in the model too


class _Fit(NamedTuple):
    """What a posterior came from; images are those of pixels that are lit and count, in units of their noise."""

    parameters: np.ndarray
    rays: tuple  # from `ImageModel.on_stamp`
    lit: np.ndarray  # numbers of the pixels
    root_weight: np.ndarray  # 1 / noise
    parts: np.ndarray  # (lit, k): the components' images
    root: np.ndarray  # of their matrix
    found: np.ndarray  # (k,): their coefficients
    variances: np.ndarray  # (k,): of these
    seen: np.ndarray  # (lit,): the model
    left: np.ndarray  # (lit,): what it leaves
    off: np.ndarray  # (d,): from the middle of the prior
    beside: tuple = ()  # with light of the lens: numbers, 1 / noise and what is left of other pixels that count


class ImageModel:
    """Evaluates posteriors of images of one scene; it fills tables of its own, so a thread needs one.

    free: `free_parameters.FreeParameters`. shapes: `source_shapes.SourceShapes`. response:
    `pixel_response.PixelResponse`. light: `lens_light.LensLight`, None without light of the lens. pixel_scale:
    [arcsec].
    """

    def __init__(self, scene, free, shapes, response, light=None):
        self.free, self.shapes, self.response, self.light = free, shapes, response, light
        self.pixel_scale, self.n = scene.instrument.pixel_scale, scene.config.image.num_pix
        side = self.n * response.fine
        axis = (np.arange(side) + 0.5 - 0.5 * side) * self.pixel_scale / response.fine
        self._x, self._y = (a.ravel() for a in np.meshgrid(axis, axis))
        self._rows, self._columns = (a.ravel() for a in np.indices((side, side)))
        self._maps, self._places = pack_maps(scene, np.float64), columns_of(free)
        self._tables = self._make_tables(1 + len(free.places))
        self._work = _workspace(self._make_tables(1), np.float64)
        self._stamps, self._rooms = {}, np.empty((2, self.n**2 * shapes.stamps.shape[2]))

    def _make_tables(self, n):
        """The kernel's tables of n lenses without light, with the parameters that do not vary."""
        k = len(self.free.profiles)
        numbers, rows = np.empty((n, k), np.int64), np.zeros((n, k, registry.N_PARAMETERS))
        n_maps = 0
        for j, (profile, constants) in enumerate(zip(self.free.profiles, self.free.constants, strict=True)):
            numbers[:, j] = registry.MASS_NUMBERS[profile]
            for name, value in (registry.MASS[profile].always | {"map": n_maps} | constants).items():
                if name in registry.MASS_PARAMETERS[profile]:
                    rows[:, j, registry.MASS_PARAMETERS[profile].index(name)] = value
            n_maps += registry.MASS[profile].rays == "map"
        nothing, no_light = np.zeros((0, registry.N_PARAMETERS)), np.zeros((n, 1, 0, registry.N_PARAMETERS))
        first, no_profiles = np.zeros(n + 1, np.int64), np.zeros((n, 1, 0), np.int64)
        return Tables(numbers, rows, first, first[:0], nothing, no_profiles, no_light, no_profiles, no_light)

    def _stamps_of(self, first, last):
        """The stamps from `first` to `last` side by side, (side, side, last - first)."""
        if (first, last) not in self._stamps:
            self._stamps[first, last] = np.ascontiguousarray(self.shapes.stamps[:, :, first:last])
        return self._stamps[first, last]

    def _room(self, which, k):
        """One of two arrays (n * n, k) to fill: fresh ones, when large, cost as much as what is computed in them."""
        return self._rooms[which, : self.n**2 * k].reshape(self.n**2, k)

    def source_positions(self, lens, x, y, moved=False):
        """Where rays at x, y (rays,) arrive, (m, 2, rays) [arcsec], for m = 1 lens.

        moved: also for lenses that each have one parameter a `STEP` further.
        """
        n = len(self._tables.deflectors) if moved else 1
        tables = self._tables._replace(
            deflector_profiles=self._tables.deflector_profiles[:n],
            deflectors=self._tables.deflectors[:n],
            halo_first=self._tables.halo_first[: n + 1],
        )
        for p, (k, column) in enumerate(self._places):
            tables.deflectors[:, k, column] = lens[p]
            if moved:
                tables.deflectors[1 + p, k, column] += STEP * self.free.spread[p]
        at = np.broadcast_to(np.stack([x, y])[:, None], (2, n, x.size)).copy()
        alpha = np.empty_like(at)
        kernel.trace(tables, self._maps, at[0], at[1], self._work, alpha[0], alpha[1])
        return (at - alpha).transpose(1, 0, 2)

    def arriving(self, lens):
        """Where the rays of all fine pixels arrive behind a lens, (2, rays) [arcsec]."""
        return self.source_positions(lens, self._x, self._y)[0]

    def on_stamp(self, parameters, beta):
        """The rays that meet the stamp: their numbers, their places on it (2, rays), and its pixel [arcsec].

        beta: from `arriving`.
        """
        place, pixel = self._place(parameters, beta)
        own = np.flatnonzero(((place > 0) & (place < self.shapes.stamps.shape[0] - 1)).all(axis=0))
        return own, np.ascontiguousarray(place[:, own]), pixel

    def _place(self, parameters, beta):
        pixel = math.exp(parameters[SIZE]) / self.shapes.R_half
        return (beta - parameters[[X, Y], None]) / pixel + 0.5 * (self.shapes.stamps.shape[0] - 1), pixel

    def mean_images(self, several, beta):
        """Images of the mean galaxy for a flux of 1, (n, n, m), for m parameters (p,) of sources behind one lens.

        beta: from `arriving`.
        """
        light, stamp = np.empty((len(self._rows), len(several))), self._stamps_of(0, 1)[:, :, 0]
        own, images = np.empty(len(light)), np.empty((self.n, self.n, len(several)))
        for m, parameters in enumerate(several):
            place, pixel = self._place(parameters, beta)
            source_kernels.brightness(*place, stamp, own)
            light[:, m] = own * (self.pixel_scale / self.response.fine / pixel) ** 2
        source_kernels.seen_images(light, self._rows, self._columns, self.response, images)
        return images

    def unit_images(self, parameters, k, beta=None, images=None):
        """Images of the mean galaxy and k components for a flux of 1, (n, n, k + 1), with what `on_stamp` gives.

        beta: from `arriving`. images: an array to fill with them.
        """
        own, place, pixel = self.on_stamp(parameters, self.arriving(parameters) if beta is None else beta)
        images = np.empty((self.n, self.n, k + 1)) if images is None else images
        source_kernels.seen_components(
            *place,
            self._rows[own],
            self._columns[own],
            self._stamps_of(0, k + 1),
            self.response,
            images,
        )
        images *= (self.pixel_scale / self.response.fine / pixel) ** 2
        return images, (own, place, pixel)

    def posterior(self, observed, weights, parameters, k, derivatives=True):
        """The `PosteriorAt` of parameters (p,) with k components (or all there are).

        weights: inverse variance of every pixel, (n, n); where it is 0 a pixel may hold anything, NaN too.

        Raises: LinAlgError where numbers overflow.
        """
        free, n, flux, k = self.free, self.n, math.exp(parameters[FLUX]), min(k, len(self.shapes.variances))
        light = 0.0 if self.light is None else self.light.image(parameters[free.of_light])
        observed = observed._replace(image=observed.image - light)
        images = self._room(0, k + 1)
        _, rays = self.unit_images(parameters, k, images=images.reshape(n, n, k + 1))
        lit = np.flatnonzero((images[:, 0] != 0) & (weights.ravel() > 0))
        images = np.take(
            images, lit, axis=0, out=self._room(1, k + 1)[: len(lit)], mode="clip"
        )  # "raise" copies once more
        root_weight = np.sqrt(weights.ravel()[lit])  # residuals and components in units of the noise
        data, mean = observed.image.ravel()[lit] * root_weight, images[:, 0] * (flux * root_weight)
        parts = images[:, 1:] * (flux * root_weight)[:, None]
        variances = self.shapes.variances[:k] * math.exp(2.0 * parameters[TEXTURE])
        root, found = linear_part.cholesky(linear_part.gram(parts, 1.0 / variances), parts.T @ (data - mean))
        seen = mean + parts @ found
        left = data - seen
        chi2 = chi2_of_dark(observed, weights) - float((data**2).sum() - (left**2).sum())
        strength = float((found**2 / variances).sum())
        off = free.inverse() @ (parameters - free.mean)
        evidence = 2.0 * np.log(np.diag(root)).sum() + np.log(variances).sum()
        value = -0.5 * (chi2 + strength + evidence + off @ off)
        model = np.zeros(n * n)
        model[lit] = seen / root_weight
        beside = () if self.light is None else _beside(observed, weights, lit)
        fit = _Fit(parameters, rays, lit, root_weight, parts, root, found, variances, seen, left, off, beside)
        posterior = PosteriorAt(value, chi2, model.reshape(n, n) + light, found, fit, light=light)
        return self.with_derivatives(posterior) if derivatives else posterior

    def with_derivatives(self, posterior):
        """A `PosteriorAt` with its gradient and curvature."""
        fit = posterior.parts
        flux, along = math.exp(fit.parameters[FLUX]), self.free.directions
        by_parameter, moved = self._derivatives(fit, flux)
        if self.light is None:
            slope, curvature = _projected(by_parameter, fit)
        else:
            own = self.free.of_light
            by_light = self.light.derivatives(fit.parameters[own], posterior.light)
            by_parameter[:, own] = by_light[fit.lit] * fit.root_weight[:, None]
            slope, curvature = _projected(by_parameter, fit)
            pixels, root_weight, left = fit.beside
            by_light = by_light[pixels] * root_weight[:, None]
            slope[own] += by_light.T @ left
            curvature[own, own] += by_light.T @ by_light
        determinant, free_components = self._of_determinant(fit, moved, flux)
        slope -= determinant
        slope[TEXTURE] = (fit.found**2 / fit.variances).sum() - free_components
        curvature[TEXTURE, TEXTURE] += 2.0 * max(free_components, 1.0)
        return posterior._replace(
            parts=(),
            gradient=along.T @ slope - fit.off,
            curvature=along.T @ curvature @ along + np.eye(along.shape[1]),
        )

    def _derivatives(self, fit, flux):
        """The image's derivatives by all parameters in units of the noise, (lit, p), and those of source positions."""
        (own, (u, v), pixel), found, lit = fit.rays, fit.found, fit.lit
        n_lens = len(self.free.places)
        stamp = self._stamps_of(0, len(found) + 1) @ np.append(1.0, found)
        along_u, along_v = np.empty(u.size), np.empty(u.size)
        source_kernels.slopes(u, v, stamp, along_u, along_v)
        positions = self.source_positions(fit.parameters, self._x[own], self._y[own], moved=True)
        steps = STEP * self.free.spread[:n_lens]
        moved = (positions[1:] - positions[0]) / (steps[:, None, None] * pixel)  # on the stamp, (lens's, 2, rays)
        middle = 0.5 * (stamp.shape[0] - 1)
        of_rays = np.empty((u.size, n_lens + 3))
        of_rays[:, :n_lens] = (moved[:, 0] * along_u + moved[:, 1] * along_v).T
        of_rays[:, n_lens] = -along_u / pixel
        of_rays[:, n_lens + 1] = -along_v / pixel
        of_rays[:, n_lens + 2] = -(along_u * (u - middle) + along_v * (v - middle))
        images = np.empty((self.n, self.n, n_lens + 3))
        source_kernels.seen_images(of_rays, self._rows[own], self._columns[own], self.response, images)
        out = np.zeros((len(lit), len(self.free.mean)))
        area = flux * (self.pixel_scale / self.response.fine / pixel) ** 2
        images = images.reshape(-1, n_lens + 3)[lit] * (area * fit.root_weight[:, None])
        out[:, :n_lens], out[:, [X, Y, SIZE]] = images[:, :n_lens], images[:, n_lens:]
        out[:, SIZE] -= 2.0 * fit.seen
        out[:, FLUX] = fit.seen
        return out, moved

    def _of_determinant(self, fit, moved, flux):
        """Half the derivatives of ln det(F' W F + L^-1) by the parameters, (p,), and how many components the data fix.

        The trace of (F' W F + L^-1)^-1 F' W dF needs no dF: its weights of the images are pulled back to the rays.
        """
        (own, (u, v), pixel), inverse = fit.rays, linear_part.inverse(fit.root)
        k, n_lens = len(fit.variances), len(self.free.places)
        of_lit = np.matmul(fit.parts, inverse, out=self._room(1, k)[: len(fit.lit)])
        of_lit *= fit.root_weight[:, None]
        weights = self._room(0, k)
        weights[:] = 0.0
        weights[fit.lit] = of_lit
        pulls = np.empty((2, u.size))
        source_kernels.pulled_back(
            u,
            v,
            self._rows[own],
            self._columns[own],
            self._stamps_of(1, k + 1),
            weights.reshape(self.n, self.n, k),
            self.response,
            pulls,
        )
        pulls *= flux * (self.pixel_scale / self.response.fine / pixel) ** 2
        fixed = k - (np.diag(inverse) / fit.variances).sum()
        middle = 0.5 * (self.shapes.stamps.shape[0] - 1)
        out = np.zeros(len(self.free.mean))
        out[:n_lens] = moved[:, 0] @ pulls[0] + moved[:, 1] @ pulls[1]
        out[X], out[Y] = -pulls.sum(axis=1) / pixel
        out[SIZE] = -(pulls[0] @ (u - middle) + pulls[1] @ (v - middle)) - 2.0 * fixed
        out[FLUX] = fixed
        return out, float(fixed)


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
    """The weight of every pixel, (n, n): 1 / noise variance of a model [counts/s], 0 where it does not count.

    Without a background the noise of a dark pixel is that of a single electron.
    """
    variance = observed.background**2 + np.fmax(model, 0.0) / observed.exposure
    return np.where(observed.good, 1.0 / np.maximum(variance, observed.exposure**-2), 0.0)


def chi2_of_dark(observed, weights):
    """The chi2 of an image without any light in the model."""
    return float((np.where(weights > 0, observed.image, 0.0) ** 2 * weights).sum())
