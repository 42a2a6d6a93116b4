"""Pre-training: one explicit loop from the stream to an encoder.

Everything random is a function of (seed, encoder's name, step), so a run's whole state is its weights, its optimiser
and one integer: a resumed run ends with the weights of one never stopped, bit for bit.
"""

import hashlib
import json
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightly.utils.scheduler import cosine_warmup_schedule
from lightning.fabric import Fabric
from timm.optim import param_groups_weight_decay

from ..errors import DataError, LenStreamError
from ..progress import Stopped, bar
from ..simulate.labels import moments
from ..simulate.scene import Views
from ..simulate.stream import FIRST_INDEX, LensStream
from . import checkpoint, monitors
from .augment import augment
from .backbones import make_network
from .methods.simclr import SimCLR
from .methods.simsiam import SimSiam
from .methods.supervised import Supervised


@dataclass(frozen=True)
class Method:
    """What a method name of the config stands for."""

    module: type
    physics_views: bool  # views are drawn by the simulator, not by image augmentation


METHODS = {
    "lensiam": Method(SimSiam, True),
    "lensimclr": Method(SimCLR, True),
    "simsiam": Method(SimSiam, False),
    "supervised": Method(Supervised, True),
}


def make_method(config, name, scene):
    """The untrained module of one encoder of the config; its weights depend on the seed and the name only."""
    torch.manual_seed(_number(config.seed, name))
    settings = config.pretrain.encoders[name]
    network = make_network(config.pretrain.backbone, scene.instrument.background)
    method = METHODS[settings.method]
    if method.module is Supervised:
        return Supervised(network, *moments(scene, config.evaluate.targets))
    return method.module(network, settings)


