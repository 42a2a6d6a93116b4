"""The pre-training loop: from the stream, or from images in files, to an encoder.

Everything random is a function of (seed, encoder's name, step, sample), dropout and stochastic depth of (seed, name,
step, rank, part), so a training's whole state is its weights, its optimiser and one integer: a resumed training ends
with the weights of one never stopped, bit for bit.
"""

import copy
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..errors import DataError, LenStreamError
from ..progress import Stopped, bar, console
from . import breakdown, checkpoint, monitors, same_config, same_images, seen_images
from .data import open_data, open_images, trained_scene
from .launch import agreed, make_fabric, share
from .log import Log, in_words
from .methods.base import Draws, Step
from .optimise import Plateau, follow, make_optimizer, set_learning_rate, set_weight_decay
from .probe import make_probe, probe
from .randomness import reseed, seed_of, seeded
from .training_files import CHECKPOINT, ENCODER, LAST, is_trained, newest_state
from .untrained import draw_method, prepared
from .views import make_views


def pretrain(config, name, scene, folder, fabric=None, stop=lambda: False):
    """Train one encoder of a config; continues from the folder's checkpoint if there is one.

    A training that is over goes on if the config has more steps for it now (`pretrain.extend`). torch's random numbers
    of the caller are as before when it returns or raises.

    Args:
        config: `configs.schema.Config`. name: of the encoder. scene: of its simulation.
        folder: gets checkpoint.safetensors, which becomes last_state.safetensors, encoder.safetensors, metrics.jsonl
            and TensorBoard events.
        fabric: of `launch.make_fabric`, on every rank; None makes one. stop: asked before every step; when it is true
            on any rank, the state is saved and `Stopped` is raised on all.

    Returns: path of encoder.safetensors. Raises: LenStreamError on a loss or weights that are not finite, DataError on
    a checkpoint of another config or of other images, ConfigError for a batch that the ranks cannot share.
    """
    trained = Path(folder) / ENCODER
    if trained.exists():
        same_config.refuse(trained, checkpoint.load(trained)[1], config, name)
    if is_trained(config, name, folder):
        return trained
    fabric = fabric or make_fabric(config.pretrain)
    with seeded(seed_of(config.seed, name), fabric.device):  # of the network, its heads, and dropout
        training = Training(config, name, scene, folder, fabric)
        training.resume()
        first = fabric.is_global_zero
        with training.open_data() as data, bar(f"pre-training {name}", training.steps, training.done, first) as shown:
            while training.done < training.steps:
                if agreed(fabric, stop, training.done):
                    training.save()
                    raise Stopped(f"stopped {name} at step {training.done} of {training.steps}")
                training.step(data)
                shown.update(training.done, training.log())
                if training.done % config.pretrain.checkpoint_every == 0:
                    training.save()
        return training.finish()


@dataclass
class _Interval:
    """Losses, images, features and waiting time since the last line of the log."""

    losses: list = field(default_factory=list)  # of this rank, one a step
    images: int = 0  # through the network, on all ranks
    features: torch.Tensor | None = None  # of the last batch, on this rank
    waited: float = 0.0  # for data [s]
    begun: float = field(default_factory=time.perf_counter)


