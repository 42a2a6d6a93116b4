"""Fingerprints of trainings: keys that came later leave those of earlier checkpoints as they are."""

import hashlib

import pytest
from pydantic_core import to_json

from lenstream.configs.instruments import numbers
from lenstream.configs.load import load
from lenstream.ssl import same_config

# What pydantic wrote of the sections of this encoder before any of same_config.ADDED was there.
BACKBONE = '{"name":"test_resnet","options":{},"stem":"as_timm","weights":null,"normalize":"asinh"}'
AUGMENT = (
    '{"crop":[0.2,1.0],"flip":true,"rot90":false,"rotate":0.0,"brightness":0.4,"blur":[0.1,1.0],"noise":0.0,'
    '"solarise":0.0}'
)
COMMON = (
    f'{{"views":"augment","redraw":["source","noise"],"augment":{AUGMENT},"backbone":null,"steps":null,'
    '"optimizer":"sgd","lr":0.05,"lr_final":0.0,"weight_decay":0.0001,"warmup":20,"clip":null,"ema":null,'
)
DINO = (
    '"hidden_dim":512,"bottleneck_dim":128,"prototypes":1024,"momentum":0.99,"student_temperature":0.1,'
    '"teacher_temperature":0.04,"teacher_temperature_start":0.04,"teacher_warmup":0,"freeze_last":0,'
    '"center_momentum":0.9,"local":{"views":0,"area":[0.05,0.14],"size":24}'
)
WRITTEN = {
    "simsiam": '"hidden_dim":512,"projection_dim":512,"prediction_dim":128}',
    "simclr": '"hidden_dim":512,"projection_dim":128,"temperature":0.1}',
    "byol": '"hidden_dim":512,"projection_dim":128,"momentum":0.99}',
    "dino": DINO + "}",
    "ibot": DINO + ',"mask_ratio":0.3,"mask_probability":0.5}',
    "mae": '"mask_ratio":0.75,"norm_pix":true,"unmasked_weight":0.0,"decoder_dim":128,"decoder_depth":2,'
    '"decoder_heads":4}',
}


def config_of(method, *overrides):
    return load("tiny", [f"pretrain.encoders={{x: {{method: {method}}}}}", "pretrain.backbone={}", *overrides])


@pytest.mark.parametrize("method", WRITTEN)
def test_trainings_of_earlier_versions_have_the_fingerprint_that_they_had(method):
    config = config_of(method)
    pre = config.pretrain
    text = to_json(numbers(config.simulate)).decode() + BACKBONE + COMMON + f'"method":"{method}",' + WRITTEN[method]
    text += f"{config.seed} {pre.batch_size} {pre.steps} {pre.precision} {pre.accumulate}"
    assert same_config.fingerprint(config, "x") == hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    "change",
    [
        "pretrain.backbone.bin=2",
        "pretrain.encoders.x.backbone={bin: 2}",
        "pretrain.encoders.x.schedule=linear",
        "pretrain.encoders.x.augment.shift=0.1",
        "pretrain.encoders.x.augment.blur_probability=[1, 0.5, 0.5]",
        "pretrain.encoders.x.head_norm=true",
    ],
)
def test_other_values_of_later_keys_are_another_training(change):
    assert same_config.fingerprint(config_of("dino", change), "x") != same_config.fingerprint(config_of("dino"), "x")
