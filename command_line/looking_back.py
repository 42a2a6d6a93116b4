"""The commands that look at finished runs: similar, compare."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import LenStreamError
from . import suggestions


def add_to(app: typer.Typer) -> None:
    """Make these commands of an app."""
    app.command(short_help="Find the images that an encoder takes for the most alike.")(similar)
    app.command(short_help="Set runs side by side: one table, one figure, one page.")(compare)


def similar(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", help="FITS cut-outs centred on a lens each, or any data set.")
    ],
    run: Annotated[Path, typer.Option(help="An evaluated run, e.g. runs/demo.")],
    encoder: Annotated[
        str | None, typer.Option(help="An encoder of the run, or random; else the one with the best scores.")
    ] = None,
    among: Annotated[
        list[str] | None,
        typer.Option("--in", metavar="SET", help="Images to search, may be repeated; test: the run's test lenses."),
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Neighbours of each image.")] = 10,
    pixel_scale: Annotated[
        float | None, typer.Option(help="Pixel of all images [arcsec]; else from the files.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write; else similar/NAME in the run.")] = None,
) -> None:
    """Find the nearest neighbours of images by the features of a run's encoder, and how usual each image is.

    Without --in they are searched among the run's test lenses. Writes similar.csv and similar.png.
    """
    if pixel_scale is not None and not 0 < pixel_scale < float("inf"):
        raise LenStreamError(f"--pixel-scale must be a positive number of arcseconds, got {pixel_scale:g}")
    _refuse_no_run(run)
    if out is not None:
        _refuse_file(out)
    from ..progress import say_when_compiling
    from ..retrieving import similar as find

    say_when_compiling()
    find(run, images, encoder, among or (), n, pixel_scale, out)


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Folders of runs, e.g. runs/a runs/b.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("comparison"),
) -> None:
    """Set runs side by side: scores in one table, metrics against labels, where their configs differ.

    Writes comparison.csv, comparison.png and compare.html. Runs that share test lenses are compared lens by lens.
    """
    for run in runs:
        _refuse_no_run(run)
    _refuse_file(out)
    from ..comparing import compare as set_side_by_side

    set_side_by_side(runs, out)


def _refuse_no_run(run: Path) -> None:
    if (said := suggestions.about_run(run)) is not None:
        raise LenStreamError(said)


def _refuse_file(out: Path) -> None:
    if (file := next((place for place in (out, *out.parents) if place.is_file()), None)) is not None:
        raise LenStreamError(f"--out {out}: {file} is a file; expected a folder to write to")
