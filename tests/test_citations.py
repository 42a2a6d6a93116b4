"""What to cite: entries that are whole, and for a recipe those of what it uses and no other."""

import importlib
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
import yaml

from lenstream import citations
from lenstream.configs.load import load
from lenstream.configs.methods import AnyEncoder
from lenstream.configs.recipes import available
from lenstream.simulate.profiles.registry import LIGHT, MASS

ROOT = Path(__file__).resolve().parents[1]
ENTRIES = citations.entries()


def keys_in(text):
    return re.findall(r"^@\w+\{(\w+),", text, re.MULTILINE)


@pytest.mark.parametrize("key", ENTRIES)
def test_an_entry_is_whole(key):
    text = ENTRIES[key]
    assert text.count("{") == text.count("}")
    assert text.endswith("}") and ",\n}" not in text
    for field in ("author", "title", "year"):
        assert len(re.findall(rf"\b{field} = \{{", text)) == 1, field
    year = int(re.search(r"year = \{(\d{4})\}", text)[1])
    assert 1950 < year < 2100
    for arxiv in re.findall(r"eprint = \{(.*?)\}", text):
        assert re.fullmatch(r"\d{4}\.\d{4,5}|astro-ph/\d{7}", arxiv)
        number = arxiv.split("/")[-1]  # the year it was submitted, or a few before it was printed
        assert year - 3 <= (1900 if number >= "91" and "/" in arxiv else 2000) + int(number[:2]) <= year + 1


def test_every_entry_is_cited_for_something_and_everything_cited_is_an_entry():
    cited = {key for keys in citations.everything().values() for key in keys}
    assert cited == set(ENTRIES)


def test_all_of_it_is_printed_once():
    printed = keys_in(citations.bibtex(citations.everything()))
    assert len(printed) == len(set(printed)) == len(ENTRIES)


def test_every_method_and_optimiser_of_the_schema_is_listed():
    sections = get_args(get_args(AnyEncoder)[0])
    methods = {name for s in sections for name in get_args(s.model_fields["method"].annotation)}
    assert methods == set(citations.METHODS)
    assert set(get_args(sections[0].model_fields["optimizer"].annotation)) == set(citations.OPTIMIZERS)


@pytest.mark.parametrize("path", sorted((ROOT / "ssl" / "methods").glob("*.py")), ids=lambda p: p.stem)
def test_the_papers_that_a_method_follows_are_among_the_entries(path):
    said = {number for text in ENTRIES.values() for number in re.findall(r"eprint = \{(.*?)\}", text)}
    assert set(re.findall(r"arXiv:(\d{4}\.\d{4,5})", path.read_text())) <= said


PROFILE_FILES = sorted(p for p in (ROOT / "simulate" / "profiles").glob("*.py") if "\nPROFILE = " in p.read_text())


@pytest.mark.parametrize("path", PROFILE_FILES, ids=lambda p: p.stem)
def test_what_is_cited_for_a_profile_has_all_papers_that_its_file_names(path):
    name = importlib.import_module(f"lenstream.simulate.profiles.{path.stem}").PROFILE.name
    if name in citations.PROFILES:  # others are cited as lenstronomy
        text = "".join(ENTRIES[key] for key in citations.PROFILES[name])
        named = re.findall(r"arXiv:(\d{4}\.\d{4,5}|[a-z-]+/\d{7})", path.read_text())
        assert set(named) <= set(re.findall(r"eprint = \{(.*?)\}", text))


def test_profiles_with_a_citation_exist():
    assert len(PROFILE_FILES) == len(MASS) + len(LIGHT)
    assert set(citations.PROFILES) <= set(MASS | LIGHT) | {"AXION_VORTEX"}
    assert citations.PROFILES["HERNQUIST"][0] == "hernquist1990"


def test_the_citation_file_says_what_the_entry_says():
    file, entry = yaml.safe_load((ROOT / "CITATION.cff").read_text()), ENTRIES["lenstream"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"title = {{{{{file['title']}}}}}" in entry
    (author,) = file["authors"]
    assert f"author = {{{{{author['name']}}}}}" in entry and project["authors"] == [author]
    assert file["license"] == project["license"]


@pytest.mark.parametrize("recipe", available())
def test_every_recipe_has_its_list(recipe):
    text = citations.bibtex(citations.used(load(recipe)))
    assert {"lenstream", "birrer2018", "harris2020"} <= set(keys_in(text)) <= set(ENTRIES)


def test_a_recipe_cites_what_it_uses_only():
    tiny = set(keys_in(citations.bibtex(citations.used(load("tiny")))))
    assert {"tessore2015", "sersic1963", "chang2023", "chen2020", "paszke2019", "mcinnes2018"} <= tiny
    assert not {"caron2021", "he2022", "baltz2009", "koekemoer2007", "he2016", "you2017"} & tiny
    simulator = set(keys_in(citations.bibtex(citations.used(load("w4")))))
    assert "tessore2015" in simulator and not {"paszke2019", "mcinnes2018", "chen2020"} & simulator


def test_subhalos_galaxies_and_networks_count():
    halos = ["simulate.substructure=[{kind: CDM, profile: TNFW, n_mean: 5, m_min: 1.0e7, m_max: 1.0e9, r_max: 3}]"]
    uses = citations.used(load("tiny", halos))
    assert uses["profile TNFW"] == ("baltz2009",) and uses["concentrations dutton_maccio2014"] == ("dutton2014",)
    galaxies = ["simulate.source=[{profile: INTERPOL, catalogue: cosmos.fits, magnitude: 23, R_half: 0.3}]"]
    assert "koekemoer2007" in keys_in(citations.bibtex(citations.used(load("tiny", galaxies))))
    uses = citations.used(load("tiny", ["pretrain.backbone={name: resnet18}"]))
    assert uses["network resnet18"] == ("he2016",)


def test_posteriors_and_refined_estimates_count():
    def cited(*overrides):
        return {key for keys in citations.used(load("demo", overrides)).values() for key in keys}

    assert "suyu2006" in cited() and not {"lemos2023", "durkan2019"} & cited()
    assert "suyu2006" not in cited("evaluate.refine=null")
    assert {"lemos2023", "talts2018"} <= cited("evaluate.protocols=[gaussian]")
    assert "durkan2019" in cited("evaluate.protocols=[flow]") - cited("evaluate.protocols=[gaussian]")
