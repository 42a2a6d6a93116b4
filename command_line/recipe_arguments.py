"""The arguments of commands that take a recipe with changes, and the config that they stand for."""

from typing import Annotated, Any

import typer

Recipe = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A recipe that comes with LenStream (`lenstream recipes` lists them), or a YAML file.",
    ),
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

    settings = load(recipe, overrides or ())
    if scale == "full":
        return settings
    from ..configs.scale import tiny

    return tiny(settings)
