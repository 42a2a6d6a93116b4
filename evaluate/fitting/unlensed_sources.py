"""Sources as they are without a lens: an image of each, with its place, size and flux as measured on it.

So sources of any kind and number of components, such as a disc and a knot beside it, are galaxies like others.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...configs.observation import PSF, Image
from ...simulate.galaxies.principal_components import R_HALF, SIDE
from ...simulate.galaxies.stamps import Stamps, half_light_radii
from ...simulate.profiles import sersic
from ...simulate.profiles.registry import LIGHT
from ...simulate.render import render
from ...simulate.systems.scene import with_config

STAMP = 64  # pixels on a side
WIDTH = SIDE / R_HALF  # of a stamp, in half-light radii


class Unlensed(NamedTuple):
    """n sources on images of `STAMP` pixels on a side, with the middle of their light in the middle."""

    images: np.ndarray  # float32 (n, b, STAMP, STAMP): each sums to 1; dark on the outermost ring
    pixel_scale: np.ndarray  # (n,) [arcsec]
    centre: np.ndarray  # (n, 2) [arcsec]
    R_half: np.ndarray  # (n,) [arcsec], of the light on the image in the first band
    flux: np.ndarray  # (n, b) [counts/s], of the light on the image

    def stamps(self):
        """The images as `Stamps`."""
        n = len(self.flux)
        unknown = np.full(n, np.nan)
        return Stamps(
            self.images,
            self.R_half / self.pixel_scale,
            self.pixel_scale,
            np.full(self.flux.shape, np.nan),
            unknown,
            tuple(map(str, range(n))),
        )


def unlensed_sources(scene, systems):
    """The `Unlensed` sources of drawn systems with one view; place and size are those in the first band."""
    centre, pixel = _centre_and_pixel(scene, systems)
    images = render(_stamp_scene(scene), _on_stamps(systems, centre, pixel), noise=False)
    images = images.reshape(len(pixel), -1, STAMP, STAMP)
    images[:, :, [0, -1]] = images[:, :, :, [0, -1]] = 0.0
    flux = images.sum(axis=(2, 3), dtype=float)
    images /= flux[:, :, None, None]
    return Unlensed(images, pixel, centre, half_light_radii(images[:, 0]) * pixel, flux)


def _centre_and_pixel(scene, systems):
    """The middle of each source's light, (n, 2), and the pixel of its stamp, (n,) [arcsec].

    The radius that counts is the mean over light of components' radii and distances from the middle.
    """
    pieces = []
    for component, values in zip(scene.config.source, systems.source, strict=True):
        for name, own in LIGHT[component.profile].parts(values):
            R = own["R_half"] if name == "INTERPOL" else own["R_sersic"]
            area = own["scale"] ** 2 if name == "INTERPOL" else sersic.total_flux(R, own["n_sersic"])
            pieces.append((own["amp"][..., 0] * area, own["center_x"], own["center_y"], R))
    flux, x, y, R = (np.stack(values)[:, :, 0] for values in zip(*pieces, strict=True))
    share = flux / flux.sum(axis=0)
    centre = np.stack([(share * x).sum(axis=0), (share * y).sum(axis=0)])
    away = np.hypot(x - centre[0], y - centre[1])
    return centre.T, WIDTH / STAMP * (share * np.hypot(R, away)).sum(axis=0)


def _stamp_scene(scene):
    """A scene that shows sources alone, without lens and PSF, on pixels of 1 arcsec."""
    config, plain = scene.config, {"psf": PSF(kind="none"), "sky_cutouts": None, "background_noise": 1.0}
    changes = {
        "image": Image(num_pix=STAMP, pixel_scale=1.0),
        "observation": config.observation.model_copy(update=plain),
        "bands": {
            name: {k: v for k, v in own.items() if k not in ("image", *plain)} for name, own in config.bands.items()
        },
        "lens_mass": [],
        "lens_light": [],
        "substructure": [],
        "selection": None,
    }
    return with_config(scene, config.model_copy(update=changes))


def _on_stamps(systems, centre, pixel):
    """The systems with their sources alone, `centre` in the middle and lengths in units of `pixel`."""
    pixel = pixel[:, None]

    def scaled(values):
        out = dict(values)
        for name, value in values.items():
            if name in ("R_sersic", "R_bulge", "R_half", "scale"):
                out[name] = value / pixel
            elif name.startswith("amp"):
                out[name] = value * pixel[..., None] ** 2
        middle = {"center_x": centre[:, :1], "center_y": centre[:, 1:]}
        return out | {name: (values[name] - middle[name]) / pixel for name in middle}

    return replace(systems, lens_mass=(), halos=(), lens_light=(), source=tuple(map(scaled, systems.source)))
