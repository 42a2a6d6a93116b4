"""The config that `lenstream inspect` proposes for images in files: YAML that loads, and that a training accepts."""

import numpy as np
import yaml

FEWEST = 4  # images that a training needs
BATCH = 128  # of simclr_resnet18
COMMON = 20, 0.02  # images of a class, and its share, from which on a probe meets it for sure
FEW = "Too few images to train on. To predict a lens: lenstream predict --run runs/demo --images"


def of_images(images, path):
    """Lines of YAML that train on a `files.image_sets.ImageSet`.

    path: of the set, absolute. The network is small and the steps are few, to be changed.
    """
    edges = min(images.height, images.width)
    cut = images.height != images.width or any("shapes" in note for note in images.notes)
    more = _without_probe(_common_classes(images))
    if images.views > 1:
        more.append("  encoders: {simclr: {views: physics}} # those in the files; redraw has no say")
    return _training(path, len(images), more, f", size: {edges}" if cut else "")


def of_dataset(described, scene, path):
    """Lines of YAML that train on a dataset of LenStream.

    Args: described: its `simulate.archive.description.Description`. scene: a `Scene` of its bands. path: of it,
    absolute.
    """
    grids, more = [list(grid.bands) for grid in scene.grids], _without_probe(len(scene.config.classes))
    more += [f"  bands: [{', '.join(map(quoted, grids[0]))}] # a network sees one pixel grid"] if len(grids) > 1 else []
    if described.views > 1:
        redraw = f"redraw: [{', '.join(described.redraw)}]"
        more.append(f"  encoders: {{simclr: {{views: physics, {redraw}}}}} # as on the disk; no other redraw will do")
    return _training(path, described.count, more)


def _common_classes(images):
    """How many classes have enough images to be told apart while an encoder is trained."""
    numbers = images.labels["class"] if images.classes else np.empty(0, int)
    known = numbers[numbers >= 0]
    return int((np.bincount(known, minlength=1) >= max(COMMON[0], COMMON[1] * len(known))).sum())


def _without_probe(n_classes):
    return [] if n_classes > 1 else ["  probe_every: 0 # there are no classes to tell apart"]


def _training(path, count, more, size=""):
    """Lines of YAML: those of a training on files, and more keys of pretrain."""
    if count < FEWEST:
        return [f"# {FEW}", f"# {path}"]
    batch = [f"  batch_size: {count // 2}"] if count < 2 * BATCH else []
    head = ["extends: simclr_resnet18", f"name: {config_name(path)}", "simulate: null # all images are in files"]
    head.append("evaluate: null # or evaluate.data, if there are labels")
    return [*head, "pretrain:", f"  data: {{path: {quoted(path)}{size}}}", *batch, *more]


def config_name(path):
    """A name for a config by a path: letters, digits, ".", "_" and "-"; nothing that YAML takes for a number."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in path.name.split(".")[0])
    name = name.strip("._-")[:60] or "my_images"
    return name if isinstance(yaml.safe_load(name), str) else f"images_{name}"


def quoted(text):
    """A path or a name as YAML text within braces."""
    return "'" + str(text).replace("'", "''") + "'"
