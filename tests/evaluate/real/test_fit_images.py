"""Images as a fit takes them: flux, noise, good pixels and the lens's place, and files that cannot be used."""

import numpy as np
import pytest
from scipy.ndimage import convolve, gaussian_filter

from lenstream.errors import DataError
from lenstream.evaluate.real import fit_images
from lenstream.evaluate.real.fit_images import added, fit_image, noise_beside
from lenstream.files.cutout_layout import Planes

SCALE = 0.05


def planes(image, noise=0.1, good=None, light=None, scale=SCALE):
    """As read from a file. noise: a number, an array or None."""
    good = np.isfinite(image) if good is None else good
    noise = np.full(image.shape, noise) if isinstance(noise, float) else noise
    headers = ({"PIXSCALE": scale},) if scale else ({},)
    return Planes(np.asarray(image, float), noise, good, light, headers, "", ())


def made(of, largest=SCALE, field=1.0, kernel=None, scale=None):
    return fit_image("a", of, kernel, largest, field, scale)


def noise_image(shape, seed=0, sigma=0.1):
    return np.random.default_rng(seed).normal(0, sigma, shape)


def blob(shape, x=0.0, y=0.0, sigma=0.15):
    """A source of flux 1 at x, y [arcsec] from the middle of an array."""
    rows, columns = ((np.arange(n) - (n - 1) / 2) * SCALE for n in shape)
    values = np.exp(-0.5 * ((columns - x) ** 2 + (rows[:, None] - y) ** 2) / sigma**2)
    return values / values.sum()


def test_pixels_of_the_same_size_stay_as_they_are():
    image, kernel = noise_image((20, 20)), np.ones((3, 3)) / 9
    found = made(planes(image), kernel=kernel)
    np.testing.assert_array_equal(found.image, image)
    assert (found.fine, found.pixel_scale, found.middle) == (1, SCALE, (0.0, 0.0))
    assert found.good.all()
    assert found.kernel is kernel
    assert found.light is None
    assert found.name == "a"
    np.testing.assert_allclose(found.noise, 0.1 * found.noise_factor)


@pytest.mark.parametrize(("largest", "fine"), [(0.05, 1), (0.0996, 2), (0.09, 1), (0.1, 2), (0.149, 2), (0.16, 3)])
def test_pixels_are_added_as_far_as_they_stay_no_larger(largest, fine):
    found = made(planes(noise_image((24, 24))), largest, 1.2)
    assert found.fine == fine
    assert found.pixel_scale == pytest.approx(fine * SCALE)
    assert len(found.image) == 24 // fine


@pytest.mark.parametrize("fine", [1, 2, 3])
def test_flux_and_variance_add_up(fine):
    image, noise = noise_image((24, 24)), np.random.default_rng(1).uniform(0.05, 0.2, (24, 24))
    light = np.random.default_rng(2).uniform(1, 2, (24, 24))
    found = made(planes(image + light, noise, light=light), fine * SCALE, 1.2)
    assert found.image.sum() == pytest.approx(image.sum())
    assert found.light.sum() == pytest.approx(light.sum())
    assert (found.noise**2).sum() == pytest.approx((noise**2).sum() * found.noise_factor**2)
    np.testing.assert_allclose(found.image[0, 0], image[:fine, :fine].sum())
    np.testing.assert_allclose(found.light[-1, 0], light[-fine:, :fine].sum())


@pytest.mark.parametrize("bad", [0, 1, 2, 3, 4])
def test_a_pixel_with_half_of_it_good_is_scaled_up_and_counts(bad):
    image, good = np.full((20, 20), 3.0) + noise_image((20, 20), sigma=1e-6), np.ones((20, 20), bool)
    good[8:10, 8:10].flat[:bad] = False
    found = made(planes(np.where(good, image, np.nan), good=good), 0.1)
    assert found.good[4, 4] == (bad <= 2)
    assert found.good.sum() == (100 if bad <= 2 else 99)
    assert found.image[4, 4] == pytest.approx(12.0 if bad <= 2 else 0.0, rel=1e-5)
    if bad <= 2:  # fewer pixels, the same flux a pixel: the noise of it is larger
        assert found.noise[4, 4] / found.noise[0, 0] == pytest.approx(np.sqrt(4 / (4 - bad)))
    else:
        assert found.noise[4, 4] == pytest.approx(np.median(found.noise))


