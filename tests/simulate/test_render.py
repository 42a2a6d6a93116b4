"""Images: bit-equality however they are asked for, noise moments, symmetries; `test_parity` has lenstronomy's."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage

from lenstream.simulate.packing import pack
from lenstream.simulate.render import _parts, _render_part, render, render_all
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views, by_grid
from lenstream.simulate.systems.scene import only_bands

SMALL = {"num_pix": 32, "pixel_scale": 0.16, "rays": 2}


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
        "from lenstream import Views, draw, make_scene, render\n"
        "scene = make_scene(load('demo', ['simulate.source.0.n_galaxies=8']).simulate, 1)\n"
        "sys.stdout.buffer.write(render(scene, draw(scene, [12345], Views(2))).tobytes())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert there == render(galaxies, draw(galaxies, [12345], Views(2))).tobytes()


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
    instrument = galaxies.instrument
    variance = instrument.background**2 + np.maximum(clean, 0) / instrument.exposure_time
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
    given = pack(everything, systems, np.float32, rays)
    size = everything.config.image.num_pix
    out, arcs = np.empty((8, len(everything.bands), size, size), np.float32), np.zeros((0, 0, 0))
    lent = [out, arcs, given.stamps, given.variance, *given.tables, *given.maps, *given.exact_maps]
    _render_part(given, 0, 8, out, arcs)
    before = [sys.getrefcount(a) for a in lent]
    for _ in range(3):
        _render_part(given, 0, 8, out, arcs)
    assert [sys.getrefcount(a) for a in lent] == before


@pytest.mark.parametrize("n", [0, 1, 15, 1000])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_parts_for_threads_cover_a_batch_and_get_smaller(n, threads):
    edges = _parts(n, threads)
    sizes = np.diff(edges)
    assert edges[0] == 0 and edges[-1] == n and (sizes[:-1] >= sizes[1:]).all()
    assert n == 0 or (sizes > 0).all()
    assert threads == 1 or sizes[-1] <= 16


def test_bands_with_pixel_grids_of_their_own_give_an_array_for_each_grid(two_grids):
    systems = draw(two_grids, np.arange(20), Views(2))
    rendered = render_all(two_grids, systems, arcs=True)
    shapes = [(20, 2, 2, 31, 31), (20, 2, 1, 92, 92)]
    assert [images.shape for images in rendered.images] == [mask.shape for mask in rendered.mask] == shapes
    assert not rendered.mask[1].any() and not rendered.mask[0][:, :, 0].any()
    assert 0.03 < rendered.mask[0][:, :, 1].mean() < 0.07  # of the band that loses pixels
    threaded = render_all(two_grids, systems, threads=3, arcs=True)
    for a, b in zip(rendered.images, threaded.images, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(rendered.arcs, threaded.arcs)
    for scene, own, images in zip(
        two_grids.grids, [own for _, own in by_grid(two_grids, systems)], rendered.images, strict=True
    ):
        alone = render_all(scene, own, arcs=True)
        np.testing.assert_array_equal(alone.images, images)
        np.testing.assert_array_equal(alone.arcs, rendered.arcs[:, :, scene.band_numbers])


def test_the_noise_of_a_band_does_not_depend_on_the_grids_and_bands_beside_it(two_grids, two_grids_with):
    """Each band alone, in another order, and beside VIS on the same grid instead of another."""

    def seen(scene):
        return render(scene, draw(scene, np.arange(3), Views(2)))

    nisp, vis = seen(two_grids)
    drawn = draw(two_grids, np.arange(3), Views(2))
    for names, expected in ((["H"], nisp[:, :, :1]), (["Y", "H"], nisp[:, :, ::-1]), (["VIS"], vis)):
        some = only_bands(two_grids, names)
        np.testing.assert_array_equal(seen(some), expected)
        np.testing.assert_array_equal(render(some, drawn), expected)  # systems of all bands serve, too
    shared = two_grids_with(image={"num_pix": 31, "pixel_scale": 0.3}, selection=None)
    assert len(shared.grids) == 1
    ours, alone = seen(shared)[:, :, [0, 2]], seen(two_grids_with(selection=None))[0]
    # the narrow PSF of VIS has more moments kept for all bands of its grid, which changes images within the tolerance
    np.testing.assert_allclose(ours, alone, atol=1e-3 * alone.max())


def test_the_noise_of_two_grids_is_independent(scene_with):
    scene = scene_with(
        image={"num_pix": 40},
        observation={"instrument": "Euclid/VIS"},
        bands={"a": {}, "b": {"image": {"num_pix": 44}}},
    )
    systems = draw(scene, np.arange(40), Views())
    noise = [(a - b).ravel() for a, b in zip(render(scene, systems), render(scene, systems, noise=False), strict=True)]
    assert abs(np.corrcoef(noise[0], noise[1][: noise[0].size])[0, 1]) < 5 / np.sqrt(noise[0].size)


def test_no_systems_are_no_images(everything, two_grids):
    assert render(everything, draw(everything, [], Views(3))).shape == (0, 3, 2, 24, 24)
    assert [a.shape for a in render(two_grids, draw(two_grids, []))] == [(0, 1, 2, 31, 31), (0, 1, 1, 92, 92)]
