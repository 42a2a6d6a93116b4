"""What lies at a path, in words: a data set of any layout, a run, a galaxy catalogue, a PSF, a table, or a recipe."""

from pathlib import Path

import numpy as np

from .errors import DataError, LenStreamError
from .evaluate.show.image_set_lines import line, note_lines, set_lines, spread, survey_lines
from .evaluate.show.proposed_configs import config_name, of_dataset, of_images, quoted
from .files import fits_table, galaxy_layouts, own_archives
from .files.columns import read_table
from .files.dataset_layouts import identify
from .files.label_tables import TABLES
from .files.paths import usable
from .files.roles import role_of
from .files.suffixes import FITS, NPY, NPZ, has_suffix, stem

PICTURES = (".png", ".pdf", ".svg", ".jpg")
LISTED = 40  # columns of a table
MOST_DRAWN = 24  # images in a picture


def inspect(path: str | Path, picture: Path | None = None) -> list[str]:
    """Lines that say what a path holds, and what a config for it would say; draws some of its images.

    Args: picture: file to write, .png, .pdf, .svg or .jpg; None: none. Raises: DataError, one sentence, if there is
    nothing that is known; LenStreamError for another format of the picture.
    """
    if picture is not None and picture.suffix.lower() not in PICTURES:
        raise LenStreamError(f"--out {picture}: expected a picture's name ending in {', '.join(PICTURES)}")
    path = usable(path)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    whole = own_archives.around(path)
    try:
        said = _said(path, picture)
    except DataError as error:
        if whole is None:
            raise
        what = (
            "" if whole == path else f"it is part of the dataset {whole}: lenstream inspect {whole} says what that is, "
        )
        raise DataError(f"{error}; {what}lenstream verify {whole} names all that is damaged") from None
    if whole not in (None, path):
        said.insert(
            1, line("part of", f"the dataset {whole}: lenstream inspect {whole} says more, such as views and units")
        )
    return said


def _said(path, picture):
    """Lines on what a path holds, by the first kind of thing that it is."""
    for kind in (_recipe, _own_archive, _run, _galaxies, _psf, _table):
        said = kind(path, picture)
        if said is not None:
            return list(said)
    return list(_images(path, picture))


def _recipe(path, picture):
    """A YAML file is read by other commands."""
    if path.suffix.lower() in (".yaml", ".yml"):
        return [
            f"{path}: a recipe, no data",
            line("next", f"lenstream config {path} checks it, lenstream preview {path} draws its lenses"),
        ]
    return None


def _run(path, picture):
    """The folder of a run."""
    if not (path / "config.yaml").is_file():
        return None
    from .runs import RunFolder, config_of, is_finished

    config = config_of(RunFolder(path))
    done = "finished" if is_finished(RunFolder(path), config) else "not finished: the same command goes on with it"
    encoders = ", ".join(config.pretrain.encoders) if config.pretrain else "none"
    judged = f"lenstream predict --run {path} --images my_lenses"
    by_hand = f'lenstream.load_encoder("{path}", ENCODER) in Python: it has no predictor, as its config has no evaluate'
    report = RunFolder(path).report
    return [
        f"{path}: a run of LenStream, {done}",
        line("name", config.name),
        line("encoders", encoders),
        *([line("report", str(report))] if report.is_file() else []),
        line("next", judged if config.evaluate else by_hand),
    ]


def _own_archive(path, picture):
    """A data set that LenStream wrote."""
    if not (path / own_archives.FILE).is_file():
        return None
    from .evaluate.show.dataset_lines import dataset_lines, first_images, opened

    described, scene = opened(path)
    if picture is not None:
        bands = list(scene.grids[0].bands)
        _draw(*first_images(path, MOST_DRAWN), bands, f"{described.name}: the first systems", picture)
    return [
        f"{path}: {described.count:,} systems of {described.name} that LenStream simulated",
        *dataset_lines(path, described, scene),
        *_end(picture, of_dataset(described, scene, path.resolve())),
    ]


