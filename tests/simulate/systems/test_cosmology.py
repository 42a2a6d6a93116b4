"""Cosmology: distances, critical density, Einstein radii and NFW parameters are lenstronomy's and astropy's."""

import numpy as np
import pytest
from astropy import constants, units
from astropy.cosmology import FlatLambdaCDM
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.Cosmo.lens_cosmo import LensCosmo
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LensModel.Profiles.nfw import NFW
from lenstronomy.LensModel.Profiles.tnfw import TNFW
from pydantic import ValidationError

from lenstream.configs.dark_matter import Cosmology
from lenstream.configs.load import load
from lenstream.simulate.systems import cosmology

universes = st.tuples(st.floats(0.1, 1.0), st.floats(0.05, 2.0), st.floats(60, 80), st.floats(0.2, 0.4))


def both(z_lens=0.5, beyond=0.5, H0=70.0, Om0=0.3):
    """One lens in LenStream and in lenstronomy."""
    ours = cosmology.geometry(Cosmology(z_lens=z_lens, z_source=z_lens + beyond, H0=H0, Om0=Om0))
    return ours, LensCosmo(z_lens, z_lens + beyond, FlatLambdaCDM(H0=H0, Om0=Om0))


@settings(deadline=None, max_examples=30)
@given(universes)
def test_distances_and_critical_density_are_lenstronomys(universe):
    ours, theirs = both(*universe)
    np.testing.assert_allclose(
        [ours.D_l, ours.D_s, ours.D_ls, ours.sigma_crit, ours.sigma_crit_arcsec],
        [theirs.dd, theirs.ds, theirs.dds, theirs.sigma_crit, theirs.sigma_crit_angle],
        rtol=1e-9,
    )
    np.testing.assert_allclose(ours.kpc_per_arcsec, 1000 * theirs.arcsec2phys_lens(1.0), rtol=1e-9)


@settings(deadline=None, max_examples=30)
@given(universes, st.floats(5, 13), st.floats(2, 40), st.floats(1, 400))
def test_halos_and_einstein_radii_are_lenstronomys(universe, log_mass, c, sigma_v):
    ours, theirs = both(*universe)
    mass = 10.0**log_mass
    np.testing.assert_allclose(cosmology.nfw(ours, mass, c), theirs.nfw_physical2angle(mass, c), rtol=1e-8)
    np.testing.assert_allclose(
        cosmology.einstein_radius_sis(ours, sigma_v), theirs.sis_sigma_v2theta_E(sigma_v), rtol=1e-9
    )
    theta_E = cosmology.einstein_radius_point_mass(ours, mass)
    np.testing.assert_allclose(theirs.mass_in_theta_E(theta_E), mass, rtol=1e-9)


def test_constants_are_close_to_the_iaus():
    ours, _ = both()
    model = FlatLambdaCDM(H0=70, Om0=0.3)
    D_l, D_s = (model.angular_diameter_distance(z) for z in (0.5, 1.0))
    D_ls = D_s - D_l * 1.5 / 2.0
    theta = np.sqrt(4 * constants.G * 1e12 * constants.M_sun / constants.c**2 * D_ls / (D_l * D_s))
    theta = theta.to_value(units.dimensionless_unscaled) * units.rad.to(units.arcsec)
    assert cosmology.einstein_radius_point_mass(ours, 1e12) == pytest.approx(theta, rel=2e-4)
    np.testing.assert_allclose(ours.rho_crit, model.critical_density(0.5).to_value("Msun/Mpc3"), rtol=1e-6)


def test_the_mass_of_an_nfw_halo_comes_back_from_its_lensing():
    ours, theirs = both()
    M200, c = 1e10, 12.0
    Rs, alpha_Rs = cosmology.nfw(ours, M200, c)
    rho0 = NFW().alpha2rho0(alpha_Rs=alpha_Rs, Rs=Rs)
    inside = NFW().mass_3d(c * Rs, Rs, rho0) * theirs.sigma_crit_angle
    assert inside == pytest.approx(M200, rel=1e-6)


def test_a_tnfw_halo_is_an_nfw_halo_far_inside_its_truncation():
    ours, _ = both()
    mass, c = np.array([1e7, 1e9]), np.array([20.0, 12.0])
    Rs, alpha_Rs, r_trunc = cosmology.tnfw(ours, mass, c, 1000.0)
    np.testing.assert_allclose(r_trunc, 1000.0 * Rs)
    for k in range(2):
        full, _ = NFW().derivatives(0.3 * Rs[k], 0.0, Rs[k], alpha_Rs[k])
        cut, _ = TNFW().derivatives(0.3 * Rs[k], 0.0, Rs[k], alpha_Rs[k], r_trunc[k])
        assert cut == pytest.approx(full, rel=1e-3)


