"""Calls shared between processes of this machine; those of a process that dies are made again by another."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from ...errors import DataError, LenStreamError

DEATHS = 3  # without anything done in between: then it is no accident


def results(function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], workers: int) -> Iterator[Any]:
    """What function(*call) returns for each call, as it is done; both are pickled for new processes.

    Raises: DataError with the sentence of a LenStreamError of a process, or if processes die again and again; OSError.
    """
    waiting, deaths = list(calls), 0
    while waiting:
        pool = ProcessPoolExecutor(
            min(workers, len(waiting)), multiprocessing.get_context("spawn"), initializer=_as_worker
        )
        before = set(multiprocessing.active_children())
        futures: dict[Future[Any], tuple[Any, ...]] = {}
        try:
            futures = {pool.submit(_guarded, function, call): call for call in waiting}
            for future in as_completed(futures):
                result = future.result()
                if isinstance(result, Exception):
                    raise result
                waiting.remove(futures[future])
                deaths = 0
                yield result
        except BrokenProcessPool:
            deaths += 1
            if deaths == DEATHS:
                raise DataError(
                    f"worker processes died {DEATHS} times without finishing anything (killed, or out of memory?): "
                    "the same command goes on; fewer --workers need less memory"
                ) from None
        except BaseException:
            for process in set(multiprocessing.active_children()) - before:
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _guarded(function, call):
    """What a call returns; an error that is the user's or the system's to mend as a value, as any can be pickled."""
    try:
        return function(*call)
    except LenStreamError as error:
        return DataError(str(error))
    except OSError as error:
        return OSError(error.errno, error.strerror, error.filename)


def _as_worker():
    """End with the parent however it ends, and leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch():
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
