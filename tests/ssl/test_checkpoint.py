"""Checkpoints: whole or absent, read back as written, damaged ones refused in one sentence."""

import pytest
import torch
from torch import nn

from lenstream.errors import DataError
from lenstream.ssl import checkpoint


def trained(optimizer_class, **settings):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    optimizer = optimizer_class(model.parameters(), **settings)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()
    return model, optimizer


@pytest.mark.parametrize(
    ("optimizer_class", "settings"), [(torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}), (torch.optim.AdamW, {})]
)
def test_model_and_optimizer_come_back_bit_for_bit(tmp_path, optimizer_class, settings):
    model, optimizer = trained(optimizer_class, **settings)
    checkpoint.save(tmp_path / "c.safetensors", checkpoint.pack(model, optimizer), step=3, name="a")
    tensors, facts = checkpoint.load(tmp_path / "c.safetensors")
    assert facts == {"step": 3, "name": "a"}
    torch.manual_seed(9)
    other = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    other_optimizer = optimizer_class(other.parameters(), **settings)
    checkpoint.unpack(tensors, other, other_optimizer)
    x = torch.randn(8, 4)
    for m, o in ((model, optimizer), (other, other_optimizer)):
        o.zero_grad()
        m(x).square().mean().backward()
        o.step()
    for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    model, optimizer = trained(torch.optim.SGD, lr=0.1)
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, checkpoint.pack(model, optimizer), step=3)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"c\.safetensors: cannot be read"):
        checkpoint.load(path)


def test_nothing_half_written_is_left(tmp_path):
    checkpoint.save(tmp_path / "c.safetensors", {"a": torch.ones(3)})
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]
