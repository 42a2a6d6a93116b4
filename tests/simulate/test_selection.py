"""Selection: kept systems pass their cuts, what is kept depends on the index only, the impossible is said quickly."""

import numpy as np
import pytest

from lenstream.simulate import selection
from lenstream.simulate.render import render, tracer
from lenstream.simulate.selection import SelectionError, acceptance, draw, quantities
from lenstream.simulate.systems.draw import Views, draw_systems

CUTS = {"arc_snr_min": 60, "magnification_min": 4, "image_separation_min": 1.5}


@pytest.fixture(scope="module")
def fields(observed):
    """What is cut: faint sources that are often beside the lens."""
    return {
        "image": {"num_pix": 24, "pixel_scale": 0.16, "rays": 2},
        "lens_mass": [
            {"profile": "EPL", "theta_E": {"uniform": (0.4, 1.4)}, "gamma": {"uniform": (1.8, 2.2)}, "e1": 0.1},
            {"profile": "SHEAR", "gamma1": {"normal": (0, 0.03)}},
        ],
        "source": [
            {
                "profile": "SERSIC_ELLIPSE",
                "magnitude": {"uniform": (23, 26)},
                "R_sersic": {"uniform": (0.05, 0.3)},
                "center_x": {"normal": (0, 0.4)},
                "center_y": {"normal": (0, 0.4)},
            }
        ],
        "lens_light": [{"profile": "SERSIC_ELLIPSE", "magnitude": 21, "R_sersic": 0.5, "n_sersic": 4}],
        "observation": observed(noise=True),
    }


@pytest.fixture(scope="module")
def selected(scene_with, fields):
    return scene_with(**fields, selection=CUTS)


@pytest.mark.parametrize("cut", CUTS)
def test_every_kept_image_passes_and_the_cut_bites(scene_with, fields, cut):
    scene = scene_with(**fields, selection={cut: CUTS[cut]})
    systems = draw(scene, np.arange(100), Views(3))
    name = cut.removesuffix("_min")
    kept = quantities(scene, systems)[name]
    assert kept.shape == (100, 3) and (kept >= CUTS[cut]).all()
    assert 0.02 < acceptance(systems) < 0.95
    assert systems.attempt.max() > 0
    # without the selection many would not have passed, and those that pass at once are the same systems
    free = draw(scene_with(**fields), np.arange(100), Views(3))
    values = quantities(scene, free)[name]
    assert np.mean(values >= CUTS[cut]) < 0.95
    at_once = values[:, 0] >= CUTS[cut]
    np.testing.assert_array_equal(systems.attempt[:, 0] == 0, at_once)
    for ours, theirs in zip(systems.lens_mass, free.lens_mass, strict=True):
        np.testing.assert_array_equal(ours["theta_E" if "theta_E" in ours else "gamma1"][at_once],
                                      theirs["theta_E" if "theta_E" in theirs else "gamma1"][at_once])  # fmt: skip


def test_the_quantities_of_kept_images_are_what_their_names_say(selected):
    """Recomputed from float64 images, and by lenstronomy's solver of the lens equation."""
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LensModel.Solver.lens_equation_solver import LensEquationSolver

    from lenstream.simulate.bridge import to_lenstronomy

    systems = draw(selected, np.arange(6), Views(2))
    values = quantities(selected, systems)
    for name, cut in CUTS.items():
        assert (values[name.removesuffix("_min")] >= cut).all()
    for i, v in np.ndindex(6, 2):
        terms = to_lenstronomy(selected, systems, i, v)
        solver = LensEquationSolver(LensModel(terms["kwargs_model"]["lens_model_list"]))
        (source,) = terms["kwargs_source"]
        x, y = solver.image_position_from_source(
            source["center_x"], source["center_y"], terms["kwargs_lens"], search_window=3.84, min_distance=0.05
        )
        assert values["image_separation"][i, v] == pytest.approx(
            np.hypot(x[:, None] - x, y[:, None] - y).max(), abs=1e-4
        )
        flux = 10 ** (-0.4 * (systems.source[0]["magnitude"][i, v] - selected.instrument.magnitude_zero_point))
        # the source as lenstronomy has it on the same rays, without the PSF
        pixels = (np.arange(48) + 0.5 - 24) * 0.08
        grid_x, grid_y = (a.ravel() for a in np.meshgrid(pixels, pixels))
        from lenstronomy.LightModel.light_model import LightModel

        beta = LensModel(terms["kwargs_model"]["lens_model_list"]).ray_shooting(grid_x, grid_y, terms["kwargs_lens"])
        lensed = LightModel(["SERSIC_ELLIPSE"]).surface_brightness(*beta, terms["kwargs_source"]).sum() * 0.08**2
        assert values["magnification"][i, v] == pytest.approx(lensed / flux, rel=1e-4)


