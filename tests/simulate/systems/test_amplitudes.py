"""Amplitudes: flux follows from magnitude, colour and zero point, in every band."""

import numpy as np

from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views


def test_the_flux_of_a_galaxy_image_is_that_of_its_magnitude(galaxies):
    source = draw(galaxies, np.arange(20), Views()).source[0]
    stamp = galaxies.stamps.images[source["stamp"][:, 0].astype(int), 0]
    flux = stamp.sum(axis=(1, 2)) * source["scale"][:, 0] ** 2 * source["amp"][:, 0, 0]
    expected = 10 ** (-0.4 * (source["magnitude"][:, 0] - galaxies.instrument.magnitude_zero_point))
    np.testing.assert_allclose(flux, expected, rtol=1e-5)


def test_colours_and_zero_points_make_the_amplitudes_of_bands(everything):
    systems = draw(everything, np.arange(40), Views(2))
    light = systems.lens_light[0]
    there = np.isfinite(light["magnitude"])
    ratio = light["amp"][..., 1] / light["amp"][..., 0]
    np.testing.assert_allclose(ratio[there], 10 ** (-0.4 * 1.5))
    source = systems.source[0]
    np.testing.assert_allclose(
        -2.5 * np.log10(source["amp"][..., 1] / source["amp"][..., 0]), source["color_g"], rtol=1e-9
    )
