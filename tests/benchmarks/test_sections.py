"""A benchmark that is run again replaces its own table only."""

import importlib.util
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "sections.py"
spec = importlib.util.spec_from_file_location("sections", FILE)
sections = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sections)


def test_a_section_takes_the_place_of_its_former_self_or_the_end(tmp_path):
    path = tmp_path / "a.md"
    sections.write(path, ["# One", "", "1"])
    sections.write(path, ["# Two", "", "## part", "2"])
    sections.write(path, ["# One", "", "3", ""])
    assert path.read_text() == "# One\n\n3\n\n# Two\n\n## part\n2\n"