def test_what_is_kept_does_not_depend_on_the_batch(selected, everything):
    for scene in (selected, everything):
        views = Views(2)
        batch = np.arange(2**41, 2**41 + 30)
        many, few = draw(scene, batch, views), draw(scene, batch[[17, 4]], views)
        np.testing.assert_array_equal(many.attempt[[17, 4]], few.attempt)
        assert many.attempt.max() > 2
        for group in ("source", "lens_light"):
            for a, b in zip(getattr(many, group), getattr(few, group), strict=True):
                for name in a:
                    np.testing.assert_array_equal(a[name][[17, 4]], b[name], err_msg=f"{group} {name}")
        np.testing.assert_array_equal(render(scene, many)[[17, 4]], render(scene, few))
        one, all_of_them = quantities(scene, few), quantities(scene, many)
        for name in one:
            np.testing.assert_array_equal(one[name], all_of_them[name][[17, 4]], err_msg=name)


def test_views_go_through_attempts_of_their_own_behind_one_lens(selected):
    systems = draw(selected, np.arange(60), Views(3))
    assert (systems.attempt[:, 1] != systems.attempt[:, 0]).any()
    assert (systems.attempt[:, 1] != systems.attempt[:, 2]).any()
    assert all(v.ndim == 1 for v in systems.lens_mass[0].values())
    assert len(np.unique(systems.source[0]["center_x"])) == 180
    alone = draw(selected, np.arange(60), Views())
    np.testing.assert_array_equal(systems.attempt[:, :1], alone.attempt)  # further views change nothing of the first
    np.testing.assert_array_equal(systems.lens_mass[0]["theta_E"], alone.lens_mass[0]["theta_E"])
    fixed = draw(selected, np.arange(60), Views(3, frozenset({"noise"})))
    np.testing.assert_array_equal(fixed.source[0]["center_x"][:, 0], fixed.source[0]["center_x"][:, 2])


def test_a_selection_changes_the_population_as_it_should(selected, scene_with, fields):
    """Wide separations need massive lenses, large magnifications need sources behind the middle."""
    kept, free = (draw(s, np.arange(300), Views()) for s in (selected, scene_with(**fields)))
    assert kept.lens_mass[0]["theta_E"].min() > 0.6 > free.lens_mass[0]["theta_E"].min()
    reach = [np.hypot(s.source[0]["center_x"], s.source[0]["center_y"]).mean() for s in (kept, free)]
    assert reach[0] < 0.7 * reach[1]


def test_systems_that_are_no_lenses_are_not_selected(everything):
    systems = draw(everything, np.arange(60), Views())
    galaxy = systems.class_number == 2
    assert galaxy.sum() > 3 and (systems.attempt[galaxy] == 0).all() and systems.attempt[~galaxy].max() > 0
    for values in quantities(everything, systems).values():
        np.testing.assert_array_equal(np.isnan(values[:, 0]), galaxy)
    share = np.bincount(systems.class_number, minlength=3) / 60  # and refused systems keep their class
    assert np.abs(share - np.array([3, 2, 1]) / 6).max() < 5 * np.sqrt(0.25 / 60)


@pytest.mark.parametrize(
    ("cut", "value", "said"),
    [("arc_snr", 1e9, "arc_snr_min 1e+09"), ("magnification", 1e6, "magnification_min 1e+06"),
     ("image_separation", 50, "image_separation_min 50")],
)  # fmt: skip
def test_an_impossible_cut_is_refused_after_as_many_draws_and_by_name(
    scene_with, fields, cut, value, said, monkeypatch
):
    scene, looked_at = scene_with(**fields, selection={f"{cut}_min": value, "max_attempts": 5}), []
    passes = selection._passes
    monkeypatch.setattr(selection, "_passes", lambda s, systems: looked_at.append(systems) or passes(s, systems))
    with pytest.raises(SelectionError) as caught:
        draw(scene, np.arange(32), Views())
    assert [systems.attempt[0, 0] for systems in looked_at] == [0, 1, 2, 3, 4]
    message = str(caught.value)
    assert "system 0 missed the cuts" in message and said in message and "5 times" in message
    assert "0% of the 32 systems" in message and "\n" not in message


