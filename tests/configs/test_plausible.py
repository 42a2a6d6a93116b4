"""Numbers that cannot be meant give a warning, and those that no computer holds are refused; recipes give neither."""

import logging

import pytest

from lenstream.configs import plausible
from lenstream.configs.load import available, load
from lenstream.errors import ConfigError


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "simulate.image.pixel_scale=100",
            "pixel_scale: 100 is unusual, is that meant? Usual are 0.003 to 5 arcsec",
        ),
        ("simulate.source.0.magnitude=1e-17", "simulate.source.0.magnitude: 1e-17 is unusual"),
        ("simulate.source.0.magnitude={normal: [24, 5]}", "simulate.source.0.magnitude: -1 to 49 is unusual"),
        ("simulate.observation.background_noise=1e5", "usual are 0 to 10000 counts/s"),
        ("simulate.observation.magnitude_zero_point=2.5", "simulate.observation.magnitude_zero_point: 2.5 is unusual"),
        ("simulate.observation.psf.fwhm=12", "simulate.observation.psf.fwhm: 12 is unusual"),
        ("simulate.lens_mass.0.theta_E={uniform: [0, 99]}", "simulate.lens_mass.0.theta_E: 0 to 99 is unusual"),
        ("simulate.image.num_pix=1024", "simulate.image.num_pix: 1024 is unusual"),
        ("simulate.cosmology.H0=7", "simulate.cosmology.H0: 7 is unusual"),
        ("simulate.bands={g: {}, r: {exposure_time: 0.1}}", "simulate.bands.r.exposure_time: 0.1 is unusual"),
        ("simulate.image.rays=100", "simulate.image.rays: 100 is unusual"),
        ("simulate.lens_mass.0.theta_E=20", "an Einstein radius of 20 arcsec does not fit into an image of"),
        ("simulate.lens_mass.0.theta_E={uniform: [1e-9, 2e-9]}", "1e-09 to 2e-09 arcsec is lost in a pixel of"),
        ("pretrain.encoders.simsiam.weight_decay=100", "pretrain.encoders.simsiam.weight_decay: 100 is unusual"),
        ("pretrain.encoders.simsiam.lr=100", "pretrain.encoders.simsiam.lr: 100 is unusual"),
    ],
)
def test_a_number_that_cannot_be_meant_is_a_warning(override, said, caplog):
    load("demo", [override])
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert said.lower() in record.getMessage().lower() and "\n" not in record.getMessage()


@pytest.mark.parametrize("recipe", available())
def test_recipes_give_no_warning(recipe, caplog):
    load(recipe)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "simulate.image.pixel_scale=1e-300",
            "pixel_scale: expected a number within 1e-06 to 100 arcsec, but 1e-300",
        ),
        ("simulate.image.pixel_scale=1e300", "pixel_scale: input should be less than or equal to 100, got 1e+300"),
        (
            "simulate.observation.background_noise=1e300",
            "background_noise: expected a number within 0 to 1e+12",
        ),
        (
            "simulate.source.0.magnitude=-99",
            "magnitude must lie between -30 and 50, but -99",
        ),
        ("simulate.source.0.magnitude=1e30", "magnitude must lie between -30 and 50"),
        ("simulate.lens_mass.1.gamma1=1e300", "gamma1 must lie between -1e+09 and 1e+09"),
        ("simulate.cosmology.z_lens=1e-300", "simulate.cosmology.z_lens: expected a number within 0.0001 to 20"),
        ("simulate.observation.magnitude_zero_point=1e300", "magnitude_zero_point: expected a number within"),
        ("simulate.lens_mass.0.center_x={uniform: [-1e308, 1e308]}", "is too wide for a number"),
    ],
)
def test_a_number_that_no_image_holds_is_refused(problems, override, said):
    (problem,) = problems(override)
    assert said in problem


def test_an_impossible_number_is_said_with_its_own_line(problems, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "extends: tiny\nsimulate:\n  lens_mass:\n    - {profile: EPL, theta_E: 1.0}\n    - profile: SHEAR\n"
        "      gamma1: 0.0\n      gamma2: 1000\n"
    )
    (problem,) = problems(recipe=str(tmp_path / "mine.yaml"))
    assert problem.startswith("mine.yaml, line 7: simulate.lens_mass.1.gamma2: expected a number within -100 to 100")


def test_what_needs_more_memory_than_there_is_says_how_much(problems, monkeypatch):
    monkeypatch.setattr(plausible, "_memory", lambda: 16 * 2**30)
    (problem,) = problems("pretrain.batch_size=1000000000")
    assert "pretrain.batch_size: 1000000000 pairs of images (num_pix 48) need 6.87e+04 GiB" in problem
    assert problem.endswith("this machine has 16 GiB")  # 4 batches * 1e9 * 2 * 4 bytes * 48^2
    with pytest.raises(ConfigError, match=r"evaluate\.n_labels: 100000000 labelled lenses"):
        load("demo", ["evaluate.n_labels=[100, 100000000]"])


def test_the_labelled_lenses_of_all_seeds_are_in_memory_together(problems, monkeypatch):
    """A million images of 48 pixels are 8.6 GiB: those of one seed fit into 16, of two they do not."""
    monkeypatch.setattr(plausible, "_memory", lambda: 16 * 2**30)
    assert load("demo", ["evaluate.n_labels=[1000000]", "evaluate.seeds=1"]).evaluate.seeds == 1
    (problem,) = problems("evaluate.n_labels=[1000000]", "evaluate.seeds=2")
    assert "evaluate.n_labels: 1000000 labelled lenses (seeds 2" in problem


def test_rays_without_end_are_a_warning(caplog):
    load("w1", ["simulate.image.num_pix=512", "simulate.image.rays=128"])
    assert "simulate.image.rays: 4.3e+09 rays an image" in caplog.text


def test_a_layer_that_memory_cannot_hold_is_refused_before_it_is_made(problems, monkeypatch):
    monkeypatch.setattr(plausible, "_memory", lambda: 16 * 2**30)
    (problem,) = problems("pretrain.encoders.lensiam.hidden_dim=1000000000", recipe="tiny")
    assert "pretrain.encoders.lensiam.hidden_dim: a layer from hidden_dim 1000000000 to projection_dim 32" in problem
    assert problem.endswith("needs 477 GiB; this machine has 16 GiB")  # 16 bytes * 1e9 * 32
