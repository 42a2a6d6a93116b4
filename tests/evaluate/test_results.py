"""Scores and evaluations: loaded as they were saved, and the best encoder chosen."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lenstream.errors import DataError
from lenstream.evaluate import results
from lenstream.evaluate.results import ANY_SHAPE, CRAMER_RAO, LIMIT, RANDOM, Evaluation, Score, best, drawn_heads
from lenstream.files.whole import write_text

ODD = ["NA", "nan", "None", "null", "1e5", "007", "=1+1", "-x", "'=1", "a,b", "#a", "[x]"]
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)
WORDS |= st.sampled_from(ODD)
SCORES = st.builds(
    Score,
    task=WORDS,
    encoder=WORDS,
    protocol=WORDS,
    n_labels=st.integers(0, 10**6),
    seed=st.integers(0, 2**32),
    target=WORDS,
    metric=WORDS,
    value=st.floats(allow_nan=False),
    shift=st.sampled_from(["", "other PSF"]),
)


def score(encoder="lensiam", protocol="ridge", n_labels=100, seed=0, target="theta_E", metric="r2", value=0.5):
    return Score("regression", encoder, protocol, n_labels, seed, target, metric, value)


def evaluation(**changes):
    rng = np.random.default_rng(0)
    true = {t: rng.normal(size=5).astype(np.float32) for t in ("theta_E", "e1")}
    who = [("a", "ridge"), ("a-b.c", "finetune"), (RANDOM, "ridge")]
    parts = {
        "scores": [score(), score(encoder=LIMIT, protocol="cramer-rao", n_labels=0, value=0.1 + 0.2)],
        "indices": np.arange(5, dtype=np.uint64) + np.uint64(1 << 42),
        "true": true,
        "predictions": {w: {t: v + np.float32(0.1 * k) for t, v in true.items()} for k, w in enumerate(who)},
        "features": {"a": rng.normal(size=(5, 3)).astype(np.float32)},
        "bounds": {CRAMER_RAO: {"theta_E": rng.random(5)}, ANY_SHAPE: {"theta_E": 1 + rng.random(5)}},
    }
    return Evaluation(**(parts | changes))


@pytest.mark.parametrize("changes", [{}, {"bounds": {}}, {"true": {"image": np.ones((5, 4, 4))}}], ids=str)
def test_what_is_saved_is_what_is_loaded(tmp_path, changes):
    saved = evaluation(**changes)
    assert not results.is_complete(tmp_path)
    saved.save(tmp_path)
    loaded = Evaluation.load(tmp_path)
    assert results.is_complete(tmp_path)
    assert loaded.scores == saved.scores
    assert loaded.indices.dtype == np.uint64
    assert list(loaded.bounds) == list(saved.bounds)
    for before, after in [
        (saved.true, loaded.true),
        (saved.features, loaded.features),
        *((saved.bounds[how], loaded.bounds[how]) for how in saved.bounds),
    ]:
        assert list(after) == list(before)  # the order of targets is that of the config
        for key, values in before.items():
            np.testing.assert_array_equal(after[key], values)
            assert after[key].dtype == values.dtype
    assert list(loaded.predictions) == list(saved.predictions)
    for who, by_target in saved.predictions.items():
        for target, values in by_target.items():
            np.testing.assert_array_equal(loaded.predictions[who][target], values)


def test_the_bounds_of_an_older_run_are_those_with_known_shapes(tmp_path):
    """Its file has `bound/TARGET` alone."""
    known = {CRAMER_RAO: {"theta_E": np.arange(5.0)}}
    evaluation(bounds=known).save(tmp_path)
    with np.load(tmp_path / "evaluation.npz") as file:
        assert "bound/theta_E" in file.files and not any(name.startswith("bound-") for name in file.files)
    assert list(Evaluation.load(tmp_path).bounds) == [CRAMER_RAO]


def test_limits_are_told_apart_only_where_there_are_two():
    assert results.limit_names([]) == {}
    assert results.limit_names([CRAMER_RAO]) == {CRAMER_RAO: "limit"}
    both = results.limit_names([CRAMER_RAO, ANY_SHAPE])
    assert both == {ANY_SHAPE: "limit, any shape", CRAMER_RAO: "limit, shape known"}
    assert list(both) == [ANY_SHAPE, CRAMER_RAO]  # errors are multiples of the first


@given(st.lists(SCORES, max_size=5))
def test_scores_come_back_to_the_last_bit_whatever_their_names(tmp_path_factory, scores):
    folder = tmp_path_factory.mktemp("scores")
    write_text(folder / "results.csv", results.table(scores))
    assert results.read_scores(folder) == scores


def test_a_table_says_which_distribution_the_test_data_has_only_if_one_is_shifted(tmp_path):
    write_text(tmp_path / "results.csv", results.table([score()]))
    first, row = (tmp_path / "results.csv").read_text().splitlines()
    assert first == "task,encoder,protocol,n_labels,seed,target,metric,value"
    assert row == "regression,lensiam,ridge,100,0,theta_E,r2,0.5"
    shifted = replace(score(value=0.25), shift="other PSF")
    write_text(tmp_path / "results.csv", results.table([score(), shifted]))
    assert (tmp_path / "results.csv").read_text().splitlines()[0].endswith("value,shift")
    assert results.read_scores(tmp_path) == [score(), shifted]
    assert list(results.frame([score(), shifted])["value"]) == [0.5]
    assert list(results.frame([score(), shifted], "other PSF")["value"]) == [0.25]


def test_an_encoder_called_na_and_a_score_that_is_none_survive(tmp_path):
    scores = [score(encoder="NA", value=math.nan), score(encoder="null", value=math.inf)]
    write_text(tmp_path / "results.csv", results.table(scores))
    first, second = results.read_scores(tmp_path)
    assert first.encoder == "NA" and math.isnan(first.value)
    assert second == scores[1]


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path):
    with pytest.raises(DataError, match=r"evaluation\.npz: cannot be read"):
        Evaluation.load(tmp_path)
    saved = evaluation()
    saved.save(tmp_path)
    whole = (tmp_path / "evaluation.npz").read_bytes()
    for damaged in (b"", whole[: len(whole) // 2]):
        (tmp_path / "evaluation.npz").write_bytes(damaged)
        with pytest.raises(DataError, match=r"evaluation\.npz: cannot be read"):
            Evaluation.load(tmp_path)
    np.savez(tmp_path / "evaluation.npz", indices=np.arange(3))
    with pytest.raises(DataError, match="expected the arrays indices and true/TARGET; it has indices"):
        Evaluation.load(tmp_path)
    arrays = {"true/theta_E": np.zeros(3), "predicted/a/ridge": np.zeros((3, 1))}  # targets side by side in one array
    np.savez(tmp_path / "evaluation.npz", indices=np.arange(3), **arrays)
    with pytest.raises(DataError, match="predicted/a/ridge is no predicted/ENCODER/PROTOCOL/TARGET"):
        Evaluation.load(tmp_path)
    saved.save(tmp_path)
    for text in ("task,encoder\nregression,a\n", "task,encoder,protocol,n_labels,seed,target,metric,value\na,b,c,d\n"):
        (tmp_path / "results.csv").write_text(text)
        with pytest.raises(DataError, match=r"results\.csv: a row is not a score"):
            Evaluation.load(tmp_path)
    (tmp_path / "results.csv").unlink()
    with pytest.raises(DataError, match=r"results\.csv: cannot be read"):
        Evaluation.load(tmp_path)


def test_the_best_is_the_highest_mean_at_the_largest_number_of_labels():
    scores = [
        *(score(encoder="a", seed=s, value=v) for s, v in enumerate((0.9, 0.1))),  # mean .5, the highest single value
        *(score(encoder="b", seed=s, value=v) for s, v in enumerate((0.7, 0.6))),  # mean .65: the winner
        *(score(encoder="c", protocol="finetune", seed=s, value=v) for s, v in enumerate((0.6, 0.6))),
        score(encoder="c", n_labels=10, value=0.99),  # fewer labels
        score(encoder="a", metric="rmse", value=9.0),  # less would be better
        replace(score(encoder="a", value=1.0), shift="other PSF"),
        score(encoder=LIMIT, protocol="cramer-rao", n_labels=0, value=1.0),
        score(encoder="a", target="e1", value=-0.1),
        score(encoder="c", protocol="finetune", target="e1", value=-0.05),
        score(encoder="d", target="e1", value=math.nan),
    ]
    assert best(scores) == {"theta_E": ("b", "ridge"), "e1": ("c", "finetune")}
    assert best(scores, "rmse") == {"theta_E": ("a", "ridge")}
    assert best([]) == {}


def test_the_first_of_equals_is_the_best_and_nothing_depends_on_the_order_otherwise():
    scores = [score(encoder=e, value=v) for e, v in (("a", 0.1), ("b", 0.4), ("c", 0.4))]
    assert best(scores)["theta_E"] == ("b", "ridge")
    assert best(scores[::-1])["theta_E"] == ("c", "ridge")


def test_the_frame_has_the_columns_of_a_score_even_without_one():
    assert list(results.frame([]).columns) == list(results.frame([score()]).columns)
    assert isinstance(results.frame([score()]), pd.DataFrame)


@pytest.mark.parametrize("name", ["NA", "nan", "None", "1e5", "007", "=1+1"])
def test_an_encoder_of_any_name_keeps_its_row_in_tables_and_frames(tmp_path, name):
    write_text(tmp_path / "results.csv", results.table([score(encoder=name), score(encoder="a")]))
    frame = results.frame(results.read_scores(tmp_path))
    table = frame.pivot_table(index=["encoder", "protocol"], columns="target", values="value", sort=False)
    assert [encoder for encoder, _ in table.index] == [name, "a"]
    assert not any(line.split(",")[1].startswith("=") for line in (tmp_path / "results.csv").read_text().splitlines())


def test_one_frozen_head_of_each_encoder_and_one_from_scratch_are_drawn():
    heads = [("a", "knn"), ("a", "d4"), ("a", "ridge"), ("b", "d4"), ("b", "finetune"), ("random", "ridge")]
    heads += [("supervised", "finetune_d4"), ("supervised", "finetune"), ("other", "finetune")]
    assert drawn_heads(heads) == [("a", "ridge"), ("b", "d4"), ("random", "ridge"), ("supervised", "finetune")]


def test_the_posterior_with_the_lowest_nll_is_kept_beside_the_best():
    def score(encoder, protocol, target, metric, value, n_labels=40, seed=0):
        return Score("regression", encoder, protocol, n_labels, seed, target, metric, value)

    scores = [score("a", "ridge", "e1", "r2", 0.9), score("b", "gaussian", "e1", "r2", 0.8)]
    assert results.kept(scores) == {("a", "ridge")} and results.most_probable(scores) is None
    for encoder, protocol, values in (("a", "gaussian", (1, 3)), ("b", "gaussian", (0, 5)), ("b", "flow", (2.2, 2.2))):
        scores += [score(encoder, protocol, "all", "nll", v, seed=k) for k, v in enumerate(values)]
    scores += [score("b", "flow", "all", "nll", -9, n_labels=20), score("b", "flow", "all", "nll", np.nan)]
    assert results.kept(scores) == {("a", "ridge"), ("a", "gaussian")}
    assert results.most_probable(scores, "flow") == ("b", "flow")
