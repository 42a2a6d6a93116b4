"""Logistic regression with an L2 penalty: the minimum that scikit-learn's has, found in far fewer iterations.

Features of encoders are strongly correlated, and then the L-BFGS of scikit-learn is not there after 1000 iterations.
Here it works on coordinates in which the loss is about as steep in all directions: the eigenvectors of the features'
covariance, each on the scale of its own curvature. The penalty is that of the features as they are.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh, qr
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.model_selection import StratifiedKFold

C = np.logspace(-4, 2, 7)  # strengths to choose from, as `sklearn.linear_model.LogisticRegression` counts them
FOLDS = 5
ITERATIONS = 500
ROUGH, FINE = 1e-4, 1e-7  # the steepest slope of the mean loss that is left: for the choice, and in the end


class Fit(NamedTuple):
    """Logits of features x (n, d) are x @ weight.T + bias."""

    weight: np.ndarray  # float64 (k, d)
    bias: np.ndarray  # float64 (k,)
    strength: float  # of `C`


class _Turned(NamedTuple):
    """Features along the eigenvectors of their covariance, where the loss is separately steep in each."""

    x: np.ndarray  # float64 (n, m)
    basis: np.ndarray  # float64 (d, m), orthonormal: of features to these and, as its transpose, back
    variance: np.ndarray  # float64 (m,)


def fit(x, classes, strength=None, seed=0):
    """Fit a multinomial logistic regression; its strength, if none is given, by cross-validation on the log loss.

    Args: x: (n, d) standardised features. classes: int (n,), each of 0...k - 1 at least once. strength: scikit-learn's
    C; 1 where a class has one example, of which no fold can be left out. seed: of the folds. Returns: `Fit`.
    """
    turned, start = _turned(np.asarray(x, dtype=np.float64)), None
    folds = min(FOLDS, np.bincount(classes).min())
    if strength is None and folds > 1:
        strength, start = _chosen(turned, classes, StratifiedKFold(folds, shuffle=True, random_state=seed))
    strength = strength or 1.0
    weight, bias = _minimum(turned.x, classes, turned.variance, strength, FINE, start)
    return Fit(weight @ turned.basis.T, bias, strength)


def _turned(x):
    """The `_Turned` of features: with fewer images than features, in the space that they span."""
    basis = qr(x.T, mode="economic")[0] if len(x) < x.shape[1] else np.eye(x.shape[1])
    x = x @ basis
    power, axes = eigh(x.T @ x)
    return _Turned(x @ axes, basis @ axes, np.maximum(power, 0) / len(x))


def _chosen(turned, classes, folds):
    """The strength of the smallest log loss of images left out, and what the folds learnt with it, on average."""
    parts = list(folds.split(turned.x, classes))
    starts, least = [None] * len(parts), np.inf
    for strength in C:
        losses = []
        for i, (learnt, left_out) in enumerate(parts):
            starts[i] = _minimum(turned.x[learnt], classes[learnt], turned.variance, strength, ROUGH, starts[i])
            weight, bias = starts[i]
            logarithms = log_softmax(turned.x[left_out] @ weight.T + bias, axis=1)
            losses.append(-logarithms[np.arange(len(left_out)), classes[left_out]].mean())
        if np.mean(losses) < least:
            least, best = np.mean(losses), strength
            start = tuple(np.mean(of_folds, axis=0) for of_folds in zip(*starts, strict=True))
    return best, start


def _minimum(x, classes, variance, strength, slope, start=None):
    """Weight (k, m) and bias (k,) of the smallest penalised loss for turned features x (n, m)."""
    n, k = len(x), classes.max() + 1
    penalty = (2 if k == 2 else 1) / (strength * n)  # scikit-learn has one row of weights for two classes, not two
    share = np.bincount(classes) / n
    curvature = np.mean(share * (1 - share))
    scale = np.append(np.sqrt(1 / (curvature * variance + penalty)), np.sqrt(1 / curvature))
    own = np.eye(k)[classes]

    def loss(flat):
        weight = flat.reshape(k, -1) * scale
        logits = x @ weight[:, :-1].T + weight[:, -1]
        logarithms = log_softmax(logits, axis=1)
        wrong = (np.exp(logarithms) - own) / n
        gradient = np.column_stack([wrong.T @ x + penalty * weight[:, :-1], wrong.sum(0)])
        value = -np.sum(logarithms * own) / n + penalty * np.sum(weight[:, :-1] ** 2) / 2
        return value, (gradient * scale).ravel()

    weight, bias = (np.zeros((k, x.shape[1])), np.log(share)) if start is None else start
    found = minimize(
        loss,
        (np.column_stack([weight, bias]) / scale).ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"gtol": slope, "ftol": 1e-13, "maxiter": ITERATIONS},
    )
    weight = found.x.reshape(k, -1) * scale
    return weight[:, :-1], weight[:, -1]
