"""Read small JSON files that a run keeps for people, and that count as absent if they are damaged."""

import json
import math
from pathlib import Path
from typing import Any


def dictionary(path: Path) -> dict[str, Any]:
    """What a JSON file says; empty if it is absent, damaged, or says something else than names and values."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def finite_numbers(path: Path) -> dict[str, float]:
    """The numbers by name of a JSON file, without what is none."""
    known = dictionary(path).items()
    return {name: float(value) for name, value in known if isinstance(value, int | float) and math.isfinite(value)}
