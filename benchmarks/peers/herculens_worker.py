"""Render a workload with Herculens in a process of its own.

jit, and lax.map over systems (vmap is several times slower on a CPU).
"""

import jax
import jax.numpy as jnp
import numpy as np
from herculens.Coordinates.pixel_grid import PixelGrid
from herculens.Instrument.psf import PSF
from herculens.LensImage.lens_image import LensImage
from herculens.LightModel.light_model import LightModel
from herculens.LightModel.Profiles.sersic import Sersic
from herculens.MassModel.mass_model import MassModel
from herculens.MassModel.Profiles.epl import EPL
from herculens.MassModel.Profiles.shear import Shear
from herculens.MassModel.Profiles.sis import SIS
from jax import lax
from jax.scipy.ndimage import map_coordinates
from worker import columns, keywords, pick, serve

BATCH = 64
_clip = jnp.clip


def clip(x, min=None, max=None, a_min=None, a_max=None):
    """jnp.clip with the names a_min and a_max, which JAX dropped and Herculens 0.3.0 still uses."""
    return _clip(x, a_min if min is None else min, a_max if max is None else max)


jnp.clip = clip


class RoundSIS(SIS):
    """A sphere as a sphere: Herculens's own is an ellipsoid with q = 1 - 3e-8, which is NaN in float32."""

    def derivatives(self, x, y, theta_E, center_x=0, center_y=0):
        dx, dy = x - center_x, y - center_y
        a = theta_E * lax.rsqrt(jnp.maximum(dx * dx + dy * dy, 1e-12))
        return a * dx, a * dy


class Stamp:
    """A galaxy image that can be placed, turned and scaled; Herculens's own Pixelated stays on one fixed grid."""

    param_names = ("amp", "center_x", "center_y", "phi_G", "scale", "pixels")
    num_amplitudes = 1

    def function(self, x, y, amp, center_x, center_y, phi_G, scale, pixels):
        dx, dy, half = x - center_x, y - center_y, 0.5 * (pixels.shape[0] - 1)
        c, s = jnp.cos(phi_G) / scale, jnp.sin(phi_G) / scale
        row, column = half + c * dy - s * dx, half + c * dx + s * dy
        return amp * map_coordinates(pixels, [row, column], order=1)


def prepare(work):
    meta = work.meta
    size, scale = meta["num_pix"], meta["pixel_scale"]
    corner = -0.5 * (size - 1) * scale
    mass = {"EPL": EPL, "SHEAR": Shear, "SIS": RoundSIS}
    light = {"SERSIC_ELLIPSE": lambda: Sersic(smoothing=1e-4, radius_major_axis=False), "INTERPOL": Stamp}
    model = LensImage(
        PixelGrid(size, size, scale * np.eye(2), corner, corner),
        PSF("GAUSSIAN", fwhm=meta["fwhm"], truncation=meta["truncation"], pixel_size=scale),
        lens_mass_model_class=MassModel([mass[name]() for name in meta["lens"]]),
        source_model_class=LightModel([light[name]() for name in meta["source"]]),
        kwargs_numerics={"supersampling_factor": meta["rays"], "truncation": meta["truncation"]},
    )
    lens, source, pool = columns(work.lens), columns(work.source), jnp.asarray(work.images, np.float32)

    def image(lens, source, pool):
        sources = keywords(meta["source"], source)
        for s in sources:
            if "image" in s:
                s["pixels"] = pool[s.pop("image").astype(int)]
        return model.model(keywords(meta["lens"], lens), sources, lens_light_add=False, point_source_add=False)

    batch = jax.jit(lambda lens, source, pool: lax.map(lambda p: image(*p, pool), (lens, source)))
    return lambda rows: batch(pick(lens, rows), pick(source, rows), pool), BATCH


if __name__ == "__main__":
    serve(prepare)
