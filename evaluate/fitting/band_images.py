"""What one band shows of a lensed source: images of the mean galaxy and its components, and how they change."""

import math

import numpy as np

from . import source_kernels
from .free_parameters import SIZE, X, Y


class BandImages:
    """Images of n x n pixels behind the PSF of a band.

    pixel_scale: [arcsec]. response: `pixel_response.PixelResponse`. stamps: the mean galaxy and components as the band
    shows them, (side, side, k + 1). R_half: of the mean galaxy [stamp pixels].
    """

    def __init__(self, n, pixel_scale, response, stamps, R_half):
        self.n, self.pixel_scale, self.response, self.stamps, self.R_half = n, pixel_scale, response, stamps, R_half
        self.grid = n, pixel_scale, response.fine  # bands that have it in common have the same rays
        side = n * response.fine
        axis = (np.arange(side) + 0.5 - 0.5 * side) * pixel_scale / response.fine
        self.x, self.y = (a.ravel() for a in np.meshgrid(axis, axis))  # of the rays
        self._rows, self._columns = (a.ravel() for a in np.indices((side, side)))
        self._stamps, self._rooms = {}, np.empty((2, n**2 * stamps.shape[2]))

    def pixel_places(self, pixels):
        """Where pixels of some numbers lie, x and y [arcsec]."""
        axis = (np.arange(self.n) + 0.5 - 0.5 * self.n) * self.pixel_scale
        return axis[pixels % self.n], axis[pixels // self.n]

    def _stamps_of(self, first, last):
        """The stamps from `first` to `last` side by side, (side, side, last - first)."""
        if (first, last) not in self._stamps:
            self._stamps[first, last] = np.ascontiguousarray(self.stamps[:, :, first:last])
        return self._stamps[first, last]

    def room(self, which, k):
        """One of two arrays (n * n, k) to fill: fresh ones, when large, cost as much as what is computed in them."""
        return self._rooms[which, : self.n**2 * k].reshape(self.n**2, k)

    def on_stamp(self, parameters, beta):
        """The rays that meet the stamp: their numbers, their places on it (2, rays), and its pixel [arcsec].

        beta: where all rays arrive, (2, rays) [arcsec].
        """
        place, pixel = self._place(parameters, beta)
        own = np.flatnonzero(((place > 0) & (place < self.stamps.shape[0] - 1)).all(axis=0))
        return own, np.ascontiguousarray(place[:, own]), pixel

    def _place(self, parameters, beta):
        pixel = math.exp(parameters[SIZE]) / self.R_half
        return (beta - parameters[[X, Y], None]) / pixel + 0.5 * (self.stamps.shape[0] - 1), pixel

    def mean_images(self, several, beta):
        """Images of the mean galaxy for a flux of 1, (n, n, m), for m parameters (p,) of sources behind one lens.

        beta: where all rays arrive, (2, rays) [arcsec].
        """
        light, stamp = np.empty((len(self._rows), len(several))), self._stamps_of(0, 1)[:, :, 0]
        own, images = np.empty(len(light)), np.empty((self.n, self.n, len(several)))
        for m, parameters in enumerate(several):
            place, pixel = self._place(parameters, beta)
            source_kernels.brightness(*place, stamp, own)
            light[:, m] = own * self.area(pixel)
        source_kernels.seen_images(light, self._rows, self._columns, self.response, images)
        return images

    def unit_images(self, parameters, k, beta, images=None):
        """Images of the mean galaxy and k components for a flux of 1, (n, n, k + 1), with what `on_stamp` gives.

        images: an array to fill with them.
        """
        own, place, pixel = self.on_stamp(parameters, beta)
        images = np.empty((self.n, self.n, k + 1)) if images is None else images
        at = self._rows[own], self._columns[own]
        source_kernels.seen_components(*place, *at, self._stamps_of(0, k + 1), self.response, images)
        images *= self.area(pixel)
        return images, (own, place, pixel)

    def area(self, pixel):
        """Of a fine pixel, in pixels [arcsec] of the stamp."""
        return (self.pixel_scale / self.response.fine / pixel) ** 2

    def slopes(self, rays, found, moved):
        """Images of the derivatives by the lens's parameters, X, Y and SIZE, (n * n, lens's + 3), for an `area` of 1.

        rays: of `on_stamp`. found: coefficients (k,). moved: by how much rays move on the stamp with each parameter of
        the lens, (lens's, 2, rays). The derivative by SIZE is without that of the brightness.
        """
        (own, (u, v), pixel), n_lens = rays, len(moved)
        stamp = self._stamps_of(0, len(found) + 1) @ np.append(1.0, found)
        along_u, along_v = np.empty(u.size), np.empty(u.size)
        source_kernels.slopes(u, v, stamp, along_u, along_v)
        middle = 0.5 * (stamp.shape[0] - 1)
        of_rays = np.empty((u.size, n_lens + 3))
        of_rays[:, :n_lens] = (moved[:, 0] * along_u + moved[:, 1] * along_v).T
        of_rays[:, n_lens] = -along_u / pixel
        of_rays[:, n_lens + 1] = -along_v / pixel
        of_rays[:, n_lens + 2] = -(along_u * (u - middle) + along_v * (v - middle))
        images = np.empty((self.n, self.n, n_lens + 3))
        source_kernels.seen_images(of_rays, self._rows[own], self._columns[own], self.response, images)
        return images.reshape(-1, n_lens + 3)

    def pulled(self, rays, weights, moved, flux):
        """Derivatives of sum(weights * components' images) by the lens's parameters, X, Y and SIZE, (lens's + 3,).

        weights: (n * n, k). The rest is as for `slopes`.
        """
        (own, (u, v), pixel), k = rays, weights.shape[1]
        pulls, stamps = np.empty((2, u.size)), self._stamps_of(1, k + 1)
        weights, at = weights.reshape(self.n, self.n, k), (self._rows[own], self._columns[own])
        source_kernels.pulled_back(u, v, *at, stamps, weights, self.response, pulls)
        pulls *= flux * self.area(pixel)
        middle = 0.5 * (self.stamps.shape[0] - 1)
        of_lens = moved[:, 0] @ pulls[0] + moved[:, 1] @ pulls[1]
        of_size = -(pulls[0] @ (u - middle) + pulls[1] @ (v - middle))
        return np.concatenate([of_lens, -pulls.sum(axis=1) / pixel, [of_size]])
