"""The pages of real lenses hold every lens, escape what comes from outside, and work with whatever there is."""

import re
from html import unescape
from urllib.parse import unquote

import pandas as pd
import pytest
from PIL import Image

from lenstream.evaluate.show.lens_pages import headline, lead, write_lens_pages
from lenstream.evaluate.show.lens_rows import lenses

from .test_lens_rows import fitted, predicted

MEANINGS = {"misfit": "the model <leaves> more: look at it", "sky": "the corners are bright"}
NASTY = ["<b>a</b>", 'b "c" 5%', "d&e'#?"]


def words(path):
    html = re.sub(r"<(script|style)\b.*?</\1>", " ", path.read_text(encoding="utf-8"), flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def links(path):
    """The files that a page leads to or shows, relative to it."""
    found = re.findall(r'(?:href|src)="([^"#]+)"', path.read_text(encoding="utf-8"))
    return [(path.parent / unquote(unescape(address))).resolve() for address in found]


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), "red").save(path)


def test_the_page_has_a_row_and_a_page_of_every_lens(tmp_path):
    page = write_lens_pages(tmp_path, predicted(), fitted(), MEANINGS)
    assert page == tmp_path / "lenses.html"
    text = words(page)
    assert "3 lenses, 2 with flags, 1 not fitted" in text and "misfit (1) The model <leaves> more: look at it." in text
    assert "2.100 ± 0.010" in text and "refined" in text
    assert {tmp_path / "lenses" / f"{name}.html" for name in "abc"} <= set(links(page))
    b = words(tmp_path / "lenses" / "b.html")
    assert "About the fit misfit chi2 1.7. The model <leaves> more: look at it." in b
    assert "← a" in b and "c →" in b and "2.100 ± 0.010" in b and "in the frame array" in b
    assert "25.0 % of the pixels" in b
    c = words(tmp_path / "lenses" / "c.html")
    assert "Not fitted" in c and "no meaning is known of this flag" in c.lower()


def test_every_link_leads_somewhere_whatever_a_lens_is_called(tmp_path):
    table = pd.concat([predicted(), predicted().iloc[:1]], ignore_index=True).assign(name=NASTY)
    exports = tmp_path / "my 50% #exports"
    for name in ("_b_a_b_.json", "_b_a_b_.py", "_b_a_b_2.json"):
        exports.mkdir(exist_ok=True)
        (exports / name).write_text("{}")
    (exports / "refined").mkdir()
    (exports / "refined" / "_b_a_b_.json").write_text("{}")
    picture(tmp_path / "lenses" / "small" / "b_c_5_.png")
    write_lens_pages(tmp_path, table, None, MEANINGS, exports)
    seen = list((tmp_path / "lenses").glob("*.html"))
    assert len(seen) == 3
    for page in [tmp_path / "lenses.html", *seen]:
        assert "<b>a" not in page.read_text() and all(path.is_file() for path in links(page))
    first = tmp_path / "lenses" / "_b_a_b_.html"
    written = {exports / "_b_a_b_.json", exports / "_b_a_b_.py", exports / "refined" / "_b_a_b_.json"}
    assert written < set(links(first)) and "lens models: the fit" in words(first)
    assert "<b>a</b>" in words(first) and all(name in words(tmp_path / "lenses.html") for name in NASTY)


def test_pictures_are_loaded_as_they_come_into_sight_and_never_embedded(tmp_path):
    for name in ("a.png", "small/a.png", "small/b.png"):
        picture(tmp_path / "lenses" / name)
    page = write_lens_pages(tmp_path, predicted(), fitted())
    html = page.read_text(encoding="utf-8")
    assert html.count("<img") == 2 == html.count('loading="lazy"') and "data:image" not in html
    folder = tmp_path / "lenses"
    assert folder / "small" / "a.png" in links(page) and folder / "a.png" in links(folder / "a.html")
    assert folder / "small" / "b.png" in links(folder / "b.html")


def test_without_fits_a_picture_of_an_earlier_one_is_not_shown(tmp_path):
    picture(tmp_path / "lenses" / "a.png")
    assert "<img" not in write_lens_pages(tmp_path, predicted()).read_text(encoding="utf-8")
    assert "<img" not in (tmp_path / "lenses" / "a.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("predictions", "refined"),
    [(pd.DataFrame({"name": ["a"]}), None), (None, fitted()), (predicted().drop(columns=["flags", "frame"]), None)],
)
def test_optional_columns_and_either_table_may_be_missing(tmp_path, predictions, refined):
    text = words(write_lens_pages(tmp_path, predictions, refined))
    assert "All lenses" in text and "nan" not in text.lower()


def test_nothing_is_asked_of_a_network(tmp_path):
    page = write_lens_pages(tmp_path, predicted(), fitted(), MEANINGS)
    for path in (page, tmp_path / "lenses" / "a.html"):
        html = path.read_text(encoding="utf-8")
        assert "http" not in html.replace("http-equiv", "") and "default-src 'none'" in html


def test_a_headline_and_a_sentence_on_radii():
    assert headline(lenses(predicted(flags=""))) == "2 lenses, none with a flag"
    assert headline(lenses(predicted().iloc[:1])) == "1 lens, none with a flag"
    assert lead([]) == ""
