"""The page of a comparison, printed: wide tables fit the paper."""

import base64
import re

from lenstream.evaluate.results import Score
from lenstream.evaluate.show import comparison, comparison_page

from ... import chromium

TARGETS = ("theta_E", "e1", "e2", "gamma", "gamma1")


@chromium.needed
def test_a_wide_table_fits_the_paper(tmp_path):
    head = "regression", "stream_supervised", "finetune", 1000
    scores = [
        Score(*head, seed, target, metric, 0.1234 * (1 + seed))
        for seed in (0, 1)
        for target in TARGETS
        for metric in ("r2", "rmse")
    ]
    table = comparison.scores_of([comparison.Compared("a_run_of_some_name", None, scores)])
    comparison_page.write(comparison_page.ComparisonPage(["a"], table, {}), tmp_path / "compare.html")
    with chromium.start((tmp_path / "compare.html").as_uri(), size=(800, 900)) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 800
        page.emulate(size=(1016, 700), media="print")  # A4 on its side, without margins
        assert page.evaluate("document.querySelector('table').getBoundingClientRect().right") <= 1016
        assert page.evaluate("document.documentElement.scrollWidth") == 1016
        pdf = base64.b64decode(page.send("Page.printToPDF", preferCSSPageSize=True)["data"])
        width, height = map(float, re.search(rb"MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", pdf).groups())
        assert width > height
