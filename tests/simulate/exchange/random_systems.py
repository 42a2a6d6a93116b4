"""Systems in lenstronomy's terms, random and not, and its images of them."""

import numpy as np
from hypothesis import strategies as st

from ...lenstronomy_model import model_of

N, SCALE = 20, 0.17
LISTS = ("lens_model_list", "source_light_model_list", "lens_light_model_list")


def numbers(low, high):
    return st.floats(low, high, allow_nan=False).map(lambda value: round(value, 6))


OFFSET = {"center_x": numbers(-0.3, 0.3), "center_y": numbers(-0.3, 0.3)}
ELLIPTICITY = {"e1": numbers(-0.4, 0.4), "e2": numbers(-0.4, 0.4)}
SERSIC = st.fixed_dictionaries(
    {"amp": numbers(0.1, 5), "R_sersic": numbers(0.15, 0.7), "n_sersic": numbers(0.6, 3.5)} | ELLIPTICITY | OFFSET
)
DEFLECTORS = {
    "EPL": {"theta_E": numbers(0.4, 1.2), "gamma": numbers(1.5, 2.5)} | ELLIPTICITY | OFFSET,
    "SIE": {"theta_E": numbers(0.4, 1.2)} | ELLIPTICITY | OFFSET,
    "SIS": {"theta_E": numbers(0.4, 1.2)} | OFFSET,
}
SHEAR = st.fixed_dictionaries({"gamma1": numbers(-0.15, 0.15), "gamma2": numbers(-0.15, 0.15)})
SHEET = st.fixed_dictionaries({"kappa": numbers(-0.1, 0.1), "ra_0": numbers(-1, 1), "dec_0": numbers(-1, 1)})
LENS = st.sampled_from(list(DEFLECTORS)).flatmap(
    lambda name: st.tuples(st.just(name), st.fixed_dictionaries(DEFLECTORS[name]))
)


def kernel(finer):
    """A PSF without any symmetry."""
    side = 2 * (2 * finer) + 1
    pixels = np.random.default_rng(side).uniform(0, 1, (side, side)) + np.arange(side) / side
    return pixels / pixels.sum()


@st.composite
def systems(draw, lights=(1, 1)):
    """Terms of lenstronomy: one deflector, shear, convergence, some sources and lights, a PSF on finer pixels."""
    (name, lens), finer = draw(LENS), draw(st.integers(1, 3))
    source, light = ([draw(SERSIC) for _ in range(n)] for n in lights)
    first = -(N - 1) / 2 * SCALE
    terms = {
        "kwargs_model": dict(
            zip(LISTS, ([name, "SHEAR", "CONVERGENCE"], *[["SERSIC_ELLIPSE"] * n for n in lights]), strict=True)
        ),
        "kwargs_lens": [lens, draw(SHEAR), draw(SHEET)],
        "kwargs_source": source,
        "kwargs_lens_light": light,
        "kwargs_psf": {"psf_type": "PIXEL", "kernel_point_source": kernel(finer)}
        | ({"point_source_supersampling_factor": finer} if finer > 1 else {}),
        "kwargs_numerics": {
            "supersampling_factor": finer,
            "supersampling_convolution": finer > 1,
            "supersampling_kernel_size": None,
        },
        "kwargs_data": {
            "image_data": np.zeros((N, N)),
            "background_rms": 0.01,
            "exposure_time": 900.0,
            "ra_at_xy_0": first,
            "dec_at_xy_0": first,
            "transform_pix2angle": SCALE * np.eye(2),
        },
    }
    terms["kwargs_data"]["image_data"] = image_of(terms)
    return terms


def image_of(terms, **groups):
    """lenstronomy's image of terms."""
    images = model_of(terms)
    return images.image(terms["kwargs_lens"], terms["kwargs_source"], terms["kwargs_lens_light"], **groups)


def one_system():
    values = {
        "kwargs_model": {
            "lens_model_list": ["EPL", "SHEAR"],
            "source_light_model_list": ["SERSIC_ELLIPSE"],
            "lens_light_model_list": [],
        },
        "kwargs_lens": [
            {"theta_E": 0.9, "gamma": 2.1, "e1": 0.1, "e2": -0.2, "center_x": 0.05, "center_y": -0.1},
            {"gamma1": 0.03, "gamma2": 0.05},
        ],
        "kwargs_source": [
            {"amp": 2.0, "R_sersic": 0.2, "n_sersic": 1.2, "e1": 0.2, "e2": 0.1, "center_x": 0.1, "center_y": 0.04}
        ],
        "kwargs_lens_light": [],
        "kwargs_psf": {"psf_type": "NONE"},
        "kwargs_numerics": {"supersampling_factor": 1, "supersampling_convolution": False},
        "kwargs_data": {
            "image_data": np.ones((N, N)),
            "background_rms": 0.01,
            "exposure_time": 900.0,
            "ra_at_xy_0": -(N - 1) / 2 * SCALE,
            "dec_at_xy_0": -(N - 1) / 2 * SCALE,
            "transform_pix2angle": SCALE * np.eye(2),
        },
    }
    values["kwargs_numerics"]["supersampling_kernel_size"] = None
    return values
