"""Cards of datasets: numbers are those of what was written, the head is one that Hugging Face reads, snippets run."""

import re

import numpy as np
import pytest
import yaml

from lenstream.after_simulating import write_pages
from lenstream.configs.load import check, load
from lenstream.files.checksums import differing, read_sums
from lenstream.simulate.archive import dataset_card
from lenstream.simulate.archive.description import config_of
from lenstream.simulate.archive.formats import FORMATS
from lenstream.simulate.archive.label_file import stored_labels
from lenstream.simulate.archive.label_summary import class_counts
from lenstream.simulate.archive.repair import repair
from lenstream.simulate.archive.shard_making import opened
from lenstream.simulate.archive.verify import verify
from lenstream.simulate.archive.writing import describe, extend_archive, write_archive
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

CLASSES = ["simulate.classes={empty: 1, lens: 2}", "simulate.lens_mass.0.only=[lens]", "simulate.source.0.only=[lens]"]


def written(folder, form="zarr", count=12, views=2, split=None, overrides=(), start=0, pages=None):
    config = load("tiny", ["simulate.image.num_pix=12", *overrides])
    chosen = Views(views, frozenset({"source", "noise"}))
    description = describe(config, make_scene(config), form, count, chosen, start, split)
    write_archive(config, folder, description, pages=pages)
    return folder


def text_of(folder):
    description, _ = opened(folder)
    return dataset_card.card(folder, description, config_of(folder))


def head_of(text):
    return yaml.safe_load(re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)[1])


def rows_of(text):
    """The rows of all tables by their first cells, each as a list of cells."""
    cells = [re.split(r" *(?<!\\)\| *", row.strip("| ")) for row in text.splitlines() if row.startswith("| ")]
    return {row[0]: row for row in cells}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("datasets") / "d", overrides=CLASSES, split="test", start=5)


def test_labels_are_those_that_were_written(folder):
    description, scene = opened(folder)
    stored = stored_labels(folder, description, scene, description.shards[0]).labels
    rows = rows_of(text_of(folder))
    for name in ("theta_E", "source_R_sersic", "arc_snr"):
        values = stored[name][np.isfinite(stored[name])]
        expected = [f"{v:.4g}" for v in (values.min(), np.median(values), values.max())]
        assert rows[f"`{name}`"][4:7] == expected, name
    assert rows["`theta_E`"][3] == "U(0.8, 1.6)" and rows["`theta_E`"][1] == "arcsec"
    assert rows["`arc_snr`"][3] == "computed"
    assert rows["`theta_E`"][7] == f"{np.isnan(stored['theta_E']).mean():.1%}"


def test_facts_are_those_of_the_dataset(folder):
    rows = rows_of(text_of(folder))
    counts = class_counts(folder, 2, views=2)
    assert rows["Systems"][1] == f"12, of index {2**41 + 5} to {2**41 + 16}"
    assert rows["Views"][1] == "2 of each, redrawn: noise, source" and "seed 3" in rows["Made by"][1]
    assert rows["Classes"][1] == f"empty {counts[0]}, lens {counts[1]}" and counts.sum() == 12
    assert re.fullmatch(r"zarr, one shard, 27 files, \d\.\d MB", rows["Stored as"][1])
    assert rows["Images"][1] == '12 x 12 pixels of 0.15", one band'


def test_the_command_makes_the_same_description(folder):
    command = re.search(r"^lenstream simulate (.*)$", text_of(folder), re.MULTILINE)[1].split()
    assert command == [
        *("config.yaml", "--count", "12", "--start", "5", "--split", "test"),
        *("--views", "2", "--redraw", "noise,source", "--out", "COPY"),
    ]


def test_the_head_is_that_of_a_dataset_of_hugging_face(folder):
    found = head_of(text_of(folder))
    assert found["license"] == "mit" and found["size_categories"] == ["n<1K"]
    assert found["task_categories"] == ["image-feature-extraction", "image-classification"]
    assert found["configs"] == [{"config_name": "labels", "data_files": [{"split": "test", "path": "labels.parquet"}]}]


def test_hugging_face_reads_the_folder(folder, tmp_path):
    datasets = pytest.importorskip("datasets")
    (folder / "README.md").write_text(text_of(folder), encoding="utf-8")
    found = datasets.load_dataset(str(folder), cache_dir=str(tmp_path), split="test")
    assert len(found) == 24 and {"theta_E", "index", "view"} <= set(found.column_names)


