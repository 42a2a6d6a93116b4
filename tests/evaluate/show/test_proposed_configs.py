"""Configs that `lenstream inspect` proposes: YAML for any path, and, for any layout, taken as they stand."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from lenstream.before_training import check
from lenstream.configs.load import load
from lenstream.evaluate.show.proposed_configs import config_name, of_dataset, of_images
from lenstream.files.dataset_layouts import identify
from lenstream.files.image_sets import ImageSet
from lenstream.simulate.archive.description import Description
from lenstream.simulate.systems.scene import without_files

from ...files.layouts import challenge, cutouts, deeplense, image, lensiam, save, save_fits
from ...files.test_hdf5_images import universe
from ...files.test_parquet_images import struct, write
from ...files.test_resolution_pairs import pairs


def a_set(**more):
    facts = {"path": Path("/nowhere/a b"), "kind": "folder of images", "what": "", "names": range(500), "views": 1}
    facts |= {"bands": ("g", ""), "height": 20, "width": 20, "read": None}
    return ImageSet(**facts | more)


def a_dataset(**more):
    facts = {"format": "zarr", "name": "tiny", "seed": 3, "start": 0, "count": 500, "views": 1, "redraw": ()}
    return Description(**facts | {"shard_size": 500, "split": None, "lenstream": "0.1.0"} | more)


def a_scene(*overrides):
    return without_files(load("tiny", [f"simulate.{text}" for text in overrides]).simulate)


def pretrain(lines):
    return yaml.safe_load("\n".join(lines))["pretrain"]


@pytest.mark.parametrize("name", ["a b", "it's", "x: {y}", "#1", "ü"])
def test_any_path_is_yaml(name):
    path = Path("/nowhere") / name
    for lines in (of_images(a_set(), path), of_dataset(a_dataset(), a_scene(), path)):
        read = yaml.safe_load("\n".join(lines))
        assert read["pretrain"] == {"data": {"path": str(path)}, "probe_every": 0}
        assert "simulate" in read and read["simulate"] is None


def test_small_and_oblong_sets():
    read = pretrain(of_images(a_set(names=range(30), height=18), Path("/nowhere/a")))
    assert read["data"]["size"] == 18
    assert read["batch_size"] == 15


def test_a_few_images_are_not_trained_on():
    assert all(line.startswith("#") for line in of_images(a_set(names=range(3)), Path("/nowhere/a")))
    assert all(line.startswith("#") for line in of_dataset(a_dataset(count=3), a_scene(), Path("/nowhere/a")))


@pytest.mark.parametrize(
    ("name", "made"),
    [
        *[("a.fits", "a"), ("..", "my_images"), ("é" * 5, "my_images"), ("-a b-", "a_b")],
        *[("000000", "images_000000"), ("2026-01-02", "images_2026-01-02"), ("no", "images_no"), ("1a", "1a")],
    ],
)
def test_names_of_configs(name, made):
    assert config_name(Path("/nowhere") / name) == made


def test_views_on_the_disk_are_the_views_of_the_method():
    read = pretrain(of_images(a_set(views=2), Path("/nowhere/a")))
    assert read["encoders"] == {"simclr": {"views": "physics"}}
    read = pretrain(of_dataset(a_dataset(views=2, redraw=("noise", "psf")), a_scene(), Path("/nowhere/a")))
    assert read["encoders"] == {"simclr": {"views": "physics", "redraw": ["noise", "psf"]}}


def test_of_several_pixel_grids_one_is_seen():
    bands = ["bands={Y: {image: {num_pix: 6, pixel_scale: 0.6}}, H: {image: {num_pix: 6, pixel_scale: 0.6}}, VIS: {}}"]
    assert pretrain(of_dataset(a_dataset(), a_scene(*bands), Path("/nowhere/a")))["bands"] == ["Y", "H"]


def test_probes_need_classes_of_which_there_are_many():
    numbers = np.zeros(500, int)
    for n, probed in ((0, False), (19, False), (20, True)):
        numbers[:n] = 1
        read = pretrain(of_images(a_set(classes=("a", "b"), labels={"class": numbers}), Path("/nowhere/a")))
        assert ("probe_every" not in read) == probed
    classes = "classes={empty: 1, lens: 1}"
    assert "probe_every" not in pretrain(of_dataset(a_dataset(), a_scene(classes), Path("/nowhere/a")))


def flat(folder, n):
    for k in range(n):
        save_fits(folder / f"{'lens' if k % 2 else 'nonlens'}_{k}.fits", image(k, 20, 18))
    return folder


def stack(folder, n):
    save(folder / "images.npy", image(0, n, 3, 16, 16))
    (folder / "labels.csv").write_text("theta_E\n" + "1.5\n" * n)
    return folder


def in_splits(folder, n):
    lensiam(folder / "train", n)
    lensiam(folder / "test", 2)
    return folder


def shapes(folder, n):
    for k in range(n):
        save(folder / f"{k}.npy", image(k, 16 + 2 * (k > 2), 16))
    return folder


def hdf5(folder, n):
    universe(folder / "a.hdf5", n)
    return folder


def parquet(folder, n):
    write(folder / "a.parquet", struct(0, n))
    return folder


LAYOUTS = (challenge, cutouts, deeplense, flat, hdf5, in_splits, lensiam, pairs, parquet, shapes, stack)


@pytest.mark.parametrize("make", LAYOUTS, ids=lambda make: make.__name__)
def test_what_is_proposed_for_any_layout_is_taken_as_it_stands(make, tmp_path):
    folder = make(tmp_path / "set", 5)
    config = loaded(of_images(identify(folder), folder), tmp_path)
    assert config.simulate is None
    check(config, tmp_path / "run")


def loaded(lines, folder):
    (folder / "proposed.yaml").write_text("\n".join(lines), encoding="utf-8")
    return load(folder / "proposed.yaml")
