"""A card beside every trained encoder of a run, README.md, in the form that Hugging Face reads: model and results.

It follows from the run's files alone, without times and paths, so that a resumed run has the same.
"""

from pathlib import Path

import yaml

from . import citations
from .configs.card_rows import table
from .files.whole import write_text
from .loading import load_encoder
from .runs import config_of, keep_sums
from .ssl.seen_images import DATASET, FILES, SIMULATED
from .ssl.timm_card import normalised

CARD = "README.md"
_DATA = {
    SIMULATED: "simulated strong lenses",
    DATASET: "a dataset of simulated strong lenses",
    FILES: "images in files",
}


def write(folder):
    """Write the card of every encoder of a run that is trained, with its scores if there are any.

    Args: folder: `runs.RunFolder`. Raises: DataError for damaged weights or results; OSError.
    """
    from .ssl.training_files import ENCODER

    config, written = config_of(folder), []
    for name in config.pretrain.encoders:
        if (folder.encoder(name) / ENCODER).is_file():
            path = folder.encoder(name) / CARD
            write_text(path, card(load_encoder(folder.path, name).card, config, _scores(folder)))
            written.append(path)
    keep_sums(folder, written)


def card(known, config, scores=None):
    """The text of the card of an encoder, Markdown under a YAML head.

    Args: known: `ssl.trained.EncoderCard`. config: `configs.schema.Config` of its run. scores: DataFrame of
    `evaluate.results.frame`, or None.
    """
    parts = [
        f"---\n{yaml.safe_dump(head(known), sort_keys=False, allow_unicode=True)}---\n",
        f"# {known.name}: {known.backbone} trained by {known.method} on {_DATA[known.kind]}\n",
        f"{_what(known)}\n",
        table(("", ""), _facts(known)),
        _load_it(known),
        _results(known, scores, _saw_tests(config)),
        f"## Known limits\n\n{_limits(known)}\n",
        f"## Licence\n\n{_licence(known)[1]}\n",
        f"## Citation\n\n```bibtex\n{citations.bibtex(citations.used(_alone(known, config)))}```\n",
    ]
    return "\n".join(filter(None, parts))


def head(known):
    """The YAML head of an encoder's card: dict, in the order in which it is written."""
    tags = [
        "astronomy",
        "gravitational-lensing",
        "strong-lensing",
        "self-supervised-learning",
        known.method,
        "lenstream",
        "timm",
    ]
    return {
        "library_name": "lenstream",
        "license": _licence(known)[0],
        "pipeline_tag": "image-feature-extraction",
        "tags": list(dict.fromkeys(tags)),
    }


def _what(known):
    views = f"{known.views} views" + (f" ({' and '.join(known.redraw)} drawn anew)" if known.redraw else "")
    labels = "with their labels" if known.method == "supervised" else "without a label"
    steps = f"{known.steps:,} steps of {known.batch_size:,} systems"
    return (
        f"An encoder of LenStream: images in, {known.num_features} features out. It was trained on "
        f"{_DATA[known.kind]}, {labels}, by {known.method} on {views}, for {steps}."
    )


def _facts(known):
    """Rows of the table."""
    size = "any size" if known.num_pix is None else f"{known.num_pix} x {known.num_pix} pixels"
    scale = "of a scale that is not known" if known.pixel_scale is None else f'of {known.pixel_scale:g}"'
    options = f", {', '.join(f'{k}={v}' for k, v in known.options.items())}" if known.options else ""
    units = known.units if known.is_simulated else "the unit of the files that it was trained on"
    yield "Backbone", f"timm's {known.backbone}{options}, stem {known.stem}"
    yield "Size", f"{known.num_parameters:,} parameters, {known.num_features} features"
    yield "Started from", known.started_from
    yield "Images", f"{size} {scale}, {units}; row 0 is the lowest y; NaN where a pixel is lost"
    yield "Bands", ", ".join(filter(None, known.bands)) or f"{len(known.bands)} without a name"
    of_bands = {key: values for key, values in known.normalisation.items() if key not in ("scaling", "bin")}
    numbers = "; ".join(f"{key} {', '.join(f'{v:.4g}' for v in values)}" for key, values in of_bands.items())
    yield "Normalisation", f"{normalised(known)}, inside the encoder ({numbers} of each band)"
    population = known.data.rpartition(": ")[2]  # without the place of a dataset
    yield "Trained on", f"{_DATA[known.kind]}: {population}" if known.is_simulated else _DATA[FILES]
    steps = f"{known.steps:,} steps of {known.batch_size:,}"
    yield "Training", f"{known.method}, views {known.views}, {steps}, seed {known.seed}"
    yield "Recipe", f"{known.recipe}; `config.yaml` of the run has every number"
    yield "Versions", ", ".join(f"{name} {version}" for name, version in known.versions.items())


