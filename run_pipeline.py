"""The command line of LenStream: run, predict, similar, compare, preview, simulate, inspect and others (see --help).

Results (tables, YAML, BibTeX, paths of what was made) go to stdout, all else to stderr.
"""

import shutil
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from lenstream.command_line import datasets, exchanging, inspecting, looking_back, reproductions, suggestions
from lenstream.command_line.invocation import invoke, say_done
from lenstream.command_line.recipe_arguments import Overrides, Recipe, Scale, loaded
from lenstream.errors import LenStreamError

app = typer.Typer(
    help="Simulate strong lenses on the fly, pre-train encoders on the stream, measure what they know of the lens.",
    epilog="""\b
To begin:
  lenstream preview demo          draw simulated lenses: seconds
  lenstream config demo seed=2    check a recipe with a change, print its keys
  lenstream run demo              train, evaluate, report: minutes on a CPU

\b
With any command, before or behind it:
  -h, --help     what it does and takes
  -q, --quiet    only results and errors
  -v, --verbose  also what is read, and the time of each stage

\b
Results go to stdout, messages to stderr. Exit codes: 0 done, 1 the output or
a file cannot be written, 2 something given is wrong (said in a sentence),
128 + its number after a signal (Ctrl-C: 130): the same command continues.""",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

datasets.add_to(app)
inspecting.add_to(app)
looking_back.add_to(app)
exchanging.add_to(app)

STAGES = {  # command -> the last stage of `pipeline.run` that it goes through, what it does, and that in a few words
    "run": (
        "report",
        "Do everything: pre-train the encoders, evaluate them, draw figures, predict real lenses, write the report.",
        "Do everything, from pre-training to the report.",
    ),
    "pretrain": ("pretrain", "Only pre-train the encoders of a recipe.", None),
    "evaluate": (
        "evaluate",
        "Pre-train what is not yet trained, and evaluate; no figures and no report.",
        "Pre-train and evaluate; no report.",
    ),
}


def _through(stage):
    """The command that carries a recipe through to the end of a stage."""

    def command(
        recipe: Recipe,
        overrides: Overrides = None,
        runs: Annotated[Path, typer.Option(help="Folder that holds the runs.")] = Path("runs"),
        scale: Scale = "full",
        overwrite: Annotated[bool, typer.Option("--overwrite", help="Delete a run of this name first.")] = False,
        extend: Annotated[
            int | None,
            typer.Option(min=1, help="Steps to add to a run, beside those it was begun with; results are made anew."),
        ] = None,
    ):
        if reproductions.is_reproduction(recipe):
            reproductions.carry_out(recipe, overrides or (), runs, scale, overwrite, stage, extend)
            return
        settings = loaded(recipe, overrides, scale)
        if scale == "full" and (said := suggestions.about_renamed(recipe, settings.name, runs, overrides or ())):
            raise LenStreamError(said)
        from lenstream import pipeline
        from lenstream.progress import say_when_compiling

        say_when_compiling()
        pipeline.run(settings, runs, overwrite, until=stage, extend=extend)

    return command


for _name, (_stage, _help, _short) in STAGES.items():
    app.command(_name, help=_help, short_help=_short)(_through(_stage))


@app.command(short_help="Predict the parameters of real lenses with a finished run.")
def predict(
    run: Annotated[Path, typer.Option(help="A finished run, e.g. runs/demo.")],
    images: Annotated[
        list[Path],
        typer.Option(
            metavar="PATH", help="FITS cut-outs centred on a lens each, or any data set of images; may be repeated."
        ),
    ],
    more: Annotated[list[Path] | None, typer.Argument(metavar="IMAGES", help="Further images.")] = None,
    catalogue: Annotated[Path | None, typer.Option(help="Table with published values, by name.")] = None,
    pixel_scale: Annotated[
        float | None, typer.Option(help="Pixel of the images [arcsec]; else from the files.")
    ] = None,
    lens_light: Annotated[
        Literal["subtract", "fit", "fit_all", "as_is"],
        typer.Option(help="subtract LENSLIGHT; fit the galaxy where there is none; fit_all; or leave it in."),
    ] = "subtract",
    frame: Annotated[
        Literal["array", "north_east"],
        typer.Option(help="Of e1, e2 and angles: the array's, or North and East by WCS."),
    ] = "array",
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=COLUMN", help="What a column of the catalogue holds, e.g. theta_E=b_SIE; may be repeated."
        ),
    ] = None,
    catalogue_frame: Annotated[
        Literal["array", "north_east"] | None,
        typer.Option(help="Of the catalogue's e1, e2 and angles, if not as named."),
    ] = None,
    angle_unit: Annotated[
        Literal["deg", "rad"] | None, typer.Option(help="Of the catalogue's angles, if not as named.")
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npz", help="File for samples of the posteriors, of a run that learnt such."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder for COOLEST files, DS9 regions, ECSV and VOTable tables."),
    ] = None,
    refine: Annotated[bool, typer.Option("--refine", help="Fit each lens with the simulator, too.")] = False,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE", help="Where fits begin: network (the default), population, or a folder of COOLEST files."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write; else predictions/FOLDER in the run.")] = None,
):
    """Predict theta_E, e1, e2, ... of real lenses with a finished run, beside published values if there are any.

    A run that learnt posteriors (evaluate.protocols gaussian or flow) gives intervals, too, and samples.
    What is doubtful about a lens stands in the column flags, and in one sentence for each flag.
    """
    from lenstream import pipeline
    from lenstream.configs.schema import RealLenses
    from lenstream.progress import say_when_compiling

    if pixel_scale is not None and not 0 < pixel_scale < float("inf"):
        raise LenStreamError(f"--pixel-scale must be a positive number of arcseconds, got {pixel_scale:g}")
    if (said := suggestions.about_run(run)) is not None:
        raise LenStreamError(said)
    columns = {}
    for pair in column or ():
        name, equals, held = pair.partition("=")
        if not (name and equals and held):
            raise LenStreamError(f"--column {pair}: expected NAME=COLUMN, e.g. theta_E=b_SIE")
        columns[name] = held
    given = [str(path) for path in (*images, *(more or ()))]
    lenses = RealLenses(
        images=given[0] if len(given) == 1 else given,
        catalogue=None if catalogue is None else str(catalogue),
        pixel_scale=pixel_scale,
        lens_light=lens_light,
        frame=frame,
        columns=columns,
        catalogue_frame=catalogue_frame,
        angle_unit=angle_unit,
    )
    say_when_compiling()
    if start is not None and not refine:
        raise LenStreamError(f"--start {start} says where fits begin, which --refine makes; expected both or neither")
    pipeline.predict(run, lenses, out, samples, export, (start or "network") if refine else None)


