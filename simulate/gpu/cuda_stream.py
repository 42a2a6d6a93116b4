"""Batches for training, rendered on the GPU that trains, on a CUDA stream beside it."""

import importlib.util
import logging

import torch

from ...errors import LenStreamError

log = logging.getLogger("lenstream")
_warned = set()


def obstacle(scene, device):
    """Why systems are not rendered on a device, in words; None if they are.

    Raises: LenStreamError for a CUDA device that is not there.
    """
    if device.type != "cuda":
        return f"{device.type} is no CUDA device"
    if not torch.cuda.is_available():
        raise LenStreamError(
            "device cuda: torch finds no GPU; expected a machine with one and a torch that was built for it "
            "(`nvidia-smi` and `python -c 'import torch; print(torch.version.cuda)'` tell), or device cpu"
        )
    if (device.index or 0) >= torch.cuda.device_count():
        raise LenStreamError(f"device {device}: there are {torch.cuda.device_count()} GPUs here, numbered from 0")
    if torch.version.hip is not None:
        return "kernels are for NVIDIA's GPUs only"
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not installed (pip install 'lenstream[cuda]')"
    from numba import cuda

    if not cuda.is_available():
        return "numba-cuda finds no driver or no toolkit (python -m numba -s tells)"
    from .cuda_render import unsupported

    return unsupported(scene) and f"only the CPU renders {unsupported(scene)}"


def renders_on(scene, device):
    """Whether systems are rendered on a device; if it is a CUDA device, and they are not, one warning says why."""
    reason = obstacle(scene, device)
    if reason is not None and device.type == "cuda" and reason not in _warned:
        _warned.add(reason)
        log.warning("images are rendered on the CPU and copied to the GPU: %s", reason)
    return reason is None


class SideStream:
    """A CUDA stream for what is computed while torch's current one works on something else.

    `run(make)` calls make() in the side stream and returns its result with an event; `hand_over(result, tensors)` has
    the caller's current stream wait for it, not the caller.
    """

    def __init__(self, device):
        self._device, self._stream = device, torch.cuda.Stream(device)

    def run(self, make):
        """make() computed in the side stream: its result, and an event that says when it is ready."""
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            result = make()
            return result, self._stream.record_event()

    def hand_over(self, event, tensors):
        """Have torch's current stream wait for the event of `run`, then use the tensors of its result."""
        current = torch.cuda.current_stream(self._device)
        current.wait_event(event)
        for tensor in tensors:
            tensor.record_stream(current)  # so that its memory is not used again before this stream is done with it
