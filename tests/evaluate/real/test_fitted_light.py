"""Fitted lens light: known galaxies with arcs, masks, symmetries, real lenses beside their models, refusals."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import gaussian_filter

from lenstream.errors import DataError
from lenstream.evaluate.real.fitted_light import fit_light
from lenstream.extras import MissingExtra

SIZE, SCALE, NOISE = 121, 0.05, 0.01


def polar(ratio=1.0, angle=0.0, x=0.0, y=0.0):
    """Radius [arcsec] of ellipses, major axis for major axis, and position angle of each pixel."""
    columns, rows = (axis * SCALE for axis in np.meshgrid(*2 * [np.arange(SIZE) - (SIZE - 1) / 2]))
    columns, rows = columns - x, rows - y
    major = columns * np.cos(angle) + rows * np.sin(angle)
    minor = rows * np.cos(angle) - columns * np.sin(angle)
    return np.hypot(major, minor / ratio), np.arctan2(rows, columns)


def galaxy(ratio=0.75, angle=0.6, x=0.02, y=-0.03):
    """A de Vaucouleurs galaxy of half-light radius 1 arcsec behind a PSF, 35 times the noise at that radius."""
    radius, _ = polar(ratio, angle, x, y)
    return gaussian_filter(35 * NOISE * np.exp(-7.669 * ((radius + 0.01) ** 0.25 - 1)), 1.0)


def arcs(peak=15.0):
    """An arc of 120 degrees at 1.2 arcsec and a small one on the other side at 0.8; peak in units of the noise."""
    radius, angle = polar()
    far = np.exp(-((radius - 1.2) ** 2) / (2 * 0.08**2)) * np.exp(-((np.abs(angle - 0.5) / 1.0) ** 4))
    near = np.exp(-((radius - 0.8) ** 2) / (2 * 0.08**2)) * np.exp(-((np.abs(np.abs(angle - 0.5) - np.pi) / 0.4) ** 4))
    return peak * NOISE * (far + near)


def observed(light, more=0.0, seed=0):
    return light + more + np.random.default_rng(seed).normal(0, NOISE, light.shape)


def fitted(image, good=None):
    good = np.ones(image.shape, bool) if good is None else good
    return fit_light(image, np.full(image.shape, NOISE), good, SCALE)


def test_a_galaxy_is_recovered_and_its_arcs_keep_their_flux():
    light, lensed = galaxy(), arcs()
    model = fitted(observed(light, lensed))
    radius, _ = polar()
    for low, high, most in ((0.2, 0.5, 2.0), (0.5, 1.0, 0.7), (1.0, 2.0, 0.3)):
        ring = (radius > low) & (radius < high)
        assert np.sqrt(np.mean((model - light)[ring] ** 2)) < most * NOISE
        assert np.sqrt(np.mean((model / light - 1)[ring] ** 2)) < 0.015
    bright = (lensed > 3 * NOISE) & (radius > 0.3)
    assert (light + lensed - model)[bright].sum() == pytest.approx(lensed[bright].sum(), rel=0.05)


def test_of_a_whole_ring_a_part_is_lost_as_it_hides_the_galaxy_on_all_sides():
    light = galaxy(ratio=1.0)
    radius, angle = polar()
    ring = 10 * NOISE * np.exp(-((radius - 1.2) ** 2) / (2 * 0.08**2)) * (1.3 + np.cos(angle)) / 2
    model = fitted(observed(light, ring))
    bright = ring > 3 * NOISE
    assert (light + ring - model)[bright].sum() == pytest.approx(ring[bright].sum(), rel=0.2)


def test_bad_pixels_are_not_looked_at():
    light = galaxy()
    image, good = observed(light, arcs()), np.ones((SIZE, SIZE), bool)
    good[80:110, 10:40] = False
    good[62:64, 50:52] = False
    good[59:61, 60] = False
    model = fitted(np.where(good, image, 1e6), good)
    np.testing.assert_array_equal(model, fitted(np.where(good, image, np.nan), good))
    radius, _ = polar()
    assert np.isfinite(model).all()
    assert np.abs(np.mean((model - light)[radius > 0.5])) < 0.1 * NOISE
    assert np.sqrt(np.mean((model - light)[(radius > 0.5) & (radius < 2)] ** 2)) < NOISE


def test_the_unit_and_the_direction_of_the_axes_do_not_matter():
    image, radius = observed(galaxy(), arcs()), polar()[0]
    model, good = fitted(image), np.ones((SIZE, SIZE), bool)
    other_unit = fit_light(1000 * image, np.full(image.shape, 1000 * NOISE), good, SCALE)
    np.testing.assert_allclose(other_unit / 1000, model, atol=0.1 * NOISE)
    for turn in (np.rot90, np.flipud):
        difference = fitted(np.ascontiguousarray(turn(image))) - turn(model)
        assert np.sqrt(np.mean(difference[turn(radius) > 0.5] ** 2)) < 0.5 * NOISE


def test_the_light_falls_from_the_centre_and_is_positive():
    model = fitted(observed(galaxy(ratio=0.999, x=0, y=0), arcs(30)))
    radius, _ = polar()
    rings = [model[(radius >= k) & (radius < k + 0.1)].mean() for k in np.arange(0, 2.8, 0.1)]
    assert (np.diff(rings) < 0).all() and model.min() >= 0


@pytest.mark.parametrize(
    ("image", "good", "words"),
    [
        (observed(0 * galaxy(), arcs()), True, "no galaxy stands out in its centre"),
        (observed(galaxy()), False, "too few pixels are valid to fit the light"),
        (observed(galaxy())[:20, :20], True, "too few pixels are valid to fit the light"),
        (np.roll(observed(galaxy()), 6, axis=1), True, "no ellipses can be fitted .* expected in its centre"),
    ],
    ids=["only arcs", "all masked", "tiny", "off the centre"],
)
def test_what_cannot_be_fitted_is_said_in_one_sentence(image, good, words):
    with pytest.raises(DataError, match=words) as error:
        fitted(image, np.full(image.shape, good))
    assert "\n" not in str(error.value)


def test_a_failure_of_photutils_is_one_sentence(monkeypatch):
    def fail(*_, **__):
        raise IndexError("list index out of range")

    monkeypatch.setattr("photutils.isophote.Ellipse.fit_image", fail)
    with pytest.raises(DataError, match=r"no ellipses can be fitted .* \(list index out of range\)"):
        fitted(observed(galaxy()))


def test_without_photutils_the_command_that_installs_it_is_said(monkeypatch):
    monkeypatch.setattr("lenstream.extras._is_installed", lambda name: name != "photutils")
    with pytest.raises(MissingExtra, match=r"needs lenstream\[real\], as photutils is not installed"):
        fitted(observed(galaxy()))


def test_nothing_is_said_of_ellipses_that_do_not_converge(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(observed(0.02 * galaxy(), arcs()) + 0.2 * galaxy(ratio=0.99))
    said = capfd.readouterr()
    assert said.out == said.err == ""


@pytest.mark.parametrize("name", ["J0737+3216", "J2300+0022"])
def test_real_lenses_lose_what_a_published_model_takes_off(slacs, name):
    with fits.open(slacs / f"{name}.fits") as file:
        image, noise, mask, light = (file[n].data.astype(float) for n in ("IMAGE", "NOISE", "MASK", "LENSLIGHT"))
    good = mask == 0
    model = fit_light(image, noise, good, 0.05)
    y, x = (np.arange(n) - (n - 1) / 2 for n in image.shape)
    radius = 0.05 * np.hypot(x, y[:, None])
    apart = (model - light) / noise
    for low, high in ((0.2, 0.5), (0.5, 1), (1, 2)):
        ring = good & (radius > low) & (radius < high)
        assert np.sqrt(np.mean(apart[ring] ** 2)) < 1
    bright = good & (radius > 0.3) & (radius < 2.5) & (image - light > 3 * noise)
    assert (image - model)[bright].sum() == pytest.approx((image - light)[bright].sum(), rel=0.2)
