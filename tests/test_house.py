"""The order of folders: which may import which, no circle of files, no two modules or classes of one name."""

import ast
import graphlib
from collections import Counter, defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# From the ground up: a file may import from its own room and from those above its line, never from one below it.
# Rooms on one line do not know each other.
ORDER = [
    ("errors.py", "openmp.py", "bibliography.py"),
    ("progress.py", "ahead.py", "extras.py", "citations.py", "locking.py"),
    ("signals.py",),
    ("simulate/profiles/",),  # formulas, names, units: all others follow from them, the settings included
    ("files/",),
    ("configs/",),
    ("simulate/core/",),
    ("simulate/moments.py",),
    ("simulate/galaxies/", "simulate/detector/"),
    ("simulate/systems/",),
    ("simulate/kernel_arguments.py",),
    ("simulate/psf_packing.py",),
    ("simulate/packing.py",),
    ("simulate/refinement.py",),
    ("simulate/cpu/",),
    ("simulate/render.py",),
    (
        "simulate/gpu/",
        "simulate/bridge.py",
        "simulate/einstein_radius.py",
        "simulate/lens_equation.py",
        "simulate/critical_curves.py",
    ),
    ("simulate/power_laws.py", "simulate/exchange/"),
    ("simulate/arcs.py",),
    ("simulate/selection.py",),
    ("simulate/labels.py", "simulate/first_image.py"),
    ("simulate/stream.py", "simulate/label_table.py", "simulate/warm_up.py"),
    ("simulate/archive/",),
    ("simulate/dataset.py",),
    ("ssl/",),
    ("evaluate/independent_directions.py", "evaluate/galaxy_shapes.py"),
    ("evaluate/fitting/",),
    ("evaluate/population_prior.py", "evaluate/image_derivatives.py"),
    ("evaluate/shape_derivatives.py",),
    ("evaluate/results.py", "evaluate/limit.py", "evaluate/likeness.py", "evaluate/reconstruction.py"),
    ("evaluate/scored.py", "evaluate/shifts.py"),
    ("evaluate/similar.py",),
    ("evaluate/tasks/", "evaluate/trained_heads.py"),
    ("evaluate/shifted_tests.py",),
    ("evaluate/refining.py",),
    ("evaluate/refining_shifted.py", "evaluate/exporting_refined.py"),
    ("evaluate/kept_heads.py",),
    ("evaluate/training_heads.py",),
    ("evaluate/judged_units.py", "evaluate/scoring_shifted.py"),
    ("evaluate/judge.py",),
    ("evaluate/show/",),
    ("evaluate/real/",),
    ("extending.py", "begun_with.py", "learnable_targets.py"),
    ("images_before_training.py",),
    ("runs.py", "before_training.py"),
    ("loading.py",),
    ("model_cards.py",),
    ("pipeline.py", "after_simulating.py", "inspection.py", "own_images.py"),
    ("retrieving.py", "comparing.py", "reproducing.py", "refine_run.py"),
    ("command_line/",),
    ("run_pipeline.py", "__init__.py"),
]
ROOMS = ("command_line", "configs", "evaluate", "files", "simulate", "ssl")


def package_files(root=ROOT):
    """All source files of the package, relative to its root."""
    found = [p for room in ROOMS for p in (root / room).rglob("*.py")] + list(root.glob("*.py"))
    return sorted(p.relative_to(root).as_posix() for p in found)


def imports_of(file, root=ROOT):
    """The package's files that a file imports: at the top, inside functions, for type checkers, and by a string."""
    folder = (root / file).parent
    for node in ast.walk(ast.parse((root / file).read_bytes())):
        if isinstance(node, ast.Import):
            places = [root.joinpath(*a.name.split(".")[1:]) for a in node.names if a.name.startswith("lenstream.")]
        elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "lenstream"):
            base = [folder, *folder.parents][node.level - 1] if node.level else root
            parts = (node.module or "").split(".") if node.level else node.module.split(".")[1:]
            base = base.joinpath(*filter(None, parts))
            places = [base, *(base / a.name for a in node.names)]
            if base == root and not all(p.is_dir() or p.with_suffix(".py").is_file() for p in places):
                places.append(root / "__init__")  # a public name, which leads to wherever it lives
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isascii():
            words = node.value.removeprefix("lenstream.").strip(".")
            dotted = words.replace(".", "").replace("_", "").isalnum() and "." in words
            places = [root.joinpath(*words.split("."))] if dotted else []
        else:
            continue
        for place in places:
            if place.with_suffix(".py").is_file() and place != root:
                yield place.with_suffix(".py").relative_to(root).as_posix()


def level_and_room(file):
    """Where a file stands in ORDER: the number of the line and the room."""
    found = [(k, room) for k, line in enumerate(ORDER) for room in line if file == room or file.startswith(room)]
    return found[0] if len(found) == 1 else None


@pytest.fixture(scope="module")
def arrows():
    """Every file with the files that it imports."""
    return {file: sorted(set(imports_of(file)) - {file}) for file in package_files()}


def test_every_file_has_a_room():
    assert [f for f in package_files() if level_and_room(f) is None] == []


def test_imports_go_down_only(arrows):
    up = []
    for file, imported in arrows.items():
        level, room = level_and_room(file)
        for other in imported:
            other_level, other_room = level_and_room(other)
            if other_level > level or (other_level == level and other_room != room):
                up.append(f"{file} -> {other}")
    assert up == []


def test_no_circle_of_files(arrows):
    try:
        tuple(graphlib.TopologicalSorter(arrows).static_order())
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_no_two_modules_of_one_name():
    names = Counter(Path(f).stem for f in package_files())
    assert [name for name, count in names.items() if count > 1] == []


def test_no_two_classes_of_one_name():
    where = defaultdict(set)
    for file in package_files():
        for node in ast.walk(ast.parse((ROOT / file).read_bytes())):
            if isinstance(node, ast.ClassDef):
                where[node.name].add(file)
    assert {name: files for name, files in where.items() if len(files) > 1} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from ..high import tower", ["high/tower.py"]),
        ("def f():\n    from ..high.tower import x", ["high/tower.py"]),
        ("import lenstream.high.tower", ["high/tower.py"]),
        ("from lenstream.high import tower as t", ["high/tower.py"]),
        ("import importlib\nimportlib.import_module('lenstream.high.tower')", ["high/tower.py"]),
        ("if TYPE_CHECKING:\n    from lenstream.high.tower import X", ["high/tower.py"]),
        ("from . import cellar", ["low/cellar.py"]),
        ("from .. import public_name", ["__init__.py"]),
        ("def f():\n    from lenstream import public_name", ["__init__.py"]),
        ("from .. import high", []),
        ("import os, json\nfrom pathlib import Path", []),
    ],
)
def test_the_walk_sees_every_kind_of_import(tmp_path, text, found):
    for name in ("__init__.py", "high/tower.py", "low/cellar.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "low" / "room.py").write_text(text)
    assert sorted(set(imports_of("low/room.py", tmp_path))) == found
