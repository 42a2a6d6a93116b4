"""The card of a dataset, README.md: what it is, by what was really written, in the form that Hugging Face reads."""

import hashlib
from pathlib import Path

import yaml

from ... import citations
from ...configs import recipe_cards
from ...configs.card_rows import SPLITS, parameter_rows, rows, table
from ...configs.components import INTERPOL
from ...configs.recipes import available
from ...configs.schema import Config
from ...files.checksums import sha256
from ...files.whole import write_text
from ...progress import console
from ..systems.scene import FIRST_INDEX
from .description import CONFIG, Description, config_of, load
from .label_file import PARQUET
from .label_summary import Summary, class_counts, summaries
from .ledger import read_entries
from .opening import data_files, snippet
from .own_places import CARD, CARD_SUM
from .sizes_on_disk import in_words
from .writing import SPLITS as RANGES

PICTURE = "contact_sheet.png"
_POWERS = {3: "1K", 4: "10K", 5: "100K", 6: "1M", 7: "10M", 8: "100M", 9: "1B", 10: "10B", 11: "100B", 12: "1T"}


def write(folder: Path) -> str:
    """Write the card of a dataset whose shards and labels are all there, unless people have edited the one there.

    Returns: the name of the file with its checksum as it is written here, by which an edited one is known; the card
    itself is on no list, so that it may be edited. Raises: DataError if labels.parquet cannot be read; OSError.
    """
    description, config = load(folder), config_of(folder)
    text = card(folder, description, config)
    digest = hashlib.sha256(text.encode()).hexdigest()
    if _is_edited(folder, digest):
        console.print(f"{folder / CARD} was edited, and is left as it is")
    else:
        write_text(folder / CARD, text)
    write_text(folder / CARD_SUM, f"{digest}  {CARD}\n")
    return CARD_SUM


def _is_edited(folder, digest):
    """Whether there is a card that is neither the one written last nor that of a digest."""
    path, noted = folder / CARD, folder / CARD_SUM
    if not path.is_file():
        return False
    written = noted.read_bytes()[:64].decode("ascii", "replace") if noted.is_file() else ""
    return sha256(path) not in (digest, written)


def card(folder: Path, description: Description, config: Config) -> str:
    """The text of the card, Markdown under a YAML head."""
    labels = summaries(folder)
    picture = f"![Some of the systems of this dataset, each on its own scale]({PICTURE})\n"
    parts = [
        f"---\n{yaml.safe_dump(head(description, config), sort_keys=False, allow_unicode=True)}---\n",
        f"# {title(description)}\n",
        f"{what(config)}\n",
        picture if (folder / PICTURE).is_file() else "",
        table(("", ""), _facts(folder, description, config)),
        f"## Open it\n\n{snippet(description, config)}\n\n`lenstream inspect PATH` says what is there.\n",
        f"## How it was made\n\n{_made(description)}\n",
        f"## Labels\n\n{_labels(config, labels)}",
        f"## Splits\n\n{_splits(description)}\n",
        f"## Known limits\n\n{limits(config)}\n",
        f"## Check and repair it\n\n{_CHECK}\n",
        f"## Licence\n\n{_licence(config)[1]}\n",
        f"## Citation\n\n```bibtex\n{citations.bibtex(citations.used(only_simulation(config)))}```\n",
    ]
    return "\n".join(filter(None, parts))


def title(description: Description) -> str:
    """What a dataset is called, such as "demo: 1,000 simulated strong gravitational lenses"."""
    return f"{description.name}: {description.count:,} simulated strong gravitational lenses"


def what(config: Config) -> str:
    """What a dataset shows, from the card of its recipe if it has one."""
    words = recipe_cards.introduction(_recipe_card(config))
    mode = f" Mode: {config.mode}." if config.mode else ""
    return (words or "Strong gravitational lenses, simulated with LenStream.") + mode


def limits(config: Config) -> str:
    """What is known to be missing or wrong, from the card of the recipe."""
    general = (
        "- Poisson noise is a normal number of the same variance.\n"
        "- Labels are what was drawn, without uncertainty; e1, e2, angles and positions are in the frame of the array: "
        "x to the right, y up."
    )
    if config.simulate.image.rays == "adaptive":
        general += f"\n- A pixel is off by {config.simulate.image.tolerance:g} of the peak at most in most images."
    else:
        general += f"\n- {config.simulate.image.rays} rays along a pixel: images are not converged."
    if config.simulate.observation.defect:
        general += f"\n- Images have the defect {config.simulate.observation.defect} on purpose."
    own = recipe_cards.without_parts(recipe_cards.section(_recipe_card(config), "Known limits"))
    return f"{general}\n\nOf the recipe {config.name}:\n\n{own}" if own else general


def head(description: Description, config: Config) -> dict:
    """The YAML head: dict, in the order in which it is written."""
    n, simulation = description.count * description.views, config.simulate
    tasks = ["image-feature-extraction", *(["image-classification"] if simulation.classes else ["tabular-regression"])]
    own = recipe_cards.head(_recipe_card(config)).get("tags", [])
    tags = ["astronomy", "gravitational-lensing", "strong-lensing", "simulation", "lenstream"]
    return {
        "license": _licence(config)[0],
        "pretty_name": title(description),
        "size_categories": [size_category(n)],
        "task_categories": tasks,
        "tags": list(dict.fromkeys([*tags, *own])),
        "configs": [
            *_configs(description),
            {"config_name": "labels", "data_files": [{"split": split_name(description), "path": PARQUET}]},
        ],
    }


