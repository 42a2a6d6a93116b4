"""Views: each policy shows what it says, and says what cannot be learnt from it."""

import pytest
import torch

from lenstream.configs.encoder import Augment
from lenstream.configs.methods import (
    ContrastSettings,
    DINOSettings,
    IBOTSettings,
    MAESettings,
    SimSiamSettings,
    SupervisedSettings,
)
from lenstream.simulate.systems.draw import Views
from lenstream.ssl.augment import augment
from lenstream.ssl.methods.base import Draws
from lenstream.ssl.views import make_views, physics, warnings

N = 8
NOTHING = Augment(crop=None, flip=False, blur=None, brightness=0.0, noise=0.0)
LOCAL = {"views": 5, "area": (0.1, 0.3), "size": 10}


@pytest.fixture
def images():
    return torch.rand(N, 2, 3, 24, 24, generator=torch.Generator().manual_seed(5))


def draws(seed=0, rows=None):
    return Draws(seed, N, rows)


def test_the_stream_renders_what_the_policy_needs():
    assert physics(SimSiamSettings(method="simsiam", redraw=["psf"]), 2) == Views(1)
    for policy in ("physics", "both"):
        settings = SimSiamSettings(method="simsiam", views=policy, redraw=["source", "psf"])
        assert physics(settings, 2) == Views(2, frozenset({"source", "psf"}))
    assert physics(SupervisedSettings(method="supervised", views="physics"), 1).n == 1


def test_physics_views_are_the_streams_images(images):
    views = make_views(images, SimSiamSettings(method="lensiam"), 2, draws())
    assert len(views) == 2
    assert torch.equal(torch.stack(views, 1), images)


def test_augmented_views_are_of_the_first_image(images):
    settings = SimSiamSettings(method="simsiam")
    first, second = make_views(images[:, :1], settings, 2, draws())
    same = draws()
    assert torch.equal(first, augment(images[:, 0], settings.augment, same))
    assert torch.equal(second, augment(images[:, 0], settings.augment, same))
    assert not torch.equal(first, second)
    unset = SimSiamSettings(method="simsiam", augment=NOTHING)
    assert all(torch.equal(v, images[:, 0]) for v in make_views(images, unset, 2, draws()))


def test_both_augments_each_physics_view(images):
    settings = SimSiamSettings(method="simsiam", views="both")
    views, same = make_views(images, settings, 2, draws()), draws()
    for k in range(2):
        assert torch.equal(views[k], augment(images[:, k], settings.augment, same))


@pytest.mark.parametrize("method", ["rotation", "noise"])
@pytest.mark.parametrize("policy", ["augment", "both", "physics"])
def test_a_pretext_leaves_the_first_view(images, method, policy):
    settings = ContrastSettings(method=method, views=policy)
    first, second = make_views(images if policy != "augment" else images[:, :1], settings, 2, draws())
    shown = images[:, 0 if policy == "augment" else 1]
    assert torch.equal(first, images[:, 0])
    assert torch.equal(second, shown if policy == "physics" else augment(shown, settings.augment, draws()))
    assert torch.equal(second, shown) == (policy == "physics")


def test_a_pretext_may_change_both_views(images):
    settings = ContrastSettings(method="rotation", both_views=True)
    first, second = make_views(images[:, :1], settings, 2, draws())
    again = draws()
    assert torch.equal(first, augment(images[:, 0], settings.augment, again))
    assert torch.equal(second, augment(images[:, 0], settings.augment, again))
    assert not torch.equal(first, second) and not torch.equal(first, images[:, 0])


def test_each_view_is_blurred_as_often_as_its_place_says(images):
    blurred = NOTHING.model_copy(update={"blur": (1.0, 1.0), "blur_probability": (1.0, 0.0, 0.0)})
    settings = DINOSettings(method="dino", augment=blurred, local=LOCAL)
    sharp = settings.model_copy(update={"augment": blurred.model_copy(update={"blur_probability": (0.0, 0.0, 0.0)})})
    views, others = (make_views(images[:, :1], s, 2, draws()) for s in (settings, sharp))
    assert [torch.equal(a, b) for a, b in zip(views, others, strict=True)] == [False, *[True] * 6]


@pytest.mark.parametrize("settings", [MAESettings(method="mae"), SupervisedSettings(method="supervised")])
def test_methods_with_one_view_get_one(images, settings):
    assert len(make_views(images[:, :1], settings, 1, draws())) == 1


@pytest.mark.parametrize(("section", "method"), [(DINOSettings, "dino"), (IBOTSettings, "ibot")])
def test_local_views_follow_and_take_the_images_in_turn(images, section, method):
    constant = images * 0 + torch.tensor([1.0, 2.0])[None, :, None, None, None]
    settings = section(method=method, views="both", augment=NOTHING, local=LOCAL)
    views = make_views(constant, settings, 2, draws())
    assert [tuple(v.shape[-2:]) for v in views] == [(24, 24)] * 2 + [(10, 10)] * 5
    assert [round(float(v.mean()), 4) for v in views] == [1, 2, 1, 2, 1, 2, 1]
    assert all(float(v.std()) < 1e-5 for v in views)
    alone = settings.model_copy(update={"views": "augment"})
    assert [round(float(v.mean()), 4) for v in make_views(constant[:, :1], alone, 2, draws())] == [1] * 7
    only_physics = settings.model_copy(update={"views": "physics"})
    assert len(make_views(images, only_physics, 2, draws())) == 2


