"""COOLEST files as configs: what is rendered is what was written, and what has no counterpart is said."""

import json

import numpy as np
import pytest
import yaml

from lenstream.errors import DataError
from lenstream.files.coolest_files import write_coolest
from lenstream.run_pipeline import main
from lenstream.simulate.exchange.coolest_bridge import to_coolest
from lenstream.simulate.exchange.coolest_config import coolest_section
from lenstream.simulate.exchange.coolest_template import Described, coolest_template
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

from .random_systems import one_system

SMALL = {"num_pix": 24, "pixel_scale": 0.16, "rays": 2}


@pytest.fixture
def path(tmp_path):
    described = Described(zero_point=25.5, exposure_time=900.0, cosmology=(67.0, 0.31))
    write_coolest(tmp_path / "a.json", *coolest_template(one_system(), described))
    return tmp_path / "a.json"


@pytest.fixture
def changed(path):
    """A function that writes the template with changes; it is asked for the place of each, from the top."""

    def change(*pairs):
        template = json.loads(path.read_text())
        for keys, value in pairs:
            held = template
            for key in keys[:-1]:
                held = held[key]
            held[keys[-1]] = value
        path.write_text(json.dumps(template))
        return path

    return change


def test_what_is_written_is_rendered_again(scene_with, observed, tmp_path):
    np.save(tmp_path / "psf.npy", np.random.default_rng(0).uniform(0, 1, (5, 5)))
    psf = {"kind": "pixel", "file": str(tmp_path / "psf.npy")}
    light = [{"profile": "SERSIC_ELLIPSE", "magnitude": 21, "R_sersic": 0.5, "e2": 0.2, "center_x": 0.1}]
    scene = scene_with(image=SMALL, lens_light=light, observation=observed(psf=psf))
    systems = draw(scene, np.arange(2), Views())
    expected = render(scene, systems, dtype=np.float64)[1]
    to_coolest(tmp_path / "a.json", scene, systems, 1)
    section, said = coolest_section(tmp_path / "a.json")
    again = make_scene({"simulate": section}, 7)
    found = render(again, draw(again, np.arange(1), Views()), noise=False, dtype=np.float64)[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * expected.max())
    assert section["cosmology"] == {"z_lens": 0.5, "z_source": 1.0, "H0": 70.0, "Om0": 0.3}
    assert said == ["the noise is a map, of which the background has the smallest value"]


def test_the_command_prints_a_config(path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["import", str(path)])
    out, err = capsys.readouterr()
    assert ended.value.code == 0 and "the noise is a map" in err
    config = yaml.safe_load(out)
    assert config["name"] == "a"
    lens = config["simulate"]["lens_mass"]
    assert [c["profile"] for c in lens] == ["EPL", "SHEAR"]
    assert lens[0] == pytest.approx({"profile": "EPL"} | one_system()["kwargs_lens"][0])
    (path.parent / "a.yaml").write_text(out)
    assert make_scene(path.parent / "a.yaml").instrument.magnitude_zero_point == 25.5


def test_other_psfs_and_noises(changed):
    psf, noise = ("instrument", "psf"), ("observation", "noise")
    section, said = coolest_section(
        changed((psf, {"type": "GaussianPSF", "fwhm": 2.0}), (noise, {"type": "UniformGaussianNoise", "std_dev": 0.3}))
    )
    assert section["observation"]["psf"] == {"kind": "gaussian", "fwhm": pytest.approx(0.34)}
    assert section["observation"]["background_noise"] == 0.3 and said == []
    none = {"type": None}
    section, said = coolest_section(changed((psf, none), (noise, none), (("observation", "exposure_time"), None)))
    assert section["observation"]["psf"] == {"kind": "none"} and section["observation"]["background_noise"] == 0.0
    assert [sentence.split(" ")[1] for sentence in said] == ["is", "noise", "PSF"]
    assert section["observation"]["exposure_time"] == 1e9


def test_all_that_has_no_counterpart_is_said_at_once(changed):
    lens, shear = (("lensing_entities", k, "mass_model", 0, "type") for k in (0, 1))
    with pytest.raises(DataError) as caught:
        coolest_section(changed((lens, "SPEMD"), (shear, "ExternalSheer")))
    said = str(caught.value)
    assert "lensing_entities.0.mass_model.0: the mass profile SPEMD has no counterpart here." in said
    assert (
        'lensing_entities.1.mass_model.0: the mass profile ExternalSheer has no counterpart here. Did you mean "Ext'
        in said
    )
    assert "no lensing entity has a mass profile" in said


def test_what_a_config_needs(changed):
    entities = ("lensing_entities", 2, "light_model")
    with pytest.raises(DataError) as caught:
        coolest_section(changed((("observation", "mag_zero_point"), None), (entities, [])))
    assert "observation.mag_zero_point is not given, and magnitudes need it; there is no light" in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("lensing_entities", 0, "redshift"), None, "a lensing entity has no redshift"),
        (("lensing_entities", 1, "redshift"), 0.9, "lenses at several redshifts have no counterpart here, and 0.9 is"),
        (
            ("instrument", "pixel_size"),
            0.3,
            "instrument.psf: expected an odd number of pixels, a whole number of which",
        ),
        (("observation", "pixels", "field_of_view_x"), [0, 1], "expected a square grid of square pixels"),
    ],
)
def test_templates_that_cannot_be_taken(changed, keys, value, said):
    with pytest.raises(DataError, match=said):
        coolest_section(changed((keys, value)))


def test_values_outside_of_a_configs_range_name_the_key(changed, capsys):
    index = ("lensing_entities", 2, "light_model", 0, "parameters", "n", "point_estimate", "value")
    with pytest.raises(SystemExit) as ended:
        main(["import", str(changed((index, 9.5)))])
    assert ended.value.code == 2
    assert "simulate.source.0" in capsys.readouterr().err
