"""What may be meant by a command line that cannot be followed: commands, options, recipes and changes of a config."""

from collections.abc import Iterable
from pathlib import Path

from ..errors import LenStreamError, nearest, short

OTHER_COMMANDS = {  # what other tools and hasty fingers call a command
    "pretrain": ("train", "fit", "pre-train", "training", "pretraining", "learn"),
    "evaluate": ("eval", "test", "judge", "score", "benchmark", "validate"),
    "predict": ("prediction", "predictions", "infer", "inference", "apply"),
    "simulate": ("generate", "make", "export", "write", "dataset", "datasets"),
    "preview": ("show", "plot", "draw", "sample", "view", "look"),
    "config": ("configs", "configuration", "settings", "check", "print"),
    "recipes": ("recipe", "list", "ls", "experiments"),
    "cite": ("citation", "citations", "bibtex", "references"),
    "run": ("runs", "start", "all", "go", "resume", "continue"),
    "explore": ("explorer", "interactive"),
    "similar": ("neighbours", "neighbors", "retrieve", "search", "nearest", "find"),
    "compare": ("comparison", "diff", "versus", "vs"),
    "inspect": ("describe", "info", "identify", "what", "head", "summary"),
}
OF_CHANGES = ("--set", "--override", "--overrides", "--opt", "--param", "-o", "-D", "-s")  # options of other tools
OF_RECIPES = ("--config", "--recipe", "--config-file", "--config-name", "--yaml", "-c")


def about_command(word: str, commands: Iterable[str]) -> str:
    """The sentence on a word that is no command: what may be meant, or which commands there are."""
    commands = list(commands)
    said = f'No such command "{short(word)}".'
    meant = next((c for c, others in OTHER_COMMANDS.items() if word.lower() in (c, *others) and c in commands), None)
    if meant is not None:
        return f'{said} Did you mean "lenstream {meant}"?'
    from ..configs.recipes import available, reproductions  # here, as few command lines are wrong

    if word in (*available(), *reproductions()) or word.endswith((".yaml", ".yml")):
        return f'{said} Did you mean "lenstream run {short(word)}"?'
    if (Path(word) / "config.yaml").is_file():
        return (
            f'{said} {short(word)} is a run: did you mean "lenstream predict --run {short(word)}", or '
            f'"lenstream run {short(word)}/config.yaml"?'
        )
    return f"{said}{nearest(word, commands) or ' There are ' + ', '.join(commands) + '.'}"


def about_option(option: str, arguments: list[str], known: Iterable[str]) -> str:
    """The sentence on an option that a command does not have.

    Args: option: as given, e.g. "--set". arguments: all of the command line. known: options of the command.
    """
    name, after = _given(option, arguments)
    said = f"No such option: {short(name)}."
    if name in OF_CHANGES or name[:2] == "-D":
        after = f"{name[2:]}={after}" if name[:2] == "-D" != name else after  # -Dseed=2
        return f"{said} Changes are given as they are: {short(after) or 'pretrain.steps=100'}"
    if name in OF_RECIPES:
        return f"{said} A recipe or YAML file is given as it is, after the command: {short(after) or 'demo'}"
    hint = nearest(name, known)
    words = name.lstrip("-").replace("-", "_")
    from ..configs.key_list import below, homes  # here, as few command lines are wrong

    if "." in words:
        try:
            below(words)
        except LenStreamError:
            return said + hint
        return f"{said} A key of the config is changed without dashes: {words}={short(after) or '...'}"
    paths = homes(words)
    if paths and (words in paths or not hint):
        return f"{said} A key of the config is changed by its dotted name: {paths[0]}={short(after) or '...'}"
    return said + hint


def _given(option: str, arguments: list[str]) -> tuple[str, str]:
    """An option as it stands on the command line, and the value behind it; of -extend click names -e alone."""
    name, _, after = option.partition("=")
    at = next((k for k, a in enumerate(arguments) if a.partition("=")[0] == name), None)
    if at is None and len(name) == 2:
        at = next((k for k, a in enumerate(arguments) if a.startswith(name)), None)
    if at is None:
        return name, after
    name, _, after = arguments[at].partition("=")
    following = arguments[at + 1 : at + 2]
    return name, after or next((a for a in following if not a.startswith("-")), "")


def about_changes(changes: Iterable[str], options: Iterable[str]) -> str | None:
    """The sentence on a change such as overwrite=true that is an option of the command; None if there is none."""
    for change in changes:
        name, equals, value = change.partition("=")
        option = "--" + name.strip().lstrip("-").replace("_", "-")
        if equals and option in options:
            as_option = option if value.lower() in ("true", "yes", "on", "1", "") else f"{option} {value}"
            return f"{short(change)}: {option} is an option, not a key of the config; give {short(as_option)}"
    return None


def about_missing(message: str, arguments: list[str]) -> str:
    """A sentence on an argument or option that is missing, with what to give."""
    run = next((a for a in arguments if (Path(a) / "config.yaml").is_file()), None)
    if "'--run'" in message:
        return f"{message} " + (f"Did you mean --run {run}?" if run else "A finished run is given as --run runs/demo.")
    if "'--images'" in message:
        return f"{message} Give cut-outs, or a folder of them: --images my_lenses"
    if "RECIPE" in message:
        return f'{message} "lenstream recipes" lists what comes with LenStream, e.g. demo.'
    return message


def about_renamed(recipe: str, name: str, runs: Path, changes: Iterable[str]) -> str | None:
    """The sentence on the config of a run whose folder has another name now, which would begin a new run; None else.

    Args: recipe: as given. name: in its config, changed or not. runs: the folder of all runs. changes: by dotted key.
    """
    folder = Path(recipe).parent
    is_of_a_run = Path(recipe).name == "config.yaml" and (folder / "environment.json").is_file()
    own = runs / name
    if not is_of_a_run or folder.absolute().name == name or (own.exists() and own.samefile(folder)):
        return None
    if any(change.partition("=")[0].strip() == "name" for change in changes):
        return None
    return (
        f"{recipe} is of a run that was called {name} before its folder was renamed: give "
        f"name={folder.absolute().name} to go on with it, or name={name} to begin another one"
    )


def about_run(run: Path) -> str | None:
    """The sentence on a folder that is no run, where one that is meant is near; None else."""
    if (run / "config.yaml").is_file():
        return None
    for meant in (run.parent, Path("runs") / run, run / "..", Path("runs") / run.name):
        if meant.name not in ("", "..") and (meant / "config.yaml").is_file():
            return f'{run} is not a run. Did you mean "{meant}"?'
    return None
