"""Reconstructions: errors by hand, a fixed linear autoencoder of known correlation, and what a run keeps of them."""

import json
import shutil

import numpy as np
import pytest
import torch

from lenstream.errors import DataError
from lenstream.evaluate import reconstruction
from lenstream.evaluate.reconstruction import Reconstructed, correlations, numbers, reconstruct
from lenstream.simulate.stream import simulate
from lenstream.simulate.systems.scene import FIRST_INDEX
from lenstream.ssl import checkpoint
from lenstream.ssl.untrained import make_method

from ..ssl.tiny import scene_of, tiny, train

RNG = np.random.default_rng(0)
MEAN = RNG.normal(size=(1, 32, 32))


class Linear(torch.nn.Module):
    """A masked autoencoder that gives back a times what it sees, and adds b times the mean lens, whatever is hidden."""

    patch, side, n_patches, n_masked, norm_pix = 8, 4, 16, 8, False

    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = a, b
        self.network = torch.nn.Module()
        self.network.normalize = torch.nn.Identity()

    def encode(self, images, visible):
        return images

    def decode(self, images, visible):
        from lightly.models.utils import patchify

        return patchify(self.a * images + self.b * torch.from_numpy(MEAN), self.patch)


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (0.0, 1.0), (0.0, -2.0), (1.0, 0.5), (3.0, 4.0)])
def test_noise_through_a_linear_autoencoder_has_the_known_correlation(a, b):
    noise = torch.from_numpy(RNG.normal(size=(200, 1, 32, 32)).astype(np.float32))
    found = reconstruct(Linear(a, b), noise, seed=1)
    np.testing.assert_allclose(found.predicted, a * noise.numpy() + b * MEAN, atol=1e-5)
    expected = b / np.hypot(a, b)  # of two fields of unit variance, of which the second is the mean lens
    values = correlations(found.predicted, MEAN, found.masked)
    assert np.mean(values) == pytest.approx(expected, abs=0.02)
    everywhere = correlations(found.predicted, MEAN, np.ones_like(found.masked))
    assert everywhere[0] == pytest.approx(np.corrcoef(found.predicted[0].ravel(), MEAN.ravel())[0, 1], abs=1e-6)


def test_pixels_that_are_seen_do_not_count_for_the_correlation():
    hidden = np.zeros((1, 1, 32, 32), bool)
    hidden[..., :16, :] = True
    images = np.where(hidden, 2 * MEAN + 3, -MEAN)
    assert correlations(images, MEAN, hidden)[0] == pytest.approx(1)
    assert correlations(images, MEAN, ~hidden)[0] == pytest.approx(-1)


def test_half_of_the_patches_are_hidden_as_wholes_and_others_in_each_image():
    masked = reconstruct(Linear(1, 0), torch.zeros(20, 1, 32, 32), seed=1).masked
    by_patch = masked.reshape(20, 4, 8, 4, 8)
    assert (by_patch.all((2, 4)) | ~by_patch.any((2, 4))).all()
    assert (masked.mean((1, 2, 3)) == 0.5).all() and len(np.unique(masked.reshape(20, -1), axis=0)) > 10


def test_the_errors_are_those_of_the_pixels():
    images = RNG.random((4, 2, 8, 8)).astype(np.float32) * np.array([1, 10, 2, 3])[:, None, None, None]
    masked = np.zeros((4, 1, 8, 8), bool)
    masked[:, :, :4] = True
    off = np.where(masked, 0.3, 0.1) + np.zeros_like(images)
    part = Reconstructed(images, masked, images + off)
    found = numbers(part, part, part, images.mean(axis=0))
    assert found["mse_masked"] == pytest.approx(0.09, rel=1e-4)
    assert found["mse_all"] == pytest.approx(0.05, rel=1e-4)
    spans = np.array([np.ptp(image) for image in images])
    assert found["mse_masked_min_max"] == pytest.approx(np.mean(0.09 / spans**2), rel=1e-4)
    assert found["mse_all_min_max"] == pytest.approx(np.mean(0.05 / spans**2), rel=1e-4)
    assert found["masked_share"] == 0.5 and found["noise_correlation"] == found["lens_correlation"]


