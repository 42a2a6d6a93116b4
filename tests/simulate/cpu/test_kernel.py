"""From surface brightness to an image on a CPU: light behind a PSF that acts on moments stays above 0."""

from dataclasses import replace

import numpy as np
import pytest

from lenstream.simulate.render import render_all
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views

POINT = {"profile": "SERSIC_ELLIPSE", "magnitude": 22, "R_sersic": 0.002, "n_sersic": 1, "center_x": 0.04}


@pytest.mark.parametrize("arcs", [False, True])
def test_light_is_nowhere_below_0_behind_a_psf_of_moments_unless_it_was_so_before(scene_with, observed, arcs):
    scene = scene_with(
        image={"num_pix": 16, "pixel_scale": 0.1, "rays": "adaptive"},
        lens_mass=[{"profile": "CONVERGENCE", "kappa": 0}],
        source=[POINT],
        observation=observed(psf={"kind": "gaussian", "fwhm": 0.12}),
    )
    systems = draw(scene, [0], Views())
    (source,) = systems.source
    below = replace(systems, source=({**source, "amp": -source["amp"]},))
    image, turned = (render_all(scene, s, noise=False, arcs=arcs).images[0, 0, 0] for s in (systems, below))
    assert image.min() == 0 and image.max() > 0
    assert turned.max() > 0 > turned.min()  # the series of moments swings to the other side of 0
    np.testing.assert_allclose(turned, -image, atol=2e-3 * image.max())
