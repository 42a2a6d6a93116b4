"""Make network input of images, binned and scaled, and measure the noise, mean and standard deviation for it."""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..errors import ArgumentError, DataError

SCALINGS = ("asinh", "zscore", "minmax", "asinh_peak")  # their order is written into weights files
SOFTENING = 0.05  # of the peak: below it asinh_peak is linear
_CODES = 100  # weights files hold the number of the scaling + 100 (bin - 1)
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


def binned(images, edge):
    """Images (..., h, w) whose pixels are means of edge x edge of theirs; lost ones (not finite) count in no mean.

    Returns: a tensor (..., h / edge, w / edge), NaN where all are lost. Raises: ArgumentError for a size that is no
    multiple.
    """
    if edge == 1:
        return images
    if images.shape[-2] % edge or images.shape[-1] % edge:
        raise ArgumentError(
            f"images: {images.shape[-2]} x {images.shape[-1]} pixels are not whole blocks of {edge} x {edge}, as "
            "backbone.bin of the config asks for; expected a multiple"
        )
    there = images.isfinite()
    counted = F.avg_pool2d(there.flatten(0, -3).float(), edge)
    summed = F.avg_pool2d(torch.where(there, images, 0.0).flatten(0, -3), edge)
    out = torch.where(counted > 0, summed / counted, torch.nan)
    return out.reshape(*images.shape[:-2], *out.shape[-2:])


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

    Scalings: asinh(x / noise), which keeps the flux and is linear within the noise; asinh_peak, asinh(x / (SOFTENING *
    peak)) with the peak of the image over all bands, which keeps colours and throws the flux away; zscore,
    (x - mean) / std of each band; minmax, each image and band to 0...1, which throws flux and colours away. Pixels that
    are not finite become 0, and count nowhere. Before that, `bin` x `bin` pixels become one, their mean.

    Forward: float (n, bands, h, w) to float32 (n, bands, h / bin, w / bin). Loading weights of another scaling or bin
    raises DataError, images that are not whole blocks ArgumentError.

    Args: statistics: `Statistics` of binned images.
    """

    def __init__(self, scaling, statistics, bin=1):
        super().__init__()
        self.scaling, self.bin = scaling, bin
        for name, values in statistics._asdict().items():
            values = torch.as_tensor(np.asarray(values), dtype=torch.float32)
            if name != "mean" and not bool((values > 0).all()):
                raise ValueError(f"the {name} of the data must be positive, not {values.tolist()}")
            self.register_buffer(name, values.reshape(1, -1, 1, 1))
        self.register_buffer("kind_code", torch.tensor(self._code))  # its name is in old weights files

    @property
    def _code(self):
        return SCALINGS.index(self.scaling) + _CODES * (self.bin - 1)

    def forward(self, images):
        images = binned(images.float(), self.bin)
        there = images.isfinite()
        if self.scaling == "asinh":
            out = torch.asinh(images / self.noise)
        elif self.scaling == "asinh_peak":
            peak = torch.where(there, images, -torch.inf).amax((1, 2, 3), keepdim=True)
            out = torch.asinh(images / torch.where(peak > 0, SOFTENING * peak, 1.0))
        elif self.scaling == "zscore":
            out = (images - self.mean) / self.std
        else:
            low = torch.where(there, images, torch.inf).amin((-2, -1), keepdim=True)
            high = torch.where(there, images, -torch.inf).amax((-2, -1), keepdim=True)
            out = (images - low) / torch.where(high > low, high - low, 1.0)
        return torch.where(there, out, 0.0)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        code = state_dict.get(f"{prefix}kind_code")
        if code is not None and int(code) != self._code:
            bin, number = 1 + int(code) // _CODES, int(code) % _CODES
            written = SCALINGS[number] if number < len(SCALINGS) else f"scaling {number}"
            wrong = (
                f"normalised by {written}, but the config says {self.scaling}; expected backbone.normalize: {written}"
                if written != self.scaling
                else f"binned by {bin}, but the config says {self.bin}; expected backbone.bin: {bin}"
            )
            raise DataError(f"the weights belong to images {wrong}")
        super()._load_from_state_dict(state_dict, prefix, *args)
