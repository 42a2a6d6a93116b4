"""The recipes that come with LenStream: they load, have the numbers of the systems that they reproduce, and train."""

import json
import shlex

import numpy as np
import pytest
import torch

from lenstream.configs.load import available, load, show
from lenstream.configs.recipes import in_short, opening_comment
from lenstream.configs.scale import tiny
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.data import of_classes
from lenstream.ssl.trainer import pretrain

# What each system states: its paper, or the public configs and notebooks of DeepLense (GSoC 2023 to 2025).
SGD = {"optimizer": "sgd", "lr": 0.03 * 256 / 256, "weight_decay": 5e-4, "lr_final": 0.0, "warmup": 3906, "ema": None}
LENSIAM = SGD | {"schedule": "cosine", "hidden_dim": 2048, "projection_dim": 2048, "prediction_dim": 512}
ADAM = {"optimizer": "adam", "lr": 1e-3, "schedule": "constant", "warmup": 0, "weight_decay": 0}
CONTRAST = ADAM | {"temperature": 0.1, "both_views": True, "negatives": "cross_view"}
CONTRAST |= {"hidden_dim": 128, "projection_dim": 128, "projector_norm": False}  # Dense(w)-ReLU-Dense(w)
BYOL = ADAM | {"lr": 1e-4, "hidden_dim": 64, "projection_dim": 32, "momentum": 0.99, "momentum_final": 0.99}
BYOL_VIEWS = {"crop": None, "flip": True, "rot90": True, "brightness": 0, "blur": None}
SIMCLR = {"optimizer": "lamb", "lr": 1e-3, "schedule": "plateau", "temperature": 0.5, "negatives": "all"}
SIMCLR |= {"hidden_dim": 512, "projection_dim": 128}
MAE = {"mask_ratio": 0.5, "masked_weight": 0.7, "unmasked_weight": 0.3, "norm_pix": False}
MAE |= {"optimizer": "adamw", "lr": 1e-3, "betas": (0.9, 0.95), "schedule": "linear", "lr_final": 0.0}
MAE |= {"decoder_dim": 1024, "decoder_depth": 6, "decoder_heads": 32}
MAE_VIEWS = {"crop": None, "flip": True, "shift": 0.2, "rot90": False, "rotate": 0, "brightness": 0, "blur": None}
ADAMW = {"optimizer": "adamw", "lr": 5e-5, "lr_final": 5e-8, "weight_decay": 1e-3, "warmup": 302, "views": "augment"}
HEAD = {"hidden_dim": 256, "bottleneck_dim": 192, "prototypes": 512, "head_norm": True, "kept": "student"}
DINO = ADAMW | HEAD | {"momentum": 0.996, "momentum_final": 1.0, "teacher_temperature": 0.04}
DINO |= {"teacher_temperature_start": 0.04}
IBOT = DINO | {"teacher_temperature_start": 0.02, "teacher_warmup": round(30 * 3863 / 128)}
IBOT |= {"patch_temperature_start": 0.04, "patch_temperature": 0.07}
IBOT |= {"mask_ratio": 0.3, "mask_spread": False, "mask_probability": 1}
REAL_SIMSIAM = {"optimizer": "sgd", "lr": 0.005, "lr_final": 5e-6, "weight_decay": 1e-4, "warmup": 0}
REAL_SIMSIAM |= {"hidden_dim": 512, "projection_dim": 2048, "prediction_dim": 512}
REAL_VIEWS = {"crop": (0.14, 1.0), "brightness": 0.8, "brightness_probability": 0.1}
REAL_VIEWS |= {"blur": (0.01, 4.0), "blur_probability": (1, 0.3, 0.5)}
REAL, IMAGES = 386_300, 30_000  # 100 epochs of 3,863 images; how many others had of one model is not known

