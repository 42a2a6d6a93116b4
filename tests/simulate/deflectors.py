"""Ray tracers that several tests of whole deflectors use: by lenstronomy, and with closed forms."""

import numpy as np


def tracer(model, systems):
    """A ray tracer of several systems, by lenstronomy."""

    def trace(x, y):
        alpha = [model.alpha(x[i], y[i], kwargs) for i, kwargs in enumerate(systems)]
        return tuple(np.array(a) for a in zip(*alpha, strict=True))

    return trace


def sis(theta_E, kappa=0.0):
    """Isothermal spheres at the origin under mass sheets; closed forms are known for all of it."""
    theta_E, kappa = (np.reshape(a, (-1, 1)) for a in (theta_E, kappa))

    def trace(x, y):
        r = np.hypot(x, y)
        return theta_E * x / r + kappa * x, theta_E * y / r + kappa * y

    return trace


def random_systems(n, seed, axis_ratio=0.2):
    rng = np.random.default_rng(seed)
    largest = (1 - axis_ratio) / (1 + axis_ratio)
    modulus, angle = rng.uniform(0, largest, n), rng.uniform(0, 2 * np.pi, n)
    modulus[0] = largest
    return [
        [
            {
                "theta_E": rng.uniform(0.5, 2.0),
                "gamma": rng.uniform(1.7, 2.4),
                "e1": modulus[i] * np.cos(angle[i]),
                "e2": modulus[i] * np.sin(angle[i]),
                "center_x": 0.05,
                "center_y": -0.02,
            },
            dict(zip(("gamma1", "gamma2"), rng.normal(0, 0.05, 2), strict=True)),
            {"kappa": rng.uniform(-0.1, 0.2)},
        ]
        for i in range(n)
    ]
