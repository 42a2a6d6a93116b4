"""Render a workload with lenstronomy in a process of its own; argument: EPL or EPL_NUMBA.

Its classes are constructed once and reused.
"""

import sys

import numpy as np
from lenstronomy.Data.imaging_data import ImageData
from lenstronomy.Data.psf import PSF
from lenstronomy.ImSim.image_model import ImageModel
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel
from lenstronomy.Util.util import make_grid_with_coordtransform
from worker import columns, keywords, pick, serve


def prepare(work):
    meta = work.meta
    size, scale = meta["num_pix"], meta["pixel_scale"]
    _, _, ra, dec, _, _, transform, _ = make_grid_with_coordtransform(size, scale, subgrid_res=1, inverse=False)
    model = ImageModel(
        ImageData(np.zeros((size, size)), ra_at_xy_0=ra, dec_at_xy_0=dec, transform_pix2angle=transform),
        PSF("GAUSSIAN", fwhm=meta["fwhm"], truncation=meta["truncation"], pixel_size=scale),
        LensModel([sys.argv[1] if name == "EPL" else name for name in meta["lens"]]),
        LightModel(meta["source"]),
        kwargs_numerics={"supersampling_factor": meta["rays"], "supersampling_convolution": False},
    )
    lens, source = columns(work.lens, float), columns(work.source, float)
    lenses = [plain(keywords(meta["lens"], pick(lens, i))) for i in range(work.n)]
    sources = [plain(keywords(meta["source"], pick(source, i))) for i in range(work.n)]
    for source in (s[0] for s in sources if "image" in s[0]):
        source["image"] = work.images[int(source["image"])][1:-1, 1:-1]  # lenstronomy adds the ring of zeros itself

    def render(rows):
        for light in model.SourceModel.func_list:
            if hasattr(light, "delete_cache"):
                light.delete_cache()  # it would draw the first galaxy for good
        return model.image(lenses[rows[0]], sources[rows[0]])[None]

    return render, 1


def plain(terms):
    return [{key: float(value) for key, value in term.items()} for term in terms]


if __name__ == "__main__":
    serve(prepare)
