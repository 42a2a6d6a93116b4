"""Pairs on two grids: the encoder's own images, targets with and without noise; files by name, what is refused."""

import numpy as np
import pytest
import torch
from astropy.io import fits

from lenstream.configs.evaluation import SuperResolutionSettings as Settings
from lenstream.configs.load import load
from lenstream.errors import ConfigError, DataError
from lenstream.evaluate.tasks.image_pairs import SimulatedPairs, pairs_from_files
from lenstream.evaluate.tasks.task import labelled_systems
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.decoder import bicubic


def scene(*overrides):
    return make_scene(load("tiny", ["simulate.image={num_pix: 24, rays: adaptive, pixel_scale: 0.2}", *overrides]))


def summed(images, factor=2):
    n = images.shape[-1] // factor
    return images.reshape(*images.shape[:-2], n, factor, n, factor).sum((-3, -1))


def test_inputs_are_what_the_encoders_see_and_targets_have_no_noise():
    pairs, own = SimulatedPairs(scene(), Settings()), labelled_systems(scene(), ["theta_E"], "test", 6, 2)
    found = pairs.labelled("test", 6, 2)
    assert torch.equal(found.images, own.images) and (found.indices == own.indices).all()
    learnt = labelled_systems(scene(), ["theta_E"], "labelled", 2, 1).indices
    assert pairs.labelled("labelled", 2, 1).indices.tolist() == learnt.tolist()
    target = found.true["image"]
    assert target.shape == (6, 1, 48, 48) and pairs.shape == (1, 24)
    noise = (found.images - summed(target)).numpy()
    expected = np.sqrt(0.02**2 + np.maximum(summed(target).numpy(), 0) / 2000)
    assert np.std(noise / expected) == pytest.approx(1, abs=0.05)  # all that differs is the noise of the input
    corner = target[..., :3, :3]
    assert corner.std() < 1e-3  # and the target has none


def test_observed_targets_have_a_noise_of_their_own():
    clean, observed = (SimulatedPairs(scene(), Settings(target=t)).labelled("test", 8) for t in ("clean", "observed"))
    assert torch.equal(clean.images, observed.images)
    fine = (observed.true["image"] - clean.true["image"]).numpy()
    expected = np.sqrt(0.01**2 + np.maximum(clean.true["image"].numpy(), 0) / 2000)
    assert np.std(fine / expected) == pytest.approx(1, abs=0.05)
    coarse = (clean.images - summed(clean.true["image"])).numpy()
    # pixel by pixel in the order of the arrays, as random numbers are counted
    together = np.corrcoef(fine.reshape(8, -1)[:, : 24 * 24].ravel(), coarse.reshape(8, -1).ravel())[0, 1]
    assert abs(together) < 0.05


def test_a_doubled_model_has_doubled_targets():
    twice = SimulatedPairs(scene("simulate.observation.defect=doubled_model"), Settings()).labelled("test", 3)
    once = SimulatedPairs(scene("simulate.observation.noise=false"), Settings()).labelled("test", 3)
    torch.testing.assert_close(twice.true["image"], 2 * once.true["image"])
    torch.testing.assert_close(summed(twice.true["image"]), twice.images, rtol=0, atol=2e-3 * float(twice.images.max()))


@pytest.mark.parametrize(
    ("override", "target", "said"),
    [
        ("simulate.observation.defect=double_poisson", "clean", "double_poisson changes the unit of an image"),
        ("simulate.observation.bad_pixels=0.1", "observed", "observed targets would have lost pixels"),
    ],
)
def test_what_has_no_target_is_refused(override, target, said):
    with pytest.raises(ConfigError, match=said):
        SimulatedPairs(scene(override), Settings(target=target))


@pytest.fixture
def folders(tmp_path):
    """Twenty pairs of 12 and 24 pixels in two folders."""
    rng = np.random.default_rng(0)
    for name, size in (("LR", 12), ("HR", 24)):
        (tmp_path / name).mkdir()
        for k in range(20):
            image = rng.normal(size=(size, size)) + k
            np.save(tmp_path / name / f"lens{k:02}.npy", image.astype(np.float32))
    return tmp_path


def of_folders(folders, **changes):
    settings = Settings(**{"lr_path": f"{folders}/LR", "hr_path": f"{folders}/HR"} | changes)
    return pairs_from_files(settings, None, seed=1)


