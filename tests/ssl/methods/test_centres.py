"""Centres that move once a step, as far as the mean of the whole batch asks, in however many parts it comes."""

import pytest
import torch
from lightly.loss import DINOLoss
from lightly.models.modules.center import Center

from lenstream.ssl.methods.centres import PatchCenter, ViewLoss


def outputs(seed):
    return torch.randn(2, 8, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_the_loss_and_centre_of_views_are_lightlys_of_the_whole_batch(parts):
    ours, lightly = ViewLoss(12, center_momentum=0.7).double(), DINOLoss(12, center_momentum=0.7).double()
    for number in range(3):
        teacher, student = outputs(number), outputs(number + 10)
        expected = lightly(list(teacher), list(student))
        pairs = zip(teacher.chunk(parts, 1), student.chunk(parts, 1), strict=True)
        losses = [ours(list(t), list(s)) for t, s in pairs]
        ours.end_step()
        torch.testing.assert_close(sum(losses) / parts, expected)
        torch.testing.assert_close(ours.center, lightly.center)
        assert parts > 1 or torch.equal(ours.center, lightly.center)
    assert ours.state_dict().keys() == lightly.state_dict().keys()


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_the_centre_of_patches_is_lightlys_of_the_whole_batch(parts):
    ours, lightly = PatchCenter(12, 0.7).double(), Center((1, 12), momentum=0.7).double()
    for number in range(3):
        x = outputs(number).flatten(0, 1)
        before = lightly.value.clone()
        lightly.update(x)
        for part in x.chunk(parts):
            ours.rewind()
            torch.testing.assert_close(ours.value, before)  # each part is compared with the same
            ours.update(part)
        ours.end_step()
        torch.testing.assert_close(ours.value, lightly.value)
    assert ours.state_dict().keys() == lightly.state_dict().keys()
