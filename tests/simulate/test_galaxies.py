"""Made-up galaxies: what every stamp promises, purity, and that they differ from one another."""

import time

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.simulate.galaxies import half_light_radii, procedural


@pytest.fixture(scope="module")
def stamps():
    return procedural(0, 256)


def centroids(images):
    place = np.arange(images.shape[-1]) - 0.5 * (images.shape[-1] - 1)
    images = images.astype(float)
    return np.stack([images.sum(2) @ place, images.sum(1) @ place], axis=1)


def test_every_stamp_keeps_the_promises(stamps):
    images = stamps.images
    assert images.shape == (256, 64, 64) and images.dtype == np.float32 and images.flags.c_contiguous
    assert np.isfinite(images).all() and images.min() >= 0.0
    assert np.abs(images.sum((1, 2), dtype=float) - 1.0).max() < 1e-5
    ring = np.ones((64, 64), bool)
    ring[1:-1, 1:-1] = False
    assert not images[:, ring].any()
    assert stamps.R_half.shape == stamps.pixel_scale.shape == stamps.magnitude.shape == (256,)
    assert np.isnan(stamps.pixel_scale).all() and np.isnan(stamps.magnitude).all()
    assert len(set(stamps.names)) == 256


def test_centroids_are_in_the_middle(stamps):
    away = np.abs(centroids(stamps.images)).max(1)
    assert np.quantile(away, 0.98) < 1e-3 and away.max() < 0.6


def test_light_falls_smoothly_to_the_edge(stamps):
    peak = stamps.images.max((1, 2))
    next_to_ring = stamps.images[:, 1:-1, 1:-1][:, [0, -1]].max((1, 2))
    assert (next_to_ring < 0.01 * peak).all()


def test_a_galaxy_does_not_depend_on_how_many_are_made(stamps):
    one, few = procedural(0, 1), procedural(0, 37)
    for other in (one, few):
        n = len(other.images)
        assert np.array_equal(other.images, stamps.images[:n])
        assert np.array_equal(other.R_half, stamps.R_half[:n])
        assert other.names == stamps.names[:n]


def test_another_seed_makes_other_galaxies(stamps):
    other = procedural(1, 8)
    for k in range(8):
        assert np.abs(other.images[k] - stamps.images[k]).sum() > 0.05


@pytest.mark.parametrize("size", [16, 33, 65, 128])
def test_other_sizes(size):
    stamps = procedural(3, 12, size)
    assert stamps.images.shape == (12, size, size)
    assert np.abs(stamps.images.sum((1, 2), dtype=float) - 1.0).max() < 1e-5
    assert not stamps.images[:, 0].any() and not stamps.images[:, :, -1].any()
    assert np.median(np.abs(centroids(stamps.images))) < 0.02
    assert 0.05 < np.median(stamps.R_half) / size < 0.2


def test_no_galaxies_and_too_small_a_size():
    assert procedural(0, 0).images.shape == (0, 64, 64)
    with pytest.raises(DataError, match="16 or more"):
        procedural(0, 1, size=8)


@pytest.mark.parametrize("size", [101, 128])
@pytest.mark.parametrize("scale", [3.0, 5.0])
def test_half_light_radius_of_an_exponential_disc(size, scale):
    fine = (np.arange(size * 5) - 0.5 * (size * 5 - 1)) / 5
    disc = np.exp(-np.hypot(fine[:, None], fine[None, :]) / scale).reshape(size, 5, size, 5).sum((1, 3))
    # Averaging over pixels and the bilinear surface widen the disc a little: 1/12 + 1/6 pixel^2 a side.
    assert half_light_radii(disc[None])[0] == pytest.approx(1.67835 * scale, rel=0.015)


def test_half_light_radius_of_a_point_is_that_of_its_bilinear_tent():
    point = np.zeros((1, 21, 21))
    point[0, 10, 10] = 1.0
    x = np.linspace(-1, 1, 801)
    tent = (1 - np.abs(x))[:, None] * (1 - np.abs(x))[None, :]
    r, light = np.hypot(x[:, None], x[None, :]).ravel(), tent.ravel() / tent.sum()
    order = np.argsort(r)
    expected = r[order][np.searchsorted(np.cumsum(light[order]), 0.5)]
    assert half_light_radii(point)[0] == pytest.approx(expected, abs=0.05)


def test_galaxies_fill_their_stamps(stamps):
    assert stamps.R_half.min() > 64 / 40 and stamps.R_half.max() < 64 / 4
    assert 64 / 12 < np.median(stamps.R_half) < 64 / 6


def test_galaxies_are_diverse(stamps):
    """Concentration from discs to ellipticals, asymmetry from none to strong, elongation from round to edge-on."""
    images = stamps.images.astype(float)
    place = np.arange(64) - 31.5
    r = np.hypot(place[:, None], place[None, :])
    inner = np.array([image[r < 0.4 * R].sum() for image, R in zip(images, stamps.R_half, strict=True)])
    asymmetry = 0.5 * np.abs(images - images[:, ::-1, ::-1]).sum((1, 2))
    xx, yy = images.sum(1) @ place**2, images.sum(2) @ place**2
    xy = np.einsum("nij,i,j->n", images, place, place)
    elongation = np.hypot(xx - yy, 2 * xy) / (xx + yy)
    assert np.quantile(inner, 0.95) > 1.7 * np.quantile(inner, 0.05)
    assert (asymmetry < 0.02).mean() > 0.15 and (asymmetry > 0.25).mean() > 0.1
    assert np.quantile(elongation, 0.1) < 0.15 and np.quantile(elongation, 0.9) > 0.5


def test_a_catalogue_for_a_demo_is_made_quickly():
    procedural(0, 1)
    began = time.process_time()
    procedural(5, 128)
    assert time.process_time() - began < 1.5  # 0.25 s as a rule; 512 stay below 1.5 s
