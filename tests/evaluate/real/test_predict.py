"""Predictions for real images: scaled to the network's noise, with an uncertainty that counts what it should."""

import numpy as np
import pandas as pd
import pytest
import torch
from astropy.io import fits
from torch import nn

from lenstream.configs.load import load
from lenstream.configs.schema import RealLenses
from lenstream.errors import DataError
from lenstream.evaluate.real import predict
from lenstream.evaluate.real.cutouts import Cutout
from lenstream.evaluate.real.predict import estimate, seen
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.methods.posterior import TargetPosterior
from lenstream.ssl.methods.supervised import Supervised

from .encoders import Known


def total(images):
    """The feature: the image's total."""
    return images.sum((1, 2, 3))[:, None]


def regressor(offset):
    out = Supervised(Known(total, 1), [0.0], [1.0])
    nn.init.ones_(out.head.weight)
    nn.init.constant_(out.head.bias, offset)
    return out


def cutout(flux, noise):
    image = np.zeros((4, 4), np.float32)
    image[1, 2] = flux
    return Cutout("a", image, np.full((4, 4), noise, np.float32), 0.0, True, 0.1)


def test_images_are_put_on_the_noise_the_network_knows():
    faint_and_quiet, bright_and_loud = cutout(3.0, 0.1), cutout(30.0, 1.0)
    images = seen([faint_and_quiet, bright_and_loud], background=0.2)
    assert images.shape == (2, 1, 4, 4)
    mean = estimate([[(regressor(0.0), np.array([0.5]))]], images).mean
    np.testing.assert_allclose(mean, 6.0, rtol=1e-6)  # 30 sigma of 0.2


def test_the_uncertainty_adds_the_spread_of_seeds_to_the_error_on_simulations():
    seeds = [(regressor(offset), np.array([rmse])) for offset, rmse in ((-1.0, 0.3), (1.0, 0.5))]
    found = estimate([seeds], seen([cutout(1.0, 1.0)], background=1.0))
    assert torch.tensor(found.mean).item() == 1.0
    np.testing.assert_allclose(found.std, np.sqrt((0.09 + 0.25) / 2 + 1.0), rtol=1e-6)
    np.testing.assert_allclose(found.disagreement, 1.0)
    apart = [(regressor(offset), np.array([rmse])) for offset, rmse in ((-3.0, 0.3), (3.0, 0.5))]
    found = estimate([apart], seen([cutout(1.0, 1.0)], background=1.0))
    np.testing.assert_allclose(found.std, np.sqrt((0.09 + 0.25) / 2 + 9.0), rtol=1e-6)
    np.testing.assert_allclose(found.disagreement, 3.0)


def test_each_target_comes_from_the_group_that_is_best_at_it():
    good_at_first = [(two_targets(1.0), np.array([0.1, 0.9]))]
    good_at_second = [(two_targets(2.0), np.array([0.5, 0.3]))]
    found = estimate([good_at_first, good_at_second], seen([cutout(0.0, 1.0), cutout(0.0, 1.0)], background=1.0))
    np.testing.assert_allclose(found.mean, [[1.0, 2.0]] * 2)
    np.testing.assert_allclose(found.std, [[0.1, 0.3]] * 2)


def two_targets(value):
    out = Supervised(Known(total, 1), [0.0, 0.0], [1.0, 1.0])
    nn.init.zeros_(out.head.weight)
    nn.init.constant_(out.head.bias, value)
    return out


def moments(images):
    """Features: e1, e2 of the image's second moments, its size [arcsec] and its flux."""
    axis = (torch.arange(images.shape[-1], dtype=torch.float64) - (images.shape[-1] - 1) / 2) * 0.15
    y, x = axis[:, None], axis[None]
    image = images[:, 0].double()
    total = image.sum((1, 2))
    xx, yy, xy = ((image * k).sum((1, 2)) / total for k in (x * x, y * y, x * y))
    size = xx + yy + 2 * torch.sqrt(torch.clamp(xx * yy - xy**2, min=1e-12))
    return torch.stack([(xx - yy) / size, 2 * xy / size, torch.sqrt(size), total], 1).float()


FEATURES = ["e1", "e2", "theta_E", "gamma"]


