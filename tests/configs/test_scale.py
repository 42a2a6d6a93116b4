"""The tiny scale: everything that costs time becomes small, what is simulated and how it is learned stays."""

import subprocess
import sys

import pytest
import timm
import torch

from lenstream.configs.load import available, check, load
from lenstream.configs.scale import tiny
from lenstream.errors import ConfigError


@pytest.mark.parametrize("recipe", available())
def test_what_is_simulated_stays(recipe):
    config = load(recipe)
    small = tiny(config)
    assert small.name == f"{recipe}_tiny" and small.seed == config.seed
    before, after = config.simulate.model_dump(), small.simulate.model_dump()
    for values in (before, after):
        for component in values["source"] + values["lens_light"]:
            component.pop("n_galaxies", None)
    assert before == after
    assert config == load(recipe)  # untouched


def test_training_and_evaluation_become_short():
    config = load("lensiam_resnet101", ["pretrain.encoders.lensiam.steps=9000", "pretrain.accumulate=4"])
    small = tiny(config)
    pre, encoder = small.pretrain, small.pretrain.encoders["lensiam"]
    assert (pre.steps, pre.batch_size, pre.accumulate, encoder.steps, encoder.warmup) == (4, 8, 1, None, 1)
    assert (pre.accelerator, pre.precision, pre.compile, pre.render_threads) == ("cpu", "32-true", False, 1)
    assert (pre.checkpoint_every, pre.log_every, pre.probe_every) == (2, 2, 0)
    assert small.simulate.source[0].n_galaxies < 50
    judged = small.evaluate
    assert (judged.n_labels, judged.seeds, judged.n_test, judged.limit, judged.umap) == ([20], 1, 40, False, False)
    assert (judged.finetune.epochs, judged.finetune.min_steps) == (1, 2)
    assert judged.targets == config.evaluate.targets and judged.protocols == config.evaluate.protocols


def test_the_method_stays_and_its_heads_become_narrow():
    for recipe in ("real_ibot_vit_base", "mae_foundation", "lensiam_resnet101"):
        (before,), (after,) = (c.pretrain.encoders.values() for c in (load(recipe), tiny(load(recipe))))
        changed = {name for name, value in before if getattr(after, name) != value}
        assert changed <= {
            *("warmup", "hidden_dim", "projection_dim", "prediction_dim", "bottleneck_dim", "prototypes", "local"),
            *("teacher_warmup", "freeze_last", "decoder_dim", "decoder_depth", "decoder_heads"),
        }
        assert max(v for n, v in after if n.endswith(("_dim", "prototypes"))) <= 32
    local = tiny(load("real_dino_vit_small")).pretrain.encoders["dino"].local
    assert local.views == 2 and local.size == 28


def test_no_local_views_are_added():
    config = load("real_dino_vit_small", ["pretrain.encoders.dino.local.views=0"])
    assert tiny(config).pretrain.encoders["dino"].local.views == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18", {}),
        ("resnet101", {}),
        ("resnext50_32x4d", {}),
        ("wide_resnet50_2", {"output_stride": 16}),
        ("vit_base_patch16_224", {"patch_size": 8, "img_size": 32, "dynamic_img_size": True}),
        ("vit_small_patch14_dinov2", {"img_size": 28}),
    ],
)
def test_backbones_stay_in_their_family_with_fewer_weights(name, options):
    given = {"name": name, "options": options, "weights": "pretrained", "normalize": "zscore", "stem": "as_timm"}
    backbone = tiny(check(load("demo").model_dump() | {"pretrain": pretrain_with(given)}, "test")).pretrain.backbone
    assert (backbone.name, backbone.weights, backbone.normalize) == (name, None, "zscore")
    assert options.items() <= backbone.options.items()
    model = timm.create_model(name, in_chans=2, num_classes=0, **backbone.options)
    assert type(model) is type(timm.create_model(name, num_classes=0))
    assert sum(p.numel() for p in model.parameters()) < 2e6
    pixels = options.get("img_size", 32)
    assert model(torch.zeros(2, 2, pixels, pixels)).shape == (2, model.num_features)


def test_other_backbones_stay():
    for name in ("test_resnet", "test_vit", "convnext_atto", "resnet50_clip"):
        given = {"name": name, "options": {"drop_rate": 0.1}}
        config = check(load("demo").model_dump() | {"pretrain": pretrain_with(given)}, "test")
        assert tiny(config).pretrain.backbone == config.pretrain.backbone


def test_an_encoders_own_backbone_shrinks_too():
    config = load("demo", ["pretrain.encoders.simsiam.backbone={name: resnet50}"])
    small = tiny(config).pretrain.encoders
    assert small["simsiam"].backbone.options["layers"] == [1, 1, 1, 1]
    assert small["lensiam"].backbone is None


def test_a_config_that_becomes_wrong_is_a_sentence():
    config = load("demo").model_copy(update={"name": "not a name"})
    with pytest.raises(ConfigError, match="letters, digits"):
        tiny(config)


def pretrain_with(backbone):
    return load("demo").model_dump()["pretrain"] | {"backbone": backbone}


def test_the_module_loads_without_the_networks_that_it_shrinks():
    code = "import sys, lenstream.configs.scale; print('torch' in sys.modules or 'timm' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"


def test_no_more_labels_and_tests_than_were_asked_for():
    """A set of files may have no more."""
    judged = tiny(load("tiny", ["evaluate.n_labels=[12, 300]", "evaluate.n_test=25"])).evaluate
    assert (judged.n_labels, judged.n_test) == ([12], 25)
