"""Training from a dataset on disk: the same weights as from the stream, and no others by accident."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lenstream.configs.training import Folder
from lenstream.errors import ConfigError, DataError
from lenstream.simulate.stream import simulate
from lenstream.simulate.systems.draw import Views
from lenstream.ssl.archive_images import ArchiveImages, is_archive
from lenstream.ssl.folder import FolderStream

from . import tiny
from .stored import store

STEPS, BATCH = 3, 8
CONFIG = tiny.tiny("simsiam", f"pretrain.steps={STEPS}", "pretrain.checkpoint_every=2")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """The systems that a training of STEPS steps sees, with two views each."""
    return store(CONFIG, tmp_path_factory.mktemp("dataset"), STEPS * BATCH)


def weights(config, folder, **options):
    tiny.train(config, folder, **options)
    return load_file(folder / "encoder.safetensors")


def configs(method, dataset, *overrides, **changes):
    """A training from the stream, and the same from files."""
    overrides = [f"pretrain.steps={STEPS}", "pretrain.checkpoint_every=2", *overrides]
    return [tiny.tiny(method, *overrides, *more, **changes) for more in ([], [f"pretrain.data={{path: {dataset}}}"])]


@pytest.mark.parametrize(
    ("method", "changes"),
    [("simclr", {"views": "physics"}), ("simsiam", {}), ("supervised", {}), ("simsiam", {"views": "both"})],
)
def test_weights_are_those_of_the_stream_bit_for_bit(dataset, tmp_path, method, changes):
    stream, files = configs(method, dataset, **changes)
    first, second = weights(stream, tmp_path / "stream"), weights(files, tmp_path / "files")
    assert first.keys() == second.keys()
    assert all(torch.equal(values, second[name]) for name, values in first.items())


def test_a_training_from_files_resumes_bit_for_bit(dataset, tmp_path):
    _, config = configs("simsiam", dataset, f"pretrain.steps={STEPS + 2}", views="physics")  # into the second pass
    whole = weights(config, tmp_path / "whole")
    assert tiny.train(config, tmp_path / "stopped", steps=STEPS)
    rest = weights(config, tmp_path / "stopped")
    assert all(torch.equal(values, rest[name]) for name, values in whole.items())


def test_a_dataset_that_changed_is_noticed(dataset, tmp_path):
    _, config = configs("simsiam", tmp_path / "data")
    store(CONFIG, tmp_path / "data", STEPS * BATCH)
    assert tiny.train(config, tmp_path / "run", steps=2)
    (tmp_path / "data" / "ledger" / "000000.json").write_text("{}")
    with pytest.raises(DataError, match="none of its 1 shards is written yet"):
        tiny.train(config, tmp_path / "run")
    for path in sorted((tmp_path / "data").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    store(CONFIG, tmp_path / "data", STEPS * BATCH + 1)
    with pytest.raises(DataError, match="is not as it was when the training began"):
        tiny.train(config, tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"method": "simsiam", "views": "physics", "redraw": ["noise"]},
            r"^pretrain\.encoders\.tiny\.redraw: noise, but between the views of .* differ noise, source; expected "
            r"redraw: \[noise, source\], or a dataset like that \(lenstream simulate RECIPE --count N --views 2 "
            r"--redraw noise --out PATH writes one\)",
        ),
        (
            {"method": "vicreg", "views": "physics", "redraw": ["noise", "source", "psf"]},
            r"\(lenstream simulate RECIPE --count N --views 2 --redraw noise,psf,source --out PATH writes one\)",
        ),
        ({"method": "mae", "views": "both", "augment": tiny.STILL}, None),
    ],
)
def test_views_have_to_be_there(dataset, tmp_path, changes, said):
    _, config = configs(changes.pop("method"), dataset, **changes)
    if said is None:
        tiny.train(config, tmp_path, steps=1)
        return
    with pytest.raises(ConfigError, match=said):
        tiny.train(config, tmp_path)


def test_physics_views_need_as_many_images_of_a_system(tmp_path):
    one = store(CONFIG, tmp_path / "one", STEPS * BATCH, views=1)
    _, config = configs("simsiam", one, views="physics")
    said = r"views: physics views need the simulator, or a dataset with 2 views of each system, and .*one has 1;"
    with pytest.raises(ConfigError, match=said):
        tiny.train(config, tmp_path / "run")
    stream, files = configs("simsiam", one)
    first, second = weights(stream, tmp_path / "a"), weights(files, tmp_path / "b")  # it augments the only view
    assert all(torch.equal(values, second[name]) for name, values in first.items())


def test_it_has_what_a_folder_of_images_has(dataset):
    images = ArchiveImages(Folder(path=str(dataset)))
    simulated = simulate(tiny.scene_of(CONFIG), np.arange(STEPS * BATCH), Views(2))
    assert (len(images), images.bands, images.num_pix, images.classes, images.held_views) == (24, 1, 32, [], 2)
    assert images.class_of([1]) is None and images.name_of(5) == "system 5"
    np.testing.assert_array_equal(images.read_all([7, 2]), simulated.images[[7, 2], 0])
    np.testing.assert_array_equal(images.labels(["theta_E"], [3, 0])["theta_E"], simulated.labels["theta_E"][[3, 0]])
    source = images.labels(["source_center_x"], [3, 0])["source_center_x"]
    np.testing.assert_array_equal(source, simulated.labels["source_center_x"][[3, 0], 0])
    assert (source != simulated.labels["source_center_x"][[3, 0], 1].numpy()).all()
    assert images.scene.config == tiny.scene_of(CONFIG).config
    assert is_archive(dataset) and not is_archive(dataset / "ledger") and not is_archive(dataset / "nowhere")
    with pytest.raises(DataError, match=r"pretrain\.data\.size: 16 pixels, but .* images of 32"):
        ArchiveImages(Folder(path=str(dataset), size=16))


def test_the_first_pass_is_in_order_and_later_ones_are_not(dataset):
    with FolderStream(ArchiveImages(Folder(path=str(dataset))), 6, 0) as stream:
        batches = [next(stream).indices.tolist() for _ in range(12)]
    passes = [np.concatenate(batches[k : k + 4]).tolist() for k in (0, 4, 8)]
    assert passes[0] == list(range(24))
    assert all(sorted(one) == list(range(24)) for one in passes) and passes[1] != passes[2] != passes[0] != passes[1]


TWO_GRIDS = (
    "simulate.bands={r: {}, i: {background_noise: 0.01, image: {pixel_scale: 0.3}}, z: {image: {pixel_scale: 0.3}}}"
)


def test_bands_of_one_pixel_grid_are_chosen(tmp_path):
    config = tiny.tiny("simsiam", TWO_GRIDS, "pretrain.bands=[z, i]")
    folder, data = store(config, tmp_path / "data", 10), Folder(path=str(tmp_path / "data"))
    images = ArchiveImages(data, ["z", "i"])
    whole = simulate(tiny.scene_of(config), np.arange(10), Views(2)).images
    assert (images.bands, images.num_pix, list(images.scene.bands)) == (2, 16, ["z", "i"])
    assert torch.equal(images.batch(np.arange(10)).images, whole[1].flip(2))
    assert torch.equal(ArchiveImages(data, ["r"], views=1).batch([4]).images, whole[0][4:5, :1])
    with pytest.raises(ConfigError, match=r"pretrain\.bands: missing, .* 2 pixel grids"):
        ArchiveImages(data)
    with pytest.raises(ConfigError, match=r'pretrain\.bands: no band "g"'):
        ArchiveImages(data, ["g"])
    assert folder == tmp_path / "data"


def test_the_scene_is_that_of_the_dataset_that_is_there_now(tmp_path):
    data = Folder(path=str(tmp_path / "data"))
    for noise in (0.01, 0.02):
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        store(tiny.tiny("simsiam", f"simulate.observation.background_noise={noise}"), tmp_path / "data", 2)
        assert ArchiveImages(data).scene.config.observation.background_noise == noise
