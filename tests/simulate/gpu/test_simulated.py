"""The kernels without a GPU: numba's CUDA simulator runs them as Python, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def test_kernels_give_the_images_of_the_cpu():
    """`simulated.py` has the tests; the simulator has to be chosen before numba is imported."""
    tests = Path(__file__).with_name("simulated.py")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tests)]
    done = subprocess.run(command, env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout
