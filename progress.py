"""What a long run says in the terminal: bars, that it compiles, that it was stopped."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

# Messages go to stderr as they are: a path with [x] is no markup. Results (tables, paths, YAML) are printed to stdout.
console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)


def say_when_compiling() -> None:
    """Have stderr say, once, that the renderer is being compiled, so that its first use does not seem to hang."""
    from numba.core import event  # here, as it takes long to import

    class Compiling(event.Listener):
        said = False

        def on_start(self, event: Any) -> None:
            ours = event.data["dispatcher"].py_func.__module__.startswith(f"{__package__}.")
            if ours and not self.said:
                self.said = True
                console.print("compiling the renderer: a minute or two, only the first time")

        def on_end(self, event: Any) -> None:
            pass

    event.register("numba:compile", Compiling())


class Stopped(Exception):
    """Raised when the user has asked to stop and everything is saved.

    exit_code: 128 + the number of the signal, as a shell has it; that of Ctrl-C where another rank heard it.
    """

    exit_code = 130


class _Bar:
    """A running bar; without a terminal it says a line now and then instead of drawing."""

    def __init__(self, title: str, total: int, done: int, show: bool) -> None:
        self.title, self.total, self.note = title, total, ""
        show = show and not console.quiet
        self.drawn = show and console.is_terminal
        self.spoken = show and not console.is_terminal
        self.next_line: float = done
        if self.drawn:
            title_column = TextColumn("{task.description}", markup=False)
            columns = (title_column, BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
            self.progress = Progress(*columns, TextColumn("{task.fields[note]}", markup=False), console=console)
            self.task = self.progress.add_task(title, total=total, completed=done, note="")

    def update(self, done: float, note: str | None = None) -> None:
        """Set how much is done, which may be a part of one of the total, and a short note behind the bar."""
        self.note = note or self.note
        if self.drawn:
            self.progress.update(self.task, completed=done, note=self.note)
        elif self.spoken and (done >= self.next_line or done == self.total):
            print(f"{self.title}: {int(done)}/{self.total} {self.note}".rstrip(), file=sys.stderr, flush=True)
            self.next_line = done + (self.total // 5 or self.total / 5)


@contextmanager
def bar(title: str, total: int, done: int = 0, show: bool = True) -> Iterator[_Bar]:
    """A progress bar from `done` to `total` for a with-block; its `update(done, note)` moves it."""
    running = _Bar(title, total, done, show)
    if running.drawn:
        running.progress.start()
    try:
        yield running
    finally:
        if running.drawn:
            running.progress.stop()
