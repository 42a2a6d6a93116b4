"""The bridge to lenstronomy: any drawn system as the lists and dictionaries that lenstronomy's classes take."""

import numpy as np

from ..errors import ArgumentError
from .core.arguments import whole_number
from .detector.psf import moffat_kernels
from .packing import noise_levels
from .profiles import limits
from .profiles.registry import LIGHT, LIGHT_PARAMETERS, MASS
from .render import render_all
from .systems.draw import Systems, check_drawn, in_bands, present, rows_of
from .systems.scene import Scene

WITHIN_PIXELS = 9  # finer pixels for a PSF that acts on where in a pixel the light lies


def to_lenstronomy(scene: Scene, systems: Systems, i: int, view: int = 0, band: int = 0) -> dict:
    """System number `i` of a batch, from 0, in lenstronomy's terms, in one of its views and bands, from 0, too.

    Returns: dict with `kwargs_model` (lens_model_list, source_light_model_list, lens_light_model_list and, with gridded
    deflectors, lens_profile_kwargs_list), `kwargs_lens`, `kwargs_source`, `kwargs_lens_light`, `kwargs_data`,
    `kwargs_psf` and `kwargs_numerics`, ready for ``ImageData``, ``PSF`` and ``ImageModel``; amplitudes are in
    counts/s/arcsec^2. lenstronomy has no adaptive rays: they are given as 8 x 8 a pixel, and with a PSF that acts on
    where in a pixel the light lies as 9 x 9, with the PSF on pixels as fine.

    `kwargs_data` has the image as `render` makes it, float64 (num_pix, num_pix) [counts/s/pixel], its pixel grid, and
    of its noise background_rms [counts/s] and exposure_time [s], times the electrons per count, which lenstronomy takes
    as one. Correlations of noise are no part of them; of patches of blank sky it is their rms. If the instrument loses
    pixels there is `likelihood_mask`, too, bool, False where one is lost; the image is 0 there.

    Raises: DataError for a parameter that `render` refuses, too: lenstronomy takes e.g. any |e|, clipped at 0.9999;
    ArgumentError for a number of a system, view or band that is not there.
    """
    check_drawn(scene, systems)
    if scene.config.observation.subtract_lens_light:
        raise ArgumentError(
            "scene: its images have lens light subtracted by an imperfect fit, which lenstronomy has no model of; set "
            "simulate.observation.subtract_lens_light=[] (and unfitted_light=null) for the light with it"
        )
    if not len(systems.indices):
        raise ArgumentError("systems: expected one or more, got those of no index")
    i = whole_number("i", i, 0, len(systems.indices) - 1)
    view = whole_number("view", view, 0, systems.views.n - 1)
    band = whole_number("band", band, 0, len(scene.bands) - 1)
    return _model(scene, systems, i, view, band) | _data(scene, systems, i, view, band)


def _model(scene, systems, i, view, band):
    """What `to_lenstronomy` gives but for the data."""
    systems = in_bands(systems, scene)
    lens = _deflectors(scene, systems, i)
    light = {group: _light(scene, systems, group, i, view, band) for group in ("source", "lens_light")}
    model = {
        "lens_model_list": [name for name, _ in lens],
        "source_light_model_list": [name for name, _ in light["source"]],
        "lens_light_model_list": [name for name, _ in light["lens_light"]],
    }
    options = [MASS[name].options for name, _ in lens]
    if any(options):
        model["lens_profile_kwargs_list"] = options
    return {
        "kwargs_model": model,
        "kwargs_lens": [values for _, values in lens],
        "kwargs_source": [values for _, values in light["source"]],
        "kwargs_lens_light": [values for _, values in light["lens_light"]],
    } | psf_and_rays(scene, systems, i, view, band)


def psf_and_rays(scene, systems, i, view=0, band=0):
    """The `kwargs_psf` and `kwargs_numerics` of `to_lenstronomy`."""
    instrument, rays, per_pixel = list(scene.bands.values())[band], scene.config.image.rays, 8
    if rays == "adaptive" and instrument.within_pixels:
        instrument, per_pixel = instrument.on_finer_pixels(WITHIN_PIXELS), 1
    return {
        "kwargs_psf": _psf(instrument, {n: v[i, view, band] for n, v in systems.optics.items()})
        | {"pixel_size": list(scene.bands.values())[band].pixel_scale},
        "kwargs_numerics": {
            "supersampling_factor": per_pixel * instrument.supersampling if rays == "adaptive" else rays,
            "supersampling_convolution": instrument.supersampling > 1,
            "supersampling_kernel_size": None,  # by default only a kernel's middle is applied on the finer pixels
        },
    }


def _data(scene, systems, i, view, band):
    """The image of a system with its pixel grid and its noise, as `to_lenstronomy` gives it."""
    name = list(scene.bands)[band]
    size, scale = scene.num_pix[name], scene.bands[name].pixel_scale
    own = rows_of(systems, [i])
    rendered = render_all(scene, own, arcs=True)  # as a stream does: the last bit depends on it
    grid = next(k for k, grid in enumerate(scene.grids) if name in grid.bands)
    at = 0, view, list(scene.grids[grid].bands).index(name)
    images, masks = (a[grid] if isinstance(a, tuple) else a for a in (rendered.images, rendered.mask))
    image, mask = images[at].astype(float), {}
    if masks is not None:
        mask["likelihood_mask"] = ~masks[at]
        image[masks[at]] = 0.0
    background, exposure, gain = (levels[0, view * len(scene.bands) + band] for levels in noise_levels(scene, own))
    if scene.bands[name].sky is not None:
        background = np.nanstd(scene.bands[name].sky.pixels)
    noise = {"background_rms": float(background), "exposure_time": float(exposure * gain)}
    return {"kwargs_data": {"image_data": image, **noise, **_pixel_grid(size, scale)}} | mask


