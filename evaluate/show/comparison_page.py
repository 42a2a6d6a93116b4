"""Write compare.html: runs side by side on one page that needs no other file and no network."""

from dataclasses import dataclass, field

from ...files.whole import write_text
from . import metrics, pages, robustness, tables, themes
from .comparison import KEYS, columns_of, in_words
from .refined_table import RefinedTable, meanings
from .report import picture_address


@dataclass
class ComparisonPage:
    """The contents of the page; scores are those of `comparison.scores_of`."""

    runs: list[str]
    scores: object  # DataFrame
    figures: dict  # caption -> path of a PNG with a dark twin
    differences: dict = field(default_factory=dict)  # of `comparison.differences`
    paired: list = field(default_factory=list)  # of `comparable.Difference`
    notes: list = field(default_factory=list)  # sentences to be read first
    intervals: dict = field(default_factory=dict)  # of `comparison.intervals_of`
    shifted: list = field(default_factory=list)  # of `robustness.Robustness`
    refined: RefinedTable | None = None  # of `refined_table.side_by_side`


def write(page, path):
    """Write the page of a `ComparisonPage` to a file."""
    text = pages.filled(
        "comparison.html.j2",
        page=page,
        tasks={
            task: _table(page.scores[page.scores["task"] == task], page.intervals)
            for task in dict.fromkeys(page.scores["task"])
        },
        pictures={words: _pictures(place) for words, place in page.figures.items()},
        metric=metrics.of,
        symbol=tables.symbol,
        number=lambda value, one: metrics.shown(value, one.metric, one.target),
        themes=themes,
        robustness_title=robustness.title,
        refined_meaning={} if page.refined is None else meanings(page.refined),
        zip=zip,
    )
    write_text(path, text)


def _pictures(path):
    """The addresses of a picture for light and for dark pages."""
    return picture_address(path)[0], picture_address(themes.dark_twin(path))[0]


def _table(scores, intervals):
    """Of one task: the columns (target, metric), and rows of (names, [(text, number, interval), ...]), or None."""
    pairs = metrics.shown_once(columns_of(scores))
    rows, cells = in_words(scores, pairs, tables.FIGURE_SPACE)
    known = {(*key, t, m): mean for *key, t, m, mean, _, _ in scores.itertuples(index=False)}
    body = []
    for k, row in enumerate(rows[KEYS].itertuples(index=False)):
        values = [(cells[pair][k], known.get((*row, *pair)), intervals.get((*row, *pair))) for pair in pairs]
        body.append((row, values))
    return pairs, body
