"""A table of labels that a config names: matched by name, with what is left over said, refused if it does not fit."""

import numpy as np
import pytest
from astropy import units
from astropy.table import Table

from lenstream.errors import DataError
from lenstream.files.dataset_layouts import identify

from .layouts import SIZE, image, save, save_fits


def folder_of(folder, names):
    for k, name in enumerate(names):
        (save_fits if name.endswith(".fits") else save)(folder / name, image(k))
    return folder


@pytest.fixture
def images(tmp_path):
    return folder_of(tmp_path / "images", ["a.npy", "b.npy", "d/c.npy"])


def labelled(images, text, name="table.csv"):
    (images.parent / name).write_text(text)
    return identify(images, images.parent / name)


def by_name(found, column="t"):
    return dict(zip(found.names, found.labels[column].tolist(), strict=True))


@pytest.mark.parametrize("rows", ["a b c", "a.npy b.npy d/c.npy", "x/a.fits images/b.npy d/c"])
@pytest.mark.parametrize("column", ["name", "file", "ID", "object_id"])
def test_by_name_with_or_without_suffix_or_folder(images, rows, column):
    text = f"{column},t\n" + "".join(f"{name},{k}\n" for k, name in enumerate(rows.split()))
    assert by_name(labelled(images, text)) == {"a.npy": 0, "b.npy": 1, "d/c.npy": 2}


@pytest.mark.parametrize("form", ["ecsv", "fits", "parquet", "vot"])
def test_formats_and_units(images, form):
    table = Table({"name": ["b", "a", "c"], "theta_E": np.array([2000.0, 1000.0, 1500.0]) * units.mas})
    path = images.parent / f"t.{form}"
    if form == "parquet":
        from pyarrow import parquet
        from pyarrow import table as arrow

        parquet.write_table(arrow({"name": ["b", "a", "c"], "theta_E_mas": [2000.0, 1000.0, 1500.0]}), path)
    else:
        table.write(path, format={"ecsv": "ascii.ecsv", "vot": "votable"}.get(form, form))
    found = by_name(identify(images, path), "theta_E")
    assert found == pytest.approx({"a.npy": 1.0, "b.npy": 2.0, "d/c.npy": 1.5})


def test_what_is_left_over_is_said_in_one_sentence(images):
    found = labelled(images, "name,t,k,kind\na,1,7,x\nzz,3,8,y\nb,2,9,y\n")
    assert found.labels["t"].tolist()[:2] == [1, 2] and np.isnan(found.labels["t"][2])
    assert np.isnan(found.labels["k"][2]) and found.words["kind"].tolist() == ["x", "y", ""]
    said = "labels by table.csv, by its column name; 1 of 3 images have no row; 1 of 3 rows have no image"
    assert said in found.notes


def test_by_the_number_at_the_end_if_no_name_is_there(tmp_path):
    images = folder_of(tmp_path / "images", ["lens_001.npy", "lens_012.npy"])
    assert by_name(labelled(images, "id,t\n12,5\n1,6\n3,7\n")) == {"lens_001.npy": 6, "lens_012.npy": 5}
    one = labelled(images, "id,t\nlens_001,5\n12,6\n")  # names and numbers are not mixed
    assert one.labels["t"][0] == 5 and np.isnan(one.labels["t"][1])


def test_the_column_with_most_matches_counts(images):
    assert by_name(labelled(images, "name,file,t\nx,a.npy,1\ny,b.npy,2\na,c.npy,3\n")) == {
        "a.npy": 1,
        "b.npy": 2,
        "d/c.npy": 3,
    }


def test_rows_of_equal_values_may_be_there_twice(images):
    text = "name,t\na,1\nb,2\nc,\na.npy,1\nc,\n"
    found = labelled(images, text).labels["t"]
    assert found[:2].tolist() == [1, 2] and np.isnan(found[2])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,t\na,1\nb,2\na,3\n", r"table\.csv: rows 1 and 3 are both of a, with other values; expected one row"),
        ("name,t\nx,1\ny,2\n", r"has no row for any of 3 images, e\.g\. a\.npy, b\.npy, d/c\.npy; its column name beg"),
        ("t\n1\n2\n", r"has 2 rows and no column of names \(name, file, filename, \.\.\.\), but there are 3 images"),
    ],
)
def test_a_table_that_does_not_fit(images, text, said):
    with pytest.raises(DataError, match=said):
        labelled(images, text)


def test_images_that_share_a_row_are_refused(tmp_path):
    images = folder_of(tmp_path / "images", ["d/a.npy", "e/a.npy"])
    with pytest.raises(DataError, match="has no row for any of 2 images"):
        labelled(images, "name,t\na,1\n")
    assert by_name(labelled(images, "name,t\nd/a,1\ne/a.npy,2\n")) == {"d/a.npy": 1, "e/a.npy": 2}


def test_by_order_in_an_array(tmp_path):
    save(tmp_path / "stack.npy", image(0, 20, SIZE, SIZE))
    (tmp_path / "t.csv").write_text("t\n" + "".join(f"{k}\n" for k in range(20)))
    assert identify(tmp_path / "stack.npy", tmp_path / "t.csv").labels["t"].tolist() == list(range(20))


def test_it_takes_the_place_of_the_table_beside_the_images(images):
    (images / "labels.csv").write_text("name,t\na,9\n")  # which alone is refused
    assert by_name(labelled(images, "name,t\na,0\nb,1\nc,2\n")) == {"a.npy": 0, "b.npy": 1, "d/c.npy": 2}
    found = identify(images, images / "labels.csv")
    assert found.labels["t"][0] == 9 and "1 of 3" not in found.notes


def test_a_table_in_fits_among_images_in_fits_is_no_image(tmp_path):
    images = folder_of(tmp_path / "images", ["a.fits", "b.fits"])
    Table({"name": ["b", "a"], "t": [2.0, 1.0]}).write(images / "mine.fits")
    assert by_name(identify(images, images / "mine.fits")) == {"a.fits": 1.0, "b.fits": 2.0}


def test_a_column_class_takes_the_place_of_folders(tmp_path):
    images = folder_of(tmp_path / "images", ["x/a.npy", "y/b.npy"])
    found = labelled(images, "name,class\na,disc\nb,ring\n")
    assert found.classes == ("disc", "ring") and found.labels["class"].tolist() == [0, 1]


def test_a_column_of_objects_is_none_of_names(tmp_path):
    """Numbers of objects look like those at the end of names."""
    images = folder_of(tmp_path / "images", [f"lens_{k:03}.npy" for k in range(6)])
    rows = "".join(f"{k // 2},lens_{k:03},{k}\n" for k in range(6))
    found = labelled(images, f"object,name,t\n{rows}")
    assert by_name(found) == {f"lens_{k:03}.npy": k for k in range(6)}
    assert found.words["object"].tolist() == ["0", "0", "1", "1", "2", "2"]
