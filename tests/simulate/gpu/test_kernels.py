"""What launches kernels, as far as no GPU is needed."""

import importlib.util
import subprocess
import sys

import pytest

WITHOUT = """
import numpy as np
if hasattr(np, "row_stack"):
    del np.row_stack
from lenstream.simulate.gpu import kernels
print(np.row_stack(([1, 2], [3, 4])).tolist())
"""


@pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None and importlib.util.find_spec("numba.cuda") is None,
    reason="no numba.cuda is installed",
)
def test_a_numpy_without_row_stack_is_given_one_for_numba_cuda():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert done.stdout.strip() == "[[1, 2], [3, 4]]", done.stderr
