"""Save and load checkpoints as safetensors: weights, optimiser state and one integer, nothing unpickled.

The metadata of a file has the SHA-256 of all the rest, so that a damaged file is not taken for weights; equal tensors
and facts give equal bytes.
"""

import hashlib
import json
from pathlib import Path

import safetensors.torch
import torch
from safetensors import safe_open

from ..errors import DataError
from ..files.whole import naming, whole

_METADATA, _SUM = "__metadata__", "sha256"


def save(path, tensors, **facts):
    """Write tensors and facts (JSON values) to a safetensors file, whole or not at all. Raises: OSError."""
    tensors = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    packed = memoryview(safetensors.torch.save(tensors))
    header, values = _parts(packed)  # safetensors would write the facts in an order of its own each time
    header = {_METADATA: {name: json.dumps(facts[name]) for name in sorted(facts)}} | header
    header[_METADATA][_SUM] = json.dumps(_sum(header, values))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8 bytes
    with whole(path) as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        file.write(values)


def load(path):
    """Tensors and facts of a file written by `save`. Raises DataError if it is damaged."""
    tensors, facts = load_safetensors(path, "delete it to have it made anew")
    try:
        return tensors, {name: json.loads(value) for name, value in facts.items()}
    except ValueError as error:
        raise DataError(f"{path}: cannot be read as a checkpoint ({error}); delete it to have it made anew") from None


def load_safetensors(path, what_to_do="expected a whole file"):
    """Tensors and metadata of any safetensors file; one by `save` is checked against its checksum.

    Raises: DataError, ending in `what_to_do`, if it cannot be read or is damaged.
    """
    try:
        with naming(path):
            data = Path(path).read_bytes()
        tensors = safetensors.torch.load(data)
        header, values = _parts(memoryview(data))
    except Exception as error:  # safetensors raises its own class
        why = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path}: cannot be read as safetensors ({why}); {what_to_do}") from None
    facts = header.get(_METADATA, {})
    written = facts.pop(_SUM, None)
    if written is not None and written != json.dumps(_sum(header, values)):
        raise DataError(f"{path}: damaged, as its contents differ from its checksum; {what_to_do}")
    return tensors, facts


def _parts(packed):
    """Header, as a dict, and bytes of the tensors of what safetensors packed."""
    begin = 8 + int.from_bytes(packed[:8], "little")
    return json.loads(bytes(packed[8:begin])), packed[begin:]


def _sum(header, values):
    """The SHA-256 of a file but for the sum itself."""
    known = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    known.update(values)
    return known.hexdigest()


def load_facts(path):
    """The facts alone of a file written by `save`; empty if it is absent or damaged, which `load` would say."""
    try:
        with safe_open(path, framework="pt") as file:
            return {n: json.loads(value) for n, value in (file.metadata() or {}).items() if n != _SUM}
    except Exception:  # as in `load`
        return {}


def pack(model, optimizer, average=None, plateau=None, average_head=None):
    """Model, optimiser and, if there are, averages of the weights and plateau as one flat dictionary of tensors."""
    parts = {"model": model, "average": average, "plateau": plateau, "average_head": average_head}
    parts = {name: part.state_dict() for name, part in parts.items() if part is not None}
    tensors = {f"{name}.{k}": v for name, state in parts.items() for k, v in state.items()}
    for number, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if value is not None:
                tensors[f"optimizer.{number}.{name}"] = torch.as_tensor(value)
    return tensors


def load_model(tensors, model):
    """Load the weights alone of `pack`. Raises: RuntimeError if they are those of another model."""
    model.load_state_dict(_below("model.", tensors))


def load_head(tensors, head, name):
    """Load the average of a head of `pack`; the last one, by its name in the model, if earlier versions wrote it."""
    head.load_state_dict(_below("average_head.", tensors) or _below(f"model.{name}.", tensors))


def unpack(tensors, model, optimizer, average=None, plateau=None, average_head=None):
    """Load the tensors of `pack` into a model, its optimiser, the averages of the weights and the plateau."""
    load_model(tensors, model)
    if plateau is not None:
        plateau.load_state_dict(_below("plateau.", tensors))
    if average is not None:
        average.load_state_dict(_below("average.", tensors))
    if average_head is not None:
        load_head(tensors, average_head, model.behind)
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