def _pixel_grid(num_pix, pixel_scale):
    """Where the pixels of an image are, as lenstronomy's ``ImageData`` takes it."""
    first = -(num_pix - 1) / 2 * pixel_scale
    return {"ra_at_xy_0": first, "dec_at_xy_0": first, "transform_pix2angle": pixel_scale * np.eye(2)}


def _deflectors(scene, systems, i):
    """Pairs of a profile's name and its parameters, the subhalos last."""
    out, n_maps = [], 0
    for k, (component, values) in enumerate(zip(scene.config.lens_mass, systems.lens_mass, strict=True)):
        profile = MASS[component.profile]
        if present(scene, component, systems.class_number[i : i + 1])[0]:
            _check(limits.MASS[profile.name], {n: v[i] for n, v in values.items()} | profile.always, f"lens_mass.{k}")
            own = _values(profile, values, i)
            out.append((profile.name, _map(scene.maps[n_maps], **own) if profile.rays == "map" else own))
        n_maps += profile.rays == "map"
    for halos in systems.halos:
        for h in range(halos.first[i], halos.first[i + 1]):
            out.append((halos.profile, _values(MASS[halos.profile], halos.parameters, h)))
    return out


def _values(profile, values, i):
    """The parameters of a deflector in system `i`, as lenstronomy takes them."""
    return {p.name: (int if p.whole else float)(values[p.name][i]) for p in profile.parameters}


def _check(known, values, what):
    """Refuse what cannot be rendered; a number that is in no parameter, such as a map's, is not looked at."""
    limits.check(known, np.array([float(values.get(name, 0.0)) for name in known.names]), what)


def _map(grid, center_x, center_y):
    x, y = grid.axes(center_x, center_y)
    nothing = np.zeros_like(grid.f_x)  # potential and second derivatives are not needed for images
    second = {name: nothing for name in ("f_", "f_xx", "f_yy", "f_xy")}
    return {"grid_interp_x": x, "grid_interp_y": y, "f_x": grid.f_x, "f_y": grid.f_y} | second


def _light(scene, systems, group, i, view, band):
    out = []
    components = zip(getattr(scene.config, group), getattr(systems, group), strict=True)
    for k, (component, drawn) in enumerate(components):
        if not present(scene, component, systems.class_number[i : i + 1])[0]:
            continue
        for name, values in LIGHT[component.profile].parts(drawn):
            at = {n: float(v[(i, view, band) if v.ndim == 3 else (i, view)]) for n, v in values.items()}
            own = {n: at[n] for n in LIGHT_PARAMETERS[name]}
            _check(limits.LIGHT[name], own, f"{group}.{k}")
            out.append((name, _image(scene, own, band) if name == "INTERPOL" else own))
    return out


def _image(scene, values, band):
    """A galaxy image; lenstronomy adds the ring of zeros itself."""
    own = scene.stamps.images[int(values["stamp"])]
    image = own[min(scene.band_numbers[band], len(own) - 1)][1:-1, 1:-1].astype(float)
    names = ("amp", "center_x", "center_y", "phi_G", "scale")
    return {"image": image[:, :: int(values["parity"])]} | {n: values[n] for n in names}


def _psf(instrument, drawn):
    if instrument.psf_kind == "gaussian":
        return {"psf_type": "GAUSSIAN", "fwhm": float(drawn["fwhm"]), "truncation": instrument.truncation}
    if instrument.psf_kind == "none":
        return {"psf_type": "NONE"}
    if instrument.psf_kind == "moffat":
        scale = instrument.pixel_scale / instrument.supersampling
        (kernel,) = moffat_kernels(np.array([drawn["fwhm"]]), np.array([drawn["beta"]]), scale, instrument.psf_size)
    else:
        kernel = np.array(instrument.kernels[int(drawn["kernel"])])
    finer = {"point_source_supersampling_factor": instrument.supersampling} if instrument.supersampling > 1 else {}
    return {"psf_type": "PIXEL", "kernel_point_source": kernel} | finer


def lenstronomy_image_model(scene, systems, i=0, view=0, epl="EPL", band=0):
    """lenstronomy's ``ImageModel`` for system `i` of a scene; `epl` may be "EPL_NUMBA"."""
    from lenstronomy.Data.imaging_data import ImageData
    from lenstronomy.Data.psf import PSF
    from lenstronomy.ImSim.image_model import ImageModel
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LightModel.light_model import LightModel

    size, scale = list(scene.num_pix.values())[band], list(scene.bands.values())[band].pixel_scale
    terms = _model(scene, systems, i, view, band)
    model = terms["kwargs_model"]
    maps = model.get("lens_profile_kwargs_list")
    return ImageModel(
        ImageData(np.zeros((size, size)), **_pixel_grid(size, scale)),
        PSF(**terms["kwargs_psf"]),
        LensModel(
            [epl if name == "EPL" else name for name in model["lens_model_list"]],
            **({"profile_kwargs_list": maps} if maps else {}),
        ),
        LightModel(model["source_light_model_list"]),
        LightModel(model["lens_light_model_list"]),
        kwargs_numerics=terms["kwargs_numerics"],
    )


def lenstronomy_image(scene, systems, i, view=0, band=0):
    """The noise-free image of a system as lenstronomy renders it: float64 (num_pix, num_pix) [counts/s/pixel]."""
    terms = _model(scene, systems, i, view, band)
    model = lenstronomy_image_model(scene, systems, i, view, band=band)
    return model.image(terms["kwargs_lens"], terms["kwargs_source"], terms["kwargs_lens_light"])
