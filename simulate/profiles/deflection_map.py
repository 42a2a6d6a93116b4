"""A deflection given on a grid (INTERPOL as a deflector): bicubic between the pixels.

f_x and f_y [arcsec] are the deflection at the centres of square pixels. The surface is the cubic spline with
not-a-knot ends of lenstronomy's INTERPOL with `kwargs_spline` = {"kx": 3, "ky": 3, "s": 0} (scipy's
RectBivariateSpline; lenstronomy's own default is linear), held as coefficients of uniform B-splines so that a ray needs
4 x 4 of them. Beyond the outermost pixels a ray takes the value at the nearest edge, as in lenstronomy.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DataError, nearest
from .declaration import CENTRE, MassProfile
from .scalar import per_ray, per_system, real

SMALLEST = 4  # pixels: less have no cubic spline
FITS_SUFFIXES = (".fits", ".fits.gz", ".fit")


@dataclass(frozen=True)
class DeflectionMap:
    """A deflection field on a grid of square pixels.

    f_x, f_y: float64 (rows, columns) [arcsec], rows go up, columns to the right.
    pixel_scale: [arcsec]. center_x, center_y: the middle of the grid [arcsec].
    coefficients: float64 (side * side * 2,): of side x side B-splines, f_x and f_y in turn, zero where not needed.
    side: the larger of rows and columns, plus two.
    """

    f_x: np.ndarray
    f_y: np.ndarray
    pixel_scale: float
    center_x: float
    center_y: float
    coefficients: np.ndarray
    side: int

    @property
    def grid(self):
        """What `constants` needs: middle x, middle y, pixel scale, columns, rows; float64 (5,)."""
        return np.array([self.center_x, self.center_y, self.pixel_scale, *self.f_x.shape[::-1]], dtype=float)

    def axes(self, center_x=0.0, center_y=0.0):
        """grid_interp_x and grid_interp_y of lenstronomy [arcsec], for a map that is moved to a system's centre."""
        return tuple(
            middle + (np.arange(n) - 0.5 * (n - 1)) * self.pixel_scale
            for middle, n in zip(
                (self.center_x + center_x, self.center_y + center_y), self.f_x.shape[::-1], strict=True
            )
        )


def make_map(f_x, f_y, pixel_scale, center_x=0.0, center_y=0.0):
    """A `DeflectionMap` from two arrays (rows, columns) [arcsec], the pixel scale and the grid's middle [arcsec].

    Raises: DataError for arrays that are not two finite images of one shape, and for numbers that are not finite.
    """
    f_x, f_y = (_image(name, values) for name, values in (("f_x", f_x), ("f_y", f_y)))
    if f_x.shape != f_y.shape:
        raise DataError(f"f_x has the shape {f_x.shape} and f_y {f_y.shape}: expected the same.")
    numbers = {"pixel_scale": pixel_scale, "center_x": center_x, "center_y": center_y}
    for name, value in numbers.items():
        try:
            numbers[name] = float(np.asarray(value, dtype=float).reshape(()))
        except (TypeError, ValueError):
            raise DataError(f"{name} is not a number: expected one in arcsec.") from None
        if not np.isfinite(numbers[name]) or (name == "pixel_scale" and numbers[name] <= 0):
            kind = "positive" if name == "pixel_scale" else "finite"
            raise DataError(f"{name} is {numbers[name]:g}: expected a {kind} number of arcsec.")
    side = max(f_x.shape) + 2
    coefficients = np.zeros((side, side, 2))
    for plane, values in enumerate((f_x, f_y)):
        coefficients[: values.shape[0] + 2, : values.shape[1] + 2, plane] = _b_spline(_b_spline(values).T).T
    return DeflectionMap(f_x, f_y, coefficients=coefficients.reshape(-1), side=side, **numbers)


def _image(name, values):
    values = np.asarray(values)
    if values.ndim != 2 or min(values.shape) < SMALLEST or values.dtype.kind not in "fiu":
        raise DataError(
            f"{name} has the shape {values.shape} and the type {values.dtype}: "
            f"expected an image of numbers, at least {SMALLEST} pixels on a side."
        )
    values = np.array(values, dtype=float)
    if not np.isfinite(values).all():
        raise DataError(f"{name} has {np.sum(~np.isfinite(values))} pixels that are not finite: expected none.")
    return values


def _b_spline(values):
    """Coefficients of uniform cubic B-splines along the first axis, one more than `values` at either end."""
    from scipy.interpolate import CubicSpline  # takes a while, and settings need it not

    places = np.arange(len(values))
    curvature = CubicSpline(places, values, bc_type="not-a-knot")(places, 2)
    inner = values - curvature / 6.0  # from s = (c- + 4 c + c+) / 6 and s'' = c- - 2 c + c+
    first, last = (curvature[k] + 2.0 * inner[k] - inner[k + step] for k, step in ((0, 1), (-1, -1)))
    return np.concatenate([first[None], inner, last[None]])


