"""Amplitudes: flux follows from magnitude, colour and zero point, in every band."""

import numpy as np
import pytest

from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.amplitudes import band_fluxes
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


def test_a_galaxy_has_its_own_colour_in_every_band(scene_with, tmp_path):
    """One that its catalogue has 1.5 mag brighter in the second band, and one that is as much fainter there."""
    y, x = np.mgrid[-12:12, -12:12] + 0.5
    images = np.broadcast_to(np.exp(-0.5 * (x**2 + y**2) / 9.0), (2, 2, 24, 24))
    magnitude = np.array([[23.0, 21.5], [23.0, 24.5]])
    np.savez(tmp_path / "pair.npz", images=images, pixel_scale=np.full(2, 0.05), magnitude=magnitude)
    galaxy = {"profile": "INTERPOL", "catalogue": str(tmp_path / "pair.npz"), "sky_removal": False}
    scene = scene_with(
        image={"num_pix": 32, "pixel_scale": 0.1, "rays": 2},
        lens_mass=[{"profile": "SIS", "theta_E": 0}],
        source=[galaxy],
        bands={"r": {}, "g": {}},
    )
    systems = draw(scene, np.arange(12), Views())
    flux = render(scene, systems, noise=False, dtype=np.float64)[:, 0].sum((2, 3))
    brighter = systems.source[0]["stamp"][:, 0] == 0
    assert 0 < brighter.sum() < 12
    expected = np.where(brighter, 10 ** (0.4 * 1.5), 10 ** (-0.4 * 1.5))
    np.testing.assert_allclose(flux[:, 1] / flux[:, 0], expected, rtol=1e-3)


def test_the_fluxes_of_bands_are_those_of_their_magnitudes_and_zero_points(everything):
    systems = draw(everything, np.arange(5), Views(2))
    component, values = everything.config.lens_light[0], systems.lens_light[0]
    zero_points = [instrument.magnitude_zero_point for instrument in everything.bands.values()]
    r, g = band_fluxes(everything, component, values)
    there = np.isfinite(values["magnitude"])
    assert there.any()
    for flux, zero_point, colour in ((r, zero_points[0], 0.0), (g, zero_points[1], 1.5)):
        magnitude = zero_point - 2.5 * np.log10(flux[there])
        assert magnitude == pytest.approx(values["magnitude"][there] + colour, rel=1e-12)
