"""Scores of images equal the formulas, with windows of another library, image by image."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lenstream.evaluate.tasks.image_scores import image_scores

RNG = np.random.default_rng(0)
TRUE = RNG.gamma(0.5, size=(3, 2, 24, 24)).astype(np.float32) * np.array([1, 7, 0.01])[:, None, None, None]
PREDICTED = TRUE + RNG.normal(0, 0.05, TRUE.shape) * np.array([1, 7, 0.01])[:, None, None, None]


def structural_similarity(true, predicted, span):
    """SSIM of one band by Wang+ 2004 (eq. 13), over the whole image, which is mirrored at its edges."""

    def smooth(values):
        return gaussian_filter(values, 1.5, truncate=3.5, mode="mirror")

    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    mean_t, mean_p = smooth(true), smooth(predicted)
    var_t, var_p = smooth(true**2) - mean_t**2, smooth(predicted**2) - mean_p**2
    both = smooth(true * predicted) - mean_t * mean_p
    top = (2 * mean_t * mean_p + c1) * (2 * both + c2)
    return np.mean(top / ((mean_t**2 + mean_p**2 + c1) * (var_t + var_p + c2)))


@pytest.mark.parametrize("data_range", [None, 3.0])
def test_scores_equal_independent_implementations(data_range):
    found = image_scores(TRUE, PREDICTED, data_range)
    for k, (true, predicted) in enumerate(zip(TRUE.astype(float), PREDICTED, strict=True)):
        span = np.ptp(true) if data_range is None else data_range
        mse = np.mean((true - predicted) ** 2)
        assert found["mse"][k] == pytest.approx(mse)
        assert found["mse_min_max"][k] == pytest.approx(mse / np.ptp(true) ** 2)
        assert found["psnr"][k] == pytest.approx(10 * np.log10(span**2 / mse))
        ssim = np.mean([structural_similarity(*bands, span) for bands in zip(true, predicted, strict=True)])
        assert found["ssim"][k] == pytest.approx(ssim, abs=1e-6)


def test_a_perfect_image_and_one_without_a_range():
    found = image_scores(TRUE, TRUE)
    assert np.isinf(found["psnr"]).all() and (found["mse"] == 0).all()
    np.testing.assert_allclose(found["ssim"], 1)
    flat = image_scores(np.ones((1, 1, 16, 16)), np.zeros((1, 1, 16, 16)))
    assert flat["mse"][0] == 1 and np.isnan([flat[name][0] for name in ("psnr", "ssim", "mse_min_max")]).all()


def test_scores_do_not_depend_on_the_unit():
    found, scaled = image_scores(TRUE, PREDICTED), image_scores(1e-3 * TRUE, 1e-3 * PREDICTED)
    for name in ("psnr", "ssim", "mse_min_max"):
        np.testing.assert_allclose(found[name], scaled[name], rtol=1e-5)
    np.testing.assert_allclose(scaled["mse"], 1e-6 * found["mse"], rtol=1e-5)
