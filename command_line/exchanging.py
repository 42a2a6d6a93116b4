"""The command that takes a lens from another program: import."""

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Make this command of an app."""
    app.command("import", short_help="Print a COOLEST file of another program as a config.")(import_coolest)


def import_coolest(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A template of COOLEST, NAME.json.")],
) -> None:
    """Print a lens system of a COOLEST file as a config, all of whose systems are that one.

    What in the file has no counterpart is said in a sentence each.
    """
    import yaml

    from ..configs.load import check
    from ..simulate.exchange.coolest_config import coolest_section
    from .invocation import say_done

    section, said = coolest_section(file)
    config = {"name": file.stem, "simulate": section}
    check(config, str(file))
    print(yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120), end="")
    for sentence in said:
        say_done(f"{file}: {sentence}")