def _load_it(known):
    timm = (
        'encoder.to_timm("FOLDER")  # the backbone for timm.create_model("local-dir:FOLDER", pretrained=True)\n'
        if known.stem == "as_timm"
        else ""
    )
    size = known.num_pix or 64
    return f"""## Load it

```python
import torch
from lenstream import load_encoder

encoder = load_encoder("RUN", "{known.name}")  # the folder that has config.yaml and encoders/{known.name}
features = encoder(torch.zeros(1, {len(known.bands)}, {size}, {size}))  # (1, {known.num_features})
{timm}```
"""


def _saw_tests(config):
    """Whether encoders were trained on images by which they are judged, as far as their places say it."""
    if config.evaluate is None or not config.evaluate.judged_by_files or config.pretrain.data is None:
        return False
    trained = Path(config.pretrain.data.path).resolve()
    judged = Path(config.evaluate.data.judged).resolve()
    return judged.is_relative_to(trained) or trained.is_relative_to(judged)


def _results(known, scores, saw_tests):
    """A table for each task: R2 by protocol and number of labels, beside the limit; "" without scores."""
    if scores is None or not (scores["encoder"] == known.name).any():
        return ""
    from .evaluate.results import LIMIT, RANDOM
    from .evaluate.show.metrics import cell
    from .evaluate.show.tables import MeanScores, Trained

    tests = "images among those trained on without labels" if saw_tests else "test lenses that no training saw"
    leads = _leads(scores)
    text = f"## Results\n\n{leads} on {tests}, mean and spread over the seeds of the labels.\n\n"
    for task in dict.fromkeys(scores["task"]):
        found = MeanScores(scores[scores["task"] == task])
        own = [row for row in found.all_rows if row.encoder == known.name]
        rows = [(row, f"{row.protocol}, {row.n_labels:,} labels" if row.n_labels else row.protocol) for row in own]
        most = found.n_labels
        protocols = dict.fromkeys(row.protocol for row in own)
        rows += [(Trained(RANDOM, p, most), f"random weights, {p}, {most:,} labels") for p in protocols]
        rows += [(Trained(LIMIT, how, 0), f"information {name}") for how, name in found.limit_names().items()]
        cells = [
            (words, *(cell(found.get(row, t, found.lead(t)), found.lead(t), t) for t in found.targets))
            for row, words in rows
        ]
        text += table((task, *found.targets), [row for row in cells if any(row[1:])]) + "\n"
    return text


def _leads(scores):
    """The metrics that are said of the targets of all tasks: "R2", or "accuracy and AUC"."""
    from .evaluate.show.metrics import of
    from .evaluate.show.tables import MeanScores

    found = [MeanScores(scores[scores["task"] == task]) for task in dict.fromkeys(scores["task"])]
    return " and ".join(dict.fromkeys(of(one.lead(target)).plain for one in found for target in one.targets))


def _limits(known):
    if not known.is_simulated:
        return "It knows the images of one set of files: whatever instrument, depth and selection they have."
    return (
        "It knows one simulated population and one instrument; what that simulation leaves out it has "
        "never seen. Real lenses of another depth, PSF or pixel scale are outside of it; `lenstream predict` says what "
        "is doubtful about each."
    )


def _licence(known):
    """The identifier of a licence, and words."""
    if not known.is_simulated or known.started_from != "random weights":
        return (
            "other",
            "LenStream is MIT; say what the images and weights that this was trained from allow before you publish it.",
        )
    return "mit", "MIT, like LenStream; change it as you like before you publish."


def _alone(known, config):
    """A config with this encoder only, for what to cite."""
    pretrain = config.pretrain.model_copy(update={"encoders": {known.name: config.pretrain.encoders[known.name]}})
    return config.model_copy(update={"pretrain": pretrain})


def _scores(folder):
    """The scores of a run as a DataFrame; None before it is evaluated."""
    from .evaluate import results

    return results.frame(results.read_scores(folder.path)) if results.is_complete(folder.path) else None
