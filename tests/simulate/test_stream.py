"""The stream: a pure function of its position, shared by ranks and workers, resumed exactly, closed cleanly."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from lenstream.configs.load import load
from lenstream.errors import ArgumentError
from lenstream.simulate import labels
from lenstream.simulate import stream as stream_module
from lenstream.simulate.render import render, render_all
from lenstream.simulate.selection import draw
from lenstream.simulate.stream import LensStream
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene, only_bands


@pytest.fixture(scope="module")
def w1_small():
    return make_scene(load("w1", ["simulate.image={num_pix: 24, pixel_scale: 0.2}"]).simulate, 1)


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


def loader(stream, workers=2, how="fork"):
    return DataLoader(stream, batch_size=None, num_workers=workers, multiprocessing_context=how, timeout=120)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a fork where there are threads
@pytest.mark.parametrize("workers", [1, 3])
def test_workers_of_a_data_loader_share_the_batches_in_their_order(w1_small, workers):
    expected, _ = take(w1_small, 7)
    stream = LensStream(w1_small, batch_size=8, views=Views(2))
    found = list(islice(loader(stream, workers), 7))
    for ours, whole in zip(found, expected, strict=True):
        assert torch.equal(ours.images, whole.images) and torch.equal(ours.indices, whole.indices)
        assert torch.equal(ours.labels["theta_E"], whole.labels["theta_E"])
    assert stream.position == 0  # the workers had copies
    onwards = LensStream(w1_small, batch_size=8, views=Views(2), start=16)
    assert [b.indices[0].item() for b in islice(loader(onwards, workers), 3)] == [16, 24, 32]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_iteration_of_a_loader_begins_at_the_position(w1_small):
    stream = LensStream(w1_small, batch_size=8, start=8)
    loaders = [loader(stream, 2), DataLoader(stream, batch_size=None, num_workers=2, persistent_workers=True)]
    for batches in loaders:
        for n in (3, 2):  # ends where one worker has made more batches than the other
            assert [b.indices[0].item() for b in islice(batches, n)] == [8, 16, 24][:n]


def test_batches_of_batches_are_refused_in_a_sentence(w1_small):
    with pytest.raises(ArgumentError, match=r"expected DataLoader\(stream, batch_size=None\), got batch_size=2"):
        next(iter(DataLoader(LensStream(w1_small, batch_size=8), batch_size=2)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_ranks_and_workers_together(w1_small):
    streams = [LensStream(w1_small, batch_size=4, rank=r, world=2) for r in range(2)]
    found = [torch.cat([b.indices for b in islice(loader(s), 3)]).tolist() for s in streams]
    assert found == [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7, 10, 11]]


@pytest.mark.slow
def test_workers_that_are_spawned(galaxies):
    expected, _ = take(galaxies, 3)
    found = islice(loader(LensStream(galaxies, batch_size=8, views=Views(2)), 2, "spawn"), 3)
    assert all(torch.equal(a.images, b.images) for a, b in zip(found, expected, strict=True))


def test_workers_have_no_device_but_the_cpu(w1_small, monkeypatch):
    monkeypatch.setattr(stream_module, "get_worker_info", lambda: SimpleNamespace(id=0, num_workers=1))
    with pytest.raises(ArgumentError, match="workers of a DataLoader cannot put batches on meta; expected cpu"):
        next(LensStream(w1_small, batch_size=4, device="meta"))


def test_copies_and_pickles_go_on_from_the_position(w1_small):
    with LensStream(w1_small, batch_size=4) as stream:
        next(stream)
        others = [copy.copy(stream), copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))]
        following = next(stream)
        for other in others:
            with other:
                assert torch.equal(next(other).images, following.images) and other.position == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_goes_on_from_the_position_and_so_does_its_parent(w1_small):
    with LensStream(w1_small, batch_size=4) as stream:
        next(stream)
        child = os.fork()
        if child == 0:
            indices = next(stream).indices.tolist()
            stream.close()
            os._exit(0 if indices == [4, 5, 6, 7] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert next(stream).indices.tolist() == [4, 5, 6, 7]


def test_threads_that_share_a_stream_get_each_batch_once(w1_small):
    with LensStream(w1_small, batch_size=2, threads=2) as stream, ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: next(stream).indices.tolist(), range(40)))
        assert sorted(chain(*taken)) == list(range(80)) and stream.position == 80


def test_streams_that_are_dropped_leave_no_thread(w1_small):
    before = threading.active_count()
    for _ in range(20):
        next(LensStream(w1_small, batch_size=2))
    LensStream(w1_small, batch_size=2)  # of which nothing was taken
    gc.collect()
    deadline = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


@pytest.mark.slow
def test_a_process_ends_with_its_streams_open():
    script = (
        "from lenstream import LensStream, load_config\n"
        "config = load_config('w1', ['simulate.image.num_pix=32', 'simulate.image.pixel_scale=.2'])\n"
        "streams = [LensStream(config, 64, threads=2) for _ in range(3)]\n"
        "print([next(s).indices[0].item() for s in streams])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0, 0, 0]\n", "")


def test_the_last_index_of_a_stream(w1_small):
    with LensStream(w1_small, batch_size=4, start=2**63 - 4) as stream:
        assert next(stream).indices[-1].item() == 2**63 - 1
        with pytest.raises(
            ArgumentError, match="the stream is at its end: no batch of 4 from index 9223372036854775808"
        ):
            next(stream)


def test_a_stream_takes_what_a_scene_is_made_from(w1_small):
    config = load("w1", ["simulate.image={num_pix: 24, pixel_scale: 0.2}", "seed=1"])
    expected, _ = take(w1_small, 1)
    for given in (config, config.model_dump(), config.simulate):
        ((found,), _) = take(given, 1, seed=1)
        assert torch.equal(found.images, expected[0].images)
    ((found,), _) = take(config, 1)
    assert torch.equal(found.images, expected[0].images)


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
