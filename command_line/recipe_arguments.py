"""The arguments of commands that take a recipe with changes, and the config that they stand for."""

from typing import Annotated, Any, Literal

import typer

from ..errors import LenStreamError

Recipe = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A recipe that comes with LenStream (`lenstream recipes` lists them), or a YAML file.",
    ),
]
Scale = Annotated[
    Literal["full", "small", "tiny"],
    typer.Option(help="tiny: with a small network and few steps, in CPU minutes; small: a reproduction in some 20."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Changes by dotted key, e.g. pretrain.steps=100; `lenstream config --keys` lists the keys.",
    ),
]


def loaded(recipe: str, overrides: list[str] | None, scale: str = "full") -> Any:
    """The checked config; called before the slow imports, so that a mistake in it is answered at once."""
    from ..configs.load import load
    from ..configs.recipes import reproductions

    if scale == "small":
        there = ", ".join(reproductions())
        raise LenStreamError(f"--scale small is for reproductions ({there}); a recipe is run full or tiny")
    settings = load(recipe, overrides or ())
    if scale == "full":
        return settings
    from ..configs.scale import tiny

    return tiny(settings)
