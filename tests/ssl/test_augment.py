"""Augmentations: the same for a sample wherever it is, right where the answer is known, honest in what they change."""

import json
import math

import numpy as np
import pytest
import torch
from lenstronomy.Util.param_util import phi_q2_ellipticity

from lenstream import Views, draw, make_scene, render
from lenstream.configs.encoder import Augment
from lenstream.configs.load import load
from lenstream.ssl.augment import (
    CHANGES,
    FIRST,
    LOCAL,
    SECOND,
    augment,
    blur,
    brightness,
    crop,
    destroyed,
    noise,
    rotate,
    solarise,
    warp,
)
from lenstream.ssl.methods.base import Draws

N = 64
OFF = {"crop": None, "flip": False, "brightness": 0.0, "blur": None}
ALL = Augment(rot90=True, rotate=30.0, noise=0.05, solarise=0.3)


def only(**settings):
    return Augment(**(OFF | settings))


def draws(seed=0, total=N, rows=None):
    return Draws(seed, total, rows)


@pytest.fixture(params=[1, 3])
def images(request):
    return torch.rand(N, request.param, 24, 24, generator=torch.Generator().manual_seed(5)) * 40 - 4


def test_the_draws_decide_everything(images):
    before = images.clone()
    a, b, c = (augment(images, ALL, draws(seed)) for seed in (1, 1, 2))
    assert a.shape == images.shape and a.dtype == torch.float32
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(images, before)


@pytest.mark.parametrize("size", [None, 12])
def test_a_sample_is_the_same_in_every_part_of_the_batch(images, size):
    whole = augment(images, ALL, draws(3), size)
    parts = [slice(0, 5), slice(5, 32), slice(32, N)]
    apart = torch.cat([augment(images[p], ALL, draws(3, N, p), size) for p in parts])
    torch.testing.assert_close(apart, whole, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize(
    "settings", [{"crop": (0.2, 1.0)}, {"rotate": 90.0}, {"brightness": 0.4}, {"blur": (0.5, 1.0)}, {"noise": 0.1}]
)
def test_every_image_gets_its_own(images, settings):
    same = images[:1].expand(N, -1, -1, -1).contiguous()
    out = augment(same, only(**settings), draws())
    assert len({tuple(o[0, 7:10, 7:10].flatten().tolist()) for o in out}) >= 0.4 * N


def test_nothing_set_changes_nothing(images):
    assert torch.equal(augment(images, only(), draws()), images)


@pytest.mark.parametrize("on", [("flip",), ("rot90",), ("flip", "rot90")])
def test_flips_and_quarter_turns_only_move_pixels(images, on):
    out = augment(images, only(**dict.fromkeys(on, True)), draws())
    flips = [(), (1,), (2,), (1, 2)] if "flip" in on else [()]
    turns = range(4) if "rot90" in on else [0]
    known = {(f, k): torch.stack([i.flip(f).rot90(k, (1, 2)) for i in images]) for f in flips for k in turns}
    equal = torch.stack([(out == k).flatten(1).all(1) for k in known.values()])
    assert equal.any(0).all(), "some pixels are not those of the image"
    assert equal.any(1).all(), "some of the turns never occur"


def test_the_steps_are_those_of_the_functions_one_after_the_other():
    image = torch.rand(N, 1, 24, 24, generator=torch.Generator().manual_seed(1))
    both = augment(image, only(crop=(0.3, 0.6), flip=True, rot90=True), draws())
    again = draws()
    cropped = warp(image, crop((0.3, 0.6), again), (24, 24))
    u, quarter = again.uniform(2) < 0.5, (4 * again.uniform()).long()
    for k in range(N):
        moved = cropped[k].flip([d for d, on in ((2, u[k, 0]), (1, u[k, 1])) if on])
        turned = [moved.rot90(s * int(quarter[k]), (1, 2)) for s in (1, -1)]
        assert min((both[k] - t).abs().max() for t in turned) < 1e-4


def test_a_crop_shows_a_part_of_the_asked_area_and_shape():
    matrix = crop((0.2, 0.7), draws(total=4000))
    width, height, shift = matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, :2, 2]
    area, stretch = width * height, width / height
    assert 0.2 <= area.min() < 0.21 and 0.69 < area.max() <= 0.7
    assert 0.74 < stretch.min() < 0.77 and 1.3 < stretch.max() < 1.34
    assert (shift.abs() + torch.stack([width, height], 1) <= 1 + 1e-6).all(), "a part lies beyond the border"
    y, x = torch.meshgrid(*[(2 * torch.arange(40) + 1) / 40 - 1.0] * 2, indexing="ij")
    ramps = torch.stack([x, y]).expand(4000, 2, 40, 40)[:50]
    out = warp(ramps, matrix[:50], (40, 40))[:, :, 5:-5, 5:-5]
    expected = torch.stack([matrix[:50, k, k, None, None] * (x, y)[k] for k in (0, 1)], 1) + shift[:50, :, None, None]
    torch.testing.assert_close(out, expected[:, :, 5:-5, 5:-5], atol=1e-5, rtol=0)


