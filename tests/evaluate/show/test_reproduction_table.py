"""The table of a reproduction: which scores stand beside a published number, their means, and how they are written."""

import json
import math

import numpy as np
import pytest

from lenstream.configs.reproduction import Reproduction
from lenstream.errors import DataError
from lenstream.evaluate.results import Score, table
from lenstream.evaluate.show.reproduction_table import (
    duration,
    in_words,
    long_form,
    markdown,
    nearest_amount,
    rows,
    seconds_of,
)

OURS = {"run": "one", "encoder": "dino", "protocol": "finetune"}
REPRODUCTION = Reproduction.model_validate(
    {
        "title": "a system",
        "source": "its paper",
        "runs": {"one": {"recipe": "tiny"}, "two": {"recipe": "tiny"}},
        "columns": {
            "accuracy": {"metric": "accuracy", "target": "all"},
            "AUC": {"metric": "auc", "target": "no_sub", "digits": 2},
        },
        "rows": [
            OURS | {"group": "ViT-S", "label": "DINO", "n_labels": 300, "published": {"accuracy": 0.912}},
            OURS | {"group": "ViT-S", "label": "DINO", "published": {"accuracy": 0.95, "AUC": 1.0}},
            {"label": "copied", "n_labels": 300, "published": {"AUC": 0.9922}, "note": "needs ImageNet weights"},
            {"label": "elsewhere", "run": "two", "encoder": "dino", "protocol": "knn"},
        ],
        "stand_in": ["Simulated."],
    }
)
VALUES = {(100, 0): 0.5, (100, 1): 0.7, (1200, 0): 0.80, (1200, 1): 0.84}  # accuracy, by labels and seed


def run(folder, target="no_substructure"):
    """A run's results and its log, hand-made."""
    scores = []
    for (n, seed), value in VALUES.items():
        where = {"task": "classification", "encoder": "dino", "protocol": "finetune", "n_labels": n, "seed": seed}
        scores.append(Score(**where, target="all", metric="accuracy", value=value))
        scores.append(Score(**where, target="all", metric="accuracy", value=0.1, shift="another PSF"))
        scores.append(Score(**where, target=target, metric="auc", value=value + 0.1))
        scores.append(Score(**where, target="axion", metric="auc", value=0.2))
        scores.append(Score(**(where | {"protocol": "knn"}), target="all", metric="accuracy", value=0.3))
    (folder / "encoders" / "dino").mkdir(parents=True)
    (folder / "results.csv").write_text(table(scores))
    log = [{"step": s, "seconds_per_step": t} for s, t in ((10, 1.0), (25, 2.0))] + [{"step": 25, "probe": 0.5}]
    (folder / "encoders" / "dino" / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in log))
    return folder


@pytest.fixture
def found(tmp_path):
    return rows(REPRODUCTION, {"one": run(tmp_path)})


def test_ours_is_the_mean_over_seeds_at_the_number_of_labels(found):
    few, most, _, _ = found
    assert (few.n_labels, most.n_labels, few.seeds) == (100, 1200, 2)
    assert few.scores["accuracy"] == pytest.approx((0.6, np.std([0.5, 0.7], ddof=1)))
    assert most.scores["accuracy"] == pytest.approx((0.82, np.std([0.80, 0.84], ddof=1)))
    assert most.scores["AUC"][0] == pytest.approx(0.92)  # of no_substructure, which is no_sub
    assert few.seconds == 10 * 1.0 + 15 * 2.0


def test_rows_without_ours_say_why(found):
    _, _, none, elsewhere = found
    assert none.scores == elsewhere.scores == {} and none.n_labels is None
    assert elsewhere.missing == "left out"


@pytest.mark.parametrize(
    ("wanted", "there", "taken"),
    [(300, [100, 300, 1000], 300), (600, [100, 300], 300), (300, [1000, 2000], 1000), (None, [20, 40], 40)],
)
def test_the_number_of_labels_that_stands_for_a_published_one(wanted, there, taken):
    assert nearest_amount(wanted, there) == taken


def test_in_words(found):
    words = in_words(REPRODUCTION, found)
    assert list(words.columns) == ["labels", "accuracy", "AUC", "pre-training", "note"]
    assert list(words.index) == ["ViT-S: DINO", "ViT-S: DINO", "copied", "elsewhere"]
    assert list(words["labels"]) == ["300 | 100", "all | 1,200", "300 | -", "all | -"]
    assert list(words["accuracy"]) == ["0.912 | 0.60 ± 0.14", "0.950 | 0.82 ± 0.03", "- | -", "- | -"]
    assert list(words["AUC"])[1:3] == ["1.00 | 0.92 ± 0.03", "0.9922 | -"]
    assert list(words["pre-training"]) == ["40 s", "40 s", "-", "-"]
    assert list(words["note"]) == ["", "", "needs ImageNet weights", "left out"]


def test_the_long_form_has_a_row_for_each_number(found):
    frame = long_form(REPRODUCTION, found)
    assert list(frame["column"]) == ["accuracy", "AUC", "accuracy", "AUC", "AUC"]
    first, last = frame.iloc[0], frame.iloc[-1]
    assert (first["published"], first["ours"], first["labels"]) == (0.912, pytest.approx(0.6), 100)
    assert math.isnan(last["ours"]) and last["note"] == "needs ImageNet weights"


