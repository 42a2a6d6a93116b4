"""Configs: every mistake listed at once in a clear sentence, overrides, and a printed config that loads again."""

from typing import get_args

import numpy as np
import pytest
import yaml
from pydantic import BaseModel

from lenstream.configs import schema
from lenstream.configs.load import check, load, show
from lenstream.errors import ConfigError
from lenstream.simulate.profiles.registry import MASS
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("simulate.image.num_pixx=3", 'unknown key "simulate.image.num_pixx". Did you mean "simulate.image.num_pix"?'),
        ("sed=3", 'unknown key "sed". Did you mean "seed"?'),
        ("simulate.lens_mass.0.theta_e=1", 'Did you mean "simulate.lens_mass.0.theta_E"?'),
        ("simulate.image.pixel_scale=-0.1", "simulate.image.pixel_scale: input should be greater than 0, got -0.1"),
        ("simulate.lens_mass.0.profile=EPLL", f'expected {", ".join(MASS)}. Did you mean "EPL"?'),
        ("simulate.lens_mass.0.profile=EPLL", 'no profile "EPLL", expected EPL, SIE, '),
        ("simulate.lens_mass.0.theta_E={unifrom: [1, 2]}", 'Did you mean "simulate.lens_mass.0.theta_E.uniform"?'),
        ("simulate.lens_mass.0.theta_E={uniform: [2, 1]}", "the lowest value must be below the highest"),
        ("simulate.lens_mass.0.theta_E={uniform: [-1, 1]}", "theta_E must lie between 0 and 100, but -1 to 1"),
        ("simulate.lens_mass.0.e1=0.2", "give either e1_e2 or e1 and e2, not both"),
        ("simulate.observation.psf.kind=gausian", 'Did you mean "gaussian"?'),
        ("simulate.observation.psf={kind: pixel}", "a pixel PSF needs the key file"),
        ("simulate.image.rays=many", "simulate.image.rays: expected rays along a side of a pixel (2: 4 rays a pixel)"),
        ("simulate.image.rays=0", "simulate.image.rays: input should be greater than or equal to 1, got 0."),
        ("simulate.image.rays=.nan", "simulate.image.rays: input should be a finite number, got nan."),
        (
            "evaluate.targets=[theta_E_effective]",
            "it is theta_E_mean_kappa (mean convergence of 1 in a circle); theta_E_critical_area",
        ),
        ("evaluate.targets=[theta_e]", '"theta_e" is not a lens parameter of this simulation. Did you mean "theta_E"?'),
        ("pretrain.encoders.lensiam.method=lensiamm", 'Did you mean "lensiam"?'),
        ("simulate.lens_mass.7.theta_E=1", 'has entries 0 to 1, not "7"'),
        ("simulate.lens_mass.0.gamma={normal: [2, -0.1]}", "normal: the standard deviation must be positive"),
        ("pretrain.accumulate=128", "accumulate: 128 equal parts of at least 2 cannot be made of a batch of 128"),
        ("seed.deeper=1", "seed is a value, it has no keys"),
        ("pretrain.encoders.lensiam.temperature=1", 'unknown key "pretrain.encoders.lensiam.temperature".'),
        ("pretrain.encoders.lensiam.predicton_dim=1", 'Did you mean "pretrain.encoders.lensiam.prediction_dim"?'),
        ("pretrain.encoders.lensiam.views=augment", "lensiam is simsiam with physics views"),
        ("pretrain.encoders.new=null", 'nothing called "new" to take out; there are lensiam'),
        ("pretrain.encoders.new={lr: 1}", "pretrain.encoders.new: the key method is missing"),
        ("pretrain.encoders.lensiam.augment.crop=[0.5, 0.2]", "crop: the lowest value must be above 0"),
        ("pretrain.backbone.options.drop_rate=.nan", "pretrain.backbone.options.drop_rate: expected a finite number"),
        (
            "pretrain.backbone.options.channels=[8, .inf]",
            "pretrain.backbone.options.channels.1: expected a finite number",
        ),
        (
            "pretrain.backbone.options.layer.scale=.nan",
            "pretrain.backbone.options.layer.scale: expected a finite number",
        ),
        (
            "evaluate.supervised={net: {name: resnet18, options: {channels: [.nan]}}}",
            "evaluate.supervised.net.options.channels.0: expected a finite number",
        ),
        ("simulate.classes={a: 0, b: 0}", "simulate.classes: one of a, b must be more frequent than 0"),
        ("simulate.classes={a: -1, b: 2}", "simulate.classes.a: input should be greater than or equal to 0, got -1"),
        ("extends=w1", 'unknown key "extends"'),
        ("nonsense", "expected dotted.key=value"),
        ("name=../elsewhere", "name: expected letters, digits"),
        ("name=..", "name: expected letters, digits"),
    ],
)
def test_a_mistake_is_one_clear_sentence(problems, override, said):
    (problem,) = problems(override)
    assert said in problem
    assert "\n" not in problem