@pytest.mark.parametrize(
    ("n", "words"), [(999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (10**8, "100M<n<1B"), (10**12, "n>1T")]
)
def test_sizes(n, words):
    assert dataset_card.size_category(n) == words


def test_images_of_others_are_not_given_away(folder):
    config = load("demo")
    description, _ = opened(folder)
    assert dataset_card.head(description, config)["license"] == "mit"
    source = config.simulate.source[0].model_copy(update={"catalogue": "cosmos.fits"})
    changed = config.model_copy(update={"simulate": config.simulate.model_copy(update={"source": [source]})})
    assert dataset_card.head(description, changed)["license"] == "other"


def test_limits_are_those_of_the_recipe_and_the_mode():
    released = dataset_card.limits(load("deeplense_model_1", ["mode=as_released"]))
    assert "defect double_poisson on purpose" in released and "Always 25 subhalos" in released
    assert "<!--" not in released and "|" not in released
    own = dataset_card.limits(load("demo", ["name=mine"]))
    assert "Of the recipe" not in own


def own_pages(folder):
    return [dataset_card.write(folder)]


def test_what_is_written_after_a_dataset_is_listed_with_its_checksum(tmp_path):
    folder = written(tmp_path / "d", count=4, pages=write_pages)
    listed = set(read_sums(folder))
    assert {"contact_sheet.png", "ledger/card.sha256", "croissant.json"} <= listed and differing(folder) == []
    assert "README.md" not in listed  # it may be edited
    assert "](contact_sheet.png)" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("form", list(FORMATS))
def test_snippets_open_every_format(form, tmp_path, capsys):
    folder = written(tmp_path / "d", form, count=4, views=2 if form == "fits-pairs" else 1, pages=own_pages)
    text = (folder / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        if "datasets" in block:
            pytest.importorskip("datasets")
        exec(block.replace("PATH", str(folder)), {})
    assert len(capsys.readouterr().out.splitlines()) >= 3


def test_a_card_that_was_edited_is_left_alone(tmp_path, capsys):
    folder = written(tmp_path / "d", count=4, pages=own_pages)
    card = folder / "README.md"
    card.write_text(card.read_text(encoding="utf-8") + "\nOf these, the second is our favourite.\n", encoding="utf-8")
    edited = card.read_bytes()
    assert verify(folder, show=False) == []
    capsys.readouterr()
    extend_archive(folder, 3, pages=own_pages)
    assert card.read_bytes() == edited and "README.md was edited" in " ".join(capsys.readouterr().err.split())
    (folder / "labels.parquet").unlink()
    (folder / "SHA256SUMS").write_text("gone")
    assert repair(folder, pages=own_pages, show=False).left == []
    assert card.read_bytes() == edited and verify(folder, show=False) == []
    card.unlink()
    assert [(f.what, f.path) for f in verify(folder, show=False)] == [("missing", "README.md")]
    assert repair(folder, pages=own_pages, show=False).mended == ["README.md: written again"]
    assert card.read_text(encoding="utf-8") == text_of(folder) and "7 simulated" in text_of(folder)


def test_a_card_that_nobody_edited_says_what_was_added(tmp_path):
    folder = written(tmp_path / "d", count=4, pages=own_pages)
    extend_archive(folder, 3, pages=own_pages)
    assert (folder / "README.md").read_text(encoding="utf-8") == text_of(folder)


def test_snippets_know_names_that_python_does_not(two_grids_with, tmp_path, capsys):
    """Of the first grid with several bands, and of a scene without theta_E."""
    shear = [{"profile": "SHEAR", "gamma1": 0.05, "gamma2": 0.0}]
    simulation = two_grids_with(lens_mass=shear, selection=None).config.model_dump(exclude_none=True)
    config = check(load("w1").model_dump(exclude_none=True) | {"simulate": simulation}, "")
    folder = tmp_path / "d"
    write_archive(config, folder, describe(config, make_scene(config), "zarr", 3), pages=own_pages)
    blocks = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert 'data["images_H-Y"]' in blocks[0] and 'data["class"]' in blocks[0]
    for block in blocks:
        exec(block.replace("PATH", str(folder)), {})
    assert capsys.readouterr().out