@pytest.fixture
def predicted(tmp_path, monkeypatch):
    """A function that predicts a folder with a network of known answers: its features are `moments`."""

    def of(folder, targets=FEATURES, overrides=(), **lenses):
        config = load("tiny", [f"evaluate.targets=[{', '.join(targets)}]", *overrides])
        head = Supervised(Known(moments, 4), [0.0] * 4, [1.0] * 4)
        head.head = nn.Linear(4, len(targets))
        head.mean, head.std = torch.zeros(len(targets)), torch.ones(len(targets))
        with torch.no_grad():
            head.head.weight.copy_(torch.eye(4)[[FEATURES.index(t) for t in targets]])
            head.head.bias.zero_()
        facts = {"rmse": [0.03, 0.01, 0.1, 1.0][: len(targets)]}
        monkeypatch.setattr(predict, "load_predictor", lambda *_: [[(head, facts)]])
        lenses = RealLenses(images=str(folder), **lenses)
        return predict.predict_folder(config, make_scene(config.simulate, 3), tmp_path, lenses, tmp_path / "out")

    return of


def gaussian(e1, e2, size=0.7):
    """An elliptical Gaussian without noise, (32, 32) pixels of 0.15 arcsec."""
    axis = (np.arange(32) - 15.5) * 0.15
    y, x = axis[:, None], axis[None]
    return np.exp(-(x**2 * (1 - e1) + y**2 * (1 + e1) - 2 * x * y * e2) / size**2)


def write(path, image, light=None, **keys):
    noise = fits.ImageHDU(np.full(image.shape, 0.02), name="NOISE")
    hdus = [fits.ImageHDU(image.astype(float), fits.Header(keys), name="IMAGE"), noise]
    hdus += [] if light is None else [fits.ImageHDU(light, name="LENSLIGHT")]
    fits.HDUList([fits.PrimaryHDU(header=fits.Header({"PIXSCALE": 0.15})), *hdus]).writeto(path)


def sky(roll=0.0, mirrored=False):
    """Keys of a WCS whose +y is `roll` rad East of North."""
    sign, step = (1 if mirrored else -1), 0.15 / 3600
    cos, sin = step * np.cos(roll), step * np.sin(roll)
    out = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 40.0, "CRVAL2": -20.0, "CRPIX1": 16.5, "CRPIX2": 16.5}
    return out | {"CD1_1": sign * cos, "CD1_2": sin, "CD2_1": -sign * sin, "CD2_2": cos}


def test_lenses_and_targets_keep_their_order(tmp_path, predicted):
    folder = tmp_path / "lenses"
    folder.mkdir()
    for name, e1, e2 in (("b", 0.2, -0.1), ("a", -0.1, 0.3), ("c", 0.0, 0.1)):
        write(folder / f"{name}.fits", gaussian(e1, e2))
    targets = ["theta_E", "e2", "e1"]
    table = predicted(folder, targets).table
    assert list(table["name"]) == ["a", "b", "c"]
    assert list(table.columns[1:7]) == ["theta_E", "theta_E_std", "e2", "e2_std", "e1", "e1_std"]
    np.testing.assert_allclose(np.sign(table["e1"].round(2)), [-1, 1, 0])
    assert (table["e2"] > 0.05).tolist() == [True, False, True] and table["e2"][0] > 2 * table["e2"][2]
    assert table["theta_E_std"][0] == pytest.approx(0.03) and table["e2_std"][0] == pytest.approx(0.01)


