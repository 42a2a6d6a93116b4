"""Settings of the training: which encoders, on which images, how long."""

import re
from typing import Literal

from pydantic import model_validator

from .encoder import Augment, Backbone, check_final_rate
from .keys import Section, key
from .methods import AnyEncoder

BASELINES = ("random", "supervised", "limit", "bicubic")  # what stands beside the encoders in every result


class Folder(Section):
    """Images from files instead of the stream."""

    path: str = key(
        "a dataset of `lenstream simulate`, a folder of .npy, .npz and FITS images, or a Zarr group; sub-folders are "
        "classes"
    )
    size: int | None = key("pixels that are cut from the centre; empty: the whole image", "pixels", None, ge=8)


class Pretrain(Section):
    """Training from the stream, or from images in files."""

    data: Folder | None = key(
        "images from files, such as a dataset of `lenstream simulate`; empty: the stream of `simulate`", "-", None
    )
    bands: list[str] | None = key(
        "bands of `simulate.bands`, or of the images in files, that the network sees, in this order; they share a "
        "pixel grid; empty: all",
        "-",
        None,
        min_length=1,
    )
    classes: list[str] | None = key(
        "those of `simulate.classes` that encoders are trained on, as frequent among each other as there; empty: all",
        "-",
        None,
        min_length=1,
    )
    backbone: Backbone = key("the network that becomes the encoder", default=Backbone())
    encoders: dict[str, AnyEncoder] = key("the encoders to train, by name", min_length=1)
    batch_size: int = key("systems a step, over all ranks", "systems", 128, ge=2)
    accumulate: int = key(
        "parts of a batch that go through the network one after the other, to save memory", "parts", 1, ge=1
    )
    steps: int = key("optimiser steps", "steps", 700, ge=1)
    extend: int = key("steps that were added to the run (--extend)", "steps", 0, ge=0)
    precision: Literal["32-true", "bf16-mixed"] = key("arithmetic of the network", default="32-true")
    compile: bool = key("compile the backbone (torch.compile): minutes at the start, faster steps", default=False)
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = key("where the network runs", default="auto")
    render_threads: int = key("threads that render ahead on a CPU", "threads", 1, ge=1, le=256)
    checkpoint_every: int = key("steps between checkpoints", "steps", 100, ge=1)
    log_every: int = key("steps between log lines", "steps", 20, ge=1)
    probe_every: int = key("steps between probes (ridge and kNN on 500 labelled images); 0: never", "steps", 0, ge=0)

    def steps_of(self, name):
        """Optimiser steps of an encoder's whole training."""
        return (self.encoders[name].steps or self.steps) + self.extend

    @model_validator(mode="after")
    def names_are_free(self):
        for name in self.encoders:
            if name in BASELINES:
                raise ValueError(f"encoders.{name}: {name} is the name of a baseline, give the encoder another")
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
                raise ValueError(f'encoders: "{name}" names a folder, so give letters, digits, ".", "_" and "-" only')
            if len(name) > 100:
                raise ValueError(
                    f"encoders.{name[:40]}...: it names files, so give 100 letters at most, not {len(name)}"
                )
        return self


class Finetune(Section):
    """Training all weights on labelled lenses."""

    epochs: int = key("passes through the labels", "epochs", 10, ge=1)
    min_steps: int = key("steps at least, when labels are few", "steps", 40, ge=1)
    batch_size: int = key("labelled images a step", "images", 64, ge=2)
    optimizer: Literal["adam", "adamw"] = key("optimiser", default="adamw")
    lr: float = key("peak learning rate", default=4e-3, gt=0)
    lr_final: float = key("learning rate at the end of the cosine, and the lowest of the plateau", default=0.0, ge=0)
    schedule: Literal["cosine", "plateau", "constant"] = key(
        "of the learning rate: cosine after a rise; plateau: a tenth whenever the loss of the validation part has not "
        "fallen for 5 epochs; the same throughout",
        default="cosine",
    )
    patience: int | None = key(
        "epochs without a lower loss of the validation part after which the training ends; the weights of the lowest "
        "are kept; empty: all epochs, and the last weights",
        "epochs",
        None,
        ge=1,
    )
    weight_decay: float = key("decay of weights", default=1e-2, ge=0)
    augment: Augment | None = key(
        "how training images are changed, such as {crop: null}; empty: as they are", "-", None
    )

    @model_validator(mode="after")
    def the_rate_falls(self):
        check_final_rate(self)
        return self

    @property
    def validates(self):
        """Whether a validation part is needed."""
        return self.patience is not None or self.schedule == "plateau"
