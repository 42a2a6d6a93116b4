"""The batches of a training, and the statistics of their pixels: from the simulator's stream or from files."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from ..configs.differences import difference
from ..configs.instruments import numbers
from ..configs.training import Folder
from ..errors import ConfigError, DataError
from ..files.dataset_layouts import identify, place_of, recognised
from ..files.paths import usable
from ..files.states import state_of
from ..simulate.stream import LensStream, simulate
from ..simulate.systems.scene import FIRST_INDEX, make_scene
from .archive_images import ArchiveImages, is_archive
from .folder import FolderStream, ImageFolder
from .methods.all_methods import METHODS
from .normalize import Statistics, binned, statistics
from .seen_bands import seen
from .set_images import SetImages, is_folder
from .views import physics

N_MEASURED = 256  # simulated images for the statistics of normalisations other than asinh


def scene_of(config):
    """The `Scene` of a config's simulation, or else of the dataset that it trains on; None if there is neither."""
    if config.simulate is not None:
        return make_scene(config.simulate, config.seed)
    return ArchiveImages(config.pretrain.data, config.pretrain.bands).scene if trains_on_archive(config) else None


def training_scene(config, scene):
    """The scene of the bands that networks of a config see: `seen_bands.seen`.

    scene: of the config's simulation, or None.
    """
    return None if scene is None else seen(scene, config.pretrain.bands)


def trained_scene(config, scene):
    """The scene of the systems that networks of a config are trained on: that of the dataset, if they are on disk.

    scene: of the config's simulation, or None. Returns: None for images that were not simulated, without `simulate`.
    """
    return (
        ArchiveImages(config.pretrain.data, config.pretrain.bands).scene
        if trains_on_archive(config)
        else (training_scene(config, scene))
    )


def trains_on_archive(config):
    """Whether a config trains on a dataset that LenStream wrote."""
    return config.pretrain.data is not None and is_archive(config.pretrain.data.path)


def sees_what_is_simulated(config):
    """Whether networks are trained on systems of `simulate`: from its stream, or from a dataset of the same images."""
    if config.pretrain.data is None:
        return True
    try:
        return trains_on_archive(config) and not other_simulation(config)
    except (ConfigError, DataError):  # gone by now: who needs its images says so
        return False


def other_simulation(config):
    """Why the lenses of a dataset are others than those of the config's `simulate`, in words; "" if they are alike."""
    if config.simulate is None:
        return ""
    images = ArchiveImages(config.pretrain.data, config.pretrain.bands)
    found = difference(numbers(images.config.simulate), numbers(config.simulate))
    return f"simulate.{found}" if found else ""


def open_images(config, views=None, labels=None):
    """The images in files that a config trains on: `ArchiveImages`, `ImageFolder` or `SetImages`; None for the stream.

    Those of others are the same object as long as their files are the same. views: of each system, all if None.
    labels: names of those that batches of a dataset of LenStream have, all if None.
    """
    pre = config.pretrain
    if pre.data is None:
        return None
    if is_archive(pre.data.path):
        return ArchiveImages(pre.data, pre.bands, views, labels)
    found = _identified(pre.data.path)
    single = found is None or is_folder(found)
    what = pre.data.path, pre.data.size, tuple(pre.bands or ())
    beside = _beside(found) if single and found is not None else None
    return _opened(*what, None if single else views, single, beside, state_of(usable(pre.data.path)))


@lru_cache(maxsize=8)  # each encoder asks for them: before the training, for its network, while it trains, to be judged
def _opened(path, size, bands, views, single, beside, state):
    """The images of others at a path; `state` makes the cache forget a place that has changed."""
    data, bands = Folder(path=path, size=size), bands or None
    return ImageFolder(data, bands, beside) if single else SetImages(data, views, bands=bands)


def _beside(found):
    """Sentences on the lists, tables and other files beside the images of an `files.image_sets.ImageSet`."""
    notes = [note for note in found.notes if note.startswith(("splits by", "labels by", "left out"))]
    return tuple(f"{note}; all are trained on" if note.startswith("splits by") else note for note in notes)


@lru_cache(maxsize=8)
def _statistics(images, seed, bin):
    """The statistics of images of `_opened`, which are the same object as long as their files are the same."""
    return images.statistics(seed, bin)


def _identified(path):
    """The `files.image_sets.ImageSet` at a path; None where what is wrong is for `ImageFolder` to say.

    Raises: DataError where a layout is known, as its images would be others without it.
    """
    try:
        return identify(path)
    except DataError:
        if not _is_plain(usable(path)):
            raise
        return None


def _is_plain(path):
    """Whether there is nothing at a path, or a folder of single images, whatever is wrong beside them."""
    if not path.exists():
        return True
    found = recognised(place_of(path)) if path.is_dir() else None
    return path.is_dir() and (found is None or is_folder(found))


