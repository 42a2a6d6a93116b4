"""The table of recipes: what it says follows from the recipes themselves."""

import re
from itertools import pairwise

from lenstream.configs.load import load
from lenstream.configs.recipe_table import JOBS, about, table
from lenstream.configs.recipes import available


def test_each_recipe_is_below_its_job():
    job = None
    for line in table().splitlines()[2:]:
        job = line if line in JOBS else job
        name = line.split(" ")[0]
        if name in available():
            config = load(name)
            wanted = 2 if config.pretrain is None else 0 if config.evaluate is not None else 1
            assert job == JOBS[wanted], name
            assert (f"{config.pretrain.steps:,}" in line) if config.pretrain else "GPU" not in line
            assert line.endswith(about(name))


def test_what_a_recipe_is_is_one_whole_sentence():
    for name in available():
        assert re.fullmatch(r"[^\n]{10,260}[.?]", about(name)), about(name)


def test_costs_are_of_the_right_size():
    costs = {line.split(" ")[0]: line for line in table().splitlines()}
    assert "min CPU" in costs["demo"] and re.search(r"\d+ h GPU", costs["lensiam_resnet101"])
    assert re.search(r"\d+ h GPU", costs["mae_foundation"])  # it widens a ViT-S: 19 times the work


def test_a_narrow_terminal_has_all_of_it_in_lines_that_fit():
    wide, narrow = table(), table(width=80)
    assert table(width=1000) == wide
    assert max(map(len, narrow.splitlines())) <= 80
    said = " ".join(narrow.split())
    for name in available():
        assert f"{name} {about(name)} " in said, name
    assert "600 steps" in said and all(job in said for job in JOBS if job in wide)
    assert not any(above in JOBS and not below for above, below in pairwise(wide.splitlines()))
    assert table(width=1)