def test_a_crop_of_everything_is_the_image(images):
    torch.testing.assert_close(augment(images, only(crop=(1.0, 1.0)), draws()), images, atol=1e-4, rtol=0)


def test_a_turn_is_about_the_centre_and_mirrors_what_is_missing():
    y, x = torch.meshgrid(*[torch.arange(41) - 20.0] * 2, indexing="ij")
    blob = torch.exp(-0.5 * ((x - 5) ** 2 + y**2) / 4).expand(N, 1, 41, 41)
    out = augment(blob + 3.0, only(rotate=180.0), draws())
    assert (out[:, 0, 0, 0] > 2.99).all(), "corners are black"
    out = out[:, 0] - 3.0
    at = torch.stack([(out * c).sum((1, 2)) for c in (x, y)]) / out.sum((1, 2))
    torch.testing.assert_close(at.norm(dim=0), torch.full((N,), 5.0), atol=0.01, rtol=0)
    angle = torch.atan2(at[1], at[0])
    assert angle.min() < -2.5 and angle.max() > 2.5
    few = rotate(10.0, draws())
    assert torch.atan2(few[:, 1, 0], few[:, 0, 0]).abs().max() <= math.radians(10.0)


def test_a_turn_of_a_wide_image_keeps_shapes():
    y, x = torch.meshgrid(torch.arange(31) - 15.0, torch.arange(61) - 30.0, indexing="ij")
    disc = torch.exp(-0.5 * (x**2 + y**2) / 9).expand(N, 1, 31, 61)
    out = augment(disc, only(rotate=180.0, rot90=True), draws())
    torch.testing.assert_close(out[..., 15:-15], disc[..., 15:-15], atol=0.05, rtol=0)


def test_a_smaller_view_is_the_mean_of_what_its_pixels_cover(images):
    out = augment(images, only(crop=(1.0, 1.0)), draws(), size=8)
    means = torch.nn.functional.avg_pool2d(images, 3)
    torch.testing.assert_close(out, means, atol=1e-3, rtol=0)
    assert augment(images, only(crop=(0.05, 0.14)), draws(), size=12).shape == (N, images.shape[1], 12, 12)
    assert augment(images, only(), draws(), size=12).shape == (N, images.shape[1], 12, 12)


def test_brightness_changes_flux_alone_within_its_spread(images):
    ratio = (brightness(images, 0.4, draws(), 0.8) / images).flatten(1)
    assert (ratio.std(1) < 1e-5).all()
    factor = ratio.mean(1)
    assert 0.6 <= factor.min() < 0.7 and 1.3 < factor.max() <= 1.4
    assert 0.6 < (factor != 1).float().mean() < 0.97


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_as_many_images_change_their_flux_as_asked_for(share):
    images = torch.ones(4000, 1, 4, 4)
    out = augment(images, only(brightness=0.8, brightness_probability=share), draws(total=4000))
    assert (out[:, 0, 0, 0] != 1).float().mean().item() == pytest.approx(share, abs=0.02)
    assert out.min() >= 0.2 - 1e-6 and out.max() <= 1.8 + 1e-6


@pytest.mark.parametrize(("view", "share"), [(FIRST, 1.0), (SECOND, 0.1), (LOCAL, 0.5)])
def test_as_many_images_are_blurred_as_asked_for_of_that_view(view, share):
    images = torch.rand(2000, 1, 8, 8, generator=torch.Generator().manual_seed(5))
    settings = only(blur=(0.5, 2.0), blur_probability=(1.0, 0.1, 0.5))
    out = augment(images, settings, draws(total=2000), view=view)
    assert (out != images).flatten(1).any(1).float().mean().item() == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize("shape", [(20, 20), (20, 30)])
