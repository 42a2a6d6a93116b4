"""The renderer of the CPU: one image after the other, from parameters to noise-free pixels behind the PSF.

Compiled once for every combination of profiles. All layers of a system (its views in each of the bands) share its
deflection, which is traced once.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from .. import refinement
from ..core import compiled
from ..core.numerics import chunk_function, real, row_function, sum_function
from ..detector import moment_blur, pixel_noise, psf
from ..kernel_arguments import ADAPTIVE
from ..profiles import epl
from . import adaptive, deflection, halos, light, pixels, spread


class Buffers(NamedTuple):
    """Room for what is computed of one system."""

    lens: deflection.Lens
    exact_lens: deflection.Lens  # float64
    halos: deflection.Lens  # for as many as any system has
    layers: pixels.Layers
    brightness: pixels.Brightness
    arc: np.ndarray  # (num_pix^2,): an image of the lensed source alone
    within: spread.Spread  # where in a pixel the light lies
    fine: np.ndarray  # `psf.work_size` or `moment_blur.blur_room` numbers
    weights: np.ndarray  # of the widest Gaussian
    scratch: np.ndarray  # float64 (epl.MAX_TERMS,)


@njit
def _render(inputs, tiles, work, start, stop, out, arcs):
    """Render systems `start` to `stop` of n systems with L layers into `out`.

    Args:
        inputs: `kernel_arguments.KernelArguments`. tiles, work: scratch space from `halos.grid_of_tiles` and
            `pixels.workspace`.
        out: (n, L, num_pix, num_pix) [counts/s/pixel]; its type, float32 or float64, decides the precision of all.
        arcs: float64 (n, L, 2): flux of the lensed source in the frame [counts/s] and its signal to noise, squared.
            Of size 0 if not wanted.
    """
    frame = inputs.frame
    size, scale = frame.num_pix * frame.supersampling, frame.pixel_scale / frame.supersampling
    grids = _grid(frame, size, scale, tiles, out.dtype)
    buffers = _buffers(inputs, size, start, stop, out)
    for i in range(start, stop):
        _render_system(inputs, i, grids, (tiles, work), buffers, out, arcs)


@chunk_function  # no references to arrays are counted in it and in what is inlined
def _render_system(inputs, i, grids, space, buffers, out, arcs):
    """Render system `i` into out[i]; grids: of `_grid`. space: tiles and work of `_render`."""
    (grid, middles), (tiles, work), adapted = grids, space, inputs.frame.rays == ADAPTIVE
    exact_cusps = out.itemsize == 4 and not adapted
    h0, h1 = inputs.tables.halo_first[i], inputs.tables.halo_first[i + 1]
    subhalos = _first(buffers.halos, h1 - h0)
    _prepare_deflectors(inputs, i, exact_cusps, subhalos, tiles, buffers)
    _prepare_layers(inputs, i, exact_cusps, buffers)
    work.rows[light.TOTAL, 0] = _fetch(buffers.layers)
    deflectors = pixels.Deflectors(buffers.lens, subhalos, inputs.maps, tiles)
    exact = pixels.ExactDeflectors(buffers.exact_lens, inputs.exact_maps)
    pixels.fixed(deflectors, exact, buffers.layers, grid, exact_cusps, work, buffers.brightness)
    for v in range(out.shape[1]):
        _finish(deflectors, inputs, (i, v), (grid, middles), work, buffers, out[i, v], arcs)


@njit
def _grid(frame, size, scale, tiles, dtype):
    """The `pixels.RayGrid` of size x size fine pixels in the order of the tiles; their middles row by row [arcsec]."""
    cells, middles = np.empty((2, size * size), dtype), np.empty((2, size * size), dtype)
    for i in range(size * size):
        p = tiles.order[i]
        x, y = p % size + 0.5 - 0.5 * size, p // size + 0.5 - 0.5 * size
        cells[0, i], cells[1, i] = x, y
        middles[0, p], middles[1, p] = x * scale, y * scale
    n = 1 if frame.rays == ADAPTIVE else max(1, frame.rays // frame.supersampling)
    offsets = np.empty((2, n * n))
    for s in range(n * n):
        offsets[0, s], offsets[1, s] = (s % n + 0.5) / n - 0.5, (s // n + 0.5) / n - 0.5
    return pixels.RayGrid(cells, offsets, scale), middles


@njit
def _buffers(inputs, size, start, stop, out):
    """Empty `Buffers` for systems `start` to `stop` on size x size fine pixels."""
    tables, dtype, n_layers, n_halos = inputs.tables, out.dtype, out.shape[1], 0
    for i in range(start, stop):
        n_halos = max(n_halos, tables.halo_first[i + 1] - tables.halo_first[i])
    lens, exact_lens = _lens_pair(tables.deflector_profiles.shape[1], epl.MAX_TERMS, dtype)
    all_halos, _ = _lens_pair(n_halos, 0, dtype)
    sources, exact_sources = _light_pair(n_layers, tables.source_profiles.shape[2], dtype)
    lights, _ = _light_pair(n_layers, tables.light_profiles.shape[2], dtype)
    shape, degree = (n_layers, size * size), inputs.blur.degree
    room = moment_blur.blur_room(degree, size, inputs.blur.taps.shape[3] // 2) if degree > 0 else 0
    return Buffers(
        lens,
        exact_lens,
        all_halos,
        pixels.Layers(sources, exact_sources, lights, inputs.stamps),
        pixels.Brightness(np.empty(shape, dtype), np.empty(shape, dtype), np.empty((2, size * size), dtype)),
        np.empty(out.shape[2] * out.shape[3], dtype),
        spread.make_spread(degree, size, adaptive.most_cells(size * size), pixels.CHUNK // refinement.N_POINTS, dtype),
        np.empty(max(psf.work_size(size, size), room), dtype),
        np.empty(_reach(inputs.blur, start, stop) + 1, dtype),
        np.empty(epl.MAX_TERMS),
    )


@njit(inline="always")
def _prepare_deflectors(inputs, i, exact_cusps, subhalos, tiles, buffers):
    """Fill the lens, the subhalos and the tiles with what rays need to know of system `i`.

    exact_cusps: whether rays in cusps are traced in float64 too.
    """
    tables, grids, scratch = inputs.tables, inputs.maps.grids, buffers.scratch
    tolerance = epl.SINGLE if buffers.arc.itemsize == 4 else epl.DOUBLE
    profiles, rows = tables.deflector_profiles[i], tables.deflectors[i]
    deflection.prepare(profiles, rows, grids, tolerance, buffers.lens, scratch)
    if exact_cusps:
        deflection.prepare(profiles, rows, grids, tolerance, buffers.exact_lens, scratch)
    h0, h1 = tables.halo_first[i], tables.halo_first[i + 1]
    deflection.prepare(tables.halo_profiles[h0:h1], tables.halos[h0:h1], grids, tolerance, subhalos, scratch)
    if h1 - h0 <= halos.FEW or inputs.exact_halos:
        halos.all_near(tiles, h1 - h0)
    else:
        halos.sort_by_distance(subhalos, inputs.maps, tiles)


@njit(inline="always")
def _prepare_layers(inputs, i, exact_cusps, buffers):
    """Fill the layers with what rays need to know of system `i`; exact_cusps: fill those in float64 too."""
    tables, layers, side, scratch = inputs.tables, buffers.layers, inputs.stamps.shape[1], buffers.scratch
    for v in range(tables.source_profiles.shape[1]):
        profiles, rows = tables.source_profiles[i, v], tables.sources[i, v]
        light.prepare(profiles, rows, side, pixels.layer_light(layers.sources, v), scratch)
        if exact_cusps:
            light.prepare(profiles, rows, side, pixels.layer_light(layers.exact_sources, v), scratch)
        lens_light = pixels.layer_light(layers.lights, v)
        light.prepare(tables.light_profiles[i, v], tables.lights[i, v], side, lens_light, scratch)


@chunk_function
def _fetch(layers):
    """Read the galaxy images of all lensed layers, see `light.fetch`; returns a number that has to be kept."""
    total = real(layers.stamps[0, 0, 0], 0.0)
    for v in range(layers.sources.profiles.shape[0]):
        total += light.fetch(pixels.layer_light(layers.sources, v), layers.stamps)
    return total


@njit(inline="always")
def _finish(deflectors, inputs, which, grids, work, buffers, out, arcs):
    """From one layer's surface brightness on fine pixels to its image; its arcs are measured if `arcs` has room.

    which: (system, layer). grids: of `_grid`.
    """
    (i, v), (grid, middles), brightness = which, grids, buffers.brightness
    keeps, adapted = inputs.blur.which[i, v] >= 0, inputs.frame.rays == ADAPTIVE
    core = (inputs.blur.core[i, v, 0], inputs.blur.core[i, v, 1])
    source, lens_light, image = brightness.source[v], brightness.light[v], out.reshape(out.size)
    has_light, apart, within = buffers.layers.lights.profiles.shape[1] > 0, arcs.size > 0, buffers.within
    if keeps:
        spread.clear(within)
    if adapted:
        layer = adaptive.Layer(pixels.layer_light(buffers.layers.sources, v), inputs.stamps, v >= 0, keeps, core)
        adaptive.refine(deflectors, layer, grid, inputs.frame.tolerance, brightness.beta, work, within, source)
    if apart:
        arcs[i, v, 0] = _total(source) * grid.scale * grid.scale
        _observe(source, inputs, (i, v), grid.scale, buffers, out)
        psf.copy_row(image, buffers.arc)
        if keeps and has_light:
            spread.clear(within)
    if has_light and adapted:
        layer = adaptive.Layer(pixels.layer_light(buffers.layers.lights, v), inputs.stamps, v < 0, keeps, core)
        adaptive.refine(deflectors, layer, grid, inputs.frame.tolerance, middles, work, within, lens_light)
    if not apart:
        if has_light:
            _add(source, lens_light)
        _observe(source, inputs, (i, v), grid.scale, buffers, out)
        return
    if has_light:
        _observe(lens_light, inputs, (i, v), grid.scale, buffers, out)
        _add(image, buffers.arc)
    arcs[i, v, 1] = _signal_to_noise2(buffers.arc, image, inputs.variance[i, v, 0], inputs.variance[i, v, 1])


@njit
def _lens_pair(n, n_terms, dtype):
    """Two lenses to be filled, in a type and in float64."""
    numbers, shape = np.zeros((n, 3), np.int64), (n, deflection.N_PARAMETERS)
    rough = deflection.Lens(numbers, np.zeros(shape, dtype), np.zeros((n, n_terms), dtype))
    return rough, deflection.Lens(numbers.copy(), np.zeros(shape), np.zeros((n, n_terms)))


@njit(inline="always")
def _first(lens, n):
    return deflection.Lens(lens.numbers[:n], lens.constants[:n], lens.coefficients[:n])


@njit
def _light_pair(n_layers, n, dtype):
    profiles, stamps = np.zeros((n_layers, n), np.int64), np.zeros((n_layers, n), np.int64)
    shape = (n_layers, n, deflection.N_PARAMETERS)
    return light.Light(profiles, np.zeros(shape, dtype), stamps), light.Light(
        profiles.copy(), np.zeros(shape), stamps.copy()
    )


@njit
def _reach(blur, start, stop):
    """The largest radius of the Gaussians of some systems [pixels]."""
    largest = 0.0
    for i in range(start, stop):
        for v in range(blur.sigma.shape[1]):
            largest = max(largest, blur.sigma[i, v])
    return int(blur.truncation * largest + 0.5)


@chunk_function
def _observe(fine, inputs, which, scale, buffers, out):
    """Counts of each pixel behind the PSF of a layer, from surface brightness on fine pixels, which is overwritten.

    which: (system, layer). scale: of a fine pixel [arcsec]. buffers: `Buffers`, with the moments of a layer that keeps
    them.
    """
    (i, v), blur, ss, space = which, inputs.blur, inputs.frame.supersampling, buffers.fine
    area, number = real(fine[0], scale * scale), blur.which[i, v]
    image = fine.reshape(ss * out.shape[0], ss * out.shape[1])
    if number >= 0:
        point_spread = blur.taps[number, : blur.terms[number]], blur.sigma[i, v] > 0.0
        within = buffers.within
        moment_blur.blur_moments((fine, within.planes, within.strips), point_spread, area, out, space)
        if _lowest(fine) >= real(area, 0.0):  # a series of moments swings below 0 beside a point, light does not
            _clear_negative(out.reshape(out.size))
    elif blur.kernel[i, v] >= 0:
        psf.convolve_down(image, blur.kernels[blur.kernel[i, v]], ss, area, out, space)
    else:
        psf.gaussian_blur(image, blur.sigma[i, v], blur.truncation, space, buffers.weights)
        psf.bin_down(image, ss, area, out)


@row_function
def _lowest(values):
    lowest = values[0]
    for i in range(values.size):
        lowest = min(lowest, values[i])
    return lowest


@row_function
def _clear_negative(values):
    zero = real(values[0], 0.0)
    for i in range(values.size):
        values[i] = max(values[i], zero)


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
def _signal_to_noise2(source, image, background, electrons):
    """Signal to noise of a source in an image [counts/s], squared: the sum over pixels of source^2 / variance.

    background: rms [counts/s]. electrons: that one count/s gives.
    """
    total, background2, rate = 0.0, background**2, 1.0 / electrons
    for i in range(image.size):
        total += source[i] ** 2 / pixel_noise.pixel_variance(max(image[i], real(image[i], 0.0)), background2, rate)
    return total


@njit
def _trace(tables, maps, x, y, work, alpha_x, alpha_y):
    """Deflections [arcsec] of all systems at their positions x, y (n, m), all float64."""
    rays = work.exact
    for i in range(x.shape[0]):
        lens, _ = _lens_pair(tables.deflector_profiles.shape[1], epl.MAX_TERMS, np.float64)
        h0, h1 = tables.halo_first[i], tables.halo_first[i + 1]
        subhalos, _ = _lens_pair(h1 - h0, 0, np.float64)
        scratch = np.empty(epl.MAX_TERMS)
        deflection.prepare(tables.deflector_profiles[i], tables.deflectors[i], maps.grids, epl.DOUBLE, lens, scratch)
        deflection.prepare(tables.halo_profiles[h0:h1], tables.halos[h0:h1], maps.grids, epl.DOUBLE, subhalos, scratch)
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
