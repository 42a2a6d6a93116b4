"""How large a dataset becomes is known before it is written, in every format."""

import pytest

from lenstream.simulate.archive.formats import FORMATS
from lenstream.simulate.archive.ledger import read_entries
from lenstream.simulate.archive.shard_making import opened
from lenstream.simulate.archive.sizes_on_disk import bytes_of_systems, in_words
from lenstream.simulate.archive.writing import write_archive

LARGER = "simulate.image={num_pix: 64, pixel_scale: 0.1, rays: 1}"


@pytest.mark.parametrize("noise", ["true", "false"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_system_takes_as_much_as_is_said(described, tmp_path, form, noise):
    views = 2 if form == "fits-pairs" else 1
    more = [LARGER, f"simulate.observation.noise={noise}"]
    config, description = described(32, *more, form=form, views=views, size=32)
    write_archive(config, tmp_path, description)
    names = [*(name for entry in read_entries(tmp_path).values() for name in entry.files), "labels.parquet"]
    written = sum((tmp_path / name).stat().st_size for name in names)
    once = 120_000 if form == "hdf5" else 0  # the headers of its datasets, in every shard
    known = 32 * bytes_of_systems(opened(tmp_path)[1], description)
    assert 0.9 * known < written < 1.12 * known + once


def test_a_shard_of_zarr_that_is_not_full_takes_as_much_as_is_said(described, tmp_path):
    config, description = described(40, size=4096)  # labels are 0.8 MB all the same
    write_archive(config, tmp_path, description)
    names = [name for entry in read_entries(tmp_path).values() for name in entry.files]
    written = sum((tmp_path / name).stat().st_size for name in names)
    assert 0.9 * written < 40 * bytes_of_systems(opened(tmp_path)[1], description) < 1.1 * written


def test_bytes_in_words():
    assert [in_words(size) for size in (7, 1500, 2.5e7, 3e12)] == ["7 B", "1.5 kB", "25 MB", "3.0 TB"]
