"""The report as readers open it: in light and dark, on paper, on a phone, by keyboard and with a screen reader.

The pictures are kept in build/report, which git ignores.
"""

import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lenstream.evaluate.show import figures, umap_figure
from lenstream.evaluate.show import report as reports
from lenstream.evaluate.show.refined_figure import RefinedErrors, refined_figure

from ... import chromium
from .test_refined_table import NO_START, refined
from .test_report import results

PICTURES = Path(__file__).resolve().parents[3] / "build" / "report"
TARGETS = ("theta_E", "gamma", "e1", "e2", "gamma1", "gamma2", "center_x", "center_y", "phi_m")  # a wide table
LONG = "J0000+0000_with_a_very_long_name_that_a_survey_gave_to_its_file"

pytestmark = chromium.needed

# Contrast of every text with what is behind it; text on pictures is not looked at. [[text, contrast, needed], ...]
CONTRASTS = """(() => {
  const numbers = c => { const v = c.match(/[\\d.]+/g).map(Number); return v.length < 4 ? [...v, 1] : v; };
  const over = (a, b) => [0, 1, 2].map(k => a[3] * a[k] + (1 - a[3]) * b[k]);
  const light = c => { const l = c.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * l[0] + .7152 * l[1] + .0722 * l[2]; };
  const behind = e => e ? over(numbers(getComputedStyle(e).backgroundColor), behind(e.parentElement)) : [255, 255, 255];
  const out = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, words = walker.currentNode.data.trim();
    if (!words || e.closest("script, style, noscript, option") || !e.checkVisibility()) continue;
    const style = getComputedStyle(e), paper = behind(e), ink = over(numbers(style.color), paper);
    const [low, high] = [light(ink), light(paper)].sort((a, b) => a - b);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    out.push([words, (high + .05) / (low + .05), large ? 3 : 4.5]);
  }
  return out;
})()"""
# Elements of the page, outside of what scrolls by itself, that stand out to the right.
STICKING_OUT = """[...document.querySelectorAll("body *")].filter(e => e.checkVisibility() && !e.closest(".wide, pre")
  && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"""
# Words within names of rows, without spaces, that are broken over two lines.
BROKEN = """[...document.querySelectorAll(".wide th[scope=row]:not(.text)")].filter(e => e.checkVisibility())
  .flatMap(e => [...e.childNodes]).filter(n => n.nodeType === Node.TEXT_NODE && !/\\s/.test(n.data.trim()))
  .filter(n => {
    const range = document.createRange();
    range.selectNodeContents(n);
    return new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1;
  }).map(n => n.data)"""
# Where the k-th lens is in the window.
POINT = """(k => {
  const lenses = Bokeh.documents.map(d => d.get_model_by_name("lenses")).find(Boolean).data;
  const view = Object.values(Bokeh.index)[0] ?? [...Bokeh.index][0], box = view.el.getBoundingClientRect();
  return [box.x + view.frame.x_scale.compute(lenses.x[k]), box.y + view.frame.y_scale.compute(lenses.y[k])];
})"""
# The image and the words of the card that is shown at a lens; null while there is none.
CARD = """(() => {
  const inside = root =>
    [...root.querySelectorAll("*")].flatMap(e => e.shadowRoot ? [e, ...inside(e.shadowRoot)] : [e]);
  const card = inside(document).find(e => e.matches(".lens") && e.checkVisibility() && e.querySelector("img"));
  if (!card) return null;
  const style = getComputedStyle(card);
  return [card.querySelector("img").src, card.innerText, style.color, style.backgroundColor];
})()"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The address of a report with every section, wide tables and long names."""
    return written(tmp_path_factory.mktemp("report"))


def refined_of(targets):
    """Scores of refined estimates of many targets, from an encoder with a long name and from the population."""
    parts = [refined("simsiam_with_ordinary_augmentations"), refined("population", NO_START)]
    same = [part[part.target == "theta_E"].assign(target=target) for target in targets for part in parts]
    return pd.concat([*same, *(part[part.target == "all"] for part in parts)], ignore_index=True)


