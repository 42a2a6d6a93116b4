"""The order of batches: no image twice in a batch, each once an epoch, a function of seed and position."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lenstream.ssl.batch_order import batch_at, indices_at


@given(
    n=st.integers(1, 60),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
    shift=st.integers(0, 200),
    ordered=st.booleans(),
)
def test_no_image_is_twice_in_a_batch_and_every_image_once_in_an_epoch(n, share, seed, shift, ordered):
    batch_size = 1 + int(share * (n - 1))
    batches = [batch_at(seed, shift + k * batch_size, batch_size, n, ordered) for k in range(200 // batch_size)]
    assert all(len(set(batch.tolist())) == batch_size for batch in batches)
    if n >= 2 * batch_size:
        stream = np.concatenate(batches)[-shift % n :]
        epochs = [stream[k : k + n] for k in range(0, len(stream) - n + 1, n)]
        assert all(sorted(epoch) == list(range(n)) for epoch in epochs)
    for k in (len(batches) - 1, 0):
        assert np.array_equal(batch_at(seed, shift + k * batch_size, batch_size, n, ordered), batches[k])


def test_a_batch_over_the_end_of_an_epoch_leaves_the_others_as_they_were_drawn():
    """Only images that would come again change places, so that the order is still a random one."""
    n, batch_size = 1000, 300
    drawn, batches = np.arange(3 * n), [batch_at(1, k * batch_size, batch_size, n) for k in range(10)]
    moved = np.concatenate(batches) != indices_at(1, drawn, n)
    assert 0 < moved.sum() < 250 and not moved[:n].any()


def test_a_small_folder_is_seen_evenly():
    seen = np.bincount(np.concatenate([batch_at(3, k * 8, 8, 11) for k in range(400)]), minlength=11)
    assert abs(seen / seen.mean() - 1).max() < 0.15


def test_the_order_is_a_function_of_seed_and_position():
    there = np.array([10**12, 10**12 + 1, 3])
    assert indices_at(5, there, 1000).tolist() == [indices_at(5, there[k : k + 1], 1000)[0] for k in range(3)]


def test_an_ordered_first_epoch_is_that_of_the_folder_as_far_as_it_fills_batches():
    n, batch_size = 1000, 300
    batches = [batch_at(1, k * batch_size, batch_size, n, ordered=True) for k in range(10)]
    assert np.concatenate(batches)[:n].tolist() == list(range(n))
    later = np.concatenate(batches)[n:] != indices_at(1, np.arange(n, 3 * n), n)
    assert 0 < later.sum() < 250
    assert batch_at(1, 0, 8, 11, ordered=True).tolist() == list(range(8))
