"""The recipes in one line each: what for, on which instrument, with which network, for how long; grouped by job."""

import re
import textwrap
from typing import NamedTuple

from .load import load
from .recipes import available, opening_comment, reproductions
from .reproduction import read
from .schema import Config

JOBS = (  # what a recipe is for follows from the sections that it has
    "Pre-train encoders, judge them, write a report: lenstream run NAME",
    "Pre-train encoders of a published system: lenstream pretrain NAME",
    "Simulate lenses: lenstream preview NAME, or the stream in Python",
    "Reproduce a published system, its numbers beside ours: lenstream run NAME [data=PATH] [--scale small]",
)
CPU, GPU = 1e11, 3e13  # operations a second, of two cores and of a data centre's GPU; for rough costs only
PATIENCE = 3600  # seconds of a CPU beyond which the cost is given for a GPU
_MULTIPLY_ADDS = {  # of networks of timm for an image of so many pixels on a side
    "test_resnet": (1.0e8, 160),
    "test_vit": (3.0e7, 160),
    "resnet18": (1.8e9, 224),
    "resnet34": (3.7e9, 224),
    "resnet50": (4.1e9, 224),
    "resnet101": (7.8e9, 224),
    "resnext50_32x4d": (4.3e9, 224),
    "vit_tiny_patch16_224": (1.1e9, 224),
    "vit_small_patch16_224": (4.2e9, 224),
    "vit_base_patch16_224": (16.8e9, 224),
}
_PATCH = re.compile(r"patch(\d+)")
_WIDTHS = {"vit_tiny": 192, "vit_small": 384, "vit_base": 768}  # of ViTs, which are 12 blocks deep


class Line(NamedTuple):
    """What the table says of a recipe."""

    name: str
    instrument: str
    image: str
    network: str
    steps: str
    cost: str
    about: str


def about(name: str) -> str:
    """The first sentence of the comment that a recipe's file begins with."""
    first = re.split(r"(?<=[\w)])[.;] |(?<=[?!]) ", f"{opening_comment(name)} ", maxsplit=1)[0].strip().rstrip(".")
    return first if first.endswith(("?", "!")) else f"{first}."


def table(width: int | None = None) -> str:
    """All recipes as text, below the job that they are for: one line each, or several where width is less."""
    groups: dict[str, list[Line]] = {job: [] for job in JOBS}
    for name in available():
        config = load(name)
        groups[_job(config)].append(_line(name, config))
    groups[JOBS[3]] = [_line_of_runs(name) for name in reproductions()]
    groups = {job: lines for job, lines in groups.items() if lines}
    rows = [line for lines in groups.values() for line in lines]
    head = Line("recipe", "instrument", "pixels", "network", "steps", "rough cost", "what it is")
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]

    def shown(line: Line) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()

    if width is not None and max(len(shown(row)) for row in rows) > width:
        return _narrow(groups, width)
    text = [shown(head)]
    for job, lines in groups.items():
        text += ["", job, *map(shown, sorted(lines, key=lambda line: line.name))]
    return "\n".join(text) + "\n"


def _narrow(groups: dict[str, list[Line]], width: int) -> str:
    """The same with what a recipe is, and its facts, in lines of their own below its name."""
    text, width = [], max(width, 24)
    for job, lines in groups.items():
        text += [*textwrap.wrap(job, width), ""]
        for line in sorted(lines, key=lambda line: line.name):
            steps = f"{line.steps} steps" if line.steps else ""
            pixels = f"{line.image} pixels" if line.image else ""
            facts = ", ".join(filter(None, [line.instrument, pixels, line.network, steps, line.cost]))
            below = [
                row for words in (line.about, facts) for row in textwrap.wrap(words, width - 4, break_on_hyphens=False)
            ]
            text += [line.name, *(f"    {row}" for row in below)]
        text.append("")
    return "\n".join(text[:-1]) + "\n"


def _job(config: Config) -> str:
    return JOBS[2] if config.pretrain is None else JOBS[0] if config.evaluate is not None else JOBS[1]


def _line(name: str, config: Config) -> Line:
    simulate = config.simulate
    if simulate is None:  # it trains on images of its own
        return Line(name, "", "", *_training(config), about(name))
    observations = simulate.band_observations()
    instruments = dict.fromkeys(o.instrument for o in observations.values() if o.instrument)
    bands = f", {len(observations)} bands" if len(observations) > 1 else ""
    image = f"{simulate.image.num_pix}" + (f" x {len(observations)}" if len(observations) > 1 else "")
    instrument = (next(iter(instruments), "") or "own numbers") + (bands if len(instruments) <= 1 else "")
    if len(instruments) > 1:
        instrument = f"{_telescope(instruments)}, {len(observations)} bands"
    return Line(name, instrument, image, *_training(config), about(name))


def _line_of_runs(name: str) -> Line:
    runs = read(name).runs
    return Line(name, "", "", f"{len(runs)} run{'s' if len(runs) > 1 else ''}", "", "", about(name))


def _training(config: Config) -> tuple[str, str, str]:
    """Network, steps and rough cost of the pre-training of a config; empty without one."""
    pre = config.pretrain
    if pre is None:
        return "", "", ""
    networks = list(dict.fromkeys((e.backbone or pre.backbone).name for e in pre.encoders.values()))
    several = f"{len(pre.encoders)} x " if len(pre.encoders) > 1 else ""
    network = several + (networks[0] if len(networks) == 1 else ", ".join(networks))
    return network, f"{pre.steps:,}", _cost(config)


def _telescope(instruments) -> str:
    return "/".join(dict.fromkeys(name.partition("/")[0] for name in instruments))


def _cost(config: Config) -> str:
    """The time of pre-training, from the networks' operations: "~ 3 min CPU"; empty for a network that is not known."""
    pre = config.pretrain
    if pre is None:
        return ""
    operations = 0.0
    for encoder in pre.encoders.values():
        backbone = encoder.backbone or pre.backbone
        simulated = config.simulate.image.num_pix if config.simulate is not None else None
        side = (pre.data.size if pre.data else None) or simulated
        if backbone.name not in _MULTIPLY_ADDS or side is None or {"layers", "channels"} & set(backbone.options):
            return ""
        adds, at = _MULTIPLY_ADDS[backbone.name]
        for kind, width in _WIDTHS.items():
            if backbone.name.startswith(kind):
                own, depth = backbone.options.get("embed_dim", width), backbone.options.get("depth", 12)
                if isinstance(own, int) and isinstance(depth, int):
                    adds *= (own / width) ** 2 * depth / 12
        patch, ours = _PATCH.search(backbone.name), backbone.options.get("patch_size")
        finer = int(patch[1]) / ours if patch and isinstance(ours, int) else 1.0  # more patches, more work
        work = adds * (side / backbone.bin / at * finer) ** 2 * (20 if backbone.stem == "small" else 1)
        # two views of each system; two operations a multiply-add, three times for forward and backward
        operations += work * 2 * 6 * pre.batch_size * (encoder.steps or pre.steps)
    seconds, where = (operations / CPU, "CPU") if operations / CPU < PATIENCE else (operations / GPU, "GPU")
    return f"~ {_time(seconds)} {where}"


def _time(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size or unit == "min":
            return f"{max(1, round(seconds / size))} {unit}"
    return ""
