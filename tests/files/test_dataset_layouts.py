"""Which files beside images are about them: the table of the same name, and never the images themselves."""

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from lenstream.files.dataset_layouts import identify

from .layouts import SIZE, image, save


def test_a_single_file_has_the_labels_of_its_own_name(tmp_path):
    save(tmp_path / "a.npy", image(0, 100, SIZE, SIZE))
    rows = "".join(f"{k / 10}\n" for k in range(100))
    (tmp_path / "b.csv").write_text(f"theta_E\n{rows}")  # as long, but of b.npy
    assert identify(tmp_path / "a.npy").labels == {}
    (tmp_path / "a.csv").write_text(f"gamma\n{rows}")
    found = identify(tmp_path / "a.npy")
    assert list(found.labels) == ["gamma"]
    np.testing.assert_array_equal(found.labels["gamma"], np.arange(100) / 10)


def test_columns_beside_images_are_read_once(tmp_path):
    fluxes = pa.array(image(0, 3, SIZE, SIZE).tolist(), pa.list_(pa.list_(pa.float32())))
    columns = {"image": fluxes, "object_id": list("abc"), "theta_E": [1.0, 1.5, 2.0]}
    parquet.write_table(pa.table(columns), tmp_path / "train.parquet")
    found = identify(tmp_path)
    assert found.labels["theta_E"].tolist() == [1.0, 1.5, 2.0]
    assert [note for note in found.notes if "labels by" in note] == []