def open_data(config, name, scene, n_views, step, fabric):
    """The endless batches of an encoder's training on this rank, from optimiser step `step` on.

    Raises: ConfigError for images in files that do not have the views of the encoder.
    """
    pre, settings = config.pretrain, config.pretrain.encoders[name]
    share = {"rank": fabric.global_rank, "world": fabric.world_size, "device": fabric.device}
    if pre.data is not None:
        labels = config.evaluate.targets if METHODS[type(settings)].needs_labels else ()
        images = open_images(config, physics(settings, n_views).n, labels)
        problem = problem_of_views(name, settings, n_views, images)
        if problem:
            raise ConfigError([problem])
        return FolderStream(images, pre.batch_size, config.seed, start=step * pre.batch_size, **share)
    return LensStream(
        of_classes(scene, pre.classes),
        pre.batch_size,
        start=FIRST_INDEX["pretrain"] + step * pre.batch_size,
        views=physics(settings, n_views),
        threads=pre.render_threads,
        derived=False,  # trained on are drawn ones
        **share,
    )


def of_classes(scene, names):
    """A scene of which only some classes are drawn, as frequent among each other as before. names: all if None."""
    if names is None:
        return scene
    frequencies = {name: value if name in names else 0.0 for name, value in scene.config.classes.items()}
    config = scene.config.model_copy(update={"classes": frequencies})
    return replace(scene, config=config, whole=None if scene.whole is None else of_classes(scene.whole, names))


def problem_of_views(name, settings, n_views, images):
    """Why images in files are not what an encoder learns from, in a sentence; "" if they are.

    Args: name, settings: of the encoder. n_views: global views that its method needs. images: of `open_images`.
    """
    needed, where = physics(settings, n_views), f"pretrain.encoders.{name}"
    redraw = ",".join(sorted(needed.redraw))
    how = f"lenstream simulate RECIPE --count N --views {needed.n} --redraw {redraw} --out PATH writes one"
    if settings.method == "supervised" and images.scene is None:
        return f"{where}.method: supervised needs the labels of the simulator, which the images of {images.root} lack"
    if needed.n > images.held_views:
        return (
            f"{where}.views: {settings.views} views need the simulator, or a dataset with {needed.n} views of each "
            f"system, and {images.root} has {images.held_views}; expected views: augment, or such a dataset ({how})"
        )
    if needed.n > 1 and images.redraw is not None and set(images.redraw) != needed.redraw:
        return (
            f"{where}.redraw: {', '.join(sorted(needed.redraw))}, but between the views of {images.root} differ "
            f"{', '.join(images.redraw)}; expected redraw: [{', '.join(images.redraw)}], or a dataset like that ({how})"
        )
    return ""


def image_facts(config, name, scene):
    """What a network has to know of the images: `Statistics`, the number of bands, the pixels along an edge.

    scene: of `trained_scene`.
    """
    pre = config.pretrain
    backbone = pre.encoders[name].backbone or pre.backbone
    if pre.data is not None and not trains_on_archive(config):
        return _statistics(open_images(config), config.seed, backbone.bin)
    bands, num_pix = len(scene.bands), scene.config.image.num_pix
    background = np.array([instrument.background for instrument in scene.bands.values()]) / backbone.bin  # of a mean
    if backbone.normalize == "asinh" and (background > 0).all():
        return Statistics.of_background(background, bands), bands, num_pix
    images = simulate(scene, np.arange(N_MEASURED, dtype=np.uint64) + np.uint64(FIRST_INDEX["labelled"])).images
    return statistics(binned(images[:, 0], backbone.bin)), bands, num_pix


def open_labelled(data, bands=None, where="evaluate.data.path", labels=None, class_from=None):
    """Images with labels: `ArchiveImages` or `SetImages`; the same object as long as their files are the same.

    Args: data: `configs.training.Folder`; its size is of images of others, as datasets of LenStream are taken whole.
    bands: names of those that are seen, or None. where: the key, for messages. labels, class_from: as of
    `files.dataset_layouts.identify`.
    Raises: DataError for images without labels.
    """
    if is_archive(data.path) and labels is None and class_from is None:
        return ArchiveImages(data.model_copy(update={"size": None}), bands)
    states = state_of(usable(data.path)), 0 if labels is None else state_of(usable(labels))
    return _opened_labelled(data.path, data.size, tuple(bands or ()), where, labels, class_from, states)


@lru_cache(maxsize=4)  # asked for before the training, to judge, and for the report
def _opened_labelled(path, size, bands, where, labels, class_from, states):
    """As `open_labelled`, of others; `states` makes the cache forget files that have changed."""
    found = identify(path, labels, class_from)
    images = SetImages(Folder(path=path, size=size), found=found, where=where, bands=bands or None)
    if not images.columns:
        raise DataError(
            f"{where}: {path} has no labels; expected images with a table of them, or a dataset of LenStream"
        )
    return images
