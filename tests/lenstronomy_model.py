"""lenstronomy's model of an image, of the terms that LenStream hands on."""

from lenstronomy.Data.imaging_data import ImageData
from lenstronomy.Data.psf import PSF
from lenstronomy.ImSim.image_model import ImageModel
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel


def model_of(terms):
    """The `ImageModel` of terms: a dict of kwargs_model, kwargs_data, kwargs_psf and kwargs_numerics."""
    lists = terms["kwargs_model"]
    return ImageModel(
        ImageData(**terms["kwargs_data"]),
        PSF(**terms["kwargs_psf"]),
        LensModel(lists["lens_model_list"]),
        LightModel(lists["source_light_model_list"]),
        LightModel(lists["lens_light_model_list"]),
        kwargs_numerics=terms["kwargs_numerics"],
    )
