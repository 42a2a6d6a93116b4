"""How far images are from their targets: MSE, PSNR and SSIM with a stated range of pixel values."""

import numpy as np
import torch
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

BATCH = 64  # images at a time
METRICS = ("psnr", "ssim", "mse", "mse_min_max")


def image_scores(true, predicted, data_range=None):
    """Scores of images, one by one: metric -> float64 (n,), NaN where a target has one value throughout.

    mse is in the unit of the images, squared; mse_min_max in units of each target's range, as if the target went from
    0 to 1. PSNR (dB) and SSIM are torchmetrics' for the range of pixel values `data_range`; None: each target's own,
    its highest less its lowest pixel over all bands. SSIM has a Gaussian window of 11 pixels (sigma 1.5) and is the
    mean over bands and pixels, the image mirrored at its edges.

    Args: true, predicted: float arrays (n, bands, h, w).
    """
    parts = [_of_some(true[i : i + BATCH], predicted[i : i + BATCH], data_range) for i in range(0, len(true), BATCH)]
    return {metric: np.concatenate([part[metric] for part in parts]) for metric in METRICS}


def _of_some(true, predicted, data_range):
    true, predicted = (torch.as_tensor(images).double() for images in (true, predicted))
    own = true.flatten(1).amax(1) - true.flatten(1).amin(1)
    own = torch.where(own > 0, own, torch.nan)
    mse = (predicted - true).square().flatten(1).mean(1)
    unit = (own if data_range is None else torch.full_like(own, data_range))[:, None, None, None]
    known = unit.isfinite().flatten()
    scaled = [torch.where(unit.isfinite(), images / unit, 0.0) for images in (predicted, true)]  # the range is then 1
    psnr = peak_signal_noise_ratio(*scaled, data_range=1.0, dim=(1, 2, 3), reduction="none")
    ssim = structural_similarity_index_measure(*scaled, data_range=1.0, reduction="none")
    found = {"psnr": psnr, "ssim": ssim, "mse": mse, "mse_min_max": mse / own.square()}
    return {
        name: torch.where(known | (name == "mse"), values.reshape(-1), torch.nan).numpy()
        for name, values in found.items()
    }
