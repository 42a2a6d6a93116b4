"""Making many shards of a dataset with a bar: in this process, in several, or by the workers of a Dask cluster."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from ...progress import bar
from ..systems.scene import Scene
from .dask_workers import made_on_dask
from .description import Description, Shard
from .process_pool import results
from .shard_making import make_shard, samples_of, store
from .sizes_on_disk import bytes_of_systems, in_words


def write_shards(
    folder: Path,
    description: Description,
    scene: Scene,
    shards: list[Shard],
    workers: int = 1,
    scheduler: str | None = None,
) -> None:
    """Make shards and write them, in any order, with a bar of systems on stderr.

    workers: processes, unless scheduler says which of Dask's has workers. Raises: DataError; OSError.
    """
    workers = min(workers, len(shards))  # those that would have nothing to do leave the others their cores
    total, first = description.count, description.count - sum(shard.count for shard in shards)
    with bar(description.name, total, first) as running:
        more = _counting(running, description, scene, first)
        if scheduler is not None:
            entries = made_on_dask(folder, [shard.number for shard in shards], scheduler)
        elif workers > 1:
            calls = [(folder, shard.number, max(cores() // workers, 1)) for shard in shards]
            entries = results(make_shard, calls, workers)
        else:
            _write_here(folder, description, scene, shards, cores(), more)
            return
        for entry in entries:
            more(entry.count)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _counting(running: Any, description: Description, scene: Scene, first: int) -> Callable[[int], None]:
    """A function that moves a bar on by so many systems, and says how fast they come; any thread may call it."""
    size, images, begun = bytes_of_systems(scene, description), description.views * len(scene.bands), time.monotonic()
    total, done, lock = description.count, first, threading.Lock()

    def more(count: int) -> None:
        nonlocal done
        with lock:
            done += count
            rate = (done - first) / max(time.monotonic() - begun, 1e-6)
            words = f"{rate * images:,.0f} images/s, {in_words(done * size)} of {in_words(total * size)}"
            if not running.drawn and done < total:
                words += f", {_time_in_words((total - done) / rate)} left"
            running.update(done, words)

    return more


def _write_here(folder, description, scene, shards, threads, made):
    """Write shards in this process: while one is written, the next two are rendered, so that no core ever waits."""
    half, stopped = -(-threads // 2), threading.Event()

    def go_on(count):
        if stopped.is_set():
            raise CancelledError
        made(count)

    with ThreadPoolExecutor(2) as renderers, ThreadPoolExecutor(1) as writer:
        left, rendered, written = iter(shards), deque(), None

        def render_next():
            for shard in islice(left, 1):
                rendered.append((shard, renderers.submit(samples_of, scene, description, shard, half, go_on)))

        try:
            render_next()
            while rendered:
                render_next()
                shard, samples = rendered.popleft()
                samples = samples.result()
                if written is not None:
                    written.result()
                written = writer.submit(store, folder, description, samples, shard)
                del samples
            if written is not None:
                written.result()
        except BaseException:
            stopped.set()  # else the shards under way would be rendered to their end
            renderers.shutdown(cancel_futures=True)
            raise


def _time_in_words(seconds):
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
