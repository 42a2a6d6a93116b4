"""What is said in the terminal of a long run."""

from types import SimpleNamespace

from numba.core import event

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
