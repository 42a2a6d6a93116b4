"""The fused renderer: rays to noisy pixels, one image at a time, compiled once for every combination of profiles.

A row of pixels is one unit of work. Its rays (at most a few hundred, so they stay in the first-level cache) go through
one short loop per profile, and every such loop is a scalar profile function applied to all rays: the compiler turns it
into vector instructions. Which profiles there are is data, not code, so nothing is compiled twice.

All views of a system share its deflection, which is traced once.
"""

import zlib
from pathlib import Path

import numpy as np
from numba import njit

from . import noise, psf
from .numerics import like, ray_function, row_function
from .profiles import epl, interpol, sersic, shear

EPL, SHEAR = 0, 1
SERSIC_ELLIPSE, INTERPOL = 0, 1
DEFLECTOR_KINDS = {"EPL": EPL, "SIE": EPL, "SHEAR": SHEAR}
LIGHT_KINDS = {"SERSIC_ELLIPSE": SERSIC_ELLIPSE, "INTERPOL": INTERPOL}
N_PARAMETERS = 10  # the width of a profile's row in the parameter tables
BACKGROUND, EXPOSURE, PSF_SIGMA = 0, 1, 2  # columns of the observation table
# Inside a tenth of R_sersic a Sersic cusp is so steep that the rounding of a float32 deflection shows (up to 1e-4 of
# the peak). These few rays are traced again in float64.
CUSP_RADIUS2 = 0.01


@ray_function
def _unpack(p):
    """A profile's constants as a tuple: held in registers, never re-read inside the loop over rays."""
    return p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9]


@row_function
def _add_epl(x, y, alpha_x, alpha_y, constants, coefficients, n_terms, scratch):
    p = _unpack(constants)
    zx, zy, power, cos2, sin2, b1, b2 = (
        scratch[0],
        scratch[1],
        scratch[2],
        scratch[3],
        scratch[4],
        scratch[5],
        scratch[6],
    )
    n = x.size
    two = like(x[0], 2.0)
    for i in range(n):
        zx[i], zy[i], power[i], cos2[i], sin2[i] = epl.phase(x[i], y[i], p)
        b1[i] = like(x[i], 0.0)
        b2[i] = like(x[i], 0.0)
    for k in range(n_terms - 4, -1, -4):
        a1, a2, a3, a4 = coefficients[k], coefficients[k + 1], coefficients[k + 2], coefficients[k + 3]
        for i in range(n):
            b1[i], b2[i] = epl.clenshaw4(two * cos2[i], b1[i], b2[i], a4, a3, a2, a1)
    for i in range(n):
        u, v = epl.deflection(zx[i], zy[i], power[i], cos2[i], sin2[i], b1[i], b2[i], p)
        alpha_x[i] += u
        alpha_y[i] += v


@row_function
def _add_shear(x, y, alpha_x, alpha_y, constants):
    p = _unpack(constants)
    for i in range(x.size):
        u, v = shear.deflection(x[i], y[i], p)
        alpha_x[i] += u
        alpha_y[i] += v


@row_function
def _add_sersic(x, y, flux, constants):
    p = _unpack(constants)
    for i in range(x.size):
        flux[i] += sersic.brightness(x[i], y[i], p)


@row_function
def _add_interpol(x, y, flux, constants, stamp):
    p = _unpack(constants)
    pixels, side = stamp.reshape(stamp.size), np.int32(stamp.shape[0])
    for i in range(x.size):
        flux[i] += interpol.brightness(x[i], y[i], p, pixels, side)


@njit
def _light_constants(kinds, rows, stamps, out, scratch):
    for k in range(kinds.size):
        if kinds[k] == INTERPOL:
            interpol.constants(rows[k], stamps.shape[1], scratch)
        else:
            sersic.constants(rows[k], scratch)
        out[k, :] = scratch


@njit
def _add_light(kinds, rows, constants, stamps, x, y, flux):
    for k in range(kinds.size):
        if kinds[k] == INTERPOL:
            _add_interpol(x, y, flux, constants[k], stamps[int(rows[k, 5])])
        else:
            _add_sersic(x, y, flux, constants[k])


@ray_function
def _trace_exactly(x, y, kinds, constants, coefficients, n_terms):
    """The source-plane position of one ray, all in float64."""
    alpha_x, alpha_y = 0.0, 0.0
    for k in range(kinds.size):
        if kinds[k] == EPL:
            p, a = constants[k], coefficients[k]
            zx, zy, power, cos2, sin2 = epl.phase(x, y, p)
            b1, b2 = 0.0, 0.0
            for m in range(n_terms[k] - 4, -1, -4):
                b1, b2 = epl.clenshaw4(2.0 * cos2, b1, b2, a[m + 3], a[m + 2], a[m + 1], a[m])
            u, v = epl.deflection(zx, zy, power, cos2, sin2, b1, b2, p)
        else:
            u, v = shear.deflection(x, y, constants[k])
        alpha_x += u
        alpha_y += v
    return x - alpha_x, y - alpha_y


