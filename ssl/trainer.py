"""Pre-training: one explicit loop from the stream, or a folder of images, to an encoder.

Everything random is a function of (seed, encoder's name, step, sample), so a run's whole state is its weights, its
optimiser and one integer: a resumed run ends with the weights of one never stopped, bit for bit.
"""

import copy
import hashlib
import time
import zlib
from pathlib import Path

import numpy as np
import torch

from ..errors import ConfigError, DataError, LenStreamError
from ..progress import Stopped, bar, console
from ..simulate.labels import moments
from . import checkpoint, monitors
from .backbones import make_network, write_out_attention
from .data import facts, open_data
from .launch import agreed, make_fabric
from .log import Log
from .methods.barlow import BarlowTwins
from .methods.base import Draws, Step
from .methods.byol import BYOL
from .methods.dino import DINO
from .methods.ibot import IBOT
from .methods.mae import MAE
from .methods.simclr import SimCLR
from .methods.simsiam import SimSiam
from .methods.supervised import Supervised
from .methods.vicreg import VICReg
from .optimise import follow, make_optimizer, set_learning_rate
from .probe import make_probe, probe
from .sync_norm import synchronise
from .views import make_views

METHODS = {
    "simsiam": SimSiam,
    "lensiam": SimSiam,
    "simclr": SimCLR,
    "rotation": SimCLR,
    "noise": SimCLR,
    "vicreg": VICReg,
    "barlow": BarlowTwins,
    "byol": BYOL,
    "dino": DINO,
    "ibot": IBOT,
    "mae": MAE,
    "supervised": Supervised,
}


def make_encoder(config, name, scene):
    """The untrained `Network` of one encoder of the config; its weights depend on the seed and the name only."""
    torch.manual_seed(_number(config.seed, name))
    backbone = config.pretrain.encoders[name].backbone or config.pretrain.backbone
    statistics, bands, num_pix = facts(config, name, scene)
    return make_network(backbone, statistics, bands, num_pix)


def make_method(config, name, scene):
    """The untrained module of one encoder of the config, around its `make_encoder`."""
    network, settings = make_encoder(config, name, scene), config.pretrain.encoders[name]
    if settings.method == "supervised":
        return Supervised(network, *moments(scene, config.evaluate.targets))
    return METHODS[settings.method](network, settings)


