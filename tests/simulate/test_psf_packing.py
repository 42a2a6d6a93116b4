"""From the PSFs of systems to arrays: a band's image does not depend on which other bands are asked for."""

from dataclasses import replace

import numpy as np
import pytest

from lenstream.simulate.detector.psf import moffat_kernels
from lenstream.simulate.moments import moffat_taps
from lenstream.simulate.psf_packing import pack_blur
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import only_bands


@pytest.fixture
def sharp_and_wide(scene_with):
    """A band whose PSF needs moments of a high degree, and one whose own would do with fewer."""
    psfs = {"sharp": {"kind": "gaussian", "fwhm": 0.06}, "wide": {"kind": "gaussian", "fwhm": 0.3}}
    image = {"num_pix": 20, "pixel_scale": 0.1, "rays": "adaptive"}
    return scene_with(image=image, bands={name: {"psf": psf} for name, psf in psfs.items()})


def test_a_band_has_the_moments_of_its_grid_also_when_it_is_asked_for_alone(sharp_and_wide):
    systems = draw(sharp_and_wide, np.arange(3), Views(2))
    whole = render(sharp_and_wide, systems)
    degrees = []
    for b, name in enumerate(sharp_and_wide.bands):
        alone = only_bands(sharp_and_wide, [name])
        own = draw(alone, np.arange(3), Views(2))
        degrees.append(pack_blur(alone, own, np.float32, True).degree)
        np.testing.assert_array_equal(render(alone, own), whole[:, :, [b]])
    assert degrees[0] == degrees[1] == pack_blur(sharp_and_wide, systems, np.float32, True).degree
    unaware = replace(alone, whole=None)  # of the sharp band, as if this were all of the simulation
    assert pack_blur(unaware, own, np.float32, True).degree < degrees[1]


@pytest.mark.parametrize("rays", ["adaptive", 2])
def test_every_band_and_view_has_the_moffat_that_is_drawn_for_it(scene_with, rays):
    """The share of light in the pixel of a point falls with the width that was drawn."""
    psf = {"kind": "moffat", "beta": 3, "size": 15, "fwhm": {"uniform": (0.1, 0.6)}}
    image = {"num_pix": 20, "pixel_scale": 0.1, "rays": rays}
    scene = scene_with(image=image, bands={"r": {"psf": psf}, "i": {"psf": psf | {"beta": 4}}})
    systems = draw(scene, np.arange(4), Views(2, frozenset({"psf"})))
    blur = pack_blur(scene, systems, np.float64, rays == "adaptive")
    for i, v, b in np.ndindex(4, 2, 2):
        fwhm, beta = (systems.optics[name][i, v, b] for name in ("fwhm", "beta"))
        layer = 2 * v + b
        if rays == "adaptive":
            taps = moffat_taps(fwhm / 0.1, beta, 15, blur.degree)
            np.testing.assert_allclose(blur.taps[blur.which[i, layer]][: len(taps)], taps, atol=1e-12)
        else:
            (kernel,) = moffat_kernels(np.array([fwhm]), np.array([beta]), 0.1, 15)
            np.testing.assert_allclose(blur.kernels[blur.kernel[i, layer], 0], kernel, atol=1e-12)
