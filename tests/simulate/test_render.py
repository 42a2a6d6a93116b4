"""Images: parity with lenstronomy, bit-equality however they are asked for, noise moments, symmetries."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage, signal

from lenstream.simulate.render import Work, _parts, noise_levels, render, render_all
from lenstream.simulate.scene import Views, draw

N_PARITY = 200


def test_parity_with_lenstronomy_of_200_systems(w1, differences):
    single, double = differences(w1, N_PARITY, np.float32), differences(w1, N_PARITY)
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


def test_parity_of_galaxy_images_lens_light_pixel_psf_and_sie(scene_with, observed, differences, psf_file):
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
        observation=observed(psf={"kind": "pixel", "file": str(psf_file)}),
    )
    assert differences(scene, 20).max() <= 1e-8
    assert differences(scene, 20, np.float32).max() <= 3e-5


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


def test_gaussian_psf_is_scipys(w1, scene_with, observed):
    systems = draw(w1, np.arange(3), Views())
    sharp = scene_with(observation=observed(psf={"kind": "none"}))
    unblurred = render(sharp, draw(sharp, np.arange(3), Views()), dtype=np.float64)
    sigma = 0.16 / 2.3548200450309493 / 0.08
    expected = ndimage.gaussian_filter(unblurred, sigma, mode="nearest", truncate=5, axes=(2, 3))
    np.testing.assert_allclose(render(w1, systems, dtype=np.float64), expected, atol=1e-12 * expected.max())


def test_an_unlensed_source_keeps_its_flux(scene_with):
    scene = scene_with(
        lens_mass=[{"profile": "EPL", "theta_E": 0}],
        source=[{"profile": "SERSIC_ELLIPSE", "magnitude": 22.0, "R_sersic": 0.15, "n_sersic": 1.0, "e1": 0.2}],
    )
    image = render(scene, draw(scene, [0], Views()), dtype=np.float64)
    expected = 10 ** (-0.4 * (22.0 - scene.instrument.magnitude_zero_point))
    assert abs(image.sum() / expected - 1) < 0.02  # b_n is approximate, the frame finite, the rays few


def test_a_mirrored_lens_makes_a_mirrored_image(scene_with):
    def image(e2, y):
        lens = {"profile": "EPL", "theta_E": 1.2, "gamma": 2.1, "e1": 0.1, "e2": e2}
        source = {"profile": "SERSIC_ELLIPSE", "magnitude": 22, "R_sersic": 0.2, "center_x": 0.1, "center_y": y}
        scene = scene_with(lens_mass=[lens], source=[source])
        return render(scene, draw(scene, [0], Views()), dtype=np.float64)[0, 0]

    np.testing.assert_allclose(image(0.2, 0.05), image(-0.2, -0.05)[::-1], atol=1e-9)


CENTRE = {"center_x": {"normal": (0, 0.1)}, "center_y": {"normal": (0, 0.1)}}
SHAPE = {"e1_e2": {"rayleigh": (0.15, 0.4)}} | CENTRE
DEFLECTORS = {
    "EPL": {"theta_E": {"uniform": (0.3, 1.2)}, "gamma": {"uniform": (1.6, 2.4)}} | SHAPE,
    "SIE": {"theta_E": {"uniform": (0.3, 1.2)}} | SHAPE,
    "SIS": {"theta_E": {"uniform": (0.1, 0.8)}} | CENTRE,
    "SHEAR": {"gamma1": {"normal": (0, 0.05)}, "gamma2": {"normal": (0, 0.05)}},
    "CONVERGENCE": {"kappa": {"uniform": (-0.1, 0.2)}, "ra_0": {"normal": (0, 0.1)}, "dec_0": {"normal": (0, 0.1)}},
    "NFW": {"Rs": {"loguniform": (0.05, 5)}, "alpha_Rs": {"uniform": (0.05, 0.6)}} | CENTRE,
    "TNFW": {"Rs": {"loguniform": (0.05, 5)}, "alpha_Rs": {"uniform": (0.05, 0.6)}, "r_trunc": {"uniform": (0.1, 3)}}
    | CENTRE,
    "POINT_MASS": {"theta_E": {"uniform": (0.05, 0.8)}, "center_x": {"normal": (0, 0.5)}},
    "MULTIPOLE": {"m": 4, "a_m": {"normal": (0, 0.05)}, "phi_m": {"uniform": (0, 6)}} | CENTRE,
    "INTERPOL": CENTRE,
}
SOURCE = {
    "profile": "SERSIC_ELLIPSE",
    "magnitude": 23,
    "R_sersic": {"uniform": (0.1, 0.4)},
    "n_sersic": {"uniform": (0.8, 3)},
    "e1_e2": {"rayleigh": (0.15, 0.4)},
    "center_x": {"uniform": (-0.2, 0.2)},
}
SMALL = {"num_pix": 32, "pixel_scale": 0.16, "rays": 2}


@pytest.fixture(scope="module")
def map_file(tmp_path_factory):
    """A deflection field that is no profile, with more columns than rows; it ends inside the image."""
    y, x = np.meshgrid(np.linspace(-2.2, 2.2, 45), np.linspace(-2.6, 2.6, 53), indexing="ij")
    r = np.hypot(x, y) + 0.3
    path = tmp_path_factory.mktemp("map") / "field.npz"
    np.savez(path, f_x=0.6 * x / r + 0.05 * np.sin(2 * y), f_y=0.6 * y / r - 0.04 * np.cos(3 * x), pixel_scale=0.1)
    return path


def deflector(profile, map_file, **keys):
    extra = {"file": str(map_file)} if profile == "INTERPOL" else {}
    return {"profile": profile} | DEFLECTORS[profile] | extra | keys


@pytest.mark.parametrize("first", range(10))
def test_parity_of_all_deflectors_in_combinations(scene_with, differences, map_file, first):
    names = list(DEFLECTORS)
    chosen = [deflector(names[(first + step) % 10], map_file) for step in (0, 1, 3, 7)[: 2 + first % 3]]
    for component in chosen:
        if component["profile"] == "MULTIPOLE":
            component["m"] = 1 + first % 5
    scene = scene_with(image=SMALL, lens_mass=chosen, source=[SOURCE])
    assert differences(scene, 4).max() <= 1e-8
    assert differences(scene, 4, np.float32).max() <= 3e-5


@pytest.mark.parametrize("rays", [1, 3, 4])
def test_parity_with_other_numbers_of_rays(scene_with, differences, rays):
    assert differences(scene_with(image=SMALL | {"num_pix": 21, "rays": rays}), 4).max() <= 1e-8


DISC_AND_BULGE = {
    "profile": "DOUBLE_SERSIC",
    "magnitude": {"uniform": (20, 22)},
    "bulge_fraction": {"uniform": (0, 1)},
    "R_sersic": {"uniform": (0.3, 0.8)},
    "n_sersic": {"uniform": (0.8, 1.2)},
    "R_bulge": {"uniform": (0.05, 0.3)},
    "n_bulge": {"uniform": (2, 5)},
    "roundness": {"uniform": (0, 1)},
} | SHAPE


def test_parity_of_double_sersics_behind_and_in_front(scene_with, differences):
    behind = DISC_AND_BULGE | {"magnitude": 23, "R_sersic": 0.3, "R_bulge": 0.1, "n_bulge": 2}
    scene = scene_with(image=SMALL, source=[behind, SOURCE], lens_light=[DISC_AND_BULGE])
    assert differences(scene, 6).max() <= 1e-8
    assert differences(scene, 6, np.float32).max() <= 3e-5


def test_a_double_sersic_has_the_light_of_its_magnitude(scene_with):
    light = DISC_AND_BULGE | {"magnitude": 21, "R_sersic": 0.3, "n_bulge": 1}
    far = {"profile": "SERSIC_ELLIPSE", "magnitude": 40, "R_sersic": 0.1}
    scene = scene_with(image=SMALL | {"num_pix": 48, "rays": "adaptive"}, source=[far], lens_light=[light])
    flux = render(scene, draw(scene, np.arange(8), Views()), dtype=np.float64).sum((1, 2, 3))
    np.testing.assert_allclose(flux, 10 ** (-0.4 * (21 - scene.instrument.magnitude_zero_point)), rtol=5e-3)


def test_parity_of_mirrored_and_rotated_galaxies_on_both_sides(scene_with, differences):
    galaxy = {"profile": "INTERPOL", "n_galaxies": 6, "magnitude": 23, "R_half": {"uniform": (0.1, 0.4)}} | CENTRE
    scene = scene_with(image=SMALL, source=[galaxy], lens_light=[galaxy | {"R_half": 0.8, "magnitude": 21}])
    parity = draw(scene, np.arange(10), Views()).source[0]["parity"]
    assert set(parity.ravel()) == {-1.0, 1.0}
    assert differences(scene, 10).max() <= 1e-8
    assert differences(scene, 10, np.float32).max() <= 3e-5


def test_a_galaxy_of_other_parity_is_mirrored_left_to_right_and_phi_turns_it(scene_with):
    galaxy = {"profile": "INTERPOL", "n_galaxies": 4, "magnitude": 23, "R_half": 0.5, "phi_G": 0}
    scene = scene_with(image=SMALL, lens_mass=[{"profile": "SIS", "theta_E": 0}], source=[galaxy])

    def image(**changes):
        systems = draw(scene, np.arange(4), Views())
        values = {name: np.full((4, 1), value) for name, value in changes.items()}
        systems = dataclasses.replace(systems, source=(systems.source[0] | values,))
        return render(scene, systems, dtype=np.float64)[:, 0]

    plain = image(parity=1.0)
    np.testing.assert_allclose(image(parity=-1.0), plain[:, :, ::-1], atol=1e-12 * plain.max())
    assert np.abs(plain - plain[:, :, ::-1]).max() > 0.05 * plain.max()
    turned = image(parity=1.0, phi_G=0.5 * np.pi)
    np.testing.assert_allclose(turned, np.rot90(plain, 1, axes=(2, 1)), atol=1e-9 * plain.max())


PSFS = {
    "moffat": {"kind": "moffat", "fwhm": {"uniform": (0.2, 0.5)}, "beta": {"uniform": (2, 5)}, "size": 21},
    "fine moffat": {"kind": "moffat", "fwhm": 0.4, "beta": 3.5, "supersampling": 2, "size": 25},
    "pixel": {"kind": "pixel"},
    "fine pixel": {"kind": "pixel", "supersampling": 3},
    "none": {"kind": "none"},
    "drawn gaussian": {"kind": "gaussian", "fwhm": {"uniform": (0.1, 0.5)}, "truncation": 4},
}


@pytest.mark.parametrize("name", PSFS)
def test_parity_of_every_psf(scene_with, observed, differences, psf_file, name):
    psf = PSFS[name] | ({"file": str(psf_file)} if "pixel" in name else {})
    image = SMALL | {"rays": 3 if name == "fine pixel" else 2}
    scene = scene_with(image=image, observation=observed(psf=psf), lens_light=[DISC_AND_BULGE])
    assert differences(scene, 4).max() <= 1e-8
    assert differences(scene, 4, np.float32).max() <= 3e-5


def test_parity_of_every_view_in_every_band(scene_with, observed, differences, psf_file):
    galaxy = {"profile": "INTERPOL", "n_galaxies": 4, "magnitude": 23, "R_half": 0.3}
    bands = {
        "r": {},
        "g": {"magnitude_zero_point": 24.5, "psf": {"kind": "moffat", "fwhm": 0.3, "beta": 3, "size": 15}},
        "i": {"psf": {"kind": "pixel", "file": str(psf_file)}},
    }
    scene = scene_with(
        image=SMALL,
        source=[SOURCE | {"colors": {"g": {"normal": (0.4, 0.1)}, "i": -0.2}}, galaxy | {"colors": {"i": -1.0}}],
        lens_light=[DISC_AND_BULGE | {"colors": {"g": {"normal": (1.2, 0.1)}}}],
        bands=bands,
    )
    views = Views(2, frozenset({"source", "lens_light", "psf"}))
    assert differences(scene, 3, views=views).max() <= 1e-8
    assert differences(scene, 3, np.float32, views=views).max() <= 3e-5
    systems = draw(scene, np.arange(3), views)
    images = render(scene, systems)
    assert images.shape == (3, 2, 3, 32, 32)
    expected = 10 ** (-0.4 * (systems.source[0]["color_g"] + 25.96 - 24.5))
    np.testing.assert_allclose(systems.source[0]["amp"][..., 1] / systems.source[0]["amp"][..., 0], expected)


def subhalos(profile):
    masses = {"n_mean": 20, "m_min": 1e7, "m_max": 1e10, "r_max": 2.5}
    return {"kind": "CDM", "profile": profile} | masses


@pytest.mark.parametrize("profile", ["SIS", "POINT_MASS", "NFW", "TNFW", "AXION_VORTEX"])
def test_parity_of_subhalos(scene_with, differences, profile):
    component = {"kind": "AXION_VORTEX", "n_masses": 30} if profile == "AXION_VORTEX" else subhalos(profile)
    scene = scene_with(image=SMALL, substructure=[component])
    assert np.diff(draw(scene, np.arange(4), Views()).halos[0].first).min() > 10
    assert differences(scene, 4).max() <= 1e-8
    assert differences(scene, 4, np.float32, exact_halos=True).max() <= 3e-5


def test_parity_of_classes(everything, differences):
    assert len(set(draw(everything, np.arange(8), Views(2)).kind)) == 3
    fixed = dataclasses.replace(
        everything,
        config=everything.config.model_copy(
            update={"image": everything.config.image.model_copy(update={"rays": 2}), "selection": None}
        ),
    )
    assert differences(fixed, 8, views=Views(2)).max() <= 1e-8


def test_a_sample_with_everything_is_the_same_however_it_is_asked_for(everything):
    """Classes, subhalos, selection, views, bands, noise and lost pixels."""
    views = Views(3, frozenset({"source", "noise", "psf", "lens_light"}))
    alone = render_all(everything, draw(everything, [12345], views), arcs=True)
    batch = np.arange(12335, 12351)
    order = np.random.default_rng(0).permutation(16)
    for indices, threads in ((batch, 1), (batch, 3), (batch[order], 1), (batch[order], 2)):
        found = render_all(everything, draw(everything, indices, views), threads=threads, arcs=True)
        (i,) = np.flatnonzero(indices == 12345)
        np.testing.assert_array_equal(found.images[i], alone.images[0])
        np.testing.assert_array_equal(found.mask[i], alone.mask[0])
        np.testing.assert_array_equal(found.arcs[i], alone.arcs[0])
    without = render_all(everything, draw(everything, [12345], views))
    np.testing.assert_array_equal(without.mask, alone.mask)
    np.testing.assert_allclose(without.images, alone.images, atol=1e-6 * np.nanmax(alone.images))


def test_noise_of_bands_and_views_is_independent(scene_with, observed):
    noisy = observed(noise=True)
    scene = scene_with(image=SMALL | {"num_pix": 64}, observation=noisy, bands={"r": {}, "g": {}, "i": {}})
    systems = draw(scene, np.arange(6), Views(3))
    noise = render(scene, systems) - render(scene, systems, noise=False)
    noise = noise.reshape(54, -1) / noise.reshape(54, -1).std(1, keepdims=True)
    corr = np.abs(noise @ noise.T / noise.shape[1] - np.eye(54))
    assert corr.max() < 5 / np.sqrt(64 * 64)
    shared = draw(scene, np.arange(2), Views(2, frozenset({"source"})))  # views share the noise, bands still do not
    noise = render(scene, shared) - render(scene, shared, noise=False)
    assert np.corrcoef(noise[0, 0, 1].ravel(), noise[0, 1, 1].ravel())[0, 1] > 0.7
    assert abs(np.corrcoef(noise[0, 0, 0].ravel(), noise[0, 0, 1].ravel())[0, 1]) < 5 / 64


def test_masks_have_the_shape_of_images(scene_with, observed, everything):
    systems = draw(everything, np.arange(5), Views(2))
    rendered = render_all(everything, systems)
    assert rendered.images.shape == rendered.mask.shape == (5, 2, 2, 24, 24)
    assert rendered.mask.dtype == bool and 0.002 < rendered.mask.mean() < 0.2
    assert (rendered.images[rendered.mask] == 0).all()
    first, second = rendered.mask[:, 0], rendered.mask[:, 1]
    assert (first & second).sum() < 0.3 * first.sum()  # each view loses pixels of its own
    assert render_all(everything, systems, noise=False).mask is None
    scene = scene_with(image=SMALL, observation=observed(noise=True, bad_pixels=0.1, mask_value="nan"))
    rendered = render_all(scene, draw(scene, np.arange(4), Views()))
    np.testing.assert_array_equal(np.isnan(rendered.images), rendered.mask)
    assert rendered.mask.mean() == pytest.approx(0.1, abs=5 * np.sqrt(0.09 / rendered.mask.size))


@pytest.mark.parametrize("rays", [2, "adaptive"])
def test_compiled_code_gives_back_every_array_it_was_lent(everything, rays):
    """Most of it counts no references: one too many would keep memory for good, one too few would free it early."""
    systems = draw(everything, np.arange(8), Views())
    work = Work(everything, systems, noise_levels(everything, systems), np.float32, rays, False)
    size = everything.config.image.num_pix
    out, arcs = np.empty((8, len(everything.bands), size, size), np.float32), np.zeros((0, 0, 0))
    lent = [out, arcs, work.stamps, work.variance, *work.tables, *work.maps, *work.exact_maps]
    work.render(0, 8, out, arcs)
    before = [sys.getrefcount(a) for a in lent]
    for _ in range(3):
        work.render(0, 8, out, arcs)
    assert [sys.getrefcount(a) for a in lent] == before


@pytest.mark.parametrize("n", [0, 1, 15, 1000])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_parts_for_threads_cover_a_batch_and_get_smaller(n, threads):
    edges = _parts(n, threads)
    sizes = np.diff(edges)
    assert edges[0] == 0 and edges[-1] == n and (sizes[:-1] >= sizes[1:]).all()
    assert n == 0 or (sizes > 0).all()
    assert threads == 1 or sizes[-1] <= 16
