"""Packing: every band has its own PSF and exposure, layers count bands within views, and no number is lost unsaid."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from lenstream.errors import DataError
from lenstream.simulate.kernel_arguments import ADAPTIVE
from lenstream.simulate.packing import layers_of, noise_levels, pack
from lenstream.simulate.profiles.registry import (
    ABSENT,
    LIGHT_NUMBERS,
    LIGHT_PARAMETERS,
    MASS_NUMBERS,
    MASS_PARAMETERS,
)
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views

SMALL = {"num_pix": 16, "pixel_scale": 0.2, "rays": 2}


def test_layers_count_bands_within_views(everything):
    bands, streams = layers_of(everything, draw(everything, np.arange(2), Views(3)))
    n_bands = len(everything.bands)
    assert bands.tolist() == list(range(n_bands)) * 3
    assert sorted(set(streams.tolist())) == list(range(3 * n_bands))


def test_bands_with_folders_of_kernels_draw_independent_ones(scene_with, observed, tmp_path):
    """Kernel k of a band has all its light at a pixel of its own, which the image of a layer has to show."""
    bands, n_kernels = {}, 5
    for b, name in enumerate("rg"):
        (tmp_path / name).mkdir()
        for k in range(n_kernels):
            kernel = np.zeros((5, 5))
            kernel[b, k] = 1.0
            fits.writeto(tmp_path / name / f"{k}.fits", kernel)
        bands[name] = {"psf": {"kind": "pixel", "file": str(tmp_path / name)}}
    scene = scene_with(image=SMALL, observation=observed(), bands=bands)
    systems = draw(scene, np.arange(200), Views(2, frozenset({"source", "psf"})))
    drawn = systems.optics["kernel"].astype(int)
    blur = pack(scene, systems, np.float64).blur
    side = blur.kernels.shape[-1]
    for i, v, b in np.ndindex(drawn.shape):
        row, column = np.argwhere(blur.kernels[blur.kernel[i, 2 * v + b], 0] == 1.0)[0] - (side - 5) // 2
        assert (row, column) == (b, drawn[i, v, b])
    counts = np.zeros((n_kernels, n_kernels))
    np.add.at(counts, (drawn[..., 0].ravel(), drawn[..., 1].ravel()), 1)
    assert np.abs(counts - 16).max() < 6 * 4  # every pair of kernels is as likely: 400 draws of 25


def test_a_gaussian_is_as_wide_as_drawn_on_fine_pixels(scene_with, observed):
    psf = {"kind": "gaussian", "fwhm": {"uniform": (0.2, 0.5)}, "supersampling": 2}
    scene = scene_with(image=SMALL, observation=observed(psf=psf))
    systems = draw(scene, np.arange(6), Views(2, frozenset({"source", "psf"})))
    blur = pack(scene, systems, np.float32).blur
    np.testing.assert_allclose(blur.sigma, systems.optics["fwhm"][..., 0] / 2.3548200450309493 / 0.1, rtol=1e-12)
    assert (blur.kernel == -1).all()


def test_profiles_that_a_class_lacks_are_absent(everything):
    systems = draw(everything, np.arange(40), Views(2))
    tables = pack(everything, systems, np.float32).tables
    lens, with_subhalos, galaxy = (systems.class_number == k for k in range(3))
    np.testing.assert_array_equal(tables.deflector_profiles[:, 0], np.where(galaxy, ABSENT, MASS_NUMBERS["EPL"]))
    np.testing.assert_array_equal(tables.deflector_profiles[:, 1], np.where(lens, MASS_NUMBERS["SHEAR"], ABSENT))
    image_profile = np.where(lens, LIGHT_NUMBERS["INTERPOL"], ABSENT)
    np.testing.assert_array_equal(tables.source_profiles[:, :, 1], np.repeat(image_profile[:, None], 4, axis=1))
    assert tables.light_profiles.shape == (40, 4, 2)  # a DOUBLE_SERSIC is two profiles
    np.testing.assert_array_equal(np.diff(tables.halo_first) > 0, with_subhalos)


def test_the_rays_of_the_config_hold_unless_others_are_asked_for(scene_with):
    scene = scene_with(image=SMALL)
    systems = draw(scene, np.arange(2), Views())
    rays = [pack(scene, systems, np.float32, rays).frame.rays for rays in (None, 4, "adaptive")]
    assert rays == [2, 4, ADAPTIVE]


def test_noise_levels_follow_the_exposure_of_each_layer(scene_with, observed):
    sky = {n: v for n, v in observed().items() if n != "background_noise"}
    sky |= {"read_noise": 5, "sky_brightness": 22, "exposure_time": {"loguniform": (500, 5000)}}
    sky |= {"ccd_gain": 2.5, "data_count_unit": "ADU"}
    scene = scene_with(image=SMALL, observation=sky, bands={"r": {}, "g": {"read_noise": 10}})
    systems = draw(scene, np.arange(7), Views(2, frozenset({"source", "psf"})))
    background, exposure, gain = noise_levels(scene, systems)
    np.testing.assert_array_equal(exposure, systems.optics["exposure_time"].reshape(7, 4))
    assert (gain == 2.5).all() and len(np.unique(exposure)) == 28
    rate = 10 ** (-0.4 * (22 - 25.96)) * 0.2**2  # electrons/s of the sky on a pixel
    read2 = np.array([25.0, 100.0, 25.0, 100.0])
    np.testing.assert_allclose(background, np.sqrt(read2 + rate * exposure) / exposure / 2.5, rtol=1e-6)


def test_smoothed_noise_is_what_the_kernels_take_for_signal_to_noise(scene_with, observed):
    scene = scene_with(image=SMALL, observation=observed(exposure_time=100.0, noise_scale=0.5))
    levels = pack(scene, draw(scene, np.arange(2), Views()), np.float32).variance
    np.testing.assert_allclose(levels[..., 0], scene.instrument.background)
    np.testing.assert_allclose(levels[..., 1], 100.0 / 0.5**2)


def test_the_kernels_get_the_electrons_that_a_count_per_second_gives(scene_with, observed):
    adu = observed(exposure_time=100.0, data_count_unit="ADU", ccd_gain=2.5)
    for observation, electrons in ((observed(exposure_time=100.0), 100.0), (adu, 250.0)):
        scene = scene_with(image=SMALL, observation=observation)
        systems = draw(scene, np.arange(2), Views())
        np.testing.assert_allclose(pack(scene, systems, np.float32).variance[..., 1], electrons)


def test_a_parameter_that_is_no_finite_number_is_named(w1):
    systems = draw(w1, np.arange(3), Views())
    for group, name in (("lens_mass", "theta_E"), ("source", "R_sersic")):
        values = {n: v.copy() for n, v in getattr(systems, group)[0].items()}
        values[name][1] = np.inf
        broken = replace(systems, **{group: (values, *getattr(systems, group)[1:])})
        with pytest.raises(DataError, match=rf"{group}\.0\.{name} must be a finite number in every system, got inf"):
            pack(w1, broken, np.float32)
    optics = systems.optics | {"exposure_time": np.full((3, 1, 1), np.nan)}
    with pytest.raises(DataError, match=r"optics\.exposure_time must be a finite number"):
        pack(w1, replace(systems, optics=optics), np.float32)


def test_every_map_and_every_band_of_a_stamp_has_its_number_in_the_row(scene_with, everything, tmp_path):
    y, x = np.mgrid[:9, :9] - 4.0
    for name in "ab":
        np.savez(tmp_path / f"{name}.npz", f_x=0.1 * x, f_y=0.1 * y, pixel_scale=0.5)
    maps = [{"profile": "INTERPOL", "file": str(tmp_path / f"{name}.npz")} for name in "ab"]
    scene = scene_with(image=SMALL, lens_mass=[maps[0], {"profile": "SIS", "theta_E": 1}, maps[1]])
    rows = pack(scene, draw(scene, np.arange(2), Views()), np.float32).tables.deflectors
    column = MASS_PARAMETERS["INTERPOL"].index("map")
    assert rows[:, 0, column].tolist() == [0, 0] and rows[:, 2, column].tolist() == [1, 1]

    systems = draw(everything, np.arange(40), Views(2))  # galaxies of one band in a scene of two
    rows = pack(everything, systems, np.float32).tables.sources[systems.class_number == 0, :, 1]
    stamps = systems.source[1]["stamp"][systems.class_number == 0]
    assert len(np.unique(stamps)) > 3
    column = LIGHT_PARAMETERS["INTERPOL"].index("stamp")
    np.testing.assert_array_equal(rows[..., column], np.repeat(stamps, 2, axis=1))

    blob = np.exp(-0.5 * np.hypot(*np.mgrid[-10:11, -10:11]) ** 2 / 4)  # and with a stamp for each band
    np.savez(tmp_path / "galaxies.npz", images=np.tile(blob, (3, 2, 1, 1)), pixel_scale=0.1, magnitude=np.full(3, 23.0))
    source = {"profile": "INTERPOL", "catalogue": str(tmp_path / "galaxies.npz")}
    scene = scene_with(image=SMALL, source=[source], bands={"r": {}, "g": {}})
    systems = draw(scene, np.arange(9), Views())
    first = 2 * systems.source[0]["stamp"]
    rows = pack(scene, systems, np.float32).tables.sources[:, :, 0]
    np.testing.assert_array_equal(rows[..., column], np.concatenate([first, first + 1], axis=1))


def test_subhalos_are_interpolated_unless_all_are_to_be_traced(scene_with, everything):
    systems = draw(everything, np.arange(2), Views())
    for dtype, exact, expected in (
        (np.float32, False, (False, True)),
        (np.float32, True, (True, False)),
        (np.float64, False, (True, False)),
    ):
        packed = pack(everything, systems, dtype, exact_halos=exact)
        assert (packed.exact_halos, packed.tiled) == expected
    without = scene_with(image=SMALL)
    assert not pack(without, draw(without, np.arange(2), Views()), np.float32).tiled


def test_subhalos_of_several_substructures_lie_together_system_by_system(scene_with):
    spheres = {"kind": "CDM", "profile": "SIS", "theta_E": {"uniform": (0.001, 0.01)}, "n_mean": 4, "r_max": 2}
    points = spheres | {"profile": "POINT_MASS", "n_mean": 6}
    scene = scene_with(image=SMALL, substructure=[spheres, points])
    systems = draw(scene, np.arange(9), Views())
    tables = pack(scene, systems, np.float32).tables
    for i in range(9):
        expected = []
        for halos in systems.halos:
            own = slice(halos.first[i], halos.first[i + 1])
            names = MASS_PARAMETERS[halos.profile]
            rows = np.stack([halos.parameters[name][own] for name in names], axis=1)
            expected += [(MASS_NUMBERS[halos.profile], *row) for row in rows.tolist()]
        own = slice(tables.halo_first[i], tables.halo_first[i + 1])
        rows = tables.halos[own, : len(names)].tolist()
        assert [(kind, *row) for kind, row in zip(tables.halo_profiles[own].tolist(), rows, strict=True)] == expected
    assert len(np.unique(tables.halo_profiles)) == 2


def test_a_gaussian_is_cut_where_the_config_says(scene_with, observed):
    scene = scene_with(image=SMALL, observation=observed(psf={"kind": "gaussian", "fwhm": 0.4, "truncation": 3.5}))
    assert pack(scene, draw(scene, np.arange(2), Views()), np.float32).blur.truncation == 3.5
