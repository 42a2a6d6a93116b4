"""Substructure: mass functions, numbers and places follow their laws; every system is its own, in any batch."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.LensModel.Profiles.tnfw import TNFW
from pydantic import TypeAdapter, ValidationError
from scipy import integrate, optimize, stats

from lenstream.configs.dark_matter import AXION_VORTEX, CDM, Cosmology, Substructure
from lenstream.errors import ConfigError
from lenstream.simulate.core.philox import ENVIRONMENT, Draw
from lenstream.simulate.systems import cosmology as angles
from lenstream.simulate.systems.substructure import draw_halos, mass_quantile, mean_mass, region_mass

COSMOLOGY = Cosmology()
WHERE = angles.geometry(COSMOLOGY)
MASSES = {"m_min": 1e6, "m_max": 1e10, "r_max": 2.0}


def cdm(**keys):
    return CDM(**{"kind": "CDM", "n_mean": 25, **keys})


def draw(component, indices, attempt=0, theta_E=1.3, center_x=0.0, center_y=0.0, path="substructure.0", **rest):
    indices = np.asarray(indices)
    lens = {"theta_E": theta_E, "center_x": center_x, "center_y": center_y}
    lens = {name: np.broadcast_to(value, indices.shape).astype(float) for name, value in lens.items()}
    return draw_halos(component, path, Draw(7, ENVIRONMENT, indices, attempt), COSMOLOGY, lens, **rest)


def system_values(halos, i):
    """All that belongs to one system."""
    part = slice(halos.first[i], halos.first[i + 1])
    values = {name: v[part] for name, v in halos.parameters.items()} | {"mass": halos.mass[part]}
    return values | {f"system.{name}": v[i] for name, v in halos.system.items()}


COMPONENTS = {
    "point masses": cdm(**MASSES, profile="POINT_MASS"),
    "truncated halos": cdm(**MASSES, n_mean={"uniform": (5, 50)}, slope={"uniform": (-2.1, -1.7)}),
    "Einstein radii": cdm(profile="SIS", theta_E={"loguniform": (1e-3, 1e-2)}, half_side=2.5, count="fixed"),
    "by mass fraction": cdm(**MASSES, n_mean=None, f_sub={"loguniform": (1e-3, 1e-1)}, profile="NFW"),
    "vortex": AXION_VORTEX(kind="AXION_VORTEX"),
}


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_system_is_the_same_alone_in_a_batch_and_in_another_order(name):
    component, rng = COMPONENTS[name], np.random.default_rng(0)
    indices = np.concatenate([[12345, 2**40 + 3, 0], rng.integers(0, 2**62, 60)]).astype(np.uint64)
    theta_E, x, y = rng.uniform(0.8, 1.6, 63), *rng.normal(0, 0.1, (2, 63))
    batch = draw(component, indices, theta_E=theta_E, center_x=x, center_y=y)
    order = rng.permutation(63)
    shuffled = draw(component, indices[order], theta_E=theta_E[order], center_x=x[order], center_y=y[order])
    for i in (0, 1, 2, 17, 62):
        alone = draw(component, indices[i : i + 1], theta_E=theta_E[i], center_x=x[i], center_y=y[i])
        expected = system_values(batch, i)
        for again in (system_values(alone, 0), system_values(shuffled, int(np.flatnonzero(order == i)[0]))):
            for key, value in expected.items():
                np.testing.assert_array_equal(again[key], value, err_msg=key)


@pytest.mark.parametrize("name", COMPONENTS)
def test_another_attempt_index_or_place_in_the_config_is_another_draw(name):
    component = COMPONENTS[name]
    first = system_values(draw(component, [5]), 0)["center_x"]
    for other in (
        draw(component, [5], attempt=1),
        draw(component, [6]),
        draw(component, [5 + 2**32]),
        draw(component, [5], path="substructure.1"),
    ):
        second = system_values(other, 0)["center_x"]
        assert len(first) != len(second) or not np.isin(first, second).any()


def test_no_two_numbers_of_a_system_are_the_same():
    """Masses and places of 2,000 subhalos of 20 systems: counters are never shared."""
    halos = draw(cdm(n_mean=2000, profile="SIS", theta_E={"uniform": (0, 1)}, half_side=0.5), np.arange(20))
    u = np.concatenate([halos.parameters["theta_E"], halos.parameters["center_x"] + 0.5])
    assert len(np.unique(u)) > len(u) - 10  # 32 random bits each: one pair in 80,000 numbers by chance
    assert abs(np.corrcoef(halos.parameters["theta_E"], halos.parameters["center_x"])[0, 1]) < 0.02
    assert abs(np.corrcoef(halos.parameters["center_y"], halos.parameters["center_x"])[0, 1]) < 0.02


@pytest.mark.parametrize("slope", [-2.3, -1.9, -1.0, -0.9, 0.5])
def test_the_slope_of_the_mass_function_is_recovered_by_maximum_likelihood(slope):
    mass = draw(cdm(**MASSES, profile="POINT_MASS", slope=slope), np.arange(1000)).mass
    mean_log = np.log(mass).mean()

    def minus_log_likelihood(s):
        total = integrate.quad(lambda x: np.exp((s + 1) * (x - np.log(1e8))), np.log(1e6), np.log(1e10))[0]
        return np.log(total) - s * (mean_log - np.log(1e8))

    found = optimize.minimize_scalar(minus_log_likelihood, bounds=(-4, 2), method="bounded").x
    h = 1e-3
    curvature = sum(w * minus_log_likelihood(found + k * h) for k, w in ((-1, 1), (0, -2), (1, 1))) / h**2
    error = 1.0 / np.sqrt(curvature * len(mass))
    assert 0.0005 < error < 0.02
    assert abs(found - slope) < 4 * error


@settings(deadline=None, max_examples=30)
@given(st.floats(-3, 1), st.floats(5, 8), st.floats(0.1, 5), st.floats(0, 1))
def test_the_mass_quantile_inverts_the_integral_of_the_mass_function(slope, log_min, decades, u):
    low, high = 10.0**log_min, 10.0 ** (log_min + decades)
    mass = float(mass_quantile(u, slope, low, high))
    assert low * (1 - 1e-9) <= mass <= high * (1 + 1e-9)

    def number(top, power=0.0):
        x = np.linspace(0.0, np.log(top / low), 20001)
        return integrate.simpson(np.exp((slope + 1.0 + power) * x), x=x)

    assert number(mass) / number(high) == pytest.approx(u, abs=1e-6)
    assert mean_mass(slope, low, high) == pytest.approx(low * number(high, 1.0) / number(high), rel=1e-6)


def test_numbers_are_poisson_or_fixed():
    counts = np.diff(draw(cdm(**MASSES), np.arange(20_000)).first)
    assert counts.mean() == pytest.approx(25, abs=4 * 5 / np.sqrt(20_000))
    assert counts.var() == pytest.approx(25, abs=4 * 25 * np.sqrt(2 / 20_000))
    seen = np.bincount(counts, minlength=60)[10:45]
    expected = stats.poisson(25).pmf(np.arange(10, 45)) * 20_000
    assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-3
    assert (np.diff(draw(cdm(**MASSES, count="fixed"), np.arange(50)).first) == 25).all()
    assert (np.diff(draw(cdm(**MASSES, n_mean=0), np.arange(50)).first) == 0).all()


@pytest.mark.parametrize("region", [{"r_min": 0.3, "r_max": 2.5}, {"half_side": 2.0}])
def test_the_mass_fraction_asked_for_is_the_mean_mass_in_subhalos(region):
    component = cdm(n_mean=None, f_sub=0.02, m_min=1e7, m_max=1e9, **region)
    theta_E = np.linspace(0.8, 1.8, 1500)
    halos = draw(component, np.arange(1500), theta_E=theta_E)
    fraction = np.add.reduceat(halos.mass, halos.first[:-1]) / region_mass(component, WHERE, theta_E)
    error = fraction.std() / np.sqrt(len(fraction))
    assert error < 0.01 * 0.02
    assert abs(fraction.mean() - 0.02) < 4 * error
    assert abs(np.corrcoef(fraction, theta_E)[0, 1]) < 0.1


def test_the_mass_of_the_region_is_that_of_an_isothermal_lens():
    def kappa(y, x):
        return 1.4 / (2 * np.hypot(x, y))

    quarter = integrate.dblquad(kappa, 0, 2, 0, 2)[0]
    square = region_mass(cdm(**MASSES | {"r_max": None, "half_side": 2.0}), WHERE, 1.4)
    assert square == pytest.approx(4 * quarter * WHERE.sigma_crit_arcsec, rel=1e-4)
    inside = region_mass(cdm(**MASSES | {"r_max": 1.4}), WHERE, 1.4)
    assert angles.einstein_radius_point_mass(WHERE, inside) == pytest.approx(1.4)


RADIAL = {
    "area": lambda r: (r**2 - 0.09) / (6.25 - 0.09),
    "radius": lambda r: (r - 0.3) / 2.2,
    "cored": lambda r: np.log((0.25 + r**2) / (0.25 + 0.09)) / np.log((0.25 + 6.25) / (0.25 + 0.09)),
}


@pytest.mark.parametrize("radial", RADIAL)
def test_radii_follow_their_law_and_angles_are_even(radial):
    core = {"r_core": 0.5} if radial == "cored" else {}
    component = cdm(m_min=1e6, m_max=1e8, radial=radial, r_min=0.3, r_max=2.5, **core)
    halos = draw(component, np.arange(800), center_x=0.2, center_y=-0.1)
    x, y = halos.parameters["center_x"] - 0.2, halos.parameters["center_y"] + 0.1
    assert stats.kstest(np.hypot(x, y), RADIAL[radial]).pvalue > 1e-3
    assert stats.kstest(np.arctan2(y, x), stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3


def test_a_square_is_filled_evenly():
    halos = draw(cdm(m_min=1e6, m_max=1e8, half_side=2.5), np.arange(800), center_x=1.0)
    for values, middle in ((halos.parameters["center_x"], 1.0), (halos.parameters["center_y"], 0.0)):
        assert stats.kstest(values, stats.uniform(middle - 2.5, 5.0).cdf).pvalue > 1e-3


def test_profiles_get_the_parameters_of_their_masses():
    point = draw(cdm(**MASSES, profile="POINT_MASS"), np.arange(20))
    np.testing.assert_allclose(np.pi * point.parameters["theta_E"] ** 2 * WHERE.sigma_crit_arcsec, point.mass)
    sis = draw(cdm(**MASSES, profile="SIS"), np.arange(20))
    np.testing.assert_array_equal(sis.mass, point.mass)  # another profile, the same subhalos
    sigma_v = angles.sigma_v_of_sis(WHERE, sis.mass)
    np.testing.assert_allclose(sis.parameters["theta_E"], angles.einstein_radius_sis(WHERE, sigma_v))
    smooth = draw(cdm(**MASSES, profile="TNFW", concentration_scatter=0, tau=3), np.arange(20))
    c = angles.concentration("dutton_maccio2014", smooth.mass, 0.5, 0.7)
    Rs, alpha_Rs = angles.nfw(WHERE, smooth.mass, c)
    np.testing.assert_allclose(smooth.parameters["Rs"], Rs)
    np.testing.assert_allclose(smooth.parameters["alpha_Rs"], alpha_Rs)
    np.testing.assert_allclose(smooth.parameters["r_trunc"], 3 * Rs)
    for halos in (point, sis, smooth):
        assert all(v.dtype == np.float64 and v.shape == halos.mass.shape for v in halos.parameters.values())


def test_concentrations_scatter_in_dex():
    halos = draw(cdm(**MASSES, profile="NFW", concentration_scatter=0.15), np.arange(400))
    c = angles.radius_200(WHERE, halos.mass) * 1000 / (halos.parameters["Rs"] * WHERE.kpc_per_arcsec)
    scatter = np.log10(c / angles.concentration("dutton_maccio2014", halos.mass, 0.5, 0.7))
    assert stats.kstest(scatter, stats.norm(0, 0.15).cdf).pvalue > 1e-3


@pytest.mark.parametrize("profile", ["POINT_MASS", "SIS", "NFW", "TNFW"])
def test_the_deflection_factor_multiplies_deflections(profile):
    from lenstronomy.LensModel.lens_model import LensModel

    def deflection(factor):
        halos = draw(cdm(**MASSES, profile=profile, deflection_factor=factor), [3])
        names = halos.parameters
        kwargs = [{name: float(names[name][k]) for name in names} for k in range(len(halos.mass))]
        return np.array(LensModel([profile] * len(kwargs)).alpha(0.7, -0.4, kwargs))

    np.testing.assert_allclose(deflection(0.59), 0.59 * deflection(1.0), rtol=1e-9)


def test_einstein_radii_can_be_given_instead_of_masses():
    component = cdm(n_mean=100, count="fixed", profile="SIS", theta_E={"loguniform": (1e-3, 1e-2)}, half_side=2.56)
    halos = draw(component, np.arange(200))
    assert halos.profile == "SIS" and np.isnan(halos.mass).all() and (np.diff(halos.first) == 100).all()
    assert stats.kstest(halos.parameters["theta_E"], stats.loguniform(1e-3, 1e-2).cdf).pvalue > 1e-3
    assert (draw(cdm(profile="SIS", theta_E=0.01, r_max=1), [0]).parameters["theta_E"] == 0.01).all()


def test_what_a_system_shares_is_kept():
    halos = draw(COMPONENTS["truncated halos"], np.arange(3000))
    assert set(halos.system) == {"n_mean", "slope"}
    assert stats.kstest(halos.system["slope"], stats.uniform(-2.1, 0.4).cdf).pvalue > 1e-3
    counts = np.diff(halos.first)
    assert np.polyfit(halos.system["n_mean"], counts, 1)[0] == pytest.approx(1.0, abs=0.04)


def test_only_systems_that_have_it_get_substructure():
    present = np.arange(40) % 3 == 1
    for component in COMPONENTS.values():
        halos, everyone = draw(component, np.arange(40), present=present), draw(component, np.arange(40))
        assert ((np.diff(halos.first) > 0) == (present & (np.diff(everyone.first) > 0))).all()
        for key, value in system_values(everyone, 4).items():
            np.testing.assert_array_equal(system_values(halos, 4)[key], value)


def test_a_vortex_is_a_line_of_equal_masses_through_the_lens():
    component = AXION_VORTEX(kind="AXION_VORTEX")
    halos = draw(component, np.arange(3000), center_x=0.1, center_y=-0.2)
    assert (np.diff(halos.first) == 100).all()
    x = halos.parameters["center_x"].reshape(-1, 100) - 0.1
    y = halos.parameters["center_y"].reshape(-1, 100) + 0.2
    angle = halos.system["angle"][:, None]
    np.testing.assert_allclose(y * np.cos(angle), x * np.sin(angle), atol=1e-12)
    np.testing.assert_allclose(x.mean(1), 0, atol=1e-12)
    along = x * np.cos(angle) + y * np.sin(angle)
    np.testing.assert_allclose(
        np.diff(along, axis=1), np.ptp(along, axis=1, keepdims=True) / 99 * np.ones(99), rtol=1e-9
    )
    half_length = np.ptp(along, axis=1) / 2
    np.testing.assert_allclose(half_length, 0.06e-22 / (2 * halos.system["axion_mass"]), rtol=1e-9)  # as released
    total = np.pi * (halos.parameters["theta_E"].reshape(-1, 100) ** 2).sum(1) * WHERE.sigma_crit_arcsec
    np.testing.assert_allclose(total, 3e10)
    np.testing.assert_allclose(halos.mass, 3e8)
    assert stats.kstest(np.log10(halos.system["axion_mass"]), stats.uniform(-24, 2).cdf).pvalue > 1e-3
    assert stats.kstest(halos.system["angle"], stats.uniform(0, 2 * np.pi).cdf).pvalue > 1e-3


def test_the_vortex_is_half_a_de_broglie_wavelength_long():
    """0.06" at z = 0.5 is h / (m v) of 1e-22 eV at 330 km/s."""
    from astropy import constants

    wavelength = 0.06 * WHERE.kpc_per_arcsec  # kpc
    momentum_per_velocity = (1e-22 * constants.e.si / constants.c.value**2).value  # kg
    velocity = constants.h.value / (momentum_per_velocity * wavelength * constants.kpc.value) / 1000
    assert velocity == pytest.approx(330, rel=0.02)


