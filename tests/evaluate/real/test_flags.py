"""Flags: simulated lenses as they are get none, and every fault that is put into their files gets its own."""

import copy
import functools
import re

import numpy as np
import pytest
import torch
from astropy.io import fits
from torch import nn

from lenstream.configs.load import load
from lenstream.configs.schema import RealLenses
from lenstream.evaluate.real import flags, predict
from lenstream.evaluate.real.cutouts import Cutout, read_cutouts
from lenstream.evaluate.real.training_images import Strangeness, training_images
from lenstream.evaluate.tasks.heads import predict as predictions
from lenstream.evaluate.tasks.regression import Regression
from lenstream.evaluate.tasks.task import labelled_systems
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.probe import features_of

from .encoders import Known

CLEAN, FAULTY = 50, 10  # lenses without a fault, and with each of the faults
SIGMA = 0.02  # counts/s, the background of the recipe tiny
SCALE, SIDE = 0.15, 32


def pooled(images):
    """Features: the image in units of its noise, compressed, in 8 x 8 parts."""
    return torch.asinh(nn.functional.avg_pool2d(images[:, :1], SIDE // 8) / SIGMA).flatten(1)


@functools.cache
def trained():
    """Config, scene and groups of regressions that were fitted to simulated lenses, with their errors."""
    config = load("tiny", ["simulate.source.0.magnitude=22.5"])
    scene = make_scene(config.simulate, config.seed)
    network, task = Known(pooled, 64), Regression(scene, config.evaluate.targets, config.evaluate.finetune)
    groups = [[]]
    for seed in range(2):
        data = labelled_systems(scene, config.evaluate.targets, "labelled", 300, skip=300 * seed)
        head = task.train("ridge", network, data, features_of(network, data.images), 0)
        test = labelled_systems(scene, config.evaluate.targets, "test", 300, skip=1000)
        error = predictions(head, test.images) - torch.stack(list(test.true.values()), 1).numpy()
        groups[0].append((head, np.sqrt((error**2).mean(0))))
    return config, scene, groups


@functools.cache
def simulated():
    """Images (n, rows, columns) of test lenses and their theta_E."""
    _, scene, _ = trained()
    data = labelled_systems(scene, ["theta_E"], "test", CLEAN)
    return data.images[:, 0].numpy().astype(float), data.true["theta_E"].numpy()


def radius():
    axis = (np.arange(SIDE) - (SIDE - 1) / 2) * SCALE
    return np.hypot(axis, axis[:, None])


def moved(image, rows, columns):
    """An image whose field was cut out elsewhere; new pixels are noise."""
    out = np.random.default_rng(rows).normal(0, SIGMA, image.shape)
    to = [slice(max(k, 0), SIDE + min(k, 0)) for k in (rows, columns)]
    of = [slice(max(-k, 0), SIDE + min(-k, 0)) for k in (rows, columns)]
    out[*to] = image[*of]
    return out


def widened(image, times):
    """An image in a field of blank sky that is some times as wide."""
    out = np.random.default_rng(0).normal(0, SIGMA, (times * SIDE, times * SIDE))
    first = (times - 1) * SIDE // 2
    out[first : first + SIDE, first : first + SIDE] = image
    return out


def galaxy(magnitude):
    """A lens galaxy's light (de Vaucouleurs, 1 arcsec)."""
    light = np.exp(-7.67 * np.sqrt(np.sqrt(radius() + 1e-3)))
    return light / light.sum() * 10 ** (0.4 * (25.94 - magnitude))


def with_star(image):
    return image + 300 * np.exp(-((radius() - 2) ** 2) / 0.05) * (np.arange(SIDE) > 25)


def with_cosmic_ray(image):
    out = image.copy()
    out[3, 28] += 4.0
    return out


def cut_within(image, theta_E):
    """The image without the columns to the left of the lens's Einstein radius."""
    return image[:, int(SIDE / 2 - theta_E / SCALE) :]


FAULTS = {  # flag -> what is written instead of (image, noise), from the image and theta_E
    "sky_subtracted": lambda image, t: {"IMAGE": image + 5 * SIGMA},
    "sky": lambda image, t: {"IMAGE": image + np.linspace(0, 4, SIDE) * SIGMA},
    "lens_light": lambda image, t: {"IMAGE": image + galaxy(19)},
    "noise": lambda image, t: {"IMAGE": image, "NOISE": np.full(image.shape, 3 * SIGMA)},
    "no_noise_map": lambda image, t: {"IMAGE": image, "NOISE": None},
    "noise_level": lambda image, t: {"IMAGE": 2000 * image, "NOISE": np.full(image.shape, 2000 * SIGMA)},
    "masked_centre": lambda image, t: {"IMAGE": image, "NOISE": np.where(radius() < 0.8, 1e8, SIGMA)},
    "off_centre": lambda image, t: {"IMAGE": moved(image, 6, -5)},
    "cut_arc": lambda image, t: {"IMAGE": cut_within(image, t)},
    "small_field": lambda image, t: {"IMAGE": image[2:-2, 2:-2]},
    "large_field": lambda image, t: {"IMAGE": widened(image, 9)},
    "coarse_pixels": lambda image, t: {"IMAGE": image, "PIXSCALE": 0.3},
    "too_bright": lambda image, t: {"IMAGE": with_star(image)},
    "sharp_pixel": lambda image, t: {"IMAGE": with_cosmic_ray(image)},
    "too_dark": lambda image, t: {"IMAGE": image - 2 * galaxy(20)},
    "saturated": lambda image, t: {"IMAGE": np.minimum(100 * image, np.sort(100 * image, axis=None)[-6])},
    "no_arc": lambda image, t: {"IMAGE": np.random.default_rng(0).normal(0, SIGMA, image.shape)},
    "unlike_training": lambda image, t: {"IMAGE": np.random.default_rng(0).permuted(image)},
}


def write(path, IMAGE, PIXSCALE=SCALE, BUNIT="", **planes):
    planes = {"IMAGE": IMAGE} | ({"NOISE": np.full(IMAGE.shape, SIGMA)} | planes)
    hdus = [fits.ImageHDU(np.asarray(p, np.float32), name=name) for name, p in planes.items() if p is not None]
    fits.HDUList([fits.PrimaryHDU(header=fits.Header({"PIXSCALE": PIXSCALE, "BUNIT": BUNIT})), *hdus]).writeto(path)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What `predict_folder` says of clean and of faulty files: name -> row of the table; and its sentences."""
    folder = tmp_path_factory.mktemp("lenses")
    images, radii = simulated()
    for k, image in enumerate(images):
        write(folder / f"clean-{k}.fits", image)
    for flag, fault in FAULTS.items():
        for k in range(FAULTY):
            write(folder / f"{flag}-{k}.fits", **fault(images[k], radii[k]))
    config, scene, groups = trained()
    with pytest.MonkeyPatch.context() as patch:
        kept = [[(head, {"rmse": error.tolist()}) for head, error in group] for group in groups]
        patch.setattr(predict, "load_predictor", lambda *_: kept)
        found = predict.predict_folder(config, scene, folder, RealLenses(images=str(folder)), folder / "out")
    assert found.skipped == []
    return found


def flags_of(results, kind):
    table = results.table[results.table["name"].str.startswith(f"{kind}-")]
    return [set(text.split(flags.SEPARATOR)) - {""} for text in table["flags"]]


def test_lenses_of_the_simulator_are_not_flagged(results):
    found = flags_of(results, "clean")
    assert len(found) == CLEAN and sum(map(bool, found)) < 0.05 * CLEAN


@pytest.mark.parametrize("flag", FAULTS)
def test_a_fault_is_flagged_by_its_name(results, flag):
    found = flags_of(results, flag)
    assert np.mean([flag in of for of in found]) >= 0.9, found


def test_a_clear_sky_is_subtracted_so_that_the_prediction_stays(results):
    table = results.table.set_index("name")
    for k in range(FAULTY):
        assert table["theta_E"][f"sky_subtracted-{k}"] == pytest.approx(table["theta_E"][f"clean-{k}"], abs=0.02)
        assert table["theta_E"][f"noise_level-{k}"] == pytest.approx(table["theta_E"][f"clean-{k}"], abs=1e-3)


def test_every_flag_has_one_sentence_with_lenses_numbers_and_advice(results):
    occurring = {flag for text in results.table["flags"] for flag in text.split(flags.SEPARATOR) if flag}
    assert [sentence.split(":")[0] for sentence in results.doubts] == [f for f in flags.MEANINGS if f in occurring]
    sentence = next(s for s in results.doubts if s.startswith("sky_subtracted"))
    assert (
        re.search(r"sky_subtracted-0 \+(4\.9|5|5\.1) x noise", sentence)
        and "lenses (" in sentence
        and ", ...)" in sentence
    )
    assert all("\n" not in s and s.endswith(".") for s in results.doubts)


def test_the_flags_are_in_the_file(results, tmp_path):
    text = (results.figure.parent / "predictions.csv").read_text().splitlines()
    assert text[0].endswith(",masked,frame,flags")
    assert any(line.startswith("masked_centre-0,") and "masked_centre" in line.split(",")[-1] for line in text)


def test_predictions_that_cannot_be_or_were_never_trained():
    training = training_images(trained()[1])
    errors = {"theta_E": 0.1, "e1": 0.1, "e2": 0.1, "gamma": 0.1}

    def found(**values):
        usual = {"theta_E": 1.2, "e1": 0.0, "e2": 0.0, "gamma": 2.0}
        return {d.flag: d.found for d in flags.doubts_of_prediction(usual | values, errors, training)}

    assert found() == {} and found(theta_E=1.7) == {}
    assert found(theta_E=2.3)["outside_training"].startswith("theta_E 2.3, not 0.8 to 1.6")
    assert found(theta_E=-0.4)["impossible"] == "theta_E -0.4"
    assert found(e1=0.8, e2=0.7)["impossible"] == "|e| 1.1"
    assert found(gamma=3.2)["impossible"] == "gamma 3.2"
    assert "impossible" in found(theta_E=float("nan"))


def test_disagreeing_seeds_and_strange_features_are_flagged():
    config, scene, groups = trained()
    training = training_images(scene)
    images = torch.from_numpy(training.images[:5])

    def doubts(groups, images):
        estimates = predict.estimate(groups, images)
        return [
            {d.flag for d in of}
            for of in predict._doubts_of_networks(groups, images, estimates, training, config.evaluate.targets)
        ]

    assert doubts(groups, images) == [set()] * 5
    assert "outside_training" in doubts(groups, 100 * images)[0]
    strange = torch.flip(images, (2,)) + 50 * SIGMA * (torch.arange(SIDE) % 8 > 4)
    assert all("unlike_training" in of for of in doubts(groups, strange))
    (head, facts), _ = groups[0]
    other = copy.deepcopy(head)
    with torch.no_grad():
        other.head.weight[0, 0] += 20  # of the corner, which is empty in all simulated images
    corner = images.clone()
    corner[:, :, :4, :4] += 3 * SIGMA
    assert all("seeds_disagree" in of for of in doubts([[(head, facts), (other, facts)]], corner))
    assert all("seeds_disagree" not in of for of in doubts([[(head, facts), (other, facts)]], images))
    assert all("seeds_disagree" not in of for of in doubts([[(head, facts)]], corner))


def test_distance_counts_from_the_simulated_image_farthest_from_all_others():
    features = np.random.default_rng(0).normal(size=(200, 4)) * [1, 10, 100, 0]
    strangeness = Strangeness(features)
    assert strangeness(features).max() <= 1
    far = features[:3] + np.array([10.0, 0, 0, 0])
    assert (strangeness(far) > 1.5).all()
    np.testing.assert_allclose(strangeness(far), Strangeness(features * 7)(far * 7))


def test_a_network_with_lens_light_misses_it_and_does_not_mind_it():
    galaxy = "{profile: SERSIC_ELLIPSE, magnitude: 19, R_sersic: 1, n_sersic: 4, e1: 0, e2: 0}"
    config = load("tiny", [f"simulate.lens_light=[{galaxy}]"])
    training = training_images(make_scene(config.simulate, 0))
    assert training.with_light

    def found(image):
        noise = np.full(image.shape, SIGMA, np.float32)
        return {d.flag for d in flags.doubts_of_image(Cutout("a", image, noise, 0.0, False, SCALE), training)}

    assert found(training.images[0, 0]) == set()
    assert "no_lens_light" in found(simulated()[0][0].astype(np.float32))


def test_grouped_words_name_a_few_lenses():
    doubts = [[flags.Doubt("sky", f"+{k} x noise")] for k in range(300)]
    (sentence,) = flags.in_words([f"L{k}" for k in range(300)], doubts)
    assert sentence.startswith("sky: 300 lenses (L0 +0 x noise, L1 +1 x noise, ") and len(sentence) < 300
    assert flags.in_words(["a"], [[]]) == [] and flags.names([]) == ""
    doubts = [flags.Doubt("sky", "1;2"), flags.Doubt("noise", ""), flags.Doubt("sky", "3")]
    assert flags.names(doubts) == "sky;noise" and flags.found(doubts) == "1,2;" and flags.found([]) == ""


GOOD = {  # what makes an image another one, but no bad one -> flags that it must not have
    "shallow": (lambda image: {"IMAGE": deeper(image, 4), "NOISE": np.full(image.shape, 4 * SIGMA)}, {"no_arc"}),
    "odd": (lambda image: {"IMAGE": image[:-1, :-1]}, {"small_field"}),
    "round": (
        lambda image: {"IMAGE": image, "NOISE": np.where(radius() < 2.2, SIGMA, 1e8)},
        {"sky", "sky_subtracted", "masked_centre"},
    ),
    "nJy": (
        lambda image: {"IMAGE": 2000 * image, "NOISE": np.full(image.shape, 2000 * SIGMA), "BUNIT": "nJy"},
        {"noise_level"},
    ),
}


def deeper(image, times):
    """An image with noise that makes it so many times as noisy."""
    return image + np.random.default_rng(0).normal(0, SIGMA * np.sqrt(times**2 - 1), image.shape)


@pytest.mark.parametrize("kind", GOOD)
def test_good_images_of_another_depth_field_or_unit_are_not_flagged(kind, tmp_path):
    change, never = GOOD[kind]
    images, _ = simulated()
    for k in range(FAULTY):
        write(tmp_path / f"{k}.fits", **change(images[k]))
    scene = trained()[1]
    training, cutouts = training_images(scene), read_cutouts(tmp_path, SIDE, SCALE)[0]
    for cutout in cutouts:
        cutout, of_sky = flags.settle_sky(cutout, training)
        assert not never & {doubt.flag for doubt in of_sky + flags.doubts_of_image(cutout, training)}


def test_an_image_with_an_empty_border_shows_a_small_field(tmp_path):
    image = np.full((SIDE, SIDE), np.nan)
    image[3:-3, 3:-3] = simulated()[0][0][3:-3, 3:-3]
    write(tmp_path / "a.fits", image)
    (cutout,), _ = read_cutouts(tmp_path, SIDE, SCALE)
    training = training_images(trained()[1])
    assert flags.Doubt("small_field", "66%") in flags.doubts_of_image(cutout, training)
