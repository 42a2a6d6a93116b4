"""Datasets whose config names files by relative paths are looked after from anywhere, and without these files, too."""

import os
import shutil

import numpy as np
import pytest

from lenstream.errors import ConfigError, DataError
from lenstream.simulate.archive.begun_in import relative_paths
from lenstream.simulate.archive.description import load
from lenstream.simulate.archive.repair import repair
from lenstream.simulate.archive.verify import verify
from lenstream.simulate.archive.writing import describe, extend_archive, write_archive
from lenstream.simulate.dataset import LensDataset
from lenstream.simulate.systems.scene import make_scene

from .conftest import small_config, small_shards
from .folders import contents

TABLE = "simulate.lens_mass.0.theta_E={table: {file: radii.csv, column: theta_E}}"
KERNEL = "simulate.observation.psf={kind: pixel, file: kernel.npy}"


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """begun(setting, count): a dataset of shards of 8, begun in tmp_path/project, where its file is."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "radii.csv").write_text("theta_E\n1.1\n1.3\n1.2\n")
    kernel = np.zeros((5, 5))
    kernel[2, 1:4] = 0.25, 0.5, 0.25
    np.save(project / "kernel.npy", kernel)
    monkeypatch.chdir(project)

    def begin(setting, count=12, name="set"):
        config = small_config(setting)
        description = small_shards(describe(config, make_scene(config), "zarr", count), 8)
        write_archive(config, tmp_path / name, description)
        return config, description

    return begin


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Go to another directory."""
    (tmp_path / "elsewhere").mkdir()
    return lambda: monkeypatch.chdir(tmp_path / "elsewhere")


def test_relative_paths_of_a_config():
    psf, galaxies = {"file": "k.fits"}, [{"catalogue": "procedural"}, {"catalogue": "g/x.fits"}]
    values = {"observation": {"psf": psf, "sky_cutouts": "/abs"}, "source": galaxies, "a": {"table": {"file": "~/t"}}}
    assert relative_paths(values) == ["k.fits", "g/x.fits"]
    assert relative_paths(None) == []


def test_only_a_dataset_with_relative_paths_says_where_it_was_begun(tmp_path, begun, dataset):
    begun(KERNEL)
    assert load(tmp_path / "set").begun_in == os.getcwd()
    assert load(dataset).begun_in is None


@pytest.mark.parametrize("setting", [TABLE, KERNEL])
def test_it_is_extended_verified_and_repaired_from_elsewhere(tmp_path, begun, elsewhere, setting):
    begun(setting)
    begun(setting, 20, "at_once")
    elsewhere()
    extend_archive(tmp_path / "set", 8)
    assert verify(tmp_path / "set", show=False) == []
    before = contents(tmp_path / "set")
    (tmp_path / "set" / "images/c/2/0/0/0/0").unlink()
    assert repair(os.path.relpath(tmp_path / "set"), show=False).left == []
    assert contents(tmp_path / "set") == before
    expected = contents(tmp_path / "at_once")
    assert {n: d for n, d in before.items() if "/c/" in n} == {n: d for n, d in expected.items() if "/c/" in n}


def test_files_that_came_along_are_taken_where_one_stands(tmp_path, begun, elsewhere):
    begun(TABLE)
    elsewhere()
    shutil.move(tmp_path / "project" / "radii.csv", "radii.csv")
    assert extend_archive(tmp_path / "set", 8).count == 20


def test_without_its_file_it_is_verified_and_read_and_what_needs_it_says_where_it_was_sought(
    tmp_path, begun, elsewhere
):
    begun(KERNEL)
    elsewhere()
    shutil.rmtree(tmp_path / "project")
    moved = shutil.move(tmp_path / "set", tmp_path / "moved")
    assert verify(moved, show=False) == []
    assert len(LensDataset(moved)) == 12 and LensDataset(moved)[3]["images"].shape == (1, 1, 16, 16)
    before = contents(moved)
    sought = rf"names the file kernel\.npy, which was sought in {tmp_path}/project and in {tmp_path}/elsewhere"
    with pytest.raises(DataError, match=sought):
        extend_archive(moved, 4)
    assert contents(moved) == before
    (moved / "images/c/0/0/0/0/0").unlink()
    assert [f.path for f in verify(moved, show=False)] == ["images/c/0/0/0/0/0"]
    with pytest.raises(DataError, match=sought):
        repair(moved, show=False)


def test_begun_in_one_place_it_is_not_gone_on_with_in_another(tmp_path, begun, elsewhere):
    begun(TABLE)
    elsewhere()
    shutil.copy(tmp_path / "project" / "radii.csv", "radii.csv")
    with pytest.raises(ConfigError, match=r"was begun in .*/project, to which paths in its config are relative"):
        begun(TABLE)
    shutil.rmtree(tmp_path / "project")  # it was moved here, say
    begun(TABLE)