def test_a_sis_of_mass_m200_holds_it_inside_r200():
    ours, _ = both()
    sigma_v, r200 = cosmology.sigma_v_of_sis(ours, 1e9), cosmology.radius_200(ours, 1e9)
    G = constants.G.to_value("Mpc km2 / (s2 Msun)")
    assert 2 * sigma_v**2 * r200 / G == pytest.approx(1e9, rel=5e-4)
    assert 1e9 / (4 / 3 * np.pi * r200**3) == pytest.approx(200 * ours.rho_crit)


def test_concentrations_are_those_of_the_papers():
    """Dutton & Maccio 2014 table 3 (z = 0: a = 0.905, b = -0.101) and Duffy+ 2008 table 1 (pivot 2e12 Msun/h)."""
    h = 0.7
    at = cosmology.concentration
    assert np.log10(at("dutton_maccio2014", 1e12 / h, 0.0, h)) == pytest.approx(0.905)
    assert np.log10(at("dutton_maccio2014", 1e10 / h, 0.0, h)) == pytest.approx(0.905 + 2 * 0.101)
    assert np.log10(at("dutton_maccio2014", 1e12 / h, 1.0, h)) == pytest.approx(0.52 + 0.385 * np.exp(-0.617))
    assert at("duffy2008", 2e12 / h, 0.0, h) == pytest.approx(5.71)
    assert at("duffy2008", 2e12 / h, 1.0, h) == pytest.approx(5.71 * 2**-0.47)
    assert at("duffy2008", 2e6 / h, 0.0, h) == pytest.approx(5.71 * 10 ** (6 * 0.084))
    with pytest.raises(ValueError, match="no concentration relation"):
        at("duffy", 1e9, 0.5, h)


def test_the_einstein_radius_of_deeplense_as_released_and_corrected():
    """1e12 Msun at z = 0.5: 1.66"; the public code takes luminosity distances and D_LS = D_S - D_L: 1.28"."""
    ours, _ = both()
    right = float(cosmology.einstein_radius_point_mass(ours, 1e12))
    luminosity_l, luminosity_s = ours.D_l * 1.5**2, ours.D_s * 2.0**2
    wrong_factor = (luminosity_s - luminosity_l) / (luminosity_l * luminosity_s) / (ours.D_ls / (ours.D_l * ours.D_s))
    assert round(right, 2) == 1.66
    assert round(right * np.sqrt(wrong_factor), 2) == 1.28
    assert wrong_factor == pytest.approx(0.59273, abs=1e-5)
    assert right == pytest.approx(1.6647, abs=1e-4)


def test_deeplense_models_2_to_4_shrink_deflections_by_the_factor_that_lenstronomy_takes():
    """Deflections defined for a source at 2.5 and a source at 1, in the cosmology that pyHalo makes them in."""
    theirs = FlatLambdaCDM(H0=69.7, Om0=0.2814)
    sie = {"theta_E": 1.0, "e1": 0.0, "e2": 0.0, "center_x": 0.0, "center_y": 0.0}
    traced = LensModel(
        ["SIE"], z_source=1.0, lens_redshift_list=[0.5], cosmo=theirs, z_source_convention=2.5, multi_plane=True
    )
    factor = float(np.hypot(*traced.alpha(0.6, 0.8, [sie])))
    assert factor == pytest.approx(0.63431, abs=5e-6)

    def reach(z_source):
        at = cosmology.geometry(Cosmology(z_lens=0.5, z_source=z_source, H0=69.7, Om0=0.2814))
        return at.D_ls / at.D_s

    assert reach(1.0) / reach(2.5) == pytest.approx(factor, rel=1e-5)


def test_the_lens_of_deeplense_model_2_as_released_is_that_of_its_code_in_astropys_units():
    """Luminosity distances, D_LS = D_S - D_L, 206265 arcsec in a radian; then the factor of the test above."""
    theirs = FlatLambdaCDM(H0=70, Om0=0.3, Ob0=0.05)
    D_l, D_s = (theirs.luminosity_distance(z).to("m") for z in (0.5, 1.0))
    theta_E = 206265 * np.sqrt(
        4 * constants.G * 1e12 * constants.M_sun / constants.c**2 * (D_s - D_l) / (D_l * D_s)
    ).to_value("")
    for model in ("deeplense_model_2", "deeplense_model_3"):
        lens, shear = load(model, ["mode=as_released"]).simulate.lens_mass
        assert lens.theta_E == pytest.approx(theta_E * 0.634315, abs=5e-6)
        assert shear.gamma1 == pytest.approx(0.05 * 0.634315, abs=5e-7)


def test_the_source_is_behind_the_lens():
    with pytest.raises(ValidationError, match=r"z_source must be larger than z_lens = 0\.5, got 0\.4"):
        Cosmology(z_lens=0.5, z_source=0.4)