def test_a_row_that_is_left_out_keeps_its_note(found):
    *_, elsewhere = found
    noted = elsewhere._replace(row=elsewhere.row.model_copy(update={"note": "published of hard labels"}))
    assert list(in_words(REPRODUCTION, [noted])["note"]) == ["published of hard labels; left out"]


def test_markdown_has_as_many_cells_in_every_line(found):
    lines = markdown(in_words(REPRODUCTION, found)).splitlines()
    assert len(lines) == 2 + 4 and {line.count("|") for line in lines} == {7}
    assert lines[2].startswith("| ViT-S: DINO | 300 / 100 | 0.912 / 0.60 ± 0.14 |")


def test_one_seed_has_no_spread(tmp_path):
    folder = run(tmp_path)
    text = (folder / "results.csv").read_text()
    (folder / "results.csv").write_text("".join(line for line in text.splitlines(True) if ",1,all" not in line))
    words = in_words(REPRODUCTION, rows(REPRODUCTION, {"one": folder}))
    assert words["accuracy"].iloc[0] == "0.912 | 0.500"


def test_seeds_that_agree_by_chance_say_no_more_digits_than_the_column_has_and_one(tmp_path):
    """Accuracies .5 and .50006 have the standard deviation .00004; the column has three digits."""
    folder = run(tmp_path)
    text = (folder / "results.csv").read_text()
    (folder / "results.csv").write_text(text.replace("0.7,", "0.50006,"))
    words = in_words(REPRODUCTION, rows(REPRODUCTION, {"one": folder}))
    assert words["accuracy"].iloc[0] == "0.912 | 0.5000 ± 0.0000"


@pytest.mark.parametrize(("classes", "shown"), [(2, ["lens"]), (3, ["lens", "mean"])])
def test_the_mean_over_two_classes_is_not_shown_beside_them(tmp_path, classes, shown):
    where = {"task": "classification", "encoder": "dino", "protocol": "finetune", "n_labels": 10, "seed": 0}
    targets = ["all", "macro", "lens", "nonlens", "ring"][: 2 + classes]
    scores = [Score(**where, target=t, metric="accuracy" if t == "all" else "auc", value=0.9) for t in targets]
    tmp_path.joinpath("results.csv").write_text(table(scores))
    columns = {name: {"metric": "auc", "target": target} for name, target in (("lens", "lens"), ("mean", "macro"))}
    plain = REPRODUCTION.model_dump() | {"columns": columns, "rows": [OURS | {"label": "DINO"}]}
    (found,) = rows(Reproduction.model_validate(plain), {"one": tmp_path})
    assert list(found.scores) == shown
    plain["columns"] = {"mean": columns["mean"]}
    (found,) = rows(Reproduction.model_validate(plain), {"one": tmp_path})
    assert list(found.scores) == ["mean"]


def test_reconstructions_are_read_from_their_own_numbers(tmp_path):
    folder = run(tmp_path)
    (folder / "reconstructions").mkdir()
    numbers = {"mse_all_min_max": 0.0021, "mse_all": 3.0, "noise_correlation": 0.1, "images": "test lenses"}
    (folder / "reconstructions" / "dino.json").write_text(json.dumps(numbers))
    columns = {"MSE": {"metric": "mse_min_max", "target": "image"}, "PSNR": {"metric": "psnr", "target": "image"}}
    columns |= {"noise": {"metric": "noise_correlation", "target": "image"}}
    row = {"label": "MAE", "run": "one", "encoder": "dino", "protocol": "reconstruction", "published": {"MSE": 0.0021}}
    values = REPRODUCTION.model_dump() | {"columns": columns, "rows": [row]}
    (found,) = rows(Reproduction.model_validate(values), {"one": folder})
    assert {name: mean for name, (mean, _) in found.scores.items()} == {"MSE": 0.0021, "noise": 0.1}
    words = in_words(Reproduction.model_validate(values), [found])
    assert list(words["MSE"]) == ["0.0021 | 0.002"] and list(words["noise"]) == ["- | 0.100"]
    small = found._replace(scores={"MSE": (0.00012, math.nan)})
    assert list(in_words(Reproduction.model_validate(values), [small])["MSE"]) == ["0.0021 | 1.2e-04"]
    (folder / "reconstructions" / "dino.json").unlink()
    (found,) = rows(Reproduction.model_validate(values), {"one": folder})
    assert found.scores == {} and found.missing == "no reconstructions"


def test_results_that_lack_a_row_are_refused(tmp_path):
    folder = run(tmp_path)
    text = (folder / "results.csv").read_text()
    (folder / "results.csv").write_text("".join(line for line in text.splitlines(True) if "finetune" not in line))
    with pytest.raises(DataError, match=r"results\.csv has no scores of dino with finetune"):
        rows(REPRODUCTION, {"one": folder})


def test_what_is_not_pretrained_takes_no_time(tmp_path):
    assert seconds_of(run(tmp_path), "supervised") is None


@pytest.mark.parametrize(("seconds", "text"), [(4.2, "4 s"), (89, "89 s"), (720, "12 min"), (3 * 3600 + 360, "3.1 h")])
def test_durations(seconds, text):
    assert duration(seconds) == text