def size_category(n: int) -> str:
    """How many rows there are, in the words of Hugging Face, such as 1K<n<10K."""
    if n < 1000:
        return "n<1K"
    power = len(str(n)) - 1
    return f"{_POWERS[power]}<n<{_POWERS[power + 1]}" if power < 12 else "n>1T"


def split_name(description: Description) -> str:
    """The split of a dataset by the names of Hugging Face."""
    return description.split or "train"


def _configs(description):
    """What `datasets.load_dataset` reads first: the images, of a format that it knows."""
    files = data_files(description)
    if not files:
        return []
    found = [{"split": split_name(description), "path": files}]
    return [{"config_name": "default", "default": True, "data_files": found}]


def _facts(folder, description, config):
    """Rows of the first table."""
    files = [folder / name for entry in read_entries(folder).values() for name in entry.files]
    size = in_words(sum(path.stat().st_size for path in files if path.is_file()))
    last = description.start + description.count - 1
    views = f"{description.views:,} of each, redrawn: {', '.join(description.redraw)}"
    yield "Systems", f"{description.count:,}, of index {description.start} to {last}"
    yield "Views", views if description.views > 1 else "one of each"
    shards = f"{len(description.shards):,} shards of {description.shard_size:,} systems"
    shards = "one shard" if len(description.shards) == 1 else shards
    yield (
        "Stored as",
        f"{description.format}, {shards}, {len(files):,} {'file' if len(files) == 1 else 'files'}, {size}",
    )
    yield "Made by", f"LenStream {description.lenstream}, config {description.name}, seed {description.seed}"
    for name, words in rows(config.simulate):
        yield (name, _classes(folder, description, config)) if name == "Classes" else (name, words)


def _classes(folder, description, config):
    counts = class_counts(folder, len(config.simulate.classes), description.views)
    return ", ".join(f"{name} {n:,}" for name, n in zip(config.simulate.classes, counts, strict=True))


def _made(description):
    first = 0 if description.split is None else FIRST_INDEX[RANGES[description.split]]
    options = [f"--count {description.count}"]
    options += [f"--start {description.start - first}"] if description.start > first else []
    if description.split is not None:
        options.append(f"--split {description.split}")
    if description.views > 1:
        options += [f"--views {description.views}", f"--redraw {','.join(description.redraw)}"]
    options += [f"--format {description.format}"] if description.format != "zarr" else []
    return (
        f"Every sample is a pure function of ({CONFIG}, seed, index). With `{CONFIG}` of this folder, the same numbers "
        f"are made by LenStream {description.lenstream} with\n\n"
        f"```\nlenstream simulate {CONFIG} {' '.join(options)} --out COPY\n```"
    )


def _labels(config, labels: list[Summary]) -> str:
    """The table of labels: what was drawn from which law, and which values are there."""
    laws = {name.strip("`"): law for name, law, *_ in parameter_rows(config.simulate)}
    found = []
    for s in labels:
        numbers = [_number(value) for value in (s.low, s.median, s.high)]
        found.append((f"`{s.name}`", s.unit, s.meaning, laws.get(s.name, "computed"), *numbers, _share(s)))
    head = ("label", "unit", "meaning", "drawn from", "lowest", "median", "highest", "without")
    said = (
        "Lowest, median and highest value are those of this dataset; *without* is the share of rows that have no value "
        "(NaN)."
    )
    return f"{said}\n\n{table(head, found)}"


def _share(summary):
    return f"{summary.missing:.1%}" if summary.missing else ""


def _number(value):
    return "" if value != value else f"{value:.4g}"


def _splits(description):
    own = f"This dataset is of `{description.split}`" if description.split else "To Hugging Face, all of it is `train`"
    return f"{own}. Of all datasets of this config, {SPLITS}."


def _licence(config):
    """The identifier of a licence, and words."""
    light = [*config.simulate.source, *config.simulate.lens_light]
    real = any(isinstance(c, INTERPOL) and c.catalogue != "procedural" for c in light)
    observations = config.simulate.band_observations().values()
    real = real or any(o.sky_cutouts or (o.psf and o.psf.file) for o in observations)
    if real:
        return "other", (
            "Simulated with LenStream (MIT), from images of others (galaxies of a catalogue, patches of sky or PSFs), "
            "whose licence holds for what is seen of them: say which before you publish this."
        )
    return "mit", "MIT, like LenStream, which made all of it; change it as you like before you publish."


def only_simulation(config: Config) -> Config:
    """A config without what is done with its images, for what to cite."""
    return config.model_copy(update={"pretrain": None, "evaluate": None})


def _recipe_card(config):
    """The card of the recipe that a config has the name of; "" if there is none."""
    path = recipe_cards.cards().get(config.name) if config.name in available() else None
    return path.read_text(encoding="utf-8") if path else ""


_CHECK = (
    "`lenstream verify PATH` finds files that are missing, damaged or foreign, by name; `lenstream repair PATH` "
    "computes them anew, and `lenstream extend PATH --count M` adds systems. `sha256sum -c SHA256SUMS` checks what "
    "belongs to no shard."
)