@row_function
def _closest(x, y, p):
    """The smallest (R / R_sersic)^2 of a row of source-plane positions."""
    p = _unpack(p)
    smallest = like(x[0], 1e30)
    for i in range(x.size):
        smallest = min(smallest, sersic.radius2(x[i], y[i], p))
    return smallest


@row_function
def _mend_cusp(beta_x, beta_y, flux, rough, exact, x, y, kinds, constants, coefficients, n_terms):
    """Replace the float32 brightness of the rays inside a Sersic cusp by what float64 gives.

    rough, exact: the source's constants in float32 and float64; x, y: image-plane positions; the rest: the deflectors.
    """
    if _closest(beta_x, beta_y, rough) > like(beta_x[0], CUSP_RADIUS2):
        return
    for i in range(beta_x.size):
        if sersic.radius2(beta_x[i], beta_y[i], rough) < CUSP_RADIUS2:
            u, v = _trace_exactly(np.float64(x[i]), np.float64(y[i]), kinds, constants, coefficients, n_terms)
            flux[i] += like(flux[i], sersic.brightness(u, v, exact)) - sersic.brightness(beta_x[i], beta_y[i], rough)


@njit
def _render(
    num_pix,
    pixel_scale,
    rays,
    deflector_kinds,
    deflectors,
    source_kinds,
    sources,
    light_kinds,
    lights,
    stamps,
    psf_kernel,
    truncation,
    observation,
    noisy,
    noise_streams,
    seed,
    indices,
    start,
    stop,
    out,
):
    """Render systems `start` to `stop` of a batch of n systems with v views each into `out`.

    Args:
        num_pix, pixel_scale, rays: pixels on a side, arcsec, rays along a pixel's side.
        deflector_kinds, source_kinds, light_kinds: int64 (k,), see DEFLECTOR_KINDS and LIGHT_KINDS.
        deflectors: float64 (n, k, N_PARAMETERS), in the order of each profile's PARAMETERS.
        sources, lights: float64 (n, v, k, N_PARAMETERS); lights are not lensed.
        stamps: (s, size, size) galaxy images of the type of `out`, for INTERPOL.
        psf_kernel: (k, k) of the type of `out`, odd-sided; of side 1 for a Gaussian PSF from the observation table.
        truncation: radius of the Gaussian in sigma.
        observation: float64 (n, v, 3): background [counts/s/pixel], exposure [s], PSF sigma [pixels].
        noisy: whether to add noise. noise_streams: int64 (v,), the random stream of each view's noise.
        seed: below 2**32. indices: uint64 (n,).
        out: float32 or float64 (n, v, num_pix, num_pix) [counts/s/pixel]; decides the precision of everything.
    """
    n_views = out.shape[1]
    dtype = out.dtype
    width = num_pix * rays
    n_rays = width * rays
    exact_x, exact_y = np.empty(n_rays), np.empty(n_rays)
    x, y = np.empty(n_rays, dtype), np.empty(n_rays, dtype)
    zero = like(out[0, 0, 0, 0], 0.0)
    alpha_x, alpha_y, flux = np.empty(n_rays, dtype), np.empty(n_rays, dtype), np.empty(n_rays, dtype)
    beta_x, beta_y = np.empty(n_rays, dtype), np.empty(n_rays, dtype)
    scratch = np.empty((7, n_rays), dtype)
    exact_deflectors = np.zeros((deflector_kinds.size, N_PARAMETERS))
    exact_sources = np.zeros((n_views, source_kinds.size, N_PARAMETERS))
    exact_coefficients = np.zeros((deflector_kinds.size, epl.MAX_TERMS))
    deflector_constants = np.zeros((deflector_kinds.size, N_PARAMETERS), dtype)
    source_constants = np.zeros((n_views, source_kinds.size, N_PARAMETERS), dtype)
    light_constants = np.zeros((n_views, light_kinds.size, N_PARAMETERS), dtype)
    constants = np.zeros(N_PARAMETERS)
    coefficients = np.zeros((deflector_kinds.size, epl.MAX_TERMS), dtype)
    n_terms = np.zeros(deflector_kinds.size, np.int64)
    buffer = np.empty((num_pix, num_pix), dtype)
    largest = 0.0
    for i in range(start, stop):
        for v in range(n_views):
            largest = max(largest, observation[i, v, PSF_SIGMA])
    weights = np.empty(int(truncation * largest + 0.5) + 1, dtype)
    words = np.empty((4, (num_pix * num_pix + 3) // 4), np.uint32)
    tolerance = 1e-9 if out.itemsize == 4 else 1e-15
    for sy in range(rays):
        for sx in range(width):
            exact_x[sy * width + sx] = ((sx + 0.5) / rays - 0.5 * num_pix) * pixel_scale
    x[:] = exact_x
    per_pixel = like(out[0, 0, 0, 0], pixel_scale * pixel_scale / (rays * rays))

    for i in range(start, stop):
        for k in range(deflector_kinds.size):
            if deflector_kinds[k] == EPL:
                epl.constants(deflectors[i, k], exact_deflectors[k])
                n_terms[k] = epl.series(deflectors[i, k], tolerance, exact_coefficients[k])
            else:
                exact_deflectors[k, :] = deflectors[i, k]
        deflector_constants[:] = exact_deflectors
        coefficients[:] = exact_coefficients
        for v in range(n_views):
            _light_constants(source_kinds, sources[i, v], stamps, exact_sources[v], constants)
            _light_constants(light_kinds, lights[i, v], stamps, light_constants[v], constants)
        source_constants[:] = exact_sources

        for row in range(num_pix):
            for sy in range(rays):
                exact_y[sy * width : (sy + 1) * width] = (row + (sy + 0.5) / rays - 0.5 * num_pix) * pixel_scale
            y[:] = exact_y
            alpha_x[:] = zero
            alpha_y[:] = zero
            for k in range(deflector_kinds.size):
                if deflector_kinds[k] == EPL:
                    _add_epl(x, y, alpha_x, alpha_y, deflector_constants[k], coefficients[k], n_terms[k], scratch)
                else:
                    _add_shear(x, y, alpha_x, alpha_y, deflector_constants[k])
            for r in range(n_rays):
                beta_x[r] = x[r] - alpha_x[r]
                beta_y[r] = y[r] - alpha_y[r]
            for v in range(n_views):
                flux[:] = zero
                _add_light(source_kinds, sources[i, v], source_constants[v], stamps, beta_x, beta_y, flux)
                for k in range(source_kinds.size if out.itemsize == 4 else 0):
                    if source_kinds[k] == SERSIC_ELLIPSE:
                        _mend_cusp(
                            beta_x,
                            beta_y,
                            flux,
                            source_constants[v, k],
                            exact_sources[v, k],
                            exact_x,
                            exact_y,
                            deflector_kinds,
                            exact_deflectors,
                            exact_coefficients,
                            n_terms,
                        )
                _add_light(light_kinds, lights[i, v], light_constants[v], stamps, x, y, flux)
                for j in range(num_pix):
                    total = zero
                    for sy in range(rays):
                        for sx in range(rays):
                            total += flux[sy * width + j * rays + sx]
                    out[i, v, row, j] = total * per_pixel

        low = np.uint32(indices[i] & np.uint64(0xFFFFFFFF))
        high = np.uint32(indices[i] >> np.uint64(32))
        for v in range(n_views):
            image = out[i, v]
            if psf_kernel.shape[0] > 1:
                psf.convolve(image, psf_kernel, buffer)
            else:
                psf.gaussian_blur(image, observation[i, v, PSF_SIGMA], truncation, buffer, weights)
            if noisy:
                background, exposure = observation[i, v, BACKGROUND], observation[i, v, EXPOSURE]
                noise.add_noise(
                    image.reshape(num_pix * num_pix), background, exposure, seed, noise_streams[v], low, high, words
                )


def _cached(sources):
    """`_render` as an entry point that is compiled once and kept on disk.

    numba looks only at the time stamp of this file, and would serve machine code of before a change in a profile's
    file. A closure variable is part of its key, so `sources`, a checksum of all that is compiled, keeps it honest.
    """

    @njit(nogil=True, cache=True)
    def render(*arguments):
        sources  # noqa: B018
        _render(*arguments)

    return render


def _checksum():
    folder = Path(__file__).parent
    names = ("kernel", "noise", "numerics", "philox", "psf")
    files = [folder / f"{name}.py" for name in names] + sorted(folder.glob("profiles/*.py"))
    return zlib.crc32(b"".join(f.read_bytes() for f in files))


render = _cached(_checksum())
render.__doc__ = _render.__doc__
