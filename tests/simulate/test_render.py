"""Images: parity with lenstronomy, bit-equality however they are asked for, noise moments, symmetries."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage, signal

from lenstream.configs.load import check, load
from lenstream.simulate.bridge import lenstronomy_image
from lenstream.simulate.render import render
from lenstream.simulate.scene import Views, draw, make_scene

N_PARITY = 200


def scene_with(recipe="w1", seed=1, **changes):
    """A scene of a recipe with parts of its simulate section replaced."""
    values = load(recipe).model_dump(exclude_none=True)
    values["simulate"] |= changes
    return make_scene(check(values, "test").simulate, seed)


def errors(scene, n, dtype):
    """Largest difference from lenstronomy over the peak, for n systems."""
    systems = draw(scene, np.arange(n), Views())
    ours = render(scene, systems, noise=False, dtype=dtype)[:, 0]
    theirs = np.stack([lenstronomy_image(scene, systems, i) for i in range(n)])
    return np.abs(ours - theirs).max(axis=(1, 2)) / theirs.max(axis=(1, 2))


def test_parity_with_lenstronomy_of_200_systems(w1):
    single, double = errors(w1, N_PARITY, np.float32), errors(w1, N_PARITY, np.float64)
    print(f"\nmax |LenStream - lenstronomy| / peak: float32 {single.max():.1e}, float64 {double.max():.1e}")
    assert single.max() <= 3e-5
    assert double.max() <= 1e-8


@pytest.fixture
def psf_file(tmp_path):
    """A lopsided odd-sided PSF kernel as a FITS file."""
    from astropy.io import fits

    kernel = np.random.default_rng(3).random((9, 9)) * signal.windows.gaussian(9, 1.5)[:, None]
    fits.writeto(tmp_path / "psf.fits", kernel)
    return tmp_path / "psf.fits"


def test_parity_of_galaxy_images_lens_light_pixel_psf_and_sie(psf_file):
    observation = load("w1").simulate.observation.model_dump(exclude_none=True)
    scene = scene_with(
        lens_mass=[
            {"profile": "SIE", "theta_E": {"uniform": (0.8, 1.6)}, "e1_e2": {"rayleigh": (0.2, 0.5)}},
            {"profile": "SHEAR", "gamma1": 0.03, "gamma2": -0.05},
        ],
        source=[
            {"profile": "INTERPOL", "n_galaxies": 5, "magnitude": 23, "R_half": {"uniform": (0.1, 0.4)}},
            {"profile": "SERSIC_ELLIPSE", "magnitude": 24, "R_sersic": 0.2, "center_x": 0.3},
        ],
        lens_light=[{"profile": "SERSIC_ELLIPSE", "magnitude": 20, "R_sersic": 0.8, "n_sersic": 4.0, "e1": 0.1}],
        observation=observation | {"psf": {"kind": "pixel", "file": str(psf_file)}},
    )
    assert errors(scene, 20, np.float64).max() <= 1e-8
    assert errors(scene, 20, np.float32).max() <= 3e-5


def test_a_sample_is_the_same_alone_in_a_batch_and_on_threads(galaxies):
    views = Views(2)
    alone = render(galaxies, draw(galaxies, [12345], views))[0]
    for first, n, threads in ((12340, 7, 1), (12345, 7, 2), (12200, 256, 1), (12200, 256, 2)):
        batch = render(galaxies, draw(galaxies, np.arange(first, first + n), views), threads=threads)
        np.testing.assert_array_equal(batch[12345 - first], alone)


def test_a_sample_is_the_same_in_another_process(galaxies):
    code = (
        "import sys, numpy as np\n"
        "from lenstream.configs.load import load\n"
        "from lenstream.simulate.scene import *\n"
        "from lenstream.simulate.render import render\n"
        "scene = make_scene(load('demo', ['simulate.source.0.n_galaxies=8']).simulate, 1)\n"
        "sys.stdout.buffer.write(render(scene, draw(scene, [12345], Views(2))).tobytes())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert there == render(galaxies, draw(galaxies, [12345], Views(2))).tobytes()


def test_views_share_the_lens_and_nothing_else(galaxies):
    systems = draw(galaxies, np.arange(4000), Views(2))
    assert all(v.shape == (4000,) for v in systems.lens_mass[0].values())
    for name in ("magnitude", "R_half", "center_x", "phi_G", "stamp"):
        a, b = systems.source[0][name].T
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(4000), name


def test_only_what_is_redrawn_differs_between_views(galaxies):
    systems = draw(galaxies, np.arange(3), Views(2, frozenset({"noise"})))
    clean = render(galaxies, systems, noise=False)
    np.testing.assert_array_equal(clean[:, 0], clean[:, 1])
    noisy = render(galaxies, systems)
    assert (noisy[:, 0] != noisy[:, 1]).mean() > 0.99
    systems = draw(galaxies, np.arange(3), Views(2, frozenset({"source"})))
    noise = render(galaxies, systems) - render(galaxies, systems, noise=False)
    corr = np.corrcoef(noise[0, 0].ravel(), noise[0, 1].ravel())[0, 1]
    assert corr > 0.7  # the same numbers, scaled by each image's own Poisson noise


def test_noise_has_lenstronomys_variance(galaxies):
    n = 3000
    systems = draw(galaxies, np.full(n, 7), Views())  # one system again and again ...
    systems.indices[:] = np.arange(n)  # ... under other noise
    clean = render(galaxies, systems, noise=False)[0, 0]
    noise = render(galaxies, systems)[:, 0] - clean
    tool = galaxies.instrument
    variance = tool.background**2 + np.maximum(clean, 0) / tool.exposure_time
    pull = noise / np.sqrt(variance)
    assert abs(pull.mean()) < 5 / np.sqrt(pull.size)
    assert abs(pull.std() - 1) < 5 / np.sqrt(2 * pull.size)
    ratio = noise.var(axis=0) / variance  # pixel by pixel, the bright ones too
    assert abs(ratio.mean() - 1) < 1e-3
    assert np.abs(ratio - 1).max() < 6 * np.sqrt(2 / n)
    assert abs((pull**3).mean()) < 5 * np.sqrt(6 / pull.size)
    assert abs((pull**4).mean() - 3) < 5 * np.sqrt(96 / pull.size)
    neighbours = (pull[:, :, 1:] * pull[:, :, :-1]).mean()
    assert abs(neighbours) < 5 / np.sqrt(pull.size)


def test_gaussian_psf_is_scipys(w1):
    systems = draw(w1, np.arange(3), Views())
    sharp = scene_with(observation=w1.config.observation.model_dump(exclude_none=True) | {"psf": {"kind": "none"}})
    unblurred = render(sharp, draw(sharp, np.arange(3), Views()), dtype=np.float64)
    sigma = 0.16 / 2.3548200450309493 / 0.08
    expected = ndimage.gaussian_filter(unblurred, sigma, mode="nearest", truncate=5, axes=(2, 3))
    np.testing.assert_allclose(render(w1, systems, dtype=np.float64), expected, atol=1e-12 * expected.max())


def test_a_psf_wider_than_the_image_is_still_right():
    wide = {"kind": "gaussian", "fwhm": 3.0}
    scene = scene_with(
        image={"num_pix": 8, "pixel_scale": 0.3, "rays": 1},
        observation=load("w1").simulate.observation.model_dump(exclude_none=True) | {"psf": wide},
    )
    assert errors(scene, 3, np.float64).max() < 1e-8


def test_an_unlensed_source_keeps_its_flux():
    scene = scene_with(
        lens_mass=[{"profile": "EPL", "theta_E": 0}],
        source=[{"profile": "SERSIC_ELLIPSE", "magnitude": 22.0, "R_sersic": 0.15, "n_sersic": 1.0, "e1": 0.2}],
    )
    image = render(scene, draw(scene, [0], Views()), dtype=np.float64)
    expected = 10 ** (-0.4 * (22.0 - scene.instrument.magnitude_zero_point))
    assert abs(image.sum() / expected - 1) < 0.02  # b_n is approximate, the frame finite, the rays few


def test_a_mirrored_lens_makes_a_mirrored_image():
    def image(e2, y):
        lens = {"profile": "EPL", "theta_E": 1.2, "gamma": 2.1, "e1": 0.1, "e2": e2}
        source = {"profile": "SERSIC_ELLIPSE", "magnitude": 22, "R_sersic": 0.2, "center_x": 0.1, "center_y": y}
        scene = scene_with(lens_mass=[lens], source=[source])
        return render(scene, draw(scene, [0], Views()), dtype=np.float64)[0, 0]

    np.testing.assert_allclose(image(0.2, 0.05), image(-0.2, -0.05)[::-1], atol=1e-9)


def test_extreme_parameters_stay_finite():
    lens = {"profile": "EPL", "theta_E": {"uniform": (0.0, 3.0)}, "gamma": {"uniform": (1.1, 2.9)}}
    source = {"profile": "SERSIC_ELLIPSE", "magnitude": 22, "R_sersic": {"loguniform": (0.01, 3)}}
    scene = scene_with(
        lens_mass=[lens | {"e1_e2": {"rayleigh": (0.5, 0.85)}}],
        source=[source | {"n_sersic": {"uniform": (0.3, 8)}}],
    )
    for dtype in (np.float32, np.float64):
        assert np.isfinite(render(scene, draw(scene, np.arange(200), Views()), dtype=dtype)).all()
