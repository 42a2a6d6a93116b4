"""The commands that make datasets: simulate, extend."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .recipe_arguments import Overrides, Recipe, loaded

CONTINUING = ("simulate", "extend")  # commands that go on with what was begun when they are given again
Dataset = Annotated[Path, typer.Argument(metavar="PATH", help="The folder of a dataset.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes of this machine that share the work.")]


def add_to(app: typer.Typer) -> None:
    """Make these commands of an app."""
    app.command(short_help="Write a dataset of simulated lenses to disk.")(simulate)
    app.command(short_help="Add systems to a dataset.")(extend)


def simulate(
    recipe: Recipe,
    count: Annotated[int, typer.Option(min=1, help="Systems to simulate.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    overrides: Overrides = None,
    views: Annotated[int, typer.Option(min=1, help="Images of each system.")] = 1,
    redraw: Annotated[
        str, typer.Option(help="What is drawn anew for each view: of source, noise, psf, lens_light.")
    ] = "source,noise",
    start: Annotated[int, typer.Option(min=0, help="Number of the first system, in its split if there is one.")] = 0,
    split: Annotated[
        str | None,
        typer.Option(help="train, validation, test or labelled: systems of these never meet, nor do their galaxies."),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="zarr, hdf5, parquet, fits, fits-pairs or npy-folders.")
    ] = "zarr",
    workers: Workers = 1,
    ecsv: Annotated[bool, typer.Option("--ecsv", help="Write the labels as ECSV, too.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Delete a dataset that is there first.")] = False,
) -> None:
    """Write images, masks and labels of simulated systems to a folder, in shards.

    System 7 is the same in every dataset, stream and format of a config. Stopped or killed, the same command goes on.
    Labels come as one table, too; a picture and a card are written beside them.
    """
    settings, folder = loaded(recipe, overrides), _usable(out)
    _need_archive("lenstream simulate", form)
    from ..progress import say_when_compiling
    from ..simulate.archive.writing import describe, write_archive
    from ..simulate.systems.draw import Views
    from ..simulate.systems.scene import make_scene

    say_when_compiling()
    wanted = Views(views, frozenset(word.strip() for word in redraw.split(",") if word.strip()))
    description = describe(settings, make_scene(settings), form, count, wanted, start, split)
    write_archive(settings, folder, description, workers, ecsv, _pages(), overwrite)
    _say_what_next(folder, form)


def extend(
    path: Dataset,
    count: Annotated[int, typer.Option(min=1, help="Systems to add.")],
    workers: Workers = 1,
) -> None:
    """Add systems to a finished dataset: the next ones, as if all had been written at once.

    Stopped or killed, the same command goes on.
    """
    folder = _usable(path)
    from ..progress import say_when_compiling
    from ..simulate.archive.description import load
    from ..simulate.archive.writing import extend_archive

    _need_archive("lenstream extend", load(folder).format)
    say_when_compiling()
    description = extend_archive(folder, count, workers, _pages())
    _say_what_next(folder, description.format)


def _usable(path: Path) -> Path:
    from ..files.paths import usable

    return usable(path)


def _need_archive(user: str, form: str) -> None:
    """Raises: MissingExtra if what a format needs is not installed; ArgumentError for a format that there is not."""
    from ..extras import need
    from ..simulate.archive.formats import format_of

    need("archive", user)  # the table of labels is Parquet
    extra = format_of(form).EXTRA
    if extra is not None:
        need(extra, f"{user} --format {form}")


def _pages() -> Any:
    from ..after_simulating import write_pages

    return write_pages


def _say_what_next(folder: Path, form: str) -> None:
    """Two lines on stdout: where the dataset is, and what to do with it."""
    from ..simulate.archive.formats import format_of

    opening = getattr(format_of(form), "OPENING", "lenstream.LensDataset({path!r})").format(path=str(folder))
    print(folder)
    print(f"check it: lenstream verify {folder}   open it in Python: {opening}")
