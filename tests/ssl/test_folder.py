"""FolderStream: each image once an epoch, the same whatever the batches, ranks and interruptions."""

import gc
import threading
import time

import numpy as np
import pytest
import torch
import zarr
from astropy.io import fits

from lenstream.configs.training import Folder
from lenstream.errors import DataError
from lenstream.ssl import folder as module
from lenstream.ssl.folder import FolderStream, ImageFolder, folder_statistics
from lenstream.ssl.normalize import Normalize

N = 11


@pytest.fixture
def images(tmp_path):
    """A folder of N images of 16 pixels, image k with the value k throughout."""
    for k in range(N):
        np.save(tmp_path / f"{k:03}.npy", np.full((16, 16), k, dtype=np.float32))
    return Folder(path=str(tmp_path))


def take(config, n, batch_size=4, seed=0, **options):
    with FolderStream(config, batch_size, seed, **options) as stream:
        return [next(stream) for _ in range(n)]


def values(batches):
    return torch.cat([b.images[:, 0, 0, 0, 0] for b in batches]).int().tolist()


def test_every_image_once_an_epoch_in_another_order(images):
    read = values(take(images, 11, batch_size=3))
    epochs = [read[k : k + N] for k in range(0, 33, N)]
    assert all(sorted(epoch) == list(range(N)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] and epochs[0] != list(range(N))
    assert values(take(images, 3)) != values(take(images, 3, seed=1))


def test_a_batch_is_what_training_expects(images):
    (batch,) = take(images, 1, batch_size=4)
    assert batch.images.shape == (4, 1, 1, 16, 16) and batch.images.dtype == torch.float32
    assert batch.labels == {} and batch.indices.dtype == torch.int64
    assert batch.indices.tolist() == values([batch])


def test_resuming_at_a_position_goes_on_as_if_never_stopped(images):
    whole = take(images, 8)
    with FolderStream(images, 4, 0) as stream:
        for _ in range(3):
            next(stream)
        position = stream.position
    assert position == 12
    rest = take(images, 5, start=position)
    assert values(whole[3:]) == values(rest)
    assert values(whole)[:8] == values(take(images, 1, batch_size=8))


def test_ranks_share_each_batch(images):
    whole = take(images, 6, batch_size=6)
    parts = [take(images, 6, batch_size=6, rank=r, world=3) for r in range(3)]
    for k, batch in enumerate(whole):
        assert torch.equal(batch.images, torch.cat([part[k].images for part in parts]))
        assert torch.equal(batch.indices, torch.cat([part[k].indices for part in parts]))
    with pytest.raises(ValueError, match="cannot be shared"):
        FolderStream(images, 4, 0, world=3)


def test_a_batch_may_be_larger_than_the_folder(images):
    (batch,) = take(images, 1, batch_size=30)
    assert sorted(values([batch])[:N]) == list(range(N))
    assert len(values([batch])) == 30


def test_formats_side_by_side_with_classes(tmp_path):
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(7, 2, 16, 16)).astype(np.float32)
    for name in ("lenses", "nonlenses", "spirals"):
        (tmp_path / name).mkdir()
    np.save(tmp_path / "lenses" / "a.npy", arrays[0])
    np.save(tmp_path / "lenses" / "b.npy", arrays[1].transpose(1, 2, 0))
    fits.writeto(tmp_path / "nonlenses" / "a.fits.gz", arrays[2].astype(">f8"))
    np.savez_compressed(tmp_path / "nonlenses" / "b.npz", arrays[3:5])
    zarr.create_group(str(tmp_path / "spirals" / "a.zarr")).create_array("images", data=arrays[5:])
    config = Folder(path=str(tmp_path))
    batches = take(config, 2, batch_size=7)
    for batch in batches:
        for image, index, label in zip(batch.images, batch.indices, batch.labels["class"], strict=True):
            np.testing.assert_array_equal(image[0], arrays[index])
            assert label == [0, 0, 1, 1, 1, 2, 2][index]
        assert batch.labels["class"].dtype == torch.float32
    assert ImageFolder(config).classes == ["lenses", "nonlenses", "spirals"]


