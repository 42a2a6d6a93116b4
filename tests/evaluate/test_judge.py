"""Evaluating encoders: complete, continued after a stop with the same numbers, and the best heads kept."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from lenstream.configs.load import load
from lenstream.configs.schema import RealLenses
from lenstream.errors import DataError
from lenstream.evaluate import judge, kept_heads, training_heads
from lenstream.evaluate.real.predict import predict_folder
from lenstream.evaluate.results import Evaluation, best, frame, is_complete, refuse_changed
from lenstream.evaluate.scored import Unit
from lenstream.evaluate.tasks import posterior_heads
from lenstream.evaluate.tasks.regression import Regression, make_regression
from lenstream.evaluate.tasks.task import Labelled
from lenstream.progress import Stopped
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.probe import features_of
from lenstream.ssl.trainer import pretrain
from lenstream.ssl.untrained import make_encoder

SMALL = ["pretrain.steps=2", "evaluate.seeds=2", "evaluate.n_labels=[20, 40]"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny config, its scene and two trained encoders."""
    config = load("tiny", SMALL)
    scene = make_scene(config.simulate, config.seed)
    folder = tmp_path_factory.mktemp("encoders")
    return config, scene, {n: pretrain(config, n, scene, folder / n) for n in ("lensiam", "lensimclr")}


class Watched(Regression):
    """Regression that remembers what it was asked to train."""

    asked = ()

    def train(self, protocol, network, train, features, seed, progress):
        first = next(iter(network.parameters())).detach().clone()
        type(self).asked += ((protocol, seed, first, train, features),)
        return super().train(protocol, network, train, features, seed, progress)


@pytest.fixture(scope="module")
def evaluated(trained, tmp_path_factory):
    config, scene, encoders = trained
    folder = tmp_path_factory.mktemp("run")
    task = Watched(scene, config.evaluate.targets, config.evaluate.finetune)
    return folder, judge.evaluate(task, config, scene, encoders, folder)


def test_every_encoder_protocol_seed_and_target_has_its_row(evaluated):
    folder, evaluation = evaluated
    results = frame(evaluation.scores)
    ridge = results[(results.protocol == "ridge") & (results.metric == "r2")]
    assert set(ridge.encoder) == {"lensiam", "lensimclr", "random"}
    assert len(ridge) == 3 * 2 * 2 * 4  # encoders, numbers of labels, seeds, targets
    tuned = results[(results.protocol == "finetune") & (results.metric == "r2")]
    assert set(tuned.encoder) == {"lensiam", "lensimclr", "supervised"}
    limit = results[results.encoder == "limit"]
    assert set(limit.metric) == {"r2", "rmse"}
    table = pd.read_csv(folder / "results.csv")
    assert list(table.columns) == ["task", "encoder", "protocol", "n_labels", "seed", "target", "metric", "value"]
    pd.testing.assert_frame_equal(table, results.drop(columns="shift"), check_dtype=False)


def test_what_is_saved_is_what_was_found(evaluated):
    folder, evaluation = evaluated
    loaded = Evaluation.load(folder)
    assert loaded.scores == evaluation.scores
    assert list(loaded.predictions) == list(evaluation.predictions)
    assert list(loaded.bounds) == list(evaluation.bounds) == ["cramer-rao"]  # a Sersic source has no other shape
    for saved, found in [
        (evaluation.true, loaded.true),
        (evaluation.features, loaded.features),
        (evaluation.bounds["cramer-rao"], loaded.bounds["cramer-rao"]),
    ]:
        for key, values in saved.items():
            np.testing.assert_array_equal(found[key], values)


def test_the_baselines_start_from_weights_that_were_never_trained(trained, evaluated):
    config, scene, encoders = trained
    _, evaluation = evaluated
    untouched = make_encoder(config, next(iter(encoders)), scene).to(memory_format=torch.channels_last)
    start = next(iter(untouched.parameters()))
    test = make_regression(config, scene).labelled("test", config.evaluate.n_test)
    np.testing.assert_array_equal(evaluation.features["random"], features_of(untouched, test.images))
    assert not np.array_equal(evaluation.features["random"], evaluation.features["lensiam"])
    tuned = [first for protocol, _, first, *_ in Watched.asked if protocol == "finetune"]
    untrained = [torch.equal(first, start) for first in tuned]
    assert len(tuned) == 3 * 2 * 2 and untrained == [False] * 8 + [True] * 4  # two encoders, then "supervised"


