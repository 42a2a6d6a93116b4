"""Cards of encoders: what they say follows from the run, wherever it is, in the form of Hugging Face."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from lenstream import load_encoder, model_cards
from lenstream.configs.load import load
from lenstream.evaluate.results import CRAMER_RAO, LIMIT, RANDOM, Evaluation, Score, frame
from lenstream.files.checksums import differing, read_sums
from lenstream.runs import RunFolder, begin
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl import checkpoint
from lenstream.ssl.training_files import ENCODER
from lenstream.ssl.untrained import make_encoder


def run_of(folder, *overrides, names=("lensiam",)):
    """A run with encoders that are not trained, but there: `runs.RunFolder`."""
    config, run = load("tiny", overrides), RunFolder(folder)
    scene = make_scene(config)
    begin(run, config)
    for name in names:
        run.encoder(name).mkdir(parents=True)
        method = config.pretrain.encoders[name].method
        checkpoint.save(
            run.encoder(name) / ENCODER, make_encoder(config, name, scene).state_dict(), method=method, steps=6
        )
    return run


def score(encoder, protocol, n_labels, seed, target, value, metric="r2"):
    return Score("regression", encoder, protocol, n_labels, seed, target, metric, value)


def evaluated(run, scores):
    Evaluation(scores, np.arange(2, dtype=np.uint64), {"theta_E": np.ones(2)}, {}, {}).save(run.path)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    run = run_of(tmp_path_factory.mktemp("runs") / "tiny", names=("lensiam", "lensimclr"))
    model_cards.write(run)
    return (run.encoder("lensiam") / "README.md").read_text()


def test_only_trained_encoders_have_a_card_and_a_checksum(tmp_path):
    run = run_of(tmp_path / "run", names=("lensiam", "simsiam"))
    model_cards.write(run)
    assert sorted(p.parent.name for p in run.path.rglob("README.md")) == ["lensiam", "simsiam"]
    assert "encoders/lensiam/README.md" in read_sums(run.path) and differing(run.path) == []


def test_the_head_is_that_of_a_model_of_hugging_face(text):
    found = yaml.safe_load(re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)[1])
    assert (found["library_name"], found["license"], found["pipeline_tag"]) == (
        "lenstream",
        "mit",
        "image-feature-extraction",
    )
    assert {"lensiam", "gravitational-lensing"} <= set(found["tags"])


def test_facts_are_those_of_the_run(text):
    for words in (
        "# lensiam: test_resnet trained by lensiam on simulated strong lenses",
        "6 steps of 16 systems",
        "(source and noise drawn anew)",
        '32 x 32 pixels of 0.15", counts/s per pixel',
        "asinh, inside the encoder (noise 0.02",
        "EPL + SHEAR",
        "Chang",
    ):
        assert words in text, words
    assert "## Results" not in text
    assert "Simple Framework for Contrastive Learning" not in text  # of lensimclr, which is another encoder


def test_it_says_how_to_load_it_and_that_works(tmp_path):
    run = run_of(tmp_path / "run")
    model_cards.write(run)
    block = re.search(r"```python\n(.*?)```", (run.encoder("lensiam") / "README.md").read_text(), re.DOTALL)[1]
    names = {}
    exec(block.replace('"RUN"', repr(str(run.path))).replace("FOLDER", str(tmp_path / "timm")), names)
    assert names["features"].shape == (1, load_encoder(run.path, "lensiam").num_features)
    assert (tmp_path / "timm" / "model.safetensors").is_file()
    assert bool(torch.isfinite(names["features"]).all())


def test_results_are_means_over_seeds_beside_the_limit(tmp_path):
    run = run_of(tmp_path / "run")
    scores = [score("lensiam", "ridge", 40, k, "theta_E", v) for k, v in enumerate((0.8, 0.9))]
    scores += [score("lensiam", "ridge", 20, k, "theta_E", v) for k, v in enumerate((0.5, 0.5))]
    scores += [score(RANDOM, "ridge", 40, 0, "theta_E", 0.25), score(LIMIT, CRAMER_RAO, 0, 0, "theta_E", 0.998)]
    scores += [score("simsiam", "ridge", 40, 0, "theta_E", 0.111)]
    evaluated(run, scores)
    model_cards.write(run)
    said = (run.encoder("lensiam") / "README.md").read_text()
    rows = {row.split(" | ")[0].strip("| "): row for row in said.splitlines() if row.startswith("| ")}
    assert "0.85 ± 0.07" in rows["ridge, 40 labels"]
    assert "0.5" in rows["ridge, 20 labels"]
    assert "0.250" in rows["random weights, ridge, 40 labels"] and "0.998" in rows["information limit"]
    assert "0.111" not in said


def test_the_same_run_has_the_same_card_wherever_it_is(tmp_path):
    texts = []
    for place in ("a", "another"):
        run = run_of(tmp_path / place)
        model_cards.write(run)
        texts.append((run.encoder("lensiam") / "README.md").read_bytes())
    assert texts[0] == texts[1] and str(tmp_path).encode() not in texts[0]


def test_weights_of_others_are_not_given_away(tmp_path):
    run = run_of(tmp_path / "first")
    weights = run.encoder("lensiam") / ENCODER
    second = run_of(tmp_path / "second", f"pretrain.backbone.weights={weights}")
    model_cards.write(second)
    said = (second.encoder("lensiam") / "README.md").read_text()
    assert "license: other" in said and "weights of a file" in said and str(tmp_path) not in said


def test_no_scores_and_scores_of_others_give_no_results(tmp_path):
    card = load_encoder(run_of(tmp_path / "run").path, "lensiam").card
    config = load("tiny")
    others = pd.DataFrame([{"task": "regression", "encoder": "simsiam", "metric": "r2"}])
    assert "## Results" not in model_cards.card(card, config, others)


@pytest.mark.parametrize(
    ("trained", "judged", "unseen"),
    [("a", "{path: a}", False), ("a", "{path: b, test_path: a/test}", False), ("a/train", "{path: a/test}", True)],
)
def test_tests_that_were_trained_on_are_not_called_unseen(tmp_path, trained, judged, unseen):
    card = load_encoder(run_of(tmp_path / "run").path, "lensiam").card
    scores = frame([score("lensiam", "ridge", 40, 0, "theta_E", 0.5)])
    config = load("tiny", [f"pretrain.data.path={trained}", f"evaluate.data={judged}"])
    said = model_cards.card(card, config, scores)
    assert ("test lenses that no training saw" in said) == unseen
    assert ("R2 on images among those trained on without labels" in said) != unseen
