"""Settings of each self-supervised method: one section a method, told apart by the key `method`.

The numbers that stand here by default suit small networks and short trainings; the recipes have those of the papers.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .encoder import Encoder
from .keys import Section, key

_ALONE = {"crop": None, "flip": False, "brightness": 0.0, "blur": None}  # nothing but what a pretext adds


class SimSiamSettings(Encoder):
    """SimSiam; `lensiam` is SimSiam with physics views."""

    method: Literal["simsiam", "lensiam"] = key("two views, a predictor and a stop-gradient")
    hidden_dim: int = key("width of the projector's hidden layers", default=512, ge=2)
    projection_dim: int = key("width of the projection", default=512, ge=2)
    prediction_dim: int = key("bottleneck of the predictor", default=128, ge=2)
    predictor_lr: Literal["constant", "schedule"] = key(
        "learning rate of the predictor: lr throughout, as in the paper, or as all else", default="constant"
    )

    @model_validator(mode="before")
    @classmethod
    def lensiam_has_physics_views(cls, values):
        if isinstance(values, dict) and values.get("method") == "lensiam":
            if values.get("views") == "augment":
                raise ValueError(
                    "views: lensiam is simsiam with physics views; for augmented ones give method: simsiam"
                )
            values = {"views": "physics"} | values
        return values


class SimCLRSettings(Encoder):
    """SimCLR: NT-Xent between two views of each system."""

    method: Literal["simclr"] = key("views of a system attract, those of others repel (NT-Xent)")
    hidden_dim: int = key("width of the projector's hidden layer", default=512, ge=2)
    projection_dim: int = key("width of the projection", default=128, ge=2)
    projector_norm: bool = key("batch norms in the projector", default=True)
    temperature: float = key("NT-Xent temperature", default=0.1, gt=0)
    negatives: Literal["all", "cross_view"] = key(
        "what a view repels: both views of all other systems, or only their other view", default="all"
    )


class ContrastSettings(SimCLRSettings):
    """An image against itself, turned or made noisy: NT-Xent with a pretext on the second view, or on both."""

    method: Literal["rotation", "noise"] = key("the pretext: a view turned by up to 180 degrees, or with noise added")
    both_views: bool = key("the pretext changes both views; false: the first is the image as it is", default=False)

    @model_validator(mode="before")
    @classmethod
    def only_the_pretext(cls, values):
        if isinstance(values, dict) and isinstance(values.get("augment", {}), dict):
            pretext = {"rotate": 180.0} if values.get("method") == "rotation" else {"noise": 0.1}
            values = values | {"augment": _ALONE | pretext | values.get("augment", {})}
        return values


class VICRegSettings(Encoder):
    """VICReg: views agree, features keep their variance and do not repeat each other."""

    method: Literal["vicreg"] = key("invariance, variance and covariance of the projections")
    hidden_dim: int = key("width of the projector's hidden layers", default=512, ge=2)
    projection_dim: int = key("width of the projection", default=512, ge=2)
    invariance: float = key("weight of the views' distance", default=25.0, gt=0)
    variance: float = key("weight of the hinge on each feature's standard deviation", default=25.0, ge=0)
    covariance: float = key("weight of the squared covariances of different features", default=1.0, ge=0)


class BarlowTwinsSettings(Encoder):
    """Barlow Twins: the cross-correlation of two views' projections becomes the identity."""

    method: Literal["barlow"] = key("the cross-correlation of the views becomes the identity")
    hidden_dim: int = key("width of the projector's hidden layers", default=512, ge=2)
    projection_dim: int = key("width of the projection", default=512, ge=2)
    redundancy: float = key("weight of what is off the diagonal", default=5e-3, gt=0)


class BYOLSettings(Encoder):
    """BYOL: a student predicts what a slowly following teacher says of the other view."""

    method: Literal["byol"] = key("a student predicts its slow teacher's projection of the other view")
    hidden_dim: int = key("width of the hidden layers of projector and predictor", default=512, ge=2)
    projection_dim: int = key("width of the projection", default=128, ge=2)
    momentum: float = key("of the teacher at the start", default=0.99, gt=0, lt=1)
    momentum_final: float = key("of the teacher at the end, to which it goes with a cosine", default=1.0, gt=0, le=1)


class MultiCrop(Section):
    """Further, smaller views for the student alone."""

    views: int = key("local views of each system; 0: none", "views", 0, ge=0)
    area: tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, le=1)]] = key(
        "area of the image that a local view shows", "-", (0.05, 0.14)
    )
    size: int = key("its size", "pixels", 24, ge=8)

    @model_validator(mode="after")
    def area_is_in_order(self):
        if not self.area[0] <= self.area[1]:
            raise ValueError("area: the lowest value must not be above the highest")
        return self