def test_a_packed_stack_is_unpacked_once_and_removed(tmp_path, monkeypatch):
    calls, unpack = [], module.image_files.unpack

    def counted(source, path):
        calls.append(path)
        unpack(source, path)

    monkeypatch.setattr(module.image_files, "unpack", counted)
    arrays = np.arange(40, dtype=np.float32)[:, None, None] * np.ones((16, 16), dtype=np.float32)
    np.savez_compressed(tmp_path / "a.npz", images=arrays)
    folder = ImageFolder(Folder(path=str(tmp_path)))
    assert folder.read_all(range(40))[:, 0, 3, 3].tolist() == list(range(40))
    (path,) = calls
    assert path.exists()
    del folder
    assert not path.parent.exists()


def test_the_centre_is_cut_out_of_images_of_any_size(tmp_path):
    for k, (height, width) in enumerate([(16, 16), (18, 21), (40, 16)]):
        image = np.zeros((height, width))
        image[height // 2, width // 2] = 1
        np.save(tmp_path / f"{k}.npy", image)
    (batch,) = take(Folder(path=str(tmp_path), size=10), 1, batch_size=3)
    assert batch.images.shape[-2:] == (10, 10)
    assert (batch.images[:, 0, 0, 5, 5] == 1).all()
    with pytest.raises(DataError, match=r"pretrain.data.size: 17 pixels cannot be cut from .*0.npy.* 16 x 16"):
        ImageFolder(Folder(path=str(tmp_path), size=17))


def test_lost_pixels_stay_nan_are_counted_and_are_masked_by_the_network(images, tmp_path, capsys):
    for k in range(N):
        broken = np.full((16, 16), k, dtype=np.float32)
        broken[0, :8] = np.nan
        broken[1] += np.tile([-1, 1], 8)
        np.save(tmp_path / f"{k:03}.npy", broken)
    with FolderStream(images, N, 0) as stream:
        batch = next(stream)
        assert stream.nan_share == pytest.approx(8 / 256)
    assert batch.images.isnan().sum() == 8 * N
    assert "3.12%" in capsys.readouterr().err
    numbers, _, _ = folder_statistics(images, 0)
    assert numbers.mean == pytest.approx((N - 1) / 2)
    seen = Normalize("zscore", numbers)(batch.images[:, 0])
    assert (seen[:, 0, 0, :8] == 0).all() and seen.isfinite().all()


def test_statistics_of_a_folder(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", 5 + rng.normal(size=(60, 2, 32, 32)) * np.array([0.1, 3.0])[:, None, None])
    numbers, bands, num_pix = folder_statistics(Folder(path=str(tmp_path), size=24), seed=0, n=50)
    assert (bands, num_pix) == (2, 24)
    np.testing.assert_allclose(numbers.noise, [0.1, 3.0], rtol=0.05)
    np.testing.assert_allclose(numbers.mean, 5, atol=0.1)


def test_the_first_odd_file_is_named(images, tmp_path):
    np.save(tmp_path / "004.npy", np.zeros((3, 16, 16)))
    np.save(tmp_path / "006.npy", np.zeros((18, 18)))
    with pytest.raises(DataError, match=r"004.npy has images of 16 x 16 pixels in 3 bands, but .*000.npy of 16 x 16"):
        ImageFolder(images)
    np.save(tmp_path / "000.npy", np.zeros((18, 18)))
    with pytest.raises(DataError, match=r"000.npy has images of 18 x 18 pixels in 1 band, but .*001.npy"):
        ImageFolder(images)


def test_images_must_be_square(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((16, 18)))
    with pytest.raises(DataError, match=r"a.npy, are not square; cut a square .* pretrain.data.size"):
        ImageFolder(Folder(path=str(tmp_path)))


def test_images_beside_classes_are_refused(images, tmp_path):
    (tmp_path / "lenses").mkdir()
    np.save(tmp_path / "lenses" / "a.npy", np.zeros((16, 16)))
    with pytest.raises(DataError, match=r"sub-folders are classes, but .*000.npy is in none"):
        ImageFolder(images)


def test_an_unreadable_file_is_named_at_the_start(images, tmp_path):
    (tmp_path / "005.npy").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"005.npy: cannot be read as npy"):
        FolderStream(images, 4, 0)


def test_a_file_that_vanishes_ends_the_stream_with_its_name(images, tmp_path):
    with FolderStream(images, 4, 0) as stream:
        next(stream)
        for path in tmp_path.glob("*.npy"):
            path.unlink()
        with pytest.raises(DataError, match=r"\d{3}.npy: cannot be read as npy"):
            for _ in range(10):
                next(stream)


def test_closing_ends_the_thread(images):
    before = threading.active_count()
    stream = FolderStream(images, 4, 0)
    assert threading.active_count() == before + 1
    stream.close()
    assert threading.active_count() == before
    with pytest.raises(StopIteration):
        next(stream)


def test_streams_that_are_dropped_leave_no_thread(images):
    before = threading.active_count()
    for _ in range(5):
        next(FolderStream(images, 4, 0))
    gc.collect()
    deadline = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def save(folder, images):
    for k, image in enumerate(images):
        np.save(folder / f"{k:03}.npy", image)
    return Folder(path=str(folder))


def test_images_that_show_nothing_are_refused(tmp_path):
    for name, images, words in (
        ("nan", np.full((3, 16, 16), np.nan), "not one of 3 images has a finite pixel"),
        ("constant", np.arange(3.0)[:, None, None] * np.ones((16, 16)), "all 3 images .* are constant"),
        ("absurd", np.full((3, 16, 16), -1e30), "not one of 3 images has a finite pixel"),
    ):
        (tmp_path / name).mkdir()
        with pytest.raises(DataError, match=words):
            folder_statistics(save(tmp_path / name, images), 0)


def test_absurd_values_and_padding_are_lost_pixels(tmp_path):
    images = np.random.default_rng(0).normal(size=(3, 16, 16))
    images[0, 4, 4], images[1, 5, 5], images[2, :3] = -1e30, -99.0, 0.0
    folder = ImageFolder(save(tmp_path, images))
    assert [np.isnan(folder.read(k)).sum() for k in range(3)] == [1, 1, 48]


def test_many_files_of_one_fault_are_one_sentence(tmp_path):
    save(tmp_path, np.random.default_rng(0).normal(size=(2, 16, 16)))
    for k in range(300):
        (tmp_path / f"bad{k}.npy").write_bytes(b"nothing")
    with pytest.raises(DataError) as caught:
        ImageFolder(Folder(path=str(tmp_path)))
    text = str(caught.value)
    assert "300 of 302 files cannot be read: cannot be read as npy" in text
    assert ": 300 files, e.g. bad0.npy, bad1.npy, bad10.npy" in text
    assert len(text) < 250


def test_what_is_read_of_the_files_is_said_once(tmp_path, capsys):
    module.say_once.cache_clear()  # what other tests said
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "images.npz", label=np.arange(20), data=rng.normal(size=(20, 16, 16)))
    fits.writeto(tmp_path / "a.fits.fz", rng.normal(size=(16, 16)))
    (tmp_path / "notes.txt").touch()
    for _ in range(2):
        folder_statistics(Folder(path=str(tmp_path)), 0)
    said = capsys.readouterr().err
    for words in (
        "read from 1 file: array data; not used: label",
        "1 file: image the primary image",
        "left out: 1 .txt",
    ):
        assert said.count(words) == 1
    (tmp_path / "cube").mkdir()
    np.save(tmp_path / "cube" / "a.npy", rng.normal(size=(10, 16, 16)))
    (note,) = ImageFolder(Folder(path=str(tmp_path / "cube"))).notes
    assert "one image of 10 bands (10 images of one band have the shape (10, 1, 16, 16))" in note


def test_images_that_show_nothing_among_others_are_said(tmp_path, capfd):
    images = np.random.default_rng(0).normal(size=(9, 16, 16))
    images[3], images[5] = np.nan, 7.0
    folder_statistics(save(tmp_path, images), 0)
    assert "2 of 9 images that were looked at hold NaN or one value alone" in " ".join(capfd.readouterr().err.split())
