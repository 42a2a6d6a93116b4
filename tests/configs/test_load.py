"""Configs: every mistake listed at once in a clear sentence, overrides, and a printed config that loads again."""

from typing import get_args

import pytest
import yaml
from pydantic import BaseModel

from lenstream.configs import schema
from lenstream.configs.load import available, check, load, show
from lenstream.errors import ConfigError


def problems(*overrides, recipe="demo"):
    with pytest.raises(ConfigError) as caught:
        load(recipe, overrides)
    return caught.value.problems


@pytest.mark.parametrize("recipe", available())
def test_recipes_load_and_their_printed_form_is_the_same_config(recipe, tmp_path):
    config = load(recipe)
    (tmp_path / "again.yaml").write_text(show(config))
    assert load(str(tmp_path / "again.yaml")) == config


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("simulate.image.num_pixx=3", 'demo.yaml: unknown key "simulate.image.num_pixx". Did you mean "num_pix"?'),
        ("sed=3", 'unknown key "sed". Did you mean "seed"?'),
        ("simulate.lens_mass.0.theta_e=1", 'unknown key "simulate.lens_mass.0.theta_e". Did you mean "theta_E"?'),
        ("simulate.image.pixel_scale=-0.1", "simulate.image.pixel_scale: input should be greater than 0, got -0.1"),
        ("simulate.lens_mass.0.profile=EPLL", 'TNFW, MULTIPOLE, CONVERGENCE, INTERPOL. Did you mean "EPL"?'),
        ("simulate.lens_mass.0.profile=EPLL", 'no profile "EPLL", expected EPL, SIE, SHEAR, SIS, POINT_MASS, NFW, '),
        ("simulate.lens_mass.0.theta_E={unifrom: [1, 2]}", 'Did you mean "uniform"?'),
        ("simulate.lens_mass.0.theta_E={uniform: [2, 1]}", "the lowest value must be below the highest"),
        ("simulate.lens_mass.0.theta_E={uniform: [-1, 1]}", "theta_E must lie between 0 and 100, but -1 to 1"),
        ("simulate.lens_mass.0.e1=0.2", "give either e1_e2 or e1 and e2, not both"),
        ("simulate.observation.psf.kind=gausian", 'Did you mean "gaussian"?'),
        ("simulate.observation.psf={kind: pixel}", "a pixel PSF needs the key file"),
        ("simulate.image.rays=many", "simulate.image.rays: input should be 'adaptive', got 'many'."),
        ("simulate.image.rays=0", "simulate.image.rays: input should be greater than or equal to 1, got 0."),
        ("simulate.image.rays=.nan", "simulate.image.rays: input should be a finite number, got nan."),
        ("evaluate.targets=[theta_e]", '"theta_e" is not a lens parameter of this simulation. Did you mean "theta_E"?'),
        ("pretrain.encoders.lensiam.method=lensiamm", 'Did you mean "lensiam"?'),
        ("simulate.lens_mass.7.theta_E=1", 'has entries 0 to 1, not "7"'),
        ("seed.deeper=1", "seed is a value, it has no keys"),
        ("nonsense", "expected dotted.key=value"),
        ("name=../elsewhere", "name: string should match pattern"),
        ("name=..", "name: string should match pattern"),
    ],
)
def test_a_mistake_is_one_clear_sentence(override, said):
    (problem,) = problems(override)
    assert said in problem
    assert "\n" not in problem


def test_all_mistakes_are_listed_at_once():
    found = problems("simulate.image.num_pixx=3", "simulate.image.pixel_scale=-1", "sed=2", "evaluate.n_test=0")
    assert len(found) == 4


def test_missing_keys_say_what_they_mean():
    (problem,) = problems("simulate.image={pixel_scale: 0.1}")
    assert problem == 'demo.yaml: the key "simulate.image.num_pix" is missing (pixels on a side [pixels])'


def test_unknown_recipes_and_files():
    (problem,) = problems(recipe="dmo")
    assert 'Did you mean "demo"?' in problem
    (problem,) = problems(recipe="nowhere.yaml")
    assert "no such file" in problem


@pytest.mark.parametrize("text", ["a: [1", "just words", "- a\n- b"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text):
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
