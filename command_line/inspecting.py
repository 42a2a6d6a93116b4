"""The command that says what a path holds: inspect."""

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Make this command of an app."""
    app.command(short_help="Say what a file or folder of data is.")(inspect)


def inspect(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file or folder: images, a catalogue, a PSF, a run.")],
    out: Annotated[Path | None, typer.Option(help="A picture of its images to write, e.g. inspect.png.")] = None,
) -> None:
    """Say what a file or folder is: layout, shapes, bands, labels, classes, splits, bad pixels, and a config for it.

    Headers of all files are read, and the pixels of up to 256 images. What is said last is YAML that loads.
    """
    from ..inspection import inspect as lines_of

    for line in lines_of(path, out):
        print(line)
