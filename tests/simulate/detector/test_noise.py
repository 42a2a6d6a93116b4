"""Noise, sky, lost pixels: moments against lenstronomy, correlations, places, and that all follows from an index."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from lenstronomy.SimulationAPI.observation_api import SingleBand
from scipy import stats

from lenstream.configs.observation import Observation
from lenstream.errors import DataError
from lenstream.simulate.core import philox
from lenstream.simulate.detector.instrument import BlankSky, background_at, make_instrument, preset
from lenstream.simulate.detector.noise import observe
from lenstream.simulate.detector.pixel_noise import neighbour_weight, normal

HST = make_instrument(Observation(instrument="HST/WFC3_F160W"))
EUCLID = make_instrument(Observation(instrument="Euclid/VIS"))


def observed(instrument, model, n=400, stream=0, seed=3, dtype=np.float32, start=0, **options):
    """n noisy images of one model (ny, nx), and their mask."""
    images = np.repeat(model[None, None], n, axis=0).astype(dtype)
    mask = observe(images, [instrument], [0], [stream], seed, np.arange(start, start + n), **options)
    return images[:, 0], mask


def ramp(ny=24, nx=31, high=5.0):
    """A model with pixels of all brightnesses, some below zero."""
    return np.linspace(-0.5, high, ny * nx).reshape(ny, nx)


def sky_of(*images):
    sizes = np.array([i.size for i in images])
    pixels = np.concatenate([i.ravel() for i in images]).astype(np.float32)
    return BlankSky("cutouts", pixels, np.cumsum(sizes) - sizes, np.array([i.shape for i in images]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("unit", ["e-", "ADU"])
@pytest.mark.parametrize("name", ["HST/WFC3_F160W", "Euclid/VIS", "LSST/i"])
def test_moments_are_those_of_lenstronomys_noise(name, unit, dtype):
    instrument = make_instrument(Observation(instrument=name, data_count_unit=unit))
    band = SingleBand(**preset(name), data_count_unit=unit)
    model = ramp(high=100.0 * instrument.background)
    noise = observed(instrument, model, n=2000, dtype=dtype)[0] - model
    pull = noise / np.sqrt(band.background_noise**2 + band.flux_noise(model.copy()) ** 2)
    assert abs(pull.mean()) < 5 / np.sqrt(pull.size)
    assert abs((pull**2).mean() - 1) < 5 * np.sqrt(2 / pull.size)
    assert abs((pull**3).mean()) < 5 * np.sqrt(15 / pull.size)
    assert abs((pull**4).mean() - 3) < 5 * np.sqrt(96 / pull.size)
    assert np.abs(pull.var(axis=0) - 1).max() < 6 * np.sqrt(2 / len(pull))
    theirs = np.stack([band.noise_for_model(model.copy(), seed=k) for k in range(300)])
    ratio = noise.var(axis=0).mean() / theirs.var(axis=0).mean()
    assert abs(ratio - 1) < 5 * np.sqrt(2 / theirs.size)


def test_noise_is_normal_and_white():
    noise = observed(dataclasses.replace(HST, background=1.0, read_noise=None), np.zeros((33, 40)), n=500)[0]
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-4
    limit = 5 / np.sqrt(noise.size)
    for a, b in ((noise[:, 1:], noise[:, :-1]), (noise[:, :, 1:], noise[:, :, :-1]), (noise[1:], noise[:-1])):
        assert abs((a * b).mean()) < limit


def test_a_pixels_number_is_that_of_its_counter():
    instrument = dataclasses.replace(HST, background=1.0, read_noise=None)
    image = observed(instrument, np.zeros((9, 7)), n=1, stream=5, seed=11, start=2**40 + 3)[0][0].ravel()
    n = (9 * 7 + 3) // 4
    for pixel in (0, 1, n, 62):
        counter = np.array([3, 2**8, 0, pixel % n], dtype=np.uint32)
        key = np.array([11, philox.NOISE + 5], dtype=np.uint32)
        word = np.uint32(philox.philox4x32(*counter, *key)[pixel // n])
        assert image[pixel] == normal(word)


def test_any_part_of_a_batch_on_any_thread_gives_the_same():
    instruments = [
        dataclasses.replace(HST, noise_correlation=0.3, bad_pixels=0.01, cosmic_rays=2.0),
        dataclasses.replace(EUCLID, sky=sky_of(np.random.default_rng(0).random((60, 50)))),
    ]
    clean = np.random.default_rng(1).random((9, 4, 16, 20)).astype(np.float32)

    def part(first, last):
        images = clean[first:last].copy()
        mask = observe(images, instruments, [0, 1, 0, 1], [0, 1, 2, 3], 5, np.arange(first, last))
        return images, mask

    whole, mask = part(0, 9)
    with ThreadPoolExecutor(4) as pool:
        pieces = list(pool.map(part, [0, 1, 4, 8], [1, 4, 8, 9]))
    np.testing.assert_array_equal(np.concatenate([p[0] for p in pieces]), whole)
    np.testing.assert_array_equal(np.concatenate([p[1] for p in pieces]), mask)
    assert mask[:, [0, 2]].any() and not mask[:, [1, 3]].any()


def test_streams_and_indices_decide_what_is_the_same():
    images = np.zeros((2, 3, 12, 12), np.float32)
    observe(images, [HST], [0, 0, 0], [4, 4, 5], 1, [8, 9])
    np.testing.assert_array_equal(images[:, 0], images[:, 1])
    for a, b in ((images[0, 0], images[0, 2]), (images[0, 0], images[1, 0])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / 12


@pytest.mark.parametrize("correlation", [0.05, 0.28, 0.65])
def test_correlated_noise_keeps_its_variance_and_has_the_correlation(correlation):
    instrument = dataclasses.replace(HST, noise_correlation=correlation)
    model = np.broadcast_to(np.linspace(0, 50 * instrument.background, 30)[:, None], (30, 26))
    noise = observed(instrument, model, n=2000)[0] - model
    pull = noise / np.sqrt(instrument.background**2 + model / instrument.exposure_time)
    a = neighbour_weight(correlation)
    second = a * a / (1 + 2 * a * a)
    limit = 5 * 3 / np.sqrt(pull.size)  # correlated pixels count for less
    assert np.abs(pull.var(axis=0) - 1).max() < 6 * np.sqrt(2 / len(pull))  # at the edges too
    for dy, dx, expected in (
        (0, 1, correlation),
        (1, 0, correlation),
        (1, 1, correlation**2),
        (0, 2, second),
        (3, 0, 0),
    ):
        product = pull[:, dy:, dx:] * pull[:, : 30 - dy, : 26 - dx]
        assert abs(product.mean() - expected) < limit, (dy, dx)


def test_another_exposure_changes_the_poisson_noise_and_a_background_from_the_sky():
    exposure = np.full((400, 1), 4 * HST.exposure_time)
    model = np.full((20, 20), 3.0)
    longer = dataclasses.replace(HST, exposure_time=4 * HST.exposure_time, background=np.nan)
    np.testing.assert_array_equal(observed(HST, model, exposure=exposure)[0], observed(longer, model)[0])
    settings = preset("HST/WFC3_F160W")
    theirs = SingleBand(**settings | {"exposure_time": 4 * settings["exposure_time"]})
    assert background_at(HST, exposure)[0, 0] == pytest.approx(theirs.background_noise, rel=1e-12)
    given = dataclasses.replace(HST, read_noise=None, background=0.1)
    assert background_at(given, exposure)[0, 0] == 0.1


@pytest.mark.parametrize("unit", ["e-", "ADU"])
def test_smoothed_noise_is_weaker_at_every_brightness(unit):
    settings = {"instrument": "HST/WFC3_F160W", "data_count_unit": unit}
    plain, smooth = (make_instrument(Observation(**settings, noise_scale=s)) for s in (1.0, 0.68))
    assert smooth.background == pytest.approx(0.68 * plain.background, rel=1e-12)
    assert smooth.magnitude_zero_point == plain.magnitude_zero_point and smooth.gain == plain.gain
    model = ramp(high=200.0 * plain.background)
    whole, less = (observed(instrument, model, n=3)[0] - model for instrument in (plain, smooth))
    np.testing.assert_allclose(less, 0.68 * whole, rtol=1e-3, atol=1e-5)  # the same normal numbers
    exposure = np.full((3, 1), 100.0)
    whole, less = (observed(i, model, n=3, exposure=exposure)[0] - model for i in (plain, smooth))
    np.testing.assert_allclose(less, 0.68 * whole, rtol=1e-3, atol=1e-5)


def test_a_background_that_was_measured_is_not_smoothed_again():
    given = make_instrument(Observation(instrument="HST/WFC3_F160W", background_noise=0.02, noise_scale=0.5))
    assert given.background == 0.02 and background_at(given, np.array([9.0]))[0] == 0.02


def test_sky_is_a_patch_in_any_orientation_and_poisson_noise_comes_on_top():
    rows, columns = np.mgrid[0:40, 0:33].astype(float)
    cutout = 1000 * rows + columns  # every pixel says where it is from
    instrument = dataclasses.replace(HST, sky=sky_of(cutout))
    images = observed(instrument, np.zeros((12, 8)), n=4000)[0]
    seen, corners = set(), []
    for image in images:
        from_row, from_column = np.divmod(np.round(image).astype(int), 1000)
        top, left = from_row.min(), from_column.min()
        steps = (image[1, 0] - image[0, 0], image[0, 1] - image[0, 0])
        assert sorted(np.abs(steps)) == [1, 1000]
        assert np.unique(image).size == image.size
        seen.add(tuple(int(s) for s in steps))
        corners.append((top, left))
    assert len(seen) == 8
    top, left = np.array(corners).T
    assert top.min() == 0 and left.min() == 0
    assert stats.chisquare(np.bincount(left)[: 33 - 12 + 1]).pvalue > 1e-4
    noise = observed(instrument, np.full((12, 8), 50.0))[0] - images[:400] - 50.0
    assert noise.var() == pytest.approx(50.0 / HST.exposure_time, rel=0.05)


def test_all_places_of_all_cutouts_are_as_likely():
    instrument = dataclasses.replace(HST, sky=sky_of(np.zeros((10, 10)), np.ones((10, 12))))
    share = observed(instrument, np.zeros((10, 10)), n=4000)[0][:, 0, 0].mean()
    assert share == pytest.approx(0.75, abs=5 * np.sqrt(0.75 * 0.25 / 4000))


def test_absent_sky_is_lost_and_too_small_a_sky_refused():
    cutout = np.ones((12, 12))
    cutout[5, 7] = np.nan
    images, mask = observed(dataclasses.replace(HST, sky=sky_of(cutout)), np.zeros((12, 12)), n=10)
    assert (mask.sum((1, 2, 3)) == 1).all() and (images[mask[:, 0]] == 0).all()
    with pytest.raises(DataError, match="12 x 12 pixels, expected at least 20 x 20"):
        observed(dataclasses.replace(HST, sky=sky_of(cutout)), np.zeros((12, 20)))


def test_bad_pixels_are_a_random_fraction():
    instrument = dataclasses.replace(HST, bad_pixels=0.02, mask_value=np.nan)
    images, mask = observed(instrument, np.zeros((40, 40)), n=500)
    mask = mask[:, 0]
    assert mask.mean() == pytest.approx(0.02, abs=5 * np.sqrt(0.02 / mask.size))
    assert (
        stats.kstest(
            mask.sum(0).ravel() + np.random.default_rng(0).random(1600),
            lambda x: np.interp(x, np.arange(0, 60), stats.binom.cdf(np.arange(-1, 59), 500, 0.02)),
        ).pvalue
        > 1e-4
    )
    np.testing.assert_array_equal(np.isnan(images), mask)
    plain = observed(HST, np.zeros((40, 40)), n=500)[0]
    np.testing.assert_array_equal(images[~mask], plain[~mask])  # masks leave the noise as it was


def test_cosmic_rays_are_a_poisson_number_of_short_tracks():
    from scipy.ndimage import label

    instrument = dataclasses.replace(HST, cosmic_rays=1.5)
    images, mask = observed(instrument, np.full((200, 200), 7.0), n=1500)
    mask = mask[:, 0]
    assert (images[mask] == 0).all() and (images[~mask] > 0).all()
    tracks = np.array([label(m, np.ones((3, 3)))[1] for m in mask])  # few touch in so large an image
    assert tracks.mean() == pytest.approx(1.5, abs=0.15)
    assert (tracks == 0).mean() == pytest.approx(np.exp(-1.5), abs=0.06)
    assert tracks.var() == pytest.approx(1.5, abs=0.3)
    one = mask[tracks == 1]
    assert 3 < one.sum((1, 2)).mean() < 10
    rows, columns = (one.any(axis).sum(1) for axis in (2, 1))
    assert abs(rows.mean() / columns.mean() - 1) < 0.25  # all directions
    share = mask.mean(0)
    assert abs(share[:100].mean() / share[100:].mean() - 1) < 0.2


def test_long_exposures_lose_nothing_to_cosmic_rays():
    instrument = dataclasses.replace(HST, cosmic_rays=50.0, cosmic_rays_up_to=500.0)
    images = np.ones((4, 1, 50, 50), np.float32)
    mask = observe(images, [instrument], [0], [0], 1, np.arange(4), np.array([[400.0], [500.0], [501.0], [2000.0]]))
    assert list(mask.any(axis=(1, 2, 3))) == [True, True, False, False]
    always = dataclasses.replace(instrument, cosmic_rays_up_to=np.inf)
    every = observe(np.ones_like(images), [always], [0], [0], 1, np.arange(4), np.full((4, 1), 9e3))
    np.testing.assert_array_equal(every[:2], mask[:2])


def test_without_masks_there_is_none():
    assert observed(HST, np.zeros((8, 8)), n=2)[1] is None
