"""Cleaning of galaxy images: the galaxy's light stays, the sky, neighbours and bad pixels do not."""

import numpy as np
import pytest
from astropy.io import fits

from lenstream.simulate.galaxies.cleaning import clean

from .cosmos import CATALOGUE, DATA, galaxy, real


@real
def test_cleaning_keeps_the_light_of_real_galaxies():
    table = fits.getdata(CATALOGUE, 1)
    with fits.open(DATA / "real_galaxy_images_23.5_n1.fits") as hdus:
        lights = [
            clean(hdu.data.astype(float), mean).sum() for hdu, mean in zip(hdus, table["NOISE_MEAN"], strict=True)
        ]
    missing = 25.94 - 2.5 * np.log10(lights) - table["MAG"]
    assert np.abs(missing).max() < 0.5 and np.median(np.abs(missing)) < 0.1  # two are fainter than the sky's noise


def test_a_constant_sky_changes_nothing():
    image = galaxy(np.random.default_rng(2))
    assert np.allclose(clean(image + 7.0), clean(image), atol=1e-9)


def test_a_neighbour_and_bad_pixels_are_left_out(tmp_path):
    rng = np.random.default_rng(3)
    alone = galaxy(rng)
    crowded = alone + galaxy(rng, at=(12.0, 66.0), scale=2.0, flux=40.0)
    crowded[50:53, 30:33] = np.nan
    crowded[5, 5] = np.inf
    found = clean(crowded)
    assert np.isfinite(found).all() and not found[5:20, 60:75].any()
    assert found.sum() == pytest.approx(clean(alone).sum(), rel=0.1)
    assert np.abs(found - clean(alone)).sum() < 0.2 * found.sum()
