"""Deflection maps: a deflection field on a grid, from a file or two arrays, made ready for ray tracing.

`profiles.deflection_map` says what the spline is and evaluates it for a ray.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline

from ...errors import DataError, nearest
from ...files import arrays, fits
from ...files.paths import usable
from ...files.pixel_scale import header_pixel_scale
from ...files.suffixes import FITS, NPZ, has_suffix
from ...files.values import ABSURD_FLUX, is_flux

NUMBERS = ("f_x", "f_y", "pixel_scale", "center_x", "center_y")  # what a map is made of; the first three are needed
SMALLEST = 4  # pixels: less have no cubic spline


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
        """The map's `Maps.grids` row: middle x, middle y, pixel scale [arcsec], columns, rows; float64 (5,)."""
        return np.array([self.center_x, self.center_y, self.pixel_scale, *self.f_x.shape[::-1]], dtype=float)

    @cached_property
    def densest(self):
        """Where the convergence is largest, x and y [arcsec], to a pixel."""
        kappa = np.gradient(self.f_x, axis=1) + np.gradient(self.f_y, axis=0)
        row, column = np.unravel_index(np.argmax(kappa), kappa.shape)
        x, y = self.axes()
        return float(x[column]), float(y[row])

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
            wanted = "positive" if name == "pixel_scale" else "finite"
            raise DataError(f"{name} is {numbers[name]:g}: expected a {wanted} number of arcsec.")
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
    bad = ~is_flux(values)
    if bad.any():
        raise DataError(
            f"{name} has {bad.sum()} pixels that are not finite, or {ABSURD_FLUX:g} and more: expected none."
        )
    return values


def _b_spline(values):
    """Coefficients of uniform cubic B-splines along the first axis, one more than `values` at either end."""
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
    path = usable(path)
    if not path.is_file():
        raise DataError(f"There is no deflection map {path}: expected an .npz or a FITS file.")
    if has_suffix(path, NPZ):
        found = {name: arrays.read(path, name) if name in NUMBERS else None for name in arrays.names(path)}
    elif has_suffix(path, FITS):
        found = _read_fits(path)
    else:
        raise DataError(
            f"The deflection map {path} is neither {', '.join(NPZ)} nor {', '.join(FITS)}: expected one of them."
        )
    for name in NUMBERS[:3]:
        if name not in found:
            raise DataError(f"The deflection map {path} lacks {name}: it has {', '.join(found)}.{nearest(name, found)}")
    known = {k: found[k] for k in NUMBERS if k in found}
    try:
        return make_map(**known)
    except DataError as error:
        raise DataError(f"The deflection map {path} cannot be used: {error}") from None


def _read_fits(path):
    """What a file holds, by the names of `make_map` where these are known."""
    images = {image.name.lower(): image for image in fits.look(path)}
    fields = [name for name in ("f_x", "f_y") if name in images]
    found = images | dict(zip(fields, fits.read(path, *(images[name].hdu for name in fields)), strict=True))
    if "f_x" not in images:
        return found
    headers = images["f_x"].headers
    try:
        scale = header_pixel_scale(headers)
    except DataError as error:
        raise DataError(f"The deflection map {path} cannot be used: {error}") from None
    numbers = {"pixel_scale": scale}
    numbers |= {name: next((h[name] for h in headers if name.upper() in h), None) for name in NUMBERS[3:]}
    return found | {name: value for name, value in numbers.items() if value is not None}
