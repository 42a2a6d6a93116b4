"""The symmetries of the square: labels turn as a re-rendered lens, heads turn exactly with the image."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lenstream.configs.load import load
from lenstream.configs.training import Finetune
from lenstream.evaluate.tasks.regression import Regression
from lenstream.evaluate.tasks.symmetry import (
    N_TURNS,
    Symmetric,
    asymmetry,
    label_matrices,
    turned,
    turned_features,
    turned_labels,
    warnings,
)
from lenstream.evaluate.tasks.task import Labelled
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.methods.supervised import Supervised
from lenstream.ssl.untrained import make_encoder

TARGETS = ["theta_E", "e1", "e2", "center_x", "center_y"]
SOURCE = (
    "simulate.source=[{profile: SERSIC_ELLIPSE, magnitude: 22, R_sersic: 0.3, n_sersic: 1.0, e1_e2: {rayleigh: [0.2, "
    "0.4]}, center_x: {normal: [0, 0.1]}, center_y: {normal: [0, 0.1]}}]"
)


@pytest.fixture(scope="module")
def tiny():
    config = load("tiny", [])
    return config, make_scene(config.simulate, config.seed)


def network(tiny):
    torch.manual_seed(0)
    return make_encoder(tiny[0], "lensiam", tiny[1])


@pytest.fixture(scope="module")
def lenses(tiny):
    """Some random images with labels that are their moments, and so turn with them."""
    n, num_pix = 24, tiny[1].config.image.num_pix
    images = torch.randn(n, 1, num_pix, num_pix, generator=torch.Generator().manual_seed(1))
    x = (torch.arange(num_pix) - (num_pix - 1) / 2) / num_pix
    y = x[:, None]
    weights = [torch.ones(num_pix, num_pix), x**2 - y**2, 2 * x * y, x + 0 * y, y + 0 * x]
    moments = [(images[:, 0] * w / w.norm()).sum((-2, -1)) for w in weights]
    return Labelled(images, dict(zip(TARGETS, moments, strict=True)), np.arange(n))


@pytest.mark.parametrize("num_pix", [23, 24])
def test_labels_turn_as_those_of_a_lens_that_is_rendered_turned(num_pix):
    config = load("demo", [f"simulate.image.num_pix={num_pix}", SOURCE])
    scene = make_scene(config.simulate, config.seed)
    systems = draw(scene, np.arange(3), Views())
    images = render(scene, systems, noise=False)[:, 0]

    def of(component, k):
        """The parameters of a profile under a symmetry."""
        matrix = label_matrices(list(component))[k].numpy().astype(float)
        values = np.stack([np.reshape(values, len(systems.indices)) for values in component.values()])
        return {n: v.reshape(np.shape(component[n])) for n, v in zip(component, matrix @ values, strict=True)}

    for k in range(N_TURNS):
        groups = {g: tuple(of(c, k) for c in getattr(systems, g)) for g in ("lens_mass", "source")}
        again = render(scene, replace(systems, **groups), noise=False)[:, 0]
        np.testing.assert_allclose(turned(torch.from_numpy(images), k), again, atol=3e-6 * images.max())
        assert k == 0 or np.abs(again - images).max() > 0.1 * images.max()


def test_the_eight_symmetries_are_a_group_of_eight():
    image = torch.arange(9.0).reshape(3, 3)
    every = [tuple(turned(image, k).flatten().tolist()) for k in range(N_TURNS)]
    assert len(set(every)) == N_TURNS
    matrices = label_matrices(["e1", "e2", "center_x", "center_y"])
    for a in range(N_TURNS):
        for b in range(N_TURNS):
            ab = every.index(tuple(turned(turned(image, b), a).flatten().tolist()))
            assert torch.equal(matrices[ab], matrices[a] @ matrices[b])
    assert torch.equal(matrices @ matrices.mT, torch.eye(4).expand(8, 4, 4))


def test_an_image_is_turned_from_x_to_y():
    image = torch.zeros(5, 5)
    image[2, 4] = 1.0  # at +x
    assert turned(image, 1)[4, 2] == 1.0 and turned(image, 4)[2, 0] == 1.0
    x, y = label_matrices(["center_x", "center_y"])[1] @ torch.tensor([1.0, 0.0])
    assert (x, y) == (0.0, 1.0)


@pytest.fixture(scope="module", params=["d4", "finetune_d4"])
def trained(request, tiny, lenses):
    """A protocol, its task and a head that it trained."""
    task = Regression(None, TARGETS, Finetune(epochs=2, min_steps=2, batch_size=8, lr=1e-3))
    encoder = network(tiny)
    features = turned_features(encoder, lenses.images) if task.needs_features(request.param) else None
    return request.param, task, task.train(request.param, encoder, lenses, features, seed=3)


def test_predictions_turn_exactly_with_the_image(trained, lenses):
    _, task, head = trained
    plain = np.stack(list(task.predict(head, lenses.images).values()), axis=1)
    assert plain.std(axis=0).min() > 1e-4
    for k, matrix in enumerate(label_matrices(TARGETS).numpy()):
        again = np.stack(list(task.predict(head, turned(lenses.images, k)).values()), axis=1)
        np.testing.assert_allclose(again, plain @ matrix.T, atol=5e-6)


def test_a_head_is_rebuilt_from_its_weights_and_facts(trained, lenses, tiny):
    protocol, task, head = trained
    facts = {"targets": TARGETS, "protocol": protocol, "n_labels": 24}
    again = task.head(network(tiny), facts)
    again.load_state_dict(head.state_dict())
    for target, values in task.predict(head, lenses.images).items():
        np.testing.assert_allclose(values, task.predict(again, lenses.images)[target], atol=1e-6)
    assert "matrices" not in head.state_dict()


def test_ridge_learns_of_all_eight_images_of_every_lens(tiny, lenses):
    task, encoder = Regression(None, TARGETS, None), network(tiny)
    head = task.train("d4", encoder, lenses, turned_features(encoder, lenses.images), seed=0)
    images = torch.cat([turned(lenses.images, k) for k in range(N_TURNS)])
    table = torch.stack(list(lenses.true.values()), dim=1)
    labels = torch.cat([table @ label_matrices(TARGETS)[k].T for k in range(N_TURNS)])
    more = Labelled(images, dict(zip(TARGETS, labels.T, strict=True)), np.arange(len(images)))
    features = turned_features(encoder, images)[:, 0]
    plain = task.train("ridge", encoder, more, features, seed=0)
    for target, values in task.predict(plain, lenses.images).items():
        own = task.predict(head.regressor, lenses.images)[target]
        np.testing.assert_allclose(own, values, atol=1e-4)


def test_labels_of_all_turns_are_those_of_their_images(lenses):
    table = torch.stack(list(lenses.true.values()), dim=1)
    found = turned_labels(table, TARGETS)
    assert found.shape == (24, 8, 5)
    torch.testing.assert_close(found[:, 0], table)
    torch.testing.assert_close(found[:, 2, 1:], torch.cat([table[:, 1:3], -table[:, 3:]], dim=1))  # half a turn


class Corner(torch.nn.Module):
    """An encoder whose one feature is the pixel in the first corner: it differs between turns."""

    num_features = 1

    def forward(self, images):
        return images[:, 0, :1, 0]


def test_images_turn_at_random_with_their_labels_while_a_head_is_trained():
    """Of an image that says where its centre is, a turned one says the turned centre."""
    seen = []

    class Watching(Supervised):
        def loss_of(self, features, labels):
            seen.append((features.flatten().tolist(), labels.tolist()))
            return super().loss_of(features, labels)

    torch.manual_seed(0)
    corners = torch.tensor([[1.0, 2.0], [3.0, 4.0]])  # (x, y) = (-1, -1) has 1, (1, -1) 2, (-1, 1) 3, (1, 1) 4
    head = Symmetric(Watching(Corner(), torch.zeros(2), torch.ones(2)), ["center_x", "center_y"])
    from lenstream.ssl.methods.base import Step

    labels = torch.tensor([[-1.0, -1.0]]).expand(400, 2)
    head.train()([corners.expand(400, 1, 2, 2)], Step(0, 0.0, None, labels))
    features, turned_to = seen[0]
    where = {(-1.0, -1.0): {1.0}, (1.0, -1.0): {2.0, 3.0}, (-1.0, 1.0): {2.0, 3.0}, (1.0, 1.0): {4.0}}
    found = {}
    for value, place in zip(features, turned_to, strict=True):
        found.setdefault(tuple(place), set()).add(value)
    assert found == where  # the corner's own value, wherever it went: half of the turns swap the two beside it
    counts = np.unique(turned_to, axis=0, return_counts=True)[1]
    assert len(counts) == 4 and counts.min() > 70
    head.eval()([corners.expand(400, 1, 2, 2)], Step(0, 0.0, None, labels))
    assert seen[1][0] == [1.0] * 400 and seen[1][1] == labels.tolist()


def test_a_psf_that_changes_where_it_is_turned_is_said(tiny, tmp_path):
    y, x = np.mgrid[-3:4, -3:4]
    round_, long = np.exp(-0.5 * (x**2 + y**2)), np.exp(-0.5 * (x**2 / 4 + y**2))
    assert asymmetry(round_[None]) < 1e-12
    assert asymmetry(np.stack([round_, long])) == pytest.approx(np.abs(long - long.T).max())
    protocols = "evaluate.protocols=[ridge, d4]"
    for kernel, said in ((round_, 0), (long, 1)):
        np.save(tmp_path / "psf.npy", kernel / kernel.sum())
        psf = f"simulate.observation.psf={{kind: pixel, file: {tmp_path}/psf.npy}}"
        config = load("tiny", [psf, protocols])
        found = warnings(config, make_scene(config.simulate, 0))
        assert len(found) == said and all("simulate.observation.psf.file" in note for note in found)
        assert warnings(load("tiny", [psf]), make_scene(config.simulate, 0)) == []


def test_a_sky_with_a_direction_is_said(tmp_path):
    np.save(tmp_path / "sky.npy", np.random.default_rng(0).normal(size=(64, 64)))
    sky = [f"simulate.observation.sky_cutouts={tmp_path}", "simulate.observation.background_noise=null"]
    config = load("tiny", [*sky, "evaluate.protocols=[finetune_d4]"])
    (note,) = warnings(config, make_scene(config.simulate, 0))
    assert "simulate.observation.sky_cutouts" in note
