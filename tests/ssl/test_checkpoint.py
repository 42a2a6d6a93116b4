"""Checkpoints: whole or absent, read back as written, damaged ones refused in one sentence."""

import os

import pytest
import torch
from safetensors.torch import load_file, save_file
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


def test_the_average_of_the_weights_comes_back_beside_the_model():
    model, optimizer = trained(torch.optim.SGD, lr=0.1)
    average, other = nn.Linear(4, 4), nn.Linear(4, 4)
    tensors = checkpoint.pack(model, optimizer, average)
    checkpoint.unpack(tensors, model, optimizer, other)
    assert torch.equal(other.weight, average.weight) and torch.equal(other.bias, average.bias)
    assert not any(key.startswith("average.") for key in checkpoint.pack(model, optimizer))


def test_the_average_of_a_head_comes_back_and_without_one_it_is_the_last_head():
    model, optimizer = trained(torch.optim.SGD, lr=0.1)
    model = nn.ModuleDict({"body": model, "head": nn.Linear(4, 2)})
    average, other = nn.Linear(4, 2), nn.Linear(4, 2)
    checkpoint.load_head(checkpoint.pack(model, optimizer, average_head=average), other, "head")
    assert torch.equal(other.weight, average.weight) and torch.equal(other.bias, average.bias)
    checkpoint.load_head(checkpoint.pack(model, optimizer), other, "head")
    assert torch.equal(other.weight, model["head"].weight) and torch.equal(other.bias, model["head"].bias)


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


def a_file(path):
    """A checkpoint file, as bytes."""
    tensors = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.ones(3, dtype=torch.bfloat16), "n": torch.tensor(3)}
    checkpoint.save(path, tensors, step=3, encoder="a", loss=0.5)
    return path.read_bytes()


def test_a_bit_flipped_anywhere_is_noticed(tmp_path):
    path = tmp_path / "c.safetensors"
    whole = a_file(path)
    for k in range(len(whole)):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ 1]) + whole[k + 1 :])
        try:
            tensors, facts = checkpoint.load(path)
        except DataError as error:
            assert str(error).startswith(f"{path}: ") and str(error).endswith("delete it to have it made anew")
        else:  # of a blank at the end of the header, or of the name of the checksum itself
            assert facts.items() >= {"step": 3, "encoder": "a", "loss": 0.5}.items()
            assert torch.equal(tensors["a"].float(), torch.ones(3))
            assert torch.equal(tensors["b"].flatten(), torch.arange(6.0)) and tensors["n"] == 3


@pytest.mark.parametrize("damaged", [b"", b"x", b"\xff" * 100, None, "half"])
def test_what_is_no_checkpoint_says_what_to_do(tmp_path, damaged):
    path = tmp_path / "c.safetensors"
    whole = a_file(path)
    path.write_bytes(whole[: len(whole) // 2] if damaged == "half" else damaged or b"")
    if damaged is None:
        path.unlink()
    with pytest.raises(DataError, match=r"c\.safetensors: cannot be read as safetensors .*; delete it to have"):
        checkpoint.load(path)


def test_equal_weights_are_equal_bytes_in_whatever_order_they_are_given(tmp_path):
    one, other = torch.randn(3, 4), torch.randn(5)
    checkpoint.save(tmp_path / "a", {"x": one, "y": other}, step=1, method="m", fingerprint="f")
    transposed = one.T.contiguous().T  # the same numbers in another order in memory
    checkpoint.save(tmp_path / "b", {"y": other, "x": transposed}, fingerprint="f", method="m", step=1)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    checkpoint.save(tmp_path / "b", {"x": one, "y": other}, step=2, method="m", fingerprint="f")
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


def test_other_programs_read_it_and_files_of_others_are_read(tmp_path):
    tensors = {"a": torch.randn(3, 5), "b": torch.arange(4), "empty": torch.zeros(0, 2)}
    checkpoint.save(tmp_path / "ours", tensors, step=3)
    theirs = load_file(tmp_path / "ours")
    assert theirs.keys() == tensors.keys() and all(torch.equal(theirs[k], tensors[k]) for k in tensors)
    save_file(tensors, tmp_path / "theirs", metadata={"step": "3"})  # of earlier versions, without a checksum
    read, facts = checkpoint.load(tmp_path / "theirs")
    assert facts == {"step": 3} and all(torch.equal(read[k], tensors[k]) for k in tensors)


def test_facts_alone_are_read_without_the_checksum_and_of_no_file_there_are_none(tmp_path):
    a_file(tmp_path / "c")
    assert checkpoint.load_facts(tmp_path / "c") == {"step": 3, "encoder": "a", "loss": 0.5}
    (tmp_path / "d").write_bytes(b"damaged")
    assert checkpoint.load_facts(tmp_path / "d") == checkpoint.load_facts(tmp_path / "none") == {}


def test_permissions_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        a_file(tmp_path / "c")
    finally:
        os.umask(old)
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o640
