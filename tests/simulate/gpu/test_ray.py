"""Tracing single rays: positions and brightness are those of the loops over chunks of rays that the CPU uses."""

import numpy as np
import pytest

from lenstream.simulate.cpu import deflection, light
from lenstream.simulate.gpu import ray
from lenstream.simulate.packing import pack_maps, pack_stamps, pack_tables
from lenstream.simulate.profiles import epl
from lenstream.simulate.profiles.registry import ABSENT
from lenstream.simulate.render import tracer
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views


def lens_of(profiles, rows, grids, dtype, tolerance):
    numbers, values = np.zeros((len(profiles), 3), np.int64), np.zeros((len(profiles), deflection.N_PARAMETERS), dtype)
    lens = deflection.Lens(numbers, values, np.zeros((len(profiles), epl.MAX_TERMS), dtype))
    deflection.prepare(profiles, rows, grids, tolerance, lens, np.empty(epl.MAX_TERMS))
    return lens


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 5e-6)])
def test_rays_arrive_where_the_loops_have_them(everything, dtype, tolerance):
    """All deflectors and subhalos of a rich scene, on random positions."""
    systems = draw(everything, np.arange(6), Views(1))
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-2, 2, (2, 6, 40))
    alpha_x, alpha_y = tracer(everything, systems)(x, y)
    tables = pack_tables(everything, systems)
    maps = pack_maps(everything, dtype)
    profiles = frozenset(tables.deflector_profiles.ravel()) - {ABSENT}
    source_position = ray.make_source_position(profiles, frozenset(tables.halo_profiles))
    assert len(profiles) > 1 and len(tables.halo_profiles)
    precision = 1e-15 if dtype == np.float64 else 1e-8
    for i in range(6):
        h = slice(tables.halo_first[i], tables.halo_first[i + 1])
        lens = lens_of(tables.deflector_profiles[i], tables.deflectors[i], maps.grids, dtype, precision)
        halos = lens_of(tables.halo_profiles[h], tables.halos[h], maps.grids, dtype, precision)
        for j in range(40):
            found = source_position(lens, halos, maps, dtype(x[i, j]), dtype(y[i, j]))
            expected = x[i, j] - alpha_x[i, j], y[i, j] - alpha_y[i, j]
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_brightness_is_that_of_the_loops(everything):
    systems = draw(everything, np.arange(6), Views(1))
    tables = pack_tables(everything, systems)
    stamps = pack_stamps(everything, np.dtype(np.float64))
    profiles = frozenset(tables.source_profiles.ravel()) - {ABSENT}
    brightness, n = ray.make_brightness(profiles), 30
    rng, shown = np.random.default_rng(2), 0
    for i in range(6):
        shape = tables.source_profiles.shape[2]
        galaxy = light.Light(
            np.zeros(shape, np.int64), np.zeros((shape, deflection.N_PARAMETERS)), np.zeros(shape, np.int64)
        )
        light.prepare(tables.source_profiles[i, 0], tables.sources[i, 0], stamps.shape[1], galaxy, np.empty(16))
        x, y = rng.normal(0, 0.3, (2, n))
        rows = np.empty((light.TOTAL + 1, n))
        light.surface_brightness(galaxy, stamps, x, y, n, rows, np.zeros(shape, bool), np.empty(n, np.int32))
        found = [sum(brightness(galaxy, stamps, k, a, b) for k in range(shape)) for a, b in zip(x, y, strict=True)]
        np.testing.assert_allclose(found, rows[light.FLUX], rtol=1e-12, atol=1e-12)
        shown += int(rows[light.FLUX].max() > 0)
    assert shown > 2
