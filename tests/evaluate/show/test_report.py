"""The report says what the table says, needs no network and shows hostile names as text."""

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lenstream.evaluate.results import Score, frame
from lenstream.evaluate.show import report as reports
from lenstream.evaluate.show.refined_figure import RefinedErrors
from lenstream.evaluate.show.robustness import robustness
from lenstream.evaluate.show.umap_figure import Overlaid

from .test_refined_table import NO_START, refined

R2 = {"lensiam": 0.971, "simsiam": 0.905, "random": 0.566}


def results(targets=("theta_E", "gamma"), seeds=3, protocols=("ridge", "finetune"), limit=True, encoders=tuple(R2)):
    rows = []
    for t, target in enumerate(targets):
        for encoder in (*encoders, "supervised"):
            for protocol in ("finetune",) if encoder == "supervised" else protocols:
                for n in (100, 1000):
                    for seed in range(seeds):
                        r2 = R2.get(encoder, 0.934) - 0.2 * (n == 100) - 0.3 * t + 0.002 * (seed - (seeds - 1) / 2)
                        rows.append(Score("regression", encoder, protocol, n, seed, target, "r2", r2))
                        rows.append(
                            Score("regression", encoder, protocol, n, seed, target, "rmse", 0.2 * (1 - r2) ** 0.5)
                        )
        if limit:
            rows.append(Score("regression", "limit", "cramer-rao", 0, 0, target, "r2", 0.9996))
            rows.append(Score("regression", "limit", "cramer-rao", 0, 0, target, "rmse", 0.004))
    return frame(rows)


def page(tmp_path, table, **parts):
    """The text of a report."""
    fixed = {"name": "test", "config_yaml": "name: test\nseed: 3\n", "environment": {"python": "3.12"}}
    reports.write(reports.Report(**{**fixed, "results": table, **parts}), tmp_path / "report.html")
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def words(html):
    """What a reader sees, in one line."""
    html = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", re.sub(r"</(td|th|p|h\d|dd|dt)>", " ", html))).split())


def feature_space(encoders=("lensiam", "random"), targets=("theta_E", "gamma"), n=30):
    rng = np.random.default_rng(0)
    points = {e: rng.normal(size=(n, 2)) for e in encoders}
    return reports.FeatureSpace(points, {t: rng.normal(size=n) for t in targets}, rng.normal(size=(n, 20, 20)))


@pytest.mark.parametrize(
    "part",
    [
        {"protocols": ["ridge"]},
        {"protocols": ["finetune"]},
        {"seeds": 1},
        {"limit": False},
        {"encoders": []},
        {"targets": ["e1"]},
    ],
    ids=str,
)
def test_parts_may_be_missing(tmp_path, part):
    table = results(**part)
    text = words(page(tmp_path, table))
    assert "With 1,000 labels, " in text and "nan" not in text
    for name in (*table["encoder"].unique(), *table["target"].unique()):
        assert name in text


def test_without_any_results(tmp_path):
    assert "No encoder has been evaluated" in page(tmp_path, results().iloc[:0])
    assert "No encoder has been evaluated" in page(tmp_path, results(encoders=[]).query("encoder == 'limit'"))


def test_missing_combinations_and_nan(tmp_path):
    table = results()
    table = table[~((table.encoder == "simsiam") & (table.target == "gamma"))]
    table.loc[(table.encoder == "random") & (table.metric == "r2"), "value"] = np.nan
    text = words(page(tmp_path, table))
    assert "\N{EN DASH}" in text and "nan" not in text


def test_a_full_report_is_self_contained(tmp_path):
    Image.new("RGB", (30, 20), "red").save(tmp_path / "a.png")
    frame = pd.DataFrame({"lens": ["J0037", None], "theta_E": [1.5, np.nan]})
    figures = dict.fromkeys(["pairs", "umap", "predicted_vs_true", "something else"], tmp_path / "a.png")
    html = page(
        tmp_path,
        results(),
        figures=figures,
        umap=feature_space(),
        real_lenses=reports.RealLensResults(
            frame, frame, tmp_path / "a.png", [("bad.fits", "it is empty.")], ["sky: 1 lens (J0037 +5)."], ["no row."]
        ),
        timings={"evaluate": 3.0, "pretrain": 600.0},
        notes=["One thing to know."],
    )
    own = re.sub(r"<script\b.*?</script>", "", html, flags=re.S)
    assert "://" not in own and not re.search(r"<script[^>]+src=|<link", html)
    assert "default-src 'none'" in own
    assert set(re.findall(r'(?:src|href)="([^"]{0,5})', own)) <= {
        "data:",
        "@imag",
        *(f"#{name[:4]}" for name in reports.SECTIONS),
        "#s8",
    }
    text = words(html)
    for part in ("sky: 1 lens (J0037 +5).", "no row.", "bad.fits: it is empty."):
        assert part in text
    for part in ("One thing to know.", "J0037", "something else", "10.0 min", "seed: 3", "3.12"):
        assert part in text
    assert own.count('src="data:image/webp') == 5 and html.count("data:image/png") >= 30 and len(html) < 4e6
    assert '<figure class="wide print-only"' in own  # the still UMAP is for paper, the interactive one for the screen


