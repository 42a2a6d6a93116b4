"""Settings of labelled images in files: what belongs together, and what is refused in which words."""

import pytest
import yaml

from lenstream.configs.load import load
from lenstream.errors import ConfigError

OWN = "evaluate.data={path: x}"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["evaluate.data={}"], "evaluate.data: names no images; expected path, to learn from, or test_path"),
        (["evaluate.data={test_path: x, labels: t}"], "evaluate.data: labels are those of path, which is empty"),
        ([f"{OWN[:-1]}, test_labels: t}}"], "evaluate.data: test_labels are those of test_path, which is empty"),
        (["evaluate.data={test_path: x, split: {by: a}}"], "evaluate.data: split is about the images of path, which"),
        ([f"{OWN[:-1]}, test_path: y, split: {{test: 0.1}}}}"], "test images are those of test_path, and of split"),
        ([f"{OWN[:-1]}, class_from: '(a'}}"], r'evaluate.data: class_from "\(a" is no pattern'),
        ([f"{OWN[:-1]}, class_from: 'a'}}"], 'evaluate.data: class_from "a" has 0 groups; expected one in brackets'),
        (
            [f"{OWN[:-1]}, split: {{test: 0.5, validation: 0.5}}}}"],
            "split: test 0.5 and validation 0.5 leave no",
        ),
        ([f"{OWN[:-1]}, split: {{test: 1.0}}}}"], "evaluate.data.split.test: input should be less than 1"),
        ([f"{OWN[:-1]}, split: {{lists: {{}}}}}}"], "evaluate.data.split: lists holds no file; expected train"),
        ([f"{OWN[:-1]}, split: {{test: 0.1, lists: {{test: t}}}}}}"], "split: test is a share and lists.test a file"),
        (
            [OWN, "evaluate.judged_on=simulated", "evaluate.data.test_path=y"],
            "is simulated, and data.test_path",
        ),
        (
            [OWN, "evaluate.judged_on=simulated", "evaluate.data.split={test: 0.1}"],
            "simulated, and data.split",
        ),
        ([OWN, "evaluate.judged_on=simulated", "evaluate.n_test=all"], "evaluate.n_test: all is of images in files"),
        (["evaluate.n_test=all"], "evaluate.n_test: all is of images in files, and simulated lenses have no end"),
        (["evaluate.n_test=19"], "evaluate.n_test: expected a whole number of at least 20, or all, got 19"),
        (["evaluate.n_labels=[0.5]"], "evaluate.n_labels: 0.5 is a share of images in files, and simulated lenses"),
        (
            ["evaluate.data={test_path: x}", "evaluate.n_labels=[20, all]"],
            "n_labels: all is a share of images",
        ),
        ([OWN, "evaluate.n_labels=[1.5]"], "n_labels.0: expected a whole number of at least 10, a fraction between 0"),
        ([OWN, "evaluate.n_labels=[true]"], "or all, got True"),
        ([OWN, "evaluate.n_labels=[all, all]"], "evaluate.n_labels: all is there twice"),
        (["evaluate.data={test_path: x}", "simulate=null", "pretrain.data={path: z}"], "no simulate, whose"),
        (
            [OWN, "evaluate.judged_on=simulated", "simulate=null", "pretrain.data={path: z}"],
            "no simulate, whose",
        ),
        (["evaluate.data={test_path: x}", "evaluate.targets=[mass]"], '"mass" is not a lens parameter'),
    ],
)
def test_what_does_not_belong_together(overrides, said):
    with pytest.raises(ConfigError, match=said) as caught:
        load("tiny", overrides)
    assert len(caught.value.problems) == 1


def test_numbers_of_images_in_files():
    evaluate = load("tiny", [OWN, "evaluate.n_labels=[20, 0.5, all, 30.0]"]).evaluate
    assert evaluate.n_labels == [20, 0.5, "all", 30] and isinstance(evaluate.n_labels[3], int)


@pytest.mark.parametrize(("given", "read"), [("all", ["all"]), ("50", [50]), ("0.5", [0.5])])
def test_a_single_number_of_labels_needs_no_brackets(given, read):
    assert load("tiny", [OWN, f"evaluate.n_labels={given}"]).evaluate.n_labels == read


@pytest.mark.parametrize("given", ["5", "true", "most"])
def test_a_single_number_that_cannot_be_is_refused_as_one_in_brackets_is(given):
    with pytest.raises(ConfigError, match="expected a whole number of at least 10, a fraction"):
        load("tiny", [OWN, f"evaluate.n_labels={given}"])


@pytest.mark.parametrize(
    ("data", "more", "n_test"),
    [
        ("path: x", [], "all"),
        ("test_path: x", [], "all"),
        ("path: x", ["evaluate.judged_on=simulated"], 1000),
    ],
)
def test_all_images_in_files_are_tests_where_nothing_else_is_said(tmp_path, data, more, n_test):
    recipe = tmp_path / "own.yaml"
    given = load("tiny").model_dump()
    given["evaluate"].pop("n_test")
    recipe.write_text(yaml.safe_dump(given))
    loaded = load(str(recipe), [f"evaluate.data={{{data}}}", *more])
    assert loaded.evaluate.n_test == n_test
    assert load(str(recipe), [f"evaluate.data={{{data}}}", *more, "evaluate.n_test=25"]).evaluate.n_test == 25


@pytest.mark.parametrize(
    ("overrides", "learns", "judged"),
    [
        ([], False, False),
        ([OWN], True, True),
        (["evaluate.data={test_path: x}"], False, True),
        ([OWN, "evaluate.judged_on=simulated"], True, False),
        (["evaluate.data={path: x, test_path: y}"], True, True),
    ],
)
def test_who_learns_and_who_judges(overrides, learns, judged):
    evaluate = load("tiny", overrides).evaluate
    assert (evaluate.learns_from_files, evaluate.judged_by_files) == (learns, judged)
