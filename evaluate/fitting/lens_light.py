"""The light of the lens in a fit: its image behind the PSF, and how it changes with its parameters.

No ray of it is deflected, so it is an image of the simulator's own, for any profile and PSF, made with the rays that
the config says.
"""

from dataclasses import replace

import numpy as np

from ...simulate.packing import pack, pack_tables
from ...simulate.profiles.declaration import MAX_ELLIPTICITY
from ...simulate.render import render_packed
from ...simulate.selection import draw
from ...simulate.systems.amplitudes import with_amplitude
from ...simulate.systems.draw import Views, in_bands, rows_of
from ...simulate.systems.scene import only_bands, with_config
from .free_parameters import light_range

STEP = 1e-2  # of a parameter's standard deviation, for differences: far more than adaptive rays change an image


class LensLight:
    """Draws the light of the lens as one image shows it, from its q parameters as `free.light` has them.

    scene: `simulate.systems.scene.Scene`. free: `free_parameters.FreeParameters`. optics: fwhm [arcsec], beta, kernel
    and exposure_time of the image in each band, (b,).
    """

    def __init__(self, scene, free, optics):
        alone = {"lens_mass": [], "source": [], "substructure": [], "selection": None}
        config = scene.config.model_copy(update=alone)
        whole = replace(with_config(scene, config, like=scene), stamps=None, pools={}, maps=())
        own = {name: np.array(values, float)[None, None] for name, values in optics.items()}
        systems = replace(draw(scene, [0], Views()), lens_mass=(), source=(), halos=(), optics=own)
        self._free, self._step = free, STEP * free.spread[free.of_light]
        self._high = np.array([light_range(free.light_profiles[k], name)[1] for k, name in free.light])
        self._packed = {}  # of each band, for 1 and for q sets of parameters
        for name in scene.bands:
            band = only_bands(whole, [name])
            for m in {1, max(len(free.light), 1)}:
                rows = rows_of(in_bands(systems, band), [0] * m)
                self._packed.setdefault(m, []).append((band, rows, pack(band, rows, np.float64)))

    def image(self, values):
        """The image of the light of parameters (q,), float64 (n, n), or (N,) of several bands [counts/s]."""
        images = self._images(values[None])
        return images[0][0] if len(images) == 1 else np.concatenate([own[0].ravel() for own in images])

    def derivatives(self, values, image):
        """Its derivatives by all parameters, float64 (pixels, q), where `image` is the one of the parameters (q,)."""
        if not len(values):
            return np.zeros((image.size, 0))
        step = np.where(values + self._step > self._high, -self._step, self._step)
        images = self._images(values + np.diag(step))
        moved = np.concatenate([own.reshape(len(step), -1) for own in images], axis=1)
        return ((moved - image.ravel()) / step[:, None]).T

    def _images(self, values):
        """Images (m, n, n) in each band of m = 1 or q sets of parameters (m, q)."""
        m, out, drawn = len(values), [], []
        for k, constants in enumerate(self._free.light_constants):
            own = {name: np.full((m, 1), value) for name, value in constants.items()}
            own |= {name: values[:, [p]] for p, (number, name) in enumerate(self._free.light) if number == k}
            drawn.append(not_too_flat(own))
        for band, rows, packed in self._packed[m]:
            lights = zip(band.config.lens_light, drawn, strict=True)
            systems = replace(rows, lens_light=tuple(with_amplitude(band, *light) for light in lights))
            out.append(render_packed(packed._replace(tables=pack_tables(band, systems)))[:, 0])
        return out


def lens_light(scene, free, optics):
    """The `LensLight` of an image of a scene, or None without light of the lens."""
    return LensLight(scene, free, optics) if scene.config.lens_light else None


def not_too_flat(values):
    """The parameters with |e| of at most what a profile can have: a corner of the ranges of e1 and e2 is beyond it."""
    modulus = np.hypot(values["e1"], values["e2"])
    shrink = np.minimum(1.0, MAX_ELLIPTICITY / np.maximum(modulus, 1e-9))
    return values | {name: values[name] * shrink for name in ("e1", "e2")}
