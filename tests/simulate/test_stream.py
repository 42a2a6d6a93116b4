"""The stream: a pure function of its position, shared by ranks, resumed exactly, closed cleanly."""

import threading

import numpy as np
import pytest
import torch

from lenstream.simulate import labels
from lenstream.simulate import stream as stream_module
from lenstream.simulate.render import render, render_all
from lenstream.simulate.selection import draw
from lenstream.simulate.stream import LensStream
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import only_bands


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
def test_batches_arrive_on_the_gpu_as_those_of_the_cpu(galaxies):
    (there,), _ = take(galaxies, 1, device="cuda")
    (here,), _ = take(galaxies, 1)
    assert there.images.device.type == "cuda" and torch.equal(there.indices.cpu(), here.indices)
    assert (there.images.cpu() - here.images).abs().max() < 2e-3 * here.images.max()  # it may render them itself


def test_bands_with_pixel_grids_of_their_own_come_as_a_tensor_for_each_grid(two_grids):
    (first, second), _ = take(two_grids, 2)
    assert [images.shape for images in first.images] == [(8, 2, 2, 31, 31), (8, 2, 1, 92, 92)]
    assert [mask.shape for mask in first.mask] == [images.shape for images in first.images]
    expected = render_all(two_grids, draw(two_grids, np.arange(8, 16), Views(2)), arcs=True)
    for found, wanted in zip((*second.images, *second.mask), (*expected.images, *expected.mask), strict=True):
        np.testing.assert_array_equal(found.numpy(), wanted)
    halves = [take(two_grids, 2, rank=r, world=2, start=0)[0][1] for r in range(2)]
    ((resumed,), _) = take(two_grids, 1, start=8, threads=2)
    for k in range(2):
        assert torch.equal(torch.cat([half.images[k] for half in halves]), second.images[k])
        assert torch.equal(torch.cat([half.mask[k] for half in halves]), second.mask[k])
        assert torch.equal(resumed.images[k], second.images[k])
    assert torch.equal(resumed.labels["arc_snr_VIS"], second.labels["arc_snr_VIS"])
    moved = stream_module.to_device(first, torch.device("meta"))
    assert all(t.device.type == "meta" for t in (*moved.images, *moved.mask))


def test_a_stream_of_some_bands_is_a_part_of_the_stream_of_all(two_grids):
    ((whole,), _), ((vis,), _) = take(two_grids, 1), take(only_bands(two_grids, ["VIS"]), 1)
    assert torch.equal(vis.images, whole.images[1]) and vis.mask is None
    assert torch.equal(vis.labels["theta_E"], whole.labels["theta_E"])
    assert torch.equal(vis.labels["arc_snr_VIS"], whole.labels["arc_snr_VIS"])
    assert torch.equal(vis.labels["arc_snr"], vis.labels["arc_snr_VIS"])  # of the bands that it shows


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_each_grid_is_rendered_on_the_gpu_as_on_the_cpu(two_grids_with):
    scene = two_grids_with(bands={"H": {"instrument": "Euclid/H"}, "VIS": {}, "Y": {"instrument": "Euclid/Y"}})
    (there,), _ = take(scene, 1, device="cuda")
    (here,), _ = take(scene, 1)
    assert there.mask is None and torch.equal(there.indices.cpu(), here.indices)
    for ours, expected in zip(there.images, here.images, strict=True):
        assert ours.device.type == "cuda" and ours.shape == expected.shape
        assert (ours.cpu() - expected).abs().max() < 2e-3 * expected.max()
    for name in ("arc_snr", "arc_snr_H", "arc_snr_VIS", "arc_snr_Y", "magnification"):
        np.testing.assert_allclose(there.labels[name].cpu(), here.labels[name], rtol=5e-3)
