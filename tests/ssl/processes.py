"""Run functions of tests in processes of their own, alone or as the ranks of a group, quickly."""

import faulthandler
import importlib
import itertools
import multiprocessing
import os
import pickle
import runpy
import signal
import socket
import sys
import tempfile
import time
import traceback
import types
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path

# Children are forked from a process that has imported what takes seconds and has not started any thread.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pytest", "lenstream.ssl.trainer", "torch.utils.tensorboard"])

_STACKS, _NUMBERS = tempfile.TemporaryDirectory(), itertools.count()


@dataclass
class Child:
    """A process and the ways to hear from it."""

    process: multiprocessing.Process
    answer: connection.Connection
    stack: Path  # where it writes what it is doing when it is asked with SIGUSR1


def run(function, *args, ranks=1, timeout=60):
    """What function(*args) returns in each of `ranks` processes, as a list; an error in any of them fails the test."""
    return results(start(function, *args, ranks=ranks), timeout)


def start(function, *args, ranks=1):
    """Start function(*args), of a test module, in `ranks` processes, with one torch thread each and the environment
    that torchrun would give them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [_start(function, args, _environment(rank, ranks, port)) for rank in range(ranks)]


def results(children, timeout=60):
    """What the children return; if one fails, or does not answer in `timeout` seconds, all are killed."""
    answers, end = {}, time.monotonic() + timeout
    try:
        while len(answers) < len(children):
            waiting = {c.answer: k for k, c in enumerate(children) if k not in answers}
            heard = connection.wait(waiting, max(0.0, end - time.monotonic()))
            assert heard, f"no answer after {timeout} s:\n" + "\n".join(_stack(c) for c in children)
            for pipe in heard:
                number = waiting[pipe]
                good, answers[number] = _receive(children[number])
                assert good, f"process {number} failed:\n{answers[number]}"
    finally:
        for child in children:
            if len(answers) < len(children):
                child.process.kill()
            child.process.join()
    return [answers[k] for k in range(len(children))]


def _environment(rank, ranks, port):
    if ranks == 1:
        return {}
    group = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": ranks, "LOCAL_WORLD_SIZE": ranks}
    group |= {"GROUP_WORLD_SIZE": 1, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
    return {name: str(value) for name, value in group.items()}


def _start(function, args, environment):
    here, there = _CONTEXT.Pipe(duplex=False)
    stack = f"{_STACKS.name}/{next(_NUMBERS)}"
    job = (function.__code__.co_filename, function.__name__, args, environment, there, stack)
    # By path: whether a test module can be imported by name depends on where pytest was started.
    process = _CONTEXT.Process(target=runpy.run_path, args=(__file__, {"JOB": job}, "child"), daemon=True)
    process.start()
    there.close()
    return Child(process, here, Path(stack))


def _receive(child):
    try:
        good, answer = child.answer.recv()
        return good, pickle.loads(answer) if good else answer
    except EOFError:
        child.process.join()
        return False, f"it ended with exit code {child.process.exitcode}"


def _stack(child):
    os.kill(child.process.pid, signal.SIGUSR1)
    time.sleep(0.2)
    return child.stack.read_text() if child.stack.exists() else "it has not begun"


def _work(file, name, args, environment, pipe, stack):
    import torch

    faulthandler.register(signal.SIGUSR1, file=open(stack, "w"))  # noqa: SIM115
    os.environ.update(environment)
    torch.set_num_threads(1)
    folder = types.ModuleType("children")
    folder.__path__ = [str(Path(file).parent)]
    sys.modules["children"] = folder
    try:
        function = getattr(importlib.import_module(f"children.{Path(file).stem}"), name)
        # Pickled here: a pipe's own pickling would send tensors through shared memory that ends with this process.
        pipe.send((True, pickle.dumps(function(*args))))
    except BaseException:
        pipe.send((False, traceback.format_exc()))


if __name__ == "child":
    _work(*JOB)  # noqa: F821