def test_all_mistakes_are_listed_at_once(problems):
    found = problems("simulate.image.num_pixx=3", "simulate.image.pixel_scale=-1", "sed=2", "evaluate.n_test=0")
    assert len(found) == 4


def test_missing_keys_say_what_they_mean(problems):
    (problem,) = problems("simulate.image={pixel_scale: 0.1}")
    assert problem == 'demo.yaml: the key "simulate.image.num_pix" is missing (pixels on a side [pixels])'
    (problem,) = problems("simulate.observation.psf={fwhm: 0.1}")
    assert 'key "simulate.observation.psf.kind" is missing (' in problem and "[-]" not in problem


def test_unknown_recipes_and_files(problems):
    (problem,) = problems(recipe="dmo")
    assert 'Did you mean "demo"?' in problem
    (problem,) = problems(recipe="nowhere.yaml")
    assert "no such file" in problem


@pytest.mark.parametrize("text", ["a: [1", "just words", "- a\n- b"])
def test_a_file_that_is_no_mapping_is_refused(problems, tmp_path, text):
    (tmp_path / "bad.yaml").write_text(text)
    (problem,) = problems(recipe=str(tmp_path / "bad.yaml"))
    assert "bad.yaml" in problem


def test_overrides_are_typed_and_can_add_sections():
    config = load("demo", ["pretrain.steps=7", "real_lenses.images=some/where", "simulate.lens_mass.0.gamma=2"])
    assert config.pretrain.steps == 7
    assert config.real_lenses.images == "some/where"
    assert config.simulate.lens_mass[0].gamma == 2.0


def _sections(annotation=schema.Config, seen=None):
    seen = {} if seen is None else seen
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            if part not in seen:
                seen[part] = True
                for field in part.model_fields.values():
                    _sections(field.annotation, seen)
        elif part is not annotation:
            _sections(part, seen)
    return list(seen)


def test_every_key_has_a_meaning_and_a_unit():
    sections = _sections()
    assert len(sections) > 15
    for section in sections:
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name}"
            assert field.json_schema_extra["unit"], f"{section.__name__}.{name}"


def test_show_comments_every_key():
    for line in show(load("demo")).splitlines():
        assert "#" in line or line.strip().rstrip(":") in load("demo").pretrain.encoders, line


def test_check_takes_plain_values():
    values = yaml.safe_load(show(load("w1")))
    assert check(values, "here").name == "w1"


def written(folder, **recipes):
    """Files of recipes, given as nested dictionaries; returns the path of the first."""
    for name, values in recipes.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))
    return str(folder / f"{next(iter(recipes))}.yaml")


@pytest.fixture
def wrong(problems):
    """A function: the one sentence with which a recipe is refused."""

    def found(path, *overrides):
        (problem,) = problems(*overrides, recipe=path)
        assert "\n" not in problem
        return problem

    return found


def test_a_recipe_takes_over_what_it_does_not_say(tmp_path):
    path = written(tmp_path, mine={"extends": "demo", "name": "mine", "simulate": {"image": {"num_pix": 64}}})
    assert load(path) == load("demo", ["name=mine", "simulate.image.num_pix=64"])


