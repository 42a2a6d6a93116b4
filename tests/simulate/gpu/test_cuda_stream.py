"""Which renderer a device gets, and what is said when it is not the device's own."""

import importlib.util
import logging

import pytest
import torch

from lenstream.errors import LenStreamError
from lenstream.simulate.gpu import cuda_stream as stream
from lenstream.simulate.stream import LensStream
from lenstream.simulate.systems.draw import Views

CUDA = torch.device("cuda", 0)


@pytest.fixture
def a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(stream, "_warned", set())


def test_without_a_gpu_cuda_is_refused_in_a_sentence(galaxies, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(LenStreamError, match="torch finds no GPU; expected"):
        LensStream(galaxies, batch_size=8, device="cuda")


def test_a_gpu_beyond_the_last_is_refused(galaxies, a_gpu):
    with pytest.raises(LenStreamError, match="there are 1 GPUs here, numbered from 0"):
        stream.renders_on(galaxies, torch.device("cuda", 3))


def test_without_numba_cuda_one_warning_says_how_to_get_it(galaxies, a_gpu, monkeypatch, caplog):
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with caplog.at_level(logging.WARNING, logger="lenstream"):
        assert not stream.renders_on(galaxies, CUDA)
        assert not stream.renders_on(galaxies, CUDA)
    assert [r.getMessage() for r in caplog.records] == [
        "images are rendered on the CPU and copied to the GPU: numba-cuda is not installed "
        "(pip install 'lenstream[cuda]')"
    ]


def test_an_amd_gpu_gets_images_from_the_cpu(galaxies, a_gpu, monkeypatch):
    monkeypatch.setattr(torch.version, "hip", "6.2")
    assert "NVIDIA" in stream.obstacle(galaxies, CUDA)


def test_other_devices_say_nothing(galaxies, caplog):
    for device in ("cpu", "mps"):
        assert not stream.renders_on(galaxies, torch.device(device))
    assert not caplog.records


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_batch_on_the_gpu_is_that_of_the_cpu(galaxies):
    assert stream.obstacle(galaxies, CUDA) is None
    with LensStream(galaxies, 16, views=Views(2)) as cpu, LensStream(galaxies, 16, views=Views(2), device=CUDA) as gpu:
        for _ in range(3):
            a, b = next(cpu), next(gpu)
            assert b.images.device == CUDA and torch.equal(a.indices, b.indices.cpu())
            torch.testing.assert_close(a.labels["theta_E"], b.labels["theta_E"].cpu(), rtol=0, atol=0)
            assert (a.images - b.images.cpu()).abs().max() < 2e-3 * a.images.max()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_the_stream_does_not_wait_for_the_gpu(galaxies):
    with LensStream(galaxies, 16, views=Views(2), device=CUDA, derived=False) as batches:
        for _ in range(3):
            next(batches)
        torch.cuda.set_sync_debug_mode("error")
        try:
            total = sum(next(batches).images.mean() for _ in range(5))
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert torch.isfinite(total)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_all_of_a_batch_can_be_used_while_the_next_ones_are_made(galaxies):
    with LensStream(galaxies, 64, views=Views(2), device=CUDA, derived=False) as batches:
        kept = [next(batches).images.clone() for _ in range(8)]
    expected = LensStream(galaxies, 64, views=Views(2))
    with expected:
        for images in kept:
            reference = next(expected).images
            assert (images.cpu() - reference).abs().max() < 2e-3 * reference.max()
