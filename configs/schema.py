"""Every setting of LenStream: typed, with its unit and its meaning, strict about names and ranges.

Parameters of lenses and galaxies carry lenstronomy's names and take a number or a distribution (`keys.Distribution`).
"""

from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from ..errors import nearest
from .follow import check_follow
from .keys import Section, key
from .observation import Image, Observation
from .profiles import Deflector, Light
from .selection import Selection
from .substructure import Cosmology, Substructure


class Simulation(Section):
    """What a simulated lens is made of."""

    image: Image = key("the pixel grid")
    cosmology: Cosmology = key("redshifts and distances, for masses and for galaxies at_redshift", default=Cosmology())
    classes: dict[str, Annotated[float, Field(gt=0)]] = key(
        "classes of systems and how frequent they are; components say with `only` where they occur", "-", {}
    )
    lens_mass: list[Deflector] = key("deflectors", min_length=1)
    substructure: list[Substructure] = key("dark subhalos of the first deflector", default=[])
    source: list[Light] = key("the lensed galaxy, drawn anew for every view", min_length=1)
    lens_light: list[Light] = key("light in front, not lensed", default=[])
    observation: Observation = key("instrument, noise and PSF")
    bands: dict[str, dict[str, object]] = key(
        "several bands by name, each with the keys of `observation` that are different in it", default={}
    )
    selection: Selection | None = key("which systems are kept; empty: all", "-", None)

    @model_validator(mode="after")
    def names_are_known(self):
        problems = [problem.removeprefix("simulate.") for problem in check_follow(self)]
        for group in ("lens_mass", "substructure", "source", "lens_light"):
            for k, component in enumerate(getattr(self, group)):
                for name in component.only or ():
                    if name not in self.classes:
                        problems.append(f'{group}.{k}.only: no class "{name}".{nearest(name, self.classes)}')
                for name in getattr(component, "colors", ()):
                    if name not in list(self.bands)[1:]:
                        problems.append(f'{group}.{k}.colors: no band "{name}" after the first')
        if self.substructure and "theta_E" not in type(self.lens_mass[0]).model_fields:
            problems.append("substructure belongs to the first of lens_mass, which needs a theta_E")
        if problems:
            raise ValueError("; ".join(problems))
        self.band_observations()
        return self

    def band_observations(self):
        """The `Observation` of each band, by name; one without a name if there are no bands."""
        if not self.bands:
            return {"": self.observation}
        common, out = self.observation.model_dump(exclude_unset=True), {}
        for name, changes in self.bands.items():
            try:
                out[name] = Observation.model_validate(common | changes)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(p) for p in first["loc"])
                raise ValueError(f"bands.{name}.{where}: {first['msg']}") from None
        return out


class Backbone(Section):
    """The network, from timm."""

    name: str = key("timm model name", default="test_resnet")
    options: dict[str, object] = key("further arguments of timm.create_model", default={})
    weights: str | None = key("'pretrained' (timm's own weights) or a safetensors file to start from", "-", None)


class Encoder(Section):
    """One self-supervised pre-training."""

    method: Literal["lensiam", "simsiam", "lensimclr", "supervised"] = key("what is learnt from the views")
    optimizer: Literal["sgd", "adamw"] = key("optimiser", default="sgd")
    lr: float = key("learning rate at its peak, for this batch size", default=0.05, gt=0)
    weight_decay: float = key("decay of weights, not of biases and norms", default=1e-4, ge=0)
    warmup: int = key("steps of linear warm-up before the cosine", "steps", 20, ge=0)
    projection_dim: int = key("width of the projection", default=512, ge=2)
    hidden_dim: int = key("width of the projector's hidden layers", default=512, ge=2)
    prediction_dim: int = key("bottleneck of the SimSiam predictor", default=128, ge=2)
    temperature: float = key("NT-Xent temperature", default=0.1, gt=0)
    redraw: list[Literal["source", "noise", "psf", "lens_light"]] = key(
        "what differs between physics views", default=["source", "noise"], min_length=1
    )


class Pretrain(Section):
    """Training from the stream."""

    backbone: Backbone = key("the network that becomes the encoder", default=Backbone())
    encoders: dict[str, Encoder] = key("the encoders to train, by name", min_length=1)
    batch_size: int = key("systems a step, over all ranks", "systems", 128, ge=2)
    steps: int = key("optimiser steps", "steps", 700, ge=1)
    precision: Literal["32-true", "bf16-mixed"] = key("arithmetic of the network", default="32-true")
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = key("where the network runs", default="auto")
    render_threads: int = key("threads that render ahead on a CPU", "threads", 1, ge=1, le=256)
    checkpoint_every: int = key("steps between checkpoints", "steps", 100, ge=1)
    log_every: int = key("steps between log lines", "steps", 20, ge=1)


class Finetune(Section):
    """Training all weights on labelled lenses."""

    epochs: int = key("passes through the labels", "epochs", 10, ge=1)
    min_steps: int = key("steps at least, when labels are few", "steps", 40, ge=1)
    batch_size: int = key("labelled images a step", "images", 64, ge=2)
    lr: float = key("peak learning rate (AdamW)", default=4e-3, gt=0)
    weight_decay: float = key("decay of weights", default=1e-2, ge=0)


class Evaluate(Section):
    """How encoders are judged."""

    targets: list[str] = key("lens parameters to recover", default=["theta_E", "e1", "e2", "gamma"], min_length=1)
    n_labels: list[Annotated[int, Field(ge=10)]] = key(
        "numbers of labelled lenses", "lenses", [100, 300, 1000], min_length=1
    )
    seeds: int = key("repetitions with other labelled lenses", "repetitions", 3, ge=1)
    n_test: int = key("test lenses", "lenses", 1000, ge=20)
    protocols: list[Literal["ridge", "finetune"]] = key("frozen ridge, fine-tuning", default=["ridge", "finetune"])
    finetune: Finetune = key("fine-tuning and supervised training from scratch", default=Finetune())
    limit: bool = key("compute the information limit", default=True)
    umap: bool = key("draw the UMAP of features", default=True)


class RealLenses(Section):
    """Real lenses to predict at the end of a run."""

    images: str | None = key("folder of FITS cut-outs; empty: none", "-", None)
    catalogue: str | None = key("CSV with published values; empty: none", "-", None)
    pixel_scale: float | None = key("pixel of the cut-outs; empty: read from their headers", "arcsec", None, gt=0)


class Config(Section):
    """One experiment."""

    mode: str | None = key("which of the recipe's modes this is, if it has any", "-", None)
    name: str = key("name of the run and of its folder under runs/", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    seed: int = key("decides every random number", default=0, ge=0, lt=2**32)
    simulate: Simulation = key("from an index to a noisy image")
    pretrain: Pretrain | None = key("from views to encoders", "-", None)
    evaluate: Evaluate = key("from encoders to numbers about the lens", default=Evaluate())
    real_lenses: RealLenses = key("real lenses to predict", default=RealLenses())
