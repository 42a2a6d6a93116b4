"""Training from data sets of others: their views, their labels, the same interface as a folder of images."""

import h5py
import numpy as np
import pytest
import torch
from astropy.io import fits

from lenstream.configs.training import Folder
from lenstream.errors import ConfigError, DataError
from lenstream.files import dataset_layouts
from lenstream.ssl import folder
from lenstream.ssl.data import image_facts, open_images, open_labelled
from lenstream.ssl.folder import FolderStream, ImageFolder
from lenstream.ssl.set_images import SetImages

from . import tiny

N = 20


@pytest.fixture
def pairs(tmp_path):
    """LenSiam's pairs: N cubes of two images with the Einstein radius in the header; the path and the cubes."""
    cubes = np.random.default_rng(0).normal(size=(N, 2, 16, 16)).astype(np.float32)
    for k, cube in enumerate(cubes):
        fits.writeto(tmp_path / f"{k:02}.fits", np.moveaxis(cube, 0, -1), fits.Header({"THETA_E": 1 + k / 10}))
    return tmp_path, cubes


def test_two_views_of_a_pair_are_one_system(pairs):
    path, cubes = pairs
    images = SetImages(Folder(path=str(path)))
    assert (len(images), images.held_views, images.bands, images.num_pix, images.classes) == (N, 2, 1, 16, [])
    batch = images.batch(np.array([3, 1]))
    assert torch.equal(batch.images, torch.from_numpy(cubes[[3, 1]])[:, :, None])
    np.testing.assert_allclose(batch.labels["theta_E"], [1.3, 1.1], rtol=1e-6)
    assert batch.indices.tolist() == [3, 1] and images.name_of(3) == "03.fits"
    np.testing.assert_array_equal(images.read_all([5, 4]), cubes[[5, 4], :1])
    assert torch.equal(SetImages(Folder(path=str(path)), views=1).batch(np.array([3])).images, batch.images[:1, :1])


def test_a_size_is_cut_from_the_centre(pairs):
    path, cubes = pairs
    images = SetImages(Folder(path=str(path), size=10))
    np.testing.assert_array_equal(images.read(2), cubes[2, :1, 3:13, 3:13])
    with pytest.raises(DataError, match=r"pretrain\.data\.size: 20 pixels cannot be cut"):
        SetImages(Folder(path=str(path), size=20))


def test_pairs_are_the_physics_views_of_a_training(pairs, tmp_path_factory):
    path, _ = pairs
    data = ["pretrain.steps=2", f"pretrain.data={{path: {path}}}"]
    config = tiny.tiny("simsiam", *data, views="physics")
    assert isinstance(open_images(config), SetImages)
    assert not tiny.train(config, tmp_path_factory.mktemp("run"))
    three = tiny.tiny("supervised", *data)
    with pytest.raises((ConfigError, DataError), match="needs the labels of the simulator"):
        tiny.train(three, tmp_path_factory.mktemp("run"))


def test_batches_are_in_another_order_each_epoch(pairs):
    with FolderStream(SetImages(Folder(path=str(pairs[0]))), 10, 1) as stream:
        orders = [next(stream).indices.tolist() + next(stream).indices.tolist() for _ in range(2)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(N)) and orders[0] != orders[1]


def test_a_folder_of_single_images_is_read_as_ever(tmp_path):
    for k in range(8):
        np.save(tmp_path / f"{k}.npy", np.full((16, 16), k))
    config = tiny.tiny("simsiam", f"pretrain.data={{path: {tmp_path}}}")
    assert isinstance(open_images(config), ImageFolder)
    with pytest.raises(DataError, match="has no labels; expected images with a table of them"):
        open_labelled(Folder(path=str(tmp_path)), None, "evaluate.data.path")


def test_what_does_not_fit_a_known_layout_is_not_read_as_another(pairs):
    """Pairs beside a table that lacks one are no images of two bands."""
    path, _ = pairs
    rows = "".join(f"{k:02}.fits,{k}\n" for k in range(1, N))
    (path / "labels.csv").write_text(f"name,x\n{rows}")
    config = tiny.tiny("simsiam", f"pretrain.data={{path: {path}}}")
    with pytest.raises(DataError, match=r"labels\.csv: has no row for 1 of 20 images, e\.g\. 00\.fits"):
        open_images(config)


def test_single_images_need_no_table_that_fits(tmp_path):
    for k in range(8):
        np.save(tmp_path / f"{k}.npy", np.full((16, 16), k))
    (tmp_path / "labels.csv").write_text("name,x\n1.npy,1\n")
    assert isinstance(open_images(tiny.tiny("simsiam", f"pretrain.data={{path: {tmp_path}}}")), ImageFolder)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.fits"])
def test_a_single_file_is_trained_on(tmp_path, name):
    stack = np.random.default_rng(0).normal(size=(20, 1, 16, 16)).astype(np.float32)
    if name == "a.fits":
        fits.writeto(tmp_path / name, stack[:, 0])
    else:
        (np.savez if name == "a.npz" else np.save)(tmp_path / name, stack)
    config = tiny.tiny("simsiam", f"pretrain.data={{path: {tmp_path}/{name}}}", "pretrain.steps=2")
    images = open_images(config)
    np.testing.assert_array_equal(images.read_all([3, 19]), stack[[3, 19]])
    assert not tiny.train(config, tmp_path / "run")


