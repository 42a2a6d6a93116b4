"""What methods on labels share: the loss in float32, and the units of targets."""

import pytest
import torch
from torch import nn

from lenstream.ssl.methods.base import Draws, Step
from lenstream.ssl.methods.labelled import add_units, loss_on_labels


class Linear(nn.Module):
    """Features are a linear function of the images; the loss is the squared error of the first one."""

    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))

    def loss_of(self, features, labels):
        return ((features @ torch.eye(3) - labels) ** 2).mean()


@pytest.fixture
def step():
    return Step(0, 0.0, Draws(0, 5), torch.full((5, 3), 1000.0) + torch.arange(5.0)[:, None])


def test_the_loss_is_that_of_the_features_of_the_view(step):
    method, images = Linear(), torch.randn(5, 1, 2, 2)
    loss, features = loss_on_labels(method, [images], step)
    torch.testing.assert_close(features, method.network(images))
    torch.testing.assert_close(loss, ((method.network(images) - step.labels) ** 2).mean())


def test_the_loss_is_float32_where_the_network_is_not(step):
    """Labels of 1000 to 1004 are one number in bf16."""
    method, images = Linear(), torch.randn(5, 1, 2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, features = loss_on_labels(method, [images], step)
    assert features.dtype == torch.bfloat16 and loss.dtype == torch.float32
    torch.testing.assert_close(loss, ((features.float() - step.labels) ** 2).mean(), rtol=1e-6, atol=0)


def test_units_go_with_the_weights():
    one, other = Linear(), Linear()
    add_units(one, [1.0, 2.0], [0.5, 0.25])
    add_units(other, [0.0, 0.0], [1.0, 1.0])
    other.load_state_dict(one.state_dict())
    assert other.mean.tolist() == [1.0, 2.0] and other.std.tolist() == [0.5, 0.25]
    assert other.mean.dtype == torch.float32
