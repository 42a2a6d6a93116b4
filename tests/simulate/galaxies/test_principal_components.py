"""Mean galaxy and principal components: populations that they must span exactly, and what their numbers mean."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA

from lenstream.simulate.galaxies import principal_components as components
from lenstream.simulate.galaxies.principal_components import R_HALF, SIDE, galaxy_components
from lenstream.simulate.galaxies.procedural import procedural
from lenstream.simulate.galaxies.stamps import Stamps, half_light_radii, take


def stamps_of(images):
    """Stamps of images (n, b, size, size), each band normalised."""
    images = (images / images.sum((2, 3), keepdims=True)).astype(np.float32)
    images[:, :, [0, -1]] = images[:, :, :, [0, -1]] = 0
    n, bands = images.shape[:2]
    nothing = np.full(n, np.nan)
    names = tuple(str(k) for k in range(n))
    radii = half_light_radii(images.mean(axis=1))
    return Stamps(images, radii, nothing, np.full((n, bands), np.nan), nothing, names)


def gaussians(sizes, ratio=1.0, size=64):
    """Elliptical Gaussians with the given rms [pixels], one band."""
    x = np.arange(size) - 0.5 * (size - 1)
    return np.stack([np.exp(-0.5 * (x[None] ** 2 * ratio + x[:, None] ** 2 / ratio) / s**2) for s in sizes])[:, None]


@pytest.fixture(autouse=True, scope="module")
def few_samples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "SAMPLES", 1200)
        yield


@pytest.fixture(scope="module")
def galaxies():
    return procedural(3, 40)


@pytest.fixture(scope="module")
def found(galaxies):
    return galaxy_components(galaxies, 60, 1)


def test_round_galaxies_of_one_profile_are_the_mean_alone():
    """Of all sizes: they are scaled to one, and no turn changes them."""
    found = galaxy_components(stamps_of(gaussians([5.0, 6.0, 8.0])), 50, 1)
    x = np.arange(SIDE) - 0.5 * (SIDE - 1)
    rms = R_HALF / np.sqrt(2 * np.log(2))
    expected = np.exp(-0.5 * (x[None] ** 2 + x[:, None] ** 2) / rms**2)
    np.testing.assert_allclose(found.mean[0], expected / expected.sum(), atol=0.02 * expected.max() / expected.sum())
    assert np.sqrt(found.variances.sum()) < 0.02 * np.linalg.norm(found.mean)


def test_one_galaxy_turned_has_an_even_number_of_equal_angular_waves():
    """A slightly elliptical galaxy varies as cos 2 phi and sin 2 phi, by equal parts."""
    found = galaxy_components(stamps_of(gaussians([7.0], ratio=1.1)), 10, 1)
    assert found.variances[1] == pytest.approx(found.variances[0], rel=0.01)
    assert found.explained[:2].sum() > 0.98
    quarter_turn = np.rot90(found.basis[:2], axes=(2, 3))
    np.testing.assert_allclose(quarter_turn, -found.basis[:2], atol=0.03 * found.basis.max())


def test_any_population_in_few_dimensions_is_spanned():
    """Round sums of two Gaussians scaled to one R_half and flux: turns change nothing, so k mixtures need k - 1."""
    narrow, wide = gaussians([4.0]), gaussians([9.0])
    mixed = stamps_of(np.concatenate([narrow / narrow.sum() + q * wide / wide.sum() for q in (0.1, 1.0)]))
    found = galaxy_components(mixed, 5, 1)
    assert found.explained[0] > 0.99


def test_components_are_those_of_scikit_learn(galaxies, monkeypatch):
    monkeypatch.setattr(components, "SAMPLES", 320)
    found = galaxy_components(galaxies, 12, 1)
    images = components._turned(galaxies.images, galaxies.R_half, np.arange(40), 8, 1).reshape(320, -1)
    expected = PCA(12, svd_solver="full").fit(images)
    np.testing.assert_allclose(found.mean.ravel(), expected.mean_, atol=1e-12)
    np.testing.assert_allclose(found.variances, expected.explained_variance_ * 319 / 320, rtol=1e-6)
    np.testing.assert_allclose(found.explained, expected.explained_variance_ratio_, rtol=1e-6)
    overlap = found.basis.reshape(12, -1) @ expected.components_.T
    np.testing.assert_allclose(np.abs(np.linalg.det(overlap[:3, :3])), 1.0, rtol=1e-3)


def test_more_pixels_than_samples_or_fewer_gives_the_same(galaxies, monkeypatch):
    """The smaller of the two matrices is taken; the components are the same."""
    monkeypatch.setattr(components, "SIDE", 26)
    monkeypatch.setattr(components, "R_HALF", 3.0)
    for samples in (400, 1600):
        monkeypatch.setattr(components, "SAMPLES", samples)
        own = galaxy_components(galaxies, 8, 1)
        images = components._turned(galaxies.images, galaxies.R_half, np.arange(40), samples // 40, 1)
        flat = images.reshape(samples, -1)
        expected = np.linalg.svd(flat - flat.mean(0), full_matrices=False)[1][:8] ** 2 / samples
        np.testing.assert_allclose(own.variances, expected, rtol=1e-9)
        np.testing.assert_allclose(np.einsum("kbij,lbij->kl", own.basis, own.basis), np.eye(8), atol=1e-10)


def test_flux_size_and_orthonormal_basis(found):
    np.testing.assert_allclose(found.mean.sum(), 1.0, rtol=1e-12)
    np.testing.assert_allclose(found.basis.sum((1, 2, 3)), 0.0, atol=1e-9)
    flat = found.basis.reshape(60, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(60), atol=1e-10)
    assert half_light_radii(found.mean[0][None])[0] == pytest.approx(found.R_half, rel=0.03)
    edge = np.concatenate([found.mean[None], found.basis])
    assert not edge[..., [0, -1], :].any()
    assert not edge[..., [0, -1]].any()


def test_variances_fall_and_their_shares_add_up(found, galaxies):
    assert (np.diff(found.variances) <= 0).all()
    more = galaxy_components(galaxies, 2000, 1)
    assert more.explained.sum() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(more.explained[:60], found.explained, rtol=1e-6)


def test_the_seed_decides(found, galaxies):
    again, other = galaxy_components(galaxies, 60, 1), galaxy_components(galaxies, 60, 2)
    assert np.array_equal(again.basis, found.basis)
    assert np.array_equal(again.mean, found.mean)
    assert not np.array_equal(other.basis, found.basis)
    np.testing.assert_allclose(other.variances[:20], found.variances[:20], rtol=0.05)


def test_galaxies_that_do_not_count_change_nothing(galaxies):
    """Not even the angles of the others."""
    images = galaxies.images.copy()
    images[1::2] = 0
    odd = replace(galaxies, images=images)
    some, same = (galaxy_components(pool, 5, 1, np.arange(0, 40, 2)) for pool in (galaxies, odd))
    np.testing.assert_array_equal(some.basis, same.basis)
    assert not np.array_equal(some.mean, galaxy_components(galaxies, 5, 1).mean)


def test_some_stamps_are_as_if_they_were_all(galaxies):
    numbers = np.array([3, 4, 9, 17, 30])
    some, taken = galaxy_components(galaxies, 5, 1, numbers), galaxy_components(take(galaxies, numbers), 5, 1)
    np.testing.assert_array_equal(some.basis, taken.basis)
    np.testing.assert_array_equal(some.mean, taken.mean)


def test_the_first_components_span_what_they_span_alone(galaxies, found):
    few, alone = found.first(6), galaxy_components(galaxies, 6, 1)
    np.testing.assert_allclose(few.variances, alone.variances, rtol=1e-9)
    np.testing.assert_allclose(few.explained, alone.explained, rtol=1e-9)
    overlap = few.basis.reshape(6, -1) @ alone.basis.reshape(6, -1).T
    np.testing.assert_allclose(np.abs(overlap), np.eye(6), atol=1e-5)


def test_none_asked_for_leaves_the_mean(found, galaxies):
    none = galaxy_components(galaxies, 0, 1)
    assert none.basis.shape == (0, 1, SIDE, SIDE)
    assert np.array_equal(none.mean, found.mean)


def test_bands_share_their_coefficients():
    """A galaxy and its half as bright copy in another band: one component moves both."""
    two = np.concatenate([gaussians([6.0], 1.15)] * 2, axis=1)
    found = galaxy_components(stamps_of(two), 4, 1)
    assert found.mean.shape == (2, SIDE, SIDE)
    np.testing.assert_allclose(found.mean.sum((1, 2)), 1.0, rtol=1e-12)
    np.testing.assert_allclose(found.basis[:2, 0], found.basis[:2, 1], atol=1e-9)


def test_mirror_images_are_as_likely(found):
    """A population in all positions has a mean that is round."""
    mean = found.mean[0]
    for other in (mean[:, ::-1], mean[::-1], mean.T, np.rot90(mean)):
        np.testing.assert_allclose(mean, other, atol=0.02 * mean.max())


def test_the_arms_of_one_galaxy_wind_both_ways():
    """The covariance of a single galaxy in all positions is that of its mirror image."""
    x = np.arange(64) - 31.5
    radius, angle = np.hypot(x[None], x[:, None]), np.arctan2(x[:, None], x[None])
    spiral = np.exp(-radius / 5) * (1 + 0.9 * np.cos(2 * angle - 0.5 * radius))
    own = galaxy_components(stamps_of(spiral[None, None]), 30, 1)
    scaled = own.basis * np.sqrt(own.variances)[:, None, None, None]
    flat, mirrored = (a.reshape(len(scaled), -1) for a in (scaled, scaled[..., ::-1]))
    # || C - C' ||^2 of the covariances C = sum a a^T of both, without making them
    both, across = (flat @ flat.T) ** 2, (flat @ mirrored.T) ** 2
    assert 2 * (both.sum() - across.sum()) < 0.01 * both.sum()
