"""Frozen and fine-tuned regression: right where the answer is known, reproducible, scored as said."""

import numpy as np
import pytest
import torch
from torch import nn

from lenstream.configs.load import load
from lenstream.configs.training import Finetune
from lenstream.errors import DataError
from lenstream.evaluate.tasks import regression
from lenstream.evaluate.tasks.task import Labelled
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.probe import features_of


class Pixels(nn.Module):
    """An encoder whose features are the pixels."""

    num_features = 16

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(16))

    def forward(self, images):
        return images.flatten(1) * self.scale


@pytest.fixture(scope="module")
def linear():
    """Images whose targets are linear in their pixels, but for some noise."""
    g = torch.Generator().manual_seed(0)
    images = torch.randn(400, 1, 4, 4, generator=g) * 3 + 1
    targets = images.flatten(1) @ torch.randn(16, 2, generator=g) + torch.tensor([5.0, -300.0])
    targets = targets + 0.1 * torch.randn(400, 2, generator=g)
    return Labelled(images, {"x": targets[:, 0], "y": targets[:, 1]}, np.arange(400))


def task(settings=None, targets=("x", "y")):
    return regression.Regression(None, list(targets), settings)


def held_out(linear):
    return {t: values[300:].numpy() for t, values in linear.true.items()}


def test_ridge_finds_a_linear_law(linear):
    train, network = linear.first(300), Pixels()
    head = task().train("ridge", network, train, features_of(network, train.images), seed=0)
    predicted, true = task().predict(head, linear.images[300:]), held_out(linear)
    for target in ("x", "y"):
        error = predicted[target] - true[target]
        assert error.std() == pytest.approx(0.1, rel=0.25)
        assert abs(error.mean()) < 0.05


SETTINGS = Finetune(epochs=60, min_steps=10, batch_size=64, lr=3e-2)


def test_finetuning_learns_leaves_its_start_alone_and_is_reproducible(linear):
    network, train = Pixels(), linear.first(300)
    a, b = (task(SETTINGS).train("finetune", network, train, None, seed=1) for _ in range(2))
    assert torch.equal(network.scale, torch.ones(16))
    for x, y in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(x, y)
    other = task(SETTINGS).train("finetune", network, train, None, seed=2)
    assert not torch.equal(other.head.weight, a.head.weight)
    found = task().score(held_out(linear), task().predict(a, linear.images[300:]))
    assert found["x", "r2"] > 0.99 and found["y", "r2"] > 0.99


def test_finetuning_leaves_the_callers_random_numbers_alone(linear):
    settings = Finetune(epochs=1, min_steps=1, batch_size=64, lr=1e-3)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    task(settings).train("finetune", Pixels(), linear.first(64), None, seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_the_learning_rate_rises_for_a_tenth_of_the_steps_and_falls_to_zero(linear, monkeypatch):
    rates = []
    step = torch.optim.AdamW.step
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self: (rates.append(self.param_groups[0]["lr"]), step(self)))
    settings = Finetune(epochs=1, min_steps=100, batch_size=64, lr=1e-2)
    task(settings).train("finetune", Pixels(), linear.first(64), None, seed=1)
    assert len(rates) == 100
    assert rates[4] == pytest.approx(0.5e-2, rel=0.3)  # half-way up
    assert np.argmax(rates) in (9, 10) and max(rates) == pytest.approx(1e-2, rel=1e-6)
    assert rates[55] == pytest.approx(0.5e-2, rel=0.05)  # half of the cosine
    assert rates[99] < 1e-4


def test_scores_are_those_of_the_textbook():
    true = {"theta_E": np.array([0.0, 1.0, 2.0, 3.0])}
    found = regression.scores(true, {"theta_E": true["theta_E"] + np.array([1.0, -1.0, 1.0, -1.0])})
    assert found == {("theta_E", "r2"): pytest.approx(1 - 4 / 5), ("theta_E", "rmse"): pytest.approx(1.0)}


def test_r2_divides_by_the_spread_of_the_truth_not_of_the_predictions():
    true = {"e1": np.array([0.0, 1.0, 2.0, 3.0])}
    assert regression.scores(true, {"e1": 2 * true["e1"]})["e1", "r2"] == pytest.approx(1 - 14 / 5)


def test_the_limits_scores_are_those_of_an_estimator_that_reaches_it():
    rng = np.random.default_rng(0)
    true = {"theta_E": rng.normal(0, 2.0, 100_000)}
    bounds = {"theta_E": np.where(np.arange(100_000) % 2, 0.1, 0.7)}
    predicted = {"theta_E": true["theta_E"] + rng.normal(0, bounds["theta_E"])}
    reached, promised = regression.scores(true, predicted), regression.limit_scores(true, bounds)
    assert list(reached) == list(promised)
    assert promised["theta_E", "rmse"] == pytest.approx(0.5)  # the root of the mean of the squares
    for key, value in reached.items():
        assert value == pytest.approx(promised[key], rel=0.01)


