"""Stamps: half-light radii of known profiles, pools that join without moving, splits that do not leak."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.simulate.galaxies.procedural import procedural
from lenstream.simulate.galaxies.stamps import TEST, TRAIN, VALIDATION, Stamps, half_light_radii, join, split, take


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


def pool(n, size, bands=1, name="a"):
    """Points beside the middle, each with a band of its own brightness."""
    images = np.zeros((n, bands, size, size), np.float32)
    images[:, :, size // 2, size // 2 - 1] = 1.0
    magnitude = 20.0 + np.arange(n * bands).reshape(n, bands)
    ones = np.ones(n)
    return Stamps(images, ones, 0.03 * ones, magnitude, 0.5 * ones, tuple(f"{name}{k}" for k in range(n)))


def centroid(image):
    place = np.arange(image.shape[-1]) - 0.5 * (image.shape[-1] - 1)
    return np.array([image.sum(0) @ place, image.sum(1) @ place]) / image.sum()


@pytest.mark.parametrize("sizes", [(8, 12, 10), (9, 9, 33)])
def test_joining_moves_no_stamp(sizes):
    pools = [pool(2, size, name=str(size) + "-" + str(k)) for k, size in enumerate(sizes)]
    joined = join(pools)
    assert joined.images.shape == (6, 1, max(sizes), max(sizes)) and joined.images.dtype == np.float32
    assert joined.names == sum((p.names for p in pools), ())
    for k in range(6):
        np.testing.assert_array_equal(centroid(joined.images[k, 0]), centroid(pools[k // 2].images[k % 2, 0]))
        assert joined.magnitude[k] == pools[k // 2].magnitude[k % 2]


def test_joining_made_up_galaxies_of_several_sizes_keeps_half_light_radii():
    pools = [procedural(1, 4, 32), procedural(2, 4, 64)]
    joined = join(pools)
    expected = np.concatenate([half_light_radii(p.images[:, 0]) for p in pools])
    np.testing.assert_allclose(half_light_radii(joined.images[:, 0]), expected, rtol=1e-5)


def test_one_pool_stays_as_it_is():
    only = pool(3, 8)
    assert join([only]) is only


def test_pools_of_one_band_are_repeated():
    joined = join([pool(2, 8), pool(3, 10, bands=3)])
    assert joined.images.shape == (5, 3, 10, 10)
    np.testing.assert_array_equal(joined.images[0, 0], joined.images[0, 2])
    np.testing.assert_array_equal(joined.magnitude[1], [21.0, 21.0, 21.0])
    np.testing.assert_array_equal(joined.magnitude[2], [20.0, 21.0, 22.0])


def test_what_cannot_be_joined():
    with pytest.raises(ValueError, match="no common middle"):
        join([pool(1, 8), pool(1, 9)])
    with pytest.raises(ValueError, match="2 bands"):
        join([pool(1, 8, bands=2), pool(1, 8, bands=3)])


def test_taking_some():
    some = take(pool(5, 8, bands=2), np.array([False, True, False, False, True]))
    assert some.names == ("a1", "a4") and some.images.shape == (2, 2, 8, 8) and some.R_half.shape == (2,)
    np.testing.assert_array_equal(some.magnitude, [[22.0, 23.0], [28.0, 29.0]])


@pytest.mark.parametrize("n", [3, 4, 10, 37, 512, 10_000])
def test_the_shares_of_a_split(n):
    part = split([f"procedural-0-{k}" for k in range(n)])
    assert part.dtype == np.int8 and part.shape == (n,)
    held_back = max(1, round(0.1 * n))
    assert (part == TEST).sum() == (part == VALIDATION).sum() == held_back
    assert (part == TRAIN).sum() == n - 2 * held_back >= 1


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(max_size=6), min_size=3, max_size=60), st.randoms(use_true_random=False))
def test_a_split_goes_by_object_whatever_the_order(names, random):
    part = dict(zip(names, split(names), strict=True))
    assert [part[name] for name in names] == list(split(names))  # every stamp of an object has the part of the last one
    shuffled = names.copy()
    random.shuffle(shuffled)
    assert dict(zip(shuffled, split(shuffled), strict=True)) == part
    if len(part) >= 3:
        assert set(part.values()) == {TRAIN, VALIDATION, TEST}


def test_a_split_does_not_follow_the_order_of_a_catalogue():
    part = split([f"{k:06d}" for k in range(5000)])
    where = np.flatnonzero(part == TEST) / 5000
    assert abs(where.mean() - 0.5) < 0.06 and abs(where.std() - 12**-0.5) < 0.03


def test_a_split_stays_when_few_objects_are_added():
    names = [str(k) for k in range(1000)]
    before, after = split(names), split([*names, "new"])[:-1]
    assert (before != after).sum() <= 2


@pytest.mark.parametrize("names", [["only"], ["a", "b"], ["a", "a", "b", "b", "b"]])
def test_too_few_objects_to_split(names, caplog):
    with caplog.at_level(logging.WARNING, "lenstream"):
        assert not split(names).any()
    assert len(caplog.records) == 1 and "cannot be split" in caplog.text
