"""Shards made by the workers of a Dask cluster: a few at a time for each, and again elsewhere if a worker dies."""

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...errors import DataError, LenStreamError, short
from ...extras import need
from .description import ARCHIVE, digest_of, load
from .ledger import Entry, own_version
from .own_places import PARTS
from .shard_making import make_shard

AHEAD = 2  # shards under way for each thread of the workers: while one is made, the next waits with its worker
DEATHS = 10  # of workers at one shard, beyond which it is the shard's fault
PATIENCE = 15  # seconds for the scheduler to answer


def made_on_dask(folder: Path, numbers: Iterable[int], address: str) -> Iterator[Entry]:
    """The entries of shards as they are made, in any order, by the workers of the scheduler at an address.

    Workers write into the folder, which all have to see at the same path; they may come and go meanwhile. What is not
    yet begun is cancelled when the iteration ends early.

    Raises: MissingExtra without Dask; DataError if nobody answers at the address, for a worker that does not see the
        folder or has another LenStream, and for what a worker could not do.
    """
    need("cluster", "--scheduler")
    folder = folder.resolve()
    with _connected(address) as client:
        task = str(folder), load(folder).lenstream, digest_of(folder)
        yield from _made(client, task, list(numbers))


def see_that_it_answers(address: str) -> None:
    """Raises: MissingExtra without Dask; DataError if no scheduler answers at an address."""
    need("cluster", "--scheduler")
    with _connected(address):
        pass


def make_here(folder: str, version: str, digest: str, number: int) -> Entry:
    """Make a shard, as a worker of Dask is asked to: one thread, as a worker has tasks for all of its own.

    A task may outlive the command that handed it out, and its dataset: nothing takes its place in a folder that holds
    another one by then.

    Args: version: LenStream's. digest: of the dataset, `description.digest_of`.
    Raises: DataError if this machine does not see the folder or has another LenStream, and for another dataset.
    """
    import platform

    if not os.path.isfile(os.path.join(folder, ARCHIVE)):
        raise DataError(
            f"{folder}: the Dask worker on {platform.node()} does not see it; --out has to be on a file system that "
            "all workers share, at the same path"
        )
    if own_version() != version:
        raise DataError(
            f"{folder}: the Dask worker on {platform.node()} has LenStream {own_version()}, and the dataset is of "
            f"{version}; install the same there"
        )

    def refuse_another():
        if digest_of(Path(folder)) != digest:
            raise DataError(
                f"{folder}: another dataset was begun there since shard {number} of the first was asked for"
            )

    refuse_another()
    beside = Path(folder, PARTS, secrets.token_hex(8))
    try:
        return make_shard(Path(folder), number, 1, beside, refuse_another)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _made(client, task, numbers):
    """Entries, as they come, of shards that are handed out a bounded number at a time. task: of `make_here`."""
    from distributed import as_completed

    waiting, deaths, under_way = iter(numbers), dict.fromkeys(numbers, 0), {}
    done = as_completed(loop=client.loop)

    def hand_out(number):
        future = client.submit(make_here, *task, number, pure=False)
        under_way[future] = number
        done.add(future)

    def fill():
        most = AHEAD * max(1, sum(client.ncores().values()))  # workers may have come or gone
        while len(under_way) < most and (number := next(waiting, None)) is not None:
            hand_out(number)

    try:
        fill()
        for future in done:
            number = under_way.pop(future)
            if _has_died(future):
                deaths[number] += 1
                if deaths[number] > DEATHS:
                    raise DataError(
                        f"{task[0]}: {deaths[number]} times, workers that made shard {number} died; do they have "
                        "enough memory?"
                    )
                hand_out(number)
            else:
                yield _result(future, client)
            fill()
    finally:
        with suppress(Exception):  # of a scheduler that is gone
            client.cancel(list(under_way))


def _has_died(future):
    """Whether Dask has given up a task because the workers that it was on died, one after the other."""
    from distributed.scheduler import KilledWorker

    return future.status == "error" and isinstance(future.exception(), KilledWorker)


def _result(future, client):
    """The entry of a shard. Raises: what its worker raised, as far as it has a sentence."""
    if future.status in ("cancelled", "lost"):
        raise DataError(f"{client.scheduler.address}: the scheduler went away, or cancelled the work")
    error = future.exception() if future.status == "error" else None
    if error is None:
        return future.result()
    if isinstance(error, LenStreamError | OSError):
        raise error
    if isinstance(error, ImportError):
        raise DataError(f"a Dask worker lacks what LenStream needs: {error}; install the same packages there")
    raise DataError(f"a Dask worker failed: {type(error).__name__}: {short(' '.join(str(error).split()))}") from error


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """A client of the scheduler at an address. Raises: DataError if there is none."""
    from distributed import Client

    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)  # which would outlast a failure
    except (OSError, ValueError, TypeError) as error:
        said = short(" ".join(str(error).split()))
        raise DataError(
            f"--scheduler {short(address)}: no Dask scheduler answers there ({said}); expected what `dask scheduler` "
            "prints, such as tcp://host:8786"
        ) from None
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=5)
