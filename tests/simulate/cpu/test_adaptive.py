"""Adaptive rays: the error is below the tolerance where fixed rays fail, and flux is kept where rays could miss it."""

from dataclasses import replace

import numpy as np
import pytest

from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views

TINY = {"num_pix": 32, "pixel_scale": 0.08}
SIS = {"profile": "SIS", "theta_E": 0.8}
SERSIC = {"profile": "SERSIC_ELLIPSE", "magnitude": 23, "R_sersic": 0.2, "n_sersic": 1.5}


def worst(image, truth):
    """Largest difference of each system's images over the peak."""
    axes = tuple(range(1, truth.ndim))
    return np.abs(image - truth).max(axes) / truth.max(axes)


def exact_images(scene, systems, rays=63, **options):
    """Images by many fixed rays, with the PSF on pixels nine times as fine."""
    fine = replace(scene, bands={name: band.on_finer_pixels(9) for name, band in scene.bands.items()})
    return render(fine, systems, rays=rays, threads=2, **options)


@pytest.fixture(scope="module")
def truth(w1):
    """Forty systems of W1 and their images by 63 x 63 rays a pixel."""
    systems = draw(w1, np.arange(40), Views())
    return systems, exact_images(w1, systems)


def test_adaptive_rays_are_within_the_tolerance_and_2x2_are_not(w1, truth):
    systems, exact = truth
    adaptive, fixed = (worst(render(w1, systems, rays=rays), exact) for rays in ("adaptive", 2))
    print(f"\nerror over the peak of 40 systems: adaptive {adaptive.max():.1e}, 2x2 {fixed.max():.1e}")
    assert adaptive.max() <= 1e-3
    assert np.mean(fixed > 1e-3) > 0.9 and fixed.max() > 0.1


def test_a_smaller_tolerance_gives_smaller_errors(scene_with, truth):
    systems, exact = truth
    found = []
    for tolerance in (1e-2, 1e-3, 1e-4):
        scene = scene_with(image={"num_pix": 64, "pixel_scale": 0.08, "tolerance": tolerance})
        found.append(worst(render(scene, systems), exact))
    loose, default, tight = found
    print("\nlargest and median error by tolerance:", [f"{f.max():.1e} {np.median(f):.1e}" for f in found])
    assert tight.max() < default.max() < loose.max() <= 1e-2
    assert np.median(tight) < 0.5 * np.median(loose)
    assert tight.max() < 3e-4  # the 63 x 63 rays that it is compared with are off by that much themselves


def test_adaptive_rays_are_the_default_and_the_same_in_float64(scene_with):
    scene = scene_with(image=TINY)
    systems = draw(scene, np.arange(10), Views())
    np.testing.assert_array_equal(render(scene, systems), render(scene, systems, rays="adaptive"))
    assert worst(render(scene, systems), render(scene, systems, dtype=np.float64)).max() < 1e-4


