"""Seeds that stay what they are, and generators that are given back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lenstream.ssl.randomness import seed_of, seeded

PARTS = st.lists(st.integers(0, 2**32 - 1) | st.text(max_size=5), min_size=1, max_size=4)


def test_seeds_stay_what_they_are():
    """Or weights of an older version could not be made again."""
    assert seed_of(3, "lensiam") == 3827139063588962233
    assert seed_of(3, "lensiam", 4) == 2003888839157969383


@given(PARTS)
def test_any_numbers_and_names_are_a_seed_that_torch_takes(parts):
    assert 0 <= seed_of(*parts) < 2**63
    torch.Generator().manual_seed(seed_of(*parts))


def test_within_the_block_the_seed_decides_and_after_it_the_caller():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    drawn = []
    for _ in range(2):
        with seeded(5):
            drawn.append(torch.rand(3))
    assert torch.equal(*drawn)
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), drawn[0])


def test_an_error_gives_the_generator_back_too():
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), seeded(5):
        torch.rand(3)
        raise ZeroDivisionError
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.gpu
def test_a_gpu_draws_from_the_seed_and_goes_on_where_it_was():
    device = torch.device("cuda", 0)
    torch.manual_seed(1)
    expected = torch.rand(3, device=device)
    torch.manual_seed(1)
    with seeded(5, device):
        inside = torch.rand(3, device=device)
    assert torch.equal(torch.rand(3, device=device), expected)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3, device=device), inside)