def bands(folder, names=("DES-G", "DES-R", "DES-I")):
    """HDF5 of 20 images of the Multimodal Universe's, in which a band is its number throughout, beside noise."""
    stack = np.random.default_rng(0).normal(0, 0.01, (20, 3, 16, 16)) + np.arange(3)[:, None, None]
    with h5py.File(folder / "a.h5", "w") as file:
        file["image_array"] = stack.astype(np.float32)
        file["image_band"] = np.array([names] * 20, dtype="S")
        file["theta_E"] = np.linspace(1, 2, 20)
    return f"pretrain.data={{path: {folder}}}"


def test_bands_are_chosen_and_ordered_by_name(tmp_path):
    data = bands(tmp_path)
    config = tiny.tiny("simsiam", data, "pretrain.bands=[DES-I, g]", "simulate=null", "evaluate=null")
    images = open_images(config)
    assert images.bands == 2 and images.batch(np.array([3])).images.shape == (1, 1, 2, 16, 16)
    np.testing.assert_allclose(images.read(4).mean((1, 2)), [2, 0], atol=0.01)
    np.testing.assert_allclose(image_facts(config, "tiny", None)[0].mean, [2, 0], atol=0.01)
    labelled = open_labelled(Folder(path=str(tmp_path)), ["DES-R"], "evaluate.data.path")
    np.testing.assert_allclose(labelled.read_all([1]).mean(), 1, atol=0.01)
    with pytest.raises(DataError, match=r'^pretrain\.bands: no band "DES-Y" in .*which has DES-G, DES-R, DES-I\. Did'):
        open_images(tiny.tiny("simsiam", data, "pretrain.bands=[DES-Y]", "simulate=null", "evaluate=null"))


def test_bands_of_a_folder_of_files(tmp_path):
    for k in range(8):
        hdus = [fits.ImageHDU(np.full((16, 16), b + 1.0), name=f"IMAGE_{'GRI'[b]}") for b in range(3)]
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / f"{k}.fits")
    data = f"pretrain.data={{path: {tmp_path}}}"
    images = open_images(tiny.tiny("simsiam", data, "pretrain.bands=[i, g]", "simulate=null", "evaluate=null"))
    assert isinstance(images, ImageFolder) and images.bands == 2
    assert images.read(5)[:, 0, 0].tolist() == [3, 1]
    with pytest.raises(DataError, match=r'pretrain\.bands: no band "z" in .*, which has G, R, I'):
        open_images(tiny.tiny("simsiam", data, "pretrain.bands=[z]", "simulate=null", "evaluate=null"))


def test_images_are_looked_at_once_and_again_when_they_change(tmp_path, monkeypatch):
    calls = {"identify": 0, "statistics": 0}

    def counted(name, function):
        def call(*arguments):
            calls[name] += 1
            return function(*arguments)

        return call

    monkeypatch.setattr(dataset_layouts, "recognised", counted("identify", dataset_layouts.recognised))
    monkeypatch.setattr(folder, "statistics", counted("statistics", folder.statistics))
    for k in range(8):
        np.save(tmp_path / f"{k}.npy", np.random.default_rng(k).normal(size=(16, 16)))
    config = tiny.tiny("simsiam", f"pretrain.data={{path: {tmp_path}}}")
    for _ in range(3):
        image_facts(config, "tiny", None)
        assert open_images(config, 1) is open_images(config)
    assert calls == {"identify": 1, "statistics": 1}
    np.save(tmp_path / "9.npy", np.ones((16, 16)))
    assert len(open_images(config)) == 9
    image_facts(config, "tiny", None)
    assert calls == {"identify": 2, "statistics": 2}


def test_no_class_is_no_number(tmp_path):
    (tmp_path / "lens").mkdir()
    np.save(tmp_path / "lens" / "a.npy", np.random.default_rng(0).normal(size=(3, 1, 16, 16)))
    np.save(tmp_path / "b.npy", np.random.default_rng(1).normal(size=(2, 1, 16, 16)))
    images = open_labelled(Folder(path=str(tmp_path)), None, "evaluate.data.path")
    places = np.arange(5)
    np.testing.assert_array_equal(images.labels(["class"], places)["class"], [np.nan, np.nan, 0, 0, 0])
    np.testing.assert_array_equal(images.batch(places).labels["class"], [np.nan, np.nan, 0, 0, 0])


def test_an_image_with_fewer_bands_than_most_is_named(tmp_path):
    for k in range(4):
        np.save(tmp_path / f"{k}.npy", np.ones((2 if k == 3 else 3, 16, 16), np.float32))
    images = SetImages(Folder(path=str(tmp_path)))
    assert images.read(0).shape == (3, 16, 16)
    with pytest.raises(DataError, match=r"3\.npy has images of 16 x 16 pixels in 2 bands, expected 16 pixels in 3"):
        images.read(3)