def test_predictions_stand_beside_published_values_with_their_flags(tmp_path):
    table = {"name": ["J0037", "J1234"], "e1": [0.1, np.nan], "e1_std": [0.05, np.nan], "frame": "north_east"}
    table |= {"flags": ["sky;noise", ""], "e1_published": [0.12, np.nan]}
    text = words(page(tmp_path, results(), real_lenses=reports.RealLensResults(pd.DataFrame(table))))
    assert "lens e1 frame flags J0037 0.10 ± 0.05 (0.12) north_east sky noise J1234 - north_east" in text


def test_the_page_of_all_lenses_is_linked_to_where_it_was_written(tmp_path):
    table, place = pd.DataFrame({"name": ["a"]}), tmp_path / "real_lenses" / "lenses.html"
    html = page(tmp_path, results(), real_lenses=reports.RealLensResults(table, page=place))
    assert 'href="real_lenses/lenses.html"' in html
    assert "lenses.html" not in page(tmp_path, results(), real_lenses=reports.RealLensResults(table))


@pytest.mark.parametrize(
    ("target", "symbol", "unit", "meaning"),
    [
        (
            "theta_E_2",
            "&theta;<sub>E,2</sub>",
            '"',
            "Einstein radius on the intermediate axis, of profile 2 (from 0) [arcsec].",
        ),
        ("alpha_Rs", "&alpha;<sub>R<sub>s</sub></sub>", '"', "Deflection at Rs [arcsec]."),
        ("phi_m", "&phi;<sub>m</sub>", " rad", "Orientation [rad]."),
        ("kappa", "&kappa;", "", "Convergence."),
    ],
)
def test_every_parameter_has_its_symbol_unit_and_meaning(tmp_path, target, symbol, unit, meaning):
    html = page(tmp_path, results(targets=[target]), umap=feature_space(targets=[target]))
    own = re.sub(r"<script\b.*?</script>", "", html, flags=re.S)
    assert own.count(symbol) >= 3  # headline, table, glossary
    assert meaning in words(own)
    assert f"0.0040{unit} " in words(own)
    assert (f"{target} [{unit.strip()}]" in html) == (unit == " rad")
    assert (f"{target} [arcsec]" in html) == (unit == '"')


def test_hostile_names_are_text(tmp_path):
    bad = '</script><img src="http://x/y" onerror=alert(1)>$$x$$'
    table = results(targets=["theta_E", bad], encoders=["lensiam", bad])
    figures = {bad: tmp_path / "a.png"}
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    html = page(
        tmp_path,
        table,
        name=bad,
        config_yaml=bad,
        environment={bad: bad},
        notes=[bad],
        timings={bad: 1.0},
        figures=figures,
        umap=feature_space(["lensiam", bad], ["theta_E", bad]),
        real_lenses=reports.RealLensResults(
            pd.DataFrame({bad: [bad]}), skipped=[(bad, bad)], doubts=[bad], notes=[bad]
        ),
    )
    assert '<img src="http' not in html and "</script><img" not in html
    assert words(html).count(bad) >= 8
    (script,) = [s for s in re.findall(r"<script\b.*?</script>", html, flags=re.S) if "docs_json" in s[:9000]]
    assert "onerror" in script and "$$x$$" not in script  # Bokeh would load a formula typesetter from the network


