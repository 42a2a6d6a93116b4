"""From parameters to pixels: fills the kernel's tables and runs it, on as many threads as asked."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from . import kernel
from .profiles import epl, interpol, sersic, shear
from .scene import psf_sigma

_DEFLECTOR_PARAMETERS = {"EPL": epl.PARAMETERS, "SIE": epl.PARAMETERS, "SHEAR": shear.PARAMETERS}
_LIGHT_PARAMETERS = {"SERSIC_ELLIPSE": sersic.PARAMETERS, "INTERPOL": interpol.PARAMETERS}


def render(scene, systems, noise=None, dtype=np.float32, threads=1):
    """Images of systems.

    Args:
        scene: from `scene.make_scene`. systems: from `scene.draw`.
        noise: add noise; None takes what the config says. dtype: float32, or float64 (for parity and derivatives).
        threads: systems are shared between that many threads; the result does not depend on it.

    Returns: `dtype` array (n, v, num_pix, num_pix) [counts/s/pixel], row 0 at the bottom (lowest y).
    """
    config, tool = scene.config, scene.instrument
    n, n_views = len(systems.indices), systems.views.n
    size = config.image.num_pix
    observation = np.empty((n, n_views, 3))
    observation[..., kernel.BACKGROUND] = tool.background
    observation[..., kernel.EXPOSURE] = tool.exposure_time
    observation[..., kernel.PSF_SIGMA] = psf_sigma(scene, systems)
    stamps = np.zeros((1, 3, 3)) if scene.stamps is None else scene.stamps.images
    out = np.empty((n, n_views, size, size), dtype=dtype)
    arguments = (
        size,
        float(tool.pixel_scale),
        config.image.rays,
        _kinds(config.lens_mass, kernel.DEFLECTOR_KINDS),
        _table(config.lens_mass, systems.lens_mass, _DEFLECTOR_PARAMETERS, (n,)),
        _kinds(config.source, kernel.LIGHT_KINDS),
        _table(config.source, systems.source, _LIGHT_PARAMETERS, (n, n_views)),
        _kinds(config.lens_light, kernel.LIGHT_KINDS),
        _table(config.lens_light, systems.lens_light, _LIGHT_PARAMETERS, (n, n_views)),
        np.ascontiguousarray(stamps, dtype=dtype),
        np.ascontiguousarray(tool.psf_kernel, dtype=dtype),
        float(tool.truncation),
        observation,
        config.observation.noise if noise is None else noise,
        np.array([systems.views.stream("noise", v) for v in range(n_views)]),
        scene.seed,
        systems.indices,
    )
    if threads == 1 or n < 2:
        kernel.render(*arguments, 0, n, out)
        return out
    edges = np.linspace(0, n, min(threads, n) + 1).astype(int)
    with ThreadPoolExecutor(threads) as pool:  # plain threads: numba's own layers abort when two callers meet
        list(pool.map(lambda a, b: kernel.render(*arguments, a, b, out), edges[:-1], edges[1:]))
    return out


def _kinds(components, table):
    return np.array([table[c.profile] for c in components], dtype=np.int64)


def _table(components, values, parameters, shape):
    """Parameters as float64 (*shape, number of profiles, N_PARAMETERS), in the order that each profile reads."""
    out = np.zeros((*shape, len(components), kernel.N_PARAMETERS))
    for k, (component, drawn) in enumerate(zip(components, values, strict=True)):
        for column, name in enumerate(parameters[component.profile]):
            out[..., k, column] = 2.0 if component.profile == "SIE" and name == "gamma" else drawn[name]
    return out


def compile_ahead():
    """Compile the renderer for both precisions, so that the first image comes at once; it is kept on disk."""
    from ..configs.load import load
    from .scene import Views, draw, make_scene

    scene = make_scene(load("w1").simulate, 0)
    for dtype in (np.float32, np.float64):
        render(scene, draw(scene, [0], Views()), dtype=dtype)
