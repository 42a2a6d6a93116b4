"""Write what a reproduction found: table.csv for programs, table.md, and index.html, a page on its own."""

import itertools
from pathlib import Path
from typing import NamedTuple

from ...files.csv_writing import write_csv
from ...files.whole import write_text
from . import pages, themes
from .reproduction_table import EMPTY, duration, in_words, long_form, markdown, rows, timings

TABLE, TEXT, PAGE = "table.csv", "table.md", "index.html"  # in a reproduction's folder


class _TableRow(NamedTuple):
    """A row of the page's table, as text."""

    label: str
    cells: list[tuple[str, str]]  # published and ours: the labels, then each column
    time: str
    note: str


def write(name, reproduction, folders, differs, out):
    """Write the three files of a reproduction, and return its table in words (`reproduction_table.in_words`).

    Args: name: of the whole. folders: of the runs that are evaluated, by name. differs: sentences on what differs. out:
    the folder to write to. Raises: DataError if results are not as the table needs them; OSError.
    """
    found, times = rows(reproduction, folders), timings(folders)
    table = in_words(reproduction, found)
    write_csv(long_form(reproduction, found), Path(out) / TABLE)
    said = "".join(f"- {sentence}\n" for sentence in differs)
    head = f"# {reproduction.title}\n\nPublished / ours. Published numbers: {reproduction.source}.\n\n"
    write_text(Path(out) / TEXT, f"{head}{markdown(table)}\nWhat differs:\n\n{said}\n{_times_as_text(times)}")
    write_text(Path(out) / PAGE, _page(name, reproduction, table, found, differs, times))
    return table


def _times_as_text(times):
    return "".join(f"{run}: {duration(sum(stages.values()))} in all.\n" for run, stages in times.items())


def _page(name, reproduction, table, found, differs, times):
    """The HTML of the page. table: of `in_words`, row by row that of `found`."""
    lines = [(ours.row, words) for ours, (_, words) in zip(found, table.iterrows(), strict=True)]
    groups = [(group, list(same)) for group, same in itertools.groupby(lines, key=lambda line: line[0].group)]
    tables = [
        (columns, [(group, [_table_row(*line, columns) for line in of_group]) for group, of_group in together])
        for columns, together in _tables(groups, list(reproduction.columns))
    ]
    stages = list(dict.fromkeys(stage for of_run in times.values() for stage in of_run))
    runs = [
        (run, [*(duration(t[s]) if s in t else EMPTY for s in stages), duration(sum(t.values()))])
        for run, t in times.items()
    ]
    return pages.filled(
        "reproduction.html.j2",
        name=name,
        title=reproduction.title,
        source=reproduction.source,
        tables=tables,
        differs=differs,
        stages=stages,
        runs=runs,
        themes=themes,
    )


def _tables(groups, columns):
    """Pairs (columns, groups) of tables without empty columns: groups that follow each other share one if they have a
    column in common. groups: pairs (name, [(row, its words), ...])."""
    found = []
    for group in groups:
        own = {c for _, words in group[1] for c in columns if words[c] != f"{EMPTY} | {EMPTY}"}
        if found and (not own or own & found[-1][0]):
            found[-1] = (found[-1][0] | own, [*found[-1][1], group])
        else:
            found.append((own, [group]))
    return [([c for c in columns if c in own], together) for own, together in found]


def _table_row(row, words, columns):
    cells = [tuple(words[c].split(" | ")) for c in ("labels", *columns)]
    return _TableRow(row.label, cells, words["pre-training"], words.get("note", ""))
