"""What can be checked of a run before anything is trained, all at once: files, targets, networks, device, disk."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from .configs.evaluation import POSTERIORS
from .errors import ConfigError, LenStreamError
from .extras import need
from .images_before_training import about_labelled, about_training, about_views, opened, opened_labelled, shapes
from .learnable_targets import target_problems
from .simulate.systems.scene import make_scene

_FLOAT = 4  # bytes


def check(config, folder, evaluates=True, anew=False):
    """Find every mistake that would end a run of a config, or spoil its results, without training.

    Galaxies, PSFs and the first images are read, networks are made once and see an image, labels of a few hundred
    systems are drawn; nothing is written that stays.

    Args: config: `configs.schema.Config`. folder: of the run; it need not be there. evaluates: the run goes on
    after the training. anew: what is in the folder will be deleted first.

    Returns: the `simulate.systems.scene.Scene`, of the bands that networks see.
    Raises: ConfigError with one sentence for each mistake.
    """
    problems: list[str] = []
    if config.pretrain is None:
        scene = _collect(problems, lambda: make_scene(config.simulate, config.seed))
    else:
        need("train", "training")
        from .ssl.data import scene_of, training_scene

        scene = _collect(problems, lambda: training_scene(config, scene_of(config)))
        _say_all(problems, _about_device(config.pretrain))
        _say_all(problems, _about_folder(folder))
        images = _collect(problems, lambda: opened(config))
        examples = _collect(problems, lambda: opened_labelled(config, evaluates, scene))
        if images is not None and not anew:
            _say_all(problems, _about_changes(config, images, folder))
        _say_all(problems, about_training(config, images, scene, evaluates))
        _say_all(problems, about_labelled(config, examples, images, scene))
        pairs = _collect(problems, lambda: _pairs(config, scene, evaluates))
        _say_all(problems, _about_pairs(config, pairs, images, scene))
        _collect(problems, lambda: _about_posteriors(config))
        _say_all(problems, _about_finetuning(config))
        _say_all(problems, _about_refinement(config))
        _say_all(problems, _about_real_lenses(config, scene))
        _say_all(problems, _about_overlay(config, scene, examples))
        if scene is not None or images is not None:
            targets = list(target_problems(config, scene)) if scene is not None else []
            problems += targets
            _say_all(problems, _about_shifts(config, scene, evaluates))
            judged = evaluates and config.evaluate is not None
            seen = shapes(images, examples, scene if judged or images is None else None)
            seen = sorted({*seen, pairs.shape} if pairs is not None else seen)
            sizes = _try_networks(config, scene, images, seen, bool(targets), problems)
            _say_all(problems, _about_disk(config, folder, sizes))
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    return scene


def _collect(problems, work: Callable):
    """What `work` returns; None, and its mistakes among the problems, if it raises LenStreamError."""
    try:
        return work()
    except ConfigError as error:
        problems += error.problems
    except LenStreamError as error:
        problems.append(str(error))
    return None


def _say_all(problems, found: Iterator[str]):
    """Add what a check finds, also where it ends with an error."""
    _collect(problems, lambda: problems.extend(found))


def _about_device(pretrain):
    from .ssl.launch import device_problem

    yield from filter(None, [device_problem(pretrain)])


def _about_folder(folder):
    """Whether the run's folder can be made, or written to: tried, as permissions do not say it all."""
    place = existing(folder)
    for path in (Path(folder), *Path(folder).parents):
        if path.is_symlink() and not path.exists():
            yield f"--runs: {path} is a link to {path.readlink()}, which is not there"
            return
    try:
        with tempfile.TemporaryDirectory(prefix=".lenstream-", dir=place):
            pass
    except OSError as error:
        yield f"--runs: {folder} cannot be written, as {place} is not a folder to write to ({error.strerror})"


def existing(folder):
    """The folder, or the nearest one above it that is there."""
    return next(p for p in (Path(folder).absolute(), *Path(folder).absolute().parents) if os.path.exists(p))


def _about_changes(config, images, folder):
    """Whether what is still to be trained would see other images than what was trained so far."""
    from .ssl.same_images import facts_of, refusal
    from .ssl.training_files import facts, is_trained

    trainings = {name: Path(folder) / "encoders" / name for name in config.pretrain.encoders}
    if all(is_trained(config, *training) for training in trainings.items()):
        return
    known = [then for training in trainings.values() if (then := facts(training).get("images"))]
    now = facts_of(images) if known else None
    yield from list(filter(None, (refusal(images.root, then, now) for then in known)))[:1]


