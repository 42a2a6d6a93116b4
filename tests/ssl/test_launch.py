"""Processes: alone by default, ranks as torchrun says, and a stop that all ranks agree on."""

from types import SimpleNamespace

import pytest
import torch

from lenstream.configs.load import load
from lenstream.ssl import launch


def test_without_torchrun_there_is_one_process(monkeypatch):
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    fabric = launch.make_fabric(load("tiny").pretrain)
    assert (fabric.world_size, fabric.global_rank, fabric.is_global_zero) == (1, 0, True)


@pytest.mark.parametrize(
    ("variables", "devices", "nodes", "environment"),
    [
        (
            {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "4", "GROUP_WORLD_SIZE": "2"},
            4,
            2,
            launch.TorchElasticEnvironment,
        ),
        (
            {"SLURM_NTASKS": "8", "SLURM_NTASKS_PER_NODE": "4", "SLURM_NNODES": "2", "SLURM_JOB_NAME": "lens"},
            4,
            2,
            launch.SLURMEnvironment,
        ),
    ],
)
def test_ranks_are_those_of_torchrun_and_slurm(monkeypatch, variables, devices, nodes, environment):
    asked = {}
    monkeypatch.setattr(launch, "Fabric", lambda **o: asked.update(o) or SimpleNamespace(launch=lambda: None))
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    launch.make_fabric(load("tiny").pretrain)
    assert (asked["devices"], asked["num_nodes"], asked["strategy"]) == (devices, nodes, "ddp")
    assert isinstance(asked["plugins"][0], environment)


def test_one_rank_told_to_stop_stops_all():
    total = {"others": 1.0}
    fabric = SimpleNamespace(
        world_size=2, device=torch.device("cpu"), all_reduce=lambda x, reduce_op: x + total["others"]
    )
    assert launch.agreed(fabric, lambda: False, 3)
    total["others"] = 0.0
    assert not launch.agreed(fabric, lambda: False, 3)
    assert launch.agreed(fabric, lambda: True, 3)
