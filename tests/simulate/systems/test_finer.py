"""A finer grid shows the same sky: its pixels add up to those of the coarse one, which a shift by a pixel would not."""

import numpy as np
import pytest
from astropy.io import fits

from lenstream.configs.load import check, load
from lenstream.errors import ConfigError
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.finer import finer
from lenstream.simulate.systems.scene import make_scene, only_bands

N = 4


def scene(*overrides, recipe="tiny"):
    return make_scene(load(recipe, ["simulate.image.num_pix=24", "simulate.image.rays=adaptive", *overrides]))


def summed(images, factor):
    *rest, n, _ = images.shape
    return images.reshape(*rest, n // factor, factor, n // factor, factor).sum((-3, -1))


def on_both_grids(coarse, factor):
    systems = draw(coarse, np.arange(N), Views())
    fine = finer(coarse, factor)
    return render(coarse, systems, noise=False), render(fine, systems, noise=False), fine


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("psf", ["{kind: gaussian, fwhm: 0.3}", "{kind: moffat, fwhm: 0.3, beta: 3}", "{kind: none}"])
def test_finer_pixels_add_up_to_coarse_ones(factor, psf):
    images, fine_images, fine = on_both_grids(scene(f"simulate.observation.psf={psf}"), factor)
    peak = images.max()
    assert np.abs(summed(fine_images, factor) - images).max() < 2e-3 * peak
    assert np.abs(summed(np.roll(fine_images, 1, axis=-1), factor) - images).max() > 2e-2 * peak  # half a pixel is seen
    assert fine.instrument.pixel_scale == pytest.approx(0.15 / factor)
    assert fine.config.image.num_pix == 24 * factor


def test_kernels_and_fixed_supersampling_act_on_the_same_pixels_of_the_sky(tmp_path):
    y, x = np.mgrid[-7:8, -7:8]
    fits.writeto(tmp_path / "psf.fits", np.exp(-((x - 1) ** 2 + y**2) / 8.0).astype(np.float32))
    of_file = f"{{kind: pixel, file: {tmp_path}/psf.fits, supersampling: 4}}"
    for psf in (of_file, "{kind: gaussian, fwhm: 0.3, supersampling: 4}"):
        coarse = scene(f"simulate.observation.psf={psf}", "simulate.image.rays=8")
        images, fine_images, fine = on_both_grids(coarse, 2)
        assert fine.instrument.supersampling == 2 and fine.config.image.rays == 4
        assert np.abs(summed(fine_images, 2) - images).max() < 1e-4 * images.max()


def test_kernels_without_pixels_as_fine_are_refused(tmp_path):
    fits.writeto(tmp_path / "psf.fits", np.ones((5, 5), np.float32))
    coarse = scene(f"simulate.observation.psf={{kind: pixel, file: {tmp_path}/psf.fits, supersampling: 2}}")
    finer(coarse, 2)
    with pytest.raises(ConfigError, match="kernels have a supersampling of 2, so they are not known on pixels 4 times"):
        finer(coarse, 4)


def test_a_psf_of_some_pixels_reaches_as_far_in_arcsec():
    coarse = scene("simulate.observation.psf={kind: gaussian, fwhm: 0.3, size: 7}")
    assert finer(coarse, 2).config.observation.psf.size == 15  # odd, and no less than 7 large pixels


def test_images_too_large_are_refused():
    with pytest.raises(ConfigError, match=r"simulate.image.num_pix: 6000 pixels on the finer grid, expected 4096"):
        finer(scene("simulate.image.num_pix=1500"), 4)


def test_the_background_is_shared_out():
    assert finer(scene(), 2).instrument.background == pytest.approx(0.02 / 2)
    instrument = scene(
        "simulate.observation={instrument: Euclid/VIS}", "simulate.image={num_pix: 24}"
    )  # sky and read noise of its own
    sky, read = (finer(instrument, 2).instrument.sky_rate, finer(instrument, 2).instrument.read_noise)
    assert sky == pytest.approx(instrument.instrument.sky_rate / 4)
    assert read == instrument.instrument.read_noise


@pytest.mark.parametrize("names", [["VIS"], ["H", "Y"]])
def test_bands_with_grids_of_their_own(names):
    values = load("w1").model_dump(exclude_none=True)
    colors = {"VIS": 0.5, "Y": 0.3}
    values["simulate"] |= {
        "image": {"num_pix": 45},  # arcs end within, as a PSF repeats the pixels at the edge, whatever their size
        "source": [{"profile": "SERSIC_ELLIPSE", "magnitude": 23, "colors": colors, "R_sersic": 0.3}],
        "lens_light": [],
        "observation": {"instrument": "Euclid/VIS"},
        "bands": {"H": {"instrument": "Euclid/H"}, "VIS": {}, "Y": {"instrument": "Euclid/Y"}},
    }
    whole = make_scene(check(values, "test").simulate, 1)
    coarse = only_bands(whole, names)
    images, fine_images, fine = on_both_grids(coarse, 2)
    assert list(fine.bands) == names and fine.band_names == whole.band_names
    assert np.abs(summed(fine_images, 2) - images).max() < 2e-3 * images.max()
