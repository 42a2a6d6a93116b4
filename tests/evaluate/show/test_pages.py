"""Templates of pages: what comes from outside is escaped, and nothing that is missing stays unsaid."""

import jinja2
import pytest

from lenstream.evaluate.show import pages


def test_text_is_escaped_and_a_missing_value_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(pages, "__file__", str(tmp_path / "pages.py"))
    (tmp_path / "a.html.j2").write_text("<p>{{ name }}</p>")
    assert pages.filled("a.html.j2", name="<script>") == "<p>&lt;script&gt;</p>"
    with pytest.raises(jinja2.UndefinedError, match="name"):
        pages.filled("a.html.j2")


def test_an_address_leads_from_a_page_to_a_file(tmp_path):
    assert pages.address(tmp_path / "a b" / "5%#?.html", tmp_path / "c") == "../a%20b/5%25%23%3F.html"
