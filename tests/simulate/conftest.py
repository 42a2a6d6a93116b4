"""Scenes that several tests of the simulator use, and what compares them with lenstronomy."""

import numpy as np
import pytest

from lenstream.configs.load import check, load
from lenstream.simulate.bridge import lenstronomy_image
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene


def build(recipe="w1", seed=1, **changes):
    values = load(recipe).model_dump(exclude_none=True)
    values["simulate"] |= changes
    return make_scene(check(values, "test").simulate, seed)


TWO_GRIDS: dict[str, object] = {
    "image": {"num_pix": 31},
    "source": [
        {
            "profile": "SERSIC_ELLIPSE",
            "magnitude": {"uniform": (23, 26)},
            "colors": {"VIS": {"normal": (0.5, 0.2)}, "Y": 0.3},
            "R_sersic": {"uniform": (0.1, 0.3)},
            "center_x": {"normal": (0, 0.2)},
            "center_y": {"normal": (0, 0.2)},
        }
    ],
    "lens_light": [{"profile": "SERSIC_ELLIPSE", "magnitude": 21, "colors": {"VIS": 1.5}, "R_sersic": 0.6}],
    "observation": {"instrument": "Euclid/VIS"},
    "bands": {"H": {"instrument": "Euclid/H"}, "VIS": {}, "Y": {"instrument": "Euclid/Y", "bad_pixels": 0.05}},
    "selection": {"arc_snr_min": 50},
}


@pytest.fixture(scope="session")
def scene_with():
    """scene_with(recipe="w1", seed=1, **changes): the recipe's scene with parts of its simulate section replaced."""
    return build


@pytest.fixture(scope="session")
def observed():
    """observed(**changes): the observation of W1 with some keys replaced."""
    return lambda **changes: load("w1").simulate.observation.model_dump(exclude_none=True) | changes


@pytest.fixture(scope="session")
def differences():
    """differences(scene, n, dtype): the largest difference from lenstronomy over the peak, of n systems, all images."""

    def compare(scene, n, dtype=np.float64, views=None, **keys):
        systems = draw(scene, np.arange(n), views or Views())
        ours = render(scene, systems, noise=False, dtype=dtype, **keys)
        ours = ours.reshape(n, systems.views.n, len(scene.bands), *ours.shape[-2:])
        out = np.empty(ours.shape[:3])
        for i, v, b in np.ndindex(out.shape):
            theirs = lenstronomy_image(scene, systems, i, v, b)
            out[i, v, b] = np.abs(ours[i, v, b] - theirs).max() / theirs.max()
        return out

    return compare


@pytest.fixture(scope="session")
def w1():
    """Workload W1: EPL + SHEAR, one Sersic source, Gaussian PSF, no noise."""
    return make_scene(load("w1").simulate, 1)


@pytest.fixture(scope="session")
def galaxies():
    """The demo's scene with few galaxies: image sources and noise."""
    return make_scene(load("demo", ["simulate.source.0.n_galaxies=8"]).simulate, 1)


@pytest.fixture(scope="session")
def everything():
    """Classes, subhalos, two sources, a double Sersic, two bands, selection, noise and lost pixels."""
    return build(
        classes={"lens": 3, "subhalos": 2, "galaxy": 1},
        image={"num_pix": 24, "pixel_scale": 0.16},
        lens_mass=[
            {
                "profile": "EPL",
                "only": ["lens", "subhalos"],
                "theta_E": {"uniform": (0.7, 1.4)},
                "gamma": {"uniform": (1.8, 2.2)},
                "e1_e2": {"rayleigh": (0.1, 0.3)},
            },
            {"profile": "SHEAR", "only": ["lens"], "gamma1": {"normal": (0, 0.03)}, "gamma2": {"normal": (0, 0.03)}},
        ],
        substructure=[
            {"kind": "CDM", "only": ["subhalos"], "n_mean": 25, "m_min": 1e7, "m_max": 1e9, "r_max": 2.0},
        ],
        source=[
            {
                "profile": "SERSIC_ELLIPSE",
                "only": ["lens", "subhalos"],
                "magnitude": {"uniform": (23, 26)},
                "colors": {"g": {"normal": (0.3, 0.1)}},
                "R_sersic": {"uniform": (0.1, 0.3)},
                "center_x": {"normal": (0, 0.4)},
                "center_y": {"normal": (0, 0.4)},
            },
            {
                "profile": "INTERPOL",
                "only": ["lens"],
                "n_galaxies": 12,
                "magnitude": 26,
                "R_half": {"uniform": (0.1, 0.3)},
            },
        ],
        lens_light=[
            {
                "profile": "DOUBLE_SERSIC",
                "only": ["lens", "galaxy"],
                "magnitude": {"uniform": (20, 22)},
                "colors": {"g": 1.5},
                "bulge_fraction": {"uniform": (0, 1)},
                "R_sersic": 0.7,
                "R_bulge": 0.2,
            }
        ],
        observation=load("w1").simulate.observation.model_dump(exclude_none=True)
        | {"noise": True, "bad_pixels": 0.01, "cosmic_rays": 1, "psf": {"kind": "gaussian", "fwhm": 0.2}},
        bands={"r": {}, "g": {"background_noise": 0.02, "psf": {"kind": "moffat", "fwhm": 0.3, "beta": 3}}},
        selection={"arc_snr_min": 30, "magnification_min": 2, "image_separation_min": 1},
    )


@pytest.fixture(scope="session")
def two_grids_with():
    """two_grids_with(**changes): VIS on pixels of 0.1" and two bands of NISP on pixels of 0.3", with a selection."""
    return lambda **changes: build(**TWO_GRIDS | changes)


@pytest.fixture(scope="session")
def two_grids(two_grids_with):
    """The bands H and Y on one pixel grid, VIS on another."""
    return two_grids_with()
