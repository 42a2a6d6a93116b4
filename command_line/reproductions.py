"""What the commands that take a recipe do with the name of a reproduction, which stands for several runs."""

from collections.abc import Iterable
from pathlib import Path

from ..errors import LenStreamError


def is_reproduction(name: str | None) -> bool:
    """Whether a recipe that is asked for is a reproduction."""
    from ..configs.recipes import reproductions  # here, as --help and --version do without

    return name in reproductions()


def carry_out(
    name: str, overrides: Iterable[str], runs: Path, scale: str, overwrite: bool, stage: str, extend: int | None
) -> None:
    """Do what `lenstream run` does, for all runs of a reproduction. Raises: LenStreamError for what has no meaning."""
    if stage != "report":
        raise LenStreamError(f"{name} is a reproduction, which is done as a whole: lenstream run {name}")
    if extend is not None:
        raise LenStreamError(f"--extend: {name} has several runs; give more steps as pretrain.steps=... instead")
    from ..configs.reproduction import configs
    from ..progress import say_when_compiling

    configs(name, scale, overrides)  # before the slow imports, so that a mistake is answered at once
    from ..reproducing import reproduce

    say_when_compiling()
    reproduce(name, runs, scale, overrides, overwrite)


def print_configs(name: str, overrides: Iterable[str], runs: Path, checked: bool) -> None:
    """Print the config of each run of a reproduction, as that of a recipe; `checked` as before a training."""
    from ..configs.load import show
    from ..configs.reproduction import configs

    found = configs(name, overrides=overrides)
    if checked:
        from ..reproducing import check_runs, planned_runs

        found, _ = planned_runs(name, overrides=overrides)
        check_runs(found, runs / name)
    for run, config in found.items():
        print(f"# {name}: {run}\n{show(config)}")


def cited(name: str, overrides: Iterable[str]) -> dict:
    """What all runs of a reproduction ask to cite, as `citations.used`."""
    from ..citations import used
    from ..configs.reproduction import configs

    uses: dict = {}
    for config in configs(name, overrides=overrides).values():
        uses |= used(config)
    return uses
