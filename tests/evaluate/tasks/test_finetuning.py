"""Fine-tuning: schedules, early stopping on a validation part, augmented images; and what is held out for that."""

import numpy as np
import pytest
import torch
from torch import nn

from lenstream.configs.encoder import Augment
from lenstream.configs.load import load
from lenstream.configs.training import Finetune
from lenstream.errors import ConfigError
from lenstream.evaluate.tasks import finetuning
from lenstream.evaluate.tasks.finetuning import finetune, validation_part
from lenstream.evaluate.tasks.task import Labelled
from lenstream.ssl.methods.supervised import Classifier


class Pixels(nn.Module):
    """An encoder whose features are the pixels; it remembers the images."""

    num_features = 16

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(16))
        self.seen = []

    def forward(self, images):
        if self.training:
            self.seen.append(images.detach().clone())
        return images.flatten(1) * self.scale


def data(n=64, seed=0):
    g = torch.Generator().manual_seed(seed)
    classes = torch.randint(0, 2, (n, 1), generator=g)
    return torch.randn(n, 1, 4, 4, generator=g) + 1.5 * classes.view(-1, 1, 1, 1), classes


def trained(validation=None, **settings):
    settings = Finetune(**{"epochs": 4, "min_steps": 1, "batch_size": 16, "lr": 1e-2} | settings)
    return finetune(Pixels(), lambda network: Classifier(network, range(2)), data(), settings, 0, "cpu", validation)


@pytest.fixture
def rates(monkeypatch):
    """The learning rate of every step."""
    found = []
    steps = {kind: kind.step for kind in (torch.optim.Adam, torch.optim.AdamW)}
    for kind, step in steps.items():  # each: torch gives a class a step of its own when one is made

        def noted(self, *more, step=step):
            found.append((type(self), self.param_groups[0]["lr"]))
            return step(self, *more)

        monkeypatch.setattr(kind, "step", noted)
    return found


def test_a_constant_rate_and_the_end_of_a_cosine(rates):
    trained(schedule="constant", optimizer="adam")
    assert {rate for _, rate in rates} == {1e-2} and rates[0][0] is torch.optim.Adam
    rates.clear()
    trained(lr_final=1e-3, epochs=25)
    assert rates[0][0] is torch.optim.AdamW
    assert rates[-1][1] == pytest.approx(1e-3, rel=0.05) and max(rate for _, rate in rates) == pytest.approx(1e-2)


def test_a_plateau_lowers_the_rate_when_the_loss_no_longer_falls(rates, monkeypatch):
    monkeypatch.setattr(finetuning, "_loss", lambda *_: 1.0)
    trained(schedule="plateau", epochs=20, lr_final=5e-4, validation=data(20, 1))
    levels = sorted({rate for _, rate in rates}, reverse=True)
    assert levels == pytest.approx([1e-2, 1e-3, 5e-4])
    first = next(k for k, (_, rate) in enumerate(rates) if rate < 9e-3)
    assert first == 4 * 7  # after the first epoch, 5 without a lower loss, and one more


def test_training_ends_after_the_patience_and_the_best_weights_are_kept(monkeypatch):
    losses, states = iter([3.0, 1.0, 2.0, 2.0, 0.5]), []

    def loss(head, *_):
        states.append({name: value.clone() for name, value in head.state_dict().items()})
        return next(losses)

    monkeypatch.setattr(finetuning, "_loss", loss)
    head = trained(patience=2, epochs=50, validation=data(20, 1))
    assert len(states) == 4  # two epochs without a lower loss than the second's
    for name, value in head.state_dict().items():
        assert torch.equal(value, states[1][name])
    assert not torch.equal(head.head.weight, states[3]["head.weight"])


def test_the_validation_loss_is_that_of_all_images_in_evaluation_mode():
    head = trained()
    head.network = nn.Sequential(head.network, nn.Dropout(0.5)).eval()
    images, classes = data(300, 2)
    expected = nn.functional.cross_entropy(head.head(head.network(images)), classes[:, 0])
    head.train()
    assert finetuning._loss(head, (images, classes), torch.device("cpu")) == pytest.approx(
        float(expected.detach()), rel=1e-5
    )


def test_images_are_augmented_each_in_its_own_way_and_the_same_for_the_same_seed():
    off = {"crop": None, "flip": False, "brightness": 0, "blur": None}
    turned = [trained(augment=Augment(**off, rot90=True), epochs=1).network.seen for _ in range(2)]
    plain = trained(epochs=1).network.seen
    assert all(torch.equal(a, b) for a, b in zip(*turned, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(turned[0], plain, strict=True))
    for a, b in zip(turned[0], plain, strict=True):  # no pixel is another
        torch.testing.assert_close(a.flatten(1).sort().values, b.flatten(1).sort().values)


def test_every_step_changes_its_images_in_another_way():
    off = {"crop": None, "flip": False, "brightness": 0, "blur": None}
    turned, plain = (trained(epochs=1, augment=a).network.seen for a in (Augment(**off, rot90=True), None))
    turns = [
        tuple(next(k for k in range(4) if torch.equal(a, b.rot90(k, (1, 2)))) for a, b in zip(*of_step, strict=True))
        for of_step in zip(turned, plain, strict=True)
    ]
    assert len(set(turns)) == len(turns) == 4


def test_the_share_that_is_done_is_told_at_every_step():
    shares = []
    settings = Finetune(epochs=3, min_steps=1, batch_size=16)
    finetune(Pixels(), lambda network: Classifier(network, range(2)), data(), settings, 0, progress=shares.append)
    assert shares == [step / 12 for step in range(12)]


class Task:
    """What of a task is asked: whether its images are in files, and simulated systems."""

    def __init__(self, examples):
        self.examples = examples

    def labelled(self, split, n, skip=0):
        return split, n


def test_simulated_systems_are_validated_by_others_and_files_by_a_tenth_of_each_class():
    classes = torch.tensor([0] * 80 + [1] * 20)
    train = Labelled(torch.zeros(100, 1, 4, 4), {"class": classes}, np.arange(100))
    same, other = validation_part(Task(None), train, 0)
    assert same is train and other == ("validation", finetuning.N_VALIDATION)
    rest, held = validation_part(Task("files"), train, 0)
    assert np.bincount(held.true["class"]).tolist() == [8, 2] and len(rest.indices) == 90
    assert not set(rest.indices) & set(held.indices)
    again = validation_part(Task("files"), train, 0)[1]
    assert (
        held.indices.tolist() == again.indices.tolist() != validation_part(Task("files"), train, 1)[1].indices.tolist()
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{lr: 0.001, lr_final: 0.1}", r"evaluate\.finetune: lr_final 0\.1 is above lr 0\.001; expected a lower one"),
        ("{schedule: plateau, lr: 0.001, lr_final: 0.1}", "is above lr"),
        ("{schedule: constant, lr_final: 1.0e-6}", "with schedule: constant the learning rate stays at lr"),
    ],
)
def test_a_final_rate_that_would_not_be_reached_is_refused(given, said):
    with pytest.raises(ConfigError, match=said):
        load("tiny", [f"evaluate.finetune={given}"])