# Backbone, batch, optimiser steps, pixels, bands, the encoder, its views.
REFERENCES = {
    "lensiam_resnet101": ("resnet101", 256, 800 * 100_000 / 256, 110, 1, LENSIAM | {"method": "lensiam"}, {}),
    "simsiam_resnet101": ("resnet101", 256, 800 * 100_000 / 256, 110, 1, LENSIAM, {"crop": (0.2, 1.0), "flip": True}),
    "contrast_rotation_resnet50": ("resnet50", 128, 20 * 615, 150, 1, CONTRAST, {"rotate": 180}),
    "contrast_noise_resnet50": ("resnet50", 128, 20 * 615, 150, 1, CONTRAST, {"noise": 0.1}),
    "byol_resnet50": ("resnet50", 128, 30 * 615, 150, 1, BYOL, BYOL_VIEWS),
    "simclr_resnet18": ("resnet18", 128, 30, 64, 3, SIMCLR, {}),
    "mae_foundation": ("vit_small", 256, 500 * IMAGES / 256, 64, 1, MAE, MAE_VIEWS),
    "real_dino_vit_small": ("vit_small", 128, REAL / 128, 32, 3, DINO, REAL_VIEWS),
    "real_dino_vit_base": ("vit_base", 128, REAL / 128, 32, 3, DINO, REAL_VIEWS),
    "real_ibot_vit_small": ("vit_small", 128, REAL / 128, 32, 3, IBOT, REAL_VIEWS),
    "real_ibot_vit_base": ("vit_base", 128, REAL / 128, 32, 3, IBOT, REAL_VIEWS),
    "real_simsiam_vit_small": ("vit_small", 512, REAL / 512, 32, 3, REAL_SIMSIAM, REAL_VIEWS),
    "real_simsiam_vit_base": ("vit_base", 128, REAL / 128, 32, 3, REAL_SIMSIAM, REAL_VIEWS),
}
REAL_RECIPES = [name for name in REFERENCES if name.startswith("real_")]
LOCAL = {  # number and pixels of local views, .01-.14 of the area
    "real_dino_vit_small": (8, 28),
    "real_dino_vit_base": (16, 20),
    "real_ibot_vit_small": (12, 28),
    "real_ibot_vit_base": (12, 28),
}
FINETUNE = {"optimizer": "adam", "lr": 1e-4, "weight_decay": 0}
JUDGED = {  # labels, protocols, fine-tuning
    **{
        name: ([300, 600, 1200, 3256], "finetune", FINETUNE | {"epochs": 100, "batch_size": 64, "lr_final": 1e-8})
        for name in REAL_RECIPES
    },
    **{
        f"{name}_resnet50": ([300, 1000, 3000, 10000], "finetune", FINETUNE | {"schedule": "constant"})
        for name in ("contrast_rotation", "contrast_noise", "byol")
    },
    "simclr_resnet18": ([194], "logistic_projection", {}),
    "mae_foundation": ([1000, 10000], "finetune", {"optimizer": "adamw"}),
}


@pytest.mark.parametrize("recipe", available())
def test_recipes_load_and_their_printed_form_is_the_same_config(recipe, tmp_path):
    config, path = load(recipe), tmp_path / "again.yaml"
    path.write_text(show(config))
    assert "extends" not in path.read_text()
    assert load(str(path)) == config
    assert config.name == recipe  # or two recipes would share a folder under runs/


@pytest.mark.parametrize("recipe", REFERENCES)
def test_numbers_are_those_of_the_reference_system(recipe):
    backbone, batch, steps, num_pix, bands, numbers, views = REFERENCES[recipe]
    config = load(recipe)
    pre, (encoder,) = config.pretrain, config.pretrain.encoders.values()
    assert pre.backbone.name.startswith(backbone)
    assert pre.batch_size == batch
    assert abs(pre.steps - steps) <= 1
    assert config.simulate.image.num_pix == num_pix
    assert max(len(config.simulate.bands), 1) == bands
    assert {name: getattr(encoder, name) for name in numbers} == numbers
    assert {name: getattr(encoder.augment, name) for name in views} == views
    assert encoder.steps is None and encoder.backbone is None


