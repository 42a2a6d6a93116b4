"""What is written beside a finished dataset for people and catalogues: a contact sheet, a card, Croissant."""

from pathlib import Path

import numpy as np

from .evaluate.show.preview import SHOWN, Sheet, picture
from .simulate.archive import croissant, dataset_card
from .simulate.archive.formats import format_of
from .simulate.archive.label_file import stored_labels
from .simulate.archive.shard_making import opened

CONTACT_SHEET = "contact_sheet.png"
POPULATION = 4096  # systems behind the histograms, at least, if there are so many


def write_pages(folder: Path) -> list[str]:
    """Write all pages of a dataset whose shards are there; returns their names. Raises: OSError, Unreadable."""
    return [_contact_sheet(folder), dataset_card.write(folder), croissant.write(folder)]


def _contact_sheet(folder):
    """Draw systems of the first shard as they are stored, and histograms of the labels of the first ones."""
    description, scene = opened(folder)
    first = format_of(description.format).read(folder, description, scene, description.shards[0])
    held = [first.labels]
    for shard in description.shards[1:]:
        if sum(len(labels["class"]) for labels in held) >= POPULATION:
            break
        held.append(stored_labels(folder, description, scene, shard).labels)
    labels = {name: np.concatenate([_of_first_view(part[name]) for part in held]) for name in first.labels}
    shown = np.arange(min(max(SHOWN // len(scene.grids), 1), len(first.indices)))
    images = tuple(grid[shown, 0] for grid in first.images.values())
    lost = [~np.isfinite(grid).all(1) for grid in images]
    if first.masks:
        lost = [a | b[shown, 0].any(1) for a, b in zip(lost, first.masks.values(), strict=True)]
    classes = labels["class"].astype(int)
    values = {name: value.astype(float) for name, value in labels.items()}
    sheet = Sheet(images, tuple(lost), shown, values, classes)
    picture(scene, sheet, folder / CONTACT_SHEET, description.name)
    return CONTACT_SHEET


def _of_first_view(values):
    return values if values.ndim == 1 else values[:, 0]
