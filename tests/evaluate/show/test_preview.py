"""The preview of a simulation: what it shows, measures and says, on small images."""

import numpy as np
import pytest
from PIL import Image

from lenstream.configs.load import available, load
from lenstream.configs.scale import tiny
from lenstream.errors import LenStreamError
from lenstream.evaluate.show import preview
from lenstream.simulate.labels import labels, units
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

SMALL = {
    "w1": ["simulate.image.num_pix=24", "simulate.image.pixel_scale=0.2"],
    "lens_finding": ["simulate.image.num_pix=24", "simulate.image.pixel_scale=0.4"],
    "deeplense_model_1": ["simulate.image.num_pix=24", "simulate.image.pixel_scale=0.3"],
}


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Fewer systems than a real preview has, for a fast test."""
    for name, value in (("SHOWN", 12), ("POPULATION", 48), ("CHECKED", 2)):
        monkeypatch.setattr(preview, name, value)
    monkeypatch.setattr(preview.images_per_second, "__defaults__", (8, 0.05))


@pytest.mark.parametrize("name", SMALL)
def test_a_preview_is_a_picture_and_says_what_was_measured(tmp_path, name):
    said = "\n".join(preview.preview(load(name, SMALL[name]), tmp_path / "new" / "a.png"))
    image = Image.open(tmp_path / "new" / "a.png")
    assert image.width > 1000 and image.height > 500
    assert np.asarray(image.convert("L")).std() > 3
    rays = load(name).simulate.image.rays
    assert f"error by the rays (image.rays: {rays}" in said and "error by the PSF (psf.supersampling: auto)" in said
    assert "images" in said and "a second" in said and str(tmp_path) in said
    assert ("pass (48 kept)" in said) == (name == "lens_finding")
    assert ("3 classes: no_sub" in said) == (name == "deeplense_model_1")


def test_only_pictures_are_written(tmp_path):
    with pytest.raises(LenStreamError, match="expected a picture's name"):
        preview.preview(load("w1"), tmp_path / "a.doc")


@pytest.mark.parametrize("weights", [[1], [0.5, 0.5], [0.9, 0.05, 0.05], [1 / 3] * 3, [0.2] * 5])
def test_every_class_is_shown_and_the_picture_is_full(weights):
    class_number = np.random.default_rng(0).choice(len(weights), 500, p=weights)
    shown = preview._chosen(class_number, 24)
    assert len(shown) == len(set(shown)) == 24
    counts = np.bincount(class_number[shown], minlength=len(weights))
    assert counts.min() >= 1 and counts[np.argmax(np.bincount(class_number))] == counts.max()
    assert np.all(np.diff(class_number[shown]) >= 0)


def test_a_class_with_one_system_is_shown():
    class_number = np.array([0] * 40 + [1])
    assert 40 in preview._chosen(class_number, 12)


def test_captions_leave_out_what_a_system_does_not_have():
    known = {
        "theta_E": np.array([1.2, np.nan]),
        "magnification": np.array([8.14, np.nan]),
        "n_halos": np.array([3.0, 0]),
    }
    assert '1.20"' in preview.caption(known, 0) and "8.1" in preview.caption(known, 0)
    assert "3 subhalos" in preview.caption(known, 0)
    assert preview.caption(known, 1) == ""


def test_histograms_have_symbol_and_unit(tmp_path, monkeypatch):
    labels_of_axes = []
    histogram = preview._histogram

    def watched(ax, *rest):
        histogram(ax, *rest)
        labels_of_axes.append(ax.get_xlabel())

    monkeypatch.setattr(preview, "_histogram", watched)
    preview.preview(load("w1", SMALL["w1"]), tmp_path / "a.png")
    for label in (r"$\theta_E$ [arcsec]", r"$\theta_{E,\kappa}$ [arcsec]", r"$\mu$"):
        assert label in labels_of_axes
    assert r"$\mathrm{source}\ R_{\mathrm{sersic}}$ [arcsec]" in labels_of_axes


@pytest.mark.parametrize("name", available())
def test_every_label_has_a_unit(name):
    config = tiny(load(name, ["simulate.selection=null"]))  # which galaxies there are has no part in it
    scene = make_scene(config.simulate, 1)
    assert set(labels(draw(scene, np.arange(2), Views()))) <= set(units(scene))


def test_labels_of_substructure_are_those_of_the_class_that_has_it():
    scene = make_scene(load("deeplense_model_1").simulate, 1)
    systems = draw(scene, np.arange(60), Views())
    found = labels(systems)
    np.testing.assert_array_equal(np.isfinite(found["axion_mass"]), systems.class_number == 2)
    np.testing.assert_array_equal(np.isfinite(found["n_mean"]), systems.class_number == 1)
    assert (units(scene)["axion_mass"], units(scene)["half_length"], units(scene)["angle"]) == ("eV", "arcsec", "rad")


def test_each_pixel_grid_has_a_panel_of_its_own(tmp_path, monkeypatch):
    bands = "simulate.bands={VIS: {}, J: {instrument: Euclid/J, bad_pixels: 0.05}, Y: {instrument: Euclid/Y}}"
    config = load("w1", ["simulate.image={num_pix: 30}", "simulate.observation={instrument: Euclid/VIS}", bands])
    shown = []
    real = preview.coloured
    monkeypatch.setattr(preview, "coloured", lambda *a: (shown.append((a[0].shape, a[1].any(), a[2])), real(*a))[1])
    said = "\n".join(preview.preview(config, tmp_path / "a.png"))
    assert "images of 3 bands a second" in said
    assert [s[0] for s in shown] == [(1, 30, 30)] * 6 + [(2, 10, 10)] * 6  # 12 panels, six systems
    assert [s[1] for s in shown[:6]] == [False] * 6 and all(s[1] for s in shown[6:])
    assert shown[0][2] == ["VIS"] and shown[-1][2] == ["J", "Y"]
    scene = make_scene(config.simulate, config.seed)
    title = preview._title(scene, preview.sheet(scene, draw(scene, np.arange(20), Views())), "mine")
    assert 'VIS: 30 x 30 pixels of 0.101"; J, Y: 10 x 10 pixels of 0.3"' in title and "are the bands J, Y" in title
