"""The stream: a pure function of its position, shared by ranks, resumed exactly, closed cleanly."""

import threading

import numpy as np
import pytest
import torch

from lenstream.simulate import labels
from lenstream.simulate import stream as stream_module
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.stream import LensStream
from lenstream.simulate.systems.draw import Views


def take(scene, n, **settings):
    with LensStream(scene, **{"batch_size": 8, "views": Views(2)} | settings) as stream:
        return [next(stream) for _ in range(n)], stream.position


def test_batches_are_the_rendered_indices(galaxies):
    batches, position = take(galaxies, 3)
    assert position == 24
    indices = torch.cat([b.indices for b in batches])
    assert indices.tolist() == list(range(24))
    expected = render(galaxies, draw(galaxies, np.arange(24), Views(2)))
    np.testing.assert_array_equal(torch.cat([b.images for b in batches])[:, :, 0].numpy(), expected)
    assert batches[0].images.shape == (8, 2, 1, 48, 48)
    assert batches[0].labels["theta_E"].dtype == torch.float32


def test_without_derived_labels_all_else_is_the_same(galaxies):
    ((whole,), _), ((bare,), _) = take(galaxies, 1), take(galaxies, 1, derived=False)
    assert torch.equal(bare.images, whole.images)
    assert set(whole.labels) - set(bare.labels) == set(labels._DERIVED)
    assert all(torch.equal(bare.labels[name], whole.labels[name]) for name in bare.labels)


def test_threads_change_nothing(galaxies):
    (one, _), (three, _) = take(galaxies, 7), take(galaxies, 7, threads=3)
    for a, b in zip(one, three, strict=True):
        assert torch.equal(a.images, b.images) and torch.equal(a.indices, b.indices)
        assert all(torch.equal(a.labels[name], b.labels[name]) for name in a.labels)


def test_a_stream_continues_from_its_position(galaxies):
    whole, _ = take(galaxies, 4)
    _, position = take(galaxies, 2)
    rest, _ = take(galaxies, 2, start=position)
    for a, b in zip(whole[2:], rest, strict=True):
        assert torch.equal(a.images, b.images)


def test_ranks_share_a_batch_without_overlap(galaxies):
    whole, _ = take(galaxies, 2)
    parts = [take(galaxies, 2, rank=r, world=2)[0] for r in range(2)]
    for k in range(2):
        assert torch.equal(torch.cat([parts[0][k].images, parts[1][k].images]), whole[k].images)


def test_a_batch_that_ranks_cannot_share_is_refused(galaxies):
    with pytest.raises(ValueError, match="cannot be shared"):
        LensStream(galaxies, batch_size=9, world=2)


def test_an_error_while_rendering_reaches_the_caller(galaxies, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("no photons")

    monkeypatch.setattr(stream_module, "render_all", broken)
    with LensStream(galaxies, batch_size=8) as stream, pytest.raises(RuntimeError, match="no photons"):
        next(stream)


def test_closing_ends_the_thread(galaxies):
    before = threading.active_count()
    stream = LensStream(galaxies, batch_size=8)
    next(stream)
    stream.close()
    assert threading.active_count() == before
    with pytest.raises(StopIteration):
        next(stream)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_arrive_on_the_gpu_as_they_are(galaxies):
    (there,), _ = take(galaxies, 1, device="cuda")
    (here,), _ = take(galaxies, 1)
    assert there.images.device.type == "cuda"
    assert torch.equal(there.images.cpu(), here.images)
