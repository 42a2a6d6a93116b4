"""A Python script that goes on with a lens model in lenstronomy: data, PSF and model, chi2, and a fit from there."""

import pprint

_TEXT = '''"""{name}: go on with this lens model in lenstronomy. Run it with Python; the FITS files lie beside it."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from lenstronomy.Data.imaging_data import ImageData
from lenstronomy.Data.psf import PSF
from lenstronomy.ImSim.image_model import ImageModel
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel
from scipy.optimize import minimize

HERE = Path(__file__).resolve().parent


def read(name):
    return fits.getdata(HERE / name).astype(float)


# x to the right and y upwards in the image, lengths in arcsec, light in electrons/s/arcsec^2, angles from +x
kwargs_model = {kwargs_model}
kwargs_lens = {kwargs_lens}
kwargs_source = {kwargs_source}
{images}kwargs_lens_light = {kwargs_lens_light}
errors = {errors}  # one standard deviation, of what is fitted

kwargs_data = {{
    "image_data": read("{name}_image.fits"),
    "noise_map": read("{name}_noise.fits"),
    "ra_at_xy_0": {first},
    "dec_at_xy_0": {first},
    "transform_pix2angle": {pixel_scale} * np.eye(2),
}}
mask = {mask}
kwargs_psf = {{"psf_type": "PIXEL", "kernel_point_source": read("{name}_psf.fits"), **{finer}}}
kwargs_numerics = {kwargs_numerics}

model = ImageModel(
    ImageData(**kwargs_data),
    PSF(**kwargs_psf),
    LensModel(kwargs_model["lens_model_list"]),
    LightModel(kwargs_model["source_light_model_list"]),
    LightModel(kwargs_model["lens_light_model_list"]),
    kwargs_numerics=kwargs_numerics,
)


def chi2(lens):
    """Of a pixel, with the source and the light as they are."""
    image = model.image(lens, kwargs_source, kwargs_lens_light)
    return float((((image - kwargs_data["image_data"]) / kwargs_data["noise_map"])[mask] ** 2).mean())


def with_values(values):
    """kwargs_lens with other values of what is fitted, in units of the errors."""
    lens = [dict(own) for own in kwargs_lens]
    for (k, name, error), value in zip(errors, values):
        lens[k][name] += error * value
    return lens


print(f"chi2 of a pixel: {{chi2(kwargs_lens):.4f}}")
if __name__ == "__main__":
    found = minimize(lambda v: chi2(with_values(v)), np.zeros(len(errors)), method="Powell", options={{"maxiter": 1}})
    print(f"after one round: {{found.fun:.4f}}")
    for k, name, _ in errors:
        print(f"lens {{k}} {{name}}: {{kwargs_lens[k][name]:.4f}} -> {{with_values(found.x)[k][name]:.4f}}")
'''


def lenstronomy_script(name, terms, errors, template, has_mask):
    """The text of a script that goes on with a model, NAME.py beside NAME.json and its images.

    Args:
        name: NAME. terms: of lenstronomy, in electrons, as `coolest_template.coolest_template` takes them.
        errors: (number of the deflector, parameter, standard deviation) of what is fitted.
        template: of the COOLEST file, which knows how finely its PSF is sampled. has_mask: there is a mask's file.
    """
    source, images = [], ""
    for k, values in enumerate(terms["kwargs_source"]):
        own = {n: float(v) for n, v in values.items() if n != "image"}
        if "image" in values:  # of the file: electrons/s in a pixel of the image, with a ring of zeros around
            images += (
                f'kwargs_source[{k}]["image"] = read("{name}_source_{k}.fits")[1:-1, 1:-1] '
                f"/ {template['instrument']['pixel_size']!r}**2\n"
            )
            own |= {"amp": 1.0}
        source.append(own)
    finer = template["meta"]["PSF pixels along a side of a pixel"]
    return _TEXT.format(
        name=name,
        kwargs_model=_literal(terms["kwargs_model"]),
        kwargs_lens=_literal(terms["kwargs_lens"]),
        kwargs_source=_literal(source),
        images=images,
        kwargs_lens_light=_literal(terms["kwargs_lens_light"]),
        errors=_literal([tuple(error) for error in errors]),
        first=float(terms["kwargs_data"]["ra_at_xy_0"]),
        pixel_scale=float(template["instrument"]["pixel_size"]),
        mask=f'read("{name}_mask.fits") > 0' if has_mask else "np.ones(kwargs_data['image_data'].shape, bool)",
        finer={"point_source_supersampling_factor": finer} if finer > 1 else {},
        kwargs_numerics=_literal(terms["kwargs_numerics"]),
    )


def _literal(value):
    return pprint.pformat(value, width=110, sort_dicts=False)
