"""The cards in data_cards/: their YAML heads, and the parts that follow from recipes, between two comments.

<!-- from the recipe NAME [KEY=VALUE ...] --> and <!-- end --> stand around what `refreshed` writes, with `: beside
KEY=VALUE` around what differs from the recipe then. `python -m lenstream.configs.recipe_cards` rewrites all cards.
"""

import re
from pathlib import Path

import yaml

from .card_rows import differences, facts
from .load import load

FOLDER = Path(__file__).parents[1] / "data_cards"
_HEAD = re.compile(r"\A---\n(.*?)\n---\n+", re.DOTALL)
_PART = re.compile(r"(<!-- from the recipe ([^\n:]+?)(?:: beside ([^\n]+?))? -->\n).*?(<!-- end -->)", re.DOTALL)


def cards() -> dict[str, Path]:
    """All cards by name, which is a recipe's where the data set is one."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.md"))}


def head(text: str) -> dict:
    """The YAML that a card begins with; empty without one."""
    found = _HEAD.match(text)
    return yaml.safe_load(found[1]) if found else {}


def recipes_of(text: str) -> list[str]:
    """The recipes whose images a card describes, or that are trained on what it describes."""
    return head(text).get("lenstream", {}).get("recipes", [])


def body(text: str) -> str:
    """A card without its YAML."""
    return _HEAD.sub("", text)


def refreshed(text: str) -> str:
    """A card with the parts that follow from recipes as they are now. Raises: ConfigError for an unknown recipe."""
    return _PART.sub(lambda part: part[1] + _generated(part[2], part[3]) + part[4], text)


def section(text: str, title: str) -> str:
    """What stands below a second-level heading of a card; "" if it has none of that title."""
    found = re.search(rf"^## {re.escape(title)}\n+(.*?)(?=^## |\Z)", body(text), re.DOTALL | re.MULTILINE)
    return found[1].strip() if found else ""


def introduction(text: str) -> str:
    """What stands between the title of a card and the first table, list or heading, without comments."""
    found = re.search(r"^# [^\n]*\n+(.*?)(?=^(?:## |\||- |<!--)|\Z)", body(text), re.DOTALL | re.MULTILINE)
    return found[1].strip() if found else ""


def without_parts(text: str) -> str:
    """Markdown without the parts that follow from recipes, and without what announces them."""
    return re.sub(
        r"(?:^[^\n]+:\n\n)?<!-- from the recipe .*?<!-- end -->\n*", "", text, flags=re.DOTALL | re.MULTILINE
    ).strip()


def rewrite() -> list[str]:
    """Bring all cards up to date; returns the names of those that were not."""
    changed = []
    for name, path in cards().items():
        text = path.read_text(encoding="utf-8")
        if refreshed(text) != text:
            path.write_text(refreshed(text), encoding="utf-8")
            changed.append(name)
    return changed


def _generated(recipe, beside):
    name, *overrides = recipe.split()
    config = load(name, overrides)
    if beside is None:
        return facts(config.simulate)
    other = load(name, beside.split())
    return differences((f"mode: {config.mode}", f"mode: {other.mode}"), config.simulate, other.simulate)


if __name__ == "__main__":
    print("\n".join(rewrite()))
