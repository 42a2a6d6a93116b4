"""What networks expect of images: of their simulation, or of the files that heads learnt from."""

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.configs.schema import RealLenses
from lenstream.errors import DataError
from lenstream.evaluate.real.expected_images import of_examples, of_scene, read
from lenstream.evaluate.real.flags import doubts_of_image
from lenstream.evaluate.real.lens_figure import draw
from lenstream.evaluate.real.predict import seen
from lenstream.evaluate.real.published import prediction_table
from lenstream.evaluate.tasks.examples import Examples
from lenstream.simulate.archive.writing import describe, write_archive
from lenstream.simulate.systems.scene import make_scene

from ...every_layout import array_with_table, fits_with_table, lenses


def expected(folder):
    judged = f"evaluate={{data: {{path: '{folder}'}}, targets: [theta_E], n_labels: [20], n_test: 20}}"
    return of_examples(Examples(load("tiny", [f"pretrain.data.path={folder}", "simulate=null", judged])))


def test_files_that_say_their_pixels(tmp_path):
    fits_with_table(tmp_path)
    known = expected(tmp_path)
    assert (known.bands, known.num_pix, known.pixel_scale) == (("",), 32, 0.1)
    assert not known.without_light and known.background is None
    training = known.training()
    assert training.in_files and training.images.shape == (96, 1, 32, 32)
    assert training.background[0] == pytest.approx(0.3, rel=0.1)
    assert 4 < training.einstein_radius(np.nanmin) < 7 and 13 < training.einstein_radius(np.nanmax) < 14.1


def test_fluxes_stay_as_they_are(tmp_path):
    fits_with_table(tmp_path)
    known = expected(tmp_path)
    found = read(known, RealLenses(images=str(tmp_path)))
    np.testing.assert_allclose(seen(found.cutouts, known.background), lenses()[0], rtol=1e-5, atol=1e-6)
    assert "no_noise_map" not in {doubt.flag for doubt in doubts_of_image(found.cutouts[0], known.training())}


def test_files_that_do_not_say_their_pixels(tmp_path):
    array_with_table(tmp_path)
    images = lenses()[0][:, 0].copy()
    images[3, 5, 6] = np.nan
    np.save(tmp_path / "images.npy", images)
    known = expected(tmp_path)
    assert known.pixel_scale is None and known.training().einstein_radius(np.nanmin) is None
    found = read(known, RealLenses(images=str(tmp_path)))
    np.testing.assert_allclose(seen(found.cutouts, known.background)[:, 0], images, rtol=1e-5, atol=1e-6)
    assert (found.cutouts[0].pixel, found.cutouts[0].unit) == (1.0, " pixels")
    assert any(note.startswith("images are taken pixel by pixel") for note in found.notes)
    with pytest.raises(DataError, match=r"is 0\.1, but the files that the run learnt from do not say how large"):
        read(known, RealLenses(images=str(tmp_path), pixel_scale=0.1))
    few = found.cutouts[:2]
    draw(few, prediction_table(few, {"theta_E": (np.ones(2), np.ones(2))}, "array", ["", ""]), tmp_path / "a.png")
    assert (tmp_path / "a.png").is_file()


def test_a_dataset_of_lenstream_says_all(tmp_path):
    config = load("tiny", ["simulate.image={num_pix: 16, pixel_scale: 0.3, rays: 1}"])
    write_archive(config, tmp_path / "a", describe(config, make_scene(config), "zarr", count=100))
    known, simulated = expected(tmp_path / "a"), of_scene(make_scene(config.simulate, config.seed))
    np.testing.assert_array_equal(known.background, simulated.background)
    assert known[:4] == simulated[:4]


def test_lens_light_is_fitted_only_for_networks_that_have_seen_none(tmp_path):
    y, x = np.meshgrid(*2 * [np.arange(64) - 31.5], indexing="ij")
    image = 5 * np.exp(-1.2 * np.hypot(x, y) ** 0.5) + np.random.default_rng(0).normal(0, 0.01, (64, 64))
    np.save(tmp_path / "a.npy", image.astype(np.float32))
    galaxy = "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: 20, R_sersic: 1, n_sersic: 4, e1: 0, e2: 0}]"
    for settings, fitted in (([], True), ([galaxy], False)):
        scene = make_scene(load("tiny", settings).simulate)
        size = scene.config.image.num_pix * scene.instrument.pixel_scale / 64
        lenses = RealLenses(images=str(tmp_path / "a.npy"), pixel_scale=size, lens_light="fit")
        (cutout,) = read(of_scene(scene), lenses).cutouts
        assert cutout.light_subtracted == fitted == ("lens light fitted" in cutout.used)
