"""Cards and recipes hold together: every recipe has its images described, and what follows from it is up to date."""

import re

import pytest

from lenstream.configs import recipe_cards
from lenstream.configs.load import load
from lenstream.configs.recipe_cards import (
    body,
    cards,
    head,
    introduction,
    recipes_of,
    refreshed,
    section,
    without_parts,
)
from lenstream.configs.recipes import available

TEXTS = {name: path.read_text(encoding="utf-8") for name, path in cards().items()}
SIMULATED = [name for name in TEXTS if name in available()]
EXTERNAL = [name for name in TEXTS if name not in available()]
TASKS = {  # of Hugging Face, those that a set of lenses can be for
    "image-feature-extraction",
    "image-classification",
    "image-to-image",
    "tabular-regression",
    "other",
}
SIZES = {"n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "100M<n<1B"}


@pytest.mark.parametrize("name", TEXTS)
def test_heads_are_those_of_hugging_face(name):
    found = head(TEXTS[name])
    assert set(found) <= {"license", "pretty_name", "size_categories", "task_categories", "tags", "lenstream"}
    assert found["license"] in ("mit", "unknown", "other") and found["pretty_name"]
    assert set(found["task_categories"]) <= TASKS and set(found.get("size_categories", [])) <= SIZES
    assert {"astronomy", "gravitational-lensing"} & set(found["tags"]) and len(set(found["tags"])) == len(found["tags"])


@pytest.mark.parametrize("name", TEXTS)
def test_hugging_face_reads_the_head(name):
    hub = pytest.importorskip("huggingface_hub")
    found = hub.DatasetCard(TEXTS[name]).data.to_dict()
    assert found == {key: value for key, value in head(TEXTS[name]).items() if value is not None}


@pytest.mark.parametrize("name", TEXTS)
def test_every_card_says_what_a_card_has_to(name):
    text = TEXTS[name]
    assert body(text).startswith(f"# {name}: ") and len(introduction(text)) > 40
    for title in ("Splits", "Known limits", "Licence", "Citation", "Make it" if name in SIMULATED else "Use it"):
        assert len(section(text, title)) > 10, title


@pytest.mark.parametrize("name", SIMULATED)
def test_parts_from_recipes_are_up_to_date(name):
    assert f"<!-- from the recipe {name} -->" in TEXTS[name]
    assert refreshed(TEXTS[name]) == TEXTS[name], "python -m lenstream.configs.recipe_cards rewrites it"


@pytest.mark.parametrize("name", EXTERNAL)
def test_external_sets_are_marked_as_such(name):
    assert head(TEXTS[name])["lenstream"]["external"] and "not part of this repository" in TEXTS[name]


def test_every_recipe_has_a_card_of_its_images():
    where = {r: name for name, text in TEXTS.items() for r in recipes_of(text)}
    assert set(where) == set(available())
    for recipe, card in where.items():
        if card in available():
            assert load(recipe).simulate == load(card).simulate, (recipe, card)


@pytest.mark.parametrize("name", ["deeplense_model_1", "deeplense_model_2", "deeplense_model_3", "deeplense_model_4"])
def test_cards_of_deeplense_have_both_modes(name):
    _, theirs, after = TEXTS[name].partition(f"<!-- from the recipe {name}: beside mode=as_released -->")
    assert theirs
    part = after.partition("<!-- end -->")[0]
    config = load(name, ["mode=as_released"])
    theta_E = config.simulate.lens_mass[0].theta_E * getattr(config.simulate.lens_mass[0], "deflection_factor", 1)
    assert f"| {theta_E:.6g} |" in part or "theta_E" not in part
    assert f"the defect {config.simulate.observation.defect}" in part


def test_a_changed_recipe_is_noticed():
    text = TEXTS["demo"].replace("U(0.7, 1.7)", "U(0.7, 1.8)")
    assert text != TEXTS["demo"] and refreshed(text) == TEXTS["demo"]


def test_parts_can_be_taken_out():
    part = "<!-- from the recipe demo -->\n| x |\n<!-- end -->\n\n"
    text = f"# a: b\n\nWords.\n\n{part}## Known limits\n\nSome.\n\n## More\n"
    assert introduction(text) == "Words." and section(text, "Known limits") == "Some." and section(text, "None") == ""
    assert without_parts("One.\n\nIn numbers:\n\n<!-- from the recipe a: beside b=c -->\n| |\n<!-- end -->\n") == "One."


def test_rewriting_changes_only_what_is_old(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe_cards, "FOLDER", tmp_path)
    (tmp_path / "new.md").write_text(TEXTS["tiny"], encoding="utf-8")
    (tmp_path / "old.md").write_text(TEXTS["tiny"].replace("U(0.8, 1.6)", "U(1, 2)"), encoding="utf-8")
    assert recipe_cards.rewrite() == ["old"]
    assert (tmp_path / "old.md").read_text(encoding="utf-8") == TEXTS["tiny"]


def test_every_card_is_in_the_documentation():
    page = (recipe_cards.FOLDER.parent / "docs" / "data_cards.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^_generated/data_cards/(\S+)$", page, re.MULTILINE)) == sorted(TEXTS)