def test_pairs_of_files_belong_together_and_splits_do_not_meet(folders):
    pairs = of_folders(folders)
    assert pairs.count("test") == 4 and pairs.count("labelled") == 16
    test, labelled = pairs.labelled("test", 4), pairs.labelled("labelled", 10, 6)
    assert not set(test.indices) & set(labelled.indices)
    means = (test.images.mean((1, 2, 3)), test.true["image"].mean((1, 2, 3)))
    torch.testing.assert_close(*means, atol=0.3, rtol=0)  # image k of either folder has the mean k
    with pytest.raises(DataError, match="4 test pairs are there, 5 are asked for"):
        pairs.labelled("test", 5)


def test_the_scale_of_the_flux_is_that_of_the_files(folders):
    assert of_folders(folders).flux_scale == pytest.approx(1, abs=0.02)  # a brightness
    for path in sorted((folders / "HR").iterdir()):
        coarse = torch.from_numpy(np.load(folders / "LR" / path.name))[None, None]
        np.save(path, bicubic(coarse, 2, 0.25)[0, 0].numpy())
    assert of_folders(folders).flux_scale == pytest.approx(0.25, rel=1e-4)  # a flux


def test_files_without_a_partner_or_of_another_ratio_are_refused(folders):
    with pytest.raises(
        DataError, match=r"factor: 4, but images of .*LR have 12 pixels in 1 bands and those of .*HR 24"
    ):
        of_folders(folders, factor=4)
    (folders / "HR" / "lens03.npy").unlink()
    with pytest.raises(DataError, match=r"1 images of .*LR have no partner of that name in .*HR: lens03"):
        of_folders(folders)
    with pytest.raises(ValueError, match="give both lr_path and hr_path, or neither"):
        Settings(lr_path="here")


def test_lost_pixels_of_a_target_are_refused(folders):
    image = np.load(folders / "HR" / "lens00.npy")
    image[3, 3] = np.nan
    np.save(folders / "HR" / "lens00.npy", image)
    pairs = of_folders(folders)
    with pytest.raises(DataError, match=r"lens00\.npy has lost pixels, which are no target"):
        pairs.labelled("labelled", 16), pairs.labelled("test", 4)


def test_single_files_are_paired_by_place(tmp_path):
    stack = np.random.default_rng(0).normal(size=(10, 1, 8, 8)).astype(np.float32)
    np.save(tmp_path / "coarse.npy", stack)
    np.save(tmp_path / "fine.npy", stack.repeat(2, axis=2).repeat(2, axis=3))
    settings = Settings(lr_path=f"{tmp_path}/coarse.npy", hr_path=f"{tmp_path}/fine.npy")
    found = pairs_from_files(settings, None, seed=0).labelled("labelled", 8)
    torch.testing.assert_close(summed(found.true["image"]) / 4, found.images)


def test_files_of_another_format_are_paired_by_their_names(tmp_path):
    """Of which the alphabet has another order with other suffixes."""
    for folder in ("LR", "HR"):
        (tmp_path / folder).mkdir()
    for level, name in enumerate(("x", "x.k2", "y", "y.k2")):
        np.save(tmp_path / "LR" / f"{name}.npy", np.full((12, 12), level, np.float32))
        fits.writeto(tmp_path / "HR" / f"{name}.fits", np.full((24, 24), level, np.float32))
    pairs = of_folders(tmp_path)
    for split in ("labelled", "test"):
        found = pairs.labelled(split, pairs.count(split))
        assert torch.equal(found.images[:, 0, 0, 0], found.true["image"][:, 0, 0, 0])


def test_names_that_are_two_images_without_suffix_are_refused(folders):
    np.savez(folders / "LR" / "lens03.npz", np.ones((12, 12), np.float32))
    with pytest.raises(DataError, match=r"lens03\.np.* and lens03\.np.* of .*LR have one name without their suffixes"):
        of_folders(folders)


def test_images_with_the_pixels_of_a_test_are_not_learnt_from(folders, capsys):
    tested = of_folders(folders).labelled("test", 4).indices
    same = next(k for k in range(20) if k not in tested)
    for name in ("LR", "HR"):
        np.save(folders / name / f"lens{same:02}.npy", np.load(folders / name / f"lens{tested[0]:02}.npy"))
    pairs = of_folders(folders)
    assert set(pairs.labelled("test", 4).indices) == set(tested)
    assert set(pairs.labelled("labelled", 15).indices) == set(range(20)) - set(tested) - {same}
    assert pairs.count("labelled") == 15
    assert "1 of 16 images" in " ".join(capsys.readouterr().err.split())
