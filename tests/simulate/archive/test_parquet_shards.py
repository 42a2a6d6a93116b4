"""Parquet datasets through Hugging Face's datasets, pandas and pyarrow."""

import os

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from pyarrow import parquet

from lenstream import label_table
from lenstream.files.unreadable import Unreadable
from lenstream.simulate.archive import parquet_shards
from lenstream.simulate.archive.image_facts import inverse_variance, psf_widths
from lenstream.simulate.packing import noise_levels


@pytest.fixture
def datasets(monkeypatch, tmp_path_factory):
    """Hugging Face's package, kept from the network and from the home folder."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
    return pytest.importorskip("datasets")


def test_datasets_gives_images_labels_and_classes(written, everything, datasets, tmp_path_factory):
    folder, _, samples = written(everything, "parquet", count=5, views=2)
    files = sorted(map(str, (folder / "data").glob("*.parquet")))
    assert [os.path.basename(f) for f in files] == ["train-00000.parquet", "train-00001.parquet"]
    cache = str(tmp_path_factory.mktemp("cache"))
    found = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
    assert len(found) == 10 and found["index"][:4] == [0, 0, 1, 1] and found["view"][:4] == [0, 1, 0, 1]
    assert found.features["class"].names == ["lens", "subhalos", "galaxy"]
    flux = found.features["image"]["flux"].feature
    assert isinstance(flux, datasets.Array2D) and flux.shape == (24, 24) and flux.dtype == "float32"
    rows, own = found.with_format("numpy"), samples[1]
    for i, view in ((0, 0), (0, 1)):
        image = rows[8 + 2 * i + view]["image"]
        assert list(image["band"]) == ["r", "g"] and list(image["scale"]) == [np.float32(0.16)] * 2
        np.testing.assert_array_equal(np.stack(image["flux"]), own.images["images"][i, view])
        np.testing.assert_array_equal(np.stack(image["mask"]), ~own.masks["mask"][i, view])
        np.testing.assert_array_equal(np.stack(image["ivar"]), inverse_variance(own)["images"][i, view])
        np.testing.assert_allclose(image["psf_fwhm"], [0.2, 0.3], rtol=1e-6)
    assert rows[8]["source_magnitude"] == own.labels["source_magnitude"][0, 0]


def test_pandas_has_the_rows_of_the_label_table(written, everything):
    folder, _, samples = written(everything, "parquet", count=5, views=2)
    frame = pd.read_parquet(folder / "data")
    known = pd.concat([label_table(everything, own.systems).to_pandas(index=False) for own in samples])
    labels = frame.drop(columns="image")
    pd.testing.assert_frame_equal(labels, known.reset_index(drop=True), check_exact=True)
    flux = np.stack([np.stack([np.stack(band) for band in image["flux"]]) for image in frame["image"]])
    np.testing.assert_array_equal(flux[:8], samples[0].images["images"].reshape(8, 2, 24, 24))


def test_units_and_meanings_are_in_the_fields(written, lossy):
    folder, _, samples = written(lossy, "parquet", split="validation")
    schema = parquet.read_schema(folder / "data" / "validation-00000.parquet")
    assert u.Unit(schema.field("theta_E").metadata[b"unit"].decode()) == u.arcsec
    assert schema.field("gamma").metadata[b"description"].startswith(b"logarithmic slope")
    assert u.Unit(schema.field("image").metadata[b"unit"].decode()) == u.electron / u.s
    assert schema.metadata[b"seed"] == b"1" and "view" not in schema.names
    assert {*samples[0].labels} | {"index", "image"} == {*schema.names}


def test_the_inverse_variance_is_that_of_the_noise(written, lossy):
    _, _, (own, _) = written(lossy, "parquet")
    image, lost = own.images["images"], own.masks["mask"]
    background, exposure, gain = (a.reshape(4, 1, 1, 1, 1) for a in noise_levels(lossy, own.systems))
    expected = 1 / (background**2 + np.maximum(image, 0) / (exposure * gain))
    found = inverse_variance(own)["images"]
    assert found.dtype == np.float32 and (found[lost] == 0).all() and (found[~lost] > 0).all() and lost.any()
    np.testing.assert_allclose(found[~lost], expected[~lost], rtol=1e-5)
    assert psf_widths(lossy, own.systems).tolist() == [[[0.16]]] * 4


def test_row_groups_are_small_and_damage_is_named_by_them(written, lossy, monkeypatch):
    monkeypatch.setattr(parquet_shards, "GROUP_BYTES", 2 * 20 * 20 * 4)
    folder, description, samples = written(lossy, "parquet", count=4)
    path = folder / "data" / "train-00000.parquet"
    assert parquet.ParquetFile(path).num_row_groups == 2
    content = bytearray(path.read_bytes())
    content[content.index(samples[0].images["images"][2].tobytes()) + 5] ^= 64
    path.write_bytes(content)
    (said,) = parquet_shards.damaged(folder, description, lossy, description.shards[0])
    assert said == "data/train-00000.parquet: row group 1 (rows 2 to 3), column image.flux"


def test_row_groups_of_small_images_have_few_rows(written, lossy, monkeypatch):
    monkeypatch.setattr(parquet_shards, "GROUP_ROWS", 3)
    folder, _, _ = written(lossy, "parquet", count=4)
    file = parquet.ParquetFile(folder / "data" / "train-00000.parquet")
    assert [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)] == [3, 1]


def test_a_dataset_with_a_defect_has_no_inverse_variance(written, scene_with, observed):
    changes = {"observation": observed(defect="doubled_model"), "image": {"num_pix": 16, "pixel_scale": 0.1}}
    folder, _, _ = written(scene_with(**changes), "parquet", count=1)
    kind = parquet.read_schema(folder / "data" / "train-00000.parquet").field("image").type
    assert [field.name for field in kind] == ["band", "flux", "mask", "psf_fwhm", "scale"]


def test_the_file_of_another_shard_is_refused(written, lossy):
    folder, description, _ = written(lossy, "parquet", count=8)
    (folder / "data" / "train-00000.parquet").write_bytes((folder / "data" / "train-00001.parquet").read_bytes())
    with pytest.raises(Unreadable, match=r"train-00000\.parquet.*it is of other systems"):
        parquet_shards.read(folder, description, lossy, description.shards[0])
