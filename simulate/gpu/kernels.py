"""Launching CUDA kernels on torch's tensors and streams, and how many threads they get."""

import warnings

import numpy as np
import torch
from numba import config, cuda

if not hasattr(np, "row_stack"):  # numba-cuda (as of 0.30) asks for it as it compiles; numpy 2.5 has it no longer
    np.row_stack = np.vstack  # noqa: NPY201
warnings.filterwarnings("ignore", message="Grid size .* will likely result in GPU")  # of small batches
SIMULATED = bool(config.ENABLE_CUDASIM)  # numba's simulator: kernels run as Python on torch tensors of the CPU
THREADS = 16 if SIMULATED else 128  # in a block
BLOCKS_PER_PROCESSOR = 16  # where only the device knows how much there is to do: a thread takes one after another


def kernel(function):
    """`function` as a CUDA kernel, called as function(stream, blocks, *arguments); blocks: an int, or two.

    Arguments are numbers and tuples, at any depth, of numbers, torch tensors and what `wrap` makes of them. No tensor
    may stand alone: numba's simulator would hand it on as something that compiled functions do not take.

    An array that a kernel writes to is taken out of a tuple by its number, `rows = images[1]`. Of one that comes out of
    an assignment to several names, numba-cuda (as of 0.30) deletes what is written as having no effect.
    """
    compiled = cuda.jit(fastmath=True)(function)

    def launch(stream, blocks, *arguments):
        compiled[blocks, THREADS, stream](*map(wrap, arguments))

    launch.python = function
    return launch


def wrap(value):
    """Tensors in tuples as numba's arrays: worth doing once for what several kernels are given."""
    if isinstance(value, torch.Tensor):
        return value.numpy() if SIMULATED else cuda.as_cuda_array(value, sync=False)
    if isinstance(value, tuple):
        return type(value)(*map(wrap, value)) if hasattr(value, "_fields") else tuple(map(wrap, value))
    return value


def current_stream(device):
    """torch's current stream on a device as one of numba."""
    return 0 if SIMULATED else cuda.external_stream(torch.cuda.current_stream(device).cuda_stream)


def blocks_for(n):
    """How many blocks have a thread for each of n."""
    return -(-n // THREADS)


def many_blocks(device):
    """So many blocks that a device is busy."""
    if SIMULATED:
        return 2
    return BLOCKS_PER_PROCESSOR * torch.cuda.get_device_properties(device).multi_processor_count


def to_device(array, device):
    """A numpy array as a tensor on a device, copied there without waiting."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)
