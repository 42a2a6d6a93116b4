"""Scale pixel values for a network, and measure the noise, mean and standard deviation that this needs."""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ..errors import DataError

SCALINGS = ("asinh", "zscore", "minmax")  # their order is written into weights files
FAINTEST = 1e-4  # of the standard deviation: less noise than that is rounding


class Statistics(NamedTuple):
    """Noise, mean and standard deviation of the pixels of many images, in their unit; float64 (bands,) each."""

    noise: np.ndarray  # rms of the background
    mean: np.ndarray
    std: np.ndarray  # of all pixels, bright ones included

    @staticmethod
    def of_background(background, bands=1):
        """The statistics if only the rms per pixel of the background is known: a number, or an array (bands,)."""
        rms = np.broadcast_to(np.asarray(background, dtype=float), (bands,))
        return Statistics(rms.copy(), np.zeros(bands), rms.copy())


def statistics(images):
    """`Statistics` of float images (n, bands, h, w); pixels that are not finite are left out.

    The noise is measured image by image in a frame around the edge, away from the lens, and the median image counts.
    It is the median absolute second difference of pixels two apart: slopes drop out, of the sky or of a galaxy's light,
    and so do most of the correlations of drizzled pixels, with which next neighbours would seem too quiet. Data without
    noise get the standard deviation in its place, and constant data 1, so that nothing is divided by zero.
    """
    images = np.asarray(images)
    rows = [_of_band(np.where(np.isfinite(band), band, np.nan).astype(float)) for band in np.moveaxis(images, 1, 0)]
    return Statistics(*np.array(rows).T)


def _of_band(images):
    """Noise, mean and standard deviation of images (n, h, w) in which NaN marks lost pixels."""
    if np.isnan(images).all():
        return 1.0, 0.0, 1.0
    mean, std = np.nanmean(images), np.nanstd(images)
    if std <= 1e-9 * np.nanmax(np.abs(images)):  # constant, but for rounding
        std = 1.0
    noise, check = np.nanmedian([_frame_noise(image) for image in images if np.isfinite(image).any()], axis=0)
    # Of noise both are the rms; the wings of galaxies without noise fade from one order to the next.
    is_noise = check > 0.5 * noise and noise > FAINTEST * std
    return (noise if is_noise else std), mean, std


def _frame_noise(image):
    """Rms per pixel in the frame of one image (h, w), from second and from third differences; NaN if all is lost."""
    frame = image.copy()
    inner = tuple(slice(max(3, size // 6), -max(3, size // 6)) for size in image.shape)
    frame[inner] = np.nan
    down, right, levels = frame, frame.T, []
    for squares in (2, 6, 20):  # sum of the squares of the weights, e.g. of 1, -2, 1
        down, right = down[2:] - down[:-2], right[2:] - right[:-2]
        values = np.concatenate([down.ravel(), right.ravel()])
        values = values[np.isfinite(values)]
        levels.append(1.4826 * np.median(np.abs(values)) / squares**0.5 if values.size else np.nan)
    return levels[1:]


class Normalize(nn.Module):
    """Images to network input, by numbers that are saved with the weights and so are the same at prediction.

    Scalings: asinh(x / noise), which keeps the flux and is linear within the noise; zscore, (x - mean) / std; minmax,
    each image and band to 0...1, which throws the flux away. Pixels that are not finite become 0, and count nowhere.

    Forward: float (n, bands, h, w) to float32 of the same shape. Loading weights of another scaling raises DataError.
    """

    def __init__(self, scaling, statistics):
        super().__init__()
        self.scaling = scaling
        for name, values in statistics._asdict().items():
            values = torch.as_tensor(np.asarray(values), dtype=torch.float32)
            if name != "mean" and not bool((values > 0).all()):
                raise ValueError(f"the {name} of the data must be positive, not {values.tolist()}")
            self.register_buffer(name, values.reshape(1, -1, 1, 1))
        self.register_buffer("kind_code", torch.tensor(SCALINGS.index(scaling)))  # its name is in old weights files

    def forward(self, images):
        images = images.float()
        there = images.isfinite()
        if self.scaling == "asinh":
            out = torch.asinh(images / self.noise)
        elif self.scaling == "zscore":
            out = (images - self.mean) / self.std
        else:
            low = torch.where(there, images, torch.inf).amin((-2, -1), keepdim=True)
            high = torch.where(there, images, -torch.inf).amax((-2, -1), keepdim=True)
            out = (images - low) / torch.where(high > low, high - low, 1.0)
        return torch.where(there, out, 0.0)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        code = state_dict.get(f"{prefix}kind_code")
        if code is not None and int(code) != SCALINGS.index(self.scaling):
            written = SCALINGS[int(code)] if 0 <= int(code) < len(SCALINGS) else f"scaling {int(code)}"
            raise DataError(
                f"the weights belong to images normalised by {written}, but the config says {self.scaling}; expected "
                f"backbone.normalize: {written}"
            )
        super()._load_from_state_dict(state_dict, prefix, *args)
