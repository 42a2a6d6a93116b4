"""Drawing the subhalos of a batch of systems: a table with lenstronomy's parameters, system by system.

Each subhalo owns one Philox counter, (index, attempt, slot of the component + its number), whose four words give its
mass, its place (two) and its concentration: a system's subhalos are the same bits in whatever batch they are drawn.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import special, stats

from ...errors import ConfigError
from ..core.compiled import cached
from ..core.distributions import quantile
from ..core.philox import counters, philox4x32, slot_of, uniforms
from . import cosmology as angles

MOST_HALOS = 1_000_000  # a system


@dataclass(frozen=True)
class Halos:
    """The subhalos of n systems, ragged: system i has those from first[i] to first[i + 1]."""

    profile: str  # lenstronomy's name, the same for all
    first: np.ndarray  # int64 (n + 1,)
    parameters: dict  # lenstronomy's names -> float64 (total,)
    mass: np.ndarray  # float64 (total,) [Msun]: M200 before any truncation; NaN where Einstein radii were given
    bound: np.ndarray  # float64 (total,) [Msun]: all mass that truncation leaves; NaN where there is no end to it
    region: np.ndarray  # float64 (n,) [Msun]: `region_mass`, over which f_sub counts; NaN for a vortex
    system: dict = field(default_factory=dict)  # what is drawn once a system: name -> float64 (n,)


def halos_of(halos, rows):
    """The subhalos of some of a batch of systems."""
    count = np.diff(halos.first)[rows]
    first = np.concatenate([[0], np.cumsum(count)])
    own = np.repeat(halos.first[rows] - first[:-1], count) + np.arange(first[-1])
    return replace(
        halos,
        first=first,
        parameters={name: value[own] for name, value in halos.parameters.items()},
        mass=halos.mass[own],
        bound=halos.bound[own],
        region=halos.region[rows],
        system={name: value[rows] for name, value in halos.system.items()},
    )


def draw_halos(component, path, draw, cosmology, lens, present=None):
    """Draw the subhalos of one component of substructure.

    Args:
        component: CDM or AXION_VORTEX of `configs.dark_matter`. path: its place, e.g. "substructure.0"; names the
            streams. draw: the `philox.Draw` of n systems, its purpose ENVIRONMENT.
        cosmology: `configs.dark_matter.Cosmology`.
        lens: dict of the main lens's theta_E, center_x, center_y [arcsec], each float64 (n,).
        present: bool (n,), the systems that have this substructure at all; None: every one.

    Returns: `Halos`, a pure function of each index. Raises: ConfigError for more than a million subhalos in a system.
    """
    where = angles.geometry(cosmology)
    present = np.ones(len(draw.indices), dtype=bool) if present is None else np.asarray(present, dtype=bool)
    draw_model = _draw_cdm if component.kind == "CDM" else _draw_vortex
    halos = draw_model(component, path, draw, where, lens, present)
    return replace(halos, system={name: np.where(present, value, np.nan) for name, value in halos.system.items()})


def region_mass(component, where, theta_E):
    """Projected mass [Msun] of an isothermal lens, kappa = theta_E / 2r, in the region where subhalos are put."""
    if component.half_side is not None:
        return 4.0 * np.arcsinh(1.0) * component.half_side * theta_E * where.sigma_crit_arcsec
    return np.pi * theta_E * (component.r_max - component.r_min) * where.sigma_crit_arcsec


def mean_mass(slope, m_min, m_max):
    """Mean mass under dN/dm ~ m^slope between `m_min` and `m_max`; arrays or floats."""
    log_range = np.log(m_max / m_min)
    return m_min * _power_integral(slope + 2.0, log_range) / _power_integral(slope + 1.0, log_range)


def _mean_counted_mass(component, where, slope):
    """Mean of the mass of a subhalo that f_sub counts [Msun], for each slope (n,)."""
    mean = mean_mass(slope, component.m_min, component.m_max)
    if component.f_sub_mass == "m200" or component.profile == "POINT_MASS":
        return mean
    # the mean of the bound fraction, each mass counting as it does in `mean`: over the masses and over their scatter
    at, weight = np.polynomial.legendre.leggauss(64)
    z, chance = np.polynomial.hermite_e.hermegauss(24)
    log_range = np.log(component.m_max / component.m_min)
    below = 0.5 * log_range * (at - 1.0)  # ln of the mass over m_max
    c = angles.concentration(component.concentration, component.m_max * np.exp(below), where.z_lens, where.h)
    scattered = c[:, None] * 10.0 ** (component.concentration_scatter * z)
    fraction = (angles.bound_fraction(scattered, component.tau) * chance).sum(-1) / chance.sum()
    weight = weight * np.exp((slope[:, None] + 2.0) * below)
    return mean * (weight * fraction).sum(-1) / weight.sum(-1)


def mass_quantile(u, slope, m_min, m_max):
    """The mass below which a fraction `u` of dN/dm ~ m^slope lies; arrays or floats."""
    power, log_range = slope + 1.0, np.log(m_max / m_min)
    small = np.abs(power) < 1e-9
    safe = np.where(small, 1.0, power)
    return m_min * np.exp(np.where(small, u * log_range, np.log1p(u * np.expm1(safe * log_range)) / safe))


def radius_quantile(component, u):
    """The radius [arcsec] inside which a fraction `u` of the subhalos lies."""
    low, high = component.r_min, component.r_max
    if component.radial == "radius":
        return low + (high - low) * u
    if component.radial == "area":
        return np.sqrt(low**2 + (high**2 - low**2) * u)
    core = component.r_core**2
    inner, outer = np.log1p(low**2 / core), np.log1p(high**2 / core)
    return np.sqrt(core * np.expm1(inner + (outer - inner) * u))


def _power_integral(p, log_range):
    """Integral of x^(p - 1) from 1 to exp(log_range)."""
    p = np.asarray(p, dtype=float)
    small = np.abs(p) < 1e-9
    return np.where(small, log_range, np.expm1(p * log_range) / np.where(small, 1.0, p))


def _draw_cdm(component, path, draw, where, lens, present):
    names = [n for n in ("n_mean", "f_sub", "slope") if getattr(component, n) is not None]
    system = {n: _draw_shared(component, path, n, draw) for n in names}
    region = region_mass(component, where, lens["theta_E"])
    if component.f_sub is None:
        mean = system["n_mean"]
    else:
        mean = system["f_sub"] * region / _mean_counted_mass(component, where, system["slope"])
    first = _first_halos(np.where(present, _count(component, path, mean, draw), 0))

    u = _halo_uniforms(draw.seed, draw.purpose, *counters(draw), slot_of(f"{path}.halo"), first)
    owner = np.repeat(np.arange(len(first) - 1), np.diff(first))
    if component.theta_E is None:
        mass = mass_quantile(u[0], system["slope"][owner], component.m_min, component.m_max)
        parameters, bound = _profile_parameters(component, where, mass, u[3])
    else:
        mass = bound = np.full(len(owner), np.nan)
        parameters = {"theta_E": _values(component.theta_E, u[0])}
    x, y = _places(component, u[1], u[2])
    parameters = _with_deflection_factor(parameters, component.profile, component.deflection_factor)
    parameters |= {"center_x": lens["center_x"][owner] + x, "center_y": lens["center_y"][owner] + y}
    return Halos(component.profile, first, parameters, mass, bound, region, system)


def _draw_vortex(component, path, draw, where, lens, present):
    """A line of equal point masses; its half-length is half the de Broglie wavelength of the axion.

    Released with DeepLense as 0.06e-22 / (2 axion_mass) in arcsec. With h / (m v) and 6.1 kpc an arcsec at z = 0.5,
    a wavelength of 0.06" at 1e-22 eV (0.37 kpc) is that of a halo with a velocity of 330 km/s.
    """
    system = {n: _draw_shared(component, path, n, draw) for n in ("mass", "axion_mass")}
    turn = uniforms(draw, [slot_of(f"{path}.angle")])[:, 0]
    system["angle"] = 2.0 * np.pi * turn
    system["half_length"] = 0.5 * component.wavelength * 1e-22 / system["axion_mass"]
    n = component.n_masses
    first = _first_halos(np.where(present, n, 0))
    owner = np.repeat(np.arange(len(first) - 1), np.diff(first))
    along = system["half_length"][owner] * np.tile(np.linspace(-1.0, 1.0, n), int(present.sum()))
    mass = system["mass"][owner] / n
    parameters = {"theta_E": angles.einstein_radius_point_mass(where, mass)}
    parameters = _with_deflection_factor(parameters, "POINT_MASS", component.deflection_factor)
    parameters["center_x"] = lens["center_x"][owner] + along * np.cos(system["angle"])[owner]
    parameters["center_y"] = lens["center_y"][owner] + along * np.sin(system["angle"])[owner]
    return Halos("POINT_MASS", first, parameters, mass, mass, np.full(len(draw.indices), np.nan), system)


def _values(value, u):
    return np.full(len(u), value) if isinstance(value, float) else quantile(value, u)


def _draw_shared(component, path, name, draw):
    """A parameter that a whole system shares."""
    u = uniforms(draw, [slot_of(f"{path}.{name}")])[:, 0]
    return _values(getattr(component, name), u)


def _count(component, path, mean, draw):
    """How many subhalos each system has, int64 (n,)."""
    if mean.size and mean.max() > 0.9 * MOST_HALOS:
        raise ConfigError(
            [
                f"simulate.{path}: asks for {mean.max():.3g} subhalos in a system, at most {MOST_HALOS:,} can be "
                "drawn; raise m_min or lower f_sub"
            ]
        )
    if component.count == "fixed":
        return np.rint(mean).astype(np.int64)
    u = uniforms(draw, [slot_of(f"{path}.count")])[:, 0]
    return stats.poisson.ppf(u, mean).astype(np.int64)


def _first_halos(count):
    return np.concatenate([[0], np.cumsum(count)]).astype(np.int64)


def _places(component, u, v):
    """x, y [arcsec] from the main lens."""
    if component.half_side is not None:
        return component.half_side * (2.0 * u - 1.0), component.half_side * (2.0 * v - 1.0)
    r = radius_quantile(component, u)
    return r * np.cos(2.0 * np.pi * v), r * np.sin(2.0 * np.pi * v)


def _profile_parameters(component, where, mass, u):
    """What lenstronomy's profile needs beside its centre, and the bound mass [Msun]."""
    endless = np.full(len(mass), np.nan)
    if component.profile == "POINT_MASS":
        return {"theta_E": angles.einstein_radius_point_mass(where, mass)}, mass
    if component.profile == "SIS":
        return {"theta_E": angles.einstein_radius_sis(where, angles.sigma_v_of_sis(where, mass))}, endless
    c = angles.concentration(component.concentration, mass, where.z_lens, where.h)
    c = c * 10.0 ** (component.concentration_scatter * special.ndtri(u))
    if component.profile == "NFW":
        return dict(zip(("Rs", "alpha_Rs"), angles.nfw(where, mass, c), strict=True)), endless
    parameters = dict(zip(("Rs", "alpha_Rs", "r_trunc"), angles.tnfw(where, mass, c, component.tau), strict=True))
    return parameters, mass * angles.bound_fraction(c, component.tau)


def _with_deflection_factor(parameters, profile, factor):
    """Parameters whose deflection is `factor` times as large: a point mass deflects as theta_E squared."""
    scale = {"theta_E": np.sqrt(factor) if profile == "POINT_MASS" else factor, "alpha_Rs": factor}
    return {name: values * scale.get(name, 1.0) for name, values in parameters.items()}


@cached
def _halo_uniforms(seed, purpose, indices, attempt, base, first):
    """Four uniform numbers in (0, 1) for each subhalo, float64 (4, total): one Philox block each."""
    out = np.empty((4, first[-1]))
    for i in range(indices.size):
        low = np.uint32(indices[i] & np.uint64(0xFFFFFFFF))
        high = np.uint32(indices[i] >> np.uint64(32))
        for k in range(first[i], first[i + 1]):
            slot = np.uint32((base + k - first[i]) & 0xFFFFFFFF)
            words = philox4x32(low, high, attempt[i], slot, np.uint32(seed), np.uint32(purpose))
            for j in range(4):
                out[j, k] = (np.float64(words[j]) + 0.5) * 2.0**-32
    return out
