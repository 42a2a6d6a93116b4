"""Parts have exact counts and whole objects, hold classes in equal shares, and follow from names and the seed alone."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lenstream.evaluate.tasks.splits import divide, even_order, objects, order_of

NAMES = [f"lens_{k:03}.fits" for k in range(100)]
ALONE = np.arange(100)
SHARES = {"test": 0.2, "validation": 0.1}


def counts(parts):
    return {part: len(places) for part, places in parts.items()}


def test_counts_are_exact_and_each_image_is_in_one_part():
    parts = divide(NAMES, ALONE, np.zeros(100, int), SHARES, 3)
    assert counts(parts) == {"test": 20, "validation": 10, None: 70}
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(100))


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    shares=st.tuples(st.floats(0.01, 0.6), st.floats(0.01, 0.35)),
    seed=st.integers(0, 99),
)
def test_each_class_is_shared_out_as_all_are(sizes, shares, seed):
    strata = np.repeat(np.arange(len(sizes)), sizes)
    n = len(strata)
    parts = divide([str(k) for k in range(n)], np.arange(n), strata, dict(zip("tv", shares, strict=True)), seed)
    for part, share in zip("tv", shares, strict=True):
        held = np.bincount(strata[parts[part]], minlength=len(sizes))
        assert np.all(np.abs(held - share * np.array(sizes)) <= 1)
    assert abs(len(parts["t"]) - shares[0] * n) <= 0.5 + 1e-9


def test_stratified_counts_of_a_known_case():
    """50 of a, 30 of b, 20 of c: a fifth and a tenth of each."""
    strata = np.repeat([0, 1, 2], [50, 30, 20])
    parts = divide(NAMES, ALONE, strata, SHARES, 0)
    assert np.bincount(strata[parts["test"]]).tolist() == [10, 6, 4]
    assert np.bincount(strata[parts["validation"]]).tolist() == [5, 3, 2]


def test_the_order_of_the_files_does_not_matter():
    shuffled = np.random.default_rng(0).permutation(100)
    of_object = np.repeat(np.arange(0, 100, 2), 2)
    strata = of_object // 2 % 3
    one = divide(NAMES, of_object, strata, SHARES, 3)
    names = [NAMES[k] for k in shuffled]
    moved = objects(names, [of_object[k] for k in shuffled])
    other = divide(names, moved, strata[shuffled], SHARES, 3)
    for part, places in one.items():
        assert {NAMES[k] for k in places} == {names[k] for k in other[part]}


def test_another_file_moves_few():
    for extra in ("a.fits", "zz.fits", "lens_050b.fits"):
        one = divide(NAMES, ALONE, np.zeros(100, int), SHARES, 3)
        other = divide([*NAMES, extra], np.arange(101), np.zeros(101, int), SHARES, 3)
        assert sum(len(set(places) - set(other[part])) for part, places in one.items()) <= 2


def test_the_seed_decides():
    parts = [set(divide(NAMES, ALONE, np.zeros(100, int), SHARES, seed)["test"]) for seed in (1, 2, 1)]
    assert parts[0] == parts[2] != parts[1]


@given(sizes=st.lists(st.integers(1, 6), min_size=10, max_size=40), seed=st.integers(0, 99))
def test_objects_stay_whole_and_shares_are_as_near_as_they_allow(sizes, seed):
    of_object = np.repeat(np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
    n = len(of_object)
    parts = divide([f"{k:03}" for k in range(n)], of_object, np.zeros(n, int), SHARES, seed)
    where = {int(k): part for part, places in parts.items() for k in places}
    assert all(len({where[k] for k in np.flatnonzero(of_object == number)}) == 1 for number in set(of_object.tolist()))
    for part, share in SHARES.items():
        assert abs(len(parts[part]) - round(share * n)) <= max(sizes) / 2


def test_images_are_of_one_object_by_any_of_the_groupings():
    by = ["x", "", "y", "", float("nan"), float("nan"), None, "z"]
    pixels = [b"1", b"2", b"2", b"3", b"4", b"5", b"6", b"1"]
    assert objects(list("abcdefgh"), by, pixels).tolist() == [0, 1, 1, 3, 4, 5, 6, 0]
    assert objects(list("hgfedcba"), by, pixels).tolist() == [7, 2, 2, 3, 4, 5, 6, 7]  # the first by name


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 99))
def test_every_beginning_holds_the_classes_in_equal_shares(strata, seed):
    strata = np.array(strata)
    order = even_order([str(k) for k in range(len(strata))], strata, seed)
    assert sorted(order.tolist()) == list(range(len(strata)))
    whole = Counter(strata.tolist())
    for n in range(1, len(strata) + 1):
        held = Counter(strata[order[:n]].tolist())
        assert all(abs(held[of] - n * count / len(strata)) < 1 + 1e-9 for of, count in whole.items()) or len(whole) > 2
        assert all(abs(held[of] - n * count / len(strata)) < 2 for of, count in whole.items())


def test_an_order_follows_from_seed_and_name_alone():
    assert [NAMES[k] for k in order_of(NAMES, 1)] == [NAMES[::-1][k] for k in order_of(NAMES[::-1], 1)]
    assert order_of(NAMES, 1).tolist() != order_of(NAMES, 2).tolist()
    first = np.mean([order_of(NAMES, seed)[0] for seed in range(300)])
    assert first == pytest.approx(49.5, abs=7)  # 4 sigma
