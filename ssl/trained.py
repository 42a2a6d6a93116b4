"""A trained encoder for use outside of LenStream: a torch module that takes images as they are, with its facts."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from ..errors import ArgumentError, DataError
from ..files.whole import write_text
from . import checkpoint, timm_card
from .backbones import timm_arguments
from .seen_images import FILES


@dataclass(frozen=True)
class EncoderCard:
    """What to know of an encoder before its features are used."""

    name: str  # in its run
    backbone: str  # timm's name of the model
    options: dict  # further arguments of timm.create_model
    stem: str  # as_timm, or small: stride 1 and no pooling
    num_features: int
    num_parameters: int
    bands: tuple[str, ...]  # in the order of the images' channels; "" for one without a name
    num_pix: int | None  # along an edge of the images; None if any will do
    pixel_scale: float | None  # [arcsec]; None if it is not known
    units: str  # of the images
    normalisation: dict  # scaling, bin (pixels), and noise, mean and std of each band in these units, once binned
    method: str  # of the training
    views: str  # what the views of a system were: physics, augment or both
    redraw: tuple[str, ...]  # what was drawn anew for physics views
    steps: int  # of the optimiser
    batch_size: int
    data: str  # what it was trained on
    kind: str  # of that: one of those in `seen_images`
    started_from: str  # random weights, weights of timm, or weights of a file
    recipe: str  # name of the config
    run: str  # folder
    seed: int
    versions: dict  # of Python and packages, at the training

    @property
    def is_simulated(self) -> bool:
        """Whether it was trained on systems of the simulator, from its stream or from a dataset."""
        return self.kind != FILES

    def __str__(self) -> str:
        bands = ", ".join(filter(None, self.bands)) or f"{len(self.bands)} without a name"
        size = "any size" if self.num_pix is None else f"{self.num_pix} x {self.num_pix} pixels"
        scale = "an unknown scale" if self.pixel_scale is None else f'{self.pixel_scale:g}"'
        views = f"{self.views}, {' and '.join(self.redraw)} drawn anew" if self.redraw else self.views
        version = self.versions.get("lenstream", "of unknown version")
        rows = {
            "backbone": f"{self.backbone} of timm, {self.num_parameters:,} parameters, {self.num_features} features",
            "images": f"{size} of {scale}, in {self.units}; bands: {bands}",
            "normalised": f"{timm_card.normalised(self)}, inside",
            "training": f"{self.method}, {self.steps:,} steps of {self.batch_size} systems; views: {views}",
            "data": self.data,
            "from": f"{self.run} (recipe {self.recipe}, seed {self.seed}, LenStream {version})",
        }
        return "\n".join([f"encoder {self.name}", *(f"  {title:<11}{text}" for title, text in rows.items())])


class TrainedEncoder(nn.Module):
    """An encoder with its `card`, ready for images as they come: the normalisation is inside.

    Forward: float tensor (n, bands, num_pix, num_pix) in the card's units, NaN where a pixel is lost, to features
    float32 (n, d). Raises: ArgumentError for images of another shape or kind, or on another device.
    """

    def __init__(self, network: nn.Module, card: EncoderCard) -> None:
        super().__init__()
        self.network, self.card = network, card

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self._check(images)
        return self.network(images)

    @property
    def num_features(self) -> int:
        """Width of the features."""
        return self.card.num_features

    @property
    def normalize(self) -> nn.Module:
        """What images go through before they reach the backbone."""
        return self.network.normalize

    def to_timm(self, path: str | Path) -> Path:
        """Write the backbone alone under timm's names, with its config for timm beside it.

        Args: path: of a folder, which gets model.safetensors, config.json and README.md, a card for Hugging Face, or of
            a file that ends in .safetensors, beside which its config lies as .json.

        Returns: the path of the weights. ``timm.create_model(card.backbone, checkpoint_path=..., **model_args)`` takes
        them, with `model_args` of the config, and ``timm.create_model("local-dir:FOLDER", pretrained=True)`` a folder.
        timm does not know the normalisation, which the config has under `lenstream`: the backbone's images are those
        of `normalize`.

        Raises: ArgumentError for a backbone with a small stem, which timm does not have; DataError if nothing can be
        written there.
        """
        if self.card.stem != "as_timm":
            raise ArgumentError(
                f"{self.card.name}: timm has no {self.card.backbone} with the stem {self.card.stem}; expected an "
                "encoder of pretrain.backbone.stem: as_timm"
            )
        path = Path(path)
        is_file = path.suffix == ".safetensors"
        weights, config = (
            (path, path.with_suffix(".json")) if is_file else (path / "model.safetensors", path / "config.json")
        )
        try:
            weights.parent.mkdir(parents=True, exist_ok=True)
            checkpoint.save(weights, self.network.backbone.state_dict())
            write_text(config, json.dumps(self._timm_config(), indent=2) + "\n")
            if not is_file:
                write_text(path / "README.md", timm_card.card(self.card))
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None
        return weights

    def _timm_config(self):
        """timm's own format of a model's config; its normalisation is left as it is, and ours comes beside it."""
        card = self.card
        pixels = card.num_pix and card.num_pix // card.normalisation["bin"]
        arguments = timm_arguments(card.backbone, card.options, len(card.bands), pixels)
        if arguments.get("dynamic_img_pad"):  # or timm takes no images but those that are padded already
            arguments["dynamic_img_size"] = True
        size = pixels or self.network.backbone.pretrained_cfg.get("input_size", (3, 224, 224))[-1]
        return {
            "architecture": card.backbone,
            "num_classes": 0,
            "num_features": card.num_features,
            "pretrained_cfg": {"num_classes": 0, "input_size": [len(card.bands), size, size]},
            "model_args": arguments,
            "lenstream": asdict(card),
        }

    def _check(self, images):
        bands, size = len(self.card.bands), self.card.num_pix
        expected = f"(n, {bands}, {size or 'height'}, {size or 'width'})"
        if not isinstance(images, torch.Tensor):
            what = "torch.from_numpy makes one of an array" if hasattr(images, "__array__") else type(images).__name__
            raise ArgumentError(f"images: expected a tensor {expected}, got no tensor ({what})")
        if images.ndim != 4 or images.shape[1] != bands or (size and tuple(images.shape[2:]) != (size, size)):
            raise ArgumentError(f"images: expected {expected} for {self.card.name}, got {tuple(images.shape)}")
        if images.is_complex() or images.dtype == torch.bool:
            raise ArgumentError(f"images: expected real numbers in {self.card.units}, got {images.dtype}")
        here = next(self.network.parameters()).device
        if images.device != here:
            raise ArgumentError(
                f"images: the encoder is on {here} and they are on {images.device}; expected one device"
            )

    def __repr__(self) -> str:
        return str(self.card)
