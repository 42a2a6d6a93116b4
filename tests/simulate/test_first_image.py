"""Images of a GPU that are wrong are refused before any training."""

from types import SimpleNamespace

import pytest
import torch

from lenstream.configs.load import load
from lenstream.errors import LenStreamError
from lenstream.simulate.first_image import refuse_wrong_images
from lenstream.simulate.render import render_all
from lenstream.simulate.systems.scene import make_scene


@pytest.fixture(scope="module")
def scene():
    return make_scene(load("tiny").simulate, 1)


def renderer(scene, change):
    def render(systems, noisy):
        images = render_all(scene, systems, noise=noisy).images
        return SimpleNamespace(images=change(torch.from_numpy(images)))

    return render


def test_the_images_of_the_cpu_are_right(scene):
    refuse_wrong_images(scene, [renderer(scene, lambda images: images * 1.001)])


@pytest.mark.parametrize(
    "change", [torch.zeros_like, lambda images: images * torch.nan, lambda images: images.flip(-1)]
)
def test_other_images_are_refused_in_a_sentence(scene, change):
    with pytest.raises(LenStreamError, match=r"^the GPU's images are wrong: .* differs by .* device cpu is$"):
        refuse_wrong_images(scene, [renderer(scene, change)])
