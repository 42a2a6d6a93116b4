"""Critical curves and caustics of a system: where images of a point appear in pairs, in the image and source plane.

The tangential curve is where 1 - kappa - |gamma| is 0, the radial one where 1 - kappa + |gamma| is (Schneider, Ehlers &
Falco 1992, "Gravitational Lenses", section 5.2); their images in the source plane are the caustics. A deflector with
a finite deflection at its centre, as an isothermal one, has no radial curve; its cut takes that one's place (Kovner
1987, ApJ 312, 22).
"""

from typing import NamedTuple

import numpy as np

STEP = 1e-7  # of the distance from the centre, over which deflections are differenced
INNERMOST = 1e-3  # of the radius that is searched
SEARCHED = 3.0  # Einstein radii about a lens, within which its curves are
FINITE = 0.01  # a deflection with a smaller power of the radius than that is finite at the centre


class Curve(NamedTuple):
    """One line of a critical curve and its caustic; float64 arrays (m,) [arcsec]."""

    kind: str  # tangential, radial or cut; a cut has a line in the source plane only, and x, y are those of a ring
    x: np.ndarray
    y: np.ndarray
    source_x: np.ndarray
    source_y: np.ndarray


def critical_curves(trace, center_x, center_y, radius, n_radii=64, n_angles=96):
    """The critical curves of one system with their caustics, a list of `Curve`.

    They are contours on a grid of polar coordinates, so that small ones about the centre are found as well as large
    ones; those of subhalos elsewhere need as many radii and angles as they are small.

    Args:
        trace: `trace(x, y) -> alpha_x, alpha_y`, float64 (1, m) [arcsec], as of `render.tracer` for one system.
        center_x, center_y: the middle of the grid [arcsec]. radius: its outer edge [arcsec].
        n_radii, n_angles: nodes of the grid.
    """
    from contourpy import contour_generator  # of matplotlib, here, as few need it

    r = np.geomspace(INNERMOST * radius, radius, n_radii)[:, None]
    angle = np.linspace(0.0, 2.0 * np.pi, n_angles + 1)[:-1]
    x, y = center_x + r * np.cos(angle), center_y + r * np.sin(angle)
    alpha_x, alpha_y, convergence, shear = _deflection_and_derivatives(trace, x, y, STEP * r)

    def closed(a):  # the first angle once more behind the last
        return np.concatenate([a, a[:, :1]], axis=1)

    out = []
    for kind, eigenvalue in (("tangential", 1.0 - convergence - shear), ("radial", 1.0 - convergence + shear)):
        finite = np.clip(np.nan_to_num(eigenvalue, nan=-1e3), -1e3, 1e3)
        lines = contour_generator(closed(x), closed(y), closed(finite)).lines(0.0)
        for line in filter(len, lines):
            px, py = np.ascontiguousarray(line.T)
            beta_x, beta_y = _traced_back(trace, px, py)
            out.append(Curve(kind, px, py, beta_x, beta_y))
    inner, next_one = (np.hypot(alpha_x[k], alpha_y[k]).mean() for k in (0, 1))
    has_radial = any(curve.kind == "radial" for curve in out)
    if inner > 0 and not has_radial and abs(next_one / inner - 1.0) < FINITE * np.log(r[1, 0] / r[0, 0]):
        out.append(Curve("cut", *(closed(a[:1])[0] for a in (x, y, x - alpha_x, y - alpha_y))))
    return out


def curves_of_lens(profiles, kwargs_lens):
    """The critical curves of a lens of lenstronomy with their caustics, as `critical_curves` gives them.

    profiles, kwargs_lens: lens_model_list and the parameters of each; the first is the main deflector, with a theta_E
        and a centre. One whose theta_E is not above 0 has no curves.
    """
    from lenstronomy.LensModel.lens_model import LensModel

    model, main = LensModel(profiles), kwargs_lens[0]
    if not main["theta_E"] > 0:
        return []

    def trace(x, y):
        return tuple(a[None] for a in model.alpha(x[0], y[0], kwargs_lens))

    return critical_curves(trace, main["center_x"], main["center_y"], SEARCHED * main["theta_E"], 256, 192)


def _deflection_and_derivatives(trace, x, y, step):
    """Deflection, convergence and |shear| at points of any shape, by differences over `step`: four such arrays."""
    rays_x, rays_y = np.stack([x, x + step, x]), np.stack([y, y, y + step])
    alpha_x, alpha_y = (a.reshape(rays_x.shape) for a in trace(rays_x.reshape(1, -1), rays_y.reshape(1, -1)))
    across, upwards = rays_x[1] - rays_x[0], rays_y[2] - rays_y[0]
    xx, yx = (alpha_x[1] - alpha_x[0]) / across, (alpha_y[1] - alpha_y[0]) / across
    xy, yy = (alpha_x[2] - alpha_x[0]) / upwards, (alpha_y[2] - alpha_y[0]) / upwards
    return alpha_x[0], alpha_y[0], 0.5 * (xx + yy), 0.5 * np.hypot(xx - yy, xy + yx)


def _traced_back(trace, x, y):
    """Where rays through points of the image, (m,), meet the source plane."""
    alpha_x, alpha_y = trace(x[None], y[None])
    return x - alpha_x[0], y - alpha_y[0]
