"""Cosmology: from masses and redshifts to distances, critical surface density, Einstein radii and NFW parameters.

Constants are lenstronomy's, so that its ``LensCosmo`` gives the same numbers. (Its G Msun is 2.8e-4 above the IAU's;
an Einstein radius moves by half of that.) Masses are in Msun without h, lengths in proper Mpc, all arrays float64.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from lenstronomy.Util import constants

_C = constants.c / 1000.0  # km/s
_G = constants.G * constants.M_sun / constants.Mpc * 1e-6  # Mpc (km/s)^2 / Msun
_CRITICAL_DENSITY = 2.77536627e11  # h^2 Msun/Mpc^3 today, as lenstronomy's NFWParam


@dataclass(frozen=True)
class Geometry:
    """The distances of a lens and a source, and what follows from them."""

    z_lens: float
    z_source: float
    h: float  # H0 / (100 km/s/Mpc)
    D_l: float  # angular diameter distance to the lens [Mpc]
    D_s: float  # to the source [Mpc]
    D_ls: float  # from the lens to the source [Mpc]
    sigma_crit: float  # critical surface density [Msun/Mpc^2]
    sigma_crit_arcsec: float  # critical surface density [Msun/arcsec^2]
    rho_crit: float  # critical density of the universe at the lens [Msun/Mpc^3]
    kpc_per_arcsec: float  # at the lens


@lru_cache(maxsize=64)
def geometry(cosmology):
    """The `Geometry` of a `configs.dark_matter.Cosmology`, with astropy's FlatLambdaCDM (no radiation)."""
    from astropy.cosmology import FlatLambdaCDM

    model = FlatLambdaCDM(H0=cosmology.H0, Om0=cosmology.Om0)
    z_lens, z_source, h = cosmology.z_lens, cosmology.z_source, cosmology.H0 / 100.0
    D_l, D_s = (float(model.angular_diameter_distance(z).to_value("Mpc")) for z in (z_lens, z_source))
    D_ls = D_s - D_l * (1.0 + z_lens) / (1.0 + z_source)  # comoving distances add where space is flat
    sigma_crit = _C**2 / (4.0 * np.pi * _G) * D_s / (D_l * D_ls)
    arcsec = D_l * constants.arcsec  # Mpc
    return Geometry(
        z_lens=z_lens,
        z_source=z_source,
        h=h,
        D_l=D_l,
        D_s=D_s,
        D_ls=D_ls,
        sigma_crit=sigma_crit,
        sigma_crit_arcsec=sigma_crit * arcsec**2,
        rho_crit=_CRITICAL_DENSITY * h**2 * float(model.efunc(z_lens)) ** 2,
        kpc_per_arcsec=1000.0 * arcsec,
    )


def einstein_radius_point_mass(where, mass):
    """Einstein radius [arcsec] of a mass [Msun] (array or float) in a `Geometry`; also of any mass inside theta_E."""
    return np.sqrt(np.asarray(mass, dtype=float) / (np.pi * where.sigma_crit_arcsec))


def einstein_radius_sis(where, sigma_v):
    """Einstein radius [arcsec] of a singular isothermal sphere of velocity dispersion `sigma_v` [km/s]."""
    return 4.0 * np.pi * (np.asarray(sigma_v, dtype=float) / _C) ** 2 * where.D_ls / where.D_s / constants.arcsec


def radius_200(where, M200):
    """Radius [Mpc] inside which the mean density is 200 times critical, of a mass `M200` [Msun]."""
    return np.cbrt(3.0 * np.asarray(M200, dtype=float) / (800.0 * np.pi * where.rho_crit))


def sigma_v_of_sis(where, M200):
    """Velocity dispersion [km/s] of a singular isothermal sphere with `M200` [Msun] inside r200: G M200 / (2 r200)."""
    return np.sqrt(_G * np.asarray(M200, dtype=float) / (2.0 * radius_200(where, M200)))


def nfw(where, M200, c):
    """lenstronomy's Rs and alpha_Rs [arcsec] of an NFW halo of mass `M200` [Msun] and concentration `c` (arrays)."""
    Rs = radius_200(where, M200) / c
    rho0 = 200.0 / 3.0 * where.rho_crit * c**3 / (np.log1p(c) - c / (1.0 + c))
    alpha_Rs = 4.0 * rho0 * Rs**2 * (1.0 - np.log(2.0)) / where.sigma_crit  # Mpc
    angle = where.D_l * constants.arcsec
    return Rs / angle, alpha_Rs / angle


def tnfw(where, M200, c, tau):
    """lenstronomy's Rs, alpha_Rs, r_trunc [arcsec] of an NFW halo that is truncated at `tau` scale radii.

    `M200` [Msun] and `c` are those before truncation, and alpha_Rs is that of the halo without truncation, as
    lenstronomy's TNFW (Baltz, Marshall & Oguri 2009) takes them.
    """
    Rs, alpha_Rs = nfw(where, M200, c)
    return Rs, alpha_Rs, tau * Rs


def bound_fraction(c, tau):
    """All of a TNFW halo's mass over its M200 before truncation, from its concentration and tau (arrays or floats).

    tau^2 / (tau^2 + 1)^2 ((tau^2 - 1) ln tau + pi tau - (tau^2 + 1)) / (ln(1 + c) - c / (1 + c)), of Baltz, Marshall &
    Oguri 2009; above 1 where a halo is cut far beyond its r200.
    """
    tau2 = np.square(np.asarray(tau, dtype=float))
    whole = tau2 / (tau2 + 1.0) ** 2 * ((tau2 - 1.0) * np.log(tau) + np.pi * tau - (tau2 + 1.0))
    return whole / (np.log1p(c) - c / (1.0 + c))


def concentration(relation, M200, z, h):
    """Mean concentration c200 of haloes of mass `M200` [Msun] (array) at redshift `z`.

    `relation`: "dutton_maccio2014" (Dutton & Maccio 2014, table 3, Planck cosmology) or "duffy2008" (Duffy+ 2008, table
    1, all haloes at z = 0-2, WMAP5). Both were fitted above 1e10 Msun and are extrapolated to subhaloes.

    Raises: ValueError for another relation.
    """
    mass = np.asarray(M200, dtype=float) * h
    if relation == "duffy2008":
        return 5.71 * (mass / 2e12) ** -0.084 * (1.0 + z) ** -0.47
    if relation == "dutton_maccio2014":
        a = 0.520 + (0.905 - 0.520) * np.exp(-0.617 * z**1.21)
        return 10.0 ** (a + (-0.101 + 0.026 * z) * np.log10(mass / 1e12))
    raise ValueError(f'no concentration relation "{relation}"; there are dutton_maccio2014 and duffy2008')