def test_what_stands_in_bad_pixels_does_not_count():
    image, noise, good = noise_image((20, 20)), np.full((20, 20), 0.1), np.ones((20, 20), bool)
    light = np.full((20, 20), 0.5)
    good[5:9, 3:8] = False
    found = []
    for value in (0.0, np.nan, np.inf, 1e30):
        own = [np.where(good, values, value) for values in (image + light, noise)]
        found.append(made(planes(*own, good=good, light=light), 0.1))
    for other in found[1:]:
        for name in ("image", "noise", "good", "light", "noise_factor"):
            np.testing.assert_array_equal(getattr(found[0], name), getattr(other, name))
    assert np.isfinite(found[0].image).all()
    assert (found[0].noise > 0).all()
    assert (found[0].image[~found[0].good] == 0).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_where_the_light_is_unknown_no_pixel_is_good(value):
    light = np.full((20, 20), 0.5)
    light[4, 7] = value
    image = noise_image((20, 20))
    found = made(planes(image + 0.5, light=light))
    expected = np.ones((20, 20), bool)
    expected[4, 7] = False
    np.testing.assert_array_equal(found.good, expected)
    np.testing.assert_allclose(found.image[expected], image[expected], atol=1e-12)
    np.testing.assert_array_equal(found.light, np.where(expected, 0.5, 0.0))


@pytest.mark.parametrize("largest", [0.05, 0.1, 0.15])
@pytest.mark.parametrize("side", [40, 41, 42, 43])
@pytest.mark.parametrize("field", [1.0, 1.3])
def test_a_place_of_the_array_is_found_at_its_middle(side, largest, field):
    """Light at a place from the array's middle: its place in the cut image and the image's own middle add up to it."""
    x, y = 0.05, -0.1
    found = made(planes(blob((side, side), x, y, 0.1)), largest, field)
    n = len(found.image)
    assert found.image.shape == (n, n)
    axis = (np.arange(n) - (n - 1) / 2) * found.pixel_scale
    own = (found.image.sum(0) * axis).sum() / found.image.sum(), (found.image.sum(1) * axis).sum() / found.image.sum()
    np.testing.assert_allclose(np.add(own, found.middle), (x, y), atol=2e-3)
    assert max(np.abs(found.middle)) <= 0.75 * found.pixel_scale


def test_the_middle_of_a_rectangle_is_that_of_each_side():
    x, y = 0.1, 0.05
    found = made(planes(blob((31, 44), x, y, 0.08)), field=1.0)
    assert found.image.shape == (20, 20)
    axis = (np.arange(20) - 9.5) * SCALE
    own = (found.image.sum(0) * axis).sum() / found.image.sum(), (found.image.sum(1) * axis).sum() / found.image.sum()
    np.testing.assert_allclose(np.add(own, found.middle), (x, y), atol=1e-3)
    assert found.middle == pytest.approx((0.0, -SCALE / 2))


def test_a_file_that_is_narrower_than_the_field_is_fitted_whole():
    found = made(planes(noise_image((18, 30))), field=1.0)
    assert found.image.shape == (18, 18)


@pytest.mark.parametrize("times", [0.5, 1.0, 1.8])
def test_a_wrong_noise_map_is_set_right(times):
    found = made(planes(noise_image((80, 80)), 0.1 / times), field=1.5)
    assert found.noise_factor == pytest.approx(times, rel=0.05)
    np.testing.assert_allclose(found.noise, 0.1, rtol=0.05)


def test_noise_that_correlates_counts_for_more_where_pixels_are_added():
    """Of added pixels the rms is that of sums of correlated noise, known from the weights of its blur."""
    sigma, side = 0.8, 240
    kernel = gaussian_filter(np.pad([[1.0]], 8), sigma)
    noise = gaussian_filter(noise_image((side, side), sigma=1.0), sigma, mode="wrap")
    of_pixel = np.sqrt((kernel**2).sum())
    of_four = np.sqrt((gaussian_filter(np.pad(np.ones((2, 2)), 8), sigma) ** 2).sum())
    found = made(planes(noise, np.full((side, side), of_pixel)), 0.1, 4.0)
    assert found.noise_factor == pytest.approx(of_four / (2 * of_pixel), rel=0.04)
    assert found.noise_factor > 1.3
    assert np.median(found.noise) == pytest.approx(of_four, rel=0.04)


