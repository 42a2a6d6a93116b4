"""Drawing systems: pure in the index, labelled, with amplitudes that follow from magnitudes."""

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.errors import DataError
from lenstream.simulate.scene import Views, draw, labels, make_scene, moments


def test_a_draw_depends_on_its_index_only(galaxies):
    many = labels(draw(galaxies, np.arange(100, 200), Views(2)))
    one = labels(draw(galaxies, [142], Views(2)))
    for name in many:
        np.testing.assert_array_equal(many[name][42], one[name][0])


def test_another_seed_draws_other_lenses(w1):
    other = make_scene(w1.config, 2)
    a, b = (labels(draw(s, np.arange(1000), Views()))["theta_E"] for s in (w1, other))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.13


def test_labels_have_plain_names_and_promised_ones(w1):
    values = labels(draw(w1, np.arange(5), Views()))
    assert {"theta_E", "gamma", "e1", "e2", "gamma1", "gamma2", "source_R_sersic"} <= set(values)


def test_a_second_deflector_does_not_hide_the_first():
    sie = {"profile": "SIE", "theta_E": 0.1, "center_x": 1.0}
    values = load("w1").model_dump(exclude_none=True)
    values["simulate"]["lens_mass"].append(sie)
    from lenstream.configs.load import check

    scene = make_scene(check(values, "test").simulate, 1)
    drawn = labels(draw(scene, np.arange(5), Views()))
    assert drawn["theta_E"].min() > 0.8
    assert (drawn["theta_E_2"] == 0.1).all()


def test_moments_are_the_populations(w1):
    mean, std = moments(w1, ["theta_E", "gamma1"])
    np.testing.assert_allclose(mean, [1.2, 0.0], atol=0.02)
    np.testing.assert_allclose(std, [0.8 / np.sqrt(12), 0.05], rtol=0.05)


def test_the_flux_of_a_galaxy_image_is_that_of_its_magnitude(galaxies):
    source = draw(galaxies, np.arange(20), Views()).source[0]
    stamp = galaxies.stamps.images[source["stamp"][:, 0].astype(int)]
    flux = stamp.sum(axis=(1, 2)) * source["scale"][:, 0] ** 2 * source["amp"][:, 0]
    expected = 10 ** (-0.4 * (source["magnitude"][:, 0] - galaxies.instrument.magnitude_zero_point))
    np.testing.assert_allclose(flux, expected, rtol=1e-5)


def test_a_made_up_galaxy_without_a_size_is_refused():
    config = load("demo", ["simulate.source.0.R_half=null"])
    with pytest.raises(DataError, match=r"source\.0\.R_half"):
        make_scene(config.simulate, 1)


def test_real_galaxies_from_a_catalogue_are_sources(tmp_path):
    import os
    from pathlib import Path

    data = Path(os.environ.get("LENSTREAM_DATA", Path(__file__).parents[2] / "../shared/data"))
    catalogue = data / "cosmos_23.5" / "real_galaxy_catalog_23.5.fits"
    if not catalogue.is_file():
        pytest.skip(f"the real galaxies are not at {data}")
    changes = [f"simulate.source.0.catalogue={catalogue}", "simulate.source.0.magnitude=null"]
    scene = make_scene(load("demo", [*changes, "simulate.source.0.R_half=null"]).simulate, 1)
    source = draw(scene, np.arange(200), Views()).source[0]
    assert len(np.unique(source["stamp"])) == len(scene.stamps.images) == 10
    np.testing.assert_allclose(source["scale"], 0.03, rtol=1e-6)
    assert (np.abs(source["magnitude"] - 22.15) < 1.3).all()