def _pairs(config, scene, evaluates):
    """The pairs of images of a super-resolution; None for other tasks. Raises: ConfigError, DataError as they do."""
    if not evaluates or config.evaluate is None or config.evaluate.task != "super_resolution":
        return None
    if scene is None and config.evaluate.super_resolution.lr_path is None:
        if config.simulate is None:
            raise ConfigError(
                ["evaluate.super_resolution.lr_path: missing, and nothing is simulated; expected lr_path and hr_path"]
            )
        return None  # what keeps the scene from being made has been said
    from .evaluate.tasks.super_resolution import make_super_resolution

    return make_super_resolution(config, scene).pairs


def _about_pairs(config, pairs, images, scene):
    """Whether a super-resolution has enough pairs, of the bands that networks see, and is asked for nothing else."""
    if pairs is None:
        return
    evaluate, where = config.evaluate, "evaluate.super_resolution"
    if evaluate.data is not None:
        yield f"evaluate.data: holds labels, and super-resolution learns from pairs; expected {where}.lr_path, hr_path"
    if config.real_lenses.images is not None:
        yield "real_lenses.images: a super-resolution predicts no parameters of lenses; expected none"
    if evaluate.super_resolution.lr_path is None:
        return
    needed = {"n_labels": ("labelled", evaluate.seeds * max(evaluate.n_labels)), "n_test": ("test", evaluate.n_test)}
    for key, (split, n) in needed.items():
        if pairs.count(split) < n:
            yield f"evaluate.{key}: {n} {split} pairs, but {where} has {pairs.count(split)}; expected fewer"
    bands = images.bands if images is not None else len(scene.bands) if scene is not None else pairs.shape[0]
    if pairs.shape[0] != bands:
        yield f"{where}: its images have {pairs.shape[0]} bands, those that encoders are trained on {bands}"


def _about_refinement(config):
    """Yield why estimates cannot be refined, where the config asks for it."""
    if config.evaluate is not None and config.evaluate.refine is not None:
        from .evaluate.refining import refinement_problems

        yield from refinement_problems(config)


def _about_shifts(config, scene, evaluates):
    """Whether the shifted test sets can be made."""
    if evaluates and config.evaluate is not None and config.evaluate.shifts:
        from .evaluate.shifted_tests import problems

        yield from problems(config, scene)


def _about_posteriors(config):
    """Whether the library of flows is there, where a flow is asked for."""
    flows = [name for name in config.evaluate.protocols if POSTERIORS.get(name) == "flow"] if config.evaluate else []
    if flows:
        need("npe", f"evaluate.protocols: {flows[0]}")


def _about_finetuning(config):
    """Whether fine-tuning changes images so that their labels no longer fit."""
    from .ssl.augment import destroyed

    evaluate = config.evaluate
    if evaluate is None or evaluate.finetune.augment is None:
        return
    changed = destroyed(evaluate.targets, evaluate.finetune.augment) if evaluate.task == "regression" else {}
    for target, by in list(changed.items())[:1]:
        off = ", ".join(f"{name}: {'null' if name == 'crop' else 'false'}" for name in by)
        yield f"evaluate.finetune.augment: {', '.join(by)} would change the label {target}; expected {{{off}}}"


def _about_real_lenses(config, scene):
    """Whether real lenses can be read, and compared with the catalogue."""
    lenses = config.real_lenses
    if lenses.images is None:
        if lenses.catalogue is not None:
            yield "real_lenses.catalogue: there are no images to compare with it; give real_lenses.images, too"
        return
    if config.evaluate is not None and config.evaluate.task == "super_resolution":
        yield "real_lenses.images: a super_resolution predicts no numbers of lenses; expected none"
        return
    if lenses.catalogue is not None and config.evaluate is not None and config.evaluate.task == "classification":
        yield "real_lenses.catalogue: a classification has no values to compare with it; expected none"
        return
    from .evaluate.real import catalogue, lens_fits
    from .evaluate.real.expected_images import band_names
    from .evaluate.real.predict import check_frame
    from .evaluate.real.set_cutouts import look_at, read_lenses
    from .evaluate.real.training_images import lens_shines

    problems: list[str] = []
    if lenses.lens_light in ("fit", "fit_all"):
        _collect(problems, lambda: need("real", f"real_lenses.lens_light: {lenses.lens_light}"))
    if lenses.refine:
        problems += lens_fits.problems_of(config, "real_lenses.refine")
        if config.evaluate is not None and config.evaluate.task != "regression":
            problems.append("real_lenses.refine: only a regression has estimates to refine; expected false")
    targets = config.evaluate.targets if config.evaluate is not None else []
    bands = band_names(scene) if scene is not None else tuple(config.simulate.bands) or 1
    _collect(problems, lambda: look_at(lenses.images, bands))
    _collect(problems, lambda: check_frame(lenses.frame, targets))
    if lenses.catalogue:
        values = _collect(problems, lambda: catalogue.read_catalogue(lenses.catalogue, lenses))
        if values is not None and targets:
            _collect(problems, lambda: catalogue.columns_of(values, targets, lenses))
    yield from problems
    if problems or scene is None:
        return
    grid = scene.config.image.num_pix, scene.instrument.pixel_scale
    light = "as_is" if lens_shines(config.simulate) else "subtract"  # nothing is fitted yet, which takes its time
    cutouts = read_lenses(lenses.images, *grid, lenses.pixel_scale, light, bands).cutouts
    if lenses.catalogue and targets:
        names, orientations = [c.name for c in cutouts], [c.facts.orientation for c in cutouts]
        catalogue.match(values, names, targets, orientations, lenses)


