"""The Python in the README and in docs/ runs as it stands, links lead somewhere, and generated pages are complete."""

import importlib.util
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs").glob("datasets/*.md"))]
DATASETS = ROOT / "docs" / "datasets.md"  # whose Python reads what its commands write
OWN = ROOT / "docs" / "own_images.md"  # whose Python writes the images that its command reads
POSTERIORS = ROOT / "docs" / "posteriors.md"  # whose Python reads what its commands write
WITH_PYTHON = [page for page in PAGES if "```python" in page.read_text() and page not in (DATASETS, OWN, POSTERIORS)]

SMALL_RUN = ["pretrain.steps=1", "pretrain.encoders.simsiam=null", "pretrain.encoders.stream_supervised=null"]
SMALL_RUN += ["evaluate.umap=false", "evaluate.n_labels=[20]", "evaluate.seeds=1", "evaluate.n_test=20"]


def run(page):
    """The names that a page's Python blocks leave behind."""
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        exec(block, names)
    return names


def load(name):
    """A module of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written(pattern):
    """What a pattern matches in the pages of the repository: {match: names of pages}."""
    pages = [*PAGES, *(ROOT / n for n in ("CONTRIBUTING.md", "CHANGELOG.md")), *ROOT.glob("data_cards/*.md")]
    matches = {}
    for page in pages:
        for match in re.findall(pattern, page.read_text(), re.MULTILINE):
            matches.setdefault(match, []).append(page.name)
    return matches


@pytest.fixture(scope="module")
def generate():
    return load("generate")


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda p: p.name)
def test_python_blocks_run(page):
    assert run(page), page


def test_the_page_of_datasets_runs_from_top_to_bottom(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    from lenstream.run_pipeline import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    names, commands = {}, 0
    for language, block in re.findall(r"```(\w*)\n(.*?)```", DATASETS.read_text(), re.DOTALL):
        if language == "python":
            exec(block, names)
        for line in [] if language else block.splitlines():
            with pytest.raises(SystemExit) as ended:
                main(shlex.split(line, comments=True)[1:])
            assert ended.value.code == 0, line
            commands += 1
    assert commands == 7
    assert names["batch"]["images"].shape == (32, 1, 1, 32, 32)
    assert names["pairs"][0]["index"] == names["pairs"][1]["index"] and len(names["pairs"]) == 80
    assert names["data"].sizes["system"] == 200 and 0 < names["bright"].sizes["system"] < 200


def test_the_page_of_own_images_runs(tmp_path, monkeypatch):
    from lenstream.run_pipeline import main

    monkeypatch.chdir(tmp_path)
    run(OWN)
    (command,) = re.findall(r"```\n(lenstream .*?)\n```", OWN.read_text(), re.DOTALL)
    with pytest.raises(SystemExit) as ended:
        main([*shlex.split(command)[1:], "pretrain.steps=1", "evaluate.umap=false"])
    assert ended.value.code == 0
    rows = (tmp_path / "runs" / "mine" / "results.csv").read_text().splitlines()
    assert {row.split(",")[3] for row in rows[1:]} == {"20", "80", "160"}


def test_the_page_of_posteriors_runs_from_top_to_bottom(tmp_path, monkeypatch):
    pytest.importorskip("zuko")
    from lenstream.evaluate.tasks import posterior_heads
    from lenstream.run_pipeline import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(posterior_heads, "STEPS", 10)
    (tmp_path / "my_lenses").mkdir()
    image = np.random.default_rng(0).normal(0, 0.02, (32, 32))
    header = fits.Header({"PIXSCALE": 0.15})
    fits.HDUList([fits.PrimaryHDU(header=header), fits.ImageHDU(image, name="IMAGE")]).writeto("my_lenses/a.fits")
    names = {}
    for language, block in re.findall(r"```(\w*)\n(.*?)```", POSTERIORS.read_text(), re.DOTALL):
        if language == "python":
            exec(block, names)
            continue
        small = SMALL_RUN if block.startswith("lenstream run") else []
        with pytest.raises(SystemExit) as ended:
            main([*shlex.split(block)[1:], *small])
        assert ended.value.code == 0, block
    assert names["samples"].shape == (1, 500, 4) and names["drawn"].shape == (20, 100, 4)
    assert np.isfinite(names["density"]).all()
    assert (tmp_path / "runs" / "posteriors" / "figures" / "calibration.png").stat().st_size > 1000
    assert "Can the posteriors be trusted?" in (tmp_path / "runs" / "posteriors" / "report.html").read_text()


@pytest.mark.parametrize("page", [ROOT / "docs" / "judging.md"], ids=lambda page: page.name)
def test_commands_of_pages_on_judging_run(page, tmp_path, monkeypatch):
    from lenstream.run_pipeline import main

    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"```\n(lenstream .*?)\n```", page.read_text(), re.DOTALL)
    for command in commands:
        with pytest.raises(SystemExit) as ended:
            main([*shlex.split(command)[1:], *SMALL_RUN])
        assert ended.value.code == 0, command
    assert commands


def test_the_pages_that_show_python_are_tested():
    assert {"README.md", "tutorial.md", "simulator.md", "training.md", "bridge.md", "gpu.md"} <= {
        page.name for page in WITH_PYTHON
    }


def test_the_readmes_images_are_what_it_says():
    names = run(ROOT / "README.md")
    assert names["images"].shape == (1000, 2, 48, 48)
    np.testing.assert_array_equal(names["batch"].images[:, :, 0].numpy(), names["images"][:128])


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    assert len(links) >= 4 or page.name != "README.md"
    for link in links:
        assert (page.parent / link).exists() or link.startswith("_generated/"), link


def test_generated_pages_that_are_linked_are_generated(generate, tmp_path):
    generate.write(tmp_path)
    for page in PAGES:
        for link in re.findall(r"_generated/([\w/.]+\.md)", page.read_text()):
            assert (tmp_path / link).is_file(), f"{page.name}: {link}"
    index = (ROOT / "docs" / "index.md").read_text()
    for name in re.findall(r"^_generated/(\S+)$", index, re.MULTILINE):
        assert (tmp_path / f"{name}.md").is_file(), name
    copied = [(page, link) for page in tmp_path.glob("*.md") for link in re.findall(r"\]\(([^)#:]+)", page.read_text())]
    assert len(copied) >= 4
    for page, link in copied:  # which stand in docs/_generated
        place = (ROOT / "docs" / "_generated" / link).resolve()
        assert place.exists() or (tmp_path / link).exists(), f"{page.name}: {link}"


def test_the_card_of_a_recipe_has_its_picture(generate, tmp_path, monkeypatch):
    assert "](tiny.png)" in generate.with_picture(ROOT / "data_cards" / "tiny.md")
    assert "](hst_334.png)" not in generate.with_picture(ROOT / "data_cards" / "hst_334.md")
    program = load("recipe_pictures")
    monkeypatch.setattr(program.recipe_cards, "cards", lambda: {"tiny": None, "hst_334": None})
    program.draw_all(tmp_path)
    (picture,) = (tmp_path / "data_cards").iterdir()
    assert picture.name == "tiny.png" and picture.stat().st_size > 20_000


def test_the_page_of_surveys_has_a_small_picture_of_each_and_a_row(tmp_path):
    program, page = load("survey_pictures"), (ROOT / "docs" / "surveys.md").read_text()
    for name in program.SURVEYS:
        assert f"](surveys/{name}.png)" in page and f"| `{name}` |" in page
        assert (ROOT / "docs" / "surveys" / f"{name}.png").stat().st_size < 150_000
    program.picture("roman_f106", tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").stat().st_size > 20_000


def test_every_key_of_a_config_is_explained(generate):
    from lenstream.configs.schema import Config

    text, found = generate.configuration(), generate.sections(Config)
    assert {"Config", "EPL", "INTERPOL", "Distribution", "Pretrain", "RealLenses"} <= {s.__name__ for s in found}
    for section in found:
        for name, field in section.model_fields.items():
            assert re.search(rf"\| `{name}` \|.*{re.escape(field.description.replace('|', chr(92) + '|'))}", text), name


def test_units_ranges_and_defaults_are_those_of_the_schema(generate):
    pages = generate.profiles() + generate.configuration()
    assert "| arcsec | ≥ 1e-05, ≤ 100,000 |" in pages and "100000" not in pages
    assert "(2 = isothermal) |  | ≥ 1.05, ≤ 2.95 | `2.0` |" in pages
    assert (
        "| `pixel_scale` | number | size of a pixel; empty: the instrument's | arcsec | > 0, ≤ 100 | empty |" in pages
    )
    assert "| `name` | text | name of the run and of its folder under runs/ |  |  | **needed** |" in pages


def test_every_module_is_on_a_page(generate):
    listed = [m for modules in generate.modules_by_room().values() for m in modules]
    packages = ("command_line", "configs", "evaluate", "files", "simulate", "ssl")
    files = [*ROOT.glob("*.py"), *(f for p in packages for f in (ROOT / p).rglob("*.py"))]
    names = {".".join(("lenstream", *f.relative_to(ROOT).with_suffix("").parts)) for f in files}
    assert sorted(listed) == sorted(names - {"lenstream.__init__"})


def test_docstrings_become_text_without_markup_of_their_own():
    restructured = load("docstrings").restructured
    docstring = """Images of `n` systems with |e| < 1 and x * y; see lens_light_.

    Args:
        a: one
            more
        b: `two`.

    Returns: `x`. Raises: DataError if it is damaged.
    """
    assert restructured(docstring.splitlines()) == [
        "Images of \\ ``n``\\  systems with \\|e\\| < 1 and x \\* y; see lens_light\\_.",
        "",
        "**Args:**",
        "",
        "- **a**: one more",
        "- **b**: \\ ``two``\\ .",
        "",
        "**Returns:** \\ ``x``\\ .",
        "",
        "**Raises:** DataError if it is damaged.",
        "",
    ]


def test_commands_and_recipes_that_are_named_exist():
    from lenstream.configs.recipes import available, reproductions
    from lenstream.run_pipeline import app

    commands = {command.name or command.callback.__name__ for command in app.registered_commands} | {"help"}
    named = written(r"(?:^|`|\) |\d )lenstream (\w+)(?: (?:--show )?(\w+))?")
    assert len(named) > 10
    for (command, recipe), pages in named.items():
        assert command in commands, (command, pages)
        if command not in (
            "inspect",
            "verify",
            "repair",
            "extend",
            "similar",
            "compare",
            "import",
        ):  # which take a path
            assert recipe in ("", "RECIPE", "NAME", "COMMAND", *available(), *reproductions()), (recipe, pages)


def test_files_that_are_named_exist():
    rooms = "tests|docs|benchmarks|configs|data_cards|files|simulate|ssl|evaluate"
    named = written(rf"[`\s]((?:{rooms})/[\w/.]*?|[\w/]+\.(?:py|cff|toml|txt|yml))[`\s:),;]")
    assert len(named) > 30
    for name, pages in named.items():
        path = ROOT / name.rstrip(".")
        to_come = ("NAME" in name and path.parent.is_dir()) or name in (
            *("how_read.txt", "notes.txt"),  # of a prediction, and a file that is none of a dataset's
        )
        assert path.exists() or path.with_suffix(".py").exists() or to_come or "_build" in name, (name, pages)


def test_modules_and_functions_that_are_named_exist():
    named = written(r"(?:from|import|`) ?(lenstream(?:\.\w+)+)(?: import (.*?)(?: +#.*)?$)?")
    assert len(named) > 5
    for (dotted, imported), pages in named.items():
        parts = dotted.split(".")
        depth = max(k for k in range(1, len(parts) + 1) if _is_module(".".join(parts[:k])))
        place = importlib.import_module(".".join(parts[:depth]))
        for name in parts[depth:] + [n.strip() for n in imported.split(",") if n]:
            assert hasattr(place, name), (dotted, name, pages)


def _is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
