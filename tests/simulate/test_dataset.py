"""LensDataset: what is stored, by place, in any order, by any number of workers, and the same as the stream's."""

import json
import pickle
import shutil

import h5py
import numpy as np
import pytest
import torch
from pyarrow import parquet
from torch.utils.data import DataLoader

from lenstream import LensDataset
from lenstream.configs.load import load
from lenstream.errors import ArgumentError, DataError
from lenstream.simulate.archive import (
    chunks,
    description,
    hdf5_shards,
    parquet_shards,
    rows,
    zarr_shards,
)
from lenstream.simulate.archive.formats import FORMATS
from lenstream.simulate.archive.writing import describe, write_archive
from lenstream.simulate.stream import simulate
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

COUNT, SHARD = 45, 16
GRIDS = "simulate.bands={r: {}, g: {background_noise: 0.01, image: {pixel_scale: 0.3}}}"


def store(folder, *overrides, count=COUNT, views=2, split="test", form="zarr", shard=SHARD):
    """A small dataset of the recipe tiny in several shards, and its scene."""
    config = load("tiny", overrides)
    scene, of = make_scene(config), Views(views)
    known = describe(config, scene, form, count, of, split=split)
    write_archive(config, folder, description.Description(**{**vars(known), "shard_size": shard}))
    return scene


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A folder, and the same systems of the stream."""
    folder = tmp_path_factory.mktemp("dataset") / "d"
    scene = store(folder)
    return folder, simulate(scene, np.arange(COUNT, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"]), Views(2))


def same(a, b):
    """Equal, NaN being NaN."""
    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a.nan_to_num(-7.0), b.nan_to_num(-7.0))


def test_any_order_gives_the_stream_bit_for_bit(dataset):
    folder, simulated = dataset
    stored = LensDataset(folder)
    assert len(stored) == COUNT
    places = np.random.default_rng(0).permutation(COUNT)
    batch = stored.batch(places)
    assert same(batch.images, simulated.images[places]) and batch.mask is None
    assert batch.indices.tolist() == simulated.indices[places].tolist()
    assert batch.labels.keys() == simulated.labels.keys()
    assert all(same(values, simulated.labels[name][places]) for name, values in batch.labels.items())


def test_an_item_is_what_the_documentation_says(dataset):
    folder, simulated = dataset
    item = LensDataset(folder)[-2]
    assert item.keys() == {"images", "labels", "index"}
    assert torch.equal(item["images"], simulated.images[-2]) and item["images"].shape == (2, 1, 32, 32)
    assert item["index"] == FIRST_INDEX["test"] + COUNT - 2
    assert item["labels"]["theta_E"] == simulated.labels["theta_E"][-2] and item["labels"]["theta_E"].shape == ()
    assert torch.equal(item["labels"]["source_magnitude"], simulated.labels["source_magnitude"][-2])


def test_fewer_views_and_labels(dataset):
    folder, simulated = dataset
    item = LensDataset(folder, views=1, labels=["gamma", "source_magnitude"])[20]
    assert torch.equal(item["images"], simulated.images[20, :1])
    assert list(item["labels"]) == ["gamma", "source_magnitude"]
    assert torch.equal(item["labels"]["source_magnitude"], simulated.labels["source_magnitude"][20, :1])
    with pytest.raises(ArgumentError, match=r'no label "gama", expected some of .*\. Did you mean "gamma"\?'):
        LensDataset(folder, labels=["gama"])
    with pytest.raises(ArgumentError, match="views"):
        LensDataset(folder, views=3)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_shuffled_epoch_has_every_system_once(dataset, workers):
    folder, simulated = dataset
    loader = DataLoader(LensDataset(folder, labels=["theta_E"]), batch_size=8, shuffle=True, num_workers=workers)
    for _ in range(2):
        batches = list(loader)
        seen = torch.cat([batch["index"] for batch in batches]) - FIRST_INDEX["test"]
        assert sorted(seen.tolist()) == list(range(COUNT)) and seen.tolist() != list(range(COUNT))
        assert torch.equal(torch.cat([batch["images"] for batch in batches]), simulated.images[seen])
        assert torch.equal(torch.cat([b["labels"]["theta_E"] for b in batches]), simulated.labels["theta_E"][seen])


def test_a_copy_reads_by_itself_and_carries_no_pixels(dataset):
    folder, simulated = dataset
    stored = LensDataset(folder)
    stored.batch(range(COUNT))
    packed = pickle.dumps(stored)
    assert len(packed) < 60_000 < simulated.images.nbytes
    assert torch.equal(pickle.loads(packed)[3]["images"], simulated.images[3])


def test_places_beyond_the_end_end_a_loop(dataset):
    stored = LensDataset(dataset[0], labels=[])
    assert [item["index"] for item in stored] == (np.arange(COUNT) + FIRST_INDEX["test"]).tolist()
    for place in (COUNT, -COUNT - 1):
        with pytest.raises(IndexError, match=f"has {COUNT} systems, 0 to {COUNT - 1}"):
            stored[place]
    with pytest.raises(ArgumentError, match="whole number, got"):
        stored[0.5]
    with pytest.raises(ArgumentError, match="whole number, got"):  # they would be the systems 0 and 1 many times over
        stored.batch(np.arange(COUNT) > 20)


def test_several_pixel_grids_have_images_by_name(tmp_path):
    scene = store(tmp_path / "d", GRIDS, count=5)
    whole = simulate(scene, np.arange(5, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"]), Views(2)).images
    stored = LensDataset(tmp_path / "d")
    batch, item = stored.batch([4, 0]), stored[4]
    assert [torch.equal(own, of[[4, 0]]) for own, of in zip(batch.images, whole, strict=True)] == [True, True]
    assert torch.equal(item["images_r"], whole[0][4]) and torch.equal(item["images_g"], whole[1][4])


@pytest.mark.parametrize("form", sorted(set(FORMATS) - {"zarr"}))
def test_every_format_gives_the_same(form, tmp_path):
    scene = store(tmp_path / "d", "simulate.observation.bad_pixels=0.02", count=7, form=form, shard=4)
    simulated = simulate(scene, np.arange(7, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"]), Views(2))
    places = [5, 0, 6, 3]
    batch = LensDataset(tmp_path / "d").batch(places)
    assert same(batch.images, simulated.images[places]) and torch.equal(batch.mask, simulated.mask[places])
    assert batch.indices.tolist() == simulated.indices[places].tolist()
    assert batch.labels.keys() == simulated.labels.keys()
    assert all(same(values, simulated.labels[name][places]) for name, values in batch.labels.items())


def test_of_an_unfinished_dataset_the_finished_shards_are_read(dataset, tmp_path, capsys):
    folder, simulated = dataset
    shutil.copytree(folder, tmp_path / "d")
    (tmp_path / "d" / "ledger" / "000001.json").unlink()
    stored = LensDataset(tmp_path / "d")
    there = [*range(16), *range(32, 45)]
    assert "2 of 3 shards are written: their 29 systems of 45 are read" in capsys.readouterr().err
    assert torch.equal(stored.batch(range(29)).images, simulated.images[there])
    for path in (tmp_path / "d" / "ledger").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="none of its 3 shards is written yet"):
        LensDataset(tmp_path / "d")


def test_a_damaged_chunk_is_named_and_others_are_read(dataset, tmp_path):
    folder, simulated = dataset
    shutil.copytree(folder, tmp_path / "d")
    path = tmp_path / "d" / "images" / "c" / "1" / "0" / "0" / "0" / "0"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    stored = LensDataset(tmp_path / "d")
    with pytest.raises(DataError, match=r"images/c/1/0/0/0/0.* damaged: chunk 0 "):
        stored[17]
    assert torch.equal(stored[3]["images"], simulated.images[3])
    path.write_bytes(content[:-10])
    with pytest.raises(DataError, match="damaged: its index"):
        LensDataset(tmp_path / "d")[17]
    path.unlink()
    with pytest.raises(DataError, match="images/c/1"):
        LensDataset(tmp_path / "d")[17]


def test_lost_pixels_come_as_a_mask(tmp_path):
    scene = store(tmp_path / "d", "simulate.observation.bad_pixels=0.02", count=4)
    simulated = simulate(scene, np.arange(4, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"]), Views(2))
    batch = LensDataset(tmp_path / "d").batch([2, 1])
    assert torch.equal(batch.mask, simulated.mask[[2, 1]]) and batch.mask.any()
    assert torch.equal(LensDataset(tmp_path / "d")[2]["mask"], simulated.mask[2])


def test_what_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(DataError, match="it is no dataset of LenStream"):
        LensDataset(tmp_path)
    (tmp_path / description.ARCHIVE).write_text(json.dumps({"layout": 1}))
    with pytest.raises(DataError, match="damaged"):
        LensDataset(tmp_path)


LOSSES = "simulate.observation.bad_pixels=0.02"
FORMS = sorted(FORMATS)


@pytest.fixture(scope="module")
def of_form(tmp_path_factory):
    """A function that gives a fresh copy of a dataset of a format, of 12 systems in shards of 8, and its stream."""
    made = {}

    def copy(form, to):
        if form not in made:
            folder = tmp_path_factory.mktemp(form) / "d"
            made[form] = folder, store(folder, LOSSES, count=12, form=form, shard=8)
        folder, scene = made[form]
        shutil.copytree(folder, to)
        return simulate(scene, np.arange(12, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"]), Views(2))

    return copy


@pytest.mark.parametrize("form", FORMS)
def test_without_images_no_pixel_is_read(of_form, form, tmp_path):
    simulated = of_form(form, tmp_path / "d")
    for path in sorted((tmp_path / "d").rglob("*")):
        if path.suffix == ".npy" or is_zarr_pixels(path):
            path.unlink()
        elif path.parent.name == "data" or path.name.startswith("data-"):
            spoil_pixels(path)
        elif path.suffix == ".fits":
            content = path.read_bytes()
            end = next(k for k in range(0, len(content), 80) if content[k : k + 4] == b"END ")
            path.write_bytes(content[: end + 2880 - end % 2880])  # the first header
    batch = LensDataset(tmp_path / "d").batch([3, 9], images=False)
    assert batch.images is None and batch.mask is None
    assert all(same(values, simulated.labels[name][[3, 9]]) for name, values in batch.labels.items())
    with pytest.raises(DataError):
        LensDataset(tmp_path / "d").batch([3, 9])


def is_zarr_pixels(path):
    """Whether a path is a file of images or masks in Zarr."""
    return path.is_file() and path.name == "0" and bool({"images", "mask"} & set(path.parts))


def spoil_pixels(path, keep=()):
    """Change a byte in each chunk of pixels of an HDF5 or Parquet file, but in those of some systems of the shard."""
    content = bytearray(path.read_bytes())
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            for name in ("images", "mask"):
                for k in range(file[name].id.get_num_chunks()):
                    chunk = file[name].id.get_chunk_info(k)
                    if chunk.chunk_offset[0] not in keep:
                        content[chunk.byte_offset + 5] ^= 1
    else:
        known = parquet.read_metadata(path)
        row = 0
        for k in range(known.num_row_groups):
            group = known.row_group(k)
            for c in range(group.num_columns if row // 2 not in keep else 0):
                column = group.column(c)
                if column.path_in_schema.startswith(("image.flux", "image.mask")):
                    content[column.data_page_offset + column.total_compressed_size - 5] ^= 1
            row += group.num_rows
    path.write_bytes(content)


@pytest.mark.parametrize("form", FORMS)
def test_only_the_pieces_of_a_system_are_read(form, tmp_path, monkeypatch):
    for module in (zarr_shards, hdf5_shards):
        monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    monkeypatch.setattr(parquet_shards, "GROUP_BYTES", 1 << 13)  # two images, of a system
    scene = store(tmp_path / "d", LOSSES, count=12, form=form, shard=8)
    simulated = simulate(scene, np.arange(12, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"]), Views(2))
    own = str(FIRST_INDEX["test"] + 3)
    for path in sorted((tmp_path / "d").rglob("*")):
        if path.suffix in (".npy", ".fits") and not path.name.startswith(own):
            path.unlink()
        elif path.parent.name == "data" or path.name.startswith("data-"):
            spoil_pixels(path, keep=[3])
        elif is_zarr_pixels(path):
            content = bytearray(path.read_bytes())
            places = np.frombuffer(content[-4 - 8 * 16 : -4], np.uint64).reshape(8, 2)[:, 0]  # of the chunks of a shard
            for k in {0, 1, 2, 4, 5, 6, 7}:
                content[places[k] if places[k] < len(content) else 0] ^= 1  # the last shard has fewer
            path.write_bytes(content)
    stored = LensDataset(tmp_path / "d")
    assert torch.equal(stored[3]["images"], simulated.images[3]) and torch.equal(stored[3]["mask"], simulated.mask[3])
    with pytest.raises(DataError):
        stored[4]


@pytest.mark.parametrize("form", ["fits", "npy-folders"])
def test_files_of_other_views_are_not_read(of_form, form, tmp_path):
    simulated = of_form(form, tmp_path / "d")
    for path in [*(tmp_path / "d").rglob("*_1.fits"), *(tmp_path / "d").rglob("*_1.npy")]:
        path.unlink()
    stored = LensDataset(tmp_path / "d", views=1, labels=["theta_E"])
    assert torch.equal(stored[9]["images"], simulated.images[9, :1])
    with pytest.raises(DataError, match="there is no such file"):
        LensDataset(tmp_path / "d", labels=["theta_E"])[9]


@pytest.mark.parametrize("form", FORMS)
def test_the_first_shard_need_not_be_there(of_form, form, tmp_path):
    simulated = of_form(form, tmp_path / "d")
    entry = tmp_path / "d" / "ledger" / "000000.json"
    for name in json.loads(entry.read_text())["files"]:
        (tmp_path / "d" / name).unlink()
    entry.unlink()
    stored = LensDataset(tmp_path / "d")
    assert len(stored) == 4 and torch.equal(stored.batch(range(4)).images, simulated.images[8:])
    assert torch.equal(stored[1]["mask"], simulated.mask[9])


def test_labels_beyond_the_room_for_them_are_read_again(dataset, monkeypatch):
    folder, simulated = dataset
    monkeypatch.setattr(rows, "LABELS_KEPT", 1)
    stored = LensDataset(folder)
    for _ in range(2):
        assert same(stored.batch(range(COUNT), images=False).labels["gamma"], simulated.labels["gamma"])
    assert len(stored._rows._kept) == 1


def test_a_shard_is_opened_once_for_a_batch(dataset, monkeypatch):
    stored, seen = LensDataset(dataset[0]), []
    stored.batch([0])

    def noted(path, *how, **more):
        seen.append(path)
        return open(path, *how, **more)

    monkeypatch.setattr(chunks, "open", noted, raising=False)
    stored.batch([0, 40, 3, 9, 1])
    assert len([path for path in seen if "images" in path]) == 2
    seen.clear()
    stored.batch([0, 1, 40], images=False)
    assert not seen  # labels are kept


def test_what_was_repaired_is_read_anew(dataset, tmp_path):
    folder, simulated = dataset
    shutil.copytree(folder, tmp_path / "d")
    stored, path = LensDataset(tmp_path / "d"), tmp_path / "d" / "images" / "c" / "0" / "0" / "0" / "0" / "0"
    content = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(DataError):
        stored[3]
    path.write_bytes(content)
    assert torch.equal(stored[3]["images"], simulated.images[3])
