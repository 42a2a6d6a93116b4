"""The recipes that come with LenStream: they load, have the numbers of the systems that they reproduce, and train."""

import json

import numpy as np
import pytest
import torch

from lenstream.configs.load import available, load, show
from lenstream.configs.scale import tiny
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.trainer import pretrain

ADAM = {"optimizer": "adam", "lr": 1e-3, "lr_final": 1e-3, "warmup": 0}
SGD = {"optimizer": "sgd", "lr": 0.03 * 256 / 256, "weight_decay": 5e-4, "lr_final": 0.0, "warmup": 3906, "ema": None}
SIMSIAM = {"hidden_dim": 2048, "projection_dim": 2048, "prediction_dim": 512}
REAL = {"optimizer": "adamw", "lr": 5e-5, "lr_final": 5e-8, "weight_decay": 1e-3, "warmup": 302, "views": "augment"}
MAE = {"mask_ratio": 0.5, "unmasked_weight": 0.1, "norm_pix": False}
BYOL = {"momentum": 0.99, "hidden_dim": 4096, "projection_dim": 256}  # Grill+ 2020, arXiv:2006.07733
HEAD = {"hidden_dim": 256, "bottleneck_dim": 192, "prototypes": 512}
TEACHER = {"momentum": 0.996, "teacher_temperature": 0.04, "teacher_temperature_start": 0.04}
AREA, BYOL_VIEWS = {"crop": (0.14, 1.0)}, {"crop": None, "flip": True, "rot90": True, "brightness": 0, "blur": None}

# What each system states: backbone, batch, epochs x images (for the steps), pixels, bands, the encoder, its views.
REFERENCES = {
    "lensiam_resnet101": ("resnet101", 256, 800 * 100_000, 110, 1, SGD | SIMSIAM | {"method": "lensiam"}, {}),
    "simsiam_resnet101": ("resnet101", 256, 800 * 100_000, 110, 1, SGD | SIMSIAM, {"crop": (0.2, 1.0), "flip": True}),
    "contrast_rotation_resnet50": ("resnet50", 128, 600_000, 150, 1, ADAM | {"temperature": 0.1}, {"rotate": 180}),
    "contrast_noise_resnet50": ("resnet50", 128, 600_000, 150, 1, ADAM | {"temperature": 0.1}, {"noise": 0.1}),
    "byol_resnet50": ("resnet50", 128, 600_000, 150, 1, ADAM | BYOL, BYOL_VIEWS),
    "simclr_resnet18": ("resnet18", 128, 386_300, 64, 3, {"optimizer": "lars", "projection_dim": 128}, {}),
    "mae_foundation": ("vit_small", 128, 3_000_000, 64, 1, MAE, {"flip": True}),
}
for size in ("small", "base"):
    for method, numbers in {
        "dino": HEAD | TEACHER,
        "ibot": HEAD | TEACHER | {"mask_ratio": 0.3},
        "simsiam": {},
    }.items():
        REFERENCES[f"real_{method}_vit_{size}"] = (f"vit_{size}", 128, 386_300, 32, 3, REAL | numbers, AREA)


@pytest.mark.parametrize("recipe", available())
def test_recipes_load_and_their_printed_form_is_the_same_config(recipe, tmp_path):
    config, path = load(recipe), tmp_path / "again.yaml"
    path.write_text(show(config))
    assert "extends" not in path.read_text()
    assert load(str(path)) == config
    assert config.name == recipe  # or two recipes would share a folder under runs/


@pytest.mark.parametrize("recipe", REFERENCES)
def test_numbers_are_those_of_the_reference_system(recipe):
    backbone, batch, images, num_pix, bands, numbers, views = REFERENCES[recipe]
    config = load(recipe)
    pre, (encoder,) = config.pretrain, config.pretrain.encoders.values()
    assert pre.backbone.name.startswith(backbone)
    assert pre.batch_size == batch
    assert abs(pre.steps - images / batch) <= 1
    assert config.simulate.image.num_pix == num_pix
    assert max(len(config.simulate.bands), 1) == bands
    assert {name: getattr(encoder, name) for name in numbers} == numbers
    assert {name: getattr(encoder.augment, name) for name in views} == views
    assert encoder.steps is None and encoder.backbone is None


def test_patches_and_local_views_are_those_of_the_reference_systems():
    assert load("mae_foundation").pretrain.backbone.options["patch_size"] == 16
    for name in REFERENCES:
        if name.startswith("real_"):
            assert load(name).pretrain.backbone.options["patch_size"] == 8
        if name.startswith(("real_dino", "real_ibot")):
            local = next(iter(load(name).pretrain.encoders.values())).local
            assert 8 <= local.views <= 16 and 20 <= local.size <= 28 and local.size % 8 == 0


def test_only_the_encoder_differs_between_recipes_that_are_compared():
    for one, other in [
        ("lensiam_resnet101", "simsiam_resnet101"),
        ("contrast_rotation_resnet50", "contrast_noise_resnet50"),
        ("contrast_rotation_resnet50", "byol_resnet50"),
        ("real_dino_vit_small", "real_ibot_vit_small"),
        ("real_dino_vit_base", "real_simsiam_vit_base"),
    ]:
        first, second = load(one).model_dump(), load(other).model_dump()
        assert first["pretrain"].pop("encoders") != second["pretrain"].pop("encoders")
        assert first.pop("name") != second.pop("name")
        assert first == second


def test_the_contrast_recipe_becomes_the_one_of_another_model_as_its_header_says():
    changes = ["simulate.image={num_pix: 64}", "simulate.source.0.magnitude=20"]
    for model, instrument in [("deeplense_model_2", "Euclid/VIS"), ("deeplense_model_3", "HST/WFC3_F160W")]:
        changed = [*changes, f"simulate.observation={{instrument: {instrument}}}"]
        assert load("contrast_rotation_resnet50", changed).simulate == load(model).simulate


def test_the_released_images_are_a_mode_of_the_recipes_that_extend_them():
    plain, released = (load("deeplense_model_1", [f"mode={m}"]) for m in ("corrected", "as_released"))
    assert load("byol_resnet50").simulate == plain.simulate
    assert load("byol_resnet50", ["mode=as_released"]).simulate == released.simulate != plain.simulate


def test_the_foundation_model_sees_no_substructure():
    config = load("mae_foundation").simulate
    assert config.substructure == load("deeplense_model_2").simulate.substructure
    systems = draw(make_scene(config, 1), np.arange(2000), Views())
    assert not systems.class_number.any()
    assert [halos.first[-1] for halos in systems.halos] == [0, 0]


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
