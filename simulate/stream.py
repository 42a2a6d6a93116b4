"""LensStream: an endless iterator of simulated batches whose whole state is one integer."""

import os
import threading
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.utils.data import IterableDataset, get_worker_info
from torch.utils.data._utils.collate import default_collate_fn_map  # the place that torch's documentation names

from ..ahead import Ahead
from ..errors import ArgumentError
from .core.arguments import of_type, shown, whole_number
from .first_image import refuse_wrong_images
from .gpu.cuda_stream import SideStream, renders_on
from .labels import derived_labels, labels
from .render import Rendered, join, render_all
from .selection import draw
from .systems.draw import Views, by_grid
from .systems.scene import Scene, Simulated, make_scene

RENDERED_AHEAD = 2  # batches that wait ready while the network trains
LARGEST_BATCH, MOST_THREADS = 1 << 24, 256  # more is a slip, and would end in want of memory
END = 1 << 63  # no index of a stream reaches it, as torch holds them as int64


@dataclass(frozen=True)
class Batch:
    """Systems on their way to the network; of bands with several pixel grids, images have one tensor a grid."""

    # float32 (n, v, bands, num_pix, num_pix) counts/s/pixel; if there are several grids, a tuple with one such tensor
    # for each of `scene.grids`, with its bands
    images: torch.Tensor | tuple[torch.Tensor, ...]
    labels: dict[str, torch.Tensor]  # float32 tensors (n,) or (n, v), see `labels`
    indices: torch.Tensor  # int64 (n,)
    # bool, as images: lost pixels; None if no instrument loses any
    mask: torch.Tensor | tuple[torch.Tensor, ...] | None = None


def simulate(
    scene: Scene, indices: ArrayLike, views: Views | None = None, threads: int = 1, derived: bool = True
) -> Batch:
    """Draw and render the systems `indices` as one `Batch` in CPU memory; derived: with `labels.derived_labels`."""
    systems = draw(scene, indices, views or Views())
    rendered = render_all(scene, systems, threads=threads, arcs=True)  # always: the last bit depends on it
    values = labels(systems)
    values |= derived_labels(scene, systems, rendered.arcs) if derived else _class_alone(scene, systems)
    numbers = {name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()}
    images, mask = (_each(torch.from_numpy, arrays) for arrays in (rendered.images, rendered.mask))
    return Batch(images, numbers, torch.from_numpy(systems.indices.astype(np.int64)), mask)


def _class_alone(scene, systems):
    """The one of the derived labels that needs no rendering; none where there are no classes."""
    return {"class": systems.class_number.astype(float)} if scene.config.classes else {}


