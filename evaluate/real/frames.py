"""Ellipticities, shears, offsets and angles in the frame of the array or of the sky, by the image's sky coordinates.

The frame `array` has x along a row (column number) and y up a column (row number); angles are counter-clockwise from
+x. The frame `north_east` has x to the North and y to the East; angles are position angles, from North through East.
e1 > 0 is thus a lens elongated along a row, or from North to South; e2 > 0 one along y = x, or from North-East to
South-West. How the array lies on the sky is an angle and a sign, see `files.orientation`; its scale does not enter.

Uncertainties are turned as if those of the two components were not correlated, which is all that is known of them.
"""

import numpy as np

from ...configs.turning import angles, pairs

ARRAY, NORTH_EAST = "array", "north_east"
FRAMES = (ARRAY, NORTH_EAST)


def to_sky(x, y, orientation, spin=2):
    """A pair of components (e1, e2: spin 2; an offset: spin 1) from the array's frame to that of North and East."""
    turned = np.exp(1j * spin * orientation.position_angle_of_x) * (x + 1j * orientation.sense * np.asarray(y))
    return turned.real, turned.imag


def to_array(x, y, orientation, spin=2):
    """A pair of components from the frame of North and East to that of the array."""
    turned = np.exp(-1j * spin * orientation.position_angle_of_x) * (x + 1j * np.asarray(y))
    return turned.real, orientation.sense * turned.imag


def turned_std(x, y, orientation, spin=2):
    """The standard deviations of a turned pair from those of its components; either way, taken as uncorrelated."""
    cos2 = np.cos(spin * orientation.position_angle_of_x) ** 2
    return np.sqrt(cos2 * x**2 + (1 - cos2) * y**2), np.sqrt((1 - cos2) * x**2 + cos2 * y**2)


def in_frame(values, orientations, frame):
    """Values of parameters by name, from the frame of the array to `frame`.

    Args:
        values: {name: (mean (n,), standard deviation (n,))}, see `configs.turning` for what is turned.
        orientations: of each of n images, `files.orientation.Orientation` or None. frame: one of FRAMES.

    Returns: as `values`; NaN where an image does not say how it lies on the sky.
    """
    if frame == ARRAY:
        return values
    turned = {name: (np.array(mean, float), np.array(std, float)) for name, (mean, std) in values.items()}
    for k, orientation in enumerate(orientations):
        for first, second, spin in pairs(values):
            (x, sx), (y, sy) = turned[first], turned[second]
            if orientation is None:
                x[k] = y[k] = sx[k] = sy[k] = np.nan
                continue
            sx[k], sy[k] = turned_std(sx[k], sy[k], orientation, spin)
            x[k], y[k] = to_sky(x[k], y[k], orientation, spin)
        for name in angles(values):
            mean, std = turned[name]
            if orientation is None:
                mean[k] = std[k] = np.nan
            else:
                mean[k] = np.mod(orientation.position_angle_of_x + orientation.sense * mean[k], 2 * np.pi)
    return turned


def ellipticity(q, phi):
    """e1, e2 of an axis ratio (minor / major) and the major axis' angle [rad]: lenstronomy's phi_q2_ellipticity."""
    size = (1 - q) / (1 + q)
    return size * np.cos(2 * phi), size * np.sin(2 * phi)
