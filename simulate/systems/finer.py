"""The same systems on a finer pixel grid: a scene whose pixels are a whole number of times smaller."""

from ...errors import ConfigError
from .scene import MOST_PIXELS, Scene, only_bands, with_config


def finer(scene: Scene, factor: int) -> Scene:
    """A scene of the same bands, systems and field of view, with pixels smaller by `factor`.

    `render.render` takes it with systems that were drawn with `scene`: galaxies, deflectors and the PSF in arcsec stay
    as they are, so that factor x factor of its noise-free pixels add up to one of `scene`, within the tolerance of
    adaptive rays. An rms of the background that was given as such is divided by the factor, as that of a sky is.

    Raises: ConfigError where kernels in a file have no pixels of the finer grid, and for more pixels than an image has.
    """
    whole = scene.whole or scene
    config, observations = whole.config, whole.config.band_observations()
    problems = [problem for name, own in observations.items() for problem in _problems(own, name, factor)]
    largest = max(whole.num_pix.values()) * factor
    if largest > MOST_PIXELS:
        problems.append(f"simulate.image.num_pix: {largest} pixels on the finer grid, expected {MOST_PIXELS} at most")
    if problems:
        raise ConfigError(problems)
    image = config.image.model_copy(
        update={
            "num_pix": config.image.num_pix * factor,
            "pixel_scale": (config.image.pixel_scale or whole.instrument.pixel_scale) / factor,
            "rays": _rays(config.image.rays, observations.values(), factor),
        }
    )
    update = {"image": image, "observation": config.observation.model_copy(update=_changes(config.observation, factor))}
    update["bands"] = {name: _finer_band(whole, name, observations[name], factor) for name in config.bands}
    return only_bands(with_config(whole, config.model_copy(update=update)), list(scene.bands))


def _problems(observation, band, factor):
    """A sentence if the kernels of a band have no pixels as fine as the finer grid's."""
    psf = observation.psf
    if psf is not None and psf.kind == "pixel" and _supersampling(psf) % factor:
        where = f"simulate.bands.{band}" if band else "simulate.observation"
        yield (
            f"{where}.psf: its kernels have a supersampling of {_supersampling(psf)}, so they are not known on pixels "
            f"{factor} times as fine; expected kernels with a supersampling of {factor} or a multiple, or a gaussian "
            "or moffat PSF"
        )


def _changes(observation, factor):
    """What is different in an `Observation` on the finer grid, in pixels."""
    changes, psf = {}, observation.psf
    if observation.background_noise is not None:
        changes["background_noise"] = observation.background_noise / factor
    if psf is not None and psf.supersampling != "auto" and psf.supersampling % factor == 0:
        changes["psf"] = psf.model_copy(
            update={"supersampling": psf.supersampling // factor}
        )  # on the same fine pixels
    elif psf is not None and psf.size is not None:
        size = psf.size * factor
        changes["psf"] = psf.model_copy(update={"size": size + (size + 1) % 2})
    return changes


def _finer_band(scene, name, observation, factor):
    """The keys of a band of `simulate.bands` on the finer grid."""
    changes = _changes(observation, factor)
    if "psf" in changes:
        changes["psf"] = changes["psf"].model_dump(exclude_unset=True)
    grid = {"num_pix": scene.num_pix[name] * factor, "pixel_scale": scene.bands[name].pixel_scale / factor}
    return scene.config.bands[name] | changes | {"image": grid}


def _rays(rays, observations, factor):
    """Rays along the side of a finer pixel: the same ones if they can be shared out, else as many as before."""
    if rays == "adaptive" or rays % factor:
        return rays
    fine = [_changes(own, factor).get("psf", own.psf) for own in observations]
    shared = rays // factor
    return rays if any(psf is not None and shared % _supersampling(psf) for psf in fine) else shared


def _supersampling(psf):
    return 1 if psf.supersampling == "auto" else psf.supersampling
