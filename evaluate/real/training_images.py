"""Images like those that a network was trained on, simulated or in files, and what is usual among them."""

from dataclasses import dataclass, field

import numpy as np

from ...files.values import box_of
from ...simulate.stream import simulate
from ...simulate.systems.scene import FIRST_INDEX
from ...ssl.normalize import statistics
from . import measures

N_IMAGES = 400  # so many that beyond their extremes lies 1 new one in 200
MARGIN = 0.25  # by this fraction of its distance from the median an extreme is put further out
NEIGHBOURS = 5


@dataclass(frozen=True)
class TrainingImages:
    """Simulated validation lenses of a run, which no network was trained on, or images that its heads learnt from."""

    images: np.ndarray  # float32 (n, bands, num_pix, num_pix), counts/s
    background: np.ndarray  # float (bands,), rms of a pixel's background, in the unit of the images
    labels: dict[str, np.ndarray]  # name of a label -> float (n,)
    pixel_scale: float | None  # arcsec; None if it is not known
    with_light: bool  # the lens galaxy shines; False if that is not known
    in_files: bool = False  # they are not simulated: noise maps beside them were not read
    looks: dict = field(default_factory=dict)  # what `flags` measured on them, by band and box

    def relative(self, band):
        """The images of a band in units of the background's noise, (n, num_pix, num_pix)."""
        return self.images[:, band] / self.background[band]

    def central_radius(self):
        """Pixels around the centre where no arc of the smallest simulated lenses is."""
        smallest = self.einstein_radius(np.nanmin) or 0.0
        return max(1.5, smallest / 2, 0.0 if smallest else self.images.shape[-1] / 16)

    def einstein_radius(self, of):
        """The smallest or largest theta_E in pixels (of: np.nanmin or np.nanmax); None if it is not known."""
        if self.pixel_scale is None or "theta_E" not in self.labels:
            return None
        return of(self.labels["theta_E"]) / self.pixel_scale


def lens_shines(simulation):
    """Whether simulated images show the lens galaxy: it has light, of which nothing is subtracted."""
    return bool(simulation.lens_light) and not simulation.observation.subtract_lens_light


def training_images(scene, threads=1):
    """The `TrainingImages` of a scene: N_IMAGES of its validation lenses, rendered anew (they are not in the run)."""
    indices = np.arange(N_IMAGES, dtype=np.uint64) + np.uint64(FIRST_INDEX["validation"])
    batch = simulate(scene, indices, threads=threads, derived=False)
    labels = {name: values.numpy().reshape(len(indices), -1)[:, 0] for name, values in batch.labels.items()}
    images = np.nan_to_num(batch.images[:, 0].numpy(), copy=False)
    background = np.array([band.background for band in scene.bands.values()])
    background = np.where(background > 0, background, _noise_of(images))
    return TrainingImages(images, background, labels, scene.instrument.pixel_scale, lens_shines(scene.config))


def training_images_in_files(examples, pixel_scale):
    """The `TrainingImages` of `tasks.examples.Examples`: up to N_IMAGES of those to learn from.

    pixel_scale: arcsec, or None.
    """
    labelled = examples.labelled("labelled", min(N_IMAGES, examples.count("labelled")))
    images = labelled.images.numpy()
    labels = {name: values.numpy() for name, values in labelled.true.items()}
    noise = statistics(images).noise
    return TrainingImages(np.nan_to_num(images), noise, labels, pixel_scale, with_light=False, in_files=True)


def _noise_of(images):
    """A scale for images without noise: the median pixel of each band, (bands,)."""
    typical = np.median(np.abs(images), axis=(0, 2, 3))
    return np.where(typical > 0, typical, 1.0)


def usual(values):
    """The range (low, high) that values like these (n,) hardly leave."""
    values = values[np.isfinite(values)]
    if not len(values):
        return -np.inf, np.inf
    low, middle, high = values.min(), np.median(values), values.max()
    return low - MARGIN * (middle - low), high + MARGIN * (high - middle)


def looks(images, observed, radius):
    """Every measure of `measures` that is compared, of images (n, rows, columns) in units of their noise: name -> (n,).

    observed: bool (rows, columns). radius: of the centre, in pixels.
    """
    smooth = measures.smoothed(np.where(observed, images, 0.0))
    levels = np.sort(measures.corners(images, observed), axis=1)  # those without one come last
    with np.errstate(all="ignore"):
        return {
            "sky": np.where(np.isfinite(levels[:, 1]), levels[:, 1], levels[:, 0]),
            "unevenness": levels[:, 2] - levels[:, 0],  # the highest one may hold an arc
            "scatter": measures.scatter(images, observed),
            "peak": smooth.max((1, 2)),
            "lowest": smooth.min((1, 2)),
            "sharpness": measures.sharpness(images, smooth, observed),
            "centre": measures.centre_over_rest(smooth, radius),
            "border": measures.border(smooth, box_of(observed)),
            "offset": measures.ring_offset(smooth),
        }


class Strangeness:
    """How far images are from simulated ones in the features of a network: mean distance of the nearest neighbours."""

    def __init__(self, features):
        """features: of the simulated images, (n, d)."""
        features = np.asarray(features, dtype=np.float64)
        self._mean, std = features.mean(0), features.std(0)
        self._std = np.where(std > 1e-6 * np.abs(self._mean).max(initial=1e-30), std, np.inf)
        self._known = self._scaled(features)
        self._farthest = self._distance(self._known, NEIGHBOURS + 1).max()  # each is its own neighbour, too

    def __call__(self, features):
        """Distance of (n, d) features over that of the simulated image that is farthest from all others, (n,)."""
        return self._distance(self._scaled(features), NEIGHBOURS) / max(self._farthest, 1e-30)

    def _scaled(self, features):
        return (features - self._mean) / self._std

    def _distance(self, features, k):
        squared = (features**2).sum(1)[:, None] + (self._known**2).sum(1) - 2 * features @ self._known.T
        nearest = np.sort(np.sqrt(np.clip(squared, 0, None)), axis=1)[:, :k]
        return nearest[:, k - NEIGHBOURS :].mean(1)