def written(folder):
    rng = np.random.default_rng(0)
    table = results(targets=TARGETS)
    table["encoder"] = table["encoder"].replace("simsiam", "simsiam_with_ordinary_augmentations")
    true = {t: rng.normal(size=60) for t in TARGETS}
    encoders = ("lensiam", "random")
    points = {e: rng.normal(size=(60, 2)).astype(np.float32) for e in encoders}
    names = ["<b>bold</b> & <script>", *(f"{LONG}_{k}" for k in range(4))]
    places = {e: rng.normal(size=(5, 2)).astype(np.float32) for e in encoders}
    strange = {"lensiam": np.linspace(0, 1, 5), "random": np.full(5, 0.5)}
    others = umap_figure.Overlaid("mine <i>$x$</i>", names, rng.normal(size=(5, 24, 24)), {}, strange, places)
    history = pd.DataFrame({"step": [1, 50, 100], "loss": [0.0, -0.5, -0.9], "feature_std": [1.0, 0.9, 0.8]})
    images = rng.normal(size=(60, 24, 24))
    shown = ("pairs", "r2_against_labels", "umap", "training_curves", "refined")
    paths = {name: folder / f"{name}.png" for name in shown}
    errors = {t: np.abs(rng.normal(size=60)) for t in TARGETS}
    refined_errors = [RefinedErrors("lensiam", "ridge", errors, errors), RefinedErrors("population", "", errors, {})]
    refined_figure(refined_errors, paths["refined"])
    figures.pairs(images[:8].reshape(4, 2, 24, 24), {t: true[t][:4] for t in ("theta_E", "e1")}, paths["pairs"])
    figures.r2_against_labels(table[table["target"].isin(TARGETS[:2])], paths["r2_against_labels"])
    umap_figure.umap(points, {t: true[t] for t in TARGETS[:2]}, paths["umap"])
    figures.training_curves({"lensiam": history}, paths["training_curves"])
    lenses = {"name": [LONG, "b"], "flags": ["sky;noise;lens_light;too_bright;unlike_training", ""]}
    for t in TARGETS:
        lenses |= {t: [0.1234, 1.5], f"{t}_std": [0.03, 0.2], f"{t}_published": [0.11, np.nan]}
    agreement = pd.DataFrame(
        [("theta_E", 2, 0.01, 0.1, 0.5)], columns=["target", "n", "bias", "scatter", "correlation"]
    )
    real = reports.RealLensResults(
        pd.DataFrame(lenses), agreement, paths["pairs"], [(LONG, "it is empty")], ["sky: 1."]
    )
    reports.write(
        reports.Report(
            name="demo",
            config_yaml="name: demo\n" + "x" * 300 + "\nlast: key",
            environment={"python": "3.12", "a" * 90: "b" * 90},
            results=table,
            figures=paths,
            umap=reports.FeatureSpace(points, true, images, [others]),
            real_lenses=real,
            timings={"pre-training": 600.0},
            notes=["One thing to know."],
            pairs={"theta_E": true["theta_E"][:4]},
            histories={"lensiam": history},
            refined=refined_of(TARGETS),
            refined_errors=refined_errors,
        ),
        folder / "report.html",
    )
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser(report):
    with chromium.start(report, size=(1280, 900)) as page:
        yield page


@pytest.fixture
def page(browser, report):
    """The report, freshly opened in light and on a large screen; at the end nothing has gone wrong in it."""
    browser.emulate(size=(1280, 900), dark=False, media="")
    browser.go(report)
    browser.wait_for("window.Bokeh && Bokeh.documents.some(d => d.get_model_by_name('bar'))")
    browser.settle()
    yield browser
    assert browser.problems == []
    assert set(browser.requests) == {report}, "it asked for something beside itself"


