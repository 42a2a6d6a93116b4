"""Write the reference pages that follow from the code: configuration keys, profiles, recipes, command line, API."""

import inspect
import re
import typing
from pathlib import Path

import typer
import yaml
from pydantic_core import PydanticUndefined

import lenstream
from lenstream.configs import key_list, recipe_cards, recipes
from lenstream.configs.components import Deflector, Light
from lenstream.configs.key_list import LONGEST_DEFAULT, sections_in
from lenstream.configs.recipe_table import about
from lenstream.configs.schema import Config
from lenstream.run_pipeline import app

ROOT = Path(lenstream.__file__).parent
ROOMS = {  # a page of the API each: the folders below it, in the order of imports
    "Errors, progress, citations": (
        "errors.py",
        "ahead.py",
        "progress.py",
        "extras.py",
        "locking.py",
        "openmp.py",
        "signals.py",
        "bibliography.py",
        "citations.py",
    ),
    "simulate/profiles: mass and light": ("simulate/profiles",),
    "files: reading data": ("files",),
    "configs: settings and recipes": ("configs",),
    "simulate/core: numerics": ("simulate/core",),
    "simulate/galaxies: images of galaxies": ("simulate/galaxies",),
    "simulate/detector: from flux to pixels": ("simulate/detector",),
    "simulate/systems: parameters": ("simulate/systems",),
    "simulate: images, labels, stream": ("simulate/*.py",),
    "simulate/cpu: kernels": ("simulate/cpu",),
    "simulate/gpu: kernels": ("simulate/gpu",),
    "simulate/exchange: other programs": ("simulate/exchange",),
    "simulate/archive: datasets on disk": ("simulate/archive",),
    "ssl: pre-training": ("ssl/*.py", "ssl/methods"),
    "evaluate: encoders judged": ("evaluate/*.py", "evaluate/tasks"),
    "evaluate/fitting: lenses fitted": ("evaluate/fitting",),
    "evaluate/show: figures and report": ("evaluate/show",),
    "evaluate/real: real lenses": ("evaluate/real",),
    "Runs and the command line": ("[!_]*.py", "command_line"),
}
COPIED = ("benchmarks/*.md", "data_cards/*.md", "CONTRIBUTING.md", "CHANGELOG.md")


def write(folder):
    """Write all pages into a folder; a page that has not changed is left alone, so that Sphinx need not read it."""
    pages = {
        "configuration.md": configuration(),
        "profiles.md": profiles(),
        "recipes.md": recipe_table(),
        "command_line.md": command_line(),
        "api/index.md": public_api(),
    }
    pages |= {f"api/{slug(title)}.md": room(title, modules) for title, modules in modules_by_room().items()}
    for pattern in COPIED:
        for path in sorted(ROOT.glob(pattern)):
            pages[str(path.relative_to(ROOT))] = relinked(with_picture(path))
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    for path in folder.rglob("*.md"):
        if str(path.relative_to(folder)) not in pages:
            path.unlink()


def with_picture(path):
    """A page of the root without its YAML; that of a recipe's card with its picture, which recipe_pictures.py draws."""
    text = recipe_cards.body(path.read_text())
    if path.parent.name != "data_cards" or path.stem not in recipes.available():
        return text
    title, rest = text.split("\n", 1)
    return f"{title}\n\n![Images of {path.stem}, and histograms of its labels]({path.stem}.png)\n{rest}"


def relinked(text):
    """A page of the root with its links to pages in docs/ as they are from docs/_generated/."""
    return text.replace("](docs/", "](../")


def table(head, rows):
    """A Markdown table."""
    cells = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(c).replace("|", r"\|") for c in row) + " |\n" for row in cells)


def slug(title):
    return re.sub(r"[^a-z]+", "-", title.lower()).strip("-")


def configuration():
    """Every section of the schema, with every key's meaning, unit, range and default."""
    text = (
        "# Every key of a config\n\n"
        "A config is YAML; `lenstream config --show RECIPE` prints one with all its defaults. A key that says "
        "*number or distribution* takes either, see [distributions](#distribution). A key without a default has to be "
        "given. Unknown keys are errors.\n\n"
    )
    return text + "".join(section_page(s) for s in sections(Config))


def sections(first):
    """A section and all that can stand in it, each once, in the order of first mention."""
    known, waiting = [], [first]
    while waiting:
        section = waiting.pop(0)
        if section not in known:
            known.append(section)
            waiting += [s for f in section.model_fields.values() for s in sections_in(f.annotation)]
    return known


def section_page(section):
    first, _, rest = inspect.cleandoc(section.__doc__ or "").partition("\n\n")
    rows = [
        (f"`{name}`", values(field), field.description, unit(field), limits(field), default(field))
        for name, field in section.model_fields.items()
    ]
    head = ("key", "takes", "meaning", "unit", "range", "default")
    return f"({slug(section.__name__)})=\n## {section.__name__}\n\n{first}\n\n{rest}\n\n{table(head, rows)}\n"


def unit(field):
    given = (field.json_schema_extra or {}).get("unit", "-")
    return "" if given == "-" else given


def limits(field):
    """The range of a key in words: that of a drawn parameter, or pydantic's limits."""
    return key_list.limits(field, ("≥", ">", "≤", "<"))


