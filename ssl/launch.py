"""Start a training on one process, or as ranks of a torchrun or Slurm job, and stop all ranks together."""

import os

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

from ..errors import ConfigError

ASK_EVERY = 10  # steps between asking all ranks whether one was told to stop, where asking waits for the device


def make_fabric(pretrain):
    """Fabric for this process, launched: alone, or one rank of a torchrun or of a Slurm job with one task a device.

    Args: pretrain: `configs.training.Pretrain`, for its accelerator and precision.

    Raises: ConfigError for an accelerator that is not there.
    """
    problem = device_problem(pretrain)
    if problem is not None:
        raise ConfigError([problem])
    options = {"accelerator": pretrain.accelerator, "precision": pretrain.precision}
    devices, nodes, environment = _job()
    if devices * nodes > 1:
        options |= {"strategy": "ddp", "num_nodes": nodes, "plugins": [environment]}
    fabric = Fabric(devices=devices, **options)
    fabric.launch()
    return fabric


def ranks():
    """How many ranks the torchrun or Slurm job has that this process is one of; 1 for a process alone."""
    devices, nodes, _ = _job()
    return devices * nodes


def share(pre, ranks):
    """Systems in each part of a batch on each of so many ranks. Raises: ConfigError if the parts would be unequal."""
    parts = ranks * pre.accumulate
    if pre.batch_size % parts or pre.batch_size < 2 * parts:
        problem = f"pretrain.batch_size: {pre.batch_size} systems cannot be cut into {parts} equal parts of 2 or more"
        raise ConfigError([f"{problem} ({ranks} ranks, accumulate {pre.accumulate})"])
    return pre.batch_size // parts


def _job():
    """Devices a node, nodes, and Fabric's environment of the job that this process is a rank of, which may be None."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        devices, nodes = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["GROUP_WORLD_SIZE"])
        return devices, nodes, TorchElasticEnvironment()
    if SLURMEnvironment.detect() and int(os.environ["SLURM_NTASKS"]) > 1:
        nodes = int(os.environ["SLURM_NNODES"])
        return int(os.environ["SLURM_NTASKS"]) // nodes, nodes, SLURMEnvironment()
    return 1, 1, None


def device_problem(pretrain):
    """Why a `configs.training.Pretrain` cannot have its accelerator with its precision here; None if it can."""
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}.get(pretrain.accelerator)
    if there is not None and not there():
        return f"pretrain.accelerator: torch finds no {pretrain.accelerator} device here; try auto or cpu"
    on_gpu = pretrain.accelerator in ("auto", "cuda") and torch.cuda.is_available()
    if on_gpu and pretrain.precision == "bf16-mixed" and not torch.cuda.is_bf16_supported():
        return "pretrain.precision: the GPU here has no bf16; expected 32-true"
    return None


def agreed(fabric, stop, step):
    """Whether any rank is told to stop: the same answer on all ranks, so that none waits for one that has left."""
    if fabric.world_size == 1:
        return stop()
    if fabric.device.type != "cpu" and step % ASK_EVERY:
        return False
    asked = torch.tensor(float(stop()), device=fabric.device)
    return bool(fabric.all_reduce(asked, reduce_op="sum") > 0)