def test_seeds_share_no_lens_and_fewer_labels_are_the_first_of_more(evaluated):
    pools = {}
    for _, seed, _, train, features in Watched.asked:
        pools.setdefault(seed, []).append(train.indices)
        assert features is None or len(features) == len(train.indices)
    longest = {seed: max(found, key=len) for seed, found in pools.items()}
    assert sorted(len(p) for p in longest.values()) == [40, 40]
    assert not set(longest[0].tolist()) & set(longest[1].tolist())
    assert not set(evaluated[1].indices.tolist()) & set(np.concatenate(list(longest.values())).tolist())
    for seed, found in pools.items():
        for indices in found:
            np.testing.assert_array_equal(indices, longest[seed][: len(indices)])


def test_nothing_beats_the_limit(evaluated):
    scores = [s for s in evaluated[1].scores if s.metric == "rmse"]
    limit = {s.target: s.value for s in scores if s.encoder == "limit"}
    for s in scores:
        assert s.encoder == "limit" or s.value > limit[s.target]


def test_a_stopped_evaluation_continues_with_the_same_numbers(trained, evaluated, tmp_path):
    config, scene, encoders = trained
    asked, task = iter(range(1000)), make_regression(config, scene)
    with pytest.raises(Stopped, match="stopped the evaluation at 5 of 24"):
        judge.evaluate(task, config, scene, encoders, tmp_path, stop=lambda: next(asked) >= 5)
    assert not (tmp_path / "results.csv").exists()
    assert judge.evaluate(task, config, scene, encoders, tmp_path).scores == evaluated[1].scores


