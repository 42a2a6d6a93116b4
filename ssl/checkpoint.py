"""Save and load checkpoints as safetensors: weights, optimiser state and one integer, nothing unpickled."""

import json
import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ..errors import DataError


def save(path, tensors, **facts):
    """Write tensors and facts (JSON values) to a safetensors file, whole or not at all."""
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    save_file(tensors, partial, metadata={name: json.dumps(value) for name, value in facts.items()})
    os.replace(partial, path)


def load(path):
    """Tensors and facts of a file written by `save`. Raises DataError if it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except Exception as error:  # safetensors raises its own class and the OSErrors
        raise DataError(f"{path}: cannot be read as a checkpoint ({error}); delete it to start again") from None


def load_facts(path):
    """The facts alone of a file written by `save`; empty if it is absent or damaged, which `load` would say."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
    except Exception:  # as in `load`
        return {}


def pack(model, optimizer, average=None):
    """Model, optimiser and, if there is one, the average of the weights as one flat dictionary of tensors."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    if average is not None:
        tensors |= {f"average.{k}": v for k, v in average.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if value is not None:
                tensors[f"optimizer.{number}.{name}"] = torch.as_tensor(value)
    return tensors


def unpack(tensors, model, optimizer, average=None):
    """Load the tensors of `pack` into a model, its optimiser and the average of the weights."""
    model.load_state_dict(_below("model.", tensors))
    if average is not None:
        average.load_state_dict(_below("average.", tensors))
    states = {}
    for key, value in _below("optimizer.", tensors).items():
        number, name = key.split(".", 1)
        states.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if value is not None and value.shape == parameter.shape:
                # in the memory format of the weights, which a fused optimiser takes for granted
                state[name] = torch.empty_like(parameter, requires_grad=False).copy_(value)


def _below(prefix, tensors):
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