class LensStream(IterableDataset):
    """Endless batches of simulated lenses, rendered ahead in threads that hold no lock while they render.

    Sample `index` is the same in every batch size, worker, process and rank. The threads begin with the first batch
    that is asked for. They end with `close`, with the end of a with-block, with the last reference and with the
    process. Several threads may take batches of one stream: each batch goes to one of them.

    It is a dataset for ``torch.utils.data.DataLoader(stream, batch_size=None, num_workers=w)``: of w workers, each with
    its own threads, worker k makes the batches k, k + w, k + 2 w, ... after `position`, and the loader hands them over
    in the order that they have without workers. The workers have copies of the stream, so its own `position` stays,
    where every iteration of the loader begins: to continue after n batches, begin a stream at `start` + n x
    `batch_size`. A copy, a pickle and a fork of the process go on from `position`, too.

    Args:
        config: `configs.schema.Config` or its simulation, a dict, recipe or file of one (see `make_scene`), or a
            `Scene` already made.
        batch_size: systems in a batch, over all ranks. seed: of every random number; None takes the config's (a `Scene`
            has its own).
        start: the index at which the stream begins, below 2^63, or `position` of a stream to continue.
        rank, world: this process and their number; each gets its own slice of every batch.
        views: `systems.draw.Views`. threads: of a CPU that renders, each of them whole batches.
        device: where batches are put; an NVIDIA GPU with numba-cuda renders them itself, beside what torch does there,
            and any other gets a copy. The workers of a DataLoader have no other than cpu.
        derived: whether the labels hold what `labels.derived_labels` gives.

    Raises: ArgumentError for a number that is not whole, or none that can be, for another seed than a scene's, and for
    what is no config, views or device; ConfigError and DataError as `make_scene`.
    """

    def __init__(
        self,
        config: Simulated | Scene,
        batch_size: int,
        seed: int | None = None,
        start: int = 0,
        rank: int = 0,
        world: int = 1,
        views: Views | None = None,
        device: str | torch.device = "cpu",
        threads: int = 1,
        derived: bool = True,
    ):
        batch_size, threads = (
            whole_number("batch_size", batch_size, 1, LARGEST_BATCH),
            whole_number("threads", threads, 1, MOST_THREADS),
        )
        start, world = whole_number("start", start, 0, END - 1), whole_number("world", world, 1)
        rank = whole_number("rank", rank, 0, world - 1)
        if batch_size % world:
            raise ArgumentError(f"batch_size {batch_size} cannot be shared equally by {world} ranks")
        views = Views() if views is None else views
        of_type("views", views, Views, "Views, such as Views(n=2)")
        of_type("derived", derived, bool | np.bool_, "True or False")
        self._device = _device(device)
        self.scene = config if isinstance(config, Scene) else make_scene(config, seed)
        if isinstance(config, Scene) and seed not in (None, 0, config.seed):
            raise ArgumentError(f"seed: the scene was made with the seed {config.seed}, got {shown(seed)}")
        self.batch_size, self.position = batch_size, start
        self._share = slice(rank * batch_size // world, (rank + 1) * batch_size // world)
        self._views, self._threads, self._derived = views, threads, bool(derived)
        self._side, self._renderers = None, []
        if renders_on(self.scene, self._device):
            from .gpu.cuda_render import make_renderer  # imports numba.cuda

            self._side, grids = SideStream(self._device), self.scene.grids
            self._renderers, _ = self._side.run(lambda: [make_renderer(grid, self._device) for grid in grids])
            self._side.run(lambda: refuse_wrong_images(self.scene, self._renderers))
        self._forget_threads()

    def _forget_threads(self):
        self._ahead, self._process, self._taking, self._closed = None, os.getpid(), threading.Lock(), False

    def _begin(self):
        """Begin to render, from `position` on: what a worker of a DataLoader has to, if this is one."""
        worker = get_worker_info()
        if worker is not None and self._device.type != "cpu":
            raise ArgumentError(
                f"device: the workers of a DataLoader cannot put batches on {self._device}; expected cpu, or a stream "
                "without workers: it renders ahead by itself"
            )
        self._origin = self.position
        self._step = self.batch_size * (1 if worker is None else worker.num_workers)
        self.position += self.batch_size * (0 if worker is None else worker.id)
        places = _Places(self.position, self._step, self.batch_size, self._share)
        what = self.scene, places, self._views, self._derived  # not the stream, which threads must not keep alive
        if self._side is None:
            self._ahead = Ahead(partial(_on_cpu, *what), RENDERED_AHEAD, self._threads)
        else:
            self._ahead = Ahead(partial(_on_gpu, *what, self._side, self._renderers), RENDERED_AHEAD)

    def __iter__(self) -> "LensStream":
        if get_worker_info() is not None and self._ahead is not None:  # a loader with persistent workers begins again
            self._ahead.close()
            self._ahead, self.position = None, self._origin
        return self

    def __next__(self) -> Batch:
        if self._process != os.getpid():  # a fork has neither the threads nor, perhaps, the lock as it should be
            self._forget_threads()
        with self._taking:
            if self._closed:
                raise StopIteration
            if self._ahead is None:
                self._begin()
            ready = next(self._ahead)
            self.position += self._step
        if self._side is None:
            return to_device(ready, self._device)
        batch, event = ready
        images = batch.images if isinstance(batch.images, tuple) else [batch.images]
        self._side.hand_over(event, [*images, batch.indices, *batch.labels.values()])
        return batch

    def close(self) -> None:
        """End the rendering threads; batches rendered ahead are dropped (`position` does not count them)."""
        self._closed = True
        if self._ahead is not None:
            self._ahead.close()

    def __getstate__(self):
        if self._side is not None:
            raise ArgumentError(
                f"a stream that renders on {self._device} cannot be copied or sent to another process; expected one on "
                "device cpu, or a stream made in each process"
            )
        gone = ("_ahead", "_process", "_taking", "_closed")
        return {name: value for name, value in self.__dict__.items() if name not in gone}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._forget_threads()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def _no_batch_of_batches(batches, *, collate_fn_map=None):
    raise ArgumentError(
        f"a LensStream gives whole batches: expected DataLoader(stream, batch_size=None), got batch_size={len(batches)}"
    )


default_collate_fn_map[Batch] = _no_batch_of_batches


class _Places(NamedTuple):
    """Which systems are in a batch, by its number."""

    first: int  # index at which batch 0 begins
    step: int  # from one batch to the next
    size: int
    share: slice  # of this rank

    def indices(self, number):
        """uint64, those of this rank. Raises: ArgumentError beyond the last batch of which all are numbers of int64."""
        first = self.first + number * self.step
        if first + self.size > END:
            raise ArgumentError(
                f"the stream is at its end: no batch of {self.size} from index {first} on lies below 2^63"
            )
        return np.arange(first, first + self.size, dtype=np.uint64)[self.share]


def _on_cpu(scene, places, views, derived, number):
    return simulate(scene, places.indices(number), views, derived=derived)


def _on_gpu(scene, places, views, derived, side, renderers, number):
    def make():
        systems = draw(scene, places.indices(number), views)
        drawn = [own for _, own in by_grid(scene, systems)]
        parts = [run(own, arcs=derived) for run, own in zip(renderers, drawn, strict=True)]
        return on_device(scene, systems, parts)

    return side.run(make)


def _device(given):
    """A torch.device. Raises: ArgumentError for a name that is none, or a device that is not there."""
    try:
        device = torch.device(given)
        if device.type != "cuda":  # `renders_on` says more about those
            torch.empty(0, device=device)
    except Exception as error:  # torch has many kinds for what is not there
        why = str(error).split("\n")[0].split(". ")[0][:100]
        raise ArgumentError(
            f"device: expected cpu, cuda or cuda:N, or another of torch's, got {shown(given)} ({why})"
        ) from None
    return device


def to_device(batch, device):
    """A batch copied to a device, from pinned memory where that lets the copy overlap with the network."""
    if device.type == "cpu":
        return batch
    images, mask = (_each(lambda tensor: _move(tensor, device), tensors) for tensors in (batch.images, batch.mask))
    numbers = {name: _move(value, device) for name, value in batch.labels.items()}
    return Batch(images, numbers, _move(batch.indices, device), mask)


def on_device(scene, systems, parts):
    """A `Batch` of images that a device rendered; with arcs there are derived labels, for which the thread waits.

    parts: `gpu.cuda_render.DeviceImages` of each of `scene.grids`.
    """
    values, device = labels(systems), parts[0].images.device
    arcs = [None if part.arcs is None else part.arcs.cpu().numpy() for part in parts]
    rendered = join(scene, [Rendered(part.images, None, own) for part, own in zip(parts, arcs, strict=True)])
    with_arcs = rendered.arcs is not None
    values |= derived_labels(scene, systems, rendered.arcs) if with_arcs else _class_alone(scene, systems)
    numbers = {name: _move(torch.from_numpy(value.astype(np.float32)), device) for name, value in values.items()}
    return Batch(rendered.images, numbers, _move(torch.from_numpy(systems.indices.astype(np.int64)), device))


def _each(function, images):
    """A function of images or masks: of the one there is, of each grid's in a tuple, or None of none."""
    if isinstance(images, tuple):
        return tuple(function(own) for own in images)
    return None if images is None else function(images)


def _move(tensor, device):
    tensor = tensor.pin_memory() if device.type == "cuda" else tensor
    return tensor.to(device, non_blocking=True)