def test_a_head_is_rebuilt_from_its_weights_and_facts(linear):
    network, train = Pixels(), linear.first(300)
    head = task().train("ridge", network, train, features_of(network, train.images), seed=0)
    facts = task().facts({("x", "rmse"): 0.1, ("y", "rmse"): 0.2, ("x", "r2"): 1.0, ("y", "r2"): 1.0})
    assert facts == {"targets": ["x", "y"], "rmse": [0.1, 0.2]}
    again = task().head(Pixels(), facts)
    again.load_state_dict(head.state_dict())
    for target, values in task().predict(head, linear.images[300:]).items():
        np.testing.assert_array_equal(task().predict(again, linear.images[300:])[target], values)


def test_the_config_decides_targets_and_settings():
    config = load("tiny", ["evaluate.targets=[gamma, e1]", "evaluate.finetune.epochs=7", "pretrain.accelerator=cpu"])
    from_config = regression.make_regression(config, make_scene(config.simulate, config.seed))
    assert (from_config.targets, from_config.finetuning.epochs, from_config.device) == (
        ["gamma", "e1"],
        7,
        "cpu",
    )
    assert list(from_config.labelled("test", 3).true) == ["gamma", "e1"]


def test_targets_without_a_value_are_refused_before_anything_is_learnt():
    """As those of lens_finding, where most systems are no lenses."""
    options = ["simulate.classes={lens: 1, galaxy: 1}", "simulate.lens_mass.0.only=[lens]"]
    config = load("tiny", [*options, "evaluate.targets=[gamma1, theta_E]"])
    judge = regression.make_regression(config, make_scene(config.simulate, config.seed))
    with pytest.raises(DataError, match=r"theta_E has no value in \d+ of 20 test systems, so it can be neither"):
        judge.labelled("test", 20)


def test_r2_of_a_target_that_is_the_same_in_all_systems_is_not_known():
    found = regression.scores({"x": np.ones(5)}, {"x": np.ones(5)})
    assert np.isnan(found["x", "r2"]) and found["x", "rmse"] == 0


def test_its_name_says_when_encoders_of_a_folder_are_judged_on_simulated_lenses(tmp_path):
    folder = [f"pretrain.data.path={tmp_path}", "pretrain.encoders={a: {method: simsiam}}"]
    for overrides, name in (([], "regression"), (folder, "regression on simulated lenses")):
        config = load("tiny", overrides)
        assert regression.make_regression(config, make_scene(config.simulate, config.seed)).name == name


def test_rmse_counts_a_bias():
    true = {"e1": np.array([0.0, 1.0, 2.0, 3.0])}
    assert regression.scores(true, {"e1": true["e1"] + 0.5})["e1", "rmse"] == pytest.approx(0.5)


def test_facts_are_in_the_order_of_the_targets():
    scores = {("x", "rmse"): 0.1, ("y", "rmse"): 0.2, ("z", "rmse"): 0.3}
    assert task(targets=("z", "x", "y")).facts(scores) == {"targets": ["z", "x", "y"], "rmse": [0.3, 0.1, 0.2]}


