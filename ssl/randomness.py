"""Random seeds of a training from names and steps, without touching the caller's torch generators."""

import zlib
from contextlib import contextmanager

import numpy as np
import torch

CPU = torch.device("cpu")


def seed_of(*parts):
    """A 63-bit seed from integers and names, such as a config's seed, the name of an encoder and a step."""
    words = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in parts]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


@contextmanager
def seeded(seed, device=CPU):
    """Within the block torch draws from `seed`, on the CPU and on `device`; afterwards the caller's numbers go on.

    Args: seed: int below 2^63. device: `torch.device`; generators of other devices are not touched.
    """
    gpus = [device] if device.type == "cuda" else []
    metal = torch.mps.get_rng_state() if device.type == "mps" else None
    with torch.random.fork_rng(gpus):
        reseed(seed, device)
        try:
            yield
        finally:
            if metal is not None:
                torch.mps.set_rng_state(metal)


def reseed(seed, device=CPU):
    """Have torch draw from `seed` on the CPU and on `device` from here on; cheap, for use inside `seeded`."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    if device.type == "mps":
        torch.mps.manual_seed(seed)