def test_the_page_stays_small_with_many_other_images(tmp_path):
    """Of thousands of images some are shown, from all sets; it is said how many there are."""
    rng = np.random.default_rng(0)
    space = feature_space(encoders=("lensiam",), n=1000)
    n = {"many": 2500, "few": 30}
    space.overlaid = [
        Overlaid(
            name,
            [f"{name}-{k}" for k in range(m)],
            rng.normal(size=(m, 40, 40)),
            {},
            {},
            {"lensiam": rng.normal(size=(m, 2))},
        )
        for name, m in n.items()
    ]
    html = page(tmp_path, results(), umap=space)
    assert len(html) < 6_000_000
    assert "many (600 of 2,500)" in words(html) and "few (30)" in words(html)
    assert "many-0" in html and "many-2499" in html and "few-29" in html


def test_classes_on_the_map_are_named(tmp_path):
    space = feature_space(encoders=("lensiam",), targets=("class",), n=30)
    space.labels["class"] = np.arange(30) % 3
    space.classes = {"class": ["no_sub", "cdm", "axi$on"]}
    html = page(tmp_path, results(), umap=space)
    assert re.search(r"<option>class</option>", html)
    assert '"high": 2.5, "low": -0.5' in html and '[[0, "no_sub"], [1, "cdm"], [2, "axion"]]' in html
    (script,) = [s for s in re.findall(r"<script\b.*?</script>", html, flags=re.S) if "docs_json" in s[:9000]]
    assert "class = @w0" in script and "axion" in script


def test_shifted_test_lenses_have_a_section_with_what_each_shift_changes(tmp_path):
    rows = [
        Score("regression", "lensiam", "ridge", 1000, 0, target, "r2", value, shift)
        for target, add in (("theta_E", 0.2), ("gamma", 0.0))
        for shift, value in (("", 0.5 + add), ("wider_psf", 0.4 + add), ("<b>", 0.3 + add))
    ]
    shown = page(tmp_path, frame(rows), shifted=robustness(rows), shifts={"wider_psf": "the PSF is <20 %> wider"})
    assert "<b>" not in shown and "<20" not in shown and 'href="#robustness"' in shown
    text = words(shown)
    assert "Other images than in the training" in text
    assert "R², mean over theta_E, gamma, on shifted test lenses, with 1,000 labels" in text
    assert "encoder protocol as trained wider psf <b> lensiam ridge 0.60 0.50 0.40" in text
    assert "the PSF is <20 %> wider" in text and "R² of gamma on shifted test lenses" in text
    assert 'id="robustness"' not in page(tmp_path, frame(rows))


def test_the_glossary_says_what_the_limits_take_as_known(tmp_path):
    table = results()
    assert "So is the shape of galaxy images." in page(tmp_path, table)
    wider = table[table.encoder == "limit"].assign(protocol="cramer-rao-any-shape", value=0.9984)
    both = page(tmp_path, pd.concat([table, wider], ignore_index=True))
    assert "So is the shape of galaxy images." not in both
    assert "the limit, any shape (R²" in both and "the limit, shape known (R²" in both


def test_refined_estimates_have_a_section(tmp_path):
    Image.new("RGB", (30, 20), "red").save(tmp_path / "a.png")
    both = pd.concat([refined(), refined("<b>", NO_START)], ignore_index=True)
    errors = RefinedErrors("lensiam", "ridge", {"e1": np.array([1.0, 4.0])}, {"e1": np.array([4.0, 4.0])})
    parts = {"refined": both, "refined_errors": [errors], "figures": {"refined": tmp_path / "a.png"}}
    html = page(tmp_path, results(), **parts)
    text = words(html)
    assert "<b>" not in html and text.count("Estimates refined by the simulator") == 2  # the link and the heading
    for part in (
        "Refined by the simulator, the first 100 test lenses: median error / that of an estimate at the limit",
        "right before \N{GREEK SMALL LETTER THETA}E e1 68 % 95 % trusted s a lens",
        '0.16" \N{RIGHTWARDS ARROW} 0.0044"',
        "Refined by the simulator from lensiam, 93% of test lenses",
        "Share of lenses within 3 sigma",
        "refined by the simulator, first test lenses only (see below) lensiam \N{EN DASH} \N{MULTIPLICATION SIGN} 1.2",
    ):
        assert part in text, part
    assert "e1: 50% (lensiam) of the refined estimates, 0% (lensiam) of the networks&#39; own." in html
    without_figure = page(tmp_path, results(), refined=both)
    assert "Estimates refined by the simulator" in without_figure and "smaller errors" not in without_figure
    for nothing in (None, both.iloc[:0]):
        assert "refined by the simulator" not in page(tmp_path, results(), refined=nothing)
