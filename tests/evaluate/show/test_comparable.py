"""Which runs share test lenses, what keeps others from being compared, and paired differences with intervals."""

import numpy as np
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from lenstream.configs.load import load
from lenstream.evaluate.results import Evaluation
from lenstream.evaluate.show import comparable
from lenstream.evaluate.show.comparison import Compared
from lenstream.evaluate.tasks import bootstrap
from lenstream.evaluate.tasks.class_scores import scores

N = 60


def run(name, *overrides, n=N, true=None, predictions=None):
    config = load("tiny", [f"name={name}", *overrides])
    true = {"theta_E": np.linspace(0.8, 1.6, n, dtype=np.float32)} if true is None else true
    n = len(next(iter(true.values())))
    return Compared(name, config, [], Evaluation([], np.arange(n, dtype=np.uint64), true, predictions or {}, {}))


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (run("b", "pretrain.steps=9", "pretrain.backbone.name=resnet18"), ""),
        (run("b", "seed=4"), "other test lenses: seed is 3, 4"),
        (run("b", "simulate.observation.exposure_time=3000"), "another simulation: simulate.observation.exposure_time"),
        (run("b", n=30), "other test lenses: 60, 30 of them"),
        (run("b", true={"e1": np.zeros(N)}), "other targets: theta_E and e1"),
        (run("b", true={"theta_E": np.full(N, 0.5)}), "other true values of theta_E"),
        (run("b", "evaluate.data={path: mine}"), "other test images: simulated lenses, mine"),
        (Compared("b", None, []), "what b was judged by is not known"),
        (Compared("b", load("tiny"), []), "what b was judged by is not known"),
    ],
    ids=range(9),
)
def test_why_two_runs_cannot_be_compared(other, why):
    found = comparable.why_not(run("a"), other)
    assert found.startswith(why) if why else found == ""


def test_the_simulation_that_differs_is_said_with_both_values():
    found = comparable.why_not(run("a"), run("b", "simulate.observation.exposure_time=3000"))
    assert found == "another simulation: simulate.observation.exposure_time is 2000.0, 3000.0"


def test_runs_that_see_other_bands_are_not_comparable():
    bands = "simulate.bands={g: {}, r: {}}"
    found = comparable.why_not(run("a", bands), run("b", bands, "pretrain.bands=[g]"))
    assert found == "other bands: all, g"


def test_runs_are_grouped_with_those_that_share_their_test_lenses():
    runs = [run("a"), run("b", "seed=4"), run("c"), run("d", "seed=4"), run("e", n=30)]
    groups, said = comparable.groups(runs)
    assert [[r.name for r in group] for group in groups] == [["a", "c"], ["b", "d"], ["e"]]
    assert [sentence.partition(" are not comparable: ")[0] for sentence in said] == ["b and a", "e and a"]
    assert said[1].endswith(": other test lenses: 30, 60 of them")  # in the order of the names


def test_differences_of_r2_are_those_of_scikit_learn_and_their_intervals_hold():
    rng = np.random.default_rng(0)
    true = {"theta_E": rng.normal(size=300).astype(np.float32)}
    better, worse, same = (true["theta_E"] + s * rng.normal(size=300) for s in (0.2, 0.5, 0.3))
    before = {("x", "ridge"): {"theta_E": worse}, ("y", "ridge"): {"theta_E": same}, ("z", "ridge"): {"theta_E": same}}
    after = {("x", "ridge"): {"theta_E": better}, ("y", "ridge"): {"theta_E": same}, ("w", "ridge"): {"theta_E": same}}
    (one,) = comparable.paired([run("a", true=true, predictions=before), run("b", true=true, predictions=after)])
    assert (one.run, one.first, one.encoder, one.metric, one.target) == ("b", "a", "x", "r2", "theta_E")
    assert one.value == pytest.approx(r2_score(true["theta_E"], better) - r2_score(true["theta_E"], worse), abs=1e-6)
    assert 0 < one.low < one.value < one.high
    tiny = {"theta_E": true["theta_E"] * np.float32(1e-24)}
    scaled = [{h: {t: v * 1e-24 for t, v in of.items()} for h, of in found.items()} for found in (before, after)]
    (again,) = comparable.paired([run(n, true=tiny, predictions=p) for n, p in zip("ab", scaled, strict=True)])
    assert again.value == pytest.approx(one.value, rel=1e-4)


