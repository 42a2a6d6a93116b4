"""Croissant of datasets: mlcroissant finds no fault in it and reads the records, offline; checksums are true."""

import itertools
import json
import logging
import os
from datetime import UTC, datetime

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.files.checksums import sha256
from lenstream.simulate.archive import croissant
from lenstream.simulate.archive.formats import FORMATS
from lenstream.simulate.archive.label_file import stored_labels
from lenstream.simulate.archive.ledger import read_entries
from lenstream.simulate.archive.shard_making import opened
from lenstream.simulate.archive.writing import describe, extend_archive, write_archive
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

SHOWN = [form for form in ("zarr", "parquet", "fits") if form in FORMATS]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    config = load("tiny", ["simulate.image.num_pix=8"])
    out = {}
    for form in SHOWN:
        out[form] = tmp_path_factory.mktemp("datasets") / form
        views = Views(1 if form == "fits" else 2, frozenset({"source", "noise"}))
        write_archive(config, out[form], describe(config, make_scene(config), form, 5, views))
        croissant.write(out[form])
    return out


@pytest.mark.parametrize("form", SHOWN)
def test_mlcroissant_finds_nothing_wrong_and_reads_labels(form, folders, caplog):
    mlcroissant = pytest.importorskip("mlcroissant")
    with caplog.at_level(logging.WARNING):
        found = mlcroissant.Dataset(jsonld=str(folders[form] / "croissant.json"))
    issues = found.metadata.ctx.issues
    assert not issues.errors and not issues.warnings and not caplog.records
    description, scene = opened(folders[form])
    records = list(found.records("labels"))
    stored = stored_labels(folders[form], description, scene, description.shards[0]).labels
    assert len(records) == description.count * description.views
    theta_E = [record["labels/theta_E"] for record in records]
    np.testing.assert_array_equal(theta_E, np.repeat(stored["theta_E"], description.views))


def test_mlcroissant_reads_images_of_parquet(folders):
    mlcroissant = pytest.importorskip("mlcroissant")
    if "parquet" not in folders:
        pytest.skip("there is no format parquet")
    description, scene = opened(folders["parquet"])
    found = mlcroissant.Dataset(jsonld=str(folders["parquet"] / "croissant.json"))
    (record,) = itertools.islice(found.records("images"), 1)
    stored = FORMATS["parquet"].read(folders["parquet"], description, scene, description.shards[0])
    flux = np.array([[list(row) for row in band] for band in record["images/image.flux"]], np.float32)
    np.testing.assert_array_equal(flux, stored.images["images"][0, 0])


@pytest.mark.parametrize("form", SHOWN)
def test_every_file_is_there_with_its_checksum_or_fits_a_pattern(form, folders):
    folder = folders[form]
    said = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))["distribution"]
    for file in said:
        if file["@type"] == "cr:FileObject":
            assert file["sha256"] == sha256(folder / file["contentUrl"])
            assert file["contentSize"] == f"{(folder / file['contentUrl']).stat().st_size} B"
    listed = {file["contentUrl"] for file in said if "contentUrl" in file}
    fitting = {p.relative_to(folder).as_posix() for f in said for i in f.get("includes", []) for p in folder.glob(i)}
    written = {name for entry in read_entries(folder).values() for name in entry.files}
    assert written | {"labels.parquet"} == listed | fitting


def test_many_files_are_a_pattern(folders, monkeypatch):
    monkeypatch.setattr(croissant, "MOST_FILES", 3)
    description, _ = opened(folders["zarr"])
    said = croissant.croissant(folders["zarr"], description, load("tiny"))["distribution"]
    assert [f["@type"] for f in said] == ["cr:FileObject", "cr:FileSet"]
    assert "images/*/*/*/*/*/*" in said[1]["includes"]


def test_checksums_of_shards_are_those_of_the_ledger(folders, monkeypatch):
    """They are not computed anew: of a large dataset that would read all of it."""
    read = []
    monkeypatch.setattr(croissant, "sha256", lambda path: read.append(path.name) or "0" * 64)
    description, _ = opened(folders["zarr"])
    said = croissant.croissant(folders["zarr"], description, load("tiny"))["distribution"]
    assert read == ["labels.parquet"]
    written = {name: digest for entry in read_entries(folders["zarr"]).values() for name, digest in entry.files.items()}
    assert {file["contentUrl"]: file["sha256"] for file in said[1:]} == written


def test_the_day_is_that_on_which_it_was_written(tmp_path):
    """Not that of a copy, whose files are newer; of an extended one it is another."""
    config = load("tiny", ["simulate.image.num_pix=8"])
    write_archive(config, tmp_path, describe(config, make_scene(config), "zarr", 3))

    def date_at(day):
        time = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
        os.utime(tmp_path / "archive.json", (time, time))
        croissant.write(tmp_path)
        return json.loads((tmp_path / "croissant.json").read_text(encoding="utf-8"))["datePublished"]

    assert date_at("2026-03-01") == "2026-03-01" == date_at("2026-05-02")
    (tmp_path / "croissant.json").write_text("{}", encoding="utf-8")
    assert date_at("2026-05-02") == "2026-05-02"
    extend_archive(tmp_path, 2)
    assert date_at("2026-06-03") == "2026-06-03"
