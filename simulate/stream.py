"""LensStream: an endless iterator of simulated batches whose whole state is one integer."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from ..ahead import Ahead
from ..configs.schema import Simulation
from ..errors import ArgumentError
from .core.arguments import whole_number
from .gpu.cuda_stream import SideStream, renders_on
from .labels import derived_labels, labels
from .render import Rendered, join, render_all
from .selection import draw
from .systems.draw import Views, by_grid
from .systems.scene import Scene, make_scene

RENDERED_AHEAD = 2  # batches that wait ready while the network trains


@dataclass(frozen=True)
class Batch:
    """Systems on their way to the network; of bands with several pixel grids, images have one tensor a grid."""

    # float32 (n, v, bands, num_pix, num_pix) counts/s/pixel; if there are several grids, a tuple with one such tensor
    # for each of `scene.grids`, with its bands
    images: torch.Tensor | tuple[torch.Tensor, ...]
    labels: dict  # float32 tensors (n,) or (n, v), see `labels`
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
    if derived:
        values |= derived_labels(scene, systems, rendered.arcs)
    numbers = {name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()}
    images, mask = (_each(torch.from_numpy, arrays) for arrays in (rendered.images, rendered.mask))
    return Batch(images, numbers, torch.from_numpy(systems.indices.astype(np.int64)), mask)


class LensStream:
    """Endless batches of simulated lenses, rendered ahead in threads that hold no lock while they render.

    Sample `index` is the same in every batch size, worker, process and rank. Use as a context manager, or call
    `close`, to end the threads.

    Args:
        config: `configs.schema.Simulation`, or a `Scene` already made from one.
        batch_size: systems in a batch, over all ranks. seed: of every random number (ignored for a `Scene`).
        start: the index at which the stream begins, or `position` of a stream to continue.
        rank, world: this process and their number; each gets its own slice of every batch.
        views: `systems.draw.Views`. threads: of a CPU that renders, each of them whole batches.
        device: where batches are put; an NVIDIA GPU with numba-cuda renders them itself, beside what torch does there,
            and any other gets a copy.
        derived: whether the labels hold what `labels.derived_labels` gives.

    Raises: ArgumentError for a number that is not whole, or none that can be.
    """

    def __init__(
        self,
        config: Simulation | Scene,
        batch_size: int,
        seed: int = 0,
        start: int = 0,
        rank: int = 0,
        world: int = 1,
        views: Views | None = None,
        device: str | torch.device = "cpu",
        threads: int = 1,
        derived: bool = True,
    ):
        batch_size, threads = whole_number("batch_size", batch_size, 1), whole_number("threads", threads, 1)
        start, world = whole_number("start", start, 0, 2**64 - 1), whole_number("world", world, 1)
        rank = whole_number("rank", rank, 0, world - 1)
        if batch_size % world:
            raise ArgumentError(f"batch_size {batch_size} cannot be shared equally by {world} ranks")
        self.scene = config if isinstance(config, Scene) else make_scene(config, seed)
        self.batch_size, self.position, self._start = batch_size, start, start
        self._share = slice(rank * batch_size // world, (rank + 1) * batch_size // world)
        self._views, self._derived = views or Views(), derived
        self._device = torch.device(device)
        self._side, make = None, self._on_cpu
        if renders_on(self.scene, self._device):
            from .gpu.cuda_render import make_renderer  # imports numba.cuda

            self._side, make, threads = SideStream(self._device), self._on_gpu, 1
            grids = self.scene.grids
            self._renderers, _ = self._side.run(lambda: [make_renderer(grid, self._device) for grid in grids])
        self._ahead = Ahead(make, RENDERED_AHEAD, threads)

    def _indices(self, number):
        first = self._start + number * self.batch_size
        return np.arange(first, first + self.batch_size, dtype=np.uint64)[self._share]

    def _on_cpu(self, number):
        return simulate(self.scene, self._indices(number), self._views, derived=self._derived)

    def _on_gpu(self, number):
        def make():
            systems = draw(self.scene, self._indices(number), self._views)
            drawn = [own for _, own in by_grid(self.scene, systems)]
            parts = [run(own, arcs=self._derived) for run, own in zip(self._renderers, drawn, strict=True)]
            return on_device(self.scene, systems, parts)

        return self._side.run(make)

    def __iter__(self) -> "LensStream":
        return self

    def __next__(self) -> Batch:
        ready = next(self._ahead)
        self.position += self.batch_size
        if self._side is None:
            return to_device(ready, self._device)
        batch, event = ready
        images = batch.images if isinstance(batch.images, tuple) else [batch.images]
        self._side.hand_over(event, [*images, batch.indices, *batch.labels.values()])
        return batch

    def close(self) -> None:
        """End the rendering threads; batches rendered ahead are dropped (`position` does not count them)."""
        self._ahead.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


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
    if rendered.arcs is not None:
        values |= derived_labels(scene, systems, rendered.arcs)
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