def keep(page, name):
    """Photograph the whole page into the folder of pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(PICTURES / f"{name}.png", whole=True)


def brightness(page, selector):
    """The mean brightness, 0 to 1, of the picture that is shown for a selector of images."""
    return page.evaluate(f"""(async () => {{
      const image = [...document.querySelectorAll({selector!r})].find(e => e.checkVisibility());
      await image.decode();
      const canvas = new OffscreenCanvas(40, 40).getContext("2d");
      canvas.drawImage(image, 0, 0, 40, 40);
      const pixels = canvas.getImageData(0, 0, 40, 40).data.filter((_, k) => k % 4 < 3);
      return pixels.reduce((a, b) => a + b) / pixels.length / 255;
    }})()""")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_can_be_read_and_pictures_fit_the_page(page, dark):
    page.emulate(dark=dark)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = page.evaluate(CONTRASTS)
    assert len(found) > 200
    assert [line for line in found if line[1] < line[2]] == []
    shown = page.evaluate(
        "[...document.querySelectorAll('figure')].map(f => [...f.children].filter(c => c.checkVisibility()).length)"
    )
    assert set(shown) == {0, 1} and shown.count(0) == 1  # only the UMAP for paper is hidden
    paper = brightness(page, "#training_curves img")
    assert paper < 0.25 if dark else paper > 0.8
    background = [int(v) for v in re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))]
    assert max(background) < 50 if dark else min(background) == 255
    label = page.evaluate("Bokeh.documents[0].get_model_by_name('bar').major_label_text_color")
    assert label == (reports.themes.INK if dark else "#222222")
    keep(page, "dark" if dark else "light")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_lens_that_is_pointed_at_shows_its_image_and_values(page, dark):
    page.emulate(dark=dark)
    page.rectangle("document.querySelector('#umap [role=group]')")
    for k in (3, 40):
        x, y = page.evaluate(f"{POINT}({k})")
        page.move(x - 3, y)
        page.move(x, y)
        image, words, ink, paper = page.wait_for(CARD)
        data = page.evaluate("(d => [d.image, d.c0])(Bokeh.documents[0].get_model_by_name('lenses').data)")
        assert image in data[0] and "theta_E = " in words and "phi_m = " in words and "rad" in words
        assert f"theta_E = {list(data[1].values())[k]:.3f}" in words or image != data[0][k]  # another may lie above
        light = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, paper)]
        assert (light[0] > 600 and light[1] < 150) if dark else (light[0] < 150 and light[1] > 700)
        page.move(5, 5)
        page.wait_for(f"{CARD} === null")
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.move(x, y)
    page.wait_for(CARD)
    page.screenshot(PICTURES / f"hover_{'dark' if dark else 'light'}.png")


def test_another_image_that_is_pointed_at_shows_its_set_and_its_name(page):
    page.rectangle("document.querySelector('#umap [role=group]')")
    point = POINT.replace("'lenses'", "'overlaid0'").replace('"lenses"', '"overlaid0"')
    x, y = page.evaluate(f"{point}(0)")
    page.move(x - 3, y)
    page.move(x, y)
    image, words, *_ = page.wait_for(CARD)
    data = page.evaluate("(d => [d.image, d.s])(Bokeh.documents[0].get_model_by_name('overlaid0').data)")
    assert image in data[0] and "mine <i>x</i>" in words and "<b>bold</b> & <script>" in words
    assert "0 % of the test lenses" in words
    page.evaluate("document.querySelector('#map-encoder').focus()")
    page.press("ArrowDown")
    after = "(d => [[...d.x].join() === [...d.x1].join(), [...d.s].every(share => share === 50)])"
    assert page.evaluate(f"{after}(Bokeh.documents[0].get_model_by_name('overlaid0').data)") == [True, True]
    shown = page.evaluate("document.querySelector('#umap').innerText")
    assert "mine <i>$x$</i> (5)" in shown


def test_encoder_and_colour_of_the_map_are_chosen_by_keyboard(page):
    shown = "(d => [d.x[0], d.c[0], Bokeh.documents[0].get_model_by_name('colours').low])"
    shown += "(Bokeh.documents[0].get_model_by_name('lenses').data)"
    before = page.evaluate(shown)
    page.evaluate("document.querySelector('#map-encoder').focus()")
    page.press("ArrowDown")
    encoder = page.evaluate(shown)
    page.press("Tab")
    page.press("ArrowDown")
    colour = page.evaluate(shown)
    assert page.evaluate("document.activeElement.id") == "map-colour"
    assert encoder[0] != before[0] and encoder[1:] == before[1:]
    assert colour[0] == encoder[0] and colour[1] != before[1] and colour[2] != before[2]


def test_what_has_the_focus_can_be_seen(page):
    """Every stop of the keyboard has a name and an outline."""
    focused = """(() => {
      let e = document.activeElement;
      while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
      const style = getComputedStyle(e);
      return [e.tagName, style.outlineStyle !== "none" || style.boxShadow !== "none", e.className];
    })()"""
    stops = []
    for _ in range(60):
        page.press("Tab")
        stops.append(page.evaluate(focused))
        if stops[-1][0] == "BODY":
            break
    tags = [tag for tag, *_ in stops]
    assert tags.count("A") == 9 and {"SELECT", "SUMMARY", "DIV", "FIGURE"} < set(tags) and tags[-1] == "BODY"
    assert [stop for stop in stops[:-1] if not stop[1]] == []


def test_the_page_of_a_phone_does_not_scroll_sideways(page):
    page.emulate(size=(390, 844), mobile=True)
    time.sleep(0.3)  # Bokeh lays out anew
    assert page.evaluate("innerWidth") == 390  # a phone would show a wider page, smaller
    for opened in (False, True):
        page.evaluate(f"document.querySelectorAll('details').forEach(d => d.open = {str(opened).lower()})")
        assert page.evaluate(STICKING_OUT) == []
        assert page.evaluate(BROKEN) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = page.evaluate("[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth).length")
    assert wide >= 3  # the tables scroll, and keep the names of their rows in sight
    left = page.evaluate(
        "(e => { e.scrollLeft = 300; return e.querySelector('tbody th[scope=row]')"
        ".getBoundingClientRect().x - e.getBoundingClientRect().x; })(document.querySelector('.wide'))"
    )
    assert abs(left) < 2
    keep(page, "phone")


def test_paper_has_everything_in_light_colours_even_from_a_dark_screen(page):
    page.emulate(size=(718, 1000), dark=True, media="print")  # A4 without its margins
    shown = "[...document.querySelectorAll({!r})].map(e => e.checkVisibility({{contentVisibilityAuto: true}}))"
    assert set(page.evaluate(shown.format("details table, details pre"))) == {True}
    assert page.evaluate(shown.format(".screen-only")) == [False]
    assert page.evaluate(shown.format(".print-only")) == [True]
    assert set(page.evaluate(shown.format("img.dark"))) == {False}
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert [line for line in page.evaluate(CONTRASTS) if line[1] < line[2]] == []
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")  # as beforeprint does
    assert (
        page.evaluate(
            "[...document.querySelectorAll('table, img, pre')].filter(e => e.checkVisibility() && "
            "e.getBoundingClientRect().right > 719).map(e => e.outerHTML.slice(0, 60))"
        )
        == []
    )
    broken = page.evaluate(
        "[...document.querySelectorAll('tr, figure')].filter(e => e.checkVisibility() && "
        "getComputedStyle(e).breakInside !== 'avoid').length"
    )
    assert broken == 0
    PICTURES.mkdir(parents=True, exist_ok=True)
    keep(page, "print")
    data = page.pdf(PICTURES / "report.pdf").read_bytes()
    assert data.startswith(b"%PDF") and 3 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 20


def test_a_screen_reader_finds_its_way(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    name = {"value": ""}
    found = [(n["role"]["value"], n.get("name", name)["value"]) for n in nodes if not n["ignored"] and "role" in n]
    by_role = {role: [name for r, name in found if r == role] for role, _ in found}
    assert page.evaluate("document.documentElement.lang") == "en" and "demo" in page.evaluate("document.title")
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1 and max(np.diff(levels)) <= 1
    assert len(by_role["main"]) == 1 and by_role["navigation"] == ["Sections"]
    pictures = by_role.get("image", []) + by_role.get("img", [])
    assert len(pictures) == 5  # each once, the UMAP for paper not at all
    for words in (
        "4 pairs of simulated images",
        "theta_E: lensiam (",
        "lensiam: the loss falls from 0 to -0.9 at step 100",
    ):
        assert any(words in alt for alt in pictures)
    assert any("share of a parameter's variance" in words for words in by_role["group"])
    assert {"Encoder", "Colour"} <= set(by_role["combobox"])
    without = page.evaluate(
        "[...document.querySelectorAll('table')].filter(t => !t.caption?.innerText || "
        "[...t.querySelectorAll('th')].some(h => !h.scope)).length"
    )
    assert without == 0 and len(by_role.get("columnheader", [])) > 20 and "lensiam" in by_role["rowheader"]
    assert all(by_role["region"]), "every part that scrolls has a name"


def test_every_link_leads_to_its_section(page):
    missing = page.evaluate(
        "[...document.querySelectorAll('a')].filter(a => !document.getElementById(a.hash.slice(1))).map(a => a.hash)"
    )
    twice = page.evaluate(
        "(ids => ids.filter((id, k) => ids.indexOf(id) !== k))([...document.querySelectorAll('[id]')].map(e => e.id))"
    )
    assert missing == [] and twice == []


def test_a_wide_table_scrolls_inside_its_box_whose_edge_shows_that_it_goes_on(page):
    page.emulate(size=(800, 900))
    assert page.evaluate("document.documentElement.scrollWidth") == 800 and page.evaluate(STICKING_OUT) == []
    find = "[...document.querySelectorAll('.wide:has(table)')].find(e => e.scrollWidth > e.clientWidth + 40)"
    PICTURES.mkdir(parents=True, exist_ok=True)
    shades = []
    for left in (0, 10_000):
        page.evaluate(f"{find}.scrollLeft = {left}")
        x, y, width, height = page.rectangle(find)
        with Image.open(page.screenshot(PICTURES / "edge.png")) as image:
            edge = np.asarray(image.convert("L"))[int(y) : int(y + height), int(x + width) - 2]
        shades.append(np.median(edge))
    assert shades[0] < 245 and shades[1] == 255


def test_the_bar_of_colours_names_classes(tmp_path):
    rng, classes = np.random.default_rng(0), np.arange(40) % 2
    space = reports.FeatureSpace(
        {"a": rng.normal(size=(40, 2))},
        {"class": classes, "theta_E": rng.uniform(0.8, 1.6, 40)},
        rng.normal(size=(40, 16, 16)),
        classes={"class": ["lens", "nonlens"]},
    )
    reports.write(reports.Report("demo", "", {}, results(), umap=space), tmp_path / "report.html")
    with chromium.start((tmp_path / "report.html").as_uri(), size=(1280, 900)) as page:
        page.wait_for("window.Bokeh && Bokeh.documents.some(d => d.get_model_by_name('bar'))")
        page.settle()
        model = "Bokeh.documents[0].get_model_by_name({!r})"
        colours, ticks, bar = (model.format(name) for name in ("colours", "ticks", "bar"))
        shown = f"[{colours}.palette.length, {colours}.low, {colours}.high, {ticks}.ticks, "
        shown += f"[...new Map({bar}.major_label_overrides).entries()]]"
        of_classes = [2, -0.5, 1.5, [0, 1], [[0, "lens"], [1, "nonlens"]]]
        assert page.evaluate(shown) == of_classes
        choose = "(e => { e.selectedIndex = %d; e.dispatchEvent(new Event('change')); })"
        choose += "(document.getElementById('map-colour'))"
        page.evaluate(choose % 1)
        n, low, high, at, words = page.evaluate(shown)
        assert n == 256 and words == [] and len(at) > 3 and low <= min(at) and max(at) <= high
        page.evaluate(choose % 0)
        page.settle()
        assert page.evaluate(shown) == of_classes
        assert page.problems == []
