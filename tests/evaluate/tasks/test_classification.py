"""Classification: labels of the stream, heads that learn, and the head that is rebuilt."""

import numpy as np
import pytest
import torch
from torch import nn

from lenstream.configs.load import load
from lenstream.configs.training import Finetune
from lenstream.errors import ConfigError, DataError
from lenstream.evaluate.tasks.choose import make_task
from lenstream.evaluate.tasks.classification import Classification
from lenstream.evaluate.tasks.task import Labelled
from lenstream.simulate.systems.draw import class_numbers
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

CLASSES = ["simulate.classes={lens: 2, never: 0, galaxy: 1}", "simulate.lens_mass.0.only=[lens]"]
CLASSES += ["evaluate={task: classification, n_labels: [20], n_test: 40, seeds: 1}"]


class Mean(nn.Module):
    """An encoder whose features are the mean and the largest pixel."""

    num_features = 2

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return torch.stack([images.mean((1, 2, 3)), images.amax((1, 2, 3))], 1) * self.scale


def task(**settings):
    """A task of bright, faint and middling images, which needs no simulation."""
    made = Classification(None, "class", Finetune(**{"epochs": 30, "lr": 3e-2} | settings))
    made.__dict__.update(examples=None, classes=["faint", "middling", "bright"])
    return made


def data(n=240):
    g = torch.Generator().manual_seed(0)
    classes = torch.randint(0, 3, (n,), generator=g)
    return Labelled(torch.rand(n, 1, 8, 8, generator=g) + classes.view(-1, 1, 1, 1), {"class": classes}, np.arange(n))


@pytest.fixture(scope="module")
def of_stream():
    config = load("tiny", CLASSES)
    scene = make_scene(config.simulate, config.seed)
    return make_task(config, scene), scene


def test_labels_of_the_stream_are_the_classes_that_are_drawn(of_stream):
    judge, scene = of_stream
    assert judge.classes == ["lens", "galaxy"]
    found = judge.labelled("test", 40)
    numbers = class_numbers(scene, np.arange(40, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"]))
    assert found.true["class"].dtype == torch.int64
    np.testing.assert_array_equal(found.true["class"], np.array([0, -1, 1])[numbers])
    assert len(np.unique(numbers)) == 2 and found.images.shape[:2] == (40, 1)


def test_classes_that_count_as_one():
    classes = ["simulate.classes={a: 2, lens: 2, never: 0, b: 1}", "simulate.lens_mass.0.only=[lens]"]
    config = load(
        "tiny", [*classes, "evaluate={task: classification, merge: {other: [b, a]}, n_labels: [20], n_test: 40}"]
    )
    scene = make_scene(config.simulate, config.seed)
    judge = make_task(config, scene)
    assert judge.classes == ["other", "lens"]
    numbers = class_numbers(scene, np.arange(40, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"]))
    assert len(np.unique(numbers)) == 3
    np.testing.assert_array_equal(judge.labelled("test", 40).true["class"], numbers == 1)


@pytest.mark.parametrize(
    ("merge", "said"),
    [
        ("{other: [galxy]}", 'evaluate.merge: no class "galxy" is drawn. Did you mean "galaxy"?'),
        ("{other: [never]}", 'no class "never" is drawn'),
        ("{one: [galaxy], two: [galaxy]}", "galaxy is in two of them"),
        ("{lens: [galaxy]}", "lens is the name of a class that is not in it"),
        ("{one: [galaxy, lens]}", "all classes would be one"),
        ("{all: [galaxy]}", "evaluate.merge: all is no class in results.csv but all of them together"),
    ],
)
def test_classes_that_cannot_be_merged_are_refused(merge, said):
    with pytest.raises(ConfigError) as raised:
        load("tiny", [*CLASSES, f"evaluate.merge={merge}"])
    assert said in str(raised.value)


def test_only_simulated_classes_are_merged():
    for changes in (["evaluate.merge={x: [e1]}"], [*CLASSES, "evaluate.merge={x: [lens]}", "evaluate.data={path: x}"]):
        with pytest.raises(ConfigError, match="only the classes of a simulation are merged"):
            load("tiny", changes)


@pytest.mark.parametrize("protocol", ["logistic", "knn", "linear", "mlp", "finetune"])
def test_every_protocol_tells_bright_from_faint(protocol):
    judge, network = task(), Mean()
    train, test = data().first(150), data().of(np.arange(150, 240))
    features = network(train.images).detach().numpy() if judge.needs_features(protocol) else None
    head = judge.train(protocol, network, train, features, seed=1)
    predicted = judge.predict(head, test.images)
    assert predicted["class"].shape == (90, 3) and predicted["class"].dtype == np.float32
    np.testing.assert_allclose(predicted["class"].sum(1), 1, rtol=1e-5)
    found = judge.score({"class": test.true["class"].numpy()}, predicted)
    assert judge.facts(found) == {"classes": judge.classes, "auc": found["macro", "auc"]}
    assert found["macro", "auc"] > (0.6 if protocol == "knn" else 0.95)  # brightness is hardly seen in an angle
    again = judge.head(Mean(), judge.facts(found) | {"protocol": protocol, "n_labels": 150})
    again.load_state_dict(head.state_dict())
    np.testing.assert_array_equal(judge.predict(again, test.images)["class"], predicted["class"])


def test_images_without_a_class_are_refused():
    class Half:
        def labelled(self, split, n, skip):
            return Labelled(torch.zeros(n, 1, 8, 8), {"class": torch.tensor([0.0, torch.nan] * (n // 2))}, np.arange(n))

    judge = task()
    judge.__dict__["examples"] = Half()
    with pytest.raises(DataError, match=r"evaluate\.targets: class is not known of 2 of 4 test images"):
        judge.labelled("test", 4)


def test_shuffled_labels_are_not_told(of_stream):
    train, rng = data(), np.random.default_rng(0)
    shuffled = train.true["class"][torch.from_numpy(rng.permutation(len(train.images)))]
    head = task().train(
        "logistic",
        Mean(),
        Labelled(train.images, {"class": shuffled}, train.indices),
        Mean()(train.images).detach().numpy(),
        0,
    )
    other = torch.from_numpy(rng.integers(0, 3, 3000))
    images = data(3000).images
    found = task().score({"class": other.numpy()}, task().predict(head, images))
    assert found["macro", "auc"] == pytest.approx(0.5, abs=0.03)