def test_networks_and_local_views_are_those_of_the_reference_systems():
    foundation = load("mae_foundation").pretrain
    assert foundation.backbone.options == {"patch_size": 16, "embed_dim": 2048, "depth": 8, "num_heads": 64}
    assert foundation.backbone.normalize == "minmax"
    assert foundation.encoders["mae"].warmup == pytest.approx(0.4 * foundation.steps, abs=1)
    for name in REAL_RECIPES:
        backbone = load(name).pretrain.backbone
        assert (backbone.options["patch_size"], backbone.normalize) == (8, "zscore")
    for name, (views, size) in LOCAL.items():
        local = next(iter(load(name).pretrain.encoders.values())).local
        assert (local.views, local.size, local.area) == (views, size, (0.01, 0.14))


@pytest.mark.parametrize("recipe", JUDGED)
def test_encoders_are_judged_as_in_the_reference_system(recipe):
    n_labels, protocol, finetune = JUDGED[recipe]
    judged = load(recipe).evaluate
    assert (judged.task, judged.targets, judged.n_labels) == ("classification", ["class"], n_labels)
    assert judged.protocols[0] == protocol
    assert {name: getattr(judged.finetune, name) for name in finetune} == finetune


def test_headers_say_what_is_not_known_only_where_it_is_not():
    """What they assume is in a list, beside which stands what is as there."""
    for recipe in REFERENCES:
        head = opening_comment(recipe)
        assert "not known and" not in head.lower() and "are taken to be" not in head
        assert "As there" in head or "as there" in head or recipe == "contrast_noise_resnet50" or "_base" in recipe


def test_only_the_encoder_differs_between_recipes_that_are_compared():
    for one, other in [
        ("lensiam_resnet101", "simsiam_resnet101"),
        ("contrast_rotation_resnet50", "contrast_noise_resnet50"),
        ("real_dino_vit_small", "real_ibot_vit_small"),
        ("real_dino_vit_base", "real_ibot_vit_base"),
        ("real_dino_vit_base", "real_simsiam_vit_base"),
    ]:
        first, second = load(one).model_dump(), load(other).model_dump()
        assert first["pretrain"].pop("encoders") != second["pretrain"].pop("encoders")
        assert first.pop("name") != second.pop("name")
        assert first == second


OTHER_MODELS = [("deeplense_model_2", "Euclid/VIS"), ("deeplense_model_3", "HST/WFC3_F160W")]


@pytest.mark.parametrize(("model", "instrument"), OTHER_MODELS)
def test_the_contrast_recipe_becomes_the_one_of_another_model_as_its_header_says(model, instrument):
    words = shlex.split(opening_comment("contrast_rotation_resnet50").split("lenstream run ")[1].replace("\\", ""))
    changes = [word.replace("Euclid/VIS", instrument) for word in words if "=" in word][:7]
    config = load("contrast_rotation_resnet50", changes)
    assert config.simulate == load(model).simulate
    pre, encoder = config.pretrain, config.pretrain.encoders["rotation"]
    assert (pre.batch_size, pre.steps, encoder.hidden_dim, encoder.projection_dim) == (256, 20 * 313, 256, 256)


@pytest.mark.parametrize(("model", "instrument"), OTHER_MODELS)
def test_byol_becomes_the_one_of_another_model_as_its_header_says(model, instrument):
    words = shlex.split(opening_comment("byol_resnet50").split("lenstream run ")[1].replace("\\", ""))
    changes = [word.replace("Euclid/VIS", instrument) for word in words if "=" in word][:4]
    config = load("byol_resnet50", changes)
    assert config.simulate == load(model).simulate
    assert (config.pretrain.batch_size, config.pretrain.steps) == (128, 30 * 626)


