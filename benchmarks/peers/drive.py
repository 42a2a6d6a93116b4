"""Install the other simulators, start a process for each, and send it requests.

They live in an environment of their own, benchmarks/.venv-peers, because JAXtronomy wants another lenstronomy than
LenStream; lenstronomy itself is measured in LenStream's environment.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parent / ".venv-peers"
REQUIREMENTS = HERE / "requirements.txt"
PYTHON = ENVIRONMENT / "bin" / "python"
LENSTRONOMY = {
    "lenstronomy EPL": [sys.executable, "lenstronomy_worker.py", "EPL"],
    "lenstronomy EPL_NUMBA": [sys.executable, "lenstronomy_worker.py", "EPL_NUMBA"],
}
PEERS = {
    "caustics, torch": [PYTHON, "caustics_worker.py", "torch"],
    "caustics, JAX": [PYTHON, "caustics_worker.py", "jax"],
    "JAXtronomy": [PYTHON, "jaxtronomy_worker.py"],
    "Herculens": [PYTHON, "herculens_worker.py"],
}
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONWARNINGS": "ignore",
}


@dataclass(frozen=True)
class Worker:
    """A running worker process; `log` takes what its libraries print."""

    name: str
    process: subprocess.Popen
    log: Path


def wanted():
    """The packages that requirements.txt asks for."""
    return REQUIREMENTS.read_text().split()


def install():
    """Make the peers' environment, or leave it alone if it holds what requirements.txt asks for."""
    stamp = ENVIRONMENT / "installed.txt"
    if PYTHON.exists() and stamp.exists() and stamp.read_text().split() == wanted():
        return
    print(f"installing {', '.join(wanted())} into benchmarks/{ENVIRONMENT.name}, once", flush=True)
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    pip = [uv, "pip", "install", "--python", PYTHON] if uv else [PYTHON, "-m", "pip", "install"]
    subprocess.run([*pip, "--quiet", "-r", REQUIREMENTS], check=True)
    stamp.write_text("\n".join(wanted()))


@contextlib.contextmanager
def workers(commands, folder):
    """Start one worker for each name in `commands`, and end them all afterwards; logs go into `folder`."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")} | ONE_THREAD
    running = []
    try:
        for k, (name, (python, script, *arguments)) in enumerate(commands.items()):
            log = Path(folder) / f"{k}.log"
            with log.open("w") as errors:
                process = subprocess.Popen(
                    [python, HERE / script, *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    env=environment,
                )
            running.append(Worker(name, process, log))
        yield running
    finally:
        for worker in running:
            worker.process.kill()
            worker.process.communicate()


def ask(worker, **request):
    """Send one request (see worker.py) and wait for its answer; {"error": a sentence} if the process has died."""
    try:
        worker.process.stdin.write(json.dumps(request) + "\n")
        worker.process.stdin.flush()
        line = worker.process.stdout.readline()
    except BrokenPipeError:
        line = ""
    if line:
        return json.loads(line)
    last = worker.log.read_text().strip().splitlines()[-1:]
    return {"error": f"the process ended: {' '.join(last) or 'it printed nothing'}"}


def images(worker, n, folder):
    """The worker's first n images without noise, float64 (n, num_pix, num_pix), or None if it cannot."""
    path = Path(folder) / "images.npy"
    if "error" in ask(worker, images=str(path), n=n):
        return None
    return np.load(path).astype(np.float64)
