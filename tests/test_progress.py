"""What is said in the terminal of a long run."""

import io
from types import SimpleNamespace

import pytest
from numba.core import event
from rich.console import Console

from lenstream import progress


def test_that_the_renderer_is_compiled_is_said_once_and_of_nothing_else(capsys, monkeypatch):
    listeners = []
    monkeypatch.setattr(event, "register", lambda kind, listener: listeners.append(listener))
    progress.say_when_compiling()

    def compile_function_of(module):
        dispatcher = SimpleNamespace(py_func=SimpleNamespace(__module__=module))
        listeners[0].on_start(SimpleNamespace(data={"dispatcher": dispatcher}))

    compile_function_of("umap.layouts")
    assert capsys.readouterr().err == ""
    for _ in range(2):
        compile_function_of("lenstream.simulate.cpu.kernel")
    printed = capsys.readouterr()
    assert printed.err.count("compiling the renderer") == 1 and printed.out == ""


@pytest.mark.parametrize(("total", "said"), [(3, [0, 1, 2, 3]), (40, [0, 8, 16, 24, 32, 40])])
def test_a_pipe_gets_a_line_for_each_fifth(capsys, total, said):
    with progress.bar("working", total) as shown:
        for done in range(total + 1):
            shown.update(done)
    assert capsys.readouterr().err.splitlines() == [f"working: {done}/{total}" for done in said]


@pytest.mark.parametrize("total", [1, 2, 7, 40])
def test_parts_of_one_are_few_lines_too_and_whole_numbers(capsys, total):
    with progress.bar("working", total) as shown:
        for hundredth in range(100 * total + 1):
            shown.update(hundredth / 100, f"{hundredth % 100}%")
    lines = capsys.readouterr().err.splitlines()
    assert 6 <= len(lines) <= 8
    assert lines[0] == f"working: 0/{total} 0%" and lines[-1] == f"working: {total}/{total} 0%"
    assert all(line.split()[1].removesuffix(f"/{total}").isdigit() for line in lines)


def test_a_bar_in_a_terminal_moves_by_parts_of_one(monkeypatch):
    monkeypatch.setattr(progress, "console", Console(force_terminal=True, quiet=False, file=io.StringIO()))
    with progress.bar("working", 2) as shown:
        shown.update(0.25, "25%")
        assert shown.progress.tasks[0].completed == 0.25 and shown.progress.tasks[0].fields["note"] == "25%"
