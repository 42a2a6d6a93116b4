"""Labels: what is known of every simulated system, with units; drawn parameters and what follows from them."""

import numpy as np

from ..configs.names import parameter_names, plain_names
from . import lens_equation as derived
from .render import render_all, tracer
from .selection import draw, flux_before_lensing
from .systems.draw import Views, present

_PREFIXES = {"lens_mass": "", "source": "source_", "lens_light": "lens_light_"}
_OF_IMAGES = ("amp", "amp_bulge", "stamp", "scale", "parity")  # means to an end, no properties of a galaxy
_OF_SUBSTRUCTURE = {
    "CDM": {"n_mean": "subhalos", "f_sub": "-", "slope": "-"},
    "AXION_VORTEX": {"mass": "Msun", "axion_mass": "eV", "half_length": "arcsec", "angle": "rad"},
}
_DERIVED = {
    "theta_E_effective": "arcsec",
    "magnification": "-",
    "arc_snr": "-",
    "n_halos": "subhalos",
    "halo_mass": "Msun",
    "class": "-",
}


def labels(systems):
    """The drawn parameters that an analysis asks for: dict of float64 (n,) for the lens and (n, v) for the rest.

    Names are those of `configs.names.plain_names`; the source's begin with source_, the lens light's with lens_light_.
    NaN where a system's class does not have the component.
    """
    out = {}
    for group, prefix in _PREFIXES.items():
        drawn = [{n: v for n, v in c.items() if n not in _OF_IMAGES} for c in getattr(systems, group)]
        out |= {plain: drawn[k][name] for plain, (k, name) in plain_names(drawn, prefix).items()}
    for halos in systems.halos:  # of several substructures with the same, each system has that of its class
        out |= {n: np.where(np.isnan(out[n]), v, out[n]) if n in out else v for n, v in halos.system.items()}
    return out


def derived_labels(scene, systems, arcs):
    """What follows from the parameters of systems: dict of float64 arrays (n,) or (n, v).

    theta_E_effective [arcsec] of all deflectors together; magnification (source's flux in the frame over its flux
    before lensing); arc_snr (signal to noise of the arcs, over all bands); n_halos and halo_mass [Msun] of the
    subhalos; class (its number in `simulate.classes`). NaN where there is no lens or no source.

    Args: arcs: of `render.render_all(..., arcs=True)`.
    """
    n, config = len(systems.indices), scene.config
    has_mass = np.any([present(scene, c, systems.class_number) for c in config.lens_mass], axis=0)
    main = systems.lens_mass[0]
    guess = np.nan_to_num(main["theta_E"], nan=1.0) if "theta_E" in main else np.ones(n)
    x, y = (np.nan_to_num(main.get(name, np.zeros(n))) for name in ("center_x", "center_y"))
    radius = derived.einstein_radius(tracer(scene, systems), x, y, guess)
    flux = flux_before_lensing(scene, systems)
    with np.errstate(divide="ignore", invalid="ignore"):
        magnification = np.where(flux > 0, arcs[..., 0].sum(2) / flux, np.nan)
    mass = np.zeros(n)
    for halos in systems.halos:
        mass += np.bincount(np.repeat(np.arange(n), np.diff(halos.first)), halos.mass, minlength=n)
    return {
        "theta_E_effective": np.where(has_mass, radius, np.nan),
        "magnification": magnification,
        "arc_snr": np.where(flux > 0, np.sqrt(arcs[..., 1].sum(2)), np.nan),
        "n_halos": np.zeros(n) + sum(np.diff(h.first) for h in systems.halos),
        "halo_mass": mass,
        "class": systems.class_number.astype(float),
    }


def units(scene):
    """The unit of every label, by name; "-" for a pure number."""
    config, out = scene.config, {}
    for group, prefix in _PREFIXES.items():
        components = getattr(config, group)
        fields = [type(c).model_fields for c in components]
        colors = [] if group == "lens_mass" else [f"color_{b}" for b in list(scene.bands)[1:]]
        names = [[*parameter_names(c), *colors] for c in components]
        for plain, (k, name) in plain_names(names, prefix).items():
            out[plain] = fields[k][name].json_schema_extra["unit"] if name in fields[k] else "AB mag"
    for component in scene.config.substructure:
        known = _OF_SUBSTRUCTURE[component.kind].items()
        out = {name: unit for name, unit in known if getattr(component, name, 0) is not None} | out
    return out | _DERIVED


def all_labels(scene, systems):
    """`labels` and `derived_labels` of systems, which are rendered for it."""
    return labels(systems) | derived_labels(scene, systems, render_all(scene, systems, noise=False, arcs=True).arcs)


def moments(scene, targets, n=4096):
    """Mean and standard deviation of lens parameters over the population, two float64 arrays (len(targets),)."""
    values = labels(draw(scene, np.arange(n), Views()))
    table = np.stack([values[t] for t in targets], axis=1)
    return table.mean(0), table.std(0)
