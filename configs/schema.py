"""Every setting of LenStream: typed, with its unit and its meaning, strict about names and ranges.

A unit of "-" means a pure number or a word. Parameters of lenses and galaxies carry lenstronomy's names and take a
number or a distribution (see `Distribution`).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from ..simulate.numerics import MAX_ELLIPTICITY


def key(meaning, unit="-", default=..., **limits):
    """A setting with its one-line meaning and its unit."""
    if isinstance(default, (list, dict, BaseModel)):
        limits["default_factory"] = lambda: default.copy() if isinstance(default, (list, dict)) else default
    else:
        limits["default"] = default
    return Field(description=meaning, json_schema_extra={"unit": unit}, **limits)


class Section(BaseModel):
    """A group of settings: unknown keys are errors, values cannot be changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)


def one_of(*names):
    """A validator: exactly one of the named keys is given."""

    def check(self):
        given = [n for n in names if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(names)}")
        return self

    return check


class Distribution(Section):
    """How a parameter is drawn: one of the keys below, e.g. {uniform: [0.8, 1.6]}."""

    uniform: tuple[float, float] | None = key("lowest, highest", "the parameter's", None)
    normal: tuple[float, float] | None = key("mean, standard deviation", "the parameter's", None)
    truncnormal: tuple[float, float, float, float] | None = key(
        "mean, standard deviation, lowest, highest", "the parameter's", None
    )
    loguniform: tuple[float, float] | None = key("lowest, highest, uniform in the logarithm", "the parameter's", None)
    beta: tuple[float, float, float, float] | None = key("a, b, lowest, highest", "the parameter's", None)

    exactly_one = model_validator(mode="after")(one_of("uniform", "normal", "truncnormal", "loguniform", "beta"))

    @model_validator(mode="after")
    def numbers_make_sense(self):
        kind, numbers = self.kind_and_numbers()
        if kind in ("uniform", "truncnormal", "loguniform", "beta") and not numbers[-2] < numbers[-1]:
            raise ValueError(f"{kind}: the lowest value must be below the highest")
        if kind in ("normal", "truncnormal") and not numbers[1] > 0:
            raise ValueError(f"{kind}: the standard deviation must be positive")
        if kind == "loguniform" and not numbers[0] > 0:
            raise ValueError("loguniform: the lowest value must be positive")
        if kind == "beta" and not min(numbers[:2]) > 0:
            raise ValueError("beta: a and b must be positive")
        return self

    def kind_and_numbers(self):
        """The name of the distribution and its numbers."""
        return next((k, v) for k, v in self if v is not None)

    def support(self):
        """Lowest and highest value that can be drawn."""
        kind, numbers = self.kind_and_numbers()
        return (-float("inf"), float("inf")) if kind == "normal" else tuple(numbers[-2:])


class Ellipticity(Section):
    """e1 and e2 drawn together, without a preferred direction and with a bounded axis ratio."""

    rayleigh: tuple[
        Annotated[float, Field(gt=0)],
        Annotated[float, Field(gt=0, lt=MAX_ELLIPTICITY)],
    ] = key("spread of e1 and of e2, largest |e| = (1-q)/(1+q)")


def _kind_of_number(value):
    return "distribution" if isinstance(value, (dict, Distribution)) else "number"


Parameter = Annotated[
    Annotated[float, Tag("number")] | Annotated[Distribution, Tag("distribution")],
    Discriminator(_kind_of_number),
]


def parameter(meaning, unit="-", default=..., low=-float("inf"), high=float("inf")):
    """A drawn parameter: a number or a distribution, all of it between `low` and `high`."""
    field = key(meaning, unit, default)
    field.json_schema_extra["range"] = [low, high]
    return field


def _check_ranges(section):
    """Every drawn parameter stays inside its range, whatever is drawn."""
    for name, field in type(section).model_fields.items():
        low, high = field.json_schema_extra.get("range", (None, None))
        value = getattr(section, name)
        if low is None or value is None:
            continue
        lowest, highest = value.support() if isinstance(value, Distribution) else (value, value)
        if not (low <= lowest and highest <= high):
            raise ValueError(
                f"{name} must lie between {low:g} and {high:g}, but {lowest:g} to {highest:g} is asked for"
            )
    return section


def _check_ellipticity(section):
    if section.e1_e2 is not None and (section.e1 != 0.0 or section.e2 != 0.0):
        raise ValueError("give either e1_e2 or e1 and e2, not both")
    return section


class Elliptical(Section):
    """The keys that all elliptical profiles share."""

    e1: Parameter = parameter("ellipticity along x: (1-q)/(1+q) cos 2phi", "-", 0.0)
    e2: Parameter = parameter("ellipticity along the diagonal: (1-q)/(1+q) sin 2phi", "-", 0.0)
    e1_e2: Ellipticity | None = key("e1 and e2 drawn together, instead of one by one", "-", None)
    center_x: Parameter = parameter("centre, to the right", "arcsec", 0.0)
    center_y: Parameter = parameter("centre, upwards", "arcsec", 0.0)

    ranges = model_validator(mode="after")(_check_ranges)
    ellipticity = model_validator(mode="after")(_check_ellipticity)


class EPL(Elliptical):
    """Elliptical power-law mass."""

    profile: Literal["EPL"] = key("elliptical power law")
    theta_E: Parameter = parameter("Einstein radius on the intermediate axis", "arcsec", low=0, high=100)
    gamma: Parameter = parameter(
        "logarithmic slope of the 3D mass density (2 = isothermal)", "-", 2.0, low=1.05, high=2.95
    )


