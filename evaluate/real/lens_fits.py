"""Fits of real lenses: the population of a run as prior, each image with its own PSF, noise and subtracted light.

Beside the noise, a fit allows for what it has no model of: a share of the arcs' light, as no galaxy is a sum of some
components to the last photon, and patterns of the lens's light, as no model of a galaxy is right in its middle.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

from ...errors import ConfigError
from ...simulate.selection import draw
from ...simulate.systems.draw import Views
from ...simulate.systems.scene import Scene, with_config
from ..fitting.fittable import why_not
from ..fitting.free_parameters import FreeParameters, free_parameters
from ..fitting.image_model import Observed, image_model
from ..fitting.light_prior import centred_on, without_light
from ..fitting.light_remains import light_remains
from ..fitting.light_shape import light_shape
from ..fitting.refine import Refined, refine
from ..fitting.source_shapes import SourceShapes, source_shapes
from .fit_kernels import plainer, usual_kernel

UNMODELLED = 0.1  # of the arcs' light, as an error of every pixel
SMOOTHED = 1.0  # pixels, over which that light is averaged
ENOUGH = 0.1  # gain of ln(posterior) below which an ascent has arrived: models of real images are no better than that
BRIGHTEST = 15.0  # signal to noise of a pixel that first ascents know: sharper, the posterior has too many maxima
FIRST_DRAW = 1 << 20  # of the stream's systems whose lenses are proposed


class LensFits(NamedTuple):
    """What the fits of real lenses have in common."""

    scene: Scene  # of the lens and the source alone
    shapes: SourceShapes
    free: FreeParameters  # of the population, with light of the lens where it has some
    least_magnification: float  # that the population's cut has
    error_scales: np.ndarray  # of each parameter of the lens: quoted errors over Laplace's


class LensFit(NamedTuple):
    """The fit of one image."""

    found: Refined
    free: FreeParameters  # with the prior of this lens
    observed: Observed
    stamp: np.ndarray  # the source as found, (side, side), for a flux of 1
    R_half: float  # of the mean galaxy on it [stamp pixels]
    middle: tuple  # of the image's pixels, from the middle of the file's array [arcsec]
    broad: float  # of `fit_images.FitImage`
    ends: list  # maxima that were found: (parameters (p,), ln(posterior))
    trace: Callable  # trace(x, y): deflections (1, m) of rays (1, m) by the lens, in the fit's frame [arcsec]

    def of_lens(self, error_scales=1.0):
        """Values and errors of the lens's parameters, with centres from the middle of the array: name -> (v, sigma).

        Errors are Laplace's times `error_scales`, of each parameter, and as much larger as the noise is broad.
        """
        names = self.free.names()[: len(self.free.places)]
        sigma = np.sqrt(np.diag(self.found.covariance))[: len(names)] * error_scales * self.broad
        values = [
            value + {"center_x": self.middle[0], "center_y": self.middle[1]}.get(name, 0.0)
            for value, (_, name) in zip(self.found.parameters, self.free.places, strict=False)
        ]
        return {name: (float(v), float(s)) for name, v, s in zip(names, values, sigma, strict=True)}


def problems_of(config, asked="--refine"):
    """Sentences on why real lenses cannot be refined with a run's `configs.schema.Config`; none if they can.

    asked: the option or the key by which they are to be.
    """
    simulate = config.simulate
    if simulate is None:
        return [f"{asked}: nothing is simulated in this run, so there is no model of a lens; expected a simulation"]
    if simulate.bands and len(simulate.bands) > 1:
        return [f"{asked}: the run has several bands, and real lenses are refined in one; expected a run of one band"]
    observation = simulate.observation
    problems = [f"{asked}: {problem}" for problem in why_not(_fitted_simulation(simulate))]
    if observation.background_noise == 0 or (observation.sky_cutouts is not None and observation.instrument is None):
        problems.append(
            f"{asked}: simulate.observation has no background noise, to whose level the noise of real images is "
            "brought; expected background_noise above 0, or an instrument"
        )
    return problems


def prepare(scene):
    """The `LensFits` of a run's scene, with Laplace's errors. Raises: ConfigError for what `problems_of` names."""
    simulate = scene.config
    alone = with_config(scene, _fitted_simulation(simulate).model_copy(update={"lens_light": []}))
    shapes = source_shapes(alone)
    free = free_parameters(with_config(scene, _fitted_simulation(simulate)), shapes)
    selection = simulate.selection
    least = 0.0 if selection is None or selection.magnification_min is None else selection.magnification_min
    return LensFits(alone, shapes, free, least, np.ones(len(free.places)))


def _fitted_simulation(simulate):
    """The simulation whose population is the prior: nothing subtracted or lost."""
    plain = {"subtract_lens_light": [], "unfitted_light": None, "cosmic_rays": 0.0, "bad_pixels": 0.0}
    plain |= {"masked_disks": None, "sky_cutouts": None}
    return simulate.model_copy(update={"observation": simulate.observation.model_copy(update=plain)})


def fit_lens(fits, image, proposals):
    """The `LensFit` of a `fit_images.FitImage`.

    proposals: a function from the `FreeParameters` of this lens to lenses where the fit may begin, (m, lens's), with
    centres as in its image.
    """
    image = scaled_to(fits, image)
    shape = None if image.light is None else light_shape(image.light, image.pixel_scale)
    centre = (-image.middle[0], -image.middle[1]) if shape is None else (shape.center_x, shape.center_y)
    relative = None if shape is None else shape._replace(center_x=0.0, center_y=0.0)
    free = centred_on(without_light(fits.free, relative, remains=shape is not None), *centre)
    remains = None if shape is None else light_remains(image.light, image.pixel_scale, centre)
    model = _model(fits, image, free, remains)
    observed = observed_of(image)
    climbs = []
    found = refine(model, observed, proposals(free), climbs, fits.least_magnification, BRIGHTEST, ENOUGH)
    stamp = fits.shapes.of_band(0)[:, :, : len(found.coefficients) + 1] @ np.append(1.0, found.coefficients)
    ends = [(climb.last.parameters, climb.last.posterior.value) for climb in climbs]

    def trace(x, y):
        arrived = model.source_positions(found.parameters, x[0], y[0])[0]
        return x - arrived[0], y - arrived[1]

    return LensFit(found, free, observed, stamp, fits.shapes.R_half, image.middle, image.broad, ends, trace)


def _model(fits, image, free, remains):
    """The `ImageModel` of an image with its own pixels and PSF."""
    kernel, fine = kernel_used(fits, image)
    instrument = replace(
        fits.scene.instrument,
        psf_kind="pixel",
        kernels=kernel[None],
        supersampling=fine,
        within_pixels=False,
        pixel_scale=image.pixel_scale,
    )
    name = next(iter(fits.scene.bands))
    scene = replace(fits.scene, bands={name: instrument}, num_pix={name: len(image.image)})
    optics = {"fwhm": [0.0], "beta": [0.0], "kernel": [0], "exposure_time": [1.0]}
    return image_model(scene, free, fits.shapes, optics, remains)


def kernel_used(fits, image):
    """The PSF (k, k) in the fit of an image, and how many of its pixels lie along one of the image's."""
    known = image.kernel is not None
    kernel, fine = (image.kernel, image.fine) if known else usual_kernel(fits.scene, image.pixel_scale)
    return plainer(kernel), fine


def scale_of(fits, image):
    """What fluxes of an image are multiplied with, so that its noise is at the level of the population's."""
    instrument = fits.scene.instrument
    usual = instrument.background * image.pixel_scale / instrument.pixel_scale  # of independent pixels
    return usual / np.median(image.noise[image.good])


def scaled_to(fits, image):
    """A `fit_images.FitImage` with its noise at the level of the population's, so that the unit does not matter."""
    scale = scale_of(fits, image)
    light = None if image.light is None else image.light * scale
    return image._replace(image=image.image * scale, noise=image.noise * scale, light=light)


def observed_of(image):
    """The `Observed` of a `fit_images.FitImage`."""
    arcs = np.maximum(gaussian_filter(image.image, SMOOTHED), 0.0)
    return Observed(image.image, np.hypot(image.noise, UNMODELLED * arcs), np.inf, image.good)


def population_proposals(fits, free, n, seed):
    """Lenses of the population, (n, lens's), given what the light says of their shape.

    theta_E, which is seldom normally distributed, is drawn as the population has it.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    n_lens = len(free.places)
    z = generator.standard_normal((n, free.directions.shape[1]))
    out = (free.mean + z @ free.directions.T)[:, :n_lens]
    drawn = draw(fits.scene, np.arange(FIRST_DRAW, FIRST_DRAW + n, dtype=np.uint64), Views())
    for p, (k, name) in enumerate(free.places):
        if name == "theta_E":
            out[:, p] = drawn.lens_mass[k][name]
    return np.clip(out, free.low[:n_lens], free.high[:n_lens])


def posterior_proposals(fits, free, samples, seed):
    """Lenses with the parameters of samples of a posterior, target -> (n,), and others as the population has them."""
    n = len(next(iter(samples.values())))
    out, names = population_proposals(fits, free, n, seed), free.names()[: len(free.places)]
    for target, values in samples.items():
        if target in names:
            p = names.index(target)
            out[:, p] = np.clip(values, free.low[p], free.high[p])
    return out


def check(config):
    """Raises: ConfigError with all that `problems_of` says."""
    if problems := problems_of(config):
        raise ConfigError(problems)