class Watched(Pixels):
    """Pixels that remember which images they saw in training, by their first pixel, batch by batch."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def __deepcopy__(self, memo):
        return Watched(self.seen)

    def forward(self, images):
        self.seen.append(images[:, 0, 0, 0].tolist())
        return super().forward(images)


def seen_images(n, seed, **settings):
    """The numbers of the images in every batch of a fine-tuning on `n` of them."""
    images = torch.rand(n, 1, 4, 4)
    images[:, 0, 0, 0] = torch.arange(n)
    seen = []
    train = Labelled(images, {"x": torch.randn(n)}, np.arange(n))
    settings = Finetune(**({"epochs": 3, "min_steps": 1, "batch_size": 4, "lr": 1e-3} | settings))
    task(settings, ("x",)).train("finetune", Watched(seen), train, None, seed=seed)
    return [[round(k) for k in batch] for batch in seen]


def test_an_epoch_of_finetuning_sees_every_image_once_in_an_order_of_its_own():
    batches = seen_images(12, seed=0)
    assert [len(b) for b in batches] == [4] * 9  # three epochs of three
    epochs = [[n for batch in batches[k : k + 3] for n in batch] for k in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert len({tuple(e) for e in epochs}) == 3 and list(range(12)) not in epochs
    assert seen_images(12, seed=0) == batches != seen_images(12, seed=1)


def test_few_labels_are_seen_for_the_least_number_of_steps():
    assert [len(b) for b in seen_images(3, seed=0, min_steps=20)] == [3] * 20
    assert len(seen_images(10, seed=0)) == 9  # an epoch of 10 images in batches of 4 has three of them


def test_no_image_is_twice_in_a_batch_of_finetuning_nor_in_an_epoch():
    """Images change places only where one would come again: all others are where they were drawn."""
    for n, size in ((5, 4), (6, 5), (7, 3), (10, 4), (12, 12)):
        for seed in range(4):
            batches = seen_images(n, seed, batch_size=size, epochs=6)
            assert all(len(set(batch)) == size for batch in batches)
            seen = [k for batch in batches for k in batch]
            epochs = [seen[k : k + n] for k in range(0, len(seen) - n + 1, n)]
            assert len(epochs) >= 5 and all(sorted(epoch) == list(range(n)) for epoch in epochs)
            order = torch.Generator().manual_seed(seed)
            drawn = [k for _ in epochs for k in torch.randperm(n, generator=order).tolist()]
            assert epochs[0] == drawn[:n]
            twice = [len(set(drawn[k : k + size])) < size for k in range(0, len(drawn) - size + 1, size)]
            if not any(twice):
                assert seen[: len(drawn)] == drawn


def test_weight_decay_shrinks_weights():
    def norm(decay):
        settings = Finetune(epochs=1, min_steps=50, batch_size=16, lr=1e-2, weight_decay=decay)
        train = Labelled(torch.zeros(16, 1, 4, 4), {"x": torch.zeros(16)}, np.arange(16))  # nothing else moves it
        return float(
            task(settings, ("x",)).train("finetune", Pixels(), train, None, seed=1).head.weight.detach().norm()
        )

    assert norm(1.0) == pytest.approx(norm(0.0) * np.exp(-1e-2 * 50 * 0.5), rel=0.1)  # half the peak rate on average


def test_a_head_predicts_in_evaluation_mode_whatever_mode_it_is_in():
    class Noisy(Pixels):
        def forward(self, images):
            return nn.functional.dropout(super().forward(images), 0.5, self.training)

    head = regression.Supervised(Noisy(), [0.0], [1.0]).train()
    images = torch.rand(5, 1, 4, 4)
    first, second = (task(targets=("x",)).predict(head.train(), images)["x"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    whole = head.head(images.flatten(1)).detach().numpy()[:, 0]
    np.testing.assert_allclose(first, whole, rtol=1e-5, atol=1e-6)


def test_targets_as_small_as_the_mass_of_an_axion_are_learnt_and_scored(linear):
    """Float32 has no square of 1e-24: spreads would be 0, and every R2 1."""
    tiny = Labelled(linear.images, {t: v * 1e-24 for t, v in linear.true.items()}, linear.indices)
    for protocol in ("ridge", "finetune"):
        found = []
        for data in (linear, tiny):
            features = data.images.flatten(1).numpy()
            settings = Finetune(epochs=2, min_steps=2, batch_size=50)
            head = task(settings).train(protocol, Pixels(), data, features, 0)
            predicted = task().predict(head, data.images)
            found.append(task().score({t: v.numpy() for t, v in data.true.items()}, predicted))
        for target in ("x", "y"):
            assert found[1][target, "r2"] == pytest.approx(found[0][target, "r2"], abs=1e-3)
            assert found[1][target, "rmse"] == pytest.approx(1e-24 * found[0][target, "rmse"], rel=1e-2)
    shuffled = {t: v.numpy()[::-1] for t, v in tiny.true.items()}
    assert task().score({t: v.numpy() for t, v in tiny.true.items()}, shuffled)["x", "r2"] < 0


def test_shuffled_targets_are_not_learnt(linear):
    """The sanity check of the whole: what cannot be known is not."""
    order = torch.from_numpy(np.random.default_rng(0).permutation(300))
    train = linear.first(300)
    shuffled = Labelled(train.images, {t: v[order] for t, v in train.true.items()}, train.indices)
    for protocol in ("ridge", "knn", "linear", "finetune"):
        features = features_of(Pixels(), train.images)
        head = task(SETTINGS).train(protocol, Pixels(), shuffled, features, 0)
        found = task().score(held_out(linear), task().predict(head, linear.images[300:]))
        assert found["x", "r2"] + found["y", "r2"] <= 0  # each alone is above 0 by chance


@pytest.mark.parametrize("protocol", ["knn", "linear", "mlp"])
def test_other_frozen_heads_learn_a_law_and_are_rebuilt(linear, protocol):
    train = linear.first(300)
    head = task().train(protocol, Pixels(), train, features_of(Pixels(), train.images), seed=0)
    predicted = task().predict(head, linear.images[300:])
    found = task().score(held_out(linear), predicted)
    assert found["x", "r2"] > {"knn": 0.3, "linear": 0.99, "mlp": 0.9}[protocol]
    again = task().head(Pixels(), task().facts(found) | {"protocol": protocol, "n_labels": 300})
    again.load_state_dict(head.state_dict())
    np.testing.assert_array_equal(task().predict(again, linear.images[300:])["x"], predicted["x"])
