"""Every profile against lenstronomy, float64 to 1e-8 and float32 to a stated tolerance; limits with known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LightModel.light_model import LightModel

from lenstream.simulate import kernel
from lenstream.simulate.profiles import epl, interpol, sersic

X, Y = (a.ravel() for a in np.meshgrid(np.linspace(-2.4, 2.4, 24), np.linspace(-2.1, 2.5, 24)))
ellipticity = st.tuples(st.floats(0.0, 0.65), st.floats(0.0, 2 * np.pi)).map(
    lambda p: (p[0] * np.cos(p[1]), p[0] * np.sin(p[1]))
)
position = st.floats(-0.3, 0.3)


def row(*values):
    """A row of the parameter table."""
    return np.array([*values, *[0.0] * (kernel.N_PARAMETERS - len(values))])


def epl_deflection(parameters, x=X, y=Y, dtype=np.float64):
    """alpha_x, alpha_y by the kernel's EPL loop."""
    constants, coefficients = np.zeros(kernel.N_PARAMETERS), np.zeros(epl.MAX_TERMS)
    epl.constants(row(*parameters), constants)
    n = epl.series(row(*parameters), 1e-9 if dtype == np.float32 else 1e-15, coefficients)
    ax, ay = np.zeros(x.size, dtype), np.zeros(x.size, dtype)
    scratch = np.zeros((7, x.size), dtype)
    arrays = [np.ascontiguousarray(a, dtype=dtype) for a in (x, y)]
    kernel._add_epl(*arrays, ax, ay, constants.astype(dtype), coefficients.astype(dtype), n, scratch)
    return np.stack([ax, ay])


def light(constants, x=X, y=Y, stamp=None):
    """Surface brightness by the kernel's loops, float64."""
    flux = np.zeros(x.size)
    if stamp is None:
        kernel._add_sersic(x, y, flux, constants)
    else:
        kernel._add_interpol(x, y, flux, constants, stamp)
    return flux


@settings(deadline=None, max_examples=60)
@given(st.floats(0.1, 3), st.floats(1.2, 2.8), ellipticity, position, position)
def test_epl(theta_E, gamma, e, cx, cy):
    ours = epl_deflection((theta_E, gamma, *e, cx, cy))
    theirs = np.array(
        LensModel(["EPL"]).alpha(
            X, Y, [{"theta_E": theta_E, "gamma": gamma, "e1": e[0], "e2": e[1], "center_x": cx, "center_y": cy}]
        )
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-8 * np.abs(theirs).max())
    single = epl_deflection((theta_E, gamma, *e, cx, cy), dtype=np.float32)
    np.testing.assert_allclose(single, theirs, atol=3e-6 * np.abs(theirs).max())


@settings(deadline=None, max_examples=30)
@given(st.floats(0.1, 3), ellipticity, position, position)
def test_isothermal_epl_is_lenstronomys_sie(theta_E, e, cx, cy):
    ours = epl_deflection((theta_E, 2.0, *e, cx, cy))
    kwargs = {"theta_E": theta_E, "e1": e[0], "e2": e[1], "center_x": cx, "center_y": cy}
    theirs = np.array(LensModel(["SIE"]).alpha(X, Y, [kwargs]))
    np.testing.assert_allclose(ours, theirs, atol=1e-7 * theta_E)  # lenstronomy's has a core and q < 1 - 1e-8


def test_round_isothermal_epl_deflects_by_theta_E():
    ax, ay = epl_deflection((1.3, 2.0, 0.0, 0.0, 0.1, -0.2))
    np.testing.assert_allclose(np.hypot(ax, ay), 1.3, rtol=1e-12)
    np.testing.assert_allclose(np.arctan2(ay, ax), np.arctan2(Y + 0.2, X - 0.1), atol=1e-12)


@given(st.floats(1.2, 2.8), st.floats(0.05, 0.6))
@settings(deadline=None, max_examples=20)
def test_epl_turned_by_a_quarter_turns_its_deflection(gamma, e1):
    ax, ay = epl_deflection((1.0, gamma, e1, 0.0, 0.0, 0.0))
    turned = epl_deflection((1.0, gamma, -e1, 0.0, 0.0, 0.0), x=-Y, y=X)
    np.testing.assert_allclose(turned, [-ay, ax], atol=1e-12)


@pytest.mark.parametrize("where", [(0.0, 0.0), (1e-12, 0.0), (0.0, 1.0), (1.0, 0.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_epl_is_finite_on_the_centre_and_the_axes(where, dtype):
    x, y = (np.full(16, w) for w in where)
    assert np.isfinite(epl_deflection((1.0, 2.3, 0.2, 0.0, 0.0, 0.0), x, y, dtype)).all()


def test_epl_without_mass_does_nothing():
    assert not epl_deflection((0.0, 2.1, 0.2, 0.1, 0.0, 0.0)).any()


@settings(deadline=None, max_examples=20)
@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_shear(gamma1, gamma2):
    ax, ay = np.zeros(X.size), np.zeros(X.size)
    kernel._add_shear(X, Y, ax, ay, row(gamma1, gamma2))
    theirs = LensModel(["SHEAR"]).alpha(X, Y, [{"gamma1": gamma1, "gamma2": gamma2}])
    np.testing.assert_allclose([ax, ay], theirs, atol=1e-14)


@settings(deadline=None, max_examples=60)
@given(st.floats(0.05, 2), st.floats(0.3, 8), ellipticity, position, position)
def test_sersic(R_sersic, n_sersic, e, cx, cy):
    constants = np.zeros(kernel.N_PARAMETERS)
    sersic.constants(row(2.0, R_sersic, n_sersic, *e, cx, cy), constants)
    kwargs = {"amp": 2.0, "R_sersic": R_sersic, "n_sersic": n_sersic}
    kwargs |= {"e1": e[0], "e2": e[1], "center_x": cx, "center_y": cy}
    model = LightModel(["SERSIC_ELLIPSE"])
    theirs = model.surface_brightness(X, Y, [kwargs])
    np.testing.assert_allclose(light(constants), theirs, rtol=1e-9, atol=1e-12 * theirs.max())
    flux = model.total_flux([kwargs | {"amp": 1.0}])[0]
    np.testing.assert_allclose(sersic.total_flux(R_sersic, n_sersic), flux, rtol=1e-10)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.02, 0.3), st.floats(-4, 4), position, position, st.integers(4, 9))
def test_interpol(scale, phi, cx, cy, size):
    inner = np.random.default_rng(size).random((size, size))
    constants = np.zeros(kernel.N_PARAMETERS)
    interpol.constants(row(1.5, cx, cy, phi, scale, 0), size + 2, constants)
    kwargs = {"image": inner, "amp": 1.5, "center_x": cx, "center_y": cy, "phi_G": phi, "scale": scale}
    theirs = LightModel(["INTERPOL"]).surface_brightness(X, Y, [kwargs])
    np.testing.assert_allclose(light(constants, stamp=np.pad(inner, 1)), theirs, atol=1e-10)
