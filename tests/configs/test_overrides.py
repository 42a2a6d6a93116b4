"""Changes on the command line: how they are written, where they go, and one sentence for each that goes nowhere."""

import pytest

from lenstream.configs.load import load
from lenstream.configs.overrides import apply
from lenstream.configs.recipes import read


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("nonsense", 'override "nonsense": expected dotted.key=value'),
        ("=3", "expected dotted.key=value"),
        ("", "expected dotted.key=value"),
        ("a..b=1", "two dots without a key between them"),
        (".seed=1", "two dots without a key between them, or one at an end"),
        ("seed=", "no value; give null for none"),
        ("seed=[1", 'override "seed=[1": cannot be read as YAML: a list [ is not closed'),
        ("seed={a: 1, a: 2}", 'override "seed={a: 1, a: 2}": a: the key is there twice'),
        ("seed=" + "9" * 5000, "a number of 5000 characters"),
        ("seed=1e999", "1e999 is too large for a number"),
        ("seed=0x1F", "seed: expected a number, got '0x1F' (decimal notation only"),
        ("seed=yes", "seed: expected a number, got True (yes, no, on, off, true and false are no numbers)"),
        ('seed="3"', "seed: expected a number, got '3' (text: leave out the quotes)"),
        ("simulate.observation.noise=1", "expected true or false, got 1"),
        ('simulate.observation.noise="yes"', "expected true or false, got 'yes'"),
        ("simulate.observation.mask_value=false", "mask_value: expected a number, got False"),
        ("simulate.lens_mass.²=1", 'simulate.lens_mass has entries 0 to 1, not "²"'),
        ("simulate.lens_mass.-1.gamma=2", 'has entries 0 to 1, not "-1"'),
        ("simulate.lens_mass.gamma=2", 'has entries 0 to 1, not "gamma"'),
        ("simulate.source.1.magnitude=2", 'simulate.source has entry 0 only, not "1"'),
        ("simulate.lens_light.0.magnitude=2", "simulate.lens_light is a value, it has no keys"),
        ("simulate.image.0=2", 'unknown key "simulate.image.0"'),
        ("simulate.image=[1]", "simulate.image: expected a section with keys, got [1]"),
        ("evaluate.targets=theta_E", "evaluate.targets: expected a list in brackets, got 'theta_E'"),
        ("mode=[a]", "this recipe has no modes"),
        ("name=1e3", "name: expected a word, got 1000.0"),
        ("n\nm=1", r'unknown key "n\nm"'),
        ("x" * 300 + "=1", "unknown key"),
        ("seed=" + "x" * 300, "seed: expected a number"),
    ],
)
def test_a_mistake_is_one_short_sentence(problems, override, said):
    recipe = ["simulate.lens_light=word"] if "lens_light" in override else []
    found = problems(*recipe, override)
    assert said in found[0]
    assert all(p.isprintable() and len(p) < 500 for p in found)


def test_one_wrong_override_hides_no_other_mistake(problems):
    found = problems("a..b=1", "sed=2", "seed=0123", "simulate.lens_mass.9.e1=0", "simulate.image.num_pix=2")
    assert [next(w for w in ("a..b", "sed", "0123", "9.e1", "num_pix") if w in p) for p in sorted(found)] == [
        "0123",
        "num_pix",
        "sed",
        "a..b",
        "9.e1",
    ]


def test_values_keep_what_is_behind_an_equals_sign_and_a_hash():
    config = load("demo", ["real_lenses.images = /data/run #3/a=b, c", "seed = 4", "real_lenses.pixel_scale=.1"])
    assert config.real_lenses.images == "/data/run #3/a=b, c"
    assert (config.seed, config.real_lenses.pixel_scale) == (4, 0.1)


def test_later_ones_win_and_one_may_be_given_alone():
    assert load("demo", ["seed=4", "seed=5"]).seed == 5
    assert load("demo", "seed=6").seed == 6


def test_a_name_with_a_dot_is_one_key(tmp_path):
    (tmp_path / "a.yaml").write_text("extends: demo\npretrain: {encoders: {v1.0: {method: simclr}}}")
    config = load(str(tmp_path / "a.yaml"), ["pretrain.encoders.v1.0.lr=0.3"])
    assert config.pretrain.encoders["v1.0"].lr == 0.3


