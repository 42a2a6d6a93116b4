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
from ...simulate.systems.draw import Views, rows_of
from ...simulate.systems.scene import with_config
from .free_parameters import light_range

STEP = 1e-2  # of a parameter's standard deviation, for differences: far more than adaptive rays change an image


class LensLight:
    """Draws the light of the lens as one image shows it, from its q parameters as `free.light` has them.

    scene: `simulate.systems.scene.Scene` with one band. free: `free_parameters.FreeParameters`. optics: fwhm [arcsec],
    beta, kernel and exposure_time of the image.
    """

    def __init__(self, scene, free, optics):
        alone = {"lens_mass": [], "source": [], "substructure": [], "selection": None}
        config = scene.config.model_copy(update=alone)
        self._scene = replace(with_config(scene, config, like=scene), stamps=None, pools={}, maps=())
        own = {name: np.full((1, 1, 1), optics[name]) for name in optics}
        systems = replace(draw(scene, [0], Views()), lens_mass=(), source=(), halos=(), optics=own)
        self._free, q = free, len(free.light)
        self._systems = {m: rows_of(systems, [0] * m) for m in {1, max(q, 1)}}
        self._packed = {m: pack(self._scene, rows, np.float64) for m, rows in self._systems.items()}
        self._high = np.array([light_range(free.light_profiles[k], name)[1] for k, name in free.light])
        self._step = STEP * free.spread[free.of_light]

    def image(self, values):
        """The image of the light of parameters (q,), float64 (n, n) [counts/s]."""
        return self._images(values[None])[0]

    def derivatives(self, values, image):
        """Its derivatives by all parameters, float64 (n * n, q), where `image` is the one of the parameters (q,)."""
        if not len(values):
            return np.zeros((image.size, 0))
        step = np.where(values + self._step > self._high, -self._step, self._step)
        moved = self._images(values + np.diag(step))
        return ((moved - image).reshape(len(step), -1) / step[:, None]).T

    def _images(self, values):
        """Images (m, n, n) of m = 1 or q sets of parameters (m, q)."""
        m, lights = len(values), []
        for k, constants in enumerate(self._free.light_constants):
            own = {name: np.full((m, 1), value) for name, value in constants.items()}
            own |= {name: values[:, [p]] for p, (number, name) in enumerate(self._free.light) if number == k}
            lights.append(with_amplitude(self._scene, self._scene.config.lens_light[k], _not_too_flat(own)))
        systems = replace(self._systems[m], lens_light=tuple(lights))
        return render_packed(self._packed[m]._replace(tables=pack_tables(self._scene, systems)))[:, 0]


def lens_light(scene, free, optics):
    """The `LensLight` of an image of a scene, or None without light of the lens."""
    return LensLight(scene, free, optics) if scene.config.lens_light else None


def _not_too_flat(values):
    """The parameters with |e| of at most what a profile can have: a corner of the ranges of e1 and e2 is beyond it."""
    modulus = np.hypot(values["e1"], values["e2"])
    shrink = np.minimum(1.0, MAX_ELLIPTICITY / np.maximum(modulus, 1e-9))
    return values | {name: values[name] * shrink for name in ("e1", "e2")}
