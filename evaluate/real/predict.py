"""Predict lens parameters of real images with the networks of a finished run."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ...configs.turning import without_partner
from ...errors import DataError, grouped
from ...files.csv_writing import write_csv
from ...files.file_groups import counted, in_words, lenses_of, name_of
from ...files.whole import folder_for, write_text
from ...ssl.probe import features_of
from ..kept_heads import load_predictor
from ..show.report import RealLensResults
from ..tasks import regression
from ..tasks.finetuned_posteriors import encoder_of
from ..tasks.posteriors import intervals
from . import (
    catalogue,
    exported,
    flags,
    frames,
    lens_figure,
    lens_fits,
    lens_samples,
    predicted_pages,
    published,
    refining_files,
)
from .expected_images import of_examples, of_scene, read
from .training_images import Strangeness, usual


class Estimates(NamedTuple):
    """What the networks of a run say of some images: arrays (n, t)."""

    mean: np.ndarray
    std: np.ndarray
    disagreement: np.ndarray  # standard deviation between seeds


def predict_folder(config, scene, run, lenses, out=None, samples=None, export=None, start=None, stop=lambda: False):
    """Predict the lens parameters of every FITS cut-out of a folder, of some files, or of a data set of any layout.

    Args:
        config, scene: of the run; scene is None where nothing is simulated. run: its folder.
        lenses: `configs.schema.RealLenses`: images, catalogue.
        out: folder for predictions.csv, summary.csv and real_lenses.png; None is predictions/NAME in the run, the name
            being that of the folder of images, or of a single file.
        samples: file to write samples of the posteriors to, as `lens_samples.write_samples` does; None: they are not.
        export: folder for what other programs read, as `exported.export_predictions` writes it, and of fits
            `exported_fits.export_fit`; None: it is not.
        start, stop: where the simulator's fits begin, and when they end early, as of `refining_files.refine_files`;
            None: there are none.

    Where the run kept a head that gives posteriors, all numbers are of its samples, and the table has intervals.
    Returns: `RealLensResults`; its summary is None without a catalogue.
    Raises: DataError for a run without a predictor, and for what cannot be read.
    """
    run = Path(run)
    out = folder_for(out or run / "predictions" / name_of(lenses.images))
    targets = config.evaluate.targets
    check_frame(lenses.frame, targets)
    if start is not None:
        lens_fits.check(config)
        refining_files.check_folders(start, export)
    values = catalogue.read_catalogue(lenses.catalogue, lenses) if lenses.catalogue else None
    task = regression.make_regression(config, scene)
    kept = load_predictor(task, config, scene, run)
    posterior = lens_samples.posterior_group(kept)
    used = kept if posterior is None else [posterior]
    groups = [[(head, np.array(facts["rmse"])) for head, facts in group] for group in used]
    if not groups:
        raise DataError(f"{run} holds no predictor; expected a finished run (lenstream run, or lenstream evaluate)")
    lens_samples.check_samples(samples, posterior, run)
    expected = of_examples(task.examples) if scene is None else of_scene(scene)
    if export is not None:  # before all work, as it may be refused
        lens, export = exported.predicted_lens(scene, targets, expected.bands), folder_for(export)
    found = read(expected, lenses)
    cutouts, skipped = found.cutouts, found.skipped
    orientations = [c.facts.orientation for c in cutouts]
    matched = notes = None
    if values is not None:
        matched, notes = catalogue.match(values, [c.name for c in cutouts], targets, orientations, lenses)

    training = expected.training()
    cutouts, doubts = zip(*(flags.settle_sky(c, training) for c in cutouts), strict=True)
    images = seen(cutouts, expected.background)
    estimates = estimate(groups, images)
    of_networks = _doubts_of_networks(groups, images, estimates, training, targets)
    doubts = [
        [*of_sky, *flags.doubts_of_image(cutout, training), *more, *_doubts_of_frame(orientation, lenses.frame)]
        for of_sky, cutout, more, orientation in zip(doubts, cutouts, of_networks, orientations, strict=True)
    ]

    predictions = {t: (estimates.mean[:, k], estimates.std[:, k]) for k, t in enumerate(targets)}
    in_array, drawn_in_array = predictions, None
    predictions, ends = frames.in_frame(predictions, orientations, lenses.frame), {}
    if posterior is not None:
        drawn = drawn_in_array = lens_samples.draw_samples(posterior, images, config.seed)
        in_array = {t: (drawn[..., k].mean(1), drawn[..., k].std(1)) for k, t in enumerate(targets)}
        drawn = lens_samples.turned_samples(drawn, targets, orientations, lenses.frame)
        predictions = {t: (drawn[..., k].mean(1), drawn[..., k].std(1)) for k, t in enumerate(targets)}
        ends = {t: intervals(drawn[..., k]) for k, t in enumerate(targets)}
        if samples is not None:
            lens_samples.write_samples(samples, [c.name for c in cutouts], targets, drawn, lenses.frame)
    table = published.prediction_table(cutouts, predictions, lenses.frame, [flags.names(of) for of in doubts], ends)
    published_columns = () if values is None else values.columns
    for name, held in found.labels.items():
        if name.removesuffix("_label") not in published_columns:
            table[name] = held
    summary = None
    if matched is not None:
        without_errors = {t: (known, np.zeros(len(known))) for t, known in matched.items()}
        turned = frames.in_frame(without_errors, orientations, lenses.frame)
        table = published.beside_published(table, {t: known for t, (known, _) in turned.items()})
        summary = published.summary(table)
    said = [*how_read(cutouts, lenses, expected.bands, found), *found.notes]
    write_text(out / "how_read.txt", "".join(f"{sentence}\n" for sentence in said))
    write_csv(table, out / "predictions.csv", float_format="%.5g")
    if summary is not None:
        write_csv(summary, out / "summary.csv", float_format="%.5g")
    lens_figure.draw(cutouts, table, out / "real_lenses.png")
    sentences = flags.in_words(table["name"], doubts)
    if export is not None:
        sentences += exported.export_predictions(export, lens, cutouts, in_array, drawn_in_array, table)
    results = RealLensResults(table, summary, out / "real_lenses.png", skipped, sentences, notes or [], said)
    if start is not None:
        drawn = lens_samples.of_each(cutouts, targets, in_array, drawn_in_array)
        told = refining_files.Told(cutouts, drawn, matched or {})
        results.refined = refining_files.refine_files(config, scene, run, lenses, told, start, out, stop, export)
    results.page = predicted_pages.write_pages(out, cutouts, results, doubts, export)
    return results


def how_read(cutouts, lenses, bands, found):
    """Sentences on which parts of the files were used and which were not, one for each kind of file.

    lenses: `configs.schema.RealLenses`. bands: as for `read_cutouts`. found: `set_cutouts.Lenses`.
    """
    said = [(c.name, c.used + (f"; not used: {', '.join(c.ignored)}" if c.ignored else "")) for c in cutouts]
    known = {Path(lenses.catalogue).resolve()} if lenses.catalogue else set()
    beside = lenses_of(found.files, bands)[1] if found.files else []
    others = [path for path in beside if path.resolve() not in known and path.name not in " ".join(found.notes)]
    return grouped(said) + (
        [f"nothing of {counted(others)} that lie in {in_words(found.files)}, too"] if others else []
    )


def check_frame(frame, targets):
    """Raises DataError where a frame other than the array's is asked for and a target's other component is missing."""
    alone = without_partner(targets)
    if frame != frames.ARRAY and alone:
        raise DataError(
            f"real_lenses.frame: {frame} needs both components of {alone[0]}, but evaluate.targets has only one; "
            f"expected frame: {frames.ARRAY}"
        )


def seen(cutouts, background):
    """Cut-outs as a network sees them, float32 tensor (n, bands, h, w): the noise of each band at its background.

    background: float array (bands,) [counts/s]; None: fluxes are left as they are, NaN where a pixel is lost.
    """
    if background is None:
        return torch.from_numpy(np.stack([_as_they_are(c) for c in cutouts]).astype(np.float32))
    return torch.from_numpy(np.stack([_scaled(c, background) for c in cutouts]).astype(np.float32))


def _as_they_are(cutout):
    """The image (bands, num_pix, num_pix), as those in files come to a network."""
    image = cutout.image if cutout.filled is None else np.where(cutout.filled, np.nan, cutout.image)
    return image.reshape(-1, *image.shape[-2:])


def _scaled(cutout, background):
    """The image (bands, num_pix, num_pix) with the noise of each band at what the network knows of it, background."""
    level = np.median(cutout.noise, axis=(-2, -1), keepdims=True)
    return cutout.image / level * np.reshape(background, (-1, 1, 1)).astype(cutout.image.dtype)


def estimate(groups, images):
    """The `Estimates` of each target for images (n, bands, h, w) as `seen` makes them.

    groups: one for each encoder and protocol, with (regressor, RMSE of each target on simulated lenses) for every seed.
    Each target is taken from the group with the smallest error. The mean is over the group's seeds; the variance adds
    their spread to that squared error, so it holds for lenses such as the simulated ones.
    """
    means, spreads, variances = [], [], []
    for group in groups:
        predicted = np.stack([regression.predict(regressor, images) for regressor, _ in group]).astype(float)
        means.append(predicted.mean(0))
        spreads.append(predicted.std(0))
        variances.append(squared_error(group) + predicted.var(0))
    chosen = best_groups(groups)
    target = np.arange(len(chosen))
    mean, spread, variance = (np.stack(of)[chosen, :, target].T for of in (means, spreads, variances))
    return Estimates(mean, np.sqrt(variance), spread)


def squared_error(group):
    """Mean over seeds of the squared error of each target on simulated lenses, (t,)."""
    return np.mean([rmse**2 for _, rmse in group], axis=0)


def best_groups(groups):
    """The number of the group with the smallest error, for each target (t,)."""
    return np.argmin([squared_error(group) for group in groups], axis=0)


def _doubts_of_frame(orientation, frame):
    """The doubt about an image that does not say where North is, where that is asked for; a list of `flags.Doubt`."""
    return [flags.Doubt("no_orientation", "")] if frame == frames.NORTH_EAST and orientation is None else []


def _doubts_of_networks(groups, images, estimates, training, targets):
    """Doubts about predictions: their values, the spread of seeds, the features; a list of `flags.Doubt` a lens."""
    chosen = best_groups(groups)
    errors = np.sqrt([squared_error(groups[g])[k] for k, g in enumerate(chosen)])
    simulated = torch.from_numpy(training.images)
    most = [usual(spread)[1] for spread in estimate(groups, simulated).disagreement.T]
    strange = np.zeros(len(images))
    for g in set(chosen.tolist()):
        network = encoder_of(groups[g][0][0])
        strange = np.maximum(strange, Strangeness(features_of(network, simulated))(features_of(network, images)))
    doubts = []
    for k in range(len(images)):
        values = dict(zip(targets, estimates.mean[k], strict=True))
        found = flags.doubts_of_prediction(values, dict(zip(targets, errors, strict=True)), training)
        apart = [
            f"{target} ± {spread:.2g}"
            for target, spread, usually, error in zip(targets, estimates.disagreement[k], most, errors, strict=True)
            if spread > max(usually, error)
        ]
        found += [flags.Doubt("seeds_disagree", ", ".join(apart))] if apart else []
        found += [flags.Doubt("unlike_training", f"{strange[k]:.2g}")] if strange[k] > 1 else []
        doubts.append(found)
    return doubts
