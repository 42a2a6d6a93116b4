"""The table of real lenses as readers use it: sorted and filtered by mouse and keyboard, in light and in dark."""

import numpy as np
import pandas as pd
import pytest

from lenstream.evaluate.show.lens_pages import write_lens_pages

from ... import chromium
from .test_lens_pages import MEANINGS, NASTY, picture
from .test_report_in_browser import CONTRASTS, STICKING_OUT

pytestmark = chromium.needed

NAMES = (
    "[...document.querySelectorAll('#table tbody tr')].filter(r => r.checkVisibility()).map(r => r.cells[0].innerText)"
)
HEAD = "[...document.querySelectorAll('[data-column] button')].find(b => b.parentElement.dataset.column === {!r})"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page of five lenses; of one nothing is known but its name."""
    folder = tmp_path_factory.mktemp("lenses")
    names = [*NASTY, "lens 10", "lens 9"]
    table = {"name": names, "theta_E": [1.0, 0.9, np.nan, 10.0, 2.0], "theta_E_std": 0.1}
    table |= {"e1": [-0.2, 0.1, np.nan, 0.0, 0.05], "e1_std": 0.01, "theta_E_published": [1.0, 1.0, 1.0, 9.0, np.nan]}
    table |= {"flags": ["sky;noise", "", "misfit", "", "sky"]}
    picture(folder / "lenses" / "small" / "lens_9.png")
    fit = pd.DataFrame({"name": names[:3], "theta_E": [1.0, 0.9, np.nan], "theta_E_std": 0.01, "flags": ""})
    return write_lens_pages(folder, pd.DataFrame(table), fit, MEANINGS).as_uri()


@pytest.fixture(scope="module")
def browser(address):
    with chromium.start(address, size=(1280, 900)) as page:
        yield page


@pytest.fixture
def page(browser, address):
    browser.emulate(size=(1280, 900), dark=False)
    browser.go("about:blank")
    browser.go(address)
    yield browser
    assert browser.problems == []
    assert {url.split(":")[0] for url in browser.requests} <= {"file", "about"}


def click(page, column):
    page.evaluate(HEAD.format(column) + ".click()")
    return page.evaluate(NAMES)


def test_numbers_are_sorted_as_numbers_and_what_is_missing_comes_last(page):
    a, b, c, ten, nine = page.evaluate(NAMES)
    assert [a, b, c] == NASTY
    assert click(page, "theta_E network") == [ten, nine, a, b, c]
    assert click(page, "theta_E network") == [b, a, nine, ten, c]
    assert page.evaluate(HEAD.format("theta_E network") + ".parentElement.getAttribute('aria-sort')") == "ascending"
    assert click(page, "e1 network") == [b, nine, ten, a, c]
    assert click(page, "name")[-2:] == [nine, ten]  # numbers in names count as such
    assert click(page, "flags")[0] == a
    assert page.evaluate("document.querySelectorAll('[aria-sort]').length") == 1


def test_a_heading_is_sorted_by_keyboard(page):
    page.evaluate(HEAD.format("theta_E network") + ".focus()")
    page.press("Enter")
    assert page.evaluate(NAMES)[0] == "lens 10"


def test_lenses_are_chosen_by_flags_and_by_name_and_are_so_still_on_the_way_back(page, address):
    choose = "(f => {{ f.value = {!r}; f.dispatchEvent(new Event('change')); }})(document.getElementById('which'))"
    shown = {"": 5, "+": 3, "-": 2, "!": 1, "sky": 2, "misfit": 1}
    for value, n in shown.items():
        page.evaluate(choose.format(value))
        assert len(page.evaluate(NAMES)) == n, value
    page.evaluate(choose.format("sky"))
    assert page.evaluate("document.getElementById('shown').innerText") == "2 of 5 shown"
    click(page, "theta_E network")
    page.evaluate("(f => { f.value = 'LENS'; f.dispatchEvent(new Event('input')); })(document.getElementById('named'))")
    assert page.evaluate(NAMES) == ["lens 9"]
    page.evaluate("document.querySelector('tbody a[href*=lens_9]').click()")
    page.wait_for("document.title.startsWith('lens 9')")
    page.evaluate("history.back()")
    page.wait_for("document.title.startsWith('Real lenses')")
    page.wait_for(f"{NAMES}.length === 1")
    assert page.evaluate("document.getElementById('which').value + document.getElementById('named').value") == "skyLENS"
    assert page.evaluate(HEAD.format("theta_E network") + ".parentElement.getAttribute('aria-sort')") == "descending"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_can_be_read_and_a_phone_does_not_scroll_sideways(page, address, dark):
    page.emulate(dark=dark)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = page.evaluate(CONTRASTS)
    assert len(found) > 60 and [line for line in found if line[1] < line[2]] == []
    page.emulate(size=(390, 844), mobile=True)
    assert page.evaluate(STICKING_OUT) == [] and page.evaluate("document.documentElement.scrollWidth") <= 390
    page.go(address.replace("lenses.html", "lenses/_b_a_b_.html"))
    found = page.evaluate(CONTRASTS)
    assert [line for line in found if line[1] < line[2]] == [] and page.evaluate(STICKING_OUT) == []


def test_pictures_beside_the_page_are_shown(page):
    page.wait_for("(i => i.complete && i.naturalWidth === 4)(document.querySelector('td.picture img'))")