def _galaxies(path, picture):
    """A galaxy catalogue of GalSim's, or the folder of one."""
    if path.is_dir():
        try:
            catalogue = galaxy_layouts.catalogue_in(path)
        except DataError as error:
            if "galaxy catalogues" in str(error):
                raise
            return None
    else:
        catalogue = path if has_suffix(path, FITS) and galaxy_layouts.is_catalogue(path) else None
    if catalogue is None:
        return None
    listed = galaxy_layouts.entries(catalogue)
    shown = np.linspace(0, len(listed.names) - 1, min(MOST_DRAWN, len(listed.names))).astype(int)
    held = dict(listed.images(shown))
    images = {k: image for k, image in held.items() if not isinstance(image, str)}
    said = [
        f"{path}: a catalogue of {len(listed.names):,} galaxies in GalSim's RealGalaxyCatalog form",
        line("catalogue", catalogue.name),
        line("magnitudes", spread(listed.magnitude[:, 0])),
        line("redshifts", spread(listed.redshift)),
        line("pixels", spread(listed.pixel_scale, " arcsec")),
        line("images", f"{len(images)} of {len(held)} that were looked at can be read"),
    ]
    said += [line("", f"{listed.names[k]}: {why}") for k, why in held.items() if isinstance(why, str)][:5]
    if images:
        bands = [""] * listed.magnitude.shape[1]
        _draw(list(images.values()), [str(listed.names[k]) for k in images], bands, catalogue.name, picture)
    config = ["extends: demo", f"name: {config_name(path)}", "simulate:", "  source:"]
    config += ["    - profile: INTERPOL", f"      catalogue: {quoted(path.resolve())}"]
    return [*said, *_end(picture if images else None, config)]


def _psf(path, picture):
    """A file with a PSF kernel, by its name."""
    if path.is_dir() or not has_suffix(path, FITS + NPY + NPZ) or role_of(stem(path)).kind != "psf":
        return None
    from .files.plain_images import read_images

    kernels = read_images(path, "psf")
    kernels = kernels[:MOST_DRAWN]
    _draw([k[None] for k in kernels], [f"sum {np.nansum(k):.4g}" for k in kernels], [""], path.name, picture)
    first = kernels[0]
    rows, columns = first.shape
    y, x = np.unravel_index(np.nanargmax(first), first.shape)
    said = [
        f"{path}: {'a PSF kernel' if len(kernels) == 1 else f'{len(kernels)} PSF kernels'}",
        line("pixels", f"{rows} x {columns}, the peak at row {y}, column {x}"),
        line("sum", f"{np.nansum(first):.4g}"),
    ]
    config = ["extends: demo", f"name: {config_name(path)}", "simulate:", "  observation:"]
    config += [f"    psf: {{kind: pixel, file: {quoted(path.resolve())}}}"]
    return [*said, *_end(picture, config)]


def _table(path, picture):
    """A table without images."""
    if path.is_dir() or not has_suffix(path, TABLES):
        return None
    if has_suffix(path, FITS) and not fits_table.names(path):
        return None
    from .files import parquet_images

    if parquet_images.has_images(path):
        return None
    columns = read_table(path)
    n = len(next(iter(columns.values()))) if columns else 0
    said = [f"{path}: a table of {n:,} rows and {len(columns)} columns"]
    for k, (name, values) in enumerate(list(columns.items())[:LISTED]):
        words = spread(values) if values.dtype.kind in "fiu" and values.ndim == 1 else _of_words(values)
        said.append(line("columns" if k == 0 else "", f"{name} {words}"))
    if len(columns) > LISTED:
        said.append(line("", f"and {len(columns) - LISTED} more"))
    return [*said, line("next", f"lenstream predict --catalogue {path}, or beside images as their labels")]


def _of_words(values):
    shown = list(dict.fromkeys(str(value) for value in values[:1000]))
    return f"{', '.join(shown[:4])}{', ...' if len(shown) > 4 else ''}"


def _images(path, picture):
    """A set of images."""
    from .evaluate.show.image_survey import survey

    images = identify(path)
    seen = survey(images)
    yield f"{path}: {images.what}"
    yield from set_lines(images)
    yield from survey_lines(images, seen)
    yield from note_lines(images)
    captions = [str(images.names[k]) for k in seen.shown]
    _draw(seen.images, captions, images.bands, f"{path.name}: {images.what}", picture)
    yield from _end(picture, of_images(images, path.resolve()))


def _draw(images, captions, bands, title, picture):
    """Draw images (bands, rows, columns), if a picture is wanted."""
    if picture is None:
        return
    from .evaluate.show.image_sheet import image_sheet

    picture.parent.mkdir(parents=True, exist_ok=True)
    image_sheet(images, captions, bands, title, picture)


def _end(picture, config):
    """Lines on the picture, and those of a config."""
    return [*([] if picture is None else [line("picture", str(picture))]), "", "# A config for it:", *config]
