"""How alike images are in the features of an encoder: cosines, and what is usual among a run's test lenses.

Features are standardised first, by mean and standard deviation of the test lenses. Without that, cosines of pooled
features are all near 1, as every image shares their mean and a few features of large scale decide (Jegou & Chum 2012,
ECCV, on centring; the ridge regression, the UMAP and the flag unlike_training standardise in the same way).
"""

import numpy as np

BLOCK = 1024  # rows of a matrix of cosines at a time


class Likeness:
    """Cosines of features on the scale of a run's test lenses, float32 (n, d) of finite numbers."""

    def __init__(self, features):
        features = np.asarray(features, dtype=np.float64)
        self._mean, std = features.mean(0), features.std(0)
        self._std = np.where(std > 1e-6 * np.abs(self._mean).max(initial=1e-30), std, np.inf)  # others say nothing
        self.test = self.directions(features)
        self._usual = np.sort(self._own_nearest())

    def directions(self, features):
        """Standardised features (n, d) as vectors of length 1, or 0 where they are those of the mean image."""
        scaled = (np.asarray(features, dtype=np.float64) - self._mean) / self._std
        length = np.linalg.norm(scaled, axis=1, keepdims=True)
        return scaled / np.where(length > 0, length, 1.0)

    def less_than_usual(self, features):
        """Which share of the test lenses is more like its nearest other test lens than an image is like its nearest.

        Args: features (n, d). Returns: (n,), 0 to 1: 0.99 for an image that is less like any test lens than 99 % of the
        test lenses are.
        """
        nearest = np.concatenate([_nearest(part, self.test) for part in _blocks(self.directions(features))])
        return 1 - np.searchsorted(self._usual, nearest, side="right") / max(len(self._usual), 1)

    def _own_nearest(self):
        """The largest cosine of each test lens with another one, (n,)."""
        found = []
        for begin in range(0, len(self.test), BLOCK):
            cosines = self.test[begin : begin + BLOCK] @ self.test.T
            cosines[np.arange(len(cosines)), begin + np.arange(len(cosines))] = -np.inf
            found.append(cosines.max(1))
        return np.concatenate(found)


def _nearest(directions, known):
    return (directions @ known.T).max(1)


def _blocks(rows):
    return [rows[begin : begin + BLOCK] for begin in range(0, max(len(rows), 1), BLOCK)]