class SIE(Elliptical):
    """Singular isothermal ellipsoid."""

    profile: Literal["SIE"] = key("singular isothermal ellipsoid")
    theta_E: Parameter = parameter("Einstein radius on the intermediate axis", "arcsec", low=0, high=100)


class SHEAR(Section):
    """External shear."""

    profile: Literal["SHEAR"] = key("external shear")
    gamma1: Parameter = parameter("shear along x", "-", 0.0, low=-1e9, high=1e9)
    gamma2: Parameter = parameter("shear along the diagonal", "-", 0.0, low=-1e9, high=1e9)


class SERSIC_ELLIPSE(Elliptical):
    """Elliptical Sersic light."""

    profile: Literal["SERSIC_ELLIPSE"] = key("elliptical Sersic light")
    magnitude: Parameter = parameter("total, before lensing", "AB mag")
    R_sersic: Parameter = parameter("half-light radius, product average", "arcsec", low=1e-3, high=100)
    n_sersic: Parameter = parameter("Sersic index", "-", 1.0, low=0.3, high=8)


class INTERPOL(Section):
    """A galaxy image as light."""

    profile: Literal["INTERPOL"] = key("an image of a galaxy")
    catalogue: str = key("'procedural' for made-up galaxies, or a GalSim COSMOS catalogue file", default="procedural")
    n_galaxies: int = key("galaxies to make, or to read at most", "galaxies", 512, ge=1, le=100_000)
    magnitude: Parameter | None = parameter("total, before lensing; empty: the catalogue's own", "AB mag", None)
    R_half: Parameter | None = parameter(
        "half-light radius to scale to; empty: the catalogue's own pixel scale", "arcsec", None, low=1e-3, high=100
    )
    phi_G: Parameter = parameter("rotation of the image", "rad", Distribution(uniform=(0.0, 6.283185307179586)))
    center_x: Parameter = parameter("centre, to the right", "arcsec", 0.0)
    center_y: Parameter = parameter("centre, upwards", "arcsec", 0.0)

    ranges = model_validator(mode="after")(_check_ranges)


Deflector = Annotated[EPL | SIE | SHEAR, Field(discriminator="profile")]
Light = Annotated[SERSIC_ELLIPSE | INTERPOL, Field(discriminator="profile")]


class Image(Section):
    """The pixel grid."""

    num_pix: int = key("pixels on a side", "pixels", ge=4, le=4096)
    pixel_scale: float | None = key("size of a pixel; empty: the instrument's", "arcsec", None, gt=0, le=100)
    rays: int = key("rays along a side of a pixel (2 means 4 rays a pixel)", "rays", 2, ge=1, le=32)


class PSF(Section):
    """The point-spread function."""

    kind: Literal["gaussian", "pixel", "none"] = key("gaussian (edge pixels repeated), pixel (a kernel) or none")
    fwhm: Parameter | None = parameter("full width at half maximum, for gaussian", "arcsec", None, low=1e-6, high=100)
    truncation: float = key("radius at which the Gaussian is cut", "sigma", 5.0, gt=0, le=20)
    file: str | None = key("FITS file with the kernel at the image's pixel scale, for pixel", "-", None)
    size: int | None = key("side to which the kernel is cut, odd; empty: as in the file", "pixels", None, ge=1)

    ranges = model_validator(mode="after")(_check_ranges)

    @model_validator(mode="after")
    def kind_has_its_keys(self):
        if self.kind == "pixel" and self.file is None:
            raise ValueError("a pixel PSF needs the key file")
        if self.size is not None and self.size % 2 == 0:
            raise ValueError(f"size must be odd, so that the kernel has a central pixel; got {self.size}")
        return self


class Observation(Section):
    """How the sky becomes counts: an instrument by name, with any of its numbers replaced."""

    instrument: str | None = key(
        "lenstronomy's instrument and band, e.g. HST/WFC3_F160W, Euclid/VIS, LSST/i; empty: the keys below", "-", None
    )
    exposure_time: float | None = key("one exposure", "s", None, gt=0)
    num_exposures: int | None = key("exposures that are added", "exposures", None, ge=1)
    magnitude_zero_point: float | None = key("magnitude of one count per second", "AB mag", None)
    read_noise: float | None = key("rms of one read-out", "electrons", None, ge=0)
    sky_brightness: float | None = key("surface brightness of the sky", "AB mag/arcsec^2", None)
    background_noise: float | None = key("rms of the background, instead of read noise and sky", "counts/s", None, ge=0)
    noise: bool = key("add background and Poisson noise", default=True)
    psf: PSF | None = key("point-spread function; empty: the instrument's", "-", None)


class Simulation(Section):
    """What a simulated lens is made of."""

    image: Image = key("the pixel grid")
    lens_mass: list[Deflector] = key("deflectors", min_length=1)
    source: list[Light] = key("the lensed galaxy, drawn anew for every view", min_length=1)
    lens_light: list[Light] = key("light in front, not lensed", default=[])
    observation: Observation = key("instrument, noise and PSF")


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

    name: str = key("name of the run and of its folder under runs/", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    seed: int = key("decides every random number", default=0, ge=0, lt=2**32)
    simulate: Simulation = key("from an index to a noisy image")
    pretrain: Pretrain | None = key("from views to encoders", "-", None)
    evaluate: Evaluate = key("from encoders to numbers about the lens", default=Evaluate())
    real_lenses: RealLenses = key("real lenses to predict", default=RealLenses())
