"""Augmentations: batched, reproducible from a generator, right where the answer is known."""

import pytest
import torch

from lenstream.ssl.augment import augment, blur, brightness, crop_and_flip, destroyed


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=[1, 3])
def images(request):
    return torch.rand(16, request.param, 24, 24, generator=generator(5))


def test_the_generator_decides_everything(images):
    a, b, c = augment(images, generator(1)), augment(images, generator(1)), augment(images, generator(2))
    assert a.shape == images.shape
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_every_image_gets_its_own(images):
    same = images[:1].repeat(16, 1, 1, 1)
    out = crop_and_flip(same, generator())
    assert len({tuple(o.flatten()[:4].tolist()) for o in out}) == 16


def test_a_crop_of_everything_is_the_image_or_its_mirror(images):
    out = crop_and_flip(images, generator(), area=(1.0, 1.0), ratio=(1.0, 1.0))
    for before, after in zip(images, out, strict=True):
        mirrors = [before.flip(dims) for dims in ((), (1,), (2,), (1, 2))]
        assert min((after - m).abs().max() for m in mirrors) < 1e-5


def test_brightness_keeps_shapes_and_changes_flux_within_its_spread(images):
    ratio = brightness(images, generator(), spread=0.4, probability=1.0) / images
    per_image = ratio.flatten(1)
    assert (per_image.std(1) < 1e-5).all()
    assert 0.6 <= per_image.min() < per_image.max() <= 1.4


def test_blur_keeps_flux_and_smooths(images):
    flat = torch.ones_like(images)
    torch.testing.assert_close(blur(flat, generator(), probability=1.0), flat)
    point = torch.zeros_like(images)
    point[:, :, 12, 12] = 1.0
    out = blur(point, generator(), sigma=(1.0, 1.0), probability=1.0)
    torch.testing.assert_close(out.sum((2, 3)), torch.ones(out.shape[:2]))
    assert (out[:, :, 12, 12] < 0.2).all()
    assert torch.equal(blur(images, generator(), probability=0.0), images)


def test_destroyed_targets_are_named():
    assert destroyed(["theta_E", "gamma", "e1"]) == {"theta_E": ["crop"], "e1": ["flip"]}