class DINOSettings(Encoder):
    """DINO: the student's distribution over prototypes follows its centred, sharpened teacher's."""

    method: Literal["dino"] = key("self-distillation over prototypes, with a centred and sharpened teacher")
    hidden_dim: int = key("width of the head's hidden layers", default=512, ge=2)
    bottleneck_dim: int = key("width before the prototypes", default=128, ge=2)
    prototypes: int = key("width of the head's output", default=1024, ge=2)
    head_norm: bool = key("batch norms in the head", default=False)
    momentum: float = key("of the teacher at the start", default=0.99, gt=0, lt=1)
    momentum_final: float = key("of the teacher at the end, to which it goes with a cosine", default=1.0, gt=0, le=1)
    student_temperature: float = key("of the student's softmax", default=0.1, gt=0)
    teacher_temperature: float = key("of the teacher's softmax, after the warm-up", default=0.04, gt=0)
    teacher_temperature_start: float = key("of the teacher's softmax at the start", default=0.04, gt=0)
    teacher_warmup: int = key("steps in which the teacher's temperature rises linearly", "steps", 0, ge=0)
    freeze_last: int = key("steps in which the prototypes stay as they are", "steps", 0, ge=0)
    center_momentum: float = key("of the centre of the teacher's outputs", default=0.9, ge=0, lt=1)
    local: MultiCrop = key("local views; with views: physics there are none", default=MultiCrop())
    kept: Literal["teacher", "student"] = key("which network becomes the encoder", default="teacher")


class IBOTSettings(DINOSettings):
    """iBOT: DINO on views, and between masked patches of the student and the teacher's whole view. Needs a ViT."""

    method: Literal["ibot"] = key("DINO on images and on masked patches; needs a ViT")
    mask_ratio: float = key("largest share of masked patches", default=0.3, gt=0, lt=1)
    mask_spread: bool = key("any number of patches up to mask_ratio is masked; false: always as many", default=True)
    mask_probability: float = key("share of the views that are masked", default=0.5, gt=0, le=1)
    patch_temperature: float | None = key(
        "of the teacher's softmax of patches, after teacher_warmup; empty: as of views", "-", None, gt=0
    )
    patch_temperature_start: float | None = key(
        "of the teacher's softmax of patches at the start; empty: patch_temperature", "-", None, gt=0
    )

    @model_validator(mode="after")
    def patches_have_a_temperature(self):
        if self.patch_temperature is None and self.patch_temperature_start is not None:
            raise ValueError("patch_temperature_start: goes on to a patch_temperature, which is missing")
        return self


class MAESettings(Encoder):
    """Masked autoencoder. With physics views the target is the other view of the same lens. Needs a ViT."""

    method: Literal["mae"] = key("masked patches are reconstructed; needs a ViT")
    mask_ratio: float = key("share of masked patches", default=0.75, gt=0, lt=1)
    norm_pix: bool = key("each target patch with mean 0 and standard deviation 1", default=True)
    masked_weight: float = key("weight of the error on masked patches", default=1.0, gt=0)
    unmasked_weight: float = key("weight of the error on visible patches", default=0.0, ge=0)
    decoder_dim: int = key("width of the decoder", default=128, ge=8)
    decoder_depth: int = key("blocks of the decoder", default=2, ge=1)
    decoder_heads: int = key("attention heads of the decoder", default=4, ge=1)

    @model_validator(mode="after")
    def target_lies_where_the_input_does(self):
        moving = [name for name in ("crop", "flip", "rot90", "rotate", "shift") if getattr(self.augment, name)]
        if self.views == "both" and moving:
            raise ValueError(
                f"views: with both, the target is another view than the input, and {', '.join(moving)} of augment "
                "would move each on its own; expected these to be off (null, false or 0)"
            )
        return self

    @model_validator(mode="after")
    def decoder_has_whole_heads(self):
        if self.decoder_dim % 4 or self.decoder_dim % self.decoder_heads:
            raise ValueError(
                f"decoder_dim: {self.decoder_dim} should be a multiple of 4 and of decoder_heads {self.decoder_heads}"
            )
        return self


class SupervisedSettings(Encoder):
    """Regression of the evaluation's targets on the stream: labels without end."""

    method: Literal["supervised"] = key("regression of the simulated parameters")
    views: Literal["physics"] = key("as simulated: an augmented image would not fit its labels", "-", "physics")
    posterior: Literal["gaussian", "flow"] | None = key(
        "learn the posterior of all targets together, normal or by a flow, by its likelihood; empty: the mean, by the "
        "squared error. Of a regression only",
        "-",
        None,
    )


AnyEncoder = Annotated[
    SimSiamSettings
    | SimCLRSettings
    | ContrastSettings
    | VICRegSettings
    | BarlowTwinsSettings
    | BYOLSettings
    | DINOSettings
    | IBOTSettings
    | MAESettings
    | SupervisedSettings,
    Field(discriminator="method"),
]