def test_entry_1_is_entry_1():
    config = load("w4", ["simulate.lens_mass.1.gamma1=0.125"]).simulate
    assert config.lens_mass[1].gamma1 == 0.125
    assert config.lens_mass[0] == load("w4").simulate.lens_mass[0]


@pytest.mark.parametrize("mode", ["[a]", "3", "{a: 1}", "null"])
def test_a_mode_that_is_no_word(problems, tmp_path, mode):
    (tmp_path / "a.yaml").write_text(f"extends: deeplense_model_1\nmode: {mode}")
    found = problems(recipe=str(tmp_path / "a.yaml"))
    assert len(found) == 1 and "there are corrected, as_released" in found[0]


def recipe(tmp_path, text):
    (tmp_path / "r.yaml").write_text(text)
    return read(tmp_path / "r.yaml")


def test_an_unknown_mode_names_the_known_ones(tmp_path):
    def said(text, *changes):
        (problem,) = apply(recipe(tmp_path, text), changes)
        return problem.text

    modes = "mode: corrected\nmodes: {corrected: {}, as_released: {seed: 3}}\n"
    assert said(modes, "mode=as_relesed") == (
        'r.yaml: no mode "as_relesed"; there are corrected, as_released. Did you mean "as_released"?'
    )
    assert "no mode" in said(modes.replace("mode: corrected\n", ""))
    assert said("seed: 1\n", "mode=as_released") == (
        'r.yaml: mode "as_released" is asked for, but this recipe has no modes'
    )
    assert "modes: expected the name of each mode" in said("mode: a\nmodes: [a, b]\n")
    wrong = "mode: a\nmodes: {a: {seed.deeper: 1}}\nseed: 1\n"
    assert said(wrong) == "r.yaml: modes.a: seed.deeper: seed is a value, it has no keys"


def test_a_mode_comes_before_the_changes_of_the_user(tmp_path):
    text = "seed: 1\nname: x\nlist: [{a: 1}]\nmode: one\nmodes: {one: {}, two: {seed: 2, list.0.a: 5}}\n"

    def values(*changes):
        held = recipe(tmp_path, text)
        assert apply(held, changes) == []
        return held.values

    assert values() == {"seed": 1, "name": "x", "list": [{"a": 1}], "mode": "one"}
    assert values("seed=9", "mode=two") == {"seed": 9, "name": "x", "list": [{"a": 5}], "mode": "two"}
    assert values("list.0.a=7", "mode=two") == {"seed": 2, "name": "x", "list": [{"a": 7}], "mode": "two"}


def test_a_printed_config_keeps_its_mode(tmp_path):
    held = recipe(tmp_path, "seed: 1\nmode: as_released\n")
    assert apply(held, []) == [] and held.values == {"seed": 1, "mode": "as_released"}


def test_an_entry_of_a_list_is_replaced_in_its_place():
    before = load("tiny").simulate.lens_mass
    changed = load("tiny", ["simulate.lens_mass.1={profile: CONVERGENCE, kappa: 0.1}"]).simulate.lens_mass
    assert [c.profile for c in changed] == ["EPL", "CONVERGENCE"] and changed[0] == before[0]
    inside = load("tiny", ["simulate.lens_mass.1.gamma1=0.2"]).simulate.lens_mass
    assert inside[1].gamma1 == 0.2 and inside[1].gamma2 == before[1].gamma2 and inside[0] == before[0]
    numbers = load("tiny", ["evaluate.n_labels.1=60"]).evaluate.n_labels
    assert numbers == [20, 60]


def test_null_takes_out_what_has_a_name():
    encoders = load("tiny").pretrain.encoders
    assert {"simsiam", "lensiam"} < set(encoders)
    left = load("tiny", ["pretrain.encoders.simsiam=null"]).pretrain.encoders
    assert list(left) == [name for name in encoders if name != "simsiam"]


def test_the_last_of_several_modes_counts(tmp_path):
    (tmp_path / "a.yaml").write_text("name: x\nmode: one\nmodes: {one: {seed: 1}, two: {seed: 2}}\n")
    recipe = read(tmp_path / "a.yaml")
    assert apply(recipe, ["mode=one", "mode=two"]) == []
    assert (recipe.values["mode"], recipe.values["seed"]) == ("two", 2)


def test_keys_within_keys_without_end_are_refused_at_once(problems):
    (sentence,) = problems("x." * 30_000 + "y=1")
    assert "more than 40 deep" in sentence and len(sentence) < 250