@app.command(short_help="Refine the estimates of a finished run with the simulator.")
def refine(
    run: Annotated[Path, typer.Option(help="A run that is evaluated, e.g. runs/demo.")],
    lenses: Annotated[int | None, typer.Option(min=10, help="Test lenses, the first ones (default 100).")] = None,
    proposals: Annotated[
        int | None, typer.Option(min=1, help="Lenses that are looked at around each prediction (default 32).")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder for COOLEST files, DS9 regions and scripts for lenstronomy."),
    ] = None,
):
    """Carry the predictions of a run's encoders to the maximum of the posterior, by the simulator and all pixels.

    It does so from every encoder, and from the population alone; how often each leads to within the information limit
    is printed, and stands in the report, which is drawn anew. Stopped, the same command goes on.
    """
    if (said := suggestions.about_run(run)) is not None:
        raise LenStreamError(said)
    from lenstream.progress import say_when_compiling
    from lenstream.refine_run import refine as carry_out

    say_when_compiling()
    carry_out(run, lenses, proposals, export)


@app.command(short_help="Draw simulated lenses and histograms of their parameters.")
def preview(
    recipe: Recipe,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="The picture to write.")] = Path("preview.png"),
):
    """Draw a contact sheet of simulated lenses with the histograms of their parameters."""
    settings = loaded(recipe, overrides)
    from lenstream.evaluate.show.preview import preview as draw
    from lenstream.progress import say_when_compiling

    say_when_compiling()
    for line in draw(settings, out):
        print(line)