def test_25600_subhalos_are_drawn_quickly():
    indices = np.arange(256)
    component = cdm(**MASSES, n_mean=100)
    draw(component, indices)
    seconds = []
    for repetition in range(5):
        start = time.thread_time()
        draw(component, indices + 1000 * repetition)
        seconds.append(time.thread_time() - start)
    assert min(seconds) < 0.1  # about 8 ms; of this thread alone, whatever else the machine does


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"m_min": 1e6, "r_max": 2}, "give m_min and m_max, or theta_E"),
        (MASSES | {"m_min": 1e11}, "m_min must be below m_max, got 1e+11 and 1e+10"),
        (MASSES | {"theta_E": 0.01, "profile": "SIS"}, "give either theta_E or masses"),
        ({"theta_E": 0.01, "r_max": 2}, "theta_E needs the profile SIS or POINT_MASS, not TNFW"),
        (MASSES | {"f_sub": 0.01}, "give exactly one of n_mean, f_sub"),
        (MASSES | {"n_mean": None}, "give exactly one of n_mean, f_sub"),
        (MASSES | {"f_sub_mass": "bound"}, "f_sub_mass says which mass f_sub counts, but n_mean is given"),
        (
            MASSES | {"n_mean": None, "f_sub": 0.1, "f_sub_mass": "bound", "profile": "NFW"},
            "the mass of NFW has no end",
        ),
        (MASSES | {"half_side": 2}, "give exactly one of r_max, half_side"),
        (MASSES | {"r_min": 3}, "r_min must be below r_max, got 3 and 2"),
        (MASSES | {"radial": "cored"}, "r_core and radial: cored go together"),
        (MASSES | {"r_max": None, "half_side": 2, "radial": "radius"}, "a square (half_side) is filled evenly"),
        (MASSES | {"n_mean": {"uniform": (-1, 2)}}, "n_mean must lie between 0 and 100000, but -1 to 2"),
        (MASSES | {"slope": {"follow": {"parameter": "lens_mass.0.theta_E"}}}, "slope cannot follow another parameter"),
    ],
)
def test_a_wrong_setting_is_refused_in_a_sentence(keys, said):
    if "slope" in keys:  # without bounds, an earlier check speaks up
        keys = keys | {"slope": {"follow": {"parameter": "lens_mass.0.theta_E", "low": -2, "high": -1}}}
    with pytest.raises(ValidationError) as caught:
        cdm(**keys)
    (problem,) = caught.value.errors()
    assert said in problem["msg"]