DISC_AND_BULGE = {
    "profile": "DOUBLE_SERSIC",
    "magnitude": 23,
    "bulge_fraction": 0.4,
    "R_sersic": 0.3,
    "R_bulge": 0.1,
    "n_bulge": 2,
    "center_x": 0.1,
}
CASES = {
    "cusp of the lens light": (
        {"lens_light": [SERSIC | {"magnitude": 20, "R_sersic": 0.8, "n_sersic": 4, "e1": 0.2}], "lens_mass": [SIS]},
        1e-3,
    ),
    "cusp between pixel centres": (
        {"lens_light": [SERSIC | {"magnitude": 20, "n_sersic": 4, "center_x": 0.05, "center_y": 0.11}]},
        1e-3,
    ),
    # eight times smaller than a pixel: faint pixels beside its images may keep the one ray that misses them
    "tiny source": ({"source": [SERSIC | {"R_sersic": 0.01, "center_x": 0.1, "center_y": 0.05}]}, 5e-3),
    "source behind the centre": ({"source": [SERSIC], "lens_mass": [SIS | {"center_x": 0.0}]}, 1e-3),
    "tiny source behind the centre": ({"source": [SERSIC | {"R_sersic": 0.02}], "lens_mass": [SIS]}, 2e-3),
    "steep cusp as source": ({"source": [SERSIC | {"n_sersic": 4, "center_x": 0.1}], "lens_mass": [SIS]}, 1e-3),
    "two sources": ({"source": [SERSIC, SERSIC | {"R_sersic": 0.05, "center_x": 0.3, "magnitude": 24}]}, 1e-3),
    "disc and bulge": ({"source": [DISC_AND_BULGE], "lens_mass": [SIS]}, 1e-3),
    "galaxy image": (
        {"source": [{"profile": "INTERPOL", "n_galaxies": 8, "magnitude": 23, "R_half": 0.15}], "lens_mass": [SIS]},
        1e-3,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_rays_could_miss(scene_with, name):
    keys, tolerance = CASES[name]
    scene = scene_with(image=TINY, **keys)
    systems = draw(scene, np.arange(6), Views())
    found = worst(render(scene, systems), exact_images(scene, systems, 126)).max()
    print(f"\n{name}: {found:.1e}")
    assert found <= tolerance


@pytest.mark.parametrize(("R_sersic", "n_sersic"), [(0.01, 1.0), (0.01, 2.0), (0.02, 1.0), (0.1, 1.0), (0.1, 4.0)])
def test_a_compact_source_without_a_lens_keeps_its_flux_wherever_it_is(scene_with, R_sersic, n_sersic):
    """At the corner between pixels, in the middle of one, at an edge, and anywhere else."""
    place = {"center_x": {"uniform": (-0.16, 0.16)}, "center_y": {"uniform": (-0.16, 0.16)}}
    source = SERSIC | {"R_sersic": R_sersic, "n_sersic": n_sersic} | place
    scene = scene_with(lens_mass=[{"profile": "EPL", "theta_E": 0}], source=[source])
    systems = draw(scene, np.arange(20), Views())
    for name, at in (("center_x", (0.0, 0.04, 0.0)), ("center_y", (0.0, 0.04, 0.04))):
        systems.source[0][name][:3, 0] = at
    expected = 10 ** (-0.4 * (23 - scene.instrument.magnitude_zero_point))
    flux, fixed = (render(scene, systems, rays=r).sum((1, 2, 3), dtype=float) / expected for r in ("adaptive", 2))
    print(f"\nflux {flux.min():.4f} to {flux.max():.4f}, 2x2 {fixed.min():.2f} to {fixed.max():.2f}")
    assert np.abs(flux - 1).max() < 0.01
    assert R_sersic > 0.05 or np.abs(fixed - 1).max() > 0.2


def test_lens_light_keeps_its_flux(scene_with):
    far = SERSIC | {"magnitude": 50}
    light = SERSIC | {"magnitude": 20, "R_sersic": 0.02, "n_sersic": 1, "center_x": 0.03, "center_y": -0.07}
    scene = scene_with(image=TINY, source=[far], lens_light=[light])
    flux = render(scene, draw(scene, [0], Views())).sum()
    assert flux == pytest.approx(10 ** (-0.4 * (20 - scene.instrument.magnitude_zero_point)), rel=0.01)


@pytest.mark.parametrize("psf", [{"kind": "moffat", "fwhm": 0.3, "beta": 3, "supersampling": 2, "size": 11}])
def test_adaptive_rays_behind_a_finer_psf(scene_with, observed, psf):
    scene = scene_with(image=TINY, observation=observed(psf=psf), lens_light=[SERSIC | {"n_sersic": 4}])
    systems = draw(scene, np.arange(6), Views())
    assert worst(render(scene, systems), render(scene, systems, rays=64)).max() <= 1e-3


def test_adaptive_rays_through_subhalos(scene_with):
    halos = {"kind": "CDM", "profile": "SIS", "n_mean": 30, "m_min": 1e7, "m_max": 1e9, "half_side": 1.28}
    scene = scene_with(image=TINY, substructure=[halos])
    systems = draw(scene, np.arange(8), Views())
    exact = exact_images(scene, systems, exact_halos=True)
    off = worst(render(scene, systems), exact)
    assert np.median(off) <= 5e-4 and off.max() <= 2e-3  # the border cuts the arcs