def pretrain(config, name, scene, folder, fabric=None, stop=lambda: False):
    """Train one encoder of a config; continues from the folder's checkpoint if there is one.

    Args:
        config: `configs.schema.Config`. name: of the encoder. scene: of its simulation.
        folder: gets checkpoint.safetensors, encoder.safetensors, metrics.jsonl and TensorBoard events.
        fabric: of `launch.make_fabric`, on every rank; None makes one. stop: asked before every step; when it is true
            on any rank, the state is saved and `Stopped` is raised on all.

    Returns: path of encoder.safetensors. Raises: LenStreamError on a non-finite loss, DataError on a checkpoint of
    another config, ConfigError for a batch that the ranks cannot share.
    """
    folder, done = Path(folder), Path(folder) / "encoder.safetensors"
    if done.exists():
        return done
    pre, settings = config.pretrain, config.pretrain.encoders[name]
    steps = settings.steps or pre.steps
    fabric = fabric or make_fabric(pre)
    parts = fabric.world_size * pre.accumulate
    if pre.batch_size % parts or pre.batch_size < 2 * parts:
        raise ConfigError(
            [
                f"pretrain.batch_size: {pre.batch_size} systems cannot be cut into {parts} equal parts of 2 or more "
                f"({fabric.world_size} ranks, accumulate {pre.accumulate})"
            ]
        )
    model = make_method(config, name, scene).to(memory_format=torch.channels_last)
    if fabric.world_size > 1:
        model = synchronise(model, fabric.device)
    if fabric.device.type == "cpu" and pre.precision == "bf16-mixed":
        write_out_attention(model)
    if pre.compile:
        model.network.backbone.compile()
    optimizer = make_optimizer(model, settings, model.constant_lr())
    raw_model, raw_optimizer = model, optimizer
    model, optimizer = fabric.setup(model, optimizer)
    average = copy.deepcopy(raw_model.network).requires_grad_(False) if settings.ema else None

    fingerprint = _fingerprint(config, name)
    step = _resume(folder / "checkpoint.safetensors", raw_model, raw_optimizer, average, fingerprint)
    first_here = fabric.is_global_zero
    if first_here:
        folder.mkdir(parents=True, exist_ok=True)
    log = Log(folder, step) if first_here else None
    probed = make_probe(config, scene) if first_here and pre.probe_every else None
    share = pre.batch_size // parts

    def kept():
        return average if average is not None else raw_model.encoder()

    def save():
        if first_here:
            tensors = checkpoint.pack(raw_model, raw_optimizer, average)
            checkpoint.save(folder / "checkpoint.safetensors", tensors, step=step, fingerprint=fingerprint)

    losses, waited, since, collapsed = [], 0.0, time.perf_counter(), False
    data = open_data(config, name, scene, raw_model.n_views, step, fabric)
    with data, bar(f"pre-training {name}", steps, done=step, show=first_here) as progress:
        while step < steps:
            if agreed(fabric, stop, step):
                if losses:
                    _mean_finite(fabric, losses, name, step, pre.batch_size, folder)
                save()
                raise Stopped(f"stopped {name} at step {step} of {steps}")
            asked = time.perf_counter()
            batch = next(data)
            waited += time.perf_counter() - asked
            set_learning_rate(raw_optimizer, settings, step, steps)
            optimizer.zero_grad()
            loss = 0.0
            for part in range(pre.accumulate):
                first = (fabric.global_rank * pre.accumulate + part) * share
                draws = Draws(
                    _number(config.seed, name, step), pre.batch_size, slice(first, first + share), fabric.device
                )
                here = slice(part * share, (part + 1) * share)
                views = make_views(batch.images[here], settings, raw_model.n_views, draws)
                views = [v.contiguous(memory_format=torch.channels_last) for v in views]
                labels = None
                if settings.method == "supervised":
                    labels = torch.stack([batch.labels[t][here] for t in config.evaluate.targets], dim=1)
                now = Step(step, step / steps, draws, labels)
                with fabric.no_backward_sync(model, enabled=part < pre.accumulate - 1):
                    part_loss, features = model(views, now)
                    fabric.backward(part_loss / pre.accumulate)
                loss = loss + part_loss.detach() / pre.accumulate
            raw_model.after_backward(now)
            if settings.clip:
                fabric.clip_gradients(model, optimizer, max_norm=settings.clip, error_if_nonfinite=False)
            optimizer.step()
            raw_model.after_step(now)
            if average is not None:
                follow(average, raw_model.encoder(), settings.ema)
            losses.append(loss)
            step += 1

            probe_now = bool(pre.probe_every) and (step % pre.probe_every == 0 or step == steps)
            if step % pre.log_every == 0 or step % pre.checkpoint_every == 0 or step == steps or probe_now:
                loss = _mean_finite(fabric, losses, name, step, pre.batch_size, folder)
                spent = time.perf_counter() - since
                record = {
                    "step": step,
                    "loss": loss,
                    "lr": raw_optimizer.param_groups[0]["lr"],
                    "feature_std": monitors.feature_std(features),
                    "effective_rank": monitors.effective_rank(features),
                    "seconds_per_step": spent / len(losses),
                    "images_per_s": len(losses) * pre.batch_size * len(views) / spent,
                    "wait_share": waited / spent,
                }
                scores = {}
                if probe_now and probed is not None:
                    scores = probe(kept(), probed)
                if log:
                    log.write(record | scores)
                if first_here and monitors.collapsed(record) and not collapsed:
                    console.print(monitors.advice(name, record), soft_wrap=True)
                collapsed = monitors.collapsed(record)
                losses, waited, since = [], 0.0, time.perf_counter()
                progress.update(step, _words(record, scores))
                if step % pre.checkpoint_every == 0:
                    save()
            else:
                progress.update(step)
    if first_here:
        log.close()
        checkpoint.save(done, kept().state_dict(), method=settings.method, steps=step, fingerprint=fingerprint)
        (folder / "checkpoint.safetensors").unlink(missing_ok=True)
    fabric.barrier()
    return done


def _mean_finite(fabric, losses, name, step, batch_size, folder):
    """The mean of the losses since the last time, over all ranks; LenStreamError if one of them is not finite."""
    loss = fabric.all_reduce(torch.stack(losses), reduce_op="mean")
    if bool(torch.isfinite(loss).all()):
        return float(loss.mean())
    bad = int((~torch.isfinite(loss)).nonzero()[0])
    first = (step - len(losses) + bad) * batch_size
    raise LenStreamError(
        f"the loss of {name} became {float(loss[bad])}: look at samples {first} to {first + batch_size - 1}; "
        f"the last good checkpoint is kept in {folder}"
    )


def _words(record, scores):
    """A record for the progress bar."""
    words = [
        f"loss {record['loss']:.3f}",
        f"{record['images_per_s']:.0f} images/s",
        f"{record['wait_share']:.0%} waiting for data",
    ]
    if monitors.collapsed(record):
        words.append("COLLAPSED")
    shown = [f"{name.removeprefix('ridge/')} {value:.2f}" for name, value in scores.items() if "ridge" in name]
    return " · ".join(words + ([f"probe {' '.join(shown)}"] if shown else []))


def _resume(path, model, optimizer, average, fingerprint):
    """Fill model, optimiser and average from a checkpoint; the step it was written at, or 0 if there is none."""
    if not path.exists():
        return 0
    tensors, written = checkpoint.load(path)
    if written.get("fingerprint") != fingerprint:
        raise DataError(f"{path} was written with another config; use --overwrite to start again, or another name")
    checkpoint.unpack(tensors, model, optimizer, average)
    return written["step"]


def _fingerprint(config, name):
    """What a checkpoint depends on, as a short hash: images, seed, network, encoder and length of the training."""
    pre = config.pretrain
    parts = [config.simulate, pre.backbone, pre.encoders[name], *([pre.data] if pre.data else [])]
    text = "".join(p.model_dump_json() for p in parts)
    text += f"{config.seed} {pre.batch_size} {pre.steps} {pre.precision} {pre.accumulate}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _number(*parts):
    """A 63-bit seed from numbers and names."""
    words = [zlib.crc32(p.encode()) if isinstance(p, str) else p for p in parts]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))