DAMAGES = {
    "flipped": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
    "half": lambda data: data[: len(data) // 2],
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("damage", [*DAMAGES, "missing"])
def test_an_evaluation_whose_files_were_changed_is_refused_or_counts_as_absent(evaluated, tmp_path, damage):
    folder, _ = evaluated
    assert is_complete(folder)
    names = ["results.csv", "evaluation.npz", *(p.relative_to(folder).as_posix() for p in folder.glob("predictor/*/*"))]
    for k, name in enumerate(names[:4]):
        copy = tmp_path / str(k)
        shutil.copytree(folder, copy)
        if damage == "missing":
            (copy / name).unlink()
            assert not is_complete(copy)  # and is made anew
            continue
        (copy / name).write_bytes(DAMAGES[damage]((copy / name).read_bytes()))
        with pytest.raises(DataError, match=rf"{re.escape(name)} was changed since .*delete .*results\.csv"):
            refuse_changed(copy)
        with pytest.raises(DataError, match=re.escape(name)):
            Evaluation.load(copy)


def test_a_damaged_predictor_predicts_nothing(trained, evaluated, tmp_path):
    config, scene, _ = trained
    task = make_regression(config, scene)
    for k, damage in enumerate([*DAMAGES.values(), None]):
        copy = tmp_path / str(k)
        shutil.copytree(evaluated[0], copy)
        path, other = sorted(copy.glob("predictor/*/*"))[:2]
        path.write_bytes(damage(path.read_bytes()) if damage else other.read_bytes())
        with pytest.raises(DataError, match=rf"{re.escape(path.name)} was changed since it was written"):
            kept_heads.load_predictor(task, config, scene, copy)
        path.unlink()
        with pytest.raises(DataError, match=rf"{re.escape(path.name)} is missing"):
            kept_heads.load_predictor(task, config, scene, copy)


def test_the_heads_best_at_a_target_are_kept_and_predict_what_they_did(trained, evaluated):
    config, scene, _ = trained
    folder, evaluation = evaluated
    winners = best(evaluation.scores)
    assert list(winners) == config.evaluate.targets
    names = sorted({f"{encoder}-{protocol}" for encoder, protocol in winners.values()})
    assert sorted(p.name for p in (folder / "predictor").iterdir()) == names
    task = make_regression(config, scene)
    test = task.labelled("test", config.evaluate.n_test)
    for name, group in zip(names, kept_heads.load_predictor(task, config, scene, folder), strict=True):
        assert len(group) == config.evaluate.seeds
        head, facts = group[0]
        kept = evaluation.predictions[tuple(name.rsplit("-", 1))]
        for target, values in task.predict(head, test.images).items():
            np.testing.assert_array_equal(values, kept[target])
        rmse = [np.sqrt(((kept[t] - evaluation.true[t]) ** 2).mean()) for t in config.evaluate.targets]
        np.testing.assert_allclose(facts["rmse"], rmse, rtol=1e-5)


def test_fine_tuned_posteriors_are_judged_kept_and_loaded(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(posterior_heads, "STEPS", 3)
    _, scene, encoders = trained
    own = ["evaluate.seeds=1", "evaluate.n_labels=20", "evaluate.limit=false", "evaluate.protocols=[finetune_gaussian]"]
    config = load("tiny", [*SMALL, *own, "evaluate.supervised={other: {name: test_resnet}}"])
    task = make_regression(config, scene)
    evaluation = judge.evaluate(task, config, scene, encoders, tmp_path)
    heads = [(encoder, "finetune_gaussian") for encoder in ("lensiam", "lensimclr", "supervised", "other")]
    assert list(evaluation.ranks) == list(evaluation.drawn) == list(evaluation.predictions) == heads
    assert {s.metric for s in evaluation.scores} == {"r2", "rmse", "nll", "tarp", "coverage_68", "coverage_95"}
    images = task.labelled("test", config.evaluate.n_test).images
    kept = sorted(p.name for p in (tmp_path / "predictor").iterdir())
    for name, ((head, facts),) in zip(kept, kept_heads.load_predictor(task, config, scene, tmp_path), strict=True):
        assert np.isfinite(facts["nll"])
        known = evaluation.predictions[tuple(name.rsplit("-", 1))]
        for target, values in task.predict(head, images).items():
            np.testing.assert_array_equal(values, known[target])


def test_symmetric_heads_of_all_encoders_and_baselines_are_judged_kept_and_loaded(trained, tmp_path):
    _, scene, encoders = trained
    own = ["evaluate.seeds=1", "evaluate.limit=false", "evaluate.protocols=[d4, finetune_d4]"]
    config = load("tiny", [*SMALL, *own, "evaluate.supervised={other: {name: test_resnet}}"])
    task = make_regression(config, scene)
    evaluation = judge.evaluate(task, config, scene, encoders, tmp_path)
    assert {(s.encoder, s.protocol) for s in evaluation.scores} == {
        *((encoder, "d4") for encoder in ("lensiam", "lensimclr", "random")),
        *((encoder, "finetune_d4") for encoder in ("lensiam", "lensimclr", "supervised", "other")),
    }
    assert {s.n_labels for s in evaluation.scores} == {20, 40}
    images = task.labelled("test", config.evaluate.n_test).images
    names = sorted({f"{encoder}-{protocol}" for encoder, protocol in best(evaluation.scores).values()})
    for name, ((head, _),) in zip(names, kept_heads.load_predictor(task, config, scene, tmp_path), strict=True):
        kept = evaluation.predictions[tuple(name.rsplit("-", 1))]
        plain, half = (task.predict(head, of) for of in (images, images.rot90(1, (-2, -1))))
        for target, sign in {"theta_E": 1, "e1": -1, "e2": -1, "gamma": 1}.items():
            np.testing.assert_array_equal(plain[target], kept[target])
            np.testing.assert_allclose(half[target], sign * plain[target], atol=1e-5)


class Brightness:
    """Another task than regression, without a limit: which of two halves is brighter, told by one threshold."""

    name, metric, device, draws, keeps = "brightness", "accuracy", "cpu", (), None

    def labelled(self, split, n, skip=0):
        first = skip + {"test": 0, "labelled": 1 << 20}[split]
        images = torch.rand(n, 1, 32, 32, generator=torch.Generator().manual_seed(first))
        return Labelled(images, {"class": (images.mean((1, 2, 3)) > 0.5).long()}, np.arange(first, first + n))

    def needs_features(self, protocol):
        return False

    def train(self, protocol, network, train, features, seed, progress):
        head = torch.nn.Linear(1, 1)
        torch.nn.init.constant_(head.bias, 0.5 if protocol == "finetune" else 2.0)
        return head

    def predict(self, head, images):
        return {"class": (images.mean((1, 2, 3)) > head.bias.item()).long().numpy()}

    def beside(self, test):
        return {}

    def score(self, true, predicted):
        return {("class", "accuracy"): float((true["class"] == predicted["class"]).mean())}

    def limit(self, test, progress):
        return {}

    def facts(self, scores):
        return {}

    def head(self, network, facts):
        return torch.nn.Linear(1, 1)


def test_a_task_of_another_kind_is_judged_and_its_best_head_kept(trained, tmp_path):
    config, scene, encoders = trained
    evaluation = judge.evaluate(Brightness(), config, scene, encoders, tmp_path)
    assert {(s.task, s.target, s.metric) for s in evaluation.scores} == {("brightness", "class", "accuracy")}
    assert {s.value for s in evaluation.scores if s.protocol == "finetune"} == {1.0}
    assert [p.name for p in (tmp_path / "predictor").iterdir()] == ["lensiam-finetune"]
    assert evaluation.bounds == {} and Evaluation.load(tmp_path).scores == evaluation.scores


def test_a_run_without_a_predictor_cannot_predict(trained, tmp_path):
    config, scene, _ = trained
    with pytest.raises(DataError, match="holds no predictor"):
        predict_folder(config, scene, tmp_path, RealLenses(images=str(tmp_path)))


class Threshold(Brightness):
    """Brightness that asks for features, and remembers which it was given."""

    def __init__(self):
        self.given = []

    def needs_features(self, protocol):
        return protocol == "ridge"

    def train(self, protocol, network, train, features, seed, progress):
        self.given.append((network, train, features, seed))
        return super().train(protocol, network, train, features, seed, progress)


class Scaled(torch.nn.Module):
    """An encoder whose one feature is the mean pixel times a number."""

    def __init__(self, factor):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, images):
        return images.mean((1, 2, 3))[:, None] * self.factor


def test_a_head_learns_from_the_features_of_its_own_encoder_and_labels(tmp_path):
    """Also where one encoder comes right after another with the same seed."""
    task, names = Threshold(), ("a", "b")
    networks = {name: Scaled(factor) for name, factor in zip(names, (1.0, 2.0), strict=True)}
    units = [Unit(name, "ridge", n, seed) for name in names for seed in (0, 1) for n in (3, 8)]
    units.append(Unit("a", "finetune", 8, 1))
    pools = [task.labelled("labelled", 8, skip=8 * seed) for seed in (0, 1)]
    for some in (units, [u for u in units if u.seed == 0]):  # with one seed, too
        task.given.clear()
        folder = tmp_path / str(len(some))
        folder.mkdir()
        training_heads.train_heads(
            task, some, training_heads.Data(networks, pools, task.labelled("test", 5)), folder, lambda: False
        )
        for unit, (network, train, features, seed) in zip(some, task.given, strict=True):
            assert network is networks[unit.encoder] and seed == unit.seed
            np.testing.assert_array_equal(train.indices, pools[unit.seed].indices[: unit.n_labels])
            if unit.protocol == "finetune":
                assert features is None
            else:
                np.testing.assert_allclose(features, features_of(network, train.images), rtol=1e-6)
        assert len(list(folder.glob("*.json"))) == len(some)
        assert len(list(folder.glob("*.safetensors"))) == sum(u.n_labels == 8 for u in some)


class Slow(Brightness):
    """Brightness that trains in a hundred steps, and says where it is."""

    def train(self, protocol, network, train, features, seed, progress):
        for step in range(100):
            progress(step / 100)
        return super().train(protocol, network, train, features, seed, progress)


def test_the_bar_moves_with_the_training_of_a_head_and_a_pipe_gets_few_lines(tmp_path, capsys):
    task, units = Slow(), [Unit("a", "finetune", n, 0) for n in (3, 8)]
    data = training_heads.Data({"a": Scaled(1.0)}, [task.labelled("labelled", 8)], task.labelled("test", 5))
    training_heads.train_heads(task, units, data, tmp_path, lambda: False)
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == ["evaluating: 0/2 a, finetune, 3 labels", "evaluating: 0/2 a, finetune, 3 labels, 40%"]
    assert [line.split()[1] for line in said] == ["0/2", "0/2", "0/2", "1/2", "1/2", "2/2"]
    assert said[-2].endswith("8 labels, 61%") and said[-1] == "evaluating: 2/2 a, finetune, 8 labels"


class Bounded(Brightness):
    """Brightness with a bound, which counts how often it is asked for it."""

    asked = 0

    def limit(self, test, progress):
        self.asked += 1
        return {way: {"class": np.full(len(test.images), 0.5)} for way in ("cramer-rao", "cramer-rao-any-shape")}

    def limit_scores(self, true, bounds):
        return {("class", "accuracy"): 0.9}


@pytest.mark.parametrize("wanted", [True, False])
def test_the_limit_is_computed_if_it_is_asked_for(trained, tmp_path, wanted):
    _, scene, encoders = trained
    config, task = load("tiny", [*SMALL, f"evaluate.limit={wanted}", "evaluate.protocols=[finetune]"]), Bounded()
    evaluation = judge.evaluate(task, config, scene, encoders, tmp_path)
    assert task.asked == wanted and list(evaluation.bounds) == ["cramer-rao", "cramer-rao-any-shape"] * wanted
    assert [s.value for s in evaluation.scores if s.encoder == "limit"] == [0.9, 0.9] * wanted


def test_an_earlier_evaluation_leaves_no_head_among_the_kept_ones(trained, tmp_path):
    config, scene, encoders = trained
    (tmp_path / "predictor" / "old-ridge").mkdir(parents=True)
    (tmp_path / "predictor" / "old-ridge" / "old-ridge-40-0.safetensors").touch()
    judge.evaluate(Brightness(), config, scene, encoders, tmp_path)
    assert [p.name for p in (tmp_path / "predictor").iterdir()] == ["lensiam-finetune"]


def test_posteriors_are_scored_kept_and_continued(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(posterior_heads, "STEPS", 10)
    _, scene, encoders = trained
    few = ["evaluate.protocols=[ridge, gaussian]", "evaluate.limit=false"]
    config = load("tiny", [*SMALL, *few])
    task = make_regression(config, scene)
    evaluation = judge.evaluate(task, config, scene, encoders, tmp_path)
    heads = [(encoder, "gaussian") for encoder in ("lensiam", "lensimclr", "random")]
    assert list(evaluation.ranks) == heads
    for ranks in evaluation.ranks.values():
        assert list(ranks) == [*config.evaluate.targets, "all"]
        assert {of.shape for of in ranks.values()} == {(config.evaluate.n_test,)}
    loaded = Evaluation.load(tmp_path)
    for head, ranks in evaluation.ranks.items():
        for target, of in ranks.items():
            np.testing.assert_array_equal(loaded.ranks[head][target], of)
    assert list(evaluation.drawn) == heads
    for head, drawn in evaluation.drawn.items():
        assert list(drawn) == [*config.evaluate.targets, "all"]
        for target, of in drawn.items():
            assert of.shape == (config.evaluate.n_test, 199) and np.isfinite(of).all()
            np.testing.assert_array_equal(loaded.drawn[head][target], of)
    assert list(loaded.predictions) == list(evaluation.predictions)
    assert all(list(of) == config.evaluate.targets for of in loaded.predictions.values())
    results = frame(loaded.scores)
    of_all = results[results["target"] == "all"]
    assert set(of_all["metric"]) == {"nll", "tarp"} and set(of_all["protocol"]) == {"gaussian"}
    assert len(of_all) == 2 * 3 * 2 * 2  # metrics, encoders, numbers of labels, seeds
    assert set(results[results["metric"] == "coverage_95"]["target"]) == set(config.evaluate.targets)
    assert {row["metric"] for row in evaluation.intervals} == {"r2", "rmse"}
    lowest = of_all[(of_all["metric"] == "nll") & (of_all["n_labels"] == 40)].groupby("encoder")["value"].mean()
    groups = kept_heads.load_predictor(task, config, scene, tmp_path)
    kept = [np.mean([facts["nll"] for _, facts in group]) for group in groups if "nll" in group[0][1]]
    assert min(kept) == pytest.approx(lowest.min())
    assert (tmp_path / "predictor" / f"{lowest.idxmin()}-gaussian").is_dir()
    again, asked = tmp_path / "again", iter(range(1000))
    with pytest.raises(Stopped):
        judge.evaluate(task, config, scene, encoders, again, stop=lambda: next(asked) >= 20)
    assert judge.evaluate(task, config, scene, encoders, again).scores == evaluation.scores
    assert (again / "evaluation.npz").read_bytes() == (tmp_path / "evaluation.npz").read_bytes()
