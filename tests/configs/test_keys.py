"""What a key takes and what it refuses: the values at both ends of its range, and the first ones beyond."""

import typing

import pytest
from pydantic import TypeAdapter, ValidationError

from lenstream.configs import (
    components,
    cuts,
    dark_matter,
    encoder,
    evaluation,
    methods,
    observation,
    parameters,
    schema,
    training,
)

TINY = 1e-9  # above 0
NUMBERS = {  # of each model, by key: values that are taken, and values that are not
    components.GalaxyImages: {"n_galaxies": ([1, 100_000], [0, 100_001, 2.5]), "galaxy": ([0], [-1])},
    cuts.Selection: {
        "arc_snr_min": ([TINY], [0]),
        "magnification_min": ([TINY], [0]),
        "image_separation_min": ([TINY], [0]),
        "max_attempts": ([1, 1_000_000], [0, 1_000_001]),
    },
    dark_matter.Cosmology: {
        "z_lens": ([TINY, 20], [0, 20.1]),
        "z_source": ([TINY, 20], [0, 20.1]),
        "H0": ([TINY, 1000], [0, 1001]),
        "Om0": ([TINY, 1], [0, 1.01]),
    },
    dark_matter.CDM: {
        "m_min": ([TINY], [0]),
        "m_max": ([TINY], [0]),
        "r_min": ([0, 1000], [-TINY, 1001]),
        "r_max": ([TINY, 1000], [0, 1001]),
        "r_core": ([TINY, 1000], [0, 1001]),
        "half_side": ([TINY, 1000], [0, 1001]),
        "concentration_scatter": ([0, 1], [-TINY, 1.01]),
        "tau": ([TINY, 1000], [0, 1001]),
        "deflection_factor": ([TINY, 100], [0, 101]),
    },
    dark_matter.AXION_VORTEX: {
        "n_masses": ([2, 100_000], [1, 100_001]),
        "wavelength": ([TINY, 100], [0, 101]),
        "deflection_factor": ([TINY, 100], [0, 101]),
    },
    encoder.Augment: {
        "rotate": ([0, 180], [-TINY, 180.1]),
        "brightness": ([0, 1], [-TINY, 1.01]),
        "noise": ([0], [-TINY]),
        "solarise": ([0, 1], [-TINY, 1.01]),
    },
    encoder.Encoder: {
        "steps": ([1], [0]),
        "lr": ([TINY], [0]),
        "lr_final": ([0], [-TINY]),
        "weight_decay": ([0], [-TINY]),
        "warmup": ([0], [-1]),
        "clip": ([TINY], [0]),
        "ema": ([TINY, 0.999], [0, 1]),
    },
    methods.SimSiamSettings: {n: ([2], [1]) for n in ("hidden_dim", "projection_dim", "prediction_dim")},
    methods.SimCLRSettings: {"hidden_dim": ([2], [1]), "projection_dim": ([2], [1]), "temperature": ([TINY], [0])},
    methods.VICRegSettings: {"invariance": ([TINY], [0]), "variance": ([0], [-TINY]), "covariance": ([0], [-TINY])},
    methods.BarlowTwinsSettings: {"redundancy": ([TINY], [0])},
    methods.BYOLSettings: {"momentum": ([TINY, 0.999], [0, 1]), "momentum_final": ([TINY, 1], [0, 1.01])},
    methods.MultiCrop: {"views": ([0], [-1]), "size": ([8], [7])},
    methods.DINOSettings: {
        "bottleneck_dim": ([2], [1]),
        "prototypes": ([2], [1]),
        "momentum": ([TINY, 0.999], [0, 1]),
        "momentum_final": ([TINY, 1], [0, 1.01]),
        "student_temperature": ([TINY], [0]),
        "teacher_temperature": ([TINY], [0]),
        "teacher_temperature_start": ([TINY], [0]),
        "teacher_warmup": ([0], [-1]),
        "freeze_last": ([0], [-1]),
        "center_momentum": ([0, 0.999], [-TINY, 1]),
    },
    methods.IBOTSettings: {
        "mask_ratio": ([TINY, 0.999], [0, 1]),
        "mask_probability": ([TINY, 1], [0, 1.01]),
        "patch_temperature": ([TINY], [0]),
    },
    methods.MAESettings: {
        "mask_ratio": ([TINY, 0.999], [0, 1]),
        "masked_weight": ([TINY], [0]),
        "unmasked_weight": ([0], [-TINY]),
        "decoder_dim": ([8], [7]),
        "decoder_depth": ([1], [0]),
        "decoder_heads": ([1], [0]),
    },
    observation.Image: {
        "num_pix": ([4, 4096], [3, 4097]),
        "pixel_scale": ([TINY, 100], [0, 100.1]),
        "tolerance": ([1e-6, 0.1], [9e-7, 0.11]),
    },
    observation.BandImage: {"num_pix": ([4, 4096], [3, 4097]), "pixel_scale": ([TINY, 100], [0, 100.1])},
    observation.PSF: {"truncation": ([TINY, 20], [0, 20.1]), "size": ([1], [0])},
    observation.Subtracted: {"component": ([0], [-1])},
    observation.Disks: {"number": ([TINY, 5], [0, 5.1]), "nearest": ([0], [-TINY])},
    observation.Unfitted: {"radius": ([TINY, 1], [0, 1.1])},
    observation.FromInstrument: {
        "pixel_scale": ([TINY], [0]),
        "exposure_time": ([TINY], [0]),
        "num_exposures": ([1], [0]),
        "read_noise": ([0], [-TINY]),
        "ccd_gain": ([TINY], [0]),
        "seeing": ([TINY], [0]),
    },
    observation.Observation: {
        "coadd_years": ([1], [0]),
        "num_exposures": ([1], [0]),
        "read_noise": ([0], [-TINY]),
        "background_noise": ([0], [-TINY]),
        "ccd_gain": ([TINY], [0]),
        "noise_correlation": ([0, 0.7], [-TINY, 0.71]),
        "noise_scale": ([TINY, 10], [0, 10.1]),
        "bad_pixels": ([0, 0.999], [-TINY, 1]),
        "cosmic_rays": ([0, 500], [-TINY, 501]),
        "cosmic_rays_up_to": ([TINY], [0]),
    },
    parameters.MixturePart: {"weight": ([TINY], [0])},
    parameters.Follow: {"scatter": ([0], [-TINY])},
    parameters.FollowShape: {
        "factor": ([TINY, 100], [0, 101]),
        "scatter": ([0, 1], [-TINY, 1.01]),
        "angle_scatter": ([0, 100], [-TINY, 101]),
        "largest": ([TINY, 0.89], [0, 0.9]),
    },
    evaluation.Evaluate: {"seeds": ([1], [0]), "n_test": ([20], [19]), "n_labels": ([[10]], [[9], []])},
    schema.RealLenses: {"pixel_scale": ([TINY], [0])},
    schema.Config: {"seed": ([0, 2**32 - 1], [-1, 2**32])},
    training.Folder: {"size": ([8], [7])},
    training.Pretrain: {
        "batch_size": ([2], [1]),
        "accumulate": ([1], [0]),
        "steps": ([1], [0]),
        "extend": ([0], [-1]),
        "render_threads": ([1, 256], [0, 257]),
        "checkpoint_every": ([1], [0]),
        "log_every": ([1], [0]),
        "probe_every": ([0], [-1]),
    },
    training.Finetune: {
        "epochs": ([1], [0]),
        "min_steps": ([1], [0]),
        "batch_size": ([2], [1]),
        "lr": ([TINY], [0]),
        "weight_decay": ([0], [-TINY]),
    },
}
NOT_EMPTY = [
    *((model, "only") for model in (components.Component, dark_matter.CDM, dark_matter.AXION_VORTEX)),
    (components.GalaxyImages, "kinds"),
    (encoder.Encoder, "redraw"),
    (parameters.Distribution, "mixture"),
    *((schema.Simulation, name) for name in ("lens_mass", "source")),
    *((evaluation.Evaluate, name) for name in ("targets", "n_labels", "protocols")),
    (training.Pretrain, "bands"),
]


def takes(model, name, value):
    """Whether a key alone takes a value, whatever the others are."""
    known = model.model_fields[name]
    try:
        TypeAdapter(typing.Annotated[known.annotation, known]).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("model", NUMBERS, ids=lambda model: model.__name__)
def test_a_number_is_taken_within_its_range_and_refused_beyond(model):
    for name, (taken, refused) in NUMBERS[model].items():
        assert [value for value in taken if not takes(model, name, value)] == [], name
        assert [value for value in refused if takes(model, name, value)] == [], name
        assert not takes(model, name, float("nan")) and not takes(model, name, "many"), name


@pytest.mark.parametrize(("model", "name"), NOT_EMPTY, ids=lambda value: getattr(value, "__name__", value))
def test_a_list_that_says_nothing_is_refused(model, name):
    assert not takes(model, name, [])


def test_a_training_has_encoders():
    assert not takes(training.Pretrain, "encoders", {})