@app.command(short_help="See the image of one system change as its parameters move.")
def explore(
    recipe: Recipe,
    overrides: Overrides = None,
    port: Annotated[int, typer.Option(help="Of the page on this machine; 0: any free one.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
):
    """Serve a page on this machine with a slider for every parameter of one system, until Ctrl-C.

    It shows the image, its error, critical curves and caustics, redrawn as a slider moves. On a remote machine, choose
    a port with --port and forward it: ssh -L 5006:127.0.0.1:5006 HOST.
    """
    settings = loaded(recipe, overrides)
    from lenstream.evaluate.show.explore import explore as serve
    from lenstream.progress import say_when_compiling

    say_when_compiling()
    serve(settings, port, browser)


@app.command(short_help="Check a config without training, and print it.")
def config(
    recipe: Annotated[
        str | None, typer.Argument(metavar="RECIPE", help="A recipe or YAML file to check and print.")
    ] = None,
    overrides: Overrides = None,
    show: Annotated[
        str | None, typer.Option("--show", metavar="RECIPE", help="One to print only, without the checks.")
    ] = None,
    keys: Annotated[
        bool,
        typer.Option("--keys", help="List every key with its default and meaning, or those that begin as given."),
    ] = False,
    runs: Annotated[Path, typer.Option(help="Folder that would hold the run.")] = Path("runs"),
):
    """Check a config as `run` does before it trains, and print it with all its defaults and what every key means.

    With --keys, list the keys there are: `config --keys pretrain` those of a section, `config --keys num_pix` one.
    """
    if keys:
        _list_keys([*([recipe] if recipe else []), *(overrides or [])])
        return
    from lenstream.configs.load import show as text

    if reproductions.is_reproduction(show or recipe):
        given = [*([recipe] if show and recipe else []), *(overrides or [])]
        reproductions.print_configs(show or recipe, given, runs, checked=show is None)
        return
    if show is not None:
        print(text(loaded(show, [*([] if recipe is None else [recipe]), *(overrides or [])])), end="")
        return
    if recipe is None:
        raise LenStreamError("config: name a recipe or YAML file to check, e.g. demo, or one to print: --show demo")
    settings = loaded(recipe, overrides)
    from lenstream import before_training

    before_training.check(settings, runs / settings.name)
    print(text(settings), end="")
    say_done(f"{settings.name}: checked, nothing is wrong")


def _list_keys(prefixes):
    """Print the keys that begin with one of the prefixes; all without one."""
    from lenstream.configs import key_list

    found = [key for prefix in prefixes for key in key_list.below(prefix)] if prefixes else key_list.every_key()
    for line in key_list.in_words(list(dict.fromkeys(found))):
        print(line)


@app.command(short_help="List the recipes that come with LenStream.")
def recipes():
    """List the recipes, by job: instrument, pixels, network, steps, rough cost of pre-training, and what each is.

    The cost is from the network's operations, on two cores or on one GPU of a data centre; simulating takes longer
    where lenses are costly.
    """
    from lenstream.configs.recipe_table import table

    print(table(shutil.get_terminal_size().columns if sys.stdout.isatty() else None), end="")


@app.command(short_help="Print BibTeX of what to cite for a recipe or run.")
def cite(
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="RECIPE", help="A recipe, a YAML file or a run's folder; without it, everything."),
    ] = None,
    overrides: Overrides = None,
):
    """Print BibTeX of what to cite: LenStream, and the profiles, methods and libraries that a recipe or run uses."""
    from lenstream import citations

    if recipe is None:
        uses = citations.everything()
    elif reproductions.is_reproduction(recipe):
        uses = reproductions.cited(recipe, overrides or ())
    else:
        of_run = Path(recipe) / "config.yaml"
        uses = citations.used(loaded(str(of_run) if of_run.is_file() else recipe, overrides))
    print(citations.bibtex(uses), end="")


def _print_version(wanted: bool):
    if wanted:
        from importlib.metadata import version

        print(f"lenstream {version('lenstream')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
    install_completion: Annotated[
        bool, typer.Option("--install-completion", help="Have bash, zsh or fish complete commands, recipes and keys.")
    ] = False,
    show_completion: Annotated[
        bool, typer.Option("--show-completion", help="Print what --install-completion [SHELL] would install.")
    ] = False,
):
    """Options of `lenstream` itself, before any command; `command_line.invocation` answers those about completion."""


def main(arguments=None):
    """Run the command line; errors that are the user's to mend end with one sentence each and exit code 2.

    The exit code is 1 if stdout cannot take the results or a file cannot be written, 130 after Ctrl-C, 143 after
    SIGTERM, 129 after SIGHUP. `arguments`: those of the process if None.
    """
    sys.exit(invoke(app, arguments, continuing=(*STAGES, *datasets.CONTINUING)))


if __name__ == "__main__":
    main()