def test_kinds_are_told_apart_by_their_name():
    read = TypeAdapter(list[Substructure]).validate_python
    first, second = read([{"kind": "CDM", "n_mean": 3, **MASSES, "only": ["cdm"]}, {"kind": "AXION_VORTEX"}])
    assert isinstance(first, CDM) and first.only == ["cdm"] and isinstance(second, AXION_VORTEX)
    with pytest.raises(ValidationError, match="WDM"):
        read([{"kind": "WDM"}])


@pytest.mark.parametrize(("c", "tau"), [(10.0, 5.0), (25.0, 1.0), (60.0, 0.2), (8.0, 300.0)])
def test_the_bound_fraction_is_the_integral_of_the_density(c, tau):
    """4 pi r^2 rho of x^-1 (1 + x)^-2 / (1 + (x / tau)^2) to infinity, over that of the untruncated halo inside c."""

    def mass(cut, end):
        return integrate.quad(lambda t: np.exp(2 * t) / (1 + np.exp(t)) ** 2 / cut(np.exp(t)), -30, end)[0]

    expected = mass(lambda x: 1 + (x / tau) ** 2, 25.0) / mass(lambda x: 1.0, np.log(c))
    assert angles.bound_fraction(c, tau) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("slope", "tau"), [(-1.9, 5.0), (-1.2, 1.0)])