def test_the_released_images_are_a_mode_of_the_recipes_that_extend_them():
    plain, released = (load("deeplense_model_1", [f"mode={m}"]) for m in ("corrected", "as_released"))
    assert load("byol_resnet50").simulate == plain.simulate
    assert load("byol_resnet50", ["mode=as_released"]).simulate == released.simulate != plain.simulate


def test_the_foundation_model_sees_no_substructure_and_is_judged_by_all_classes():
    config = load("mae_foundation")
    assert config.simulate == load("deeplense_model_2").simulate
    scene = make_scene(config.simulate, 1)
    trained = draw(of_classes(scene, config.pretrain.classes), np.arange(2000), Views())
    assert not trained.class_number.any()
    assert [halos.first[-1] for halos in trained.halos] == [0, 0]
    assert set(draw(scene, np.arange(200), Views()).class_number) == {0, 1, 2}


def test_the_baseline_is_a_resnext_on_a_plateau_that_stops_early():
    config = load("supervised_resnext50")
    encoder, finetune = config.pretrain.encoders["stream"], config.evaluate.finetune
    assert config.pretrain.backbone.name == "resnext50_32x4d"
    for settings in (encoder, finetune):
        assert (settings.optimizer, settings.lr, settings.schedule) == ("adamw", 1e-3, "plateau")
    assert finetune.patience and "finetune" in config.evaluate.protocols


def test_dark_matter_is_told_from_the_released_images_cut_about_their_arcs():
    trained = set()
    for model, num_pix in (("1", 96), ("2", 48), ("3", 48)):
        config = load(f"dark_matter_model_{model}")
        whole = load(f"deeplense_model_{model}", ["mode=as_released", f"simulate.image.num_pix={num_pix}"])
        assert config.simulate == whole.simulate
        assert (config.pretrain.backbone.bin, whole.simulate.image.num_pix) in ((2, 96), (1, 48))
        for encoder in config.pretrain.encoders.values():
            trained.add(encoder.model_copy(update={"steps": None, "warmup": 0}).model_dump_json())
        trained.add(config.evaluate.model_dump_json())
    assert len(trained) == 3  # the same two encoders and the same tests of all three


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("recipe", [name for name in available() if load(name).pretrain])
def test_every_recipe_trains(recipe, tmp_path, one_thread):
    train(tiny(load(recipe)), tmp_path)


@pytest.mark.parametrize("recipe", ["real_dino_vit_small", "real_ibot_vit_base", "real_simsiam_vit_small"])
def test_recipes_for_real_images_train_on_a_folder(recipe, tmp_path, one_thread):
    rng = np.random.default_rng(0)
    for k in range(16):
        image = rng.normal(size=(3, 64, 64)).astype(np.float32)
        image[rng.random(image.shape) < 0.002] = np.nan  # as the real images have
        folder = tmp_path / "images" / ("lenses" if k % 2 else "nonlenses")
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{k}.npy", image)
    train(tiny(load(recipe, [f"pretrain.data={{path: {tmp_path / 'images'}, size: 32}}"])), tmp_path)


def train(config, folder):
    scene = make_scene(config.simulate, config.seed)
    for name in config.pretrain.encoders:
        assert pretrain(config, name, scene, folder / name).is_file()
        records = [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]
        assert records[-1]["step"] == 4
        assert all(np.isfinite(record["loss"]) for record in records)


def test_ranges_are_those_of_lensiams_figures():
    lens, shear = load("lensiam_resnet101").simulate.lens_mass  # Chang+ 2023, arXiv:2311.10100
    assert (lens.theta_E.uniform, lens.gamma.uniform) == ((0.9, 1.7), (1.6, 2.4))
    assert lens.e1.uniform == lens.e2.uniform == (-0.3, 0.3)
    assert shear.gamma1.uniform == shear.gamma2.uniform == (-0.1, 0.1)


def test_names_of_one_family_are_said_together():
    assert in_short(["a_b_1", "a_b_2", "demo", "w1", "x_y"]) == "a_b_1/2, demo, w1, x_y"
    assert len(in_short(available())) < 560
