"""Other images on the map: seen as `predict` sees them, by each encoder; those that cannot be read are refused."""

import numpy as np
import pytest
from astropy.io import fits

from lenstream.configs.load import load
from lenstream.errors import ConfigError, DataError
from lenstream.evaluate.real import overlay
from lenstream.evaluate.real.expected_images import of_scene
from lenstream.runs import config_of
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

from ...small_run import ENCODERS, evaluated


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return evaluated(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def lenses(run, tmp_path_factory):
    """A folder with two test lenses of the run as FITS files, with the noise that they were simulated with."""
    config = config_of(run)
    scene = make_scene(config.simulate, config.seed)
    folder = tmp_path_factory.mktemp("lenses")
    with np.load(run.arrays) as arrays:
        indices = arrays["indices"][[3, 8]]
    for k, image in enumerate(render(scene, draw(scene, indices, Views()))[:, 0]):
        noise = np.full(image.shape, scene.instrument.background)
        header = fits.Header({"PIXSCALE": 0.15})
        hdus = [fits.PrimaryHDU(header=header), fits.ImageHDU(image, name="IMAGE"), fits.ImageHDU(noise, name="NOISE")]
        fits.HDUList(hdus).writeto(folder / f"lens{k}.fits")
    return folder


def features(run):
    with np.load(run.arrays) as arrays:
        return {encoder: arrays[f"features/{encoder}"] for encoder in ENCODERS}


def changed(run, *overrides):
    config = load(str(run.config), overrides)
    return config, make_scene(config.simulate, config.seed)


def test_test_lenses_in_files_have_the_features_that_they_have_in_the_run(run, lenses):
    config, scene = changed(run, f"evaluate.overlay={{mine: {lenses}}}")
    (found,) = overlay.overlaid(config, scene, run, features(run))
    assert found.name == "mine" and found.names == ["lens0", "lens1"] and found.images.shape == (2, 32, 32)
    for encoder in ENCODERS:
        expected = features(run)[encoder][[3, 8]]
        np.testing.assert_allclose(found.features[encoder], expected, atol=1e-3 * np.abs(expected).max())
        assert found.strange[encoder].tolist() == [0, 0]


def test_real_lenses_are_drawn_by_themselves_and_once(run, lenses):
    named = overlay.sets_of(changed(run, f"real_lenses.images={lenses}", "real_lenses.pixel_scale=.2")[0])
    assert named == {"real lenses": (str(lenses), 0.2, "subtract")}
    both = changed(run, f"real_lenses.images={lenses}", f"evaluate.overlay=[{lenses}, other]")[0]
    assert list(overlay.sets_of(both)) == [lenses.name, "other"]
    taken = changed(run, f"real_lenses.images={lenses}", "evaluate.overlay={real lenses: other}")[0]
    assert list(overlay.sets_of(taken)) == ["real lenses", "real lenses (real_lenses.images)"]
    assert overlay.sets_of(changed(run)[0]) == {}


def test_what_cannot_be_read_is_said_with_its_key_for_all_sets(run, lenses, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((20, 20), np.float32))
    (tmp_path / "text.fits").write_text("x")
    sets = f"{{good: {lenses}, gone: {tmp_path}/gone, unknown: {tmp_path}/a.npy, text: {tmp_path}/text.fits}}"
    config, scene = changed(run, f"evaluate.overlay={sets}")
    said = list(overlay.problems(config, of_scene(scene)))
    assert [words.partition(": ")[0] for words in said] == [
        f"evaluate.overlay.{n}" for n in ("gone", "unknown", "text")
    ]
    assert "evaluate.overlay.unknown.pixel_scale" in said[1] and "real_lenses" not in said[1]
    with pytest.raises(DataError, match=r"evaluate\.overlay\.gone: "):
        overlay.overlaid(config, scene, run, features(run))
    from lenstream import before_training

    with pytest.raises(ConfigError) as caught:
        before_training.check(config, run.path)
    assert caught.value.problems == said


def test_other_bands_are_refused(run, tmp_path, lenses):
    config, scene = changed(run, f"evaluate.overlay={{one: {lenses}}}", "simulate.bands={g: {}, r: {}}")
    (said,) = overlay.problems(config, of_scene(scene))
    assert said.startswith("evaluate.overlay.one: ") and "band" in said


@pytest.mark.parametrize(
    ("given", "names"),
    [("x/y", ["y"]), ("[a/b, c/b, d]", ["a/b", "c/b", "d"]), ("{mine: {path: x, pixel_scale: 0.1}}", ["mine"])],
)
def test_sets_are_given_as_a_path_a_list_or_by_name(given, names):
    assert list(load("tiny", [f"evaluate.overlay={given}"]).evaluate.overlay) == names


def test_a_set_without_a_name_or_path_is_refused(problems):
    assert "evaluate.overlay.m.path" in problems("evaluate.overlay={m: {pixel_scale: 0.1}}")[0]
    assert "at least 1 character" in problems("evaluate.overlay={'': a}")[0]
    assert problems("evaluate.overlay=3") == ["demo.yaml: evaluate.overlay: expected a section with keys, got 3"]
