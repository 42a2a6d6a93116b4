"""What every format promises: what was written is read again, bit for bit, and the same bytes are written again."""

import time

import numpy as np
import pytest

from lenstream.errors import ArgumentError
from lenstream.files.checksums import sha256
from lenstream.files.unreadable import Unreadable
from lenstream.simulate.archive.formats import FORMATS, format_of
from lenstream.simulate.archive.samples import content_digest

PAIRS = "fits-pairs"
ONE_GRID = (PAIRS, "npy-folders")
OURS = [name for name in FORMATS if name != "zarr"]  # which has tests of its own
KEEPS_SUMS = [name for name in OURS if name != "npy-folders"]


@pytest.mark.parametrize("name", OURS)
def test_a_shard_is_read_as_it_was_written(name, written, lossy):
    folder, description, samples = written(lossy, name, views=2, start=1 << 41)
    assert np.isnan(samples[0].images["images"][samples[0].masks["mask"]]).all()
    for shard, own in zip(description.shards, samples, strict=True):
        stored = format_of(name).read(folder, description, lossy, shard)
        assert content_digest(stored) == content_digest(own)
        assert stored.indices[0] == shard.first and stored.images["images"].dtype == np.float32
        np.testing.assert_array_equal(stored.labels["theta_E"], own.labels["theta_E"])
        np.testing.assert_array_equal(stored.labels["source_R_sersic"], own.labels["source_R_sersic"])


@pytest.mark.parametrize("name", [name for name in OURS if name != PAIRS])
def test_classes_bands_and_labels_that_some_lack(name, written, everything):
    folder, description, samples = written(everything, name, count=5)
    classes = np.concatenate([own.labels["class"] for own in samples])
    assert len(set(classes.tolist())) > 1 and any(np.isnan(own.labels["theta_E"]).any() for own in samples)
    for shard, own in zip(description.shards, samples, strict=True):
        assert content_digest(format_of(name).read(folder, description, everything, shard)) == content_digest(own)


@pytest.mark.parametrize("name", [name for name in OURS if name not in ONE_GRID])
def test_bands_with_pixel_grids_of_their_own(name, written, several_grids):
    folder, description, samples = written(several_grids, name, views=2, count=3)
    assert list(samples[0].images) == ["images_H-Y", "images_VIS"]
    stored = format_of(name).read(folder, description, several_grids, description.shards[0])
    assert content_digest(stored) == content_digest(samples[0])


@pytest.mark.parametrize("name", OURS)
def test_labels_can_be_read_alone(name, written, lossy):
    folder, description, samples = written(lossy, name, views=2)
    for shard, own in zip(description.shards, samples, strict=True):
        stored = format_of(name).read_labels(folder, description, lossy, shard)
        assert stored.images == stored.masks == {} and stored.indices.tolist() == own.indices.tolist()
        labels = stored.labels
        assert list(labels) == list(own.labels)
        for label, values in own.labels.items():
            np.testing.assert_array_equal(labels[label], values)
            assert labels[label].dtype == values.dtype


@pytest.mark.parametrize("name", OURS)
def test_the_same_bytes_are_written_again(name, written, lossy):
    folder, description, samples = written(lossy, name, views=2, count=4)
    (shard,) = description.shards
    form = format_of(name)
    files = form.shard_files(description, lossy, shard)
    before = {file: sha256(folder / file) for file in files}
    time.sleep(1.1)  # a time stamp, which most formats have in seconds, would be another
    assert form.write(folder, description, samples[0], shard) == files
    assert {file: sha256(folder / file) for file in files} == before
    assert not list(folder.rglob("*.partial"))


@pytest.mark.parametrize("name", OURS)
def test_files_belong_to_one_shard_each(name, written, lossy):
    folder, description, _ = written(lossy, name, views=2)
    form = format_of(name)
    of_shards = [form.shard_files(description, lossy, shard) for shard in description.shards]
    assert not set(of_shards[0]) & set(of_shards[1])
    others = {*form.begin(folder, description, lossy), *form.finish(folder, description, lossy)}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == {*of_shards[0], *of_shards[1], *others}


@pytest.mark.parametrize("name", KEEPS_SUMS)
def test_a_flipped_byte_of_an_image_is_named(name, written, lossy):
    folder, description, samples = written(lossy, name, views=2, count=4)
    (shard,) = description.shards
    form = format_of(name)
    assert form.damaged(folder, description, lossy, shard) == []
    pixels = samples[0].images["images"][2]
    pixels = np.moveaxis(pixels[:, 0], 0, -1).astype(">f4") if name == PAIRS else pixels[1].astype(">f4")
    pieces = [pixels.tobytes(), pixels.astype("<f4").tobytes()]
    for file in form.shard_files(description, lossy, shard):
        content = bytearray((folder / file).read_bytes())
        at = next((content.find(piece) for piece in pieces if piece in content), None)
        if at is not None:
            content[at + 100] ^= 1
            (folder / file).write_bytes(content)
            break
    (said,) = form.damaged(folder, description, lossy, shard)
    assert "image" in said.lower() or "flux" in said or "PRIMARY" in said
    if name in ("hdf5", "parquet"):
        with pytest.raises(Unreadable, match=file):
            form.read(folder, description, lossy, shard)


@pytest.mark.parametrize("name", OURS)
def test_a_file_that_is_absent_or_cut_short_is_a_sentence(name, written, lossy):
    folder, description, _ = written(lossy, name, views=2, count=4)
    (shard,) = description.shards
    form = format_of(name)
    for file in (form.shard_files(description, lossy, shard)[0], form.shard_files(description, lossy, shard)[-1]):
        whole = (folder / file).read_bytes()
        (folder / file).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(Unreadable, match=file):
            form.read(folder, description, lossy, shard)
        assert form.damaged(folder, description, lossy, shard)
        (folder / file).unlink()
        with pytest.raises(Unreadable, match=f"{file}.*no such file"):
            form.read(folder, description, lossy, shard)
        (folder / file).write_bytes(whole)


def test_a_name_that_is_none_gets_the_nearest():
    with pytest.raises(ArgumentError, match=r'expected .*hdf5.* Did you mean "parquet"'):
        format_of("parquett")
