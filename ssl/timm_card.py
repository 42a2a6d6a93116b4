"""The card beside a backbone that is written for timm: README.md with the head of Hugging Face's model cards."""

import yaml

from ..configs.card_rows import table

_SCALED = {
    "asinh": "torch.asinh(images / noise)",
    "asinh_peak": "torch.asinh(images / (0.05 * images.amax((1, 2, 3), True)))",
    "zscore": "(images - mean) / std",
    "minmax": "(images - images.amin((-2, -1), True)) / (images.amax((-2, -1), True) - images.amin((-2, -1), True))",
}
_USED = {"asinh": ("noise",), "asinh_peak": (), "zscore": ("mean", "std"), "minmax": ()}


def card(known):
    """The text of the card, Markdown under a YAML head. known: `trained.EncoderCard`."""
    owned = known.is_simulated and known.started_from == "random weights"
    head = {
        "library_name": "timm",
        "license": "mit" if owned else "other",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["timm", "image-feature-extraction", "astronomy", "gravitational-lensing", "lenstream", known.method],
    }
    return "\n".join(
        [
            f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n",
            f"# {known.backbone} trained by {known.method} on {known.kind}\n",
            "The backbone of an encoder of LenStream, under timm's names and without a classifier.\n",
            table(("", ""), _facts(known)),
            f"## Use it\n\n{_use(known)}\n",
            f"## Licence\n\n{'MIT' if owned else _OTHERS}\n",
        ]
    )


def normalised(known):
    """What happens to pixels before the backbone, in words."""
    edge, scaling = known.normalisation["bin"], known.normalisation["scaling"]
    return scaling if edge == 1 else f"means of {edge} x {edge} pixels, then {scaling}"


def _facts(known):
    size = "any size" if known.num_pix is None else f"{known.num_pix} x {known.num_pix} pixels"
    scale = "of a scale that is not known" if known.pixel_scale is None else f'of {known.pixel_scale:g}"'
    units = known.units if known.is_simulated else "the unit of the files that it was trained on"
    yield "Size", f"{known.num_parameters:,} parameters, {known.num_features} features"
    yield "Images", f"{size} {scale}, {units}; row 0 is the lowest y"
    yield "Bands", ", ".join(filter(None, known.bands)) or f"{len(known.bands)} without a name"
    yield "Training", f"{known.method}, {known.steps:,} steps of {known.batch_size:,}, from {known.started_from}"
    yield "Recipe", f"{known.recipe} of LenStream {known.versions.get('lenstream', 'of unknown version')}"


def _use(known):
    """How to load it, with the normalisation that timm does not know."""
    scaling, size = known.normalisation["scaling"], known.num_pix or 64
    numbers = {name: [float(f"{v:.7g}") for v in known.normalisation[name]] for name in _USED[scaling]}
    lines = [f"{name} = torch.tensor({values}).view(1, -1, 1, 1)  # of each band" for name, values in numbers.items()]
    if known.normalisation["bin"] > 1:
        lines.append(
            f"images = torch.nn.functional.avg_pool2d(images, {known.normalisation['bin']})  # before all else"
        )
    setting = "\n".join(lines) + "\n" if lines else ""
    return f"""timm does not know the normalisation; `config.json` has its numbers under `lenstream`, too.

```python
import timm
import torch

model = timm.create_model("local-dir:FOLDER", pretrained=True).eval()  # or "hf-hub:OWNER/NAME"
images = torch.zeros(1, {len(known.bands)}, {size}, {size})  # as above
{setting}features = model(torch.nan_to_num({_SCALED[scaling]}))  # lost pixels, which are NaN, become 0
```"""


_OTHERS = "Say what the images and weights that this was trained from allow before you publish it."
