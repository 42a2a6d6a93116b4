"""A loss or weights that are not finite: never written, and said with the images and the last good checkpoint."""

import numpy as np
import pytest
import torch

from lenstream.configs.load import load
from lenstream.errors import LenStreamError
from lenstream.progress import Stopped
from lenstream.ssl import checkpoint, trainer
from lenstream.ssl.methods.simsiam import SimSiam
from lenstream.ssl.trainer import pretrain
from lenstream.ssl.untrained import make_encoder

from .tiny import folder_config, stop_after


def test_a_loss_that_is_not_finite_stops_and_names_the_samples(tiny, tmp_path):
    config, scene = tiny
    with pytest.raises(Stopped):
        pretrain(config, "lensiam", scene, tmp_path, stop=stop_after(2))
    path = tmp_path / "checkpoint.safetensors"
    tensors, facts = checkpoint.load(path)
    poisoned = {k: v * float("nan") if k.endswith("conv1.0.weight") and "model" in k else v for k, v in tensors.items()}
    assert any(not torch.equal(poisoned[k], tensors[k]) for k in tensors)
    checkpoint.save(path, poisoned, **facts)
    said = r"became nan: look at samples 32 to 47, of step 3; the last checkpoint, with weights that are not finite eit"
    for _ in range(2):  # the same command ends in the same way, and says so
        with pytest.raises(LenStreamError, match=said + r".*would end here again: start anew with a lower lr"):
            pretrain(config, "lensiam", scene, tmp_path)
        assert path.exists()


def test_the_last_good_checkpoint_is_named_with_its_step(tiny, tmp_path, monkeypatch):
    """The fourth step breaks down; that of step 2 was the last to be written."""
    forward = SimSiam.forward

    def breaks_down(self, views, step):
        loss, features = forward(self, views, step)
        return loss * (torch.nan if step.number == 3 else 1), features

    monkeypatch.setattr(SimSiam, "forward", breaks_down)
    said = r"samples 48 to 63, of step 4; the last good checkpoint, of step 2, is .*checkpoint\.safetensors\. The same"
    for _ in range(2):  # the same command ends in the same way, and says so
        with pytest.raises(LenStreamError, match=said):
            pretrain(tiny[0], "lensiam", tiny[1], tmp_path)
        assert checkpoint.load_facts(tmp_path / "checkpoint.safetensors")["step"] == 2


def test_a_loss_that_is_not_finite_at_once_is_not_blamed_on_the_learning_rate(tiny, tmp_path):
    start = make_encoder(tiny[0], "lensiam", tiny[1]).state_dict()
    start["backbone.conv1.0.weight"] *= torch.nan
    checkpoint.save(tmp_path / "start.safetensors", start)
    config, scene = load("tiny", [f"pretrain.backbone.weights={tmp_path / 'start.safetensors'}"]), tiny[1]
    with pytest.raises(LenStreamError, match=r"of step 1; no weight has moved yet, so it is these images, or the wei"):
        pretrain(config, "lensiam", scene, tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.safetensors"))


def test_weights_that_are_not_finite_are_never_written(tiny, tmp_path):
    """The loss of the last step is one of the weights before it."""
    config = load("tiny", ["pretrain.steps=1", "pretrain.encoders.lensiam={method: lensiam, warmup: 0, lr: 1.0e+39}"])
    with pytest.raises(
        LenStreamError, match=r"weights of lensiam are not finite after step 1, first .*there is no che"
    ):
        pretrain(config, "lensiam", tiny[1], tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


def test_the_images_of_a_bad_loss_are_named(tiny, tmp_path, monkeypatch):
    config = folder_config(tmp_path / "images")
    seen = []
    monkeypatch.setattr(trainer, "make_views", lambda images, *_: seen.append(images) or [images[:, 0] * torch.nan] * 2)
    monkeypatch.setattr("lenstream.ssl.normalize.Normalize.forward", lambda self, images: images)
    with pytest.raises(LenStreamError, match="of step 1; no weight has moved") as caught:
        pretrain(config, "simsiam", tiny[1], tmp_path / "run")
    named = [k for k in range(12) if f"{k:02}.npy" in str(caught.value)]
    files = {k: np.load(tmp_path / "images" / f"{k:02}.npy").astype(np.float32) for k in range(12)}
    first = [k for k, image in files.items() if any(np.array_equal(image, x[0, 0]) for x in seen[0].numpy())]
    assert len(named) == 3 and set(named) <= set(first) and "and 5 more in" in str(caught.value)