def test_what_merges_and_what_replaces(tmp_path):
    lens, law = [{"profile": "SIE", "theta_E": 1.0}], {"loguniform": [100, 300]}
    mine = {
        "extends": "base.yaml",
        "simulate": {
            "lens_mass": lens,
            "observation": {"exposure_time": law, "psf": {"kind": "moffat", "fwhm": 0.2, "beta": 3}},
        },
        "pretrain": {"encoders": {"lensiam": {"lr": 0.2}, "simsiam": {"method": "simclr"}, "lensimclr": None}},
        "evaluate": None,
    }
    base = {
        "extends": "demo",
        "simulate": {"observation": {"exposure_time": {"uniform": [1, 2]}, "psf": {"truncation": 3}}},
        "evaluate": {"seeds": 2},
    }
    config = load(written(tmp_path, mine=mine, base=base))
    assert [c.profile for c in config.simulate.lens_mass] == ["SIE"]  # lists replace
    assert config.simulate.observation.exposure_time.support() == (100, 300)  # distributions replace
    psf = config.simulate.observation.psf
    assert (psf.kind, psf.truncation) == ("moffat", 5)  # another kind: the base's keys are not kept
    encoders = config.pretrain.encoders
    assert list(encoders) == ["lensiam", "simsiam"]
    assert (encoders["lensiam"].lr, encoders["lensiam"].optimizer) == (0.2, "sgd")
    assert encoders["lensiam"].prediction_dim == load("demo").pretrain.encoders["lensiam"].prediction_dim
    assert encoders["simsiam"].lr != load("demo").pretrain.encoders["simsiam"].lr
    assert config.evaluate is None  # null is a value elsewhere
    assert config.simulate.observation.background_noise == load("demo").simulate.observation.background_noise


def test_null_takes_out_names_in_files_and_on_the_command_line(tmp_path):
    base = {"pretrain": {"backbone": {"name": "vit_tiny_patch16_224", "options": {"patch_size": 8, "img_size": 48}}}}
    mine = {"extends": "base.yaml", "pretrain": {"backbone": {"name": "resnet18", "options": {"patch_size": None}}}}
    config = load(written(tmp_path, mine=mine, base={"extends": "demo"} | base), ["pretrain.encoders.simsiam=null"])
    assert config.pretrain.backbone.options == {"img_size": 48}
    assert list(config.pretrain.encoders) == ["lensiam", "lensimclr"]


def test_files_are_found_beside_the_one_that_extends_them(tmp_path, monkeypatch):
    (tmp_path / "shared").mkdir()
    (tmp_path / "elsewhere").mkdir()
    written(tmp_path / "shared", base={"extends": "middle.yml", "seed": 5})
    (tmp_path / "shared" / "middle.yml").write_text("extends: w1\nseed: 4\nname: middle")
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = load(written(tmp_path, mine={"extends": "shared/base.yaml"}))
    assert (config.seed, config.name) == (5, "middle")
    assert load(written(tmp_path, mine={"extends": str(tmp_path / "shared" / "base.yaml")})) == config


def test_modes_are_taken_over_and_win(wrong, tmp_path):
    mine = {"extends": "deeplense_model_1", "simulate": {"image": {"rays": 2}}}
    path = written(tmp_path, mine=mine)
    assert load(path).simulate.image.rays == 2 and load(path).mode == "corrected"
    released = load(path, ["mode=as_released"]).simulate
    assert released.observation.defect == "double_poisson" and released.image.rays == 1
    mine |= {"modes": {"as_released": {"simulate.image.rays": 3}, "other": {"seed": 9}}, "mode": "other"}
    path = written(tmp_path, mine=mine)
    assert load(path).seed == 9
    released = load(path, ["mode=as_released"]).simulate
    assert released.observation.defect == "double_poisson" and released.image.rays == 3
    assert 'there are corrected, as_released, other. Did you mean "other"?' in wrong(path, "mode=othr")