def read_map(path):
    """A `DeflectionMap` from a file.

    Args:
        path: an .npz with the arrays f_x, f_y, pixel_scale and optionally center_x, center_y; or a FITS file with the
            images F_X and F_Y, and PIXSCALE and optionally CENTER_X, CENTER_Y in the header of F_X or the primary one.

    Raises: DataError if the file is absent, cannot be read, lacks something or holds no deflection field.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"There is no deflection map {path}: expected an .npz or a FITS file.")
    if path.suffix == ".npz":
        found = _read_npz(path)
    elif path.name.lower().endswith(FITS_SUFFIXES):
        found = _read_fits(path)
    else:
        raise DataError(
            f"The deflection map {path} is neither .npz nor {', '.join(FITS_SUFFIXES)}: expected one of them."
        )
    for name in ("f_x", "f_y", "pixel_scale"):
        if name not in found:
            raise DataError(f"The deflection map {path} lacks {name}: it has {', '.join(found)}.{nearest(name, found)}")
    known = {k: found[k] for k in ("f_x", "f_y", "pixel_scale", "center_x", "center_y") if k in found}
    try:
        return make_map(**known)
    except DataError as error:
        raise DataError(f"The deflection map {path} cannot be used: {error}") from None


def _read_npz(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as .npz: {' '.join(str(error).split())}.") from None


def _read_fits(path):
    from astropy.io import fits

    keys = {"PIXSCALE": "pixel_scale", "CENTER_X": "center_x", "CENTER_Y": "center_y"}
    try:
        with fits.open(path, memmap=False) as hdus:
            images = {hdu.name.lower(): np.array(hdu.data) for hdu in hdus if hdu.data is not None and hdu.is_image}
            headers = [hdus["F_X"].header, hdus[0].header] if "f_x" in images else [hdus[0].header]
            return images | {name: h[key] for h in reversed(headers) for key, name in keys.items() if key in h}
    except Exception:  # astropy lets many kinds of error out of a damaged file
        raise DataError(f"{path} cannot be read as FITS: it is not FITS or was cut short.") from None


@per_system
def constants(row, grid, out):
    """Fill `out` with what every ray needs, from `row` = (center_x, center_y, map number) and `DeflectionMap.grid`."""
    out[0], out[1] = grid[0] + row[0], grid[1] + row[1]
    out[2] = 1.0 / grid[2]
    out[3], out[4] = 0.5 * (grid[3] - 1.0), 0.5 * (grid[4] - 1.0)
    out[5], out[6] = grid[3] - 1.0, grid[4] - 1.0


@per_ray
def _weights(t):
    """The four uniform cubic B-splines at a fraction `t` between two pixels."""
    one, sixth = real(t, 1.0), real(t, 1.0 / 6.0)
    r, t2 = one - t, t * t
    t3 = t2 * t
    w0, w3 = sixth * (r * r * r), sixth * t3
    w1 = real(t, 2.0 / 3.0) - t2 + real(t, 0.5) * t3
    return w0, w1, one - w0 - w1 - w3, w3


@per_ray
def _line(c, k, w0, w1, w2, w3):
    """Four neighbouring coefficients of one component, weighted."""
    # unsigned: numba would otherwise test each index for being negative
    return (w0 * c[k] + w1 * c[k + np.uint64(2)]) + (w2 * c[k + np.uint64(4)] + w3 * c[k + np.uint64(6)])


@per_ray
def deflection(x, y, p, coefficients, side):
    """alpha_x, alpha_y [arcsec] of one ray; `p` from `constants`, `coefficients` in the type of x."""
    zero, none, c = real(x, 0.0), np.int32(0), coefficients
    dx, dy = x - p[0], y - p[1]
    column = min(max(p[3] + p[2] * dx, zero), p[5])
    row = min(max(p[4] + p[2] * dy, zero), p[6])
    # clamped as integers too: a ray that is not a number must not read outside the map
    j = max(min(np.int32(column), np.int32(p[5]) - np.int32(1)), none)
    i = max(min(np.int32(row), np.int32(p[6]) - np.int32(1)), none)
    u0, u1, u2, u3 = _weights(column - real(x, j))
    v0, v1, v2, v3 = _weights(row - real(x, i))
    one, step = np.uint64(1), np.uint64(side) + np.uint64(side)
    k0 = np.uint64(i) * step + np.uint64(j + j)
    k1, k2, k3 = k0 + step, k0 + step + step, k0 + step + step + step
    alpha_x = v0 * _line(c, k0, u0, u1, u2, u3) + v1 * _line(c, k1, u0, u1, u2, u3)
    alpha_x += v2 * _line(c, k2, u0, u1, u2, u3) + v3 * _line(c, k3, u0, u1, u2, u3)
    alpha_y = v0 * _line(c, k0 + one, u0, u1, u2, u3) + v1 * _line(c, k1 + one, u0, u1, u2, u3)
    alpha_y += v2 * _line(c, k2 + one, u0, u1, u2, u3) + v3 * _line(c, k3 + one, u0, u1, u2, u3)
    # exactly one, but for a ray that is not a number, which would otherwise take the value of a corner
    unit = real(x, 1.0) + real(x, 1e-37) * (dx + dy)
    return alpha_x * unit, alpha_y * unit


PROFILE = MassProfile(
    name="INTERPOL",
    meaning="a deflection field on a grid: cubic between pixels, constant beyond the edge",
    parameters=CENTRE,
    constants=constants,
    deflection=deflection,
    rays="map",
    columns=("center_x", "center_y", "map"),
    options={"kwargs_spline": {"kx": 3, "ky": 3, "s": 0}},
)