class Training:
    """The training of one encoder on this rank: module, optimiser, average, log, and the steps that are done.

    Its arguments are those of `pretrain`. Networks are drawn from torch's generator as it stands, and every step seeds
    it anew (see `randomness.seeded`, within which to work).

    Attributes: done, steps: optimiser steps behind, and of the whole training. model, optimizer, average: without what
    Fabric wraps them in; average is None unless the settings ask for one. average_head: of a head that is judged with
    the average, else None.
    """

    def __init__(self, config, name, scene, folder, fabric):
        self.config, self.name, self.folder, self.fabric = config, name, Path(folder), fabric
        self.scene = trained_scene(config, scene)
        self.settings, self.batch_size = config.pretrain.encoders[name], config.pretrain.batch_size
        self.done, self.steps = 0, config.pretrain.steps_of(name)
        self.images = open_images(config)
        self._image_facts = {"images": same_images.facts_of(self.images)} if self.images is not None else {}
        self.share = share(config.pretrain, fabric.world_size)
        self.model = prepared(draw_method(config, name, self.scene), config.pretrain, fabric)
        self.optimizer = make_optimizer(self.model, self.settings, self.model.constant_lr())
        self._wrapped = fabric.setup(self.model, self.optimizer)
        network = self.model.network
        self.average = copy.deepcopy(network).requires_grad_(False) if self.settings.ema else None
        judged = self.settings.ema and self.model.behind is not None
        self.average_head = copy.deepcopy(self._head).requires_grad_(False) if judged else None
        self._plateau = Plateau(self.settings) if self.settings.schedule == "plateau" else None
        self._log = self._probe = self._kept = None  # the last is the step of the checkpoint on the disk
        self._kept_is_bad = self._collapsed = False
        self._interval = _Interval()

    @property
    def encoder(self):
        """The `Network` that is kept: the average of the weights if there is one, else the method's."""
        return self.model.encoder() if self.average is None else self.average

    @property
    def _head(self):
        """What is judged behind the encoder, of a method that has such a head."""
        return self.model.get_submodule(self.model.behind)

    @property
    def _beside(self):
        """What a checkpoint has beside model and optimiser."""
        return self.average, self._plateau, self.average_head

    def resume(self):
        """Go on from the folder's checkpoint, or from the last state of a training that is over, and open the log.

        Raises: DataError if it is of another config or of other images.
        """
        path = newest_state(self.folder)
        if path is not None:
            tensors, written = checkpoint.load(path)
            same_config.refuse(path, written, self.config, self.name)
            if self.images is not None:
                problem = same_images.refusal(self.images.root, written.get("images"), self._image_facts["images"])
                if problem:
                    raise DataError(problem)
            checkpoint.unpack(tensors, self.model, self.optimizer, *self._beside)
            self.done = self._kept = written["step"]
            self._kept_is_bad = self._lost_weights() is not None  # an earlier LenStream wrote those, too
        if self.fabric.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._log = Log(self.folder, self.done)
            self._probe = make_probe(self.config, self.scene) if self.config.pretrain.probe_every else None

    def open_data(self):
        """The batches of this rank from here on, as a context manager."""
        self._interval = _Interval()
        return open_data(self.config, self.name, self.scene, self.model.n_views, self.done, self.fabric)

    def step(self, data):
        """One step of the optimiser on the next batch of `data`, an iterator of this rank's shares of the batches."""
        asked = time.perf_counter()
        batch = next(data)
        self._interval.waited += time.perf_counter() - asked
        model, optimizer = self._wrapped
        parts = self.config.pretrain.accumulate
        lowered = 1.0 if self._plateau is None else self._plateau.factor
        set_learning_rate(self.optimizer, self.settings, self.done, self.steps, lowered)
        set_weight_decay(self.optimizer, self.settings, self.done, self.steps)
        optimizer.zero_grad()
        loss, features = 0.0, []
        for part in range(parts):
            views, now = self._part(batch, part)
            # Dropout draws from torch's own generators, whose state a checkpoint does not have.
            reseed(seed_of(self.config.seed, self.name, self.done, self.fabric.global_rank, part), self.fabric.device)
            with self.fabric.no_backward_sync(model, enabled=part < parts - 1):
                part_loss, part_features = model(views, now)
                self.fabric.backward(part_loss / parts)
            features.append(part_features.detach())
            loss = loss + part_loss.detach() / parts
        self.model.after_backward(now)
        if self.settings.clip:
            self.fabric.clip_gradients(model, optimizer, max_norm=self.settings.clip, error_if_nonfinite=False)
        optimizer.step()
        self.model.after_step(now)
        if self.average is not None:
            follow(self.average, self.model.encoder(), self.settings.ema)
        if self.average_head is not None:
            follow(self.average_head, self._head, self.settings.ema)
        if self._plateau is not None:
            self._plateau.see(float(self.fabric.all_reduce(loss, reduce_op="mean")))
        self._interval.losses.append(loss)
        self._interval.images += self.batch_size * len(views)
        self._interval.features = torch.cat(features)
        self.done += 1

    def log(self):
        """Write a line of the log, with probes, if it is time for one; a few words for a progress bar, or None.

        Raises: LenStreamError if a loss since the last line is not finite.
        """
        pre = self.config.pretrain
        last = self.done == self.steps
        probe_now = bool(pre.probe_every) and (last or self.done % pre.probe_every == 0)
        if not (last or probe_now or self.done % pre.log_every == 0 or self.done % pre.checkpoint_every == 0):
            return None
        record = self._record()
        scores = probe(self.encoder, self._probe) if probe_now and self._probe is not None else {}
        collapsed = monitors.collapsed(record)
        if self._log is not None:
            self._log.write(record | scores)
            if collapsed and not self._collapsed:
                console.print(monitors.advice(self.name, record))
        self._collapsed, self._interval = collapsed, _Interval()
        return in_words(record, scores)

    def save(self):
        """Write the checkpoint, so that a training killed from here on resumes at this step.

        Raises: LenStreamError, and leaves the last checkpoint as it is, if a loss or a weight is not finite.
        """
        if self._interval.losses:
            self._mean_loss()
        self._check_weights()
        if self.fabric.is_global_zero:
            tensors = checkpoint.pack(self.model, self.optimizer, *self._beside)
            facts = {
                "step": self.done,
                "encoder": self.name,
                "fingerprint": same_config.fingerprint(self.config, self.name),
            }
            checkpoint.save(self.folder / CHECKPOINT, tensors, **facts | self._image_facts)
        self._kept, self._kept_is_bad = self.done, False

    def finish(self):
        """Write the encoder, on the first rank, and keep the state after the last step, from which `--extend` goes on.

        Returns: the path of encoder.safetensors. Raises: as `save`.
        """
        path = self.folder / ENCODER
        if self._kept != self.done:
            self.save()
        if self.fabric.is_global_zero:
            self._log.close()
            facts = {"method": self.settings.method, "steps": self.done, "encoder": self.name}
            facts["fingerprint"] = same_config.fingerprint(self.config, self.name)
            facts["seen"] = seen_images.facts_of(self.images, self.scene, self.config.simulate)
            checkpoint.save(path, self.encoder.state_dict(), **facts | self._image_facts)
            if (self.folder / CHECKPOINT).exists():
                os.replace(self.folder / CHECKPOINT, self.folder / LAST)
        self.fabric.barrier()
        return path

    def _part(self, batch, part):
        """The views of one part of this rank's batch, and its `Step`."""
        here = slice(part * self.share, (part + 1) * self.share)
        first = (self.fabric.global_rank * self.config.pretrain.accumulate + part) * self.share
        rows = slice(first, first + self.share)  # of the batch over all ranks
        draws = Draws(seed_of(self.config.seed, self.name, self.done), self.batch_size, rows, self.fabric.device)
        views = make_views(batch.images[here], self.settings, self.model.n_views, draws)
        views = [view.contiguous(memory_format=torch.channels_last) for view in views]
        labels = None
        if self.model.needs_labels:
            labels = torch.stack([batch.labels[t][here] for t in self.config.evaluate.targets], dim=1)
        return views, Step(self.done, self.done / self.steps, draws, labels)

    def _record(self):
        """What a line of the log says, without probes."""
        loss, since = self._mean_loss(), self._interval
        spent = time.perf_counter() - since.begun
        return {
            "step": self.done,
            "loss": loss,
            "lr": self.optimizer.param_groups[0]["lr"],
            "feature_std": monitors.feature_std(since.features),
            "effective_rank": monitors.effective_rank(since.features),
            "feature_samples": len(since.features),
            "seconds_per_step": spent / len(since.losses),
            "images_per_s": since.images / spent,
            "wait_share": since.waited / spent,
        }

    def _mean_loss(self):
        """The mean of the losses since the last line, over all ranks. Raises: LenStreamError if one is not finite."""
        losses = self.fabric.all_reduce(torch.stack(self._interval.losses), reduce_op="mean")
        if bool(torch.isfinite(losses).all()):
            return float(losses.mean())
        bad = int((~torch.isfinite(losses)).nonzero()[0])
        step = self.done - len(losses) + bad
        samples = breakdown.samples_of(step, self.batch_size, self.images, self.config.seed)
        raise LenStreamError(
            f"the loss of {self.name} became {float(losses[bad])}: look at {samples}, of step {step + 1}; "
            + self._way_on(step)
        )

    def _check_weights(self):
        """Raise LenStreamError if a weight is not finite, as after a step of infinite gradients with a finite loss."""
        lost = self._lost_weights()
        if lost is not None:
            raise LenStreamError(
                f"weights of {self.name} are not finite after step {self.done}, first {lost}; {self._way_on(self.done)}"
            )

    def _lost_weights(self):
        """The first tensor of the method that is not finite throughout; None if all are."""
        tensors = self.model.state_dict().items()
        return next((k for k, t in tensors if t.is_floating_point() and not bool(torch.isfinite(t).all())), None)

    def _way_on(self, steps):
        state = None if self._kept is None else newest_state(self.folder)
        return breakdown.way_on(steps, self._kept, state, self._kept_is_bad)
