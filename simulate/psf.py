"""The point-spread function applied to one image: a separable Gaussian or a kernel of pixels, as lenstronomy does."""

import math

from .numerics import like, row_function


@row_function
def gaussian_blur(image, sigma, truncation, buffer, weights):
    """Separable Gaussian of `sigma` pixels with the edge repeated: scipy.ndimage.gaussian_filter(mode="nearest")."""
    size = image.shape[0]
    radius = int(truncation * sigma + 0.5)
    if radius < 1:
        return
    total = 0.0
    for k in range(-radius, radius + 1):
        total += math.exp(-0.5 * (k / sigma) ** 2)
    for k in range(radius + 1):
        weights[k] = math.exp(-0.5 * (k / sigma) ** 2) / total
    for i in range(size):
        for j in range(size):
            buffer[i, j] = weights[0] * image[i, j]
        for k in range(1, radius + 1):
            w = weights[k]
            above, below = max(i - k, 0), min(i + k, size - 1)
            for j in range(size):
                buffer[i, j] += w * (image[above, j] + image[below, j])
    for i in range(size):
        for j in range(size):
            image[i, j] = weights[0] * buffer[i, j]
        for k in range(1, radius + 1):
            w = weights[k]
            inner = min(k, size)
            for j in range(inner):
                image[i, j] += w * buffer[i, 0]
            for j in range(inner, size):
                image[i, j] += w * buffer[i, j - k]
            for j in range(size - inner):
                image[i, j] += w * buffer[i, j + k]
            for j in range(size - inner, size):
                image[i, j] += w * buffer[i, size - 1]


@row_function
def convolve(image, kernel, buffer):
    """Direct convolution with an odd-sided kernel, zeros outside the image."""
    size, reach = image.shape[0], kernel.shape[0] // 2
    for i in range(size):
        for j in range(size):
            buffer[i, j] = image[i, j]
            image[i, j] = like(image[0, 0], 0.0)
    for i in range(size):
        for di in range(max(-reach, i - size + 1), min(reach, i) + 1):
            for dj in range(-reach, reach + 1):
                w = kernel[di + reach, dj + reach]
                for j in range(max(0, dj), min(size, size + dj)):
                    image[i, j] += w * buffer[i - di, j - dj]
