"""Which images a run's encoder takes for the most like some others: tables, a picture, how usual each is."""

import itertools
from pathlib import Path

import numpy as np

from .errors import DataError, nearest
from .extras import need
from .files.file_groups import name_of
from .files.whole import folder_for
from .runs import RunFolder, config_of


def similar(run, images, encoder=None, among=(), n=10, pixel_scale=None, out=None):
    """Find the nearest neighbours of images by a run's encoder; print them, and write similar.csv and similar.png.

    Args:
        run: folder of an evaluated run. images: paths, FITS cut-outs or data sets of any layout.
        encoder: its name, "random" for the one with the weights it starts from; None: the best at the first target.
        among: sets to search: paths, and "test" for the test lenses of the run; without any, the test lenses.
        n: neighbours of each. pixel_scale: of all images, arcsec; None: as the files say.
        out: folder to write to; None: similar/NAME in the run, after the images.

    Returns: the table, a DataFrame. Raises: DataError for what cannot be used.
    """
    need("train", "similar images")
    from .evaluate import similar as searching
    from .evaluate.likeness import Likeness
    from .evaluate.real.seen_sets import encoder_of, expected_of, read_set
    from .evaluate.results import Evaluation
    from .evaluate.show import neighbours_figure, terminal
    from .evaluate.tasks.choose import make_task
    from .files.csv_writing import write_csv
    from .pipeline import scene_of_run

    folder = RunFolder(run)
    config = _evaluated(folder)
    evaluation = Evaluation.load(folder.path)
    encoder = _encoder(folder, config, evaluation, encoder)
    images = [str(path) for path in images]
    among = [str(place) for place in among] or [searching.TEST]
    out = folder_for(out or folder.path / "similar" / name_of(images))
    scene = scene_of_run(folder, config)
    task = make_task(config, scene)
    expected = expected_of(config, scene)
    network = encoder_of(config, scene, folder, encoder)
    known = Likeness(evaluation.features[encoder])
    training = expected.training()

    def read(name, places):
        seen = read_set(expected, training, {encoder: network}, places, pixel_scale)
        terminal.print_skipped(seen.skipped)
        return searching.searched(name, seen, encoder, config.evaluate.targets)

    queries = read("", images[0] if len(images) == 1 else images)
    sets = [
        _tests(task, evaluation, encoder) if place == searching.TEST else read(name, place)
        for name, place in _named(among).items()
    ]
    found = searching.nearest(queries, sets, known, n)
    table = searching.table(queries, sets, found)
    write_csv(table, out / "similar.csv", float_format="%.6g")
    thumbnails = _thumbnails(found, sets, task, config, scene, evaluation)
    queries.images.fetch(range(min(len(found), neighbours_figure.SHOWN)))
    neighbours_figure.draw(queries, sets, found, thumbnails, out / "similar.png")
    _print(table, queries, found, encoder, len(known.test), config.evaluate.targets)
    print(f"wrote {out / 'similar.csv'} and similar.png")
    return table


def _evaluated(folder):
    """The config of an evaluated run. Raises: DataError for others."""
    config = config_of(folder)
    if config.evaluate is None or not folder.results.is_file() or not folder.arrays.is_file():
        lacks = "its config has no evaluate" if config.evaluate is None else "it is not evaluated yet"
        raise DataError(
            f"{folder.path} has no test lenses to compare with, as {lacks}; expected a run that lenstream run or "
            "lenstream evaluate has finished"
        )
    return config


def _encoder(folder, config, evaluation, name):
    """The name of an encoder that the run has; of none, the best at the first target, frozen if possible."""
    known = list(evaluation.features)
    if name is None:
        from .evaluate.results import frame
        from .evaluate.show.tables import MeanScores

        best = MeanScores(frame(evaluation.scores)).best()
        return best.encoder if best is not None and best.encoder in known else next(iter(config.pretrain.encoders))
    if name not in known:
        raise DataError(
            f'--encoder {name}: no encoder "{name}" in {folder.path}, which has {", ".join(known)}.'
            f"{nearest(name, known)}"
        )
    return name


def _named(places):
    """Sets by short names: those of files and folders, or whole paths where two are called alike."""
    short = [Path(place).name or place for place in places]
    return {place if short.count(name) > 1 else name: place for name, place in zip(short, places, strict=True)}


def _tests(task, evaluation, encoder):
    """The test lenses as `evaluate.similar.SearchedSet`, which are drawn when they are shown."""
    from .evaluate import similar as searching
    from .evaluate.show.outputs import classes_of, labels_of

    labels = labels_of(evaluation)
    for target, names in classes_of(task).items():
        if target in labels:
            labels[target] = [names[int(number)] for number in labels[target]]
    names = [str(index) for index in evaluation.indices]
    return searching.SearchedSet(searching.TEST, names, None, evaluation.features[encoder], labels)


def _thumbnails(found, sets, task, config, scene, evaluation):
    """The images (h, w) of all neighbours that are shown: (set, number) -> image."""
    from .evaluate.show.neighbours_figure import COLUMNS, SHOWN
    from .evaluate.show.outputs import images_of_tests

    shown = found[:SHOWN]
    places = dict.fromkeys(itertools.chain.from_iterable(one.places[:COLUMNS] for one in shown))
    for k, images in ((k, of.images) for k, of in enumerate(sets) if of.images is not None):
        images.fetch([i for of_set, i in places if of_set == k])
    thumbnails = {(k, i): sets[k].images[i].sum(0) for k, i in places if sets[k].images is not None}
    drawn = [(k, i) for k, i in places if sets[k].images is None]
    if drawn and config.evaluate.data is not None:
        images = images_of_tests(task, config, scene, evaluation.indices)[[i for _, i in drawn]]
    elif drawn:
        images = images_of_tests(task, config, scene, evaluation.indices[[i for _, i in drawn]])
    for place, image in zip(drawn, images if drawn else (), strict=True):
        thumbnails[place] = image.sum(0) if np.ndim(image) == 3 else image
    return thumbnails


def _print(table, queries, found, encoder, n_test, targets):
    """Print the neighbours of each image, and how usual it is among the test lenses."""
    from .evaluate.show.terminal import print_table
    from .evaluate.similar import in_words

    for one in found:
        name = queries.names[one.query]
        print(in_words(name, one.strange, n_test))
    shown = table.rename(columns={"query": "image"}).set_index("image")
    shown = shown.drop(columns="unusual").dropna(axis=1, how="all")
    told = [*shown.columns[:4], *[c for c in shown.columns[4:] if c in targets or c == "class"]]
    shown = shown[told if len(told) > 4 else shown.columns[:7]]
    print_table(shown.astype(object).where(shown.notna(), "-"), f"nearest neighbours by {encoder}")
