"""The fused renderer: one image after the other, from parameters to noise-free pixels behind the PSF.

Compiled once for every combination of profiles. All layers of a system (its views in each of the bands) share its
deflection, which is traced once.
"""

import numpy as np
from numba import njit

from ..core import compiled
from ..core.numerics import like, row_function, sum_function
from ..detector import psf
from ..kernel_arguments import ADAPTIVE
from ..profiles import epl
from . import adaptive, deflection, halos, light, pixels


@njit
def _render(frame, tables, maps, exact_maps, stamps, blur, variance, exact_halos, tiles, work, start, stop, out, arcs):
    """Render systems `start` to `stop` of n systems with L layers into `out`.

    Args:
        frame ... exact_halos: see `kernel_arguments.KernelArguments`.
        tiles, work: scratch space from `halos` and `pixels`.
        out: (n, L, num_pix, num_pix) [counts/s/pixel]; its type, float32 or float64, decides the precision of all.
        arcs: float64 (n, L, 2): flux of the lensed source in the frame [counts/s] and its signal to noise, squared.
            Of size 0 if not wanted.
    """
    dtype = out.dtype
    n_layers, ss = out.shape[1], frame.supersampling
    size, scale = frame.num_pix * ss, frame.pixel_scale / ss
    n_pixels = size * size
    n_halos = 0
    for i in range(start, stop):
        n_halos = max(n_halos, tables.halo_first[i + 1] - tables.halo_first[i])
    lens, exact_lens = _lens_pair(tables.deflector_kinds.shape[1], epl.MAX_TERMS, dtype)
    all_halos, _ = _lens_pair(n_halos, 0, dtype)
    sources, exact_sources = _light_pair(n_layers, tables.source_kinds.shape[2], dtype)
    lights, _ = _light_pair(n_layers, tables.light_kinds.shape[2], dtype)
    scratch = np.empty(epl.MAX_TERMS)
    tolerance = epl.SINGLE if out.itemsize == 4 else epl.DOUBLE

    cells, here = np.empty((2, n_pixels), dtype), np.empty((2, n_pixels), dtype)
    for i in range(n_pixels):
        p = tiles.order[i]
        x, y = p % size + 0.5 - 0.5 * size, p // size + 0.5 - 0.5 * size
        cells[0, i], cells[1, i] = x, y
        here[0, p], here[1, p] = x * scale, y * scale
    n = 1 if frame.rays == ADAPTIVE else max(1, frame.rays // ss)
    offsets = np.empty((2, n * n))
    for s in range(n * n):
        offsets[0, s], offsets[1, s] = (s % n + 0.5) / n - 0.5, (s // n + 0.5) / n - 0.5
    grid = (cells, offsets, scale)
    beta = np.empty((2, n_pixels), dtype)
    out_source, out_light = np.empty((n_layers, n_pixels), dtype), np.empty((n_layers, n_pixels), dtype)
    buffer, weights = np.empty(psf.work_size(size, size), dtype), np.empty(_reach(blur, start, stop) + 1, dtype)
    mend = out.itemsize == 4 and frame.rays != ADAPTIVE
    yes, no = n_layers > 0, n_layers < 0  # plain constants would have `refine` compiled for each of them

    for i in range(start, stop):
        deflection.prepare(tables.deflector_kinds[i], tables.deflectors[i], maps.grids, tolerance, lens, scratch)
        h0, h1 = tables.halo_first[i], tables.halo_first[i + 1]
        subhalos = _first(all_halos, h1 - h0)
        deflection.prepare(tables.halo_kinds[h0:h1], tables.halos[h0:h1], maps.grids, tolerance, subhalos, scratch)
        if h1 - h0 <= halos.FEW or exact_halos:
            halos.all_near(tiles, h1 - h0)
        else:
            halos.sort_by_distance(subhalos, maps, tiles)
        for v in range(n_layers):
            of_v = pixels.of_layer(sources, v)
            light.prepare(tables.source_kinds[i, v], tables.sources[i, v], stamps.shape[1], of_v, scratch)
            work.rows[light.TOTAL, 0] = light.fetch(of_v, stamps)
            of_v = pixels.of_layer(lights, v)
            light.prepare(tables.light_kinds[i, v], tables.lights[i, v], stamps.shape[1], of_v, scratch)
        if mend:
            deflection.prepare(
                tables.deflector_kinds[i], tables.deflectors[i], maps.grids, tolerance, exact_lens, scratch
            )
            for v in range(n_layers):
                of_v = pixels.of_layer(exact_sources, v)
                light.prepare(tables.source_kinds[i, v], tables.sources[i, v], stamps.shape[1], of_v, scratch)

        optics = (lens, subhalos, maps, tiles)
        exact = (exact_lens, exact_maps)
        pixels.fixed(
            optics, exact, sources, exact_sources, lights, stamps, grid, mend, work, out_source, out_light, beta
        )
        if frame.rays == ADAPTIVE:
            for v in range(n_layers):
                one = pixels.of_layer(sources, v)
                adaptive.refine(optics, one, stamps, grid, work, frame.tolerance, beta, yes, out_source[v])
                one = pixels.of_layer(lights, v)
                if one.kinds.size > 0:
                    adaptive.refine(optics, one, stamps, grid, work, frame.tolerance, here, no, out_light[v])

        area = like(out[0, 0, 0, 0], scale * scale)
        for v in range(n_layers):
            has_light = tables.light_kinds.shape[2] > 0
            if arcs.size > 0:
                arcs[i, v, 0] = _total(out_source[v]) * scale * scale
            if has_light and arcs.size == 0:
                _add(out_source[v], out_light[v])
            _observe(out_source[v].reshape(size, size), blur, i, v, ss, area, buffer, weights, out[i, v])
            if arcs.size == 0:
                continue
            image = out[i, v].reshape(out[i, v].size)
            of_source = image
            if has_light:
                of_source = image.copy()
                _observe(out_light[v].reshape(size, size), blur, i, v, ss, area, buffer, weights, out[i, v])
                _add(image, of_source)
            arcs[i, v, 1] = _signal_to_noise2(of_source, image, variance[i, v, 0], variance[i, v, 1])


@njit
def _lens_pair(n, n_terms, dtype):
    """Two lenses to be filled, in a type and in float64."""
    numbers, shape = np.zeros((n, 3), np.int64), (n, deflection.N_PARAMETERS)
    rough = deflection.Lens(numbers, np.zeros(shape, dtype), np.zeros((n, n_terms), dtype))
    return rough, deflection.Lens(numbers.copy(), np.zeros(shape), np.zeros((n, n_terms)))


@njit
def _first(lens, n):
    return deflection.Lens(lens.numbers[:n], lens.constants[:n], lens.coefficients[:n])


@njit
def _light_pair(n_layers, n, dtype):
    kinds, stamps = np.zeros((n_layers, n), np.int64), np.zeros((n_layers, n), np.int64)
    shape = (n_layers, n, deflection.N_PARAMETERS)
    return light.Light(kinds, np.zeros(shape, dtype), stamps), light.Light(kinds.copy(), np.zeros(shape), stamps.copy())


@njit
def _reach(blur, start, stop):
    """The largest radius of the Gaussians of some systems [pixels]."""
    largest = 0.0
    for i in range(start, stop):
        for v in range(blur.sigma.shape[1]):
            largest = max(largest, blur.sigma[i, v])
    return int(blur.truncation * largest + 0.5)


@njit
def _observe(fine, blur, i, v, ss, area, buffer, weights, out):
    """Counts of each pixel behind the PSF, from surface brightness on fine pixels of `area`; `fine` is changed."""
    if blur.kernel[i, v] >= 0:
        psf.convolve_down(fine, blur.kernels[blur.kernel[i, v]], ss, area, out, buffer)
    else:
        psf.gaussian_blur(fine, blur.sigma[i, v], blur.truncation, buffer, weights)
        psf.bin_down(fine, ss, area, out)


@row_function
def _add(total, values):
    for i in range(total.size):
        total[i] += values[i]


@sum_function
def _total(values):
    total = 0.0
    for i in range(values.size):
        total += values[i]
    return total


@sum_function
def _signal_to_noise2(source, image, background, exposure):
    """Sum over pixels of source^2 / (background^2 + image / exposure)."""
    total = 0.0
    for i in range(image.size):
        total += source[i] ** 2 / (background**2 + max(image[i], like(image[i], 0.0)) / exposure)
    return total


@njit
def _trace(tables, maps, x, y, work, start, stop, alpha_x, alpha_y):
    """Deflections [arcsec] of systems `start` to `stop` at their positions x, y (n, m), all float64."""
    rays = work.exact
    for i in range(start, stop):
        lens, _ = _lens_pair(tables.deflector_kinds.shape[1], epl.MAX_TERMS, np.float64)
        h0, h1 = tables.halo_first[i], tables.halo_first[i + 1]
        subhalos, _ = _lens_pair(h1 - h0, 0, np.float64)
        scratch = np.empty(epl.MAX_TERMS)
        deflection.prepare(tables.deflector_kinds[i], tables.deflectors[i], maps.grids, epl.DOUBLE, lens, scratch)
        deflection.prepare(tables.halo_kinds[h0:h1], tables.halos[h0:h1], maps.grids, epl.DOUBLE, subhalos, scratch)
        for first in range(0, x.shape[1], pixels.CHUNK):
            n = min(pixels.CHUNK, x.shape[1] - first)
            for r in range(n):
                rays[deflection.X, r], rays[deflection.Y, r] = x[i, first + r], y[i, first + r]
            pixels.trace_all(lens, subhalos, maps, work.everything, n, rays)
            for r in range(n):
                alpha_x[i, first + r] = rays[deflection.X, r] - rays[deflection.BETA_X, r]
                alpha_y[i, first + r] = rays[deflection.Y, r] - rays[deflection.BETA_Y, r]


render = compiled.cached(_render)
trace = compiled.cached(_trace)