def pretrain(config, name, scene, folder, stop=lambda: False):
    """Train one encoder of a config; continues from the folder's checkpoint if there is one.

    Args:
        config: `configs.schema.Config`. name: of the encoder. scene: of its simulation.
        folder: gets checkpoint.safetensors, encoder.safetensors, metrics.jsonl and TensorBoard events.
        stop: asked before every step; when true, the state is saved and `Stopped` is raised.

    Returns: path of encoder.safetensors. Raises: LenStreamError on a non-finite loss, DataError on a checkpoint of
    another config.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "encoder.safetensors"
    if done.exists():
        return done
    settings, pre = config.pretrain.encoders[name], config.pretrain
    fabric = Fabric(accelerator=pre.accelerator, precision=pre.precision, devices=1)
    fabric.launch()
    model = make_method(config, name, scene).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(model, settings, model.constant_lr())
    raw_model, raw_optimizer = model, optimizer
    model, optimizer = fabric.setup(model, optimizer)

    fingerprint = _fingerprint(config, name)
    step = _resume(folder / "checkpoint.safetensors", raw_model, raw_optimizer, fingerprint)
    log = Log(folder, step) if fabric.is_global_zero else None
    physics = METHODS[settings.method].physics_views
    views = Views(raw_model.n_views if physics else 1, frozenset(settings.redraw))
    generator = torch.Generator(device=fabric.device)

    def save():
        tensors = checkpoint.pack(raw_model, raw_optimizer)
        if fabric.is_global_zero:
            checkpoint.save(folder / "checkpoint.safetensors", tensors, step=step, fingerprint=fingerprint)

    losses, indices, waited, since = [], None, 0.0, time.perf_counter()
    stream = LensStream(
        scene,
        pre.batch_size,
        start=FIRST_INDEX["pretrain"] + step * pre.batch_size,
        rank=fabric.global_rank,
        world=fabric.world_size,
        views=views,
        device=fabric.device,
        threads=pre.render_threads,
    )
    with stream, bar(f"pre-training {name}", pre.steps, done=step, show=fabric.is_global_zero) as progress:
        while step < pre.steps:
            if stop():
                if losses:
                    _mean_finite(losses, name, indices, folder)
                save()
                raise Stopped(f"stopped {name} at step {step} of {pre.steps}")
            asked = time.perf_counter()
            batch = next(stream)
            waited += time.perf_counter() - asked
            images, indices = batch.images, batch.indices
            if not physics:
                generator.manual_seed(_number(config.seed, name, step, fabric.global_rank))
                images = torch.stack([augment(images[:, 0], generator) for _ in range(2)], dim=1)
            labels = None
            if settings.method == "supervised":
                labels = torch.stack([batch.labels[t] for t in config.evaluate.targets], dim=1)
            set_learning_rate(raw_optimizer, settings, step, pre.steps)
            loss, features = model(images, labels)
            optimizer.zero_grad()
            fabric.backward(loss)
            optimizer.step()
            losses.append(loss.detach())
            step += 1

            if step % pre.log_every == 0 or step % pre.checkpoint_every == 0 or step == pre.steps:
                loss = _mean_finite(losses, name, indices, folder)
                spent = time.perf_counter() - since
                record = {
                    "step": step,
                    "loss": loss,
                    "lr": raw_optimizer.param_groups[0]["lr"],
                    "feature_std": monitors.feature_std(features),
                    "effective_rank": monitors.effective_rank(features),
                    "images_per_s": len(losses) * images.shape[0] * images.shape[1] * fabric.world_size / spent,
                    "wait_share": waited / spent,
                }
                if log:
                    log.write(record)
                losses, waited, since = [], 0.0, time.perf_counter()
                progress.update(step, f"loss {loss:.3f} · {record['images_per_s']:.0f} images/s · {_state(record)}")
                if step % pre.checkpoint_every == 0:
                    save()
            else:
                progress.update(step)
    if fabric.is_global_zero:
        log.close()
        tensors = {k.removeprefix("network."): v for k, v in raw_model.state_dict().items() if k.startswith("network.")}
        checkpoint.save(done, tensors, method=settings.method, steps=step, fingerprint=fingerprint)
        (folder / "checkpoint.safetensors").unlink(missing_ok=True)
    fabric.barrier()
    return done


def make_optimizer(model, settings, constant_lr=()):
    """SGD with momentum or AdamW; biases, norms and other vectors carry no weight decay.

    Parameters in `constant_lr` get groups of their own, marked so for `set_learning_rate`.
    """
    constant = {id(p) for p in constant_lr}
    groups = []
    for group in param_groups_weight_decay(model, weight_decay=settings.weight_decay):
        for is_constant in (False, True):
            chosen = [p for p in group["params"] if (id(p) in constant) == is_constant]
            if chosen:
                groups.append(group | {"params": chosen, "constant_lr": is_constant})
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=0.9)
    return torch.optim.AdamW(groups, lr=settings.lr)


def set_learning_rate(optimizer, settings, step, steps):
    """Linear warm-up then cosine, per step; groups marked constant_lr keep the peak rate."""
    factor = cosine_warmup_schedule(step, steps, 1.0, 0.0, min(settings.warmup, steps), 0.0, 1.0)
    for group in optimizer.param_groups:
        group["lr"] = settings.lr * (1.0 if group["constant_lr"] else factor)


def _mean_finite(losses, name, indices, folder):
    loss = torch.stack(losses)
    if bool(torch.isfinite(loss).all()):
        return float(loss.mean())
    bad = int((~torch.isfinite(loss)).nonzero()[0])
    last = int(indices[-1]) - (len(losses) - 1 - bad) * len(indices)
    raise LenStreamError(
        f"the loss of {name} became {float(loss[bad])}: look at samples {last - len(indices) + 1} to {last}; "
        f"the last good checkpoint is kept in {folder}"
    )


def _state(record):
    waiting = f"{record['wait_share']:.0%} waiting for data"
    return waiting + (" · COLLAPSED" if record["feature_std"] < monitors.COLLAPSED_STD else "")


def _resume(path, model, optimizer, fingerprint):
    """Fill model and optimiser from a checkpoint; the step it was written at, or 0 if there is none."""
    if not path.exists():
        return 0
    tensors, facts = checkpoint.load(path)
    if facts.get("fingerprint") != fingerprint:
        raise DataError(f"{path} was written with another config; use --overwrite to start again, or another name")
    checkpoint.unpack(tensors, model, optimizer)
    return facts["step"]


def _fingerprint(config, name):
    """What a checkpoint depends on, as a short hash: the simulation, the seed, the network and the encoder."""
    parts = [config.simulate, config.pretrain.backbone, config.pretrain.encoders[name]]
    text = "".join(p.model_dump_json() for p in parts)
    text += f"{config.seed} {config.pretrain.batch_size} {config.pretrain.steps} {config.pretrain.precision}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _number(*parts):
    """A 63-bit seed from numbers and names."""
    words = [zlib.crc32(p.encode()) if isinstance(p, str) else p for p in parts]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


class Log:
    """metrics.jsonl and TensorBoard events of one encoder; lines after the step resumed from are dropped."""

    def __init__(self, folder, step):
        from torch.utils.tensorboard import SummaryWriter

        self.path = folder / "metrics.jsonl"
        kept = [r for r in read_log(self.path) if r["step"] <= step]
        self.path.write_text("".join(json.dumps(r) + "\n" for r in kept))
        self.writer = SummaryWriter(folder / "tensorboard", purge_step=step)

    def write(self, record):
        """Append one record: a dict of numbers with the key step."""
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")
        for name, value in record.items():
            if name != "step":
                self.writer.add_scalar(name, value, record["step"])

    def close(self):
        """Finish the event file."""
        self.writer.close()


def read_log(path):
    """The records of a metrics.jsonl as a list of dicts; empty if there is no file."""
    path = Path(path)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