@pytest.mark.parametrize(
    ("extends", "said"),
    [
        ("dmo", 'mine.yaml: extends: no recipe "dmo"; there are '),
        ("dmo", 'Did you mean "demo"?'),
        ("gone.yaml", "mine.yaml: extends: gone.yaml: no such file"),
        (3, "mine.yaml: extends: expected the name of a recipe or a YAML file, got 3"),
        (["demo", "w1"], "extends: expected the name of a recipe"),
        ("mine.yaml", "extend each other in a circle (mine.yaml -> mine.yaml)"),
        ("a.yaml", "b.yaml: extends: recipes extend each other in a circle (a.yaml -> b.yaml -> a.yaml)"),
        ("list.yaml", "list.yaml: expected keys and values"),
    ],
)
def test_mistakes_in_extends_are_one_sentence(wrong, tmp_path, extends, said):
    path = written(tmp_path, mine={"extends": extends}, a={"extends": "b.yaml"}, b={"extends": "./a.yaml"}, list=[1])
    assert said in wrong(path)


def test_a_mistake_names_the_files(wrong, tmp_path):
    path = written(tmp_path, mine={"extends": "base.yaml", "sed": 1}, base={"extends": "demo"})
    assert wrong(path).startswith('mine.yaml, line 2: unknown key "sed". Did you mean "seed"?')
    assert wrong(written(tmp_path, mine={"extends": "base.yaml"}, base={"extends": "demo"}), "sed=1").startswith(
        'mine.yaml (extends base.yaml, demo.yaml): unknown key "sed". Did you mean "seed"?'
    )


def test_supervised_needs_targets(problems):
    (problem,) = problems("pretrain.encoders={s: {method: supervised}}", "evaluate=null")
    assert problem.endswith("pretrain.encoders.s.method: supervised learns evaluate.targets, but evaluate is empty")


def test_a_class_without_weight_never_occurs():
    config = load("deeplense_model_2", ["simulate.classes={no_sub: 0, cdm: 3, axion: 0}"]).simulate
    assert set(draw(make_scene(config, 1), np.arange(500), Views()).class_number) == {1}
    config = load("deeplense_model_2", ["simulate.classes={no_sub: 1, cdm: 0, axion: 1}"]).simulate
    numbers = draw(make_scene(config, 1), np.arange(500), Views()).class_number
    assert set(numbers) == {0, 2} and 200 < numbers.astype(bool).sum() < 300


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        (
            "i: {pixel_scale: 0.3}",
            'bands.i.pixel_scale: unknown key. Did you mean "simulate.bands.i.image.pixel_scale"?',
        ),
        ("i: {imag: {num_pix: 9}}", 'bands.i.imag: unknown key. Did you mean "simulate.bands.i.image"?'),
        (
            "i: {image: {num_pixels: 9}}",
            'bands.i.image.num_pixels: unknown key. Did you mean "simulate.bands.i.image.num_pix"?',
        ),
        ("i: {image: {num_pix: 2}}", "bands.i.image.num_pix: input should be greater than or equal to 4, got 2"),
        ("i: {image: {pixel_scale: 0}}", "bands.i.image.pixel_scale: input should be greater than 0, got 0"),
        ("i: {image: 0.3}", "bands.i.image: expected a section with keys, got 0.3"),
        ("i: {psf: {kind: gaussian, fwhm: -1}}", "bands.i.psf: fwhm must lie between 1e-06 and 100"),
        ("i: {noise: false}", "bands.i.noise: all bands share it, so it belongs in observation"),
        ("i: {defect: double_poisson}", "bands.i.defect: all bands share it"),
    ],
)
def test_a_mistake_in_a_band_is_said_with_its_place(problems, bands, message):
    assert message in "\n".join(problems(f"simulate.bands={{r: {{}}, {bands}}}", recipe="tiny"))


def test_a_config_with_pixel_grids_of_bands_is_printed_whole(tmp_path):
    config = load("tiny", ["simulate.bands={r: {}, i: {image: {pixel_scale: 0.3}}}", "pretrain.bands=[i]"])
    (tmp_path / "again.yaml").write_text(show(config))
    assert load(str(tmp_path / "again.yaml")) == config


def test_bands_of_a_training_are_bands_of_the_simulation():
    with pytest.raises(ConfigError, match=r'pretrain\.bands: no band "z", expected one of r, i'):
        load("tiny", ["simulate.bands={r: {}, i: {}}", "pretrain.bands=[z]"])
    with pytest.raises(ConfigError, match=r"none, as simulate\.bands is empty"):
        load("tiny", ["pretrain.bands=[z]"])