def test_an_interval_is_the_spread_of_differences_over_other_test_lenses():
    """Its width is that of the differences on many independent sets of test lenses."""
    rng = np.random.default_rng(1)

    def drawn(n):
        true = rng.normal(size=n)
        shared = rng.normal(size=n)  # what both find hard
        return true, *(true + 0.3 * shared + s * rng.normal(size=n) for s in (0.2, 0.3))

    true, before, after = drawn(400)
    (one,) = comparable.paired(
        [
            run(name, true={"e1": true}, predictions={("x", "ridge"): {"e1": predicted}})
            for name, predicted in (("a", before), ("b", after))
        ]
    )
    others = [r2_score(t, b) - r2_score(t, a) for t, a, b in (drawn(400) for _ in range(300))]
    low, high = np.percentile(others, [2.5, 97.5])
    assert 0.6 < (one.high - one.low) / (high - low) < 1.6


def test_differences_of_classes_are_in_accuracy_and_auc():
    rng = np.random.default_rng(2)
    true = {"class": rng.integers(0, 3, 200)}
    before, after = (
        np.exp(s * np.eye(3)[true["class"]] + rng.normal(size=(200, 3))).astype(np.float32) for s in (0.5, 2.0)
    )
    before, after = (p / p.sum(1, keepdims=True) for p in (before, after))
    found = comparable.paired(
        [run(name, true=true, predictions={("x", "knn"): {"class": p}}) for name, p in (("a", before), ("b", after))]
    )
    accuracy, auc = found
    assert (accuracy.metric, auc.metric) == ("accuracy", "auc")
    assert accuracy.value == pytest.approx(
        np.mean(after.argmax(1) == true["class"]) - np.mean(before.argmax(1) == true["class"])
    )
    expected = [roc_auc_score(true["class"], p, multi_class="ovr", average="macro") for p in (before, after)]
    assert auc.value == pytest.approx(expected[1] - expected[0], abs=1e-6)
    assert all(one.low < one.value < one.high for one in found) and auc.low > 0


def test_images_have_no_difference_here():
    true = {"image": np.zeros((5, 4, 4))}
    runs = [
        run(n, true=true, predictions={("x", "frozen"): {"image": np.full((5, 4, 4), k)}}) for k, n in enumerate("ab")
    ]
    assert comparable.paired(runs) == []


def test_a_class_that_no_test_is_of_does_not_count():
    rng = np.random.default_rng(2)
    true = {"class": rng.integers(0, 2, 200)}
    predictions = [rng.dirichlet([1, 1, 1], 200).astype(np.float32) for _ in "ab"]
    runs = [run(n, true=true, predictions={("x", "knn"): {"class": p}}) for n, p in zip("ab", predictions, strict=True)]
    _, auc = comparable.paired(runs)
    scored = [scores(["a", "b", "c"], true["class"], p)["macro", "auc"] for p in predictions]
    assert auc.value == pytest.approx(scored[1] - scored[0], abs=1e-6) and auc.low < auc.value < auc.high


def test_an_interval_is_of_the_resamplings_of_which_those_of_both_scores_are():
    rng = np.random.default_rng(3)
    true = {"class": rng.integers(0, 3, 200)}
    before, after = (rng.dirichlet([1, 1, 1], 200).astype(np.float32) for _ in "ab")
    runs = [run(n, true=true, predictions={("x", "knn"): {"class": p}}) for n, p in (("a", before), ("b", after))]
    each = [bootstrap.class_scores("abc", true["class"], p) for p in (before, after)]
    for one, key in zip(comparable.paired(runs), [("all", "accuracy"), ("macro", "auc")], strict=True):
        assert [one.low, one.high] == np.percentile(each[1][key] - each[0][key], [2.5, 97.5]).tolist()
