"""Images: parity with lenstronomy, for every profile, PSF, view and band."""

import dataclasses

import numpy as np
import pytest
from scipy import signal

from lenstream.simulate.bridge import lenstronomy_image
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views, by_grid

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
    assert len(set(draw(everything, np.arange(8), Views(2)).class_number)) == 3
    fixed = dataclasses.replace(
        everything,
        config=everything.config.model_copy(
            update={"image": everything.config.image.model_copy(update={"rays": 2}), "selection": None}
        ),
    )
    assert differences(fixed, 8, views=Views(2)).max() <= 1e-8


def test_parity_of_bands_with_pixel_grids_of_their_own(scene_with, tmp_path):
    """Also of galaxies with an image for each band, and of a PSF on finer pixels in one grid only."""
    widths = np.arange(2, 11).reshape(3, 3) / 2
    images = np.array([[np.outer(*2 * [signal.windows.gaussian(40, width)]) for width in row] for row in widths])
    magnitude = 22 + np.arange(9.0).reshape(3, 3) / 4
    np.savez(tmp_path / "galaxies.npz", images=images, pixel_scale=0.05, magnitude=magnitude, names=["a", "b", "c"])
    moffat = {"kind": "moffat", "fwhm": {"uniform": (0.4, 0.6)}, "beta": 3, "size": 9, "supersampling": 2}
    scene = scene_with(
        image={"num_pix": 24, "rays": 2},
        observation={"instrument": "Euclid/VIS"},
        bands={
            "VIS": {},
            "Y": {"instrument": "Euclid/Y", "psf": moffat},
            "HST": {"instrument": "HST/WFC3_F160W", "image": {"num_pix": 41, "pixel_scale": 0.05}},
        },
        source=[{"profile": "INTERPOL", "catalogue": str(tmp_path / "galaxies.npz"), "colors": {"HST": -0.5}}],
        lens_light=[SOURCE | {"colors": {"Y": {"normal": (-1, 0.2)}}}],
    )
    systems = draw(scene, np.arange(4), Views(2))
    for dtype, most in ((np.float64, 1e-8), (np.float32, 3e-5)):
        ours = render(scene, systems, noise=False, dtype=dtype)
        assert [images.shape for images in ours] == [(4, 2, 1, 24, 24), (4, 2, 1, 8, 8), (4, 2, 1, 41, 41)]
        for i, v, b in np.ndindex(4, 2, 3):
            theirs = lenstronomy_image(scene, systems, i, v, b)
            np.testing.assert_array_equal(theirs, lenstronomy_image(*by_grid(scene, systems)[b], i, v))
            np.testing.assert_array_equal(theirs, lenstronomy_image(scene.grids[b], systems, i, v))
            assert np.abs(ours[b][i, v, 0] - theirs).max() <= most * theirs.max()
