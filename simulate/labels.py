"""Labels: what is known of every simulated system, with units; drawn parameters and what follows from them."""

import numpy as np

from ..configs.names import parameter_names, plain_names
from ..configs.quantities import PREFIXES, quantity
from . import arcs
from .core.arguments import of_type
from .render import render_all
from .selection import draw
from .systems.draw import Systems, Views
from .systems.scene import Scene

_NO_LABELS = ("amp", "amp_bulge", "stamp", "scale", "parity")  # for rendering; no properties of a galaxy
_SUBSTRUCTURE_LABELS = {
    "CDM": ("n_mean", "f_sub", "slope"),
    "AXION_VORTEX": ("mass", "axion_mass", "half_length", "angle"),
}
_DERIVED = (
    "theta_E_mean_kappa",
    "theta_E_critical_area",
    "magnification",
    "arc_snr",
    "n_halos",
    "halo_mass",
    "halo_mass_bound",
    "f_sub_m200",
    "f_sub_bound",
    "class",
)


def labels(systems: Systems) -> dict[str, np.ndarray]:
    """The drawn parameters that an analysis asks for: dict of float64 (n,) for the lens and (n, v) for the rest.

    Names are those of `configs.names.plain_names`; the source's begin with source_, the lens light's with lens_light_.
    NaN where a system's class does not have the component.

    Raises: ArgumentError for what is no `Systems`.
    """
    of_type("systems", systems, Systems, "the Systems that draw returns")
    out: dict[str, np.ndarray] = {}
    for group, prefix in PREFIXES.items():
        drawn = [{n: v for n, v in c.items() if n not in _NO_LABELS} for c in getattr(systems, group)]
        out |= {plain: drawn[k][name] for plain, (k, name) in plain_names(drawn, prefix).items()}
    for halos in systems.halos:  # of several substructures with the same, each system has that of its class
        out |= {n: np.where(np.isnan(out[n]), v, out[n]) if n in out else v for n, v in halos.system.items()}
    return out


def derived_labels(scene: Scene, systems: Systems, measured: np.ndarray | None) -> dict[str, np.ndarray]:
    """What follows from the parameters of systems: dict of float64 arrays (n,) or (n, v).

    theta_E_mean_kappa [arcsec], of the circle in which all mass has a mean convergence of 1, and theta_E_critical_area
    [arcsec], sqrt(area / pi) of the tangential critical curve of all deflectors and shear, without subhalos;
    magnification (source's flux in the frame over its flux before lensing); arc_snr (signal to noise of the arcs, over
    all bands of the scene) and, where the simulation has several pixel grids, arc_snr_BAND in each by itself; n_halos
    of the subhalos, halo_mass [Msun] before truncation and halo_mass_bound [Msun] after it, and f_sub_m200 and
    f_sub_bound, these masses over that of an isothermal main lens where a CDM component puts its subhalos, added up
    over components; class (its number in `simulate.classes`). NaN where there is no lens or no source, and for what has
    no end: the bound mass of NFW and SIS.

    measured: `Rendered.arcs` of `render.render_all(..., arcs=True)`.

    Raises: ValueError if the arcs were not measured.
    """
    if measured is None:
        raise ValueError("derived labels need what render_all(..., arcs=True) measures")
    return {
        "theta_E_mean_kappa": arcs.mean_kappa_radius(scene, systems),
        "theta_E_critical_area": arcs.critical_area_radius(scene, systems),
        "magnification": arcs.magnification(scene, systems, measured),
        "arc_snr": arcs.arc_snr(scene, systems, measured),
        **_halo_labels(systems),
        "class": systems.class_number.astype(float),
    } | _arc_snr_of_bands(scene, systems, measured)


def _arc_snr_of_bands(scene, systems, measured):
    """The labels arc_snr_BAND of a scene, which are there if the simulation has several pixel grids."""
    snr = arcs.band_arc_snr(scene, systems, measured)
    return {name: snr[..., k] for k, name in enumerate(_band_labels(scene))}


def _band_labels(scene):
    return [f"arc_snr_{band}" for band in scene.bands] if len((scene.whole or scene).grids) > 1 else []


def _halo_labels(systems):
    """Number and masses of the subhalos that each system has, dict of float64 (n,)."""
    n = len(systems.indices)
    out = {name: np.zeros(n) for name in ("n_halos", "halo_mass", "halo_mass_bound", "f_sub_m200", "f_sub_bound")}
    for halos in systems.halos:
        count = np.diff(halos.first)
        owner = np.repeat(np.arange(n), count)
        mass, bound = (np.bincount(owner, m, minlength=n) for m in (halos.mass, halos.bound))
        out["n_halos"] += count
        out["halo_mass"] += mass
        out["halo_mass_bound"] += bound
        counts = np.isfinite(halos.region) & (count > 0)
        for name, total in (("f_sub_m200", mass), ("f_sub_bound", bound)):
            out[name] += np.where(counts, total / np.where(counts, halos.region, 1.0), 0.0)
    return out


def units(scene: Scene) -> dict[str, str]:
    """The unit of every label, by name, as `astropy.units` reads it; "" for a pure number."""
    config, names = scene.config, []
    for group, prefix in PREFIXES.items():
        colors = [] if group == "lens_mass" else [f"color_{b}" for b in scene.band_names[1:]]
        names += plain_names([[*parameter_names(c), *colors] for c in getattr(config, group)], prefix)
    for component in config.substructure:
        names += [n for n in _SUBSTRUCTURE_LABELS[component.kind] if getattr(component, n, 0) is not None]
    return {name: quantity(name).unit for name in [*names, *_DERIVED, *_band_labels(scene)]}


def all_labels(scene: Scene, systems: Systems) -> dict[str, np.ndarray]:
    """`labels` and `derived_labels` of systems, which are rendered for it."""
    return labels(systems) | derived_labels(scene, systems, render_all(scene, systems, noise=False, arcs=True).arcs)


def moments(scene: Scene, targets: list[str], n: int = 4096) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of lens parameters over the population, two float64 arrays (len(targets),)."""
    values = labels(draw(scene, np.arange(n), Views()))
    table = np.stack([values[t] for t in targets], axis=1)
    return table.mean(0), table.std(0)
