"""The bridge to lenstronomy: any drawn system as the lists and dictionaries that lenstronomy's classes take."""

import numpy as np

from .profiles import epl, interpol, sersic, shear

_NAMES = {
    "EPL": epl.PARAMETERS,
    "SIE": tuple(n for n in epl.PARAMETERS if n != "gamma"),
    "SHEAR": shear.PARAMETERS,
    "SERSIC_ELLIPSE": sersic.PARAMETERS,
    "INTERPOL": tuple(n for n in interpol.PARAMETERS if n != "stamp"),
}


def to_lenstronomy(scene, systems, i, view=0):
    """System number `i` of a batch in lenstronomy's terms.

    Returns: dict with `kwargs_model` (lens_model_list, source_light_model_list, lens_light_model_list), `kwargs_lens`,
    `kwargs_source`, `kwargs_lens_light`, `kwargs_psf` and `kwargs_numerics`, ready for ``ImageModel``; amplitudes are
    in counts/s/arcsec^2.
    """
    config, tool = scene.config, scene.instrument

    def parameters(component, values, at):
        out = {name: float(values[name][at]) for name in _NAMES[component.profile]}
        if component.profile == "INTERPOL":
            # lenstronomy adds the ring of zeros itself
            out["image"] = scene.stamps.images[int(values["stamp"][at])][1:-1, 1:-1].astype(float)
        return out

    def group(components, drawn, at):
        return [parameters(c, values, at) for c, values in zip(components, drawn, strict=True)]

    if len(tool.psf_kernel) > 1:
        psf = {"psf_type": "PIXEL", "kernel_point_source": np.array(tool.psf_kernel)}
    elif systems.fwhm[i, view] > 0:
        psf = {"psf_type": "GAUSSIAN", "fwhm": float(systems.fwhm[i, view]), "truncation": tool.truncation}
    else:
        psf = {"psf_type": "NONE"}
    return {
        "kwargs_model": {
            "lens_model_list": [c.profile for c in config.lens_mass],
            "source_light_model_list": [c.profile for c in config.source],
            "lens_light_model_list": [c.profile for c in config.lens_light],
        },
        "kwargs_lens": group(config.lens_mass, systems.lens_mass, i),
        "kwargs_source": group(config.source, systems.source, (i, view)),
        "kwargs_lens_light": group(config.lens_light, systems.lens_light, (i, view)),
        "kwargs_psf": psf,
        "kwargs_numerics": {"supersampling_factor": config.image.rays, "supersampling_convolution": False},
    }


def lenstronomy_image_model(scene, systems, i=0, view=0, epl="EPL"):
    """lenstronomy's ``ImageModel`` for a scene, with the PSF of system `i`; `epl` may be "EPL_NUMBA"."""
    from lenstronomy.Data.imaging_data import ImageData
    from lenstronomy.Data.psf import PSF
    from lenstronomy.ImSim.image_model import ImageModel
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LightModel.light_model import LightModel
    from lenstronomy.Util.util import make_grid_with_coordtransform

    size, scale = scene.config.image.num_pix, scene.instrument.pixel_scale
    terms = to_lenstronomy(scene, systems, i, view)
    model = terms["kwargs_model"]
    _, _, ra, dec, _, _, transform, _ = make_grid_with_coordtransform(size, scale, subgrid_res=1, inverse=False)
    return ImageModel(
        ImageData(np.zeros((size, size)), ra_at_xy_0=ra, dec_at_xy_0=dec, transform_pix2angle=transform),
        PSF(**terms["kwargs_psf"], pixel_size=scale),
        LensModel([epl if name == "EPL" else name for name in model["lens_model_list"]]),
        LightModel(model["source_light_model_list"]),
        LightModel(model["lens_light_model_list"]),
        kwargs_numerics=terms["kwargs_numerics"],
    )


def lenstronomy_image(scene, systems, i, view=0):
    """The noise-free image of a system as lenstronomy renders it: float64 (num_pix, num_pix) [counts/s/pixel]."""
    terms = to_lenstronomy(scene, systems, i, view)
    model = lenstronomy_image_model(scene, systems, i, view)
    return model.image(terms["kwargs_lens"], terms["kwargs_source"], terms["kwargs_lens_light"])