def test_local_views_show_a_part_of_their_area_with_the_other_augmentations():
    x = (2 * torch.arange(64) + 1.0) / 64 - 1
    ramps = torch.stack([x.expand(64, 64), x[:, None].expand(64, 64)]).expand(N, 1, 2, 64, 64)
    quiet = NOTHING.model_copy(update={"flip": True})
    settings = DINOSettings(method="dino", augment=quiet, local=LOCAL | {"views": 1, "size": 32})
    local = make_views(ramps, settings, 2, draws())[-1]
    step = [(local[:, 0, 16, 20] - local[:, 0, 16, 12]), (local[:, 1, 20, 16] - local[:, 1, 12, 16])]
    area = (step[0] * step[1] / (8 * 2 / 32) ** 2).abs()
    assert (area > 0.099).all() and (area < 0.301).all() and area.std() > 0.01
    assert (step[0] > 0).any() and (step[0] < 0).any(), "local views are not flipped"


def test_parts_of_a_batch_get_the_views_of_the_whole(images):
    settings = DINOSettings(method="dino", views="both", local=LOCAL, augment=Augment(noise=0.1, rotate=20.0))
    whole = make_views(images, settings, 2, draws(4))
    parts = [slice(0, 3), slice(3, N)]
    apart = [make_views(images[p], settings, 2, draws(4, p)) for p in parts]
    for k, view in enumerate(whole):
        torch.testing.assert_close(torch.cat([a[k] for a in apart]), view, rtol=1e-6, atol=1e-6)


def test_warnings_name_targets_and_augmentations():
    targets = ["theta_E", "e2", "gamma"]
    (note,) = warnings("pairs", SimSiamSettings(method="simsiam"), targets)
    assert note == "pairs cannot keep what its augmentations change: theta_E (crop), e2 (crop and flip)."
    assert warnings("pairs", SimSiamSettings(method="simsiam", views="both"), targets) == [note]
    assert warnings("pairs", SimSiamSettings(method="lensiam"), targets) == []
    assert warnings("pairs", SimSiamSettings(method="simsiam"), ["gamma"]) == []
    assert warnings("turned", ContrastSettings(method="noise"), targets) == []
    (note,) = warnings("turned", ContrastSettings(method="rotation"), targets)
    assert "e2 (rotate)" in note and "theta_E" not in note


def test_warnings_know_local_views_and_redrawn_targets():
    settings = DINOSettings(method="dino", augment=NOTHING)
    assert warnings("dino", settings, ["theta_E"]) == []
    (note,) = warnings(
        "dino", settings.model_copy(update={"local": settings.local.model_copy(update=LOCAL)}), ["theta_E"]
    )
    assert "theta_E (crop)" in note
    (note,) = warnings("pairs", SimSiamSettings(method="lensiam"), ["source_e1", "lens_light_e1"])
    assert "source_e1" in note and "lens_light_e1" not in note


def test_a_masked_autoencoder_with_one_view_ignores_nothing():
    assert warnings("mae", MAESettings(method="mae"), ["theta_E"]) == []
    assert warnings("labels", SupervisedSettings(method="supervised"), ["theta_E"]) == []


def test_lost_pixels_do_not_spread():
    """One NaN in an image: every view of it is finite, and other images are the same bits as without it."""
    settings = SimSiamSettings(method="simsiam", views="augment")
    images = torch.randn(6, 1, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    holes = images.clone()
    holes[2, 0, 1, 3, 4] = torch.nan
    whole, mended = (make_views(x, settings, 2, Draws(3, 6)) for x in (images, holes))
    others = torch.tensor([0, 1, 3, 4, 5])
    for a, b in zip(whole, mended, strict=True):
        assert torch.isfinite(b).all()
        assert torch.equal(a[others], b[others])


def test_a_redrawn_lens_light_is_named_and_a_kept_source_is_not():
    settings = SimSiamSettings(method="lensiam", redraw=["lens_light"])
    (note,) = warnings("pairs", settings, ["theta_E", "source_e1", "lens_light_e1"])
    assert note == "pairs cannot keep what its physics views redraw: lens_light_e1."


def test_a_lost_pixel_has_the_mean_of_its_image_and_band():
    """On a flat sky of 5 and 7 it is then of no notice, whatever zooms and blurs."""
    images = torch.tensor([5.0, 7.0])[None, None, :, None, None].expand(N, 1, 2, 24, 24).clone()
    images[:, 0, 0, 10, 11] = torch.nan
    for view in make_views(images, SimSiamSettings(method="simsiam", augment=NOTHING), 2, draws()):
        torch.testing.assert_close(view[:, 0], torch.full((N, 24, 24), 5.0))
        torch.testing.assert_close(view[:, 1], torch.full((N, 24, 24), 7.0))