def test_a_shift_is_by_whole_pixels_up_to_its_share_and_mirrors_what_is_missing(shape):
    n = 1000
    images = torch.zeros(n, 1, *shape)
    images[:, 0, 9, 12] = 1.0
    out = augment(images + 3.0, only(shift=0.2), draws(total=n)) - 3.0
    assert set(out.unique().tolist()) == {0.0, 1.0}  # no interpolation, no black edges
    at = out.flatten(1).argmax(1)
    moved = torch.stack([at // shape[1] - 9, at % shape[1] - 12])
    for axis, size in enumerate(shape):
        assert moved[axis].unique().tolist() == list(range(-size // 5, size // 5 + 1))
        assert abs(moved[axis].float().mean()) < 0.3
    ramp = torch.arange(20.0).expand(n, 1, 20, 20)
    edge = augment(ramp, only(shift=0.2), draws(total=n))[:, 0, 0, 0]
    assert edge.min() == 0 and edge.max() == 4


def test_blur_is_a_gaussian_and_keeps_flux():
    flat = torch.ones(N, 1, 25, 25)
    torch.testing.assert_close(blur(flat, (0.5, 2.0), draws()), flat)
    point = torch.zeros(N, 2, 25, 31)
    point[:, :, 12, 15] = 1.0
    out = blur(point, (1.5, 1.5), draws(), 0.5)
    y, x = torch.meshgrid(torch.arange(25) - 12.0, torch.arange(31) - 15.0, indexing="ij")
    gaussian = torch.exp(-0.5 * (x**2 + y**2) / 1.5**2)
    gaussian /= gaussian.sum()
    blurred = (out[:, 0, 12, 15] < 0.5).float()
    assert 0.3 < blurred.mean() < 0.7
    for image, is_blurred in zip(out, blurred, strict=True):
        torch.testing.assert_close(image, (gaussian if is_blurred else point[0, 0]).expand(2, -1, -1))


def test_noise_scales_with_the_range_of_each_image(images):
    scale = torch.logspace(-2, 2, N)[:, None, None, None]
    out = noise(images * scale, 0.1, draws())
    added = (out / scale - images).flatten(1)
    span = images.flatten(1).amax(1) - images.flatten(1).amin(1)
    torch.testing.assert_close(added.std(1) / span, torch.full((N,), 0.1), rtol=0.15, atol=0)
    assert abs(added.mean()) < 0.05


def test_solarise_turns_over_the_bright_half_of_its_share(images):
    assert torch.equal(solarise(images, 0.0, draws()), images)
    peak = images.amax((1, 2, 3), keepdim=True)
    turned = torch.where(images > peak / 2, peak - images, images)
    torch.testing.assert_close(solarise(images, 1.0, draws()), turned)
    share = (solarise(images, 0.3, draws()) == turned).flatten(1).all(1).float().mean()
    assert 0.1 < share < 0.5


def ellipses(phi, q, radius, at, size=96):
    """Gaussian ellipses; radius, at (x, y) in pixels."""
    y, x = torch.meshgrid(*[torch.arange(size) - (size - 1) / 2] * 2, indexing="ij")
    x, y = x - at[0], y - at[1]
    along, across = x * math.cos(phi) + y * math.sin(phi), y * math.cos(phi) - x * math.sin(phi)
    return torch.exp(-0.5 * (q * along**2 + across**2 / q) / radius**2).expand(N, 1, size, size)


def measured(images):
    """What a lens's parameters would be if it had the shape of the light: name to (n,)."""
    out, flux = {}, images[:, 0] / images[:, 0].sum((1, 2), keepdim=True)
    y, x = torch.meshgrid(*[torch.arange(images.shape[-1]) - (images.shape[-1] - 1) / 2] * 2, indexing="ij")
    out["center_x"], out["center_y"] = (flux * x).sum((1, 2)), (flux * y).sum((1, 2))
    x, y = x - out["center_x"][:, None, None], y - out["center_y"][:, None, None]
    xx, xy, yy = ((flux * m).sum((1, 2)) for m in (x * x, x * y, y * y))
    root = (xx * yy - xy**2).sqrt()
    return out | {"theta_E": root.sqrt(), "e1": (xx - yy) / (xx + yy + 2 * root), "e2": 2 * xy / (xx + yy + 2 * root)}


@pytest.mark.parametrize("name", [n for n in CHANGES if n not in ("noise", "solarise")])  # they change light alone
def test_the_table_says_what_an_augmentation_changes(name):
    phi, q = 0.4, 0.6
    image = ellipses(phi, q, radius=5.0, at=(4.0, -3.0))
    values = {"crop": (0.6, 1.0), "flip": True, "rot90": True, "rotate": 90.0, "blur": (0.1, 0.5), "shift": 0.05}
    value = values.get(name, 0.4)
    before, after = measured(image), measured(augment(image, only(**{name: value}), draws()))
    assert np.allclose([before["e1"][0], before["e2"][0]], phi_q2_ellipticity(phi, q), atol=1e-3)
    tolerance = {"theta_E": 0.1, "e1": 0.01, "e2": 0.01, "center_x": 0.1, "center_y": 0.1}
    changed = {k for k in before if (after[k] - before[k]).abs().max() > tolerance[k]}
    assert changed == set(before) & set(CHANGES[name])
    for e, gamma in (("e1", "gamma1"), ("e2", "gamma2")):  # shear turns like ellipticity
        assert (e in CHANGES[name]) == (gamma in CHANGES[name])


def round_lens(**changes):
    return {"profile": "EPL", "theta_E": 1.0, "gamma": 2.0} | changes


LENSES = {  # a lens that is round but for one parameter
    "theta_E": [round_lens(theta_E=1.3)],
    "gamma": [round_lens(gamma=2.3)],
    "e1": [round_lens(e1=0.3, e2=0.0)],
    "e2": [round_lens(e1=0.0, e2=0.3)],
    "center_x": [round_lens(center_x=0.3)],
    "center_y": [round_lens(center_y=0.3)],
    "gamma1": [round_lens(), {"profile": "SHEAR", "gamma1": 0.1, "gamma2": 0.0}],
    "gamma2": [round_lens(), {"profile": "SHEAR", "gamma1": 0.0, "gamma2": 0.1}],
    "a_m": [round_lens(), {"profile": "MULTIPOLE", "m": 4, "a_m": 0.05, "phi_m": 0.0}],
    "phi_m": [round_lens(), {"profile": "MULTIPOLE", "m": 3, "a_m": 0.05, "phi_m": 0.3}],
    "kappa": [round_lens(), {"profile": "CONVERGENCE", "kappa": 0.1}],
    "Rs": [round_lens(), {"profile": "NFW", "Rs": 2.0, "alpha_Rs": 0.2}],
}


@pytest.mark.parametrize("name", LENSES)
def test_a_mirrored_or_turned_image_shows_the_same_lens_only_where_it_is_said_to(name):
    source = [{"profile": "SERSIC_ELLIPSE", "magnitude": 22, "R_sersic": 0.2, "n_sersic": 1}]
    options = [f"simulate.lens_mass={json.dumps(LENSES[name])}", f"simulate.source={json.dumps(source)}"]
    config = load("tiny", [*options, "simulate.image.rays=4", "pretrain=null", "evaluate=null"])
    scene = make_scene(config.simulate, config.seed)
    image = render(scene, draw(scene, np.arange(1), Views()), noise=False, dtype=np.float64)[0, 0]

    def same(other):
        return np.abs(other - image).max() < 1e-6 * image.max()

    assert (same(image[..., ::-1]) and same(image[..., ::-1, :])) == (name not in CHANGES["flip"])
    assert same(np.rot90(image, axes=(-2, -1))) == (name not in CHANGES["rot90"])


def test_destroyed_targets_are_named_with_what_is_on():
    targets = ["theta_E", "gamma", "e1", "e2_3", "theta_E_2", "ra_0", "kappa"]
    assert destroyed(targets, only()) == {}
    assert destroyed(targets, only(flip=True)) == {"e2_3": ["flip"], "ra_0": ["flip"]}
    assert destroyed(targets, only(brightness=0.4, noise=1.0, solarise=0.5, blur=(1, 2))) == {}
    found = destroyed(targets, ALL)
    assert found["theta_E"] == found["theta_E_2"] == ["crop"]
    assert found["e1"] == ["crop", "rot90", "rotate"]
    assert "gamma" not in found and "kappa" not in found


def test_the_table_has_every_setting():
    assert list(CHANGES) == [name for name in Augment.model_fields if not name.endswith("_probability")]