def test_f_sub_counts_the_mass_that_is_asked_for(slope, tau):
    """Bound mass, measured by the deflection far outside each halo: alpha = M / (pi Sigma_crit r), of lenstronomy."""
    keys = {"m_min": 1e7, "m_max": 1e9, "r_max": 2.0, "n_mean": None, "f_sub": 0.02, "slope": slope, "tau": tau}
    theta_E, n = np.linspace(0.8, 1.8, 600), np.arange(600)
    counted = {}
    for which in ("m200", "bound"):
        halos = draw(cdm(**keys, f_sub_mass=which), n, theta_E=theta_E)
        for h in range(0, len(halos.mass), len(halos.mass) // 20):
            shape = {name: float(halos.parameters[name][h]) for name in ("Rs", "alpha_Rs", "r_trunc")}
            far = 1e4 * shape["Rs"]
            measured = np.pi * WHERE.sigma_crit_arcsec * far * TNFW().derivatives(far, 0.0, **shape)[0]
            assert measured == pytest.approx(halos.bound[h], rel=3e-3)  # the rest lies further out still
        region = region_mass(cdm(**keys), WHERE, theta_E)
        np.testing.assert_array_equal(halos.region, region)
        counted[which] = {"m200": np.add.reduceat(halos.mass, halos.first[:-1]) / region}
        counted[which]["bound"] = np.add.reduceat(halos.bound, halos.first[:-1]) / region
    for which, other in (("m200", "bound"), ("bound", "m200")):
        error = counted[which][which].std() / np.sqrt(len(n))
        assert error < 0.02 * 0.02 and abs(counted[which][which].mean() - 0.02) < 4 * error
        assert abs(counted[which][other].mean() - 0.02) > 8 * error


def test_an_absurd_number_of_subhalos_is_refused():
    with pytest.raises(ConfigError, match="subhalos in a system, at most 1,000,000 can be drawn"):
        draw(cdm(n_mean=None, f_sub=1.0, m_min=1.0, m_max=1e3, r_max=5.0), [0])


def test_subhalos_lie_around_their_lens():
    """Where the lens is moved they move with it, and nothing else changes."""
    here, moved = (draw(cdm(**MASSES), np.arange(5), center_x=x, center_y=y) for x, y in ((0.0, 0.0), (0.7, -0.4)))
    np.testing.assert_allclose(moved.parameters["center_x"], here.parameters["center_x"] + 0.7, rtol=1e-12)
    np.testing.assert_allclose(moved.parameters["center_y"], here.parameters["center_y"] - 0.4, rtol=1e-12)
    np.testing.assert_array_equal(moved.mass, here.mass)
