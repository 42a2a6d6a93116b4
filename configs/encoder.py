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
    brightness: float = key("largest relative change of flux, for 8 images of 10", default=0.4, ge=0, le=1)
    blur: tuple[Positive, Positive] | None = key(
        "standard deviation of a Gaussian blur, lowest and highest, for half of the images", "pixels", (0.1, 1.0)
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
    optimizer: Literal["sgd", "adam", "adamw", "lars"] = key("optimiser; sgd and lars with momentum 0.9", default="sgd")
    lr: float = key("learning rate at its peak, for this batch size", default=0.05, gt=0)
    lr_final: float = key("learning rate at the end of the cosine", default=0.0, ge=0)
    weight_decay: float = key("decay of weights, not of biases, norms, tokens and positions", default=1e-4, ge=0)
    warmup: int = key("steps of linear warm-up before the cosine", "steps", 20, ge=0)
    clip: float | None = key("largest norm of the gradient", "-", None, gt=0)
    ema: float | None = key(
        "momentum of an average of the weights that becomes the encoder; empty: the last weights", "-", None, gt=0, lt=1
    )

    @model_validator(mode="after")
    def lars_needs_decay(self):
        if self.optimizer == "lars" and self.weight_decay == 0:
            raise ValueError("weight_decay: lars without weight decay is plain sgd, give a positive number")
        return self