def test_the_rate_of_a_hard_cut_is_told(scene_with, fields):
    scene = scene_with(**fields, selection=CUTS | {"max_attempts": 2})
    attempts = draw(scene_with(**fields, selection=CUTS), np.arange(200), Views()).attempt[:, 0]
    with pytest.raises(SelectionError, match=f"{np.mean(attempts < 2):.0%} of the 200 systems"):
        draw(scene, np.arange(200), Views())


def test_the_tracer_of_kept_systems_is_theirs(selected):
    """The deflection at theta_E of an isothermal lens is theta_E, whatever attempt it was."""
    systems = draw(selected, np.arange(20), Views())
    x = np.linspace(0.1, 2, 5) * np.ones((20, 1))
    alpha, _ = tracer(selected, systems)(x, 0.3 * x)
    for i in (0, 7, 19):
        again, _ = tracer(selected, draw(selected, [i], Views()))(x[:1], 0.3 * x[:1])
        np.testing.assert_array_equal(again[0], alpha[i])


def test_kept_systems_are_those_of_their_attempts(everything):
    """Every parameter, lens light and subhalos included, is what its attempt draws."""
    views = Views(2, frozenset({"source", "lens_light", "psf", "noise"}))
    systems = draw(everything, np.arange(150), views)
    attempt = systems.attempt[:, 0]
    chosen = np.flatnonzero(attempt > 0)
    assert (systems.class_number[chosen] == 1).any()  # with subhalos
    for i in chosen:
        kept, refused = (draw_systems(everything, [i], views, a) for a in (systems.attempt[[i]], 0))
        for group in ("lens_mass", "source", "lens_light"):
            for k, values in enumerate(getattr(systems, group)):
                for name, value in values.items():
                    np.testing.assert_array_equal(value[[i]], getattr(kept, group)[k][name], err_msg=name)
        for k, halos in enumerate(systems.halos):
            own = halos.mass[halos.first[i] : halos.first[i + 1]]
            np.testing.assert_array_equal(own, kept.halos[k].mass)
            assert not np.isin(own, refused.halos[k].mass).any()


def test_views_have_psfs_of_their_own_where_asked_for(scene_with, fields, observed):
    psf = {"kind": "gaussian", "fwhm": {"uniform": (0.1, 0.3)}}
    scene = scene_with(**fields | {"observation": observed(noise=True, psf=psf)}, selection=CUTS)
    fwhm = draw(scene, np.arange(20), Views(3, frozenset({"source", "psf"}))).optics["fwhm"][..., 0]
    assert len(np.unique(fwhm)) == 60
    fwhm = draw(scene, np.arange(20), Views(3, frozenset({"source"}))).optics["fwhm"][..., 0]
    assert len(np.unique(fwhm)) == 20 and (fwhm == fwhm[:, :1]).all()


def test_a_view_with_nothing_but_another_psf_has_to_pass_too(scene_with, fields, observed):
    psf = {"kind": "gaussian", "fwhm": {"uniform": (0.1, 1.5)}}
    scene = scene_with(**fields | {"observation": observed(noise=True, psf=psf)}, selection={"arc_snr_min": 60})
    systems = draw(scene, np.arange(40), Views(2, frozenset({"psf"})))
    assert (quantities(scene, systems)["arc_snr"] >= 60).all()
    assert (systems.attempt[:, 1] != systems.attempt[:, 0]).any()
    same = draw(scene, np.arange(40), Views(2, frozenset({"noise"})))  # nothing else: the same image, at once
    np.testing.assert_array_equal(same.attempt[:, 1], same.attempt[:, 0])


def test_the_accepted_fraction_is_of_all_draws(w1):
    """Three systems, of which one was refused once and one three times: 3 of 7 draws were kept."""
    systems = draw_systems(w1, np.arange(3), Views(2), [[0, 9], [1, 9], [3, 9]])
    assert acceptance(systems) == 3 / 7
