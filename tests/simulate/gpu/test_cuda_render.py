"""Images on a GPU beside those of the CPU; `simulated.py` has what needs no GPU."""

import numpy as np
import pytest
import torch

from lenstream.configs.load import load
from lenstream.simulate.gpu.cuda_render import make_renderer, unsupported
from lenstream.simulate.render import render_all
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene


def scene_of(recipe, *overrides):
    return make_scene(load(recipe, list(overrides)).simulate, 1)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("simulate.observation.bad_pixels=0.01", "bad pixels or cosmic rays"),
        ("simulate.observation.cosmic_rays=2", "bad pixels or cosmic rays"),
    ],
)
def test_what_only_the_cpu_renders_is_named(override, words):
    scene = scene_of("w1", override)
    assert unsupported(scene) == words
    with pytest.raises(ValueError, match=f"only the CPU renders {words}"):
        make_renderer(scene, torch.device("cpu"))
    assert unsupported(scene_of("w1")) is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("recipe", ["w1", "w4", "demo"])
@pytest.mark.parametrize("noise", [False, True])
def test_fixed_rays_agree_with_the_cpu(recipe, noise):
    scene = scene_of(recipe)
    systems = draw(scene, np.arange(64), Views(2))
    cpu = render_all(scene, systems, noise=noise, rays=2, exact_halos=True, arcs=True)
    gpu = make_renderer(scene, torch.device("cuda"))(systems, noisy=noise, rays=2, arcs=True)
    assert np.abs(gpu.images.cpu().numpy() - cpu.images).max() < 2e-5 * np.abs(cpu.images).max()
    np.testing.assert_allclose(gpu.arcs.cpu().numpy(), cpu.arcs, rtol=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_adaptive_rays_agree_within_the_tolerance():
    scene = scene_of("demo")
    systems = draw(scene, np.arange(128), Views(2))
    cpu = render_all(scene, systems, noise=False, rays="adaptive")
    gpu = make_renderer(scene, torch.device("cuda"))(systems, noisy=False, rays="adaptive")
    peak = cpu.images.max((-2, -1), keepdims=True)
    difference = np.abs(gpu.images.cpu().numpy() - cpu.images) / peak
    assert difference.max() < 1e-3 and np.quantile(difference, 0.999) < 2e-5


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_an_image_is_the_same_to_the_bit_in_any_batch():
    scene, cuda = scene_of("demo"), torch.device("cuda")
    render = make_renderer(scene, cuda)
    whole = render(draw(scene, np.arange(32), Views(2))).images
    part = render(draw(scene, np.arange(20, 25), Views(2))).images
    assert torch.equal(whole[20:25], part)