def _about_overlay(config, scene, examples):
    """Whether the images to draw into the map can be read as networks expect them."""
    if config.evaluate is None or not config.evaluate.umap or (scene is None and examples is None):
        return
    from .evaluate.real import overlay
    from .evaluate.real.expected_images import of_examples, of_scene

    yield from overlay.problems(config, of_scene(scene) if scene is not None else of_examples(examples))


class Size(NamedTuple):
    """Bytes that an encoder needs on the disk."""

    network: int  # its weights
    training: int  # all that is written while it is trained


def _try_networks(config, scene, images, seen, targets_are_wrong, problems):
    """The list of `Size` of the encoders that can be made; others, and what cannot see the images, are problems.

    images: in files, to train on, or None. seen: bands and pixels along an edge, of the images to train on and of those
    to judge by.
    """
    from .ssl.decoder import map_channels
    from .ssl.untrained import make_beside, make_method

    sizes: list[Size] = []
    for name, settings in config.pretrain.encoders.items():
        if settings.method == "supervised" and targets_are_wrong:
            continue  # it cannot be made without them
        method = _collect(problems, lambda name=name: make_method(config, name, scene))
        if method is None:
            continue
        problems += about_views(name, settings, method, images)
        problems += filter(None, [_cannot_see(method.network, f"pretrain.encoders.{name}", *s) for s in seen])
        if config.evaluate is not None and config.evaluate.task == "super_resolution":
            _collect(problems, lambda method=method: map_channels(method.network))
        network = _FLOAT * sum(p.numel() for p in method.network.parameters())
        moments = {"sgd": 1, "lars": 1}.get(settings.optimizer, 2)
        weights = _FLOAT * sum(p.numel() for p in method.parameters())
        # checkpoint: weights and moments, twice while it is replaced, the average, and the encoder
        sizes.append(Size(network, 2 * (1 + moments) * weights + 3 * network))
    for name, backbone in config.evaluate.supervised.items() if config.evaluate is not None else ():
        made = _collect(problems, lambda name=name, backbone=backbone: make_beside(config, name, backbone, scene))
        if made is not None:
            problems += filter(None, [_cannot_see(made, f"evaluate.supervised.{name}", *shape) for shape in seen])
            sizes.append(Size(_FLOAT * sum(p.numel() for p in made.parameters()), 0))
    return sizes


def _cannot_see(network, where, bands, num_pix):
    """Why a network fails at the shape of the images, or None. where: its key."""
    import torch

    training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(2, bands, num_pix, num_pix))
    except Exception as error:  # layers answer shapes that do not fit with many different errors
        said = " ".join(str(error).split())[:200]
        return f"{where}: its backbone cannot take images of {bands} x {num_pix} x {num_pix} (bands, pixels): {said}"
    finally:
        network.train(training)
    return None


def _about_disk(config, folder, sizes):
    """Whether checkpoints, encoders and the heads of the evaluation find room. sizes: a list of `Size`."""
    needed = sum(size.training for size in sizes)
    if config.evaluate is not None:
        evaluate = config.evaluate
        heads = len(evaluate.protocols) * evaluate.seeds * len(evaluate.n_labels)
        largest = max((size.network for size in sizes), default=0)  # for that without pre-training
        needed += heads * (sum(size.network for size in sizes) + largest)  # a head keeps its encoder with it
    place = existing(folder)
    free = shutil.disk_usage(place).free
    if needed > free:
        yield (
            f"--runs: checkpoints and encoders need about {needed / 1e9:.2g} GB, and {place} has {free / 1e9:.2g} GB "
            "left; free some, or give another --runs"
        )
