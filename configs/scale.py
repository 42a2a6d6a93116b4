"""`--scale tiny`: any config made to run in a CPU minute, with a small network, few labels and few steps."""

from ..extras import need
from .load import check

_PRETRAIN = {
    "steps": 4,
    "extend": 0,
    "batch_size": 8,
    "accumulate": 1,
    "checkpoint_every": 2,
    "log_every": 2,
    "probe_every": 0,
    "render_threads": 1,
    "accelerator": "cpu",
    "precision": "32-true",
    "compile": False,
}
_ENCODER = {  # where the method has the key
    "warmup": 1,
    "hidden_dim": 32,
    "projection_dim": 32,
    "prediction_dim": 16,
    "bottleneck_dim": 16,
    "prototypes": 32,
    "teacher_warmup": 1,
    "freeze_last": 1,
    "decoder_dim": 32,
    "decoder_depth": 1,
    "decoder_heads": 2,
}
_LOCAL_VIEWS = 2
_EVALUATE = {"seeds": 1, "limit": False, "umap": False}
_N_LABELS, _N_TEST = 20, 40
_OF_CLASSES = {"classification": (100, 120)}  # labels and tests, so that there are some of every class
_FINETUNE = {"epochs": 1, "min_steps": 2, "batch_size": 16}
_SUPER_RESOLUTION = {"width": 8, "depth": 1, "steps": 8, "batch_size": 4}
_GALAXIES = 16  # procedural: enough for training, validation and tests
_FAMILIES = {  # timm's modules, and options that all of their models take
    "resnet": {"layers": [1, 1, 1, 1], "channels": (16, 32, 64, 128)},
    "vision_transformer": {"embed_dim": 48, "depth": 2, "num_heads": 3},
}


def tiny(config):
    """What `--scale tiny` makes of a config: another one, to see within a minute on a CPU whether everything works.

    Images and physics stay as they are, but for fewer procedural galaxies. ResNets and ViTs become small; backbones of
    other families, and timm's own test models, stay.

    Args: config: `schema.Config`. Returns: a new, checked one with "_tiny" behind its name. Raises: ConfigError.
    """
    need("train", "--scale tiny")
    values = config.model_dump()
    values["name"] += "_tiny"
    simulate = values["simulate"] or {"source": [], "lens_light": []}
    for component in simulate["source"] + simulate["lens_light"]:
        if component.get("catalogue") == "procedural":
            component["n_galaxies"] = min(component["n_galaxies"], _GALAXIES)
            if component["galaxy"] is not None:
                component["galaxy"] %= component["n_galaxies"]
    if values["pretrain"]:
        values["pretrain"] |= _PRETRAIN
        _shrink_backbone(values["pretrain"]["backbone"])
        for encoder in values["pretrain"]["encoders"].values():
            _shrink_encoder(encoder)
    if values["evaluate"]:
        values["evaluate"] |= _EVALUATE | _few(values["evaluate"])
        values["evaluate"]["finetune"] |= _FINETUNE
        for backbone in values["evaluate"]["supervised"].values():
            _shrink_backbone(backbone)
        values["evaluate"]["super_resolution"] |= _SUPER_RESOLUTION
    return check(values, values["name"])


def _few(evaluate):
    """As many labels and tests as a tiny run has: no more than asked for, as a set of files may have no more."""
    numbers = [n for n in evaluate["n_labels"] if isinstance(n, int)]
    most, tests = _OF_CLASSES.get(evaluate["task"], (_N_LABELS, _N_TEST))
    n_test = evaluate["n_test"] if evaluate["n_test"] == "all" else min(tests, evaluate["n_test"])
    return {"n_labels": [min(most, *numbers)] if numbers else evaluate["n_labels"][:1], "n_test": n_test}


def _shrink_encoder(values):
    values |= {key: small for key, small in _ENCODER.items() if key in values}
    values["steps"] = None
    if values["backbone"]:
        _shrink_backbone(values["backbone"])
    if "local" in values:
        values["local"]["views"] = min(values["local"]["views"], _LOCAL_VIEWS)


def _shrink_backbone(values):
    from timm.models import is_model_in_modules  # here, as it takes seconds and brings torch

    values["weights"] = None  # they would not fit
    if not values["name"].startswith("test_"):
        for family, options in _FAMILIES.items():
            if is_model_in_modules(values["name"], [family]):
                values["options"] = values["options"] | options
