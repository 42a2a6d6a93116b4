"""What launches kernels, as far as no GPU is needed."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SIMULATE = Path(__file__).parents[3] / "simulate"
COMPILED_FOR_CUDA = [*sorted((SIMULATE / "gpu").glob("*.py")), SIMULATE / "cpu" / "deflection.py"]

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


def own_nodes(function):
    """The nodes of a function without those of functions in it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef):
            yield child
            yield from own_nodes(child)


def arrays_that_numba_cuda_loses(text):
    """What is written to by a subscript after an assignment to several names, which numba-cuda 0.30 deletes."""
    for function in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)):
        assigned = [node for node in own_nodes(function) if isinstance(node, ast.Assign)]
        tuples = [target for node in assigned for target in node.targets if isinstance(target, ast.Tuple)]
        names = {n for target in tuples for n in ast.walk(target) if isinstance(n, ast.Name)}
        unpacked = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        for place in own_nodes(function):
            if isinstance(place, ast.Subscript) and isinstance(place.ctx, ast.Store):
                written = {n.id for n in ast.walk(place.value) if isinstance(n, ast.Name)}
                yield from (f"{function.name}: {name}" for name in sorted(written & unpacked))


@pytest.mark.parametrize("path", COMPILED_FOR_CUDA, ids=lambda path: path.stem)
def test_no_array_that_is_written_to_comes_out_of_an_assignment_to_several_names(path):
    found = arrays_that_numba_cuda_loses(path.read_text())
    assert not [name for name in found if not name.startswith("trace_linear:")]  # the CPU's alone


def test_such_an_array_is_found():
    assert list(arrays_that_numba_cuda_loses("def f(pair):\n    a, b = pair\n    a[0] = 1")) == ["f: a"]
    assert not list(arrays_that_numba_cuda_loses("def f(pair):\n    a = pair[0]\n    a[0] = 1"))
