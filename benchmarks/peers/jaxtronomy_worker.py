"""Render a workload with JAXtronomy in a process of its own.

jit, and lax.map over systems (vmap is several times slower on a CPU). It has no images as sources.
"""

import jax
import numpy as np
from jax import lax
from jaxtronomy.Data.imaging_data import ImageData
from jaxtronomy.ImSim.image_model import ImageModel
from jaxtronomy.LensModel.lens_model import LensModel
from jaxtronomy.LightModel.light_model import LightModel
from lenstronomy.Data.psf import PSF
from lenstronomy.Util.util import make_grid_with_coordtransform
from worker import UnsupportedError, columns, keywords, pick, serve

BATCH = 64


def prepare(work):
    meta = work.meta
    if "INTERPOL" in meta["source"]:
        raise UnsupportedError("no images as sources")
    size, scale = meta["num_pix"], meta["pixel_scale"]
    _, _, ra, dec, _, _, transform, _ = make_grid_with_coordtransform(size, scale, subgrid_res=1, inverse=False)
    model = ImageModel(
        ImageData(
            np.zeros((size, size)),
            background_rms=1.0,  # it asks for noise even where none is computed
            exposure_time=1.0,
            ra_at_xy_0=ra,
            dec_at_xy_0=dec,
            transform_pix2angle=transform,
        ),
        PSF("GAUSSIAN", fwhm=meta["fwhm"], truncation=meta["truncation"], pixel_size=scale),
        LensModel(meta["lens"]),
        LightModel(meta["source"]),
        kwargs_numerics={"supersampling_factor": meta["rays"], "supersampling_convolution": False},
    )
    lens, source = columns(work.lens), columns(work.source)

    def image(parameters):
        lens, source = parameters
        return model.image(keywords(meta["lens"], lens), keywords(meta["source"], source))

    batch = jax.jit(lambda lens, source: lax.map(image, (lens, source)))
    return lambda rows: batch(pick(lens, rows), pick(source, rows)), BATCH


if __name__ == "__main__":
    serve(prepare)
