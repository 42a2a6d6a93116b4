"""Settings that every encoder has, whatever its method: the network, the views and the optimiser."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .keys import Section, key

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class Backbone(Section):
    """The network, from timm."""

    name: str = key("timm model name", default="test_resnet")
    options: dict[str, object] = key("further arguments of timm.create_model", default={})
    stem: Literal["as_timm", "small"] = key(
        "small: a ResNet's first layer with stride 1 and no pooling, for images below 64 pixels (20 times the work)",
        default="as_timm",
    )
    weights: str | None = key("'pretrained' (timm's own weights) or a safetensors file to start from", "-", None)
    bin: int = key(
        "pixels along an edge of the blocks whose mean is a pixel of the network, before all else", "pixels", 1, ge=1
    )
    normalize: Literal["asinh", "asinh_peak", "zscore", "minmax"] = key(
        "what pixels become: asinh(flux / noise); asinh(flux / 5 % of the image's peak); (flux - mean) / standard "
        "deviation of the data, band by band; each image and band to 0...1",
        default="asinh",
    )


class Augment(Section):
    """What happens to an image to make a view of it; every image gets its own. A null or 0 leaves a step out."""

    crop: tuple[Fraction, Fraction] | None = key(
        "area of the random part that is resized to the full image", "-", (0.2, 1.0)
    )
    flip: bool = key("mirrored along each axis, half of the time", default=True)
    rot90: bool = key("turned by 0, 90, 180 or 270 degrees", default=False)
    rotate: float = key("turned by up to this angle, either way", "deg", 0.0, ge=0, le=180)
    shift: float = key(
        "moved along each axis by up to this share of its edge, by whole pixels; what is missing is mirrored",
        default=0.0,
        ge=0,
        le=1,
    )
    brightness: float = key("largest relative change of flux", default=0.4, ge=0, le=1)
    brightness_probability: Fraction = key("share of images whose flux changes", default=0.8)
    blur: tuple[Positive, Positive] | None = key(
        "standard deviation of a Gaussian blur, lowest and highest", "pixels", (0.1, 1.0)
    )
    blur_probability: tuple[Fraction, Fraction, Fraction] = key(
        "share of images that are blurred: in the first view, in the second, in local ones", "-", (0.5, 0.5, 0.5)
    )
    noise: float = key(
        "standard deviation of Gaussian noise, over the image's highest minus lowest value", "-", 0.0, ge=0
    )
    solarise: float = key(
        "share of images whose brightest pixels, above half of the peak, are turned over", "-", 0.0, ge=0, le=1
    )

    @model_validator(mode="after")
    def ranges_are_in_order(self):
        for name in ("crop", "blur"):
            value = getattr(self, name)
            if value is not None and not 0 < value[0] <= value[1]:
                raise ValueError(f"{name}: the lowest value must be above 0 and not above the highest")
        return self


class PlateauSettings(Section):
    """When the learning rate is lowered, as the training loss stands still."""

    every: int = key("steps whose mean loss is compared with the lowest mean so far", "steps", 100, ge=1)
    patience: int = key("means in a row that may be no lower, before the learning rate is", "-", 10, ge=0)
    factor: float = key("the learning rate is multiplied by it", default=0.1, gt=0, lt=1)


def check_final_rate(settings):
    """Raise ValueError unless a schedule goes down to its `lr_final`. settings: with lr, lr_final and schedule."""
    if settings.lr_final > settings.lr:
        raise ValueError(f"lr_final {settings.lr_final:g} is above lr {settings.lr:g}; expected a lower one")
    if settings.schedule == "constant" and settings.lr_final not in (0, settings.lr):
        raise ValueError("lr_final: with schedule: constant the learning rate stays at lr")


class Encoder(Section):
    """One pre-training, whatever its method."""

    views: Literal["physics", "augment", "both"] = key(
        "physics: the same lens, simulated again; augment: one image, changed; both: one, then the other",
        default="augment",
    )
    redraw: list[Literal["source", "noise", "psf", "lens_light"]] = key(
        "what differs between physics views", default=["source", "noise"], min_length=1
    )
    augment: Augment = key("how augmented views are made", default=Augment())
    backbone: Backbone | None = key("a network of its own; empty: that of `pretrain`", "-", None)
    steps: int | None = key("optimiser steps of its own; empty: those of `pretrain`", "steps", None, ge=1)
    optimizer: Literal["sgd", "adam", "adamw", "lars", "lamb"] = key(
        "optimiser; sgd and lars with momentum 0.9; lamb is adamw with each layer's step scaled to its weights",
        default="sgd",
    )
    betas: tuple[Fraction, Fraction] = key(
        "momentum of adam, adamw and lamb: of the gradient's mean and of its square's", "-", (0.9, 0.999)
    )
    lr: float = key("learning rate at its peak, for this batch size", default=0.05, gt=0)
    schedule: Literal["cosine", "linear", "constant", "plateau"] = key(
        "of the learning rate after its warm-up; plateau: lowered where the training loss stands still",
        default="cosine",
    )
    plateau: PlateauSettings = key("when schedule: plateau lowers the learning rate", default=PlateauSettings())
    lr_final: float = key("learning rate at the end of cosine and linear, the lowest of plateau", default=0.0, ge=0)
    weight_decay: float = key("decay of weights, not of biases, norms, tokens and positions", default=1e-4, ge=0)
    weight_decay_final: float | None = key(
        "decay of weights at the end, to which it goes with a cosine; empty: it stays", "-", None, ge=0
    )
    warmup: int = key("steps of linear warm-up before the schedule", "steps", 20, ge=0)
    clip: float | None = key("largest norm of the gradient", "-", None, gt=0)
    ema: float | None = key(
        "momentum of an average of the weights that becomes the encoder; empty: the last weights", "-", None, gt=0, lt=1
    )

    @model_validator(mode="after")
    def optimizer_has_what_it_needs(self):
        plain = {"lars": "sgd", "lamb": "adam"}.get(self.optimizer)
        if plain and self.weight_decay == 0:
            raise ValueError(
                f"weight_decay: {self.optimizer} without weight decay is plain {plain}, give a positive number"
            )
        if self.weight_decay_final is not None and self.weight_decay == 0:
            raise ValueError("weight_decay_final: goes on from a weight_decay above 0")
        if max(self.betas) == 1:
            raise ValueError(f"betas: {list(self.betas)} forget nothing; expected two numbers below 1")
        if self.betas != (0.9, 0.999) and self.optimizer in ("sgd", "lars"):
            raise ValueError(f"betas: {self.optimizer} has none; they are of adam, adamw and lamb")
        return self

    @model_validator(mode="after")
    def schedule_has_what_it_needs(self):
        check_final_rate(self)
        if self.schedule != "plateau" and self.plateau != PlateauSettings():
            raise ValueError(f"plateau: is for schedule: plateau, and the schedule is {self.schedule}")
        return self
