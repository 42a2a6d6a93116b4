"""The commands that make datasets and look after them: simulate, extend, verify, repair."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ArgumentError
from .recipe_arguments import Overrides, Recipe, loaded

CONTINUING = ("simulate", "extend", "repair")  # commands that go on with what was begun when they are given again
WHAT_NEXT = "lenstream repair {path} computes again what is not there or damaged, and leaves what nobody wrote"
Dataset = Annotated[Path, typer.Argument(metavar="PATH", help="The folder of a dataset.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes of this machine that share the work.")]


def add_to(app: typer.Typer) -> None:
    """Make these commands of an app."""
    app.command(short_help="Write a dataset of simulated lenses to disk.")(simulate)
    app.command(short_help="Add systems to a dataset.")(extend)
    app.command(short_help="Find what is missing, damaged or foreign in a dataset.")(verify)
    app.command(short_help="Compute again what is missing or damaged in a dataset.")(repair)


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
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Of Dask, e.g. tcp://host:8786: its workers make the shards.")
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="K/N", help="Write the K-th of N parts, as a job of an array; without it the command finishes."
        ),
    ] = None,
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
    from ..simulate.archive.dataset_parts import part_of
    from ..simulate.archive.shard_making import scene_of
    from ..simulate.archive.writing import describe, write_archive, write_part
    from ..simulate.systems.draw import Views

    say_when_compiling()
    wanted = Views(views, frozenset(word.strip() for word in redraw.split(",") if word.strip()))
    description = describe(settings, scene_of(settings), form, count, wanted, start, split)
    if part is None:
        write_archive(settings, folder, description, workers, ecsv, _pages(), overwrite, scheduler)
        _say_what_next(folder, form)
        return
    if overwrite:
        raise ArgumentError("--overwrite deletes what other parts have written: give it without --part, and once")
    write_part(settings, folder, description, part_of(part), workers, scheduler)
    print(folder)
    print(f"part {part} is written; when all are, the same command without --part finishes")


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


def verify(path: Dataset) -> None:
    """Read every file of a dataset, of any format, and compare it with the checksums that were written with it.

    Prints what is missing, damaged, foreign (nobody wrote it) or unfinished; the exit code is then 2, else 0.
    """
    folder = _usable(path)
    from ..progress import console
    from ..simulate.archive.verify import in_words, verify

    findings = verify(folder)
    for line in in_words(findings, folder):
        print(line)
    if findings:
        console.print(f"what to do: {WHAT_NEXT.format(path=folder)}")
        raise typer.Exit(2)


def repair(
    path: Dataset,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take what this machine computes where its arithmetic differs.")
    ] = False,
    remove_foreign: Annotated[bool, typer.Option("--remove-foreign", help="Delete files that nobody wrote.")] = False,
) -> None:
    """Compute again what is missing or damaged in a dataset, and nothing else, and check that it is what was written.

    Where this machine's arithmetic differs from the writer's it says by how much, and changes nothing without --accept.
    The exit code is 2 if something is left.
    """
    folder = _usable(path)
    from ..progress import say_when_compiling
    from ..simulate.archive.repair import repair
    from ..simulate.archive.statements import described

    _need_archive("lenstream repair", described(folder).format)
    say_when_compiling()
    outcome = repair(folder, accept, remove_foreign, _pages())
    for line in outcome.mended:
        print(line)
    for line in outcome.left:
        print(f"left: {line}")
    if not outcome.mended and not outcome.left:
        print(f"{folder}: all is well, nothing to repair")
    if outcome.left:
        raise typer.Exit(2)


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

    opening = format_of(form).OPENING.format(path=str(folder))
    print(folder)
    print(f"check it: lenstream verify {folder}   open it in Python: {opening}")
