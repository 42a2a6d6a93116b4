"""Recipes of surveys: their images have the numbers of real ones."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import label

from lenstream.configs.load import load
from lenstream.simulate.packing import noise_levels
from lenstream.simulate.render import render_all, subtracted_light
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

DATA = Path(os.environ.get("LENSTREAM_DATA", Path(__file__).parents[3] / "shared" / "data"))
N = 32
WHOLE = ("simulate.observation.cosmic_rays=0", "simulate.observation.masked_disks=null")  # no pixel is lost


def rendered(recipe, *changes, noise=None, n=N):
    """A scene, n of its systems, and their images with arcs."""
    scene = make_scene(load(recipe, list(changes)))
    systems = draw(scene, np.arange(n), Views())
    return scene, systems, render_all(scene, systems, noise=noise, arcs=True)


def spread(values):
    """The standard deviation by the median deviation, which single bright pixels do not change."""
    return 1.4826 * np.median(np.abs(values - np.median(values)))


@pytest.fixture(scope="module")
def slacs():
    """A scene of hst_slacs without lost pixels, its systems, images without and with noise."""
    scene, systems, clean = rendered("hst_slacs", *WHOLE, noise=False)
    return scene, systems, clean, render_all(scene, systems, arcs=True).images[:, 0, 0]


def test_hst_slacs_has_the_noise_of_snapshots_and_of_deep_images(slacs):
    _, systems, clean, noisy = slacs
    noise = (noisy - clean.images[:, 0, 0])[:, :16]  # far from the lens
    seconds = systems.optics["exposure_time"][:, 0, 0]
    # measured on slacs_dev: 0.012 to 0.014 and 0.006 to 0.008
    for low, high, expected in (
        (400, 430, 0.0135),
        (1400, 2300, 0.0065),
    ):
        own = [spread(image) for image in noise[(seconds >= low) & (seconds <= high)]]
        assert len(own) > 5
        assert 0.8 * expected < np.median(own) < 1.3 * expected
    pull = noise / noise.std(axis=(1, 2), keepdims=True)
    assert abs((pull[:, :, 1:] * pull[:, :, :-1]).mean() - 0.28) < 0.03


def test_hst_slacs_lenses_outshine_their_arcs_as_real_ones_do(slacs):
    clean = slacs[2]
    light = clean.images.sum(axis=(1, 2, 3, 4)) - clean.arcs[:, 0, 0, 0]
    ratio = np.percentile(light / clean.arcs[:, 0, 0, 0], [10, 50, 90])
    assert 3 < ratio[0] < 20 < ratio[1] < 80 and ratio[2] < 500
    peak = clean.images[:, 0, 0].max(axis=(1, 2))
    assert 5 < np.median(peak) < 25  # of slacs_dev: 2.5 to 47 electrons/s, median 12


def test_subtracted_hst_slacs_lenses_have_residuals_in_the_centre_as_real_ones_do():
    """In units of the noise; of slacs_dev: medians 3.0, 0.9 and 0.8, of the best four in ten 1.9, 0.7 and 0.7."""
    changes = ["mode=subtracted", *WHOLE, "simulate.lens_mass.0.theta_E=1.5"]
    scene, systems, left = rendered("hst_slacs", *changes)
    background, exposure, electrons = (level[:, 0, None, None] for level in noise_levels(scene, systems))
    light = subtracted_light(scene, systems)[:, 0, 0]
    noise = np.sqrt(background**2 + light / (exposure * electrons))
    y, x = (np.mgrid[0:128, 0:128] - 63.5) * 0.05
    median, best = [], []
    for low, high in ((0, 0.15), (0.15, 0.3), (0.3, 0.5)):
        ring = (np.hypot(x, y) >= low) & (np.hypot(x, y) < high)
        # real noise maps are those of pixels on their own, whose rms is larger than the true one by 1 / 0.68
        rms = 0.68 * np.sqrt(((left.images[:, 0, 0] / noise)[:, ring] ** 2).mean(axis=1))
        median.append(np.median(rms))
        best.append(np.quantile(rms, 0.4))
    assert 2 < median[0] < 4.5 and 0.75 < median[1] < 1.4 and 0.7 < median[2] < 1.2
    assert 1.2 < best[0] < 3 and 0.6 < best[1] < 0.95 and 0.6 < best[2] < 0.9


def test_hst_slacs_loses_pixels_as_real_images_do():
    """In 6.4" of slacs_dev: 0.03 of all pixels in the median, 0.002 to 0.17; snapshots 26 to 108 holes of 6 pixels."""
    _, systems, seen = rendered("hst_slacs", n=64)
    snapshot = systems.optics["exposure_time"][:, 0, 0] < 500
    lost = seen.mask[:, 0, 0]
    holes = np.array([label(m, np.ones((3, 3)))[1] for m in lost])
    assert 45 < np.median(holes[snapshot]) < 90 and holes[~snapshot].max() < 8
    share = lost.mean(axis=(1, 2))
    assert 0.01 < np.median(share) < 0.05 and share.min() < 0.005 and 0.05 < share.max() < 0.3
    y, x = (np.mgrid[0:128, 0:128] - 63.5) * 0.05
    assert not lost[~snapshot][:, np.hypot(x, y) < 1.1].any()


def test_hst_slacs_takes_the_instruments_kernel():
    file = DATA / "hst_f814w_psf.fits"
    if not file.is_file():
        pytest.skip("the PSF of HST is not there: set LENSTREAM_DATA")
    kernel = fits.getdata(file)
    scene, _, of_file = rendered(
        "hst_slacs", f"simulate.observation.psf={{kind: pixel, file: {file}}}", noise=False, n=2
    )
    np.testing.assert_allclose(scene.instrument.kernels[0], kernel / kernel.sum(), rtol=1e-6, atol=1e-9)
    assert np.isfinite(of_file.images).all()