def test_light_stays_for_a_network_that_knows_it(tmp_path, predicted):
    folder = tmp_path / "lenses"
    folder.mkdir()
    light = gaussian(0.4, 0.0)
    write(folder / "a.fits", gaussian(0.0, 0.3) + light, light)
    (without,) = predicted(folder).table["e1"]
    with_light = (
        "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: 20, R_sersic: 1, n_sersic: 4, e1: 0, e2: 0}]"
    )
    (with_it,) = predicted(folder, overrides=[with_light]).table["e1"]
    assert without == pytest.approx(0.0, abs=1e-3) and with_it > 0.05


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_lens_has_the_same_ellipticity_on_the_sky_in_every_array(tmp_path, predicted, mirrored):
    folder = tmp_path / "lenses"
    folder.mkdir()
    pa, size = np.radians(25), 0.3
    for k, roll in enumerate((0.0, 0.7, 1.9, -2.4)):
        phi = np.pi / 2 + (pa - roll) * (-1 if mirrored else 1)  # +y is at the position angle `roll`
        write(folder / f"{k}.fits", gaussian(size * np.cos(2 * phi), size * np.sin(2 * phi)), **sky(roll, mirrored))
    write(folder / "unknown.fits", gaussian(0.1, 0.0))
    found = predicted(folder, frame="north_east")
    table = found.table.set_index("name")
    known = table.drop(index="unknown")
    np.testing.assert_allclose(known["e1"] / np.hypot(known["e1"], known["e2"]), np.cos(2 * pa), atol=0.01)
    np.testing.assert_allclose(known["e2"] / np.hypot(known["e1"], known["e2"]), np.sin(2 * pa), atol=0.01)
    assert set(table["frame"]) == {"north_east"}
    assert np.isnan(table["e1"]["unknown"]) and np.isfinite(table["theta_E"]["unknown"])
    assert "no_orientation" in table["flags"]["unknown"]
    assert any(s.startswith("no_orientation: 1 lens (unknown)") for s in found.doubts)
    in_array = predicted(folder).table.set_index("name")
    assert np.ptp(in_array["e1"].drop("unknown")) > 0.2 and in_array["e1"]["unknown"] > 0.05
    turned = known["e1_std"] ** 2 + known["e2_std"] ** 2
    np.testing.assert_allclose(turned, (in_array["e1_std"] ** 2 + in_array["e2_std"] ** 2).iloc[0])
    assert known["e1_std"].iloc[1] != pytest.approx(in_array["e1_std"].iloc[1])


def test_published_position_angles_are_compared_in_both_frames(tmp_path, predicted):
    folder = tmp_path / "lenses"
    folder.mkdir()
    phi = np.radians(90 + 25 - 40)
    write(folder / "a.fits", gaussian(0.3 * np.cos(2 * phi), 0.3 * np.sin(2 * phi)), **sky(np.radians(40)))
    for frame in ("array", "north_east"):
        plain = predicted(folder, frame=frame).table.iloc[0]
        size = np.hypot(plain["e1"], plain["e2"])
        text = f"name,q,PA\na,{(1 - size) / (1 + size)},25\n"
        (tmp_path / "catalogue.csv").write_text(text)
        found = predicted(folder, frame=frame, catalogue=str(tmp_path / "catalogue.csv"))
        np.testing.assert_allclose(found.table[["e1_difference", "e2_difference"]], 0, atol=3e-3)
        assert "e1, e2 computed from q and PA" in " ".join(found.notes)
        assert list(pd.read_csv(tmp_path / "out" / "summary.csv")["target"]) == ["e1", "e2"]


def test_one_band_is_not_copied_for_a_network_of_two(tmp_path, predicted):
    write(tmp_path / "a.fits", gaussian(0.1, 0.1))
    with pytest.raises(DataError, match=r"it holds 1 band, and the network was trained on 2 \(g, r\)"):
        predicted(tmp_path, overrides=["simulate.bands={g: {}, r: {}}"])


def test_what_was_read_is_not_said_to_be_left_out(tmp_path, predicted):
    folder = tmp_path / "lenses"
    (folder / "a").mkdir(parents=True)
    for band in "gr":
        write(folder / "a" / f"{band}.fits", gaussian(0.1, 0.1))
    two = ["simulate.bands={g: {}, r: {}}"]
    assert len(predicted(folder, overrides=two).read) == 1
    (folder / "notes.txt").touch()
    said = predicted(folder, overrides=two).read
    assert len(said) == 2 and said[1].startswith("nothing of 1 .txt that lie in")
    assert (tmp_path / "out" / "how_read.txt").read_text() == "".join(f"{sentence}\n" for sentence in said)


def test_one_component_alone_has_no_frame_but_the_arrays(tmp_path, predicted):
    write(tmp_path / "a.fits", gaussian(0.1, 0.1))
    with pytest.raises(DataError, match="needs both components of e1"):
        predicted(tmp_path, ["theta_E", "e1"], frame="north_east")
    assert list(predicted(tmp_path, ["theta_E", "e1"]).table["frame"]) == ["array"]


