"""The Python in the README and in docs/ runs as it stands."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def run(page):
    """The names that a page's Python blocks leave behind."""
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        exec(block, names)
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_blocks_run(page):
    assert run(page), page


def test_the_readmes_images_are_what_it_says():
    names = run(ROOT / "README.md")
    assert names["images"].shape == (1000, 2, 48, 48)
    np.testing.assert_array_equal(names["batch"].images[:, :, 0].numpy(), names["images"][:128])


def test_links_in_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert len(links) >= 4
    for link in links:
        assert (ROOT / link).exists(), link


def test_the_readme_names_commands_that_exist():
    from lenstream.run_pipeline import app

    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    used = set(re.findall(r"^lenstream (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert used <= known
