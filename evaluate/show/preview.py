"""Preview a simulation: images of some systems, histograms of all labels, the renderer's error and speed."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.patches import Patch

from ...errors import LenStreamError
from ...simulate.labels import all_labels
from ...simulate.render import render_all
from ...simulate.selection import acceptance, draw
from ...simulate.systems.draw import Views
from ...simulate.systems.scene import describe_grids, make_scene
from .colours import by_wavelength, coloured, weights
from .figures import bare, figure, grid_of_axes, plain
from .image_error import FINE, image_errors
from .symbols import after_number, symbol, with_unit

SHOWN = 24  # systems in the picture
POPULATION = 512  # systems behind the histograms
CHECKED = 8  # systems whose error is measured
MOST_PANELS = 20
COLUMNS, PANEL_COLUMNS, WIDTH = 8, 5, 12.5  # images and histograms in a row, inches
CLASS_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7B4FA3", "#8A8A8A"]
LENS = ("theta_E", "gamma", "e1", "e2")
DERIVED = ("theta_E_mean_kappa", "theta_E_critical_area", "magnification", "arc_snr")


@dataclass(frozen=True)
class Sheet:
    """What a preview shows: the systems of the picture, and the labels of the whole population."""

    images: tuple[np.ndarray, ...]  # of each pixel grid float32 (n, b, num_pix, num_pix) [counts/s/pixel]
    lost: tuple[np.ndarray, ...]  # of each pixel grid bool (n, num_pix, num_pix), lost in any of its bands
    shown: np.ndarray  # int (n,), which of the population they are
    labels: dict  # name -> float64 (POPULATION,), NaN where there is none
    class_number: np.ndarray  # int (POPULATION,), number in `simulate.classes`


def preview(config, path):
    """Draw a contact sheet of simulated systems and histograms of their labels, and measure error and speed.

    Args: config: `configs.schema.Config`. path: the picture to write (.png, .pdf, .svg or .jpg).
    Returns: lines of text: classes, acceptance of the selection, error, speed, where the picture is.
    Raises: LenStreamError for another format of the picture.
    """
    path = Path(path)
    if path.suffix.lower() not in (".png", ".pdf", ".svg", ".jpg"):
        raise LenStreamError(f"--out {path}: expected a picture's name ending in .png, .pdf, .svg or .jpg")
    path.parent.mkdir(parents=True, exist_ok=True)
    scene = make_scene(config)
    systems = draw(scene, np.arange(POPULATION), Views())
    drawn = sheet(scene, systems)
    mode = f" (mode: {config.mode})" if config.mode else ""
    picture(scene, drawn, path, config.name + mode)
    return [
        *_classes_in_words(scene, systems.class_number),
        *_selection_in_words(scene, systems),
        *_errors_in_words(scene, drawn.shown),
        _speed_in_words(scene),
        f"wrote {path}",
    ]


def sheet(scene, systems):
    """Labels of all `systems`, with images of some of them, as `Sheet`; of every class as many as there is room for."""
    values = {n: v if v.ndim == 1 else v[:, 0] for n, v in all_labels(scene, systems).items()}
    shown = _chosen(systems.class_number, max(SHOWN // len(scene.grids), 1))
    rendered = render_all(scene, draw(scene, systems.indices[shown], Views()))
    images = tuple(grid[:, 0] for grid in _by_grid(rendered.images))
    lost = tuple(~np.isfinite(grid).all(1) for grid in images)
    if rendered.mask is not None:
        lost = tuple(a | b[:, 0].any(1) for a, b in zip(lost, _by_grid(rendered.mask), strict=True))
    return Sheet(images, lost, shown, values, systems.class_number)


def _by_grid(arrays):
    """Images or masks as a tuple with those of each pixel grid."""
    return arrays if isinstance(arrays, tuple) else (arrays,)


def _chosen(class_number, most):
    """The first systems of each class, class by class: a few of every one, the rest in proportion; `most` in all."""
    present, counts = np.unique(class_number, return_counts=True)
    least = min(most // (2 * len(present)), counts.min()) if len(present) < most else 1
    room = max(most - least * len(present), 0) * counts / len(class_number)
    each = least + room.astype(int)
    each[np.argsort(each - least - room, kind="stable")[: max(most - each.sum(), 0)]] += 1
    return np.concatenate([np.flatnonzero(class_number == k)[:m] for k, m in zip(present, each, strict=True)])


def images_per_second(scene, batch=64, seconds=1.0):
    """Systems drawn and rendered in a second, with noise, on one core, in batches."""
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        render_all(scene, draw(scene, np.arange(done, done + batch), Views()))
        done += batch
    return done / (time.perf_counter() - begun)


def _classes_in_words(scene, class_number):
    names = list(scene.config.classes)
    if names:
        counts = np.bincount(class_number, minlength=len(names))
        words = ", ".join(f"{name} {count / len(class_number):.1%}" for name, count in zip(names, counts, strict=True))
        yield f"{len(names)} classes: {words} of {len(class_number)} systems"


def _selection_in_words(scene, systems):
    if scene.config.selection is not None:
        yield f"selection: {acceptance(systems):.1%} of the drawn systems pass ({len(systems.indices)} kept)"


def _errors_in_words(scene, shown):
    """The errors of the images by the rays and by the PSF, each with its setting and with what would lower it."""
    indices = shown[np.linspace(0, len(shown) - 1, min(CHECKED, len(shown))).astype(int)]
    image, within = scene.config.image, all(t.within_pixels for t in scene.bands.values())
    adaptive, fine = image.rays == "adaptive", max(t.supersampling for t in scene.bands.values())
    of_rays, of_psf = image_errors(scene, indices)
    rays = f"adaptive, image.tolerance: {image.tolerance:g}" if adaptive else f"{image.rays}"
    less = "a smaller tolerance" if adaptive else "more of them, or adaptive ones,"
    yield f"error by the rays (image.rays: {rays}): {_median_and_worst(of_rays)} of the peak; {less} would lower it"
    if of_psf is None:
        kinds = {t.psf_kind for t in scene.bands.values()}
        yield (
            "error by the PSF: none, as there is none"
            if kinds == {"none"}
            else ("error by the PSF: not known, as a kernel from a file says nothing of the light within its pixels")
        )
        return
    setting = "auto" if within else f"{fine}"
    less = "" if within and adaptive else "; auto, with image.rays: adaptive, would lower it"
    words = f"error by the PSF (psf.supersampling: {setting}): {_median_and_worst(of_psf)} of the peak{less}"
    yield f"{words} ({len(indices)} systems, noise-free, against the PSF on pixels {FINE} times as fine)"


def _median_and_worst(values):
    return f"median {np.median(values):.2g}, worst {values.max():.2g}"


def _speed_in_words(scene):
    bands = f" of {len(scene.bands)} bands" if len(scene.bands) > 1 else ""
    return f"speed: {images_per_second(scene):,.0f} images{bands} a second on one core, drawn, with noise"


def picture(scene, drawn, path, name):
    """Write the contact sheet and the histograms of a `Sheet`."""
    panels, left_out = _panels(drawn)
    n, population, n_grids = len(drawn.shown), len(drawn.class_number), len(drawn.images)
    columns = min(max(COLUMNS // n_grids, 1), n) * n_grids  # the images of a system stand side by side
    captions = [caption(drawn.labels, k) for k in drawn.shown]
    lines = max(words.count("\n") + 1 for words in captions) + 1.5 * bool(scene.config.classes)
    side = WIDTH / max(columns, 4)  # few systems are not drawn larger than this
    rows = [(side + 0.05 + 0.12 * lines) * -(-n * n_grids // columns), 1.7 * max(-(-len(panels) // PANEL_COLUMNS), 0.1)]
    with figure(path, WIDTH, sum(rows) + 1.2) as fig:
        fig.suptitle(_title(scene, drawn, name), fontsize=11)
        top, bottom = fig.subfigures(2, 1, height_ratios=rows)
        classes, colour = list(scene.config.classes), colours_of_classes(scene)
        axes = list(grid_of_axes(top, n * n_grids, columns))
        for g, grid in enumerate(scene.grids):
            weight = weights(drawn.images[g])
            for k, ax in enumerate(axes[g::n_grids]):
                ax.imshow(coloured(drawn.images[g][k], drawn.lost[g][k], list(grid.bands), weight), origin="lower")
                bare(ax)
                if n_grids > 1:
                    words = " ".join(by_wavelength(list(grid.bands)))
                    ax.text(0.04, 0.95, words, transform=ax.transAxes, color="white", fontsize=8, va="top")
        for k, (picked, ax) in enumerate(zip(drawn.shown, axes[::n_grids], strict=True)):
            if classes:
                number = drawn.class_number[picked]
                ax.set_title(classes[number], color=colour[number], fontsize=9, fontweight="bold", pad=2)
            ax.set_xlabel(captions[k], fontsize=7.5, linespacing=1.25, labelpad=2)
        more = f"; {left_out} more {'label varies' if left_out == 1 else 'labels vary'}" if left_out else ""
        bottom.suptitle(f"The labels of {population} systems{more}", fontsize=10)
        for label, ax in zip(panels, grid_of_axes(bottom, len(panels), PANEL_COLUMNS), strict=True):
            _histogram(ax, label, drawn, colour)
        if classes:
            keys = [Patch(color=c, label=name) for name, c in zip(classes, colour, strict=True)]
            fig.legend(handles=keys, loc="outside lower center", ncols=8, frameon=False, fontsize=9)


def _title(scene, drawn, name):
    grids, size, scale = scene.grids, scene.config.image.num_pix, scene.instrument.pixel_scale
    pixels = f'{size} x {size} pixels of {scale:g}"' if len(grids) == 1 else describe_grids(scene)
    words = f"{name}: {len(drawn.shown)} systems, {pixels}\nasinh stretch, each image on its own scale"
    of_colour = [", ".join(by_wavelength(list(grid.bands))) for grid in grids if len(grid.bands) > 1]
    if of_colour:
        words += f"; red to blue are the bands {'; '.join(of_colour)}"
    return words + ("; lost pixels are turquoise" if any(lost.any() for lost in drawn.lost) else "")


def colours_of_classes(scene):
    """A colour for each class, in their order; a single colour if there are no classes."""
    n = max(len(scene.config.classes), 1)
    return [CLASS_COLOURS[k % len(CLASS_COLOURS)] for k in range(n)]


def caption(labels, k):
    """The caption of system `k` in up to three lines: what can be checked in its picture."""

    def value(name):
        number = labels.get(name, np.full(k + 1, np.nan))[k]
        return number if np.isfinite(number) else None

    lens, effective, lines = value("theta_E"), value("theta_E_mean_kappa"), []
    if lens is not None or effective is not None:
        both = (("theta_E", lens), ("theta_E_mean_kappa", effective))
        lines.append("  ".join(f"{symbol(n)} {v:.2f}{after_number(n)}" for n, v in both if v is not None))
    shown = []
    if value("magnification") is not None:
        shown.append(f"{symbol('magnification')} {value('magnification'):,.1f}")
    if value("arc_snr") is not None:
        shown.append(f"S/N {value('arc_snr'):,.0f}")
    if shown:
        lines.append("  ".join(shown))
    if value("n_halos"):
        lines.append(f"{value('n_halos'):.0f} subhalos")
    return "\n".join(lines)


def _panels(drawn):
    """Names of the labels that vary, the lens first, at most as many as there are panels; how many are left out."""
    classes = [drawn.class_number == k for k in np.unique(drawn.class_number)]
    varying = [n for n, v in drawn.labels.items() if any(_varies(v[of_class]) for of_class in classes)]
    of_light = [n for n in varying if n.startswith(("source_", "lens_light_"))]
    lens = [n for n in varying if n not in of_light and n not in DERIVED]
    ordered = [n for n in LENS if n in lens] + [n for n in DERIVED if n in varying]
    ordered += [n for n in [*lens, *of_light] if n not in ordered]
    return ordered[:MOST_PANELS], max(len(ordered) - MOST_PANELS, 0)


def _varies(values):
    values = values[np.isfinite(values)]
    return values.size > 1 and np.ptp(values) > 1e-9 * np.abs(values).max()


def _histogram(ax, label, drawn, colour):
    """One label, stacked by class; logarithmic, and then without zeros, if it has a long tail."""
    values = drawn.labels[label]
    finite = np.isfinite(values)
    positive = finite & (values > 0)
    log = positive.any() and values[finite].min() >= 0
    low, middle, high = np.percentile(values[positive], [1, 50, 99]) if log else (1, 1, 1)
    log = log and high > 5 * middle and high > 30 * low
    used = positive if log else finite
    scaled = np.log10(values[used]) if log else values[used]
    edges = np.histogram_bin_edges(scaled, int(np.clip(np.sqrt(scaled.size), 8, 30)))
    edges = 10.0**edges if log else edges
    groups = [values[used & (drawn.class_number == k)] for k in range(len(colour))]
    ax.hist(groups, bins=edges, stacked=True, color=colour, histtype="stepfilled", linewidth=0)
    plain(ax)
    if log:
        ax.set_xscale("log")
    else:
        ax.locator_params(axis="x", nbins=4)
        if values[used].max() >= 1e5:
            ax.xaxis.set_major_formatter("{x:.2g}")  # not a power of ten apart from the numbers
    ax.locator_params(axis="y", nbins=3)
    ax.tick_params(labelsize=8)
    zeros = int((finite & ~used).sum())
    note = f", {zeros} at 0" if zeros else ""
    ax.set_xlabel(with_unit(label) + note, fontsize=9)