def default(field):
    value = key_list.default_of(field)
    if value is PydanticUndefined:
        return "**needed**"
    if value is None or value == "":
        return "empty"
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).replace("\n...", "").strip()
    return f"`{text}`" if len(text) <= LONGEST_DEFAULT else "see the section"


def values(field):
    """What a key allows, in words, sections as links."""
    return key_list.takes(field.annotation, lambda s: f"[{s.__name__}](#{slug(s.__name__)})", lambda w: f"`{w}`")


def profiles():
    """Mass and light profiles with their parameters."""
    text = (
        "# Profiles\n\n"
        "Names, parameters, units and conventions are lenstronomy's. Each can be a number or a "
        "[distribution](configuration.md#distribution), within its range.\n\n"
    )
    for title, union in (("Mass (`lens_mass`)", Deflector), ("Light (`source`, `lens_light`)", Light)):
        text += f"## {title}\n\n"
        for section in sections_in(union):
            name = typing.get_args(section.model_fields["profile"].annotation)[0]
            rows = [
                (f"`{key}`", f.description, unit(f), limits(f), default(f))
                for key, f in section.model_fields.items()
                if "range" in (f.json_schema_extra or {})
            ]
            others = [k for k, f in section.model_fields.items() if "range" not in (f.json_schema_extra or {})]
            others = ", ".join(f"`{k}`" for k in others if k != "profile")
            link = f"[{section.__name__}](configuration.md#{slug(section.__name__)})"
            meaning = section.model_fields["profile"].description
            text += f"### {name}\n\n{meaning[0].upper()}{meaning[1:]}.\n\n"
            text += table(("parameter", "meaning", "unit", "range", "default"), rows)
            text += f"\nFurther keys, see {link}: {others}.\n\n"
    return text


def recipe_table():
    """The recipes with what their files say first."""
    text = (
        "# Recipes\n\n"
        "For `lenstream run NAME`, `lenstream preview NAME` and `lenstream config --show NAME`. Here is what each file "
        "says first; a data card says what the images are.\n\n"
    )
    rows = []
    for name in recipes.available():
        card = next(c for c, path in recipe_cards.cards().items() if name in recipe_cards.recipes_of(path.read_text()))
        rows.append((f"`{name}`", about(name), f"[{card}](data_cards/{card}.md)"))
    systems = table(("reproduction", "what it is"), [(f"`{n}`", about(n)) for n in recipes.reproductions()])
    beside = f"Published systems, their numbers beside ours ([how](../reproductions.md)):\n\n{systems}"
    return text + table(("recipe", "what it is", "data"), rows) + "\n" + beside


def command_line():
    """What `lenstream COMMAND --help` says of every command."""
    group = typer.main.get_command(app)
    about = group.epilog.replace("\b\n", "")
    text = f"# Command line\n\n{group.help}\n\n```text\n{about}\n```\n\n"
    for name, command in group.commands.items():
        rows = []
        for parameter in command.params:
            called = ", ".join(f"`{o}`" for o in parameter.opts) if parameter.opts[0][0] == "-" else ""
            called = called or f"`{parameter.name.upper()}`"
            given = "**needed**" if parameter.required else parameter.default
            shown = given if isinstance(given, str) else "" if given in (None, False) else f"`{given}`"
            rows.append((called, getattr(parameter, "help", "") or "", shown))
        text += f"## lenstream {name}\n\n{command.help}\n\n{table(('argument', 'meaning', 'default'), rows)}\n"
    return text


def modules_by_room():
    """Dotted names of the modules on each page of the API; every module of the package is on one."""
    pages, seen = {}, {"__init__.py"}
    for title, patterns in ROOMS.items():
        paths = []
        for pattern in patterns:
            paths += sorted(ROOT.glob(pattern if pattern.endswith(".py") else f"{pattern}/*.py"))
        names = [str(p.relative_to(ROOT)) for p in paths]
        pages[title] = [n for n in names if n not in seen]
        seen |= set(names)
    return {
        title: ["lenstream." + n.removesuffix(".py").replace("/", ".") for n in names]
        for title, names in pages.items()
        if names
    }


def room(title, modules):
    text = f"# {title}\n\n"
    for module in modules:
        text += f"## {module.removeprefix('lenstream.')}\n\n"
        text += f"```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n```\n\n"
    return text


def public_api():
    text = (
        "# Python\n\n"
        "The public names, imported from `lenstream`. They keep their names and arguments; all else may change.\n\n"
        "```{eval-rst}\n"
    )
    for name in sorted(lenstream.__all__, key=str.lower):
        directive = "autoclass" if inspect.isclass(getattr(lenstream, name)) else "autofunction"
        text += f".. {directive}:: lenstream.{name}\n"
        text += "   :members:\n" if directive == "autoclass" else ""
        text += "   :no-index:\n\n"
    pages = "".join(f"{slug(title)}\n" for title in modules_by_room())
    return (
        text
        + "```\n\n## By room\n\nIn the order of imports: what stands later may use what stands earlier.\n\n"
        + (f"```{{toctree}}\n:maxdepth: 1\n\n{pages}```\n")
    )
