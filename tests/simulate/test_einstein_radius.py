"""Einstein radii of whole deflectors against closed forms and lenstronomy."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.Analysis.lens_profile import LensProfileAnalysis
from lenstronomy.LensModel.lens_model import LensModel
from scipy.integrate import dblquad

from lenstream.simulate.einstein_radius import einstein_radius

from .deflectors import random_systems, sis, tracer


@settings(deadline=None, max_examples=30)
@given(st.floats(0.05, 5), st.floats(-0.5, 0.9), st.floats(0.2, 5))
def test_a_sphere_under_a_mass_sheet(theta_E, kappa, wrong):
    (radius,) = einstein_radius(sis(theta_E, kappa), guess=[theta_E * wrong])
    if 1 / 256 < 1 / (1 - kappa) / wrong < 8:
        assert radius == pytest.approx(theta_E / (1 - kappa), rel=1e-7)


def test_there_may_be_no_einstein_radius():
    none = einstein_radius(sis([1.0, 1e-9, 1.0, 0.0], [0.0, 0.0, 1.2, 0.3]), guess=np.array([1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_allclose(none, [1.0, 0.0, 0.0, 0.0], rtol=1e-7)


def test_the_mean_convergence_inside_is_one():
    model, systems = LensModel(["EPL", "SHEAR", "CONVERGENCE"]), random_systems(4, 1)
    radii = einstein_radius(tracer(model, systems), 0.05, -0.02, [s[0]["theta_E"] for s in systems])
    elliptical = LensModel(["EPL"])
    for radius, (epl, _, sheet) in zip(radii, systems, strict=True):
        power = 3.0 - epl["gamma"]  # in r^power the surface mass of a ring is flat, so the centre is no singularity

        def ring(s, phi, epl=epl, power=power):
            r = s ** (1 / power)
            x, y = epl["center_x"] + r * np.cos(phi), epl["center_y"] + r * np.sin(phi)
            return elliptical.kappa(x, y, [epl]) * r ** (2 - power) / power

        mass = dblquad(ring, 0, 2 * np.pi, 1e-12, radius**power, epsabs=1e-8, epsrel=1e-8)[0]
        assert mass / (np.pi * radius**2) + sheet["kappa"] == pytest.approx(1.0, abs=1e-6)


def test_the_einstein_radius_is_lenstronomys():
    model, systems = LensModel(["EPL", "SHEAR", "CONVERGENCE"]), random_systems(3, 2, axis_ratio=0.3)
    radii = einstein_radius(tracer(model, systems), 0.05, -0.02, [s[0]["theta_E"] for s in systems])
    analysis, r = LensProfileAnalysis(model), np.logspace(-4, 1, 500)
    for radius, kwargs in zip(radii, systems, strict=True):
        # effective_einstein_radius itself averages over ten angles only, one of them twice
        kappa = analysis.radial_lens_profile(r, kwargs, 0.05, -0.02, num_azimuthal_points=200)
        theirs = analysis.effective_einstein_radius_from_radial_profile(r, kappa)
        assert radius == pytest.approx(theirs, rel=0.003)


def test_256_einstein_radii_are_fast():
    trace, guess = sis(np.linspace(0.5, 2, 256)), np.linspace(0.5, 2, 256)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        einstein_radius(trace, guess=guess)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05