def test_labels_of_a_set_stand_beside_the_predictions(tmp_path, predicted):
    """Those that a catalogue has, too, are published values alone."""
    folder = tmp_path / "lenses"
    folder.mkdir()
    for name in ("a", "b"):
        write(folder / f"{name}.fits", gaussian(0.1, 0.0))
    (folder / "labels.csv").write_text("name,theta_E,z\na,1.1,0.3\nb,1.2,0.4\n")
    found = predicted(folder)
    assert found.table["theta_E_label"].tolist() == [1.1, 1.2] and found.table["z_label"].tolist() == [0.3, 0.4]
    assert "labels by labels.csv, by its column name" in found.read and not any("nothing of" in s for s in found.read)
    written = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert written["z_label"].tolist() == [0.3, 0.4]
    table = predicted(folder, catalogue=str(folder / "labels.csv")).table
    assert "theta_E_published" in table and not [column for column in table if column.endswith("_label")]


def test_a_posterior_gives_intervals_and_samples(tmp_path, monkeypatch):
    """A head of a known law: normal around the image's moments, with spreads that are known."""
    folder = tmp_path / "lenses"
    folder.mkdir()
    write(folder / "a.fits", gaussian(0.2, -0.1), **sky(0.7))
    write(folder / "b.fits", gaussian(-0.1, 0.3), **sky(0.0))
    spread = torch.tensor([0.01, 0.03, 0.1, 1.0])

    def known():
        head = TargetPosterior(Known(moments, 4), [0.0] * 4, [1.0] * 4, "gaussian")
        with torch.no_grad():
            head.head.centre.weight.copy_(torch.eye(4))
            head.head.centre.bias.zero_()
            head.head.factor.copy_(torch.diag(spread))
        return head.eval()

    ridge = [(Supervised(Known(moments, 4), [0.0] * 4, [1.0] * 4), {"rmse": [1e-9] * 4})]  # better by its RMSE
    group = [(known(), {"rmse": [0.1] * 4, "nll": 0.0}) for _ in range(2)]
    monkeypatch.setattr(predict, "load_predictor", lambda *_: [ridge, group])
    config = load("tiny", [f"evaluate.targets=[{', '.join(FEATURES)}]"])
    scene, found = make_scene(config.simulate, 3), {}
    for frame in ("array", "north_east"):
        lenses = RealLenses(images=str(folder), frame=frame)
        path = tmp_path / frame / "samples.npz"
        table = predict.predict_folder(config, scene, tmp_path, lenses, tmp_path / frame, path).table
        with np.load(path) as file:
            samples = file["samples"]
            assert file["name"].tolist() == ["a", "b"] and file["target"].tolist() == FEATURES
            assert str(file["frame"]) == frame
        assert samples.shape == (2, 500, 4)
        for k, target in enumerate(FEATURES):
            np.testing.assert_allclose(table[target], samples[..., k].mean(1), rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(table[f"{target}_std"], samples[..., k].std(1), rtol=1e-3)
            for level, ends in ((68, (16, 84)), (95, (2.5, 97.5))):
                columns = table[[f"{target}_low_{level}", f"{target}_high_{level}"]].to_numpy()
                np.testing.assert_allclose(columns, np.percentile(samples[..., k], ends, axis=1).T, atol=1e-5)
        found[frame] = table
    columns = list(found["array"].columns)
    assert columns[1:7] == ["e1", "e1_std", "e1_low_68", "e1_high_68", "e1_low_95", "e1_high_95"]
    assert "e1_low_68" in (tmp_path / "array" / "predictions.csv").read_text().splitlines()[0]
    np.testing.assert_allclose(found["array"]["e1_std"], 0.01, rtol=0.15)
    np.testing.assert_allclose(found["array"]["e2_std"], 0.03, rtol=0.15)
    width = found["array"]["gamma_high_68"] - found["array"]["gamma_low_68"]
    np.testing.assert_allclose(width, 2 * 0.9945, rtol=0.15)
    size = np.hypot(found["array"]["e1"], found["array"]["e2"])
    np.testing.assert_allclose(np.hypot(found["north_east"]["e1"], found["north_east"]["e2"]), size, rtol=1e-3)
    assert found["north_east"]["e1_std"][0] > 0.02  # turned by 40 degrees, twice