@pytest.mark.parametrize("weights", [(1.0, 0.0), (1.0, 0.3), (1.0, 0.5)])
def test_how_broad_noise_is_follows_from_the_blur_that_made_it(weights):
    """Of a blur within one pixel all ways: the sum of its weights over their root mean square is the whole ratio."""
    along = np.array([weights[1], weights[0], weights[1]])
    kernel = along[:, None] * along
    noise = convolve(noise_image((300, 300), sigma=1.0), kernel)
    _, broad = noise_beside(noise, np.full(noise.shape, np.sqrt((kernel**2).sum())), np.ones(noise.shape, bool), 60)
    rows = np.correlate(along, along, "full")
    near = rows[1:-1] / rows[2]  # correlations of neighbours on one axis; those further off are left out
    assert broad == pytest.approx(min(near.sum(), fit_images.BROADEST), rel=0.05)


def test_the_factor_is_limited_and_is_one_where_nothing_can_be_measured():
    image, ones, good = noise_image((40, 40), sigma=1.0), np.ones((40, 40)), np.ones((40, 40), bool)
    low, high = fit_images.FACTORS
    assert noise_beside(image, 100 * ones, good, 20)[0] == low
    assert noise_beside(image, 0.01 * ones, good, 20)[0] == high
    assert noise_beside(image, ones, ~good, 20) == (1.0, 1.0)
    assert noise_beside(0 * image, ones, good, 20) == (1.0, 1.0)
    assert noise_beside(gaussian_filter(image, 5.0), ones, good, 20)[1] == fit_images.BROADEST


def test_light_in_the_middle_is_no_noise():
    """Where the file shows no more than the fit, that at its edge counts, and no neighbour on a few pixels."""
    image = noise_image((40, 40), sigma=1.0) + 1e3 * blob((40, 40), sigma=0.1) * 100
    image[:5, :5] += 100.0
    for n in (20, 40):
        factor, broad = noise_beside(image, np.ones((40, 40)), np.ones((40, 40), bool), n)
        assert factor == pytest.approx(1.0, abs=0.15)
        assert broad == pytest.approx(1.0, abs=0.15)


def test_without_a_noise_map_it_is_measured_at_the_edge():
    found = made(planes(noise_image((60, 60), sigma=0.3), None), field=2.0)
    np.testing.assert_allclose(found.noise, 0.3, rtol=0.1)
    assert np.ptp(found.noise) == 0
    assert found.noise_factor == pytest.approx(1.0, abs=0.1)


def test_padding_is_no_sky():
    image = np.pad(noise_image((40, 40), sigma=0.3), 10)
    found = made(planes(image, None), field=2.4)
    assert found.good.sum() == 40 * 40
    np.testing.assert_allclose(np.median(found.noise), 0.3, rtol=0.15)


def test_a_given_pixel_scale_counts_for_more_than_a_header():
    found = made(planes(noise_image((40, 40))), 0.1, 1.0, scale=0.1)
    assert (found.pixel_scale, found.fine, len(found.image)) == (0.1, 1, 10)


def test_adding_pixels_keeps_rows_and_columns():
    image = np.arange(24.0).reshape(4, 6)
    np.testing.assert_array_equal(added(image, 2), [[14, 22, 30], [62, 70, 78]])


def reason(of, **options):
    with pytest.raises(DataError) as error:
        made(of, **options)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_what_cannot_be_used_is_said_in_a_sentence():
    image = noise_image((40, 40))
    said = reason(planes(image, scale=None))
    assert "no pixel scale" in said and "--pixel-scale" in said
    bad = np.zeros((40, 40), bool)
    assert reason(planes(image, good=bad)).startswith("not one pixel is valid: all are masked")
    bad[0] = True
    assert reason(planes(image, good=bad)).startswith("not one pixel near the lens is valid: all are masked")
    assert "its noise cannot be measured" in reason(planes(np.zeros((40, 40)), None))
    assert "expected a cut-out of about that field" in reason(planes(image, scale=5.0))
    assert "covers 6% of the 8 x 8 arcsec" in reason(planes(image), field=8.0)
