"""The list of keys that follows from the schema: complete, each with its words, found by a prefix or a name."""

import pytest

from lenstream.configs import key_list
from lenstream.configs.load import load, show
from lenstream.errors import ConfigError


def paths(values, path=()):
    """Dotted paths of all keys of nested values, with N for the entries of lists."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield ".".join([*path, name])
            yield from paths(value, (*path, name))
    if isinstance(values, list):
        for value in values:
            yield from paths(value, (*path, "0"))


@pytest.mark.parametrize("recipe", ["compare_methods", "deeplense_model_1", "lens_finding"])
def test_every_key_of_a_recipe_is_listed(recipe):
    free = ("options.", "bands.", "from_instrument.", "classes.", "colors.", "columns.")  # names of the user's
    known = {key.path for key in key_list.every_key()}
    for path in set(paths(load(recipe).model_dump(exclude_unset=True))):
        parts = path.split(".")
        if not any(word in path for word in free) and not set(parts) & set(key_list.Distribution.model_fields):
            forms = {".".join(key_list.ENTRY if p.isdecimal() else p for p in parts)}
            forms |= {
                ".".join([*f.split(".")[:2], key_list.NAME, *f.split(".")[3:]]) for f in forms if "encoders." in f
            }
            assert forms & (known | {"pretrain.encoders.NAME"}) or parts[-1].isdecimal(), path


def test_a_key_says_all_that_the_schema_knows():
    (key,) = key_list.below("pretrain.accelerator")
    assert (key.takes, key.default, key.unit, key.limits) == ("auto, cpu, cuda, mps", "auto", "", "")
    (key,) = key_list.below("simulate.image.num_pix")
    assert (key.takes, key.default, key.unit, key.limits) == ("whole number", None, "pixels", ">= 4, <= 4,096")
    found = {key.of: key for key in key_list.below("simulate.lens_mass.3.theta_E")}
    assert found["profile: EPL"].takes == "number or distribution" and found["profile: EPL"].unit == "arcsec"
    assert "profile: SHEAR" not in found


def test_units_are_units_and_meanings_are_words():
    known = (
        "Msun arcsec counts/s deg dex eV electrons km/s/Mpc mag mag(AB) mag(AB/arcsec2) rad s sigma years|draws epochs "
        "exposures galaxies images lenses masses parts pixels rays repetitions steps systems threads views|"
        "kernel pixels|of the peak|per image|the parameter's|this parameter's / the other's|"
    )
    units = {unit for words in known.split("|")[:2] for unit in words.split()} | set(known.split("|")[2:])
    assert {key.unit for key in key_list.every_key()} <= units
    assert [key.path for key in key_list.every_key() if len(key.meaning) < 4 or key.meaning in units] == []


def test_a_default_is_that_of_a_printed_config():
    shown = show(load("w1"))
    for key in key_list.below("evaluate"):
        if key.path.count(".") == 1 and key.default not in (None, "{}"):
            assert f"  {key.name}: {key.default}  #" in shown


def test_a_name_is_found_wherever_it_is():
    homes = ["pretrain.steps", "evaluate.super_resolution.steps", "pretrain.encoders.NAME.steps"]
    assert key_list.homes("steps") == homes
    assert {key.path for key in key_list.below("temperature")} == {"pretrain.encoders.NAME.temperature"}
    with pytest.raises(ConfigError, match='Did you mean "temperature"'):
        key_list.below("temprature")


def test_lines_are_one_a_key_and_name_what_can_stand_in_a_place():
    lines = list(key_list.in_words(key_list.below("simulate.observation.psf")))
    assert any(line.startswith("simulate.observation.psf.kind:  # ") and "moffat" in line for line in lines)
    assert all("\n" not in line for line in lines)
    methods = [line for line in key_list.in_words(key_list.below("pretrain.encoders.x")) if line.startswith("# ")]
    assert "# pretrain.encoders.NAME with method: simclr:" in methods