def test_normalised_patches_get_their_mean_and_spread_back():
    config = tiny("mae", norm_pix=True, decoder_dim=16, decoder_depth=1, decoder_heads=2)
    method = make_method(config, "tiny", scene_of(config))
    images = torch.rand(3, 1, 32, 32)
    method.decode = lambda latent, visible: method.target(images)  # what a perfect one would predict
    found = reconstruct(method, images, seed=0)
    np.testing.assert_allclose(found.predicted, found.images, atol=1e-3)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = tiny("mae", "pretrain.steps=2", decoder_dim=16, decoder_depth=1, decoder_heads=2)
    folder = tmp_path_factory.mktemp("run")
    train(config, folder / "encoders" / "tiny")
    return config, scene_of(config), folder


def test_a_run_keeps_numbers_and_few_images_and_does_it_once(run, monkeypatch):
    config, scene, folder = run
    monkeypatch.setattr(reconstruction, "N", 12)
    written = reconstruction.reconstruct_all(config, scene, folder)
    assert [path.name for path in written] == ["tiny.npz", "tiny.json"]
    found = reconstruction.numbers_of(config, folder)["tiny"]
    assert found["n"] == 12 and found["mse_masked"] > 0 and abs(found["untrained_noise_correlation"]) < 1
    shown = reconstruction.shown_of(config, folder)["tiny"]
    assert shown["images"].shape == shown["predicted"].shape == (3, 1, 32, 32) and shown["mean"].shape == (1, 32, 32)
    normalize = make_method(config, "tiny", scene).network.normalize
    as_strong = normalize(torch.randn(20, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * normalize.noise)
    assert shown["noise_images"].std() == pytest.approx(float(as_strong.std()), rel=0.05)
    assert reconstruction.reconstruct_all(config, scene, folder) == []  # it is there already
    before = written[1].read_bytes()
    written[1].unlink()
    reconstruction.reconstruct_all(config, scene, folder)
    assert written[1].read_bytes() == before  # and is the same when it is made anew
    written[0].write_bytes(b"broken")
    with pytest.raises(DataError, match=r"tiny\.npz: cannot be read"):
        reconstruction.shown_of(config, folder)


def test_it_is_the_trained_network_that_reconstructs(run, monkeypatch):
    config, scene, folder = run
    monkeypatch.setattr(reconstruction, "N", 8)
    (folder / "reconstructions" / "tiny.json").unlink(missing_ok=True)
    reconstruction.reconstruct_all(config, scene, folder)
    known = json.loads((folder / "reconstructions" / "tiny.json").read_text())
    tensors, _ = checkpoint.load(folder / "encoders" / "tiny" / "last_state.safetensors")
    method = make_method(config, "tiny", scene)
    checkpoint.load_model(tensors, method)
    images = torch.from_numpy(np.load(folder / "reconstructions" / "tiny.npz")["images"])
    method.network.normalize = torch.nn.Identity()  # they are what the network sees
    seed = reconstruction.seed_of(config.seed, "tiny", "reconstruction")
    again = reconstruct(method, images, seed).predicted
    np.testing.assert_allclose(again, np.load(folder / "reconstructions" / "tiny.npz")["predicted"], atol=1e-5)
    assert known["noise_correlation"] != known["untrained_noise_correlation"]


def test_images_are_tests_and_the_mean_lens_is_that_of_the_training(run, monkeypatch):
    config, scene, _ = run
    monkeypatch.setattr(reconstruction, "N", 3)
    *parts, _ = reconstruction._images(config, scene)
    for split, found in zip(("test", "pretrain"), parts, strict=True):
        indices = np.arange(3, dtype=np.uint64) + np.uint64(FIRST_INDEX[split])
        assert torch.equal(found, simulate(scene, indices, derived=False).images[:, 0])


def test_other_weights_have_reconstructions_of_their_own(run, tmp_path, monkeypatch):
    config, scene, folder = run
    monkeypatch.setattr(reconstruction, "N", 4)
    shutil.copytree(folder / "encoders", tmp_path / "encoders")
    reconstruction.reconstruct_all(config, scene, tmp_path)
    before = reconstruction.numbers_of(config, tmp_path)["tiny"]
    state = tmp_path / "encoders" / "tiny" / "last_state.safetensors"
    tensors, facts = checkpoint.load(state)
    checkpoint.save(state, tensors | {"model.predict.bias": tensors["model.predict.bias"] + 1}, **facts)
    assert len(reconstruction.reconstruct_all(config, scene, tmp_path)) == 2
    assert reconstruction.numbers_of(config, tmp_path)["tiny"]["mse_masked"] != before["mse_masked"]


def test_encoders_of_other_methods_have_none(run, tmp_path):
    config = tiny("simclr")
    assert reconstruction.reconstruct_all(config, run[1], tmp_path) == []
    assert reconstruction.numbers_of(config, tmp_path) == {}
